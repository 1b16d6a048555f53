"""The samples of a track as columns that can be changed, and their grouping into chunks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cssv.container.limits import MIB
from cssv.container.tables import I64s, SampleTable, U32s
from cssv.errors import ContainerError

#: A chunk ends when it has this duration or this many bytes (SPEC.md, section 3).
CHUNK_S = Fraction(1, 2)
CHUNK_BYTES = 4 * MIB


@dataclass(slots=True, eq=False)
class Samples:
    """The samples of one track, which can be changed one by one; their times are not part of it.

    They are in the order of presentation.

    Attributes:
        heads: sample entries, whole boxes; entries that no sample uses are left out of the table.
        offsets: (n,) int64, offset of each sample in the file.
        sizes: (n,) int64, bytes.
        entries: (n,) int64, index into ``heads``.
        keys: (n,) bool, whether decoding can start here.
        crcs: (n,) uint32, CRC-32 of its bytes.
        places: (n,) int64, place in the order of decoding.
    """

    heads: list[bytes]
    offsets: I64s
    sizes: I64s
    entries: I64s
    keys: NDArray[np.bool_]
    crcs: U32s
    places: I64s

    def head(self, entry: bytes) -> int:
        """Return the number of this sample entry, after adding it if it is new."""
        if entry not in self.heads:
            self.heads.append(entry)
        return self.heads.index(entry)

    def take(self, sample: int, table: SampleTable, *, is_key: bool, crc: int) -> None:
        """Replace a sample by that of another table of the same file."""
        self.offsets[sample], self.sizes[sample] = table.offsets[sample], table.sizes[sample]
        self.entries[sample] = self.head(table.entries[table.entry_of(sample)])
        self.keys[sample], self.crcs[sample], self.places[sample] = is_key, crc, table.place(sample)


def table_to_samples(table: SampleTable, crcs: U32s) -> Samples:
    """Return the samples of a table; undone by :func:`samples_to_table`."""
    keys = np.full(len(table), table.syncs is None)
    if table.syncs is not None:
        keys[table.syncs.astype(np.int64) - 1] = True
    return Samples(
        list(table.entries),
        table.offsets.copy(),
        table.sizes.astype(np.int64),
        table.entry_numbers(),
        keys,
        crcs.copy(),
        table.places(),
    )


def samples_to_table(samples: Samples, old: SampleTable, timescale: int) -> SampleTable:
    """Return the table of these samples, with the times of the table ``old``.

    Samples that lie end to end and have the same entry share a chunk, within the bounds of a chunk.
    Raises ContainerError if the entries are of different codecs, or if the samples have no order of decoding.
    """
    numbers = np.unique(samples.entries)
    entries = tuple(samples.heads[number] for number in numbers.tolist()) or old.entries
    # Players choose a decoder for a track by its first entry.
    if len({entry[4:8] for entry in entries}) > 1:
        raise ContainerError(
            "the frames of one version have different codecs",
            found=" and ".join(sorted({entry[4:8].decode("latin-1") for entry in entries})),
        )
    order, in_turn = np.argsort(samples.places, kind="stable"), np.arange(len(samples.places))
    if not np.array_equal(samples.places[order], in_turn):
        raise ContainerError("two samples have the same place in the order of decoding")
    offsets, of_entries = samples.offsets[order], samples.entries[order]
    starts = _chunk_starts(offsets, samples.sizes[order], of_entries, old.times(), timescale)
    keys = np.flatnonzero(samples.keys) + 1
    return SampleTable(
        entries=entries,
        sizes=samples.sizes.astype(np.uint32),
        run_counts=old.run_counts,
        run_deltas=old.run_deltas,
        chunk_offsets=offsets[starts],
        chunk_counts=np.diff(starts, append=len(offsets)).astype(np.uint32),
        chunk_entries=(np.searchsorted(numbers, of_entries[starts]) + 1).astype(np.uint32),
        syncs=None if len(keys) == len(samples.sizes) else keys.astype(np.uint32),
        order=None if np.array_equal(order, in_turn) else order.astype(np.uint32),
    )


def _chunk_starts(offsets: I64s, sizes: I64s, entries: I64s, times: I64s, timescale: int) -> I64s:
    """(c,) int64: first sample of each chunk, counted in the order of decoding, as the columns are."""
    apart = (offsets[1:] != (offsets + sizes)[:-1]) | (entries[1:] != entries[:-1])
    return short_runs(times, sizes, timescale, np.flatnonzero(apart) + 1)


def short_runs(times: I64s, sizes: I64s, timescale: int, breaks: I64s) -> I64s:
    """(c,) int64: the samples of a track that begin a chunk, ``breaks`` included.

    Args:
        times: (n,) int64, ascending: when the samples are decoded, in units of 1 / ``timescale`` seconds.
        sizes: (n,) int64, bytes.
        timescale: units per second.
        breaks: ascending, 1 to n - 1; samples that must begin a chunk.
    """
    longest = -(-timescale * CHUNK_S.numerator // CHUNK_S.denominator)
    before = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
    starts: list[int] = []
    at = 0
    for stop in (*breaks.tolist(), len(times)):
        while at < stop:
            starts.append(at)
            late = int(np.searchsorted(times, times[at] + longest))
            # The sample that makes the chunk reach its size is the last of it.
            full = int(np.searchsorted(before, before[at] + CHUNK_BYTES))
            at = min(stop, late, full)
    return np.array(starts, np.int64)
