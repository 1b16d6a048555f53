"""The versions of a file: what they are, which one plays, and names for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cssv.container import Appender, Archive, Revision, VersionRow, check_tag
from cssv.container.index import Index
from cssv.files.paths import Path_


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a file.

    Attributes:
        number: its id; never used again, not even in a compacted copy.
        parent: number of the version it was made from; 0 for none.
        root: number of the version whose pictures its own were drawn from; itself if from the clip.
        created_s: seconds since 1970-01-01 UTC; 0 for unknown.
        author, message: as in git.
        frames: frames of the clip.
        frames_changed: frames whose pixels differ from the parent's; all where there is no parent.
        bytes_added: what the file has grown by; 0 for unknown.
        tags: its names.
        is_playing: players show it.
    """

    number: int
    parent: int
    root: int
    created_s: int
    author: str
    message: str
    frames: int
    frames_changed: int
    bytes_added: int
    tags: tuple[str, ...]
    is_playing: bool

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self) | {"tags": list(self.tags)}


@dataclass(frozen=True, slots=True)
class History:
    """What :func:`log` found.

    Attributes:
        path: the file.
        versions: all of them, oldest first.
        torn_bytes: bytes behind them: an append that broke off, or that somebody is just writing.
    """

    path: Path
    versions: tuple[Version, ...]
    torn_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return the versions, newest first, as plain JSON types."""
        return {
            "path": str(self.path),
            "playing": self.playing.number,
            "versions": [version.to_json() for version in reversed(self.versions)],
            "torn_bytes": self.torn_bytes,
        }

    @property
    def playing(self) -> Version:
        """The version that players show."""
        return next(version for version in self.versions if version.is_playing)


def version_of(row: VersionRow, index: Index) -> Version:
    """A row of the index as people ask for it."""
    return Version(
        number=row.number,
        parent=row.parent,
        root=row.root,
        created_s=row.about.created_s,
        author=row.about.author,
        message=row.about.message,
        frames=row.frames,
        frames_changed=row.frames_changed,
        bytes_added=row.bytes_added,
        tags=tuple(name for name, number in index.tags if number == row.number),
        is_playing=row.number == index.playing,
    )


def versions_of(index: Index) -> tuple[Version, ...]:
    """All versions, oldest first."""
    return tuple(version_of(row, index) for row in index.versions)


def log(path: Path_) -> History:
    """List the versions of a ``.cssv``, damaged ones too.

    Raises:
        ContainerError: the file is no ``.cssv``, or its index is damaged.
    """
    with Archive(path) as archive:
        return History(Path(path), versions_of(archive.index), archive.torn_bytes)


def checkout(path: Path_, version: Revision) -> Version:
    """Make a version the one that plays. Nothing is lost: the others stay, and can be had back so.

    Args:
        path: a ``.cssv``.
        version: number or tag.

    Raises:
        ContainerError: no such version.
        LockedError: somebody else is writing to the file.
        OutputError: the file cannot be written; it is as it was.
    """
    # What plays now may be damaged; what is to play may not.
    with Appender(path, parent=version) as appender:
        number = appender.reader.version.number
        appender.checkout(number)
    return _read(path, number)


def tag(path: Path_, name: str, version: Revision = None, *, delete: bool = False) -> Version:
    """Give a version a name, or move the name to it; returns the version.

    Args:
        path: a ``.cssv``.
        name: not all digits, without white space and control characters.
        version: number or another tag; None for the version that plays.
        delete: take the name away instead; returns the version that had it.

    Raises:
        ContainerError: no such version or tag, or a name that cannot be one.
        LockedError, OutputError: as :func:`checkout`.
    """
    check_tag(name)
    with Appender(path, parent=name if delete else version) as appender:
        number = appender.reader.version.number
        appender.tag(name, None if delete else number)
    return _read(path, number)


def _read(path: Path_, number: int) -> Version:
    with Archive(path) as archive:
        return version_of(archive.index.find(number), archive.index)
