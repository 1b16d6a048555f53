"""A file as it would read if a few of its bytes were others."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from cssv.errors import OptionError


@dataclass(frozen=True, slots=True)
class PatchedFile:
    """A file on the disk, with patches over it; nothing is written.

    As a path it is the file itself. Whoever reads it opens it by :meth:`open`, and sees the patches.

    Attributes:
        path: the file.
        patches: (offset, bytes that stand there instead), in the order in which they are laid over
            the file; what lies beyond the file's end does not show.
    """

    path: Path
    patches: tuple[tuple[int, bytes], ...]

    def __post_init__(self) -> None:
        for offset, data in self.patches:
            if offset < 0 or not data:
                raise OptionError("a patch needs a place and bytes", found=f"{len(data)} bytes at {offset}")

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def open(self, mode: Literal["rb"] = "rb") -> BinaryIO:
        """Open for reading; seekable. Raises OSError as :meth:`pathlib.Path.open` does."""
        return io.BufferedReader(_Patched(self.path, mode, self.patches))

    def over(self, *patches: tuple[int, bytes]) -> PatchedFile:
        """Return this with more patches on top."""
        return PatchedFile(self.path, self.patches + patches)


#: What readers read: a file as it is, or as it would be.
Source = Path | PatchedFile


def as_source(path: str | os.PathLike[str]) -> Source:
    """Return an Overlay as it is, anything else as a Path."""
    return path if isinstance(path, PatchedFile) else Path(path)


class _Patched(io.FileIO):
    def __init__(self, path: Path, mode: str, patches: tuple[tuple[int, bytes], ...]) -> None:
        super().__init__(path, mode)
        self._patches = patches

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - any buffer
        start = self.tell()
        view = memoryview(buffer).cast("B")
        count = super().readinto(view) or 0
        for offset, data in self._patches:
            low, high = max(start, offset), min(start + count, offset + len(data))
            if low < high:
                view[low - start : high - start] = data[low - offset : high - offset]
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return self.readall()
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(1 << 20), b""))
