"""The parts of a file that all versions share: its boxes and its index; and the tables of each version."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from cssv.container.index import (
    INDEX_COPY_REMEDY,
    INDEX_FORMAT,
    INDEX_KINDS,
    INDEX_LEAST,
    INDEX_UUID,
    FrameTable,
    Index,
    VersionRow,
    read_frame_table,
    read_index,
)
from cssv.container.limits import INDEX_LIMIT, SAMPLES_LIMIT, check_limit
from cssv.container.moov import MediaTrack, Movie, read_moov
from cssv.container.mp4_boxes import Box, file_size, open_file, read_exactly, top_boxes
from cssv.container.tail import has_damaged_index, looks_like_index
from cssv.errors import ChecksumError, ContainerError, CssvError
from cssv.files.access import Access
from cssv.files.closing import Closing
from cssv.files.patched import as_input_file

_BRAND = b"cssv"
_FTYP_LIMIT = 4096
#: Bytes in which the brand is searched; the box that is written has 32.
_FTYP_SEARCHED = 64

_NO_MOOV_REMEDY = (
    "It is truncated or damaged: make it again. A live recording that was stopped may be completed by "
    "`cssv.recover()`."
)

#: Attempts to open a file, because a writer may cut off or add bytes while a reader walks the boxes.
_TRIES = 20


class Archive(Closing):
    """An open file with its boxes and its checked index.

    Args:
        path: the file, or an :class:`cssv.files.patched.PatchedFile`.

    Attributes:
        source: the path, or the patched file.
        file: open for reading.
        size: of the file in bytes, when it was opened.
        ftyp: its first box.
        index: all versions; without tags if an index behind it is damaged, which may have other ones.
        live: the ``moov`` box that players use.
        end: offset of the byte behind the index; what follows is a torn append or a damaged index.

    Raises as :class:`cssv.container.Reader`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.source = as_input_file(path)
        self.file = open_file(self.source)
        self._access = Access(self, f"the container {self.source}")
        try:
            for left in reversed(range(_TRIES)):
                if self._open(is_last_try=not left):
                    break
        except BaseException:
            self.file.close()
            raise

    def _open(self, *, is_last_try: bool) -> bool:
        """Find boxes and index; False if that failed while a writer changed the length of the file."""
        self.size = file_size(self.file)
        try:
            self.ftyp = _read_ftyp(self.file, self.size)
            tops = [box for box in top_boxes(self.file, self.size) if box.whole]
            self.index, self.live, self.end = _find_index(self.file, tops)
            is_damaged = has_damaged_index(self.file, self.end, self.size, self.live.offset)
        except ContainerError:
            # A file of the same length as before did not change: the error is in the file itself.
            if is_last_try or file_size(self.file) == self.size:
                raise
            return False
        if is_damaged:
            if not is_last_try and file_size(self.file) != self.size:
                return False
            self.index = replace(self.index, tags=(), damaged_at=self.end)
        self._tops = {box.offset: box for box in tops}
        return True

    def close(self) -> None:
        """Close the file; may be called twice."""
        # A forked child has a handle of its own to close.
        with self._access.closing():
            self.file.close()

    def read(self, offset: int, count: int) -> bytes:
        """``count`` bytes at ``offset``.

        Raises:
            ContainerError: the file has fewer bytes. ClosedError: the archive is closed.
        """
        with self._access.renewed():
            return read_exactly(self.file, offset, count)

    @property
    def torn_bytes(self) -> int:
        """Bytes of a torn append behind the index."""
        return 0 if self.index.damaged_at is not None else self.size - self.end

    def check_end(self) -> None:
        """Raise ChecksumError if a damaged index lies where an append would begin."""
        at = self.index.damaged_at
        if at is not None:
            raise ChecksumError(
                f"the index at byte {at} is damaged, and an append would lose the tags in it for good",
                remedy="Make a copy without tags by `cssv.gc()`, and set them again there.",
            )

    def boxes(self) -> list[Box]:
        """Top-level boxes up to the index, in file order."""
        return [box for box in self._tops.values() if box.offset < self.end]

    def indexes(self) -> Iterator[Box]:
        """Boxes that look like an index, valid or not, up to the chosen one; last first."""
        return _indexes(self.file, self.boxes())

    def moov(self, version: VersionRow, *, live: bool = False) -> bytes:
        """Payload of a version's ``moov`` box where it was first written, whatever its type is now.

        ``live``: read the copy that players use instead. Raises ChecksumError if it is damaged.
        """
        at = self.live.offset if live else version.moov_offset
        box = self._tops.get(at)
        if box is None or (box.header, box.size) != (8, version.moov_size):
            raise ContainerError(
                f"moov of version {version.number} is not where the index says", found=f"byte {at}"
            )
        data = self.read(at + 8, version.moov_size - 8)
        if zlib.crc32(data) != version.moov_crc:
            raise ChecksumError(f"moov of version {version.number} is damaged")
        return data

    def table(self, version: VersionRow) -> FrameTable:
        """Return the frame table of a version; ChecksumError if it is damaged."""
        return read_frame_table(self.read(version.table_offset, version.table_size), version)

    def audio_crc(self, track: MediaTrack) -> int:
        """CRC-32 of all samples of an audio track, end to end."""
        crc, table = 0, track.table
        for offset, size in zip(table.offsets.tolist(), table.sizes.tolist(), strict=True):
            crc = zlib.crc32(self.read(offset, size), crc)
        return crc

    def check_audio(self, track: MediaTrack, table: FrameTable) -> None:
        """Raise ChecksumError if the samples of an audio track are not what was written."""
        if self.audio_crc(track) != audio_row(table, track)[1]:
            raise ChecksumError(
                f"audio track {track.number} is damaged", remedy="Run `cssv.verify()` to find all damage."
            )

    def movie(self, version: VersionRow, table: FrameTable, limit: int = SAMPLES_LIMIT) -> Movie:
        """Return the tracks of a version, checked against the file and the frame table.

        ``limit``: the most samples that they may have.
        """
        moov = self.moov(version, live=version.number == self.index.playing)
        movie = read_moov(memoryview(moov), min(self.size, limit))
        # Samples of one version lie in different places, so a larger sum is a lie of the tables.
        total = sum(int(track.table.sizes.sum(dtype=np.uint64)) for track in movie.tracks)
        check_limit("samples claim more bytes than the file has", total, self.size)
        areas = [box.payload for box in self.boxes() if box.kind == b"mdat"]
        for track in movie.tracks:
            _check_inside(track, areas)
            _check_count(track, version, table)
            _check_start(track)
        audio = sum(track.kind == "audio" for track in movie.tracks)
        if audio != len(table.audio):
            raise ContainerError("moov and index differ in audio tracks", found=audio)
        _check_scene(movie)
        return movie


