"""Which bytes of a file several versions share."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from cssv.container.tables import I64s, SampleTable, U32s
from cssv.errors import ContainerError


class VisitedExtents:
    """The samples of a file that have been met, by where they lie.

    Two samples are the same one or have no byte in common; so however many versions there are,
    there is not more to read than the file has bytes.
    """

    def __init__(self) -> None:
        self._starts = np.zeros(0, np.int64)
        self._ends = np.zeros(0, np.int64)
        self._crcs = np.zeros(0, np.uint32)

    def claim(self, offsets: I64s, sizes: U32s, crcs: U32s) -> NDArray[np.intp]:
        """Add samples; returns which of them were not there yet, in the order of the file.

        Raises ContainerError, with nothing added, when one shares some bytes with another, or all
        of them but not the checksum.
        """
        order = np.argsort(offsets, kind="stable")
        starts, ends = offsets[order], offsets[order] + sizes[order]
        at = np.searchsorted(self._starts, starts)
        known = np.zeros(len(starts), bool)
        inside = at < len(self._starts)
        met = at[inside]
        same = (self._starts[met] == starts[inside]) & (self._ends[met] == ends[inside])
        known[inside] = same & (self._crcs[met] == crcs[order][inside])
        fresh = ~known
        places = at[fresh]
        merged_starts = np.insert(self._starts, places, starts[fresh])
        merged_ends = np.insert(self._ends, places, ends[fresh])
        if (merged_ends[:-1] > merged_starts[1:]).any():
            raise ContainerError("samples share bytes with others")
        self._crcs = np.insert(self._crcs, places, crcs[order][fresh])
        self._starts, self._ends = merged_starts, merged_ends
        return order[fresh]


def sound_name(table: SampleTable, crc: int) -> bytes:
    """Return a short name for an audio track: equal where all its bytes are the same bytes of the file."""
    parts = (crc.to_bytes(4, "big"), table.offsets.tobytes(), table.sizes.tobytes())
    return sha256(b"".join(parts)).digest()
