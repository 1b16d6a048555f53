"""Access to native resources: until they are closed, by one thread at a time, in one process.

Where a Python object raises an error, an object of FFmpeg ends the process: SIGSEGV when it is used after it
was freed, SIGABRT when two threads use it at once. A forked child gets copies of such objects without their
threads, so that each call waits for ever, and so does freeing them.

Every class that holds a native resource has one :class:`Access` and uses the resource only within it.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import wraps
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

from cssv.errors import ClosedError, ClosedInputError

Item = TypeVar("Item")
_P = ParamSpec("_P")

#: Every access whose owner exists, for :func:`_disown_all`.
_LIVE: weakref.WeakSet[Access] = weakref.WeakSet()


class Access:
    """The right to use a native resource, as a context manager around each use.

    Threads use the resource one after another. A use after :meth:`closing` or in a forked child is an error.

    Args:
        owner: the object whose attributes hold the resource.
        what: the owner in words, such as ``"the reader of clip.mp4"``.
        error: class of the error.

    Attributes:
        is_closed: whether the resource was closed.
        is_inherited: whether the resource belongs to the parent of this process.
        loops: number of loops begun so far, see :class:`Loop`.

    Raises:
        ClosedError: on entry, the resource is closed, or another process opened it.
    """

    def __init__(self, owner: object, what: str, error: type[ClosedError] = ClosedInputError) -> None:
        self._owner = weakref.ref(owner)
        self._newest: weakref.ref[object] | None = None
        self._what = what
        self._error = error
        # Reentrant, because a public method may call another one.
        self._lock = threading.RLock()
        self.is_closed = False
        self.is_inherited = False
        self.loops = 0
        _LIVE.add(self)

    def check(self) -> None:
        """Raise ClosedError unless the resource can be used here."""
        if self.is_closed:
            raise self._error(f"{self._what} is already closed", remedy="Open it again.")
        if self.is_inherited:
            raise self._error(
                f"{self._what} was opened by the parent of this process",
                found=f"process {os.getpid()}",
                bound="the process that opened it",
                remedy="Open it in this process.",
            )

    def begin_loop(self, loop: object) -> int:
        """Make a loop the newest one, and return its number."""
        self.loops += 1
        self._newest = weakref.ref(loop)
        return self.loops

    def check_loop(self, number: int) -> None:
        """Raise ClosedError unless the loop of this number is the newest."""
        # Both loops would take frames from one decoder, and number them wrongly.
        if number != self.loops:
            raise self._error(
                f"this loop over {self._what} has ended, because another one has begun",
                bound="one loop at a time",
                remedy="Open the file twice for two loops.",
            )

    def __enter__(self) -> Access:
        self._lock.acquire()
        try:
            self.check()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    @contextmanager
    def renewed(self, reopen: Callable[[], None] | None = None) -> Iterator[None]:
        """Access for owners that can open their resource again: a forked child does so first.

        Args:
            reopen: opens the resource again, without a use of the inherited one; None where nothing has to
                be opened.
        """
        with self._lock:
            if self.is_inherited and not self.is_closed:
                if reopen is not None:
                    reopen()
                self.is_inherited = False
                # A loop of the parent is at a place that this process does not have.
                self.loops += 1
            with self:
                yield

    @contextmanager
    def closing(self) -> Iterator[bool]:
        """Close the access; yields whether the owner must release the resource.

        It must not do so a second time, nor in a child of the process that opened the resource.
        """
        with self._lock:
            must_release = not (self.is_closed or self.is_inherited)
            self.is_closed = True
            yield must_release

    def disown(self) -> None:
        """Leave the resource to the parent: called in a forked child."""
        # Another thread of the parent may have held the lock; that thread does not exist here.
        self._lock = threading.RLock()
        owner = self._owner()
        if self.is_closed or owner is None:
            return
        self.is_inherited = True
        _keep_for_ever((dict(vars(owner)), self._newest and self._newest()))


def _keep_for_ever(values: object) -> None:
    """Add a reference that nothing removes, not even the end of the interpreter."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(values))


def _disown_all() -> None:
    for access in list(_LIVE):
        access.disown()


# Not on Windows, which has no fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all)


class Loop(Iterator[Item], Generic[Item]):
    """An iterator over items that come from a native resource; each item is made within the access.

    Only one loop over a resource runs at a time: the next one ends it.

    Args:
        items: makes the items.
        access: to the resource.

    Raises:
        ClosedError: in ``next``, see :class:`Access`; also if another loop has begun.
    """

    def __init__(self, items: Iterator[Item], access: Access) -> None:
        self._items = items
        self._access = access
        self._number = access.begin_loop(self)

    def __next__(self) -> Item:
        with self._access as access:
            access.check_loop(self._number)
            return next(self._items)


def guarded(function: Callable[_P, Iterator[Item]]) -> Callable[_P, Iterator[Item]]:
    """Give each iterator of a generator function an access of its own.

    For generators that open a native resource themselves and close it at their end.
    """

    @wraps(function)
    def begin(*args: _P.args, **kwargs: _P.kwargs) -> Iterator[Item]:
        return _OwnLoop(function(*args, **kwargs))

    return begin


class _OwnLoop(Iterator[Item], Generic[Item]):
    """An iterator that holds its own native resource."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._access = Access(self, "this loop")

    def __next__(self) -> Item:
        with self._access:
            return next(self._items)

    def close(self) -> None:
        """End the loop before its last item, as ``close`` of a generator does."""
        with self._access.closing() as is_held:
            if is_held and isinstance(self._items, Generator):
                self._items.close()
