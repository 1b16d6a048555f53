"""Sample byte ranges that were already processed, so that shared ones are processed once."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from cssv.container.tables import I64s, SampleTable, U32s
from cssv.errors import ContainerError


class VisitedExtents:
    """Sample byte ranges already processed.

    Two samples of a file are in the same place or have no byte in common (SPEC.md, section 3). So the samples
    of any number of versions together are at most as many bytes as the file has.
    """

    def __init__(self) -> None:
        self._starts = np.zeros(0, np.int64)
        self._ends = np.zeros(0, np.int64)
        self._crcs = np.zeros(0, np.uint32)

    def claim(self, offsets: I64s, sizes: U32s, crcs: U32s) -> NDArray[np.intp]:
        """Add samples, and return the positions of those that are new, in file order.

        Args:
            offsets: (n,) int64, place of each sample in the file.
            sizes: (n,) uint32, bytes.
            crcs: (n,) uint32, CRC-32 of its bytes.

        Raises:
            ContainerError: a sample shares only some bytes with another, or all of them under another
                checksum. Nothing is added then.
        """
        order = np.argsort(offsets, kind="stable")
        starts, ends = offsets[order], offsets[order] + sizes[order]
        at = np.searchsorted(self._starts, starts)
        known = np.zeros(len(starts), bool)
        inside = at < len(self._starts)
        candidates = at[inside]
        same = (self._starts[candidates] == starts[inside]) & (self._ends[candidates] == ends[inside])
        known[inside] = same & (self._crcs[candidates] == crcs[order][inside])
        fresh = ~known
        places = at[fresh]
        merged_starts = np.insert(self._starts, places, starts[fresh])
        merged_ends = np.insert(self._ends, places, ends[fresh])
        # Sorted by start, ranges overlap only if neighbours do. A known place with another checksum stands
        # here twice, as a neighbour of itself.
        if (merged_ends[:-1] > merged_starts[1:]).any():
            raise ContainerError("samples share bytes with others")
        self._crcs = np.insert(self._crcs, places, crcs[order][fresh])
        self._starts, self._ends = merged_starts, merged_ends
        return order[fresh]


def audio_key(table: SampleTable, crc: int) -> bytes:
    """Key of an audio track, the same for tracks whose samples are the same bytes of the file.

    Audio samples have one checksum together, so that :class:`VisitedExtents` alone cannot compare them.
    """
    parts = (crc.to_bytes(4, "big"), table.offsets.tobytes(), table.sizes.tobytes())
    return sha256(b"".join(parts)).digest()
