"""Reads a ``.cssv`` file at random, trusting nothing it says before it has been checked."""

from __future__ import annotations

import os
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from cssv.closing import Closing
from cssv.container.boxes import Box, file_size, open_file, read_exactly, top_boxes
from cssv.container.index import (
    INDEX_HEADER,
    INDEX_UUID,
    FrameTable,
    Index,
    Version,
    read_frame_table,
    read_index,
)
from cssv.container.limits import INDEX_LIMIT, check_limit
from cssv.container.moov import Movie, Track, read_moov
from cssv.container.tables import U32s
from cssv.errors import ChecksumError, ContainerError, CssvError, LimitError

_BRAND = b"cssv"
_FTYP_LIMIT = 4096

#: A later version renames the moov of the one before.
_MOOV_KINDS = (b"moov", b"free")


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault that :meth:`Reader.verify` found.

    Attributes:
        kind: ``"sample"``, ``"scene"``, ``"audio"``, ``"ftyp"``, ``"tail"`` or ``"history"``.
        text: in words.
        frame: which frame it concerns, from 0; None for none in particular.
    """

    kind: str
    text: str
    frame: int | None = None


class Reader(Closing):
    """Random access to the samples of one version of a file.

    Everything but the samples' own checksums is checked when the file is opened. What is
    allocated for the tables stays below 64 times the file's size, and below 2 GiB, for any input.

    Args:
        path: the file.
        version: number of the version to show; None for the current one.

    Attributes:
        index: all versions.
        version: the version shown.
        tracks: its tracks in file order.
        torn_bytes: bytes behind the current version: an append that was broken off.

    Raises:
        InputError: the file cannot be opened.
        ContainerError: not a CSSV file, or an impossible one. ChecksumError: its tables are
            damaged. LimitError: a length beyond its bound.
    """

    def __init__(self, path: str | os.PathLike[str], *, version: int | None = None) -> None:
        self.index: Index
        self._file = open_file(path)
        try:
            self._size = file_size(self._file)
            self._ftyp = _read_ftyp(self._file, self._size)
            tops = [box for box in top_boxes(self._file, self._size) if box.whole]
            self._tops = {box.offset: box for box in tops}
            self.index, end = _find_index(self._file, tops)
            self.torn_bytes = self._size - end
            self.version: Version = self._choose(version)
            self._movie: Movie = self._read_movie()
            self._frame_table: FrameTable = self._read_table(self.version)
            self._check_movie()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Tracks of the version shown, in file order."""
        return self._movie.tracks

    @property
    def video(self) -> Track:
        """The video track."""
        return self._movie.only("video")

    @property
    def scene(self) -> Track:
        """The scene track."""
        return self._movie.only("scene")

    @property
    def frames(self) -> FrameTable:
        """Checksums of the version shown, one row a frame."""
        return self._frame_table

    def __len__(self) -> int:
        """Frames of the version shown."""
        return self.version.frames

    def track(self, number: int) -> Track:
        """Return the track with this id."""
        for track in self.tracks:
            if track.number == number:
                return track
        raise ContainerError("no such track", found=number)

    def pts(self, track: int, sample: int) -> int:
        """Presentation time of a sample in the track's media units (1 / ``timescale`` s)."""
        found = self.track(track)
        return found.start + found.table.time(_check_sample(found, sample))

    def duration(self, track: int, sample: int) -> int:
        """How long a sample is shown, in the track's media units."""
        table = self.track(track).table
        _check_sample(self.track(track), sample)
        return table.time(sample + 1) - table.time(sample)

    def is_key(self, track: int, sample: int) -> bool:
        """Whether decoding can start at this sample."""
        found = self.track(track)
        return self.key_before(track, _check_sample(found, sample)) == sample

    def key_before(self, track: int, sample: int) -> int:
        """Return the last sample at or before this one at which decoding can start."""
        found = self.track(track)
        _check_sample(found, sample)
        syncs = found.table.syncs
        if syncs is None:
            return sample
        at = bisect_right(syncs, sample + 1)
        if at == 0:
            raise ContainerError("no key sample lies before this one", found=sample)
        return int(syncs[at - 1]) - 1

    def sample(self, track: int, sample: int) -> bytes:
        """Bytes of a sample. Video and scene samples are checked: ChecksumError when damaged."""
        found = self.track(track)
        data = self._bytes(found, sample)
        expected = self._expected(found)
        if expected is not None and zlib.crc32(data) != int(expected[sample]):
            raise ChecksumError(
                f"{found.kind} sample of frame {sample} is damaged",
                remedy="Run verify to see what else is.",
            )
        return data

    def scene_sample(self, frame: int) -> bytes:
        """JSON of the scene at this frame; that of frame 0 holds the whole scene."""
        return self.sample(self.scene.number, frame)

    def verify(self) -> Iterator[Problem]:
        """Read every byte that is shown and yield each fault found; nothing for a sound file."""
        if zlib.crc32(self._ftyp) != self.index.ftyp_crc:
            yield Problem("ftyp", "the file type box was changed")
        if self.torn_bytes:
            yield Problem("tail", f"the last {self.torn_bytes} bytes are an append that was broken off")
        for track in self.tracks:
            yield from self._verify_track(track)
        for version in self.index.versions:
            try:
                self._moov(version)
                self._read_table(version)
            except ContainerError as error:
                yield Problem("history", f"version {version.number}: {error}")

    def _verify_track(self, track: Track) -> Iterator[Problem]:
        expected = self._expected(track)
        crc = 0
        for sample in range(len(track.table)):
            if expected is None:
                crc = self._crc(track, sample, crc)
            elif self._crc(track, sample) != int(expected[sample]):
                kind = "sample" if track.kind == "video" else "scene"
                yield Problem(kind, f"{track.kind} sample of frame {sample} is damaged", sample)
        if expected is None and crc != self._audio_row(track)[1]:
            yield Problem("audio", f"audio track {track.number} is damaged")

    def _crc(self, track: Track, sample: int, crc: int = 0) -> int:
        return zlib.crc32(self._bytes(track, sample), crc)

    def _bytes(self, track: Track, sample: int) -> bytes:
        _check_sample(track, sample)
        table = track.table
        return read_exactly(self._file, int(table.offsets[sample]), int(table.sizes[sample]))

    def _expected(self, track: Track) -> U32s | None:
        if track.kind == "audio":
            return None
        table = self._frame_table
        return table.samples if track.kind == "video" else table.scenes

    def _audio_row(self, track: Track) -> tuple[int, int]:
        for number, samples, crc in self._frame_table.audio:
            if number == track.number:
                return samples, crc
        raise ContainerError("index does not know an audio track", found=track.number)

    def _choose(self, number: int | None) -> Version:
        if number is None:
            return self.index.current
        for version in self.index.versions:
            if version.number == number:
                return version
        raise ContainerError("no such version", found=number, bound=f"1 to {self.index.current.number}")

    def _moov(self, version: Version) -> bytes:
        """Payload of a version's ``moov``, which a later version has renamed to ``free``."""
        at = version.moov_offset
        box = self._tops.get(at)
        if box is None or (box.header, box.size) != (8, version.moov_size) or box.kind not in _MOOV_KINDS:
            raise ContainerError(
                f"moov of version {version.number} is not where the index says", found=f"byte {at}"
            )
        data = read_exactly(self._file, at + 8, version.moov_size - 8)
        if zlib.crc32(data) != version.moov_crc:
            raise ChecksumError(f"moov of version {version.number} is damaged")
        return data

    def _read_movie(self) -> Movie:
        return read_moov(memoryview(self._moov(self.version)), self._size)

    def _read_table(self, version: Version) -> FrameTable:
        return read_frame_table(read_exactly(self._file, version.table_offset, version.table_size), version)

    def _check_movie(self) -> None:
        """Check that the tables point into ``mdat`` boxes, overlap nowhere and agree with the index."""
        total = sum(int(track.table.sizes.sum(dtype=np.uint64)) for track in self.tracks)
        check_limit("samples claim more bytes than the file has", total, self._size)
        areas = [box.payload for box in self._tops.values() if box.kind == b"mdat"]
        for track in self.tracks:
            _check_inside(track, areas)
            count, kind = len(track.table), track.kind
            known = self._audio_row(track)[0] if kind == "audio" else self.version.frames
            if count != known:
                raise ContainerError(
                    f"{kind} track and index differ in samples", found=count, bound=f"{known}"
                )
        audio = sum(track.kind == "audio" for track in self.tracks)
        if audio != len(self._frame_table.audio):
            raise ContainerError("moov and index differ in audio tracks", found=audio)
        video, scene = self.video, self.scene
        ahead = video.start * scene.timescale - scene.start * video.timescale
        if (
            video.timescale != scene.timescale
            or ahead
            or not np.array_equal(video.table.run_deltas, scene.table.run_deltas)
            or not np.array_equal(video.table.run_counts, scene.table.run_counts)
        ):
            raise ContainerError("scene samples are not at their frames' times")


