"""Check of a whole file: every byte that any version shows, against its checksum (SPEC.md, section 9)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cssv.container.archive import Archive, audio_row
from cssv.container.extents import VisitedExtents, audio_key
from cssv.container.index import FrameTable, VersionRow
from cssv.container.moov import MediaTrack, Movie
from cssv.container.mp4_boxes import read_exactly
from cssv.container.runs import runs_of
from cssv.container.tables import I64s
from cssv.errors import ContainerError

#: Bound on the samples of all versions together, per byte of the file. It bounds the time that a hostile
#: file can take, and is far above what a writer produces.
_SAMPLES_PER_BYTE = 16


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a file.

    Attributes:
        kind: ``"sample"``, ``"scene"``, ``"audio"`` (bytes of a sample), ``"ftyp"``, ``"tail"`` (a torn
            append), ``"index"`` (an older one, whose versions the current one has too, or a later one with
            other tags) or ``"history"`` (tables of a version).
        text: description for users.
        frame: number of the frame, from 0; None if it concerns no single frame.
        version: number of the version; None if it concerns no single version. If several share the bytes,
            the version shown, or else the newest.
    """

    kind: str
    text: str
    frame: int | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class _Damage:
    """A damaged sample; for audio, a damaged track, which has one checksum."""

    kind: str
    offset: int
    frame: int | None
    version: int
    track: int


def find_problems(archive: Archive, shown: VersionRow) -> Iterator[Problem]:
    """Yield each fault of a file, for the version ``shown`` first; shared bytes are read once."""
    if zlib.crc32(archive.ftyp) != archive.index.ftyp_crc:
        yield Problem("ftyp", "the file type box was changed")
    if archive.torn_bytes:
        yield Problem("tail", f"the last {archive.torn_bytes} bytes are a torn append")
    yield from _index_problems(archive)
    check = _Check(archive, shown)
    yield from check.problems()


def _index_problems(archive: Archive) -> Iterator[Problem]:
    """Yield each damaged index.

    Of an older one only the frame table inside is still in use. One behind the chosen index has other tags.
    """
    if archive.index.damaged_at is not None:
        yield Problem("index", f"index at byte {archive.index.damaged_at} is damaged; tags may be older")
    for box in archive.indexes():
        data = read_exactly(archive.file, box.offset, box.size)
        if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
            yield Problem("index", f"an older index, at byte {box.offset}, is damaged")


class _Check:
    """A check of all versions: the one shown first, then the others from the newest back."""

    def __init__(self, archive: Archive, shown: VersionRow) -> None:
        self._archive = archive
        others = (version for version in reversed(archive.index.versions) if version != shown)
        self._versions = (shown, *others)
        self._visited = VisitedExtents()
        self._audio_keys: set[bytes] = set()
        self._left = _SAMPLES_PER_BYTE * archive.size

    def problems(self) -> Iterator[Problem]:
        """Yield damaged samples, then versions with unusable tables."""
        damages: list[_Damage] = []
        history: list[Problem] = []
        for version in self._versions:
            try:
                table, movie = self._open(version)
                damages += self._damages(version, table, movie)
            except ContainerError as error:
                text = f"version {version.number}: {error}"
                history.append(Problem("history", text, version=version.number))
        yield from self._described(damages)
        yield from history

    def _open(self, version: VersionRow) -> tuple[FrameTable, Movie]:
        """Read the tables of a version, within the bound on samples."""
        # The playing version may have two copies of its moov; movie() checks only the one that plays.
        self._archive.moov(version)
        table = self._archive.table(version)
        movie = self._archive.movie(version, table, self._left)
        self._left -= sum(len(track.table) for track in movie.tracks)
        return table, movie

    def _damages(self, version: VersionRow, table: FrameTable, movie: Movie) -> list[_Damage]:
        """Damaged samples of a version, without those that an earlier one has too."""
        found: list[_Damage] = []
        for track in movie.tracks:
            if track.kind == "audio":
                found += self._audio_damages(version, track, audio_row(table, track)[1])
                continue
            kind = "sample" if track.kind == "video" else "scene"
            crcs = table.samples if track.kind == "video" else table.scenes
            offsets, sizes = track.table.offsets, track.table.sizes
            for frame in self._visited.claim(offsets, sizes, crcs):
                place = int(offsets[frame])
                if zlib.crc32(read_exactly(self._archive.file, place, int(sizes[frame]))) != crcs[frame]:
                    found.append(_Damage(kind, place, int(frame), version.number, track.number))
        return found

    def _audio_damages(self, version: VersionRow, track: MediaTrack, expected: int) -> list[_Damage]:
        table = track.table
        key = audio_key(table, expected)
        if key in self._audio_keys:
            return []
        fresh = self._visited.claim(table.offsets, table.sizes, np.zeros(len(table), np.uint32))
        if len(fresh) != len(table):
            raise ContainerError(f"audio track {track.number} shares some of its bytes, but not all")
        self._audio_keys.add(key)
        if not len(table) or self._archive.audio_crc(track) == expected:
            return []
        return [_Damage("audio", int(table.offsets[0]), None, version.number, track.number)]

    def _described(self, damages: Sequence[_Damage]) -> Iterator[Problem]:
        """Yield the damages with the versions that they concern.

        The tables of all versions are read a second time, but only if there is damage: keeping them would
        cost memory for every sample of every version.
        """
        users: dict[int, list[int]] = {damage.offset: [] for damage in damages}
        places = np.array(sorted(users), np.int64)
        for version in sorted(self._versions, key=lambda version: version.number) if users else ():
            try:
                movie = self._archive.movie(version, self._archive.table(version))
            except ContainerError:
                continue
            for track in movie.tracks:
                for place in _found(places, track.table.offsets):
                    users[place].append(version.number)
        for damage in damages:
            what = {
                "sample": f"video sample of frame {damage.frame}",
                "scene": f"scene sample of frame {damage.frame}",
            }.get(damage.kind, f"audio track {damage.track}")
            names = _named(users[damage.offset])
            yield Problem(damage.kind, f"{what} is damaged ({names})", damage.frame, damage.version)


def _found(places: I64s, offsets: I64s) -> list[int]:
    """The ``places``, ascending, that are among the offsets."""
    return [int(place) for place in places[np.isin(places, offsets)]]


def _named(numbers: Sequence[int]) -> str:
    """``version 4``, ``versions 1 to 3 and 5``."""
    parts = [str(low) if low == high else f"{low} to {high}" for low, high in runs_of(numbers)]
    names = " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else "".join(parts)
    return f"version{'s' if len(numbers) > 1 else ''} {names}"