def audio_row(table: FrameTable, track: MediaTrack) -> tuple[int, int]:
    """Number of samples and checksum of an audio track; ContainerError if the frame table has no such row."""
    for number, samples, crc in table.audio:
        if number == track.number:
            return samples, crc
    raise ContainerError("index does not know an audio track", found=track.number)


def _check_count(track: MediaTrack, version: VersionRow, table: FrameTable) -> None:
    """Raise ContainerError unless the track has as many samples as the index says."""
    count, kind = len(track.table), track.kind
    known = audio_row(table, track)[0] if kind == "audio" else version.frames
    if count != known:
        raise ContainerError(f"{kind} track and index differ in samples", found=count, bound=f"{known}")


def _check_start(track: MediaTrack) -> None:
    """Raise ContainerError unless the first sample is a sync sample."""
    syncs = track.table.syncs
    if syncs is not None and len(track.table) and (not len(syncs) or syncs[0] != 1):
        raise ContainerError(f"decoding of the {track.kind} track cannot start at its first sample")


def _check_scene(movie: Movie) -> None:
    """Raise ContainerError unless every scene sample has the time of its frame."""
    video, scene = movie.only("video"), movie.only("scene")
    ahead = video.start * scene.timescale - scene.start * video.timescale
    if (
        video.timescale != scene.timescale
        or ahead
        or not np.array_equal(video.table.run_deltas, scene.table.run_deltas)
        or not np.array_equal(video.table.run_counts, scene.table.run_counts)
    ):
        raise ContainerError("scene samples are not at their frames' times")


