"""The interface of all stores."""

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

    Nothing stays open between calls: each call opens the store again, as a command does.

    Args:
        folder: existing folder that only this store uses.
    """

    #: Name in the table.
    name: ClassVar[str]
    #: Whether all versions are in one file.
    is_one_file: ClassVar[bool]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def begin(self, first: Finished) -> None:
        """Keep the first version."""

    @abstractmethod
    def commit(self, new: Finished) -> None:
        """Keep another version; it is durable when this returns."""

    @abstractmethod
    def numbers(self) -> list[int]:
        """Numbers of the kept versions, ascending."""

    @abstractmethod
    def open(self, number: int) -> View:
        """Open a version."""

    @abstractmethod
    def playable(self) -> Path:
        """File to open in a player for the newest version."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, flush it to the disk, and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def size_of(folder: Path) -> int:
    """Size of all files in a folder, bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
