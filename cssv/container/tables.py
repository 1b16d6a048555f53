"""The ``stbl`` box: place and time of every sample of a track (SPEC.md, section 3)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cssv.container.entries import read_entries
from cssv.container.limits import DURATION_LIMIT, ENTRIES_LIMIT, SAMPLE_LIMIT, check_limit
from cssv.container.mp4_boxes import (
    FieldReader,
    only_box,
    optional_box,
    read_boxes,
    write_box,
    write_full_box,
)
from cssv.errors import ContainerError

U32s = NDArray[np.uint32]
I64s = NDArray[np.int64]

_BIG32 = np.dtype(">u4")
_BIG64 = np.dtype(">u8")


@dataclass(frozen=True, slots=True, eq=False)
class SampleTable:
    """The samples of one track, in the order of decoding, which is also the order of presentation.

    Attributes:
        entries: sample entries, whole boxes; at least one.
        sizes: (n,) uint32, bytes of each sample, at least 1.
        run_counts: (r,) uint32; sums to n. Samples are grouped in runs of equal duration.
        run_deltas: (r,) uint32, duration of each sample of a run in media units, at least 1.
        chunk_offsets: (c,) int64, file offset of each chunk; a chunk's samples lie end to end.
        chunk_counts: (c,) uint32, samples in each chunk; sums to n.
        chunk_entries: (c,) uint32, which sample entry a chunk uses, counted from 1.
        syncs: (k,) uint32, ascending, sync samples counted from 1; None if every sample is one.
        offsets: (n,) int64, offset of each sample in the file; computed.
    """

    entries: tuple[bytes, ...]
    sizes: U32s
    run_counts: U32s
    run_deltas: U32s
    chunk_offsets: I64s
    chunk_counts: U32s
    chunk_entries: U32s
    syncs: U32s | None
    offsets: I64s = field(init=False)
    _run_samples: I64s = field(init=False)
    _run_times: I64s = field(init=False)

    def __post_init__(self) -> None:
        self._check()
        counts = self.run_counts.astype(np.int64)
        spans = counts * self.run_deltas.astype(np.int64)
        object.__setattr__(self, "_run_samples", _starts(counts))
        object.__setattr__(self, "_run_times", _starts(spans))
        object.__setattr__(self, "offsets", self._sample_offsets())

    def _check(self) -> None:
        count = len(self.sizes)
        for what, counts in (("stts", self.run_counts), ("stsc", self.chunk_counts)):
            if int(counts.sum(dtype=np.uint64)) != count:
                raise ContainerError(
                    f"{what} does not cover the track's samples",
                    found=int(counts.sum(dtype=np.uint64)),
                    bound=f"{count}, as in stsz",
                )
            if len(counts) and not counts.all():
                raise ContainerError(f"{what} has an empty run")
        if count:
            check_limit("sample is too long", int(self.sizes.max()), SAMPLE_LIMIT)
            check_limit("sample is empty", int(self.sizes.min()), SAMPLE_LIMIT, 1)
            check_limit("sample duration is out of range", int(self.run_deltas.max()), DURATION_LIMIT)
            check_limit("sample has no duration", int(self.run_deltas.min()), DURATION_LIMIT, 1)
            check_limit("stsc names no sample entry", int(self.chunk_entries.min()), ENTRIES_LIMIT, 1)
            check_limit(
                "stsc names a missing sample entry", int(self.chunk_entries.max()), len(self.entries), 1
            )
        if self.syncs is not None and len(self.syncs):
            rising = bool((np.diff(self.syncs.astype(np.int64)) > 0).all())
            if not rising or not 1 <= int(self.syncs[0]) <= int(self.syncs[-1]) <= count:
                raise ContainerError("stss does not ascend within the track's samples")

    def _sample_offsets(self) -> I64s:
        sizes = self.sizes.astype(np.int64)
        before = _starts(sizes)
        firsts = _starts(self.chunk_counts.astype(np.int64))[:-1]
        shift = self.chunk_offsets - before[firsts]
        offsets: I64s = before[:-1] + np.repeat(shift, self.chunk_counts)
        return offsets

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def total(self) -> int:
        """Sum of all durations, in media units."""
        return int(self._run_times[-1])

    def time(self, sample: int) -> int:
        """Media units from the first sample to this one; for ``len(table)``, to the end of the last."""
        if sample == len(self):
            return self.total
        run = bisect_right(self._run_samples, sample) - 1
        return int(self._run_times[run]) + (sample - int(self._run_samples[run])) * int(self.run_deltas[run])

    def times(self) -> I64s:
        """(n,) int64: :meth:`time` of every sample."""
        deltas = np.repeat(self.run_deltas.astype(np.int64), self.run_counts)
        return _starts(deltas)[:-1]

    def entry_of(self, sample: int) -> int:
        """Number of the sample entry that this sample uses, from 0."""
        ends = np.cumsum(self.chunk_counts, dtype=np.int64)
        return int(self.chunk_entries[int(np.searchsorted(ends, sample, side="right"))]) - 1


def _starts(lengths: I64s) -> I64s:
    """(n + 1,) int64: running sums from 0 to the total."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def write_stbl(table: SampleTable) -> bytes:
    """Return the ``stbl`` box; chunk offsets are always 64 bit (``co64``)."""
    count = len(table).to_bytes(4, "big")
    changes = np.flatnonzero(
        np.diff(table.chunk_counts, prepend=np.uint32(0)) | np.diff(table.chunk_entries, prepend=np.uint32(0))
    )
    stsc = np.stack((changes + 1, table.chunk_counts[changes], table.chunk_entries[changes]), axis=1)
    stts = np.stack((table.run_counts, table.run_deltas), axis=1)
    boxes = [
        write_full_box(b"stsd", 0, 0, len(table.entries).to_bytes(4, "big"), *table.entries),
        write_full_box(b"stts", 0, 0, len(stts).to_bytes(4, "big"), stts.astype(_BIG32).tobytes()),
        write_full_box(b"stsc", 0, 0, len(stsc).to_bytes(4, "big"), stsc.astype(_BIG32).tobytes()),
        write_full_box(b"stsz", 0, 0, bytes(4), count, table.sizes.astype(_BIG32).tobytes()),
        write_full_box(
            b"co64",
            0,
            0,
            len(table.chunk_offsets).to_bytes(4, "big"),
            table.chunk_offsets.astype(_BIG64).tobytes(),
        ),
    ]
    if table.syncs is not None:
        syncs = table.syncs.astype(_BIG32).tobytes()
        boxes.append(write_full_box(b"stss", 0, 0, len(table.syncs).to_bytes(4, "big"), syncs))
    return write_box(b"stbl", *boxes)