def _check_sample(track: Track, sample: int) -> int:
    if not 0 <= sample < len(track.table):
        raise LimitError(
            f"{track.kind} track has no such sample", found=sample, bound=f"0 to {len(track.table) - 1}"
        )
    return sample


def _check_inside(track: Track, areas: list[tuple[int, int]]) -> None:
    """Every sample lies within one of the ``mdat`` payloads, which are in file order."""
    if not len(track.table):
        return
    if not areas:
        raise ContainerError("file has no mdat box")
    starts = np.array([start for start, _ in areas], np.int64)
    ends = np.array([end for _, end in areas], np.int64)
    offsets = track.table.offsets
    area = np.searchsorted(starts, offsets, side="right") - 1
    inside = (area >= 0) & (offsets + track.table.sizes <= ends[area])
    if not inside.all():
        at = int(np.argmin(inside))
        raise ContainerError(
            f"{track.kind} sample {at} does not lie in an mdat box", found=f"byte {int(offsets[at])}"
        )


def _read_ftyp(file: BinaryIO, size: int) -> bytes:
    """Return the whole ``ftyp`` box; ContainerError unless it names the brand ``cssv``."""
    first = next(top_boxes(file, size), None)
    if first is not None and first.kind == b"ftyp" and first.size <= _FTYP_LIMIT:
        data = read_exactly(file, 0, first.size)
        brands = data[first.header + 8 :]
        if _BRAND in (brands[at : at + 4] for at in range(0, len(brands), 4)):
            return data
    raise ContainerError("not a CSSV file", found=str(file.name), remedy="Make one with cssv encode.")


