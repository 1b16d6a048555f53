"""The ``stbl`` box: place and time of every sample of a track (SPEC.md, section 3)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.container.decode_order import (
    I64s,
    U32s,
    breaks_of,
    check_groups,
    composition_offsets,
    read_order,
    to_frames,
)
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

__all__ = ["I64s", "SampleTable", "U32s", "read_stbl", "write_stbl"]

_BIG32 = np.dtype(">u4")
_BIG64 = np.dtype(">u8")


@dataclass(frozen=True, slots=True, eq=False)
class SampleTable:
    """The samples of one track.

    They are counted in the order of presentation, as frames are. Chunks hold them in the order of decoding.

    Attributes:
        entries: sample entries, whole boxes; at least one.
        sizes: (n,) uint32, bytes of each sample, at least 1.
        run_counts: (r,) uint32; sums to n. Samples are grouped in runs of equal duration.
        run_deltas: (r,) uint32, duration of each sample of a run in media units, at least 1.
        chunk_offsets: (c,) int64, file offset of each chunk; a chunk's samples lie end to end.
        chunk_counts: (c,) uint32, samples in each chunk; sums to n.
        chunk_entries: (c,) uint32, which sample entry a chunk uses, counted from 1.
        syncs: (k,) uint32, ascending, sync samples counted from 1; None if every sample is one.
        order: (n,) uint32, the samples in the order of decoding; None if that is the order of presentation.
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
    order: U32s | None = None
    offsets: I64s = field(init=False)
    _places: U32s | None = field(init=False)
    _run_samples: I64s = field(init=False)
    _run_times: I64s = field(init=False)

    def __post_init__(self) -> None:
        self._check()
        counts = self.run_counts.astype(np.int64)
        spans = counts * self.run_deltas.astype(np.int64)
        object.__setattr__(self, "_run_samples", _starts(counts))
        object.__setattr__(self, "_run_times", _starts(spans))
        places = None if self.order is None else np.argsort(self.order).astype(np.uint32)
        object.__setattr__(self, "_places", places)
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
        if self.order is not None:
            check_groups(self.order, self.syncs)

    def _sample_offsets(self) -> I64s:
        sizes = self.decoded(self.sizes).astype(np.int64)
        before = _starts(sizes)
        firsts = _starts(self.chunk_counts.astype(np.int64))[:-1]
        shift = self.chunk_offsets - before[firsts]
        offsets: I64s = to_frames(before[:-1] + np.repeat(shift, self.chunk_counts), self.order)
        return offsets

    def decoded(self, column: NDArray[Any]) -> NDArray[Any]:
        """A column with one value a sample, put in the order of decoding."""
        return column if self.order is None else column[self.order]

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def breaks(self) -> I64s:
        """Numbers of samples, ascending from 0, at which both orders have had the same samples."""
        return breaks_of(self.order, len(self))

    @property
    def delay(self) -> int:
        """Media units by which the first sample is shown later than it is decoded; 0 unless reordered."""
        return 0 if self.order is None else int(composition_offsets(self.order, self.times())[0])

    def place(self, sample: int) -> int:
        """Place of a sample in the order of decoding."""
        return sample if self._places is None else int(self._places[sample])

    def sample_at(self, place: int) -> int:
        """The sample with this place in the order of decoding."""
        return place if self.order is None else int(self.order[place])

    def places(self) -> I64s:
        """(n,) int64: :meth:`place` of every sample."""
        return np.arange(len(self)) if self._places is None else self._places.astype(np.int64)

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
        return int(self.chunk_entries[int(np.searchsorted(ends, self.place(sample), side="right"))]) - 1

    def entry_numbers(self) -> I64s:
        """(n,) int64: :meth:`entry_of` of every sample."""
        found: I64s = np.repeat(self.chunk_entries.astype(np.int64) - 1, self.chunk_counts)
        return to_frames(found, self.order)


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
        write_full_box(b"stsz", 0, 0, bytes(4), count, table.decoded(table.sizes).astype(_BIG32).tobytes()),
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
    if table.order is not None:
        boxes.append(_write_ctts(table.order, table.times()))
    return write_box(b"stbl", *boxes)


def _write_ctts(order: U32s, times: I64s) -> bytes:
    """The ``ctts`` box: runs of samples with the same offset."""
    offsets = composition_offsets(order, times)
    check_limit("frames are reordered over too long a time", int(offsets.max()), DURATION_LIMIT)
    firsts = np.flatnonzero(np.diff(offsets, prepend=-1))
    rows = np.stack((np.diff(firsts, append=len(offsets)), offsets[firsts]), axis=1)
    # Version 0: FFmpeg reads the negative offsets of version 1 wrongly where only the last two rows have any.
    return write_full_box(b"ctts", 0, 0, len(rows).to_bytes(4, "big"), rows.astype(_BIG32).tobytes())


def _read_ctts(ctts: memoryview, times: I64s) -> U32s | None:
    """The order of decoding by the ``ctts`` box; None if it is that of presentation."""
    rows = _read_rows(ctts, "ctts", 2, len(times))
    counts, offsets = rows[:, 0], rows[:, 1].astype(np.int64)
    covered = int(counts.sum(dtype=np.uint64))
    if covered != len(times) or not counts.all():
        raise ContainerError(
            "ctts does not cover the track's samples", found=covered, bound=f"{len(times)}, no run empty"
        )
    if not len(times):
        return None
    check_limit("composition offset is out of range", int(offsets.max()), DURATION_LIMIT)
    if offsets.min():
        raise ContainerError("ctts has no offset of 0", found=f"at least {int(offsets.min())} units")
    return read_order(times, times + np.repeat(offsets - offsets[0], counts))


def read_stbl(stbl: memoryview, limit: int, *, may_reorder: bool = False) -> SampleTable:
    """Undo :func:`write_stbl`.

    Args:
        stbl: the payload of the box.
        limit: the most samples that this track may have; LimitError above.
        may_reorder: whether samples may be decoded in another order than they are shown.
    """
    boxes = read_boxes(stbl, "stbl")
    ctts = optional_box(boxes, b"ctts", "stbl")
    if ctts is not None and not may_reorder:
        raise ContainerError("a track other than the video has composition offsets")
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
    table = SampleTable(
        entries=heads,
        sizes=sizes,
        run_counts=stts[:, 0].copy(),
        run_deltas=stts[:, 1].copy(),
        chunk_offsets=offsets,
        chunk_counts=counts,
        chunk_entries=entries,
        syncs=None if stss is None else _read_rows(stss, "stss", 1, limit)[:, 0].copy(),
    )
    # Only now it is known that the times are within their bounds.
    order = None if ctts is None else _read_ctts(ctts, table.times())
    return table if order is None else replace(table, sizes=to_frames(sizes, order), order=order)


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
