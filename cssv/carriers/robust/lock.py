"""What a reader must know of a received clip before it can read: the geometry, and the slots.

Three ways are tried, the cheapest first:

1. The own size, at its own place: the known chips of the data layer decide alone.
2. The own size with the pilot: crops, cuts and bars.
3. On request, all sizes.

What the pilot finds is improved by the known chips, and must be confirmed by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from cssv.carriers.robust.chip_score import ChipScore
from cssv.carriers.robust.climb import climb
from cssv.carriers.robust.data_layer import BLOCK, DataLayer
from cssv.carriers.robust.geometry import PERIOD_S, Geometry
from cssv.carriers.robust.keys import check_key
from cssv.carriers.robust.lattice import MOST_BLOCKS, BlockArea
from cssv.carriers.robust.pilot import SLOT_S
from cssv.carriers.robust.resampling import resample
from cssv.carriers.robust.search import MOST_FRAMES, check_frames, choose_frames, find_geometry
from cssv.carriers.robust.slot_search import PHASES, SlotClock, find_clock
from cssv.carriers.robust.steps import score_known_chips
from cssv.carriers.robust.transform import F32
from cssv.frames import U8

#: Least score of a pilot that the known chips may confirm. Noise has scores up to 7.
_LEAST_PILOT = 7.0
#: Frames that the slots are fitted to. A slot begins between two of them.
MOST_TIMED = 160
#: Pictures of the climb, and pixels of all of them together from which there are no more.
_CLIMB_FRAMES, _CLIMB_PIXELS = (12, 32), 1 << 23


@dataclass(frozen=True, slots=True)
class Lock:
    """The geometry of a received clip, and its slots.

    Attributes:
        geometry: of the received pictures. Its time scale and phase are those of the clock.
        clock: the slot of each received time, modulo 4.
    """

    geometry: Geometry
    clock: SlotClock

    @property
    def area(self) -> BlockArea:
        """The whole blocks of the sender that the clip shows."""
        return _area(self.geometry)

    def luma(self, received: U8) -> U8 | F32:
        """The blocks of :attr:`area` from a received picture.

        Args:
            received: luma of the received size. If no pixel has to be resampled, the result is a part of it,
                without a copy.

        Raises:
            FrameError: the picture has another size.
        """
        area = self.area
        region = BLOCK * area.left, BLOCK * area.top, BLOCK * area.columns, BLOCK * area.rows
        return resample(received, self.geometry, region)

    def slot(self, time: Fraction) -> int:
        """Number of the slot of a received time, from any origin; only its remainder modulo 4 is known."""
        return self.clock.slot(time)


def find_lock(
    lumas: Sequence[U8], times: Sequence[Fraction], key: bytes, *, full_search: bool
) -> Lock | None:
    """Find the geometry and the slots of a clip; None if it carries nothing that can be seen.

    Only the first 8 s are looked at. At least 4 s should be given.

    Args:
        lumas: received pictures of one size.
        times: of the pictures in seconds, not decreasing, from any origin.
        key: 32 bytes, that of the sender.
        full_search: try other sizes than the own one too.

    Raises:
        FrameError: the pictures are of different sizes, or have other shapes.
        OptionError: the key has the wrong length.
    """
    check_key(key)
    check_frames(lumas, times)
    chosen = choose_frames(times, MOST_TIMED)
    if not chosen:
        return None
    lumas, times = [lumas[i] for i in chosen], [times[i] for i in chosen]
    height, width = lumas[0].shape
    lock = _confirm(Geometry.identity(width, height), lumas, times, key)
    for own_size_only in (True, False) if full_search else (True,):
        if lock is not None:
            break
        found = find_geometry(lumas, times, key, own_size_only=own_size_only, least_score=_LEAST_PILOT)
        if found.geometry is not None:
            lock = _improve(found.geometry, lumas, times, key)
    return lock


def _improve(geometry: Geometry, lumas: Sequence[U8], times: Sequence[Fraction], key: bytes) -> Lock | None:
    """The lock by a geometry that the pilot gave, improved by the known chips."""
    area = _area(geometry)
    if not area.rows or not area.columns:
        return None
    count = int(np.clip(_CLIMB_PIXELS // lumas[0].size, *_CLIMB_FRAMES))
    some = _spread(len(lumas), count)
    score = ChipScore([lumas[i] for i in some], [times[i] for i in some], geometry, area, key)
    improved, _ = climb(geometry, score, score.noise)
    return _confirm(improved, lumas, times, key)


def _confirm(geometry: Geometry, lumas: Sequence[U8], times: Sequence[Fraction], key: bytes) -> Lock | None:
    """The lock with this geometry; None unless the known chips agree."""
    some = _spread(len(lumas), MOST_FRAMES)
    layer = DataLayer(_area(geometry), key)
    lock = Lock(geometry, SlotClock(0, 0.0))
    scores = {i: score_known_chips(layer, layer.coefficients(lock.luma(lumas[i]))) for i in some}
    known = int(layer.known.sum())
    clock = find_clock([times[i] for i in some], [scores[i] for i in some], known)
    if clock is None:
        return None
    if len(some) < len(lumas):
        # The frames in between tell more precisely where slots begin.
        rest = (i for i in range(len(lumas)) if i not in scores)
        scores |= {i: score_known_chips(layer, layer.coefficients(lock.luma(lumas[i]))) for i in rest}
        clock = find_clock(times, [scores[i] for i in range(len(lumas))], known) or clock
    phase_s = clock.phase / PHASES * float(SLOT_S) % float(PERIOD_S)
    return Lock(replace(geometry, time_scale=clock.time_scale, phase_s=phase_s), clock)


def _area(geometry: Geometry) -> BlockArea:
    left, top, columns, rows = geometry.blocks(BLOCK)
    return BlockArea(
        min(top, MOST_BLOCKS),
        min(left, MOST_BLOCKS),
        max(min(rows, MOST_BLOCKS - top), 0),
        max(min(columns, MOST_BLOCKS - left), 0),
    )


def _spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers from 0, evenly spaced."""
    return [int(i) for i in np.unique(np.linspace(0, count - 1, most).astype(int))]
