"""The table of a track that is being written."""

from __future__ import annotations

import zlib
from array import array
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from cssv.container.decode_order import read_order, to_frames
from cssv.container.entries import Kind
from cssv.container.journal import JournalChunk
from cssv.container.moov import UNDETERMINED
from cssv.container.tables import SampleTable


@dataclass(slots=True)
class TrackRecord:
    """The table of one track while it grows, about 30 bytes per sample, and the samples of its open chunk.

    Samples are added in the order of decoding, which may be another one than that of presentation.

    Attributes:
        kind, time_base, width, height, language: of the track.
        first, last: time of decoding of the first and of the last sample, in media units, as all times.
        shown, last_duration: when the sample that is shown last is shown, and how long; 0 for unknown.
        crc: of all samples end to end, for audio.
        sizes: bytes of each sample.
        crcs: of each sample, unless audio.
        syncs: samples at which decoding can start, counted from 1.
        shifts: time from decoding to showing of each sample; empty while all are 0.
        run_counts, run_deltas: runs of samples with the same time to the next one.
        chunk_offsets, chunk_counts: place and number of samples of each chunk.
        chunk, chunk_ticks, chunk_bytes: the open chunk: samples, times of decoding, bytes.
        chunk_start: time of its first sample.
    """

    kind: Kind
    time_base: Fraction
    width: int = 0
    height: int = 0
    language: str = UNDETERMINED
    first: int = 0
    last: int = 0
    shown: int = 0
    last_duration: int = 0
    crc: int = 0
    sizes: array[int] = field(default_factory=lambda: array("I"))
    crcs: array[int] = field(default_factory=lambda: array("I"))
    syncs: array[int] = field(default_factory=lambda: array("I"))
    shifts: array[int] = field(default_factory=lambda: array("q"))
    run_counts: array[int] = field(default_factory=lambda: array("I"))
    run_deltas: array[int] = field(default_factory=lambda: array("I"))
    chunk_offsets: array[int] = field(default_factory=lambda: array("Q"))
    chunk_counts: array[int] = field(default_factory=lambda: array("I"))
    chunk: list[bytes] = field(default_factory=list)
    chunk_ticks: list[int] = field(default_factory=list)
    chunk_bytes: int = 0
    chunk_start: int = 0

    def add(self, data: bytes, ticks: int, shift: int, duration: int, *, is_key: bool) -> None:
        """Add one sample to the table and to the open chunk; times in media units."""
        if not self.sizes:
            self.first = self.chunk_start = ticks
        else:
            self._add_delta(ticks - self.last)
        self.last = ticks
        if not self.sizes or ticks + shift > self.shown:
            self.shown, self.last_duration = ticks + shift, duration
        if shift and not self.shifts:
            self.shifts.extend([0] * len(self.sizes))
        if shift or self.shifts:
            self.shifts.append(shift)
        self.sizes.append(len(data))
        # The frame table has one checksum for a whole audio track, and one per frame for the others.
        if self.kind == "audio":
            self.crc = zlib.crc32(data, self.crc)
        else:
            self.crcs.append(zlib.crc32(data))
        if is_key:
            self.syncs.append(len(self.sizes))
        if not self.chunk:
            self.chunk_start = ticks
        self.chunk.append(data)
        self.chunk_ticks.append(ticks)
        self.chunk_bytes += len(data)

    def _add_delta(self, delta: int) -> None:
        if self.run_deltas and self.run_deltas[-1] == delta:
            self.run_counts[-1] += 1
        else:
            self.run_deltas.append(delta)
            self.run_counts.append(1)

    def end_chunk(self, offset: int) -> None:
        """Note the place of the open chunk, whose bytes are in the file now, and begin another."""
        self.chunk_offsets.append(offset)
        self.chunk_counts.append(len(self.chunk))
        self.chunk.clear()
        self.chunk_ticks.clear()
        self.chunk_bytes = 0

    def to_journal(self, track: int, offset: int) -> JournalChunk:
        """The open chunk as the journal lists it."""
        first = len(self.sizes) - len(self.chunk)
        keys = frozenset(sync - 1 - first for sync in self.syncs[-len(self.chunk) :] if sync > first)
        crc = 0
        for data in self.chunk:
            crc = zlib.crc32(data, crc)
        sizes = tuple(map(len, self.chunk))
        ticks, shifts = tuple(self.chunk_ticks), tuple(self.shifts[first:])
        return JournalChunk(track, offset, crc, sizes, ticks, self.last_duration, keys, shifts)

    def table(self, entry: bytes) -> SampleTable:
        """The finished table; call once, after the last sample."""
        # The duration of a sample is that to the next one; the last has none, so it is given or repeated.
        self._add_delta(self.last_duration or (self.run_deltas[-1] if self.run_deltas else 1))
        chunks = len(self.chunk_offsets)
        table = SampleTable(
            entries=(entry,),
            sizes=np.array(self.sizes, np.uint32),
            run_counts=np.array(self.run_counts, np.uint32),
            run_deltas=np.array(self.run_deltas, np.uint32),
            chunk_offsets=np.array(self.chunk_offsets, np.int64),
            chunk_counts=np.array(self.chunk_counts, np.uint32),
            chunk_entries=np.ones(chunks, np.uint32),
            syncs=None if len(self.syncs) == len(self.sizes) else np.array(self.syncs, np.uint32),
        )
        if not self.shifts:
            return table
        times = table.times()
        order = read_order(times, times + np.array(self.shifts, np.int64))
        return replace(table, sizes=to_frames(table.sizes, order), order=order)
