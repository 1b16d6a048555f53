"""Writes a copy of a file with some of its versions and only the samples they show (SPEC.md, section 8)."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from cssv.container.archive import Archive, audio_row
from cssv.container.chunks import samples_to_table, short_runs, table_to_samples
from cssv.container.extents import VisitedExtents, audio_key
from cssv.container.index import FrameTable, Index, VersionRow, index_size, write_frame_table, write_index
from cssv.container.limits import MOOV_LIMIT, check_limit
from cssv.container.moov import MediaTrack, Movie, write_moov
from cssv.container.mp4_boxes import U64, read_exactly, write_box
from cssv.container.tables import I64s, SampleTable, U32s
from cssv.errors import ChecksumError, ContainerError, OptionError, OutputError

_MDAT_HEADER = 16

F64s = NDArray[np.float64]


def compact(
    path: str | os.PathLike[str],
    output_file: BinaryIO,
    numbers: Sequence[int],
    playing: int | None = None,
) -> None:
    """Write a file with these versions only; samples that several of them share are written once.

    Numbers, messages, times, facts and tags stay. The parent of a version becomes its nearest ancestor that
    is kept. Its root stays if it is kept; otherwise the version becomes its own root, because the pictures
    that it was drawn from are gone.

    Args:
        path: the file.
        output_file: where to write, at its beginning; it need not be seekable.
        numbers: numbers of the versions to keep.
        playing: number of the version that will play; None for the one that plays now, or, if that is not
            kept, the last one kept.

    Raises:
        ContainerError: no such version, or a damaged file: nothing damaged is copied.
        OptionError: no version is kept, or the playing one is not.
        OutputError: the system refuses to write.
    """
    with Archive(path) as archive:
        _Compaction(archive, numbers, playing).write(output_file)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The samples in the order of the new file.

    Attributes:
        offsets: (n,) int64, place in the old file.
        sizes: (n,) int64, bytes.
        crcs: (n,) int64, CRC-32; -1 for audio, which is checked by track.
        places: (n,) int64, place in the new file.
    """

    offsets: I64s
    sizes: I64s
    crcs: I64s
    places: I64s

    def moved(self, offsets: I64s) -> I64s:
        """Places in the new file of samples at these offsets of the old one."""
        order = np.argsort(self.offsets, kind="stable")
        found: I64s = self.places[order[np.searchsorted(self.offsets[order], offsets)]]
        return found


class _Compaction:
    """One compacted copy, from the plan to the last byte."""

    def __init__(self, archive: Archive, numbers: Sequence[int], playing: int | None) -> None:
        if not numbers:
            raise OptionError("no version is kept", bound="at least one")
        self._archive, index = archive, archive.index
        if zlib.crc32(archive.ftyp) != index.ftyp_crc:
            raise ChecksumError("the file type box was changed")
        self._kept = [index.find(number) for number in sorted(set(numbers))]
        self._numbers = {version.number for version in self._kept}
        if playing is None:
            playing = index.playing if index.playing in self._numbers else self._kept[-1].number
        if playing not in self._numbers:
            raise OptionError("the playing version is not kept", found=playing)
        self._playing = playing
        self._parents = {version.number: version.parent for version in index.versions}
        self._tags = tuple(tag for tag in index.tags if tag[1] in self._numbers)
        #: For each kept version, bytes of the samples that no kept version before it shows.
        self._fresh_bytes: list[int] = []

    def write(self, file: BinaryIO) -> None:
        """Write the file, front to back."""
        plan = self._planned()
        size = int(plan.sizes.sum())
        head = self._archive.ftyp + b"\0\0\0\1mdat" + U64.pack(_MDAT_HEADER + size)
        try:
            for data in chain((head,), self._copied(plan), self._tables(plan, len(head) + size)):
                file.write(data)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError("cannot write the file", found=error.strerror or str(error)) from error

    def _planned(self) -> _Plan:
        """Decide the order of samples: version by version, interleaved by the start of their chunks."""
        visited, audio_keys = VisitedExtents(), set[bytes]()
        parts: list[tuple[I64s, I64s, I64s]] = []
        for version in self._kept:
            table, movie = self._opened(version)
            rows = [
                _fresh(visited, audio_keys, place, track, table, self._archive)
                for place, track in enumerate(movie.tracks)
            ]
            begins = np.concatenate([row[0] for row in rows])
            tracks, offsets, sizes, crcs = (
                np.concatenate([row[column] for row in rows]) for column in range(1, 5)
            )
            # Stable: within a chunk samples stay in the order of decoding.
            order = np.lexsort((tracks, begins))
            parts.append((offsets[order], sizes[order], crcs[order]))
            self._fresh_bytes.append(int(sizes.sum()))
        offsets, sizes, crcs = (np.concatenate([part[column] for part in parts]) for column in range(3))
        start = len(self._archive.ftyp) + _MDAT_HEADER
        return _Plan(offsets, sizes, crcs, start + np.cumsum(sizes) - sizes)

    def _opened(self, version: VersionRow) -> tuple[FrameTable, Movie]:
        table = self._archive.table(version)
        return table, self._archive.movie(version, table)

    def _copied(self, plan: _Plan) -> Iterator[bytes]:
        """Yield the bytes of the samples; ChecksumError for damaged ones."""
        rows = zip(plan.offsets.tolist(), plan.sizes.tolist(), plan.crcs.tolist(), strict=True)
        for offset, size, crc in rows:
            data = read_exactly(self._archive.file, offset, size)
            if crc >= 0 and zlib.crc32(data) != crc:
                raise ChecksumError(
                    f"the sample at byte {offset} is damaged",
                    remedy="Run `cssv.verify()` to find all damage.",
                )
            yield data

    def _tables(self, plan: _Plan, end: int) -> Iterator[bytes]:
        """Yield the ``moov`` and the frame table of each version; the last table lies in the index."""
        rows: list[VersionRow] = []
        live = 0
        # The first version also counts the bytes before the samples, so that all sum to the file's size.
        added = end - sum(self._fresh_bytes)
        for version, fresh_bytes in zip(self._kept, self._fresh_bytes, strict=True):
            table, movie = self._opened(version)
            tracks = tuple(_moved_track(track, plan) for track in movie.tracks)
            moov = write_moov(replace(movie, tracks=tracks))
            check_limit("moov is too long", len(moov), MOOV_LIMIT)
            is_playing, is_last = version.number == self._playing, version is self._kept[-1]
            live = end if is_playing else live
            box = b"" if is_last else write_box(b"free", write_frame_table(table))
            row = replace(
                self._row(version, table),
                moov_offset=end,
                moov_size=len(moov),
                moov_crc=zlib.crc32(moov[8:]),
                table_offset=end + len(moov) + 8,
                bytes_added=added + fresh_bytes + len(moov) + len(box),
            )
            rows.append(row)
            added = 0
            yield moov if is_playing else moov[:4] + b"free" + moov[8:]
            yield box
            end += len(moov) + len(box)
        old = self._archive.index
        index = Index(tuple(rows), old.ftyp_crc, self._playing, old.next_number, live, self._tags)
        whole = rows[-1].bytes_added + index_size(index, has_table=True)
        rows[-1] = replace(rows[-1], bytes_added=whole)
        yield write_index(replace(index, versions=tuple(rows)), table, end)

    def _row(self, version: VersionRow, table: FrameTable) -> VersionRow:
        """The row of a version with its parent, root and changes among the versions kept."""
        number = version.parent
        while number and number not in self._numbers:
            number = self._parents.get(number, 0)
        # Versions between a root and this one have the same root, so the new parent has it too.
        root = version.root if version.root in self._numbers else version.number
        if not number:
            return replace(version, parent=0, root=root, frames_changed=version.frames)
        changed = version.frames_changed
        if number != version.parent:
            theirs = self._archive.table(self._archive.index.find(number)).stegos
            same = len(theirs) == len(table.stegos)
            changed = int(np.count_nonzero(theirs != table.stegos)) if same else version.frames
        return replace(version, parent=number, root=root, frames_changed=changed)