def _indexes(file: BinaryIO, tops: list[Box]) -> Iterator[Box]:
    """Boxes that call themselves our index, last first."""
    for box in reversed(tops):
        ours = box.kind == b"uuid" and box.header == 8 and box.size >= INDEX_HEADER
        if ours and read_exactly(file, box.offset + 8, 16) == INDEX_UUID:
            yield box


def _find_index(file: BinaryIO, tops: list[Box]) -> tuple[Index, int]:
    """Return the last whole index whose current version is the one that players show.

    Players take the first ``moov`` of a file, so an index that was appended but whose commit was
    broken off before the old ``moov`` was renamed does not count yet. Also returns where it ends.
    """
    live = next((box for box in tops if box.kind == b"moov"), None)
    if live is None:
        raise ContainerError("file has no moov box", remedy="It is cut short, or was never finished.")
    first_error: CssvError | None = None
    for box in _indexes(file, tops):
        try:
            check_limit("index is too long", box.size, INDEX_LIMIT)
            index = read_index(read_exactly(file, box.offset, box.size), box.offset)
        except ContainerError as error:
            first_error = first_error or error
            continue
        if (index.current.moov_offset, index.current.moov_size) == (live.offset, live.size):
            return index, box.offset + box.size
    raise first_error or ContainerError(
        "file has no index of what it shows", remedy="It was remuxed or edited by another program."
    )


def is_cssv(path: str | os.PathLike[str]) -> bool:
    """Whether this looks like a CSSV file: the brand in ``ftyp`` and an index box.

    Reads box headers only. A file that cannot be opened raises InputError.
    """
    with open_file(path) as file, suppress(ContainerError):
        size = file_size(file)
        _read_ftyp(file, size)
        tops = [box for box in top_boxes(file, size) if box.whole]
        return next(_indexes(file, tops), None) is not None
    return False