def read_stbl(stbl: memoryview, limit: int) -> SampleTable:
    """Undo :func:`write_stbl`, for any ``stbl`` without composition offsets.

    ``limit``: the most samples that this track may have; LimitError above.
    """
    boxes = read_boxes(stbl, "stbl")
    if optional_box(boxes, b"ctts", "stbl") is not None:
        raise ContainerError("track has composition offsets", remedy="Encode it without B-frames.")
    sizes = _read_stsz(only_box(boxes, b"stsz", "stbl"), limit)
    # No run and no chunk is empty, so no other table has more rows than there are samples.
    limit = len(sizes)
    stts = _read_rows(only_box(boxes, b"stts", "stbl"), "stts", 2, limit)
    offsets = _read_offsets(boxes, limit)
    counts, entries = _read_stsc(only_box(boxes, b"stsc", "stbl"), len(offsets))
    stss = optional_box(boxes, b"stss", "stbl")
    stsd = only_box(boxes, b"stsd", "stbl")
    heads = read_entries(stsd)
    if 8 + sum(map(len, heads)) != len(stsd):
        raise ContainerError("stsd is longer than its count says")
    return SampleTable(
        entries=heads,
        sizes=sizes,
        run_counts=stts[:, 0].copy(),
        run_deltas=stts[:, 1].copy(),
        chunk_offsets=offsets,
        chunk_counts=counts,
        chunk_entries=entries,
        syncs=None if stss is None else _read_rows(stss, "stss", 1, limit)[:, 0].copy(),
    )


def _read_rows(payload: memoryview, what: str, columns: int, limit: int) -> U32s:
    """(n, columns) uint32: the rows of a counted table, which must fill its box exactly."""
    fields = FieldReader(payload, what)
    fields.version(0)
    rows = check_limit(f"{what} has too many rows", fields.u32(), limit)
    data = fields.take(rows * columns * 4)
    _check_end(fields, what)
    return np.frombuffer(data, _BIG32).astype(np.uint32).reshape(rows, columns)


def _check_end(fields: FieldReader, what: str) -> None:
    if fields.left:
        raise ContainerError(f"{what} is longer than its count says", found=f"{fields.left} bytes more")


def _read_stsz(payload: memoryview, limit: int) -> U32s:
    fields = FieldReader(payload, "stsz")
    fields.version(0)
    size = fields.u32()
    count = check_limit("file has too many samples", fields.u32(), limit)
    if size:
        _check_end(fields, "stsz")
        return np.full(count, size, np.uint32)
    data = fields.take(count * 4)
    _check_end(fields, "stsz")
    return np.frombuffer(data, _BIG32).astype(np.uint32)


def _read_offsets(boxes: list[tuple[bytes, memoryview]], limit: int) -> I64s:
    long = optional_box(boxes, b"co64", "stbl")
    if long is not None and optional_box(boxes, b"stco", "stbl") is not None:
        raise ContainerError("track has two tables of chunk offsets")
    if long is None:
        return _read_rows(only_box(boxes, b"stco", "stbl"), "stco", 1, limit)[:, 0].astype(np.int64)
    fields = FieldReader(long, "co64")
    fields.version(0)
    data = fields.take(check_limit("co64 has too many rows", fields.u32(), limit) * 8)
    _check_end(fields, "co64")
    offsets = np.frombuffer(data, _BIG64)
    # No file is that large, and below 2**62 no sum of an offset and the sizes overflows.
    if len(offsets):
        check_limit("chunk offset is out of range", int(offsets.max()), 1 << 62)
    return offsets.astype(np.int64)


def _read_stsc(payload: memoryview, chunks: int) -> tuple[U32s, U32s]:
    """Samples per chunk and sample entry, for each of the ``chunks``."""
    rows = _read_rows(payload, "stsc", 3, chunks)
    firsts = rows[:, 0].astype(np.int64)
    if chunks == 0 and len(rows) == 0:
        return np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    if len(rows) == 0 or firsts[0] != 1 or not (np.diff(firsts) > 0).all() or firsts[-1] > chunks:
        raise ContainerError("stsc does not ascend within the track's chunks", bound=f"1 to {chunks}")
    repeats = np.diff(firsts, append=chunks + 1)
    return np.repeat(rows[:, 1], repeats), np.repeat(rows[:, 2], repeats)