def _check_inside(track: MediaTrack, areas: list[tuple[int, int]]) -> None:
    """Raise ContainerError unless every sample lies in one of the ``mdat`` payloads, given in file order."""
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
    """Return the whole ``ftyp`` box; ContainerError unless it lists the brand ``cssv``."""
    first = next(top_boxes(file, size), None)
    if first is not None and first.kind == b"ftyp" and first.size <= _FTYP_LIMIT:
        data = read_exactly(file, 0, first.size)
        brands = data[first.header + 8 :]
        if _BRAND in (brands[at : at + 4] for at in range(0, len(brands), 4)):
            return data
    raise ContainerError(
        "not a CSSV file, or its first box is damaged",
        found=str(file.name),
        remedy=INDEX_COPY_REMEDY if _has_traces(file, size) else "Make one by `cssv.encode()`.",
    )


def _indexes(file: BinaryIO, tops: list[Box]) -> Iterator[Box]:
    """Boxes that look like an index, valid or not; last first."""
    for box in reversed(tops):
        ours = box.kind in INDEX_KINDS.values() and box.header == 8 and box.size >= INDEX_LEAST
        if ours and read_exactly(file, box.offset + 8, 16) == INDEX_UUID:
            yield box


def _find_index(file: BinaryIO, tops: list[Box]) -> tuple[Index, Box, int]:
    """Return the last valid index that belongs to the ``moov`` that players use.

    Players use the first ``moov`` of a file. So an appended index does not count yet if the old ``moov`` was
    not renamed before the append was interrupted. Also returns that ``moov``, and the end of the index.
    """
    live = next((box for box in tops if box.kind == b"moov"), None)
    if live is None:
        raise ContainerError("file has no moov box", remedy=_NO_MOOV_REMEDY)
    first_error: CssvError | None = None
    for box in _indexes(file, tops):
        try:
            check_limit("index is too long", box.size, INDEX_LIMIT)
            index = read_index(read_exactly(file, box.offset, box.size), box.offset)
        except ContainerError as error:
            # A torn append leaves such an index; an older one may still be valid.
            first_error = first_error or error
            continue
        if (index.live_offset, index.current.moov_size) == (live.offset, live.size):
            return index, live, box.offset + box.size
    raise first_error or ContainerError(
        "file has no index for the version that plays: it is damaged, or another program edited it",
        remedy="Use the file as CSSV wrote it. " + INDEX_COPY_REMEDY,
    )


def is_cssv(path: str | os.PathLike[str]) -> bool:
    """Whether this is a CSSV file, sound or damaged: by the brand in its first box, or by an index box.

    A remuxed or re-encoded copy has neither. Reads box headers only. Raises InputError if the file cannot be
    opened.
    """
    with open_file(path) as file, suppress(ContainerError):
        return _has_traces(file, file_size(file))
    return False


def _has_traces(file: BinaryIO, size: int) -> bool:
    """Whether a file has the brand or an index box; it may be damaged otherwise."""
    # Not by the size of the box, which may be damaged.
    head = read_exactly(file, 0, min(size, _FTYP_SEARCHED))
    if head[4:8] == b"ftyp" and _BRAND in (head[at : at + 4] for at in range(16, len(head), 4)):
        return True
    return any(
        box.kind == INDEX_KINDS[INDEX_FORMAT] or looks_like_index(file, box.offset, box.size)
        for box in top_boxes(file, size)
        if box.whole
    )
