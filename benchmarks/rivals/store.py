"""What every store can do."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from cssv.files.closing import Closing
from cssv.frames import U8
from rivals.corpus import Finished


class View(Closing):
    """One version in a store, opened for reading."""

    def frame(self, number: int) -> U8:
        """Planes of a frame, counted from 0."""
        raise NotImplementedError

    def scene(self, number: int) -> bytes:
        """Scene sample of a frame."""
        raise NotImplementedError


class Store(ABC):
    """Versions of one clip in a folder of their own.

    Nothing stays open between calls: each opens the store anew, as a command would.

    Args:
        folder: exists, and belongs to the store.
    """

    #: As the table has it.
    name: ClassVar[str]
    #: Whether all versions are one file that can be sent to somebody.
    is_one_file: ClassVar[bool]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def begin(self, first: Finished) -> None:
        """Keep the first version."""

    @abstractmethod
    def commit(self, new: Finished) -> None:
        """Keep another version; when this returns, it is kept."""

    @abstractmethod
    def numbers(self) -> list[int]:
        """Numbers of the versions kept, ascending."""

    @abstractmethod
    def open(self, number: int) -> View:
        """Open a version."""

    @abstractmethod
    def playable(self) -> Path:
        """The file that somebody would open in a player to see the newest version."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under another name, flush it to the disk, and then give it its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
