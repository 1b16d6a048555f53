"""Base classes of context managers that hold something until they are closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """A context manager that calls :meth:`close` when its block ends, also after an exception."""

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Release what is held; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Finishing(Closing):
    """A context manager that calls :meth:`close` when its block succeeds and :meth:`abort` when it fails."""

    __slots__ = ()

    @abstractmethod
    def abort(self) -> None:
        """Stop and leave no result behind; may be called twice."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A result that looks complete but is not would be worse than none.
        if kind is None:
            self.close()
        else:
            self.abort()
