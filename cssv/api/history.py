"""The versions of a file: list them, choose the one that plays, tag them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cssv.container.archive import Archive
from cssv.container.index import Index, Revision, VersionRow
from cssv.container.texts import check_tag
from cssv.files.paths import Path_
from cssv.pipeline.calls import checked_call

if TYPE_CHECKING:
    from cssv.container.appender import Appender


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a file.

    Attributes:
        number: its id; never used again, not even in a compacted copy.
        parent: number of the version it was made from; 0 for none.
        root: number of the version from whose pictures its own were made; its own if from the clip.
        created_s: seconds since 1970-01-01 UTC; 0 for unknown.
        author, message: as given at encoding or commit; may be empty.
        frames: frames of the clip.
        frames_changed: number of frames whose pixels differ from the parent's; all without a parent.
        bytes_added: growth of the file; 0 for unknown.
        tags: its names.
        is_playing: whether players show it.
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
        """Return the values as plain JSON types."""
        return asdict(self) | {"tags": list(self.tags)}


@dataclass(frozen=True, slots=True)
class History:
    """Result of :func:`log`: the versions of a file.

    Attributes:
        path: the file.
        versions: all of them, oldest first.
        torn_bytes: bytes of an unfinished append after the last version; a process may be writing them now.
        notes: what is not known because of damage, such as the tags; versions have none then.
    """

    path: Path
    versions: tuple[Version, ...]
    torn_bytes: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the versions, newest first, as plain JSON types."""
        return {
            "path": str(self.path),
            "playing": self.playing.number,
            "versions": [version.to_json() for version in reversed(self.versions)],
            "torn_bytes": self.torn_bytes,
            "notes": list(self.notes),
        }

    @property
    def playing(self) -> Version:
        """The version that players show."""
        return next(version for version in self.versions if version.is_playing)


def version_of(row: VersionRow, index: Index) -> Version:
    """The public form of a row of the index."""
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


@checked_call
def log(path: Path_) -> History:
    """List the versions of a ``.cssv``, damaged ones too.

    Raises:
        ContainerError: the file is not a ``.cssv``, or its index is damaged.
    """
    with Archive(path) as archive:
        return History(Path(path), versions_of(archive.index), archive.torn_bytes, archive.index.notes)


@checked_call
def checkout(path: Path_, version: Revision) -> Version:
    """Choose the version that players show. The others stay in the file and can be chosen again.

    Args:
        path: a ``.cssv``.
        version: number or tag.

    Raises:
        ContainerError: no such version.
        LockedError: another process is writing to the file.
        OutputError: the file cannot be written; it is unchanged.
    """
    # The new version is read as the parent, so that a damaged one is not chosen; the old one may be damaged.
    with _appender(path, version) as appender:
        number = appender.reader.version.number
        appender.checkout(number)
    return _read(path, number)


@checked_call
def tag(path: Path_, name: str, version: Revision = None, *, delete: bool = False) -> Version:
    """Give a version a tag, or move the tag to it; returns the version.

    Args:
        path: a ``.cssv``.
        name: the tag: not only digits, without white space and control characters.
        version: number or another tag; None for the version that plays.
        delete: delete the tag instead; returns the version that had it.

    Raises:
        ContainerError: no such version or tag.
        OptionError: a name that cannot be a tag.
        LockedError, OutputError: as :func:`checkout`.
    """
    check_tag(name)
    # A tag is deleted wherever it is, so the version is the one that has it.
    with _appender(path, name if delete else version) as appender:
        number = appender.reader.version.number
        appender.tag(name, None if delete else number)
    return _read(path, number)


def _appender(path: Path_, parent: Revision) -> Appender:
    # Loaded where a file is written: only that needs the lock of writers.
    from cssv.container.appender import Appender

    return Appender(path, parent=parent)


def _read(path: Path_, number: int) -> Version:
    with Archive(path) as archive:
        return version_of(archive.index.find(number), archive.index)
