"""A file read as if some of its bytes were others."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from cssv.errors import OptionError

#: Bytes that are read at once at most: reading allocates them first, even where a false length asks for more
#: than the file holds.
_LARGEST_READ = 1 << 24


@dataclass(frozen=True, slots=True)
class PatchedFile:
    """A file on the disk with patches over its bytes; nothing is written.

    As a path it is the file itself. Only a reader that opens it by :meth:`open` sees the patches.

    Attributes:
        path: the file.
        patches: (offset, bytes that replace those of the file there). A later patch covers an earlier one;
            the part of a patch beyond the end of the file has no effect.
    """

    path: Path
    patches: tuple[tuple[int, bytes], ...]

    def __post_init__(self) -> None:
        for offset, data in self.patches:
            if offset < 0 or not data:
                raise OptionError(
                    "a patch has an impossible place or is empty", found=f"{len(data)} bytes at {offset}"
                )

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def open(self, mode: Literal["rb"] = "rb") -> BinaryIO:
        """Open for reading; seekable. Raises OSError as :meth:`pathlib.Path.open` does."""
        return io.BufferedReader(_PatchedIO(self.path, mode, self.patches))

    def with_patches(self, *patches: tuple[int, bytes]) -> PatchedFile:
        """Return the same file with more patches, which cover the present ones."""
        return PatchedFile(self.path, self.patches + patches)


#: A file that can be opened for reading: as it lies on the disk, or patched.
InputFile = Path | PatchedFile


def as_input_file(path: str | os.PathLike[str]) -> InputFile:
    """Return a PatchedFile unchanged, and anything else as a Path."""
    return path if isinstance(path, PatchedFile) else Path(path)


def read_at(file: BinaryIO, offset: int, count: int) -> bytes:
    """Read up to ``count`` bytes at ``offset``; fewer at the end of the file. Raises OSError, ValueError.

    The position of the file is not used where the system allows it. After a fork, parent and child share that
    position, so that each would read where the other one is.
    """
    if not hasattr(os, "pread"):
        file.seek(offset)
        return file.read(count)
    parts: list[bytes] = []
    while count > 0 and (part := os.pread(file.fileno(), min(count, _LARGEST_READ), offset)):
        raw = getattr(file, "raw", file)
        parts.append(raw.patched(part, offset) if isinstance(raw, _PatchedIO) else part)
        offset, count = offset + len(part), count - len(part)
    return b"".join(parts)


class _PatchedIO(io.FileIO):
    """An unbuffered file whose reads return patched bytes."""

    def __init__(self, path: Path, mode: str, patches: tuple[tuple[int, bytes], ...]) -> None:
        super().__init__(path, mode)
        self._patches = patches

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - any buffer
        start = self.tell()
        view = memoryview(buffer).cast("B")
        count = super().readinto(view) or 0
        self._patch(view[:count], start)
        return count

    def patched(self, data: bytes, start: int) -> bytes:
        """The bytes of the file from ``start`` on, with the patches over them."""
        view = memoryview(bytearray(data))
        self._patch(view, start)
        return bytes(view)

    def _patch(self, view: memoryview, start: int) -> None:
        for offset, data in self._patches:
            # A read may begin or end within a patch: only the part in common is replaced.
            low, high = max(start, offset), min(start + len(view), offset + len(data))
            if low < high:
                view[low - start : high - start] = data[low - offset : high - offset]

    # FileIO implements these two in C, past readinto, so they must be routed through it.

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return self.readall()
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(1 << 20), b""))