def _fresh(
    visited: VisitedExtents,
    audio_keys: set[bytes],
    place: int,
    track: MediaTrack,
    frames: FrameTable,
    archive: Archive,
) -> tuple[F64s, I64s, I64s, I64s, I64s]:
    """The samples of a track that are not visited yet, as five columns in the order of decoding.

    The columns: start of its chunk in seconds, place of the track in the movie, offset, bytes, and CRC-32,
    which is -1 for audio.
    """
    table = track.table
    if track.kind == "audio":
        samples, crcs = _fresh_audio(visited, audio_keys, track, frames, archive)
    else:
        crcs = frames.samples if track.kind == "video" else frames.scenes
        samples = _in_turn(table, visited.claim(table.offsets, table.sizes, crcs))
    sizes = table.sizes[samples].astype(np.int64)
    known = np.full(len(samples), -1) if track.kind == "audio" else crcs[samples].astype(np.int64)
    places = np.full(len(samples), place)
    return _begins(track, samples, sizes), places, table.offsets[samples], sizes, known


def _in_turn(table: SampleTable, samples: NDArray[np.intp]) -> I64s:
    """Samples of a table, put in the order of decoding."""
    return samples[np.argsort(table.places()[samples], kind="stable")].astype(np.int64)


def _begins(track: MediaTrack, samples: I64s, sizes: I64s) -> F64s:
    """Start in seconds of the chunk that each of these samples will be in."""
    # Chunks hold what is decoded within their duration.
    times = track.pts()[track.table.places()[samples]]
    starts = short_runs(times, sizes, track.timescale, np.zeros(0, np.int64))
    lengths = np.diff(starts, append=len(times))
    return np.repeat(times[starts] / track.timescale, lengths)


def _fresh_audio(
    visited: VisitedExtents, audio_keys: set[bytes], track: MediaTrack, frames: FrameTable, archive: Archive
) -> tuple[I64s, U32s]:
    """All samples of an audio track, checked, or none if they were visited before."""
    table = track.table
    key, crcs = audio_key(table, audio_row(frames, track)[1]), np.zeros(len(table), np.uint32)
    if key in audio_keys:
        return np.zeros(0, np.int64), crcs
    samples = np.sort(visited.claim(table.offsets, table.sizes, crcs).astype(np.int64))
    if len(samples) != len(table):
        raise ContainerError(f"audio track {track.number} shares some of its bytes, but not all")
    archive.check_audio(track, frames)
    audio_keys.add(key)
    return samples, crcs


def _moved_track(track: MediaTrack, plan: _Plan) -> MediaTrack:
    """The track with its samples at their new places."""
    samples = table_to_samples(track.table, np.zeros(len(track.table), np.uint32))
    samples.offsets = plan.moved(samples.offsets)
    return replace(track, table=samples_to_table(samples, track.table, track.timescale))
