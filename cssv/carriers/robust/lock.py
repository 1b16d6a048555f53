"""What a reader must know of a received clip before it can read: the geometry, and the slots.

Three ways are tried, the cheapest first:

1. The own size, at its own place: the known chips of the data layer decide alone.
2. The own size with the pilot: crops, cuts and bars.
3. On request, all sizes.

What the pilot finds is improved by the known chips, and must be confirmed by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from cssv.carriers.robust.chip_score import ChipScore
from cssv.carriers.robust.climb import climb
from cssv.carriers.robust.data_layer import BLOCK, DataLayer
from cssv.carriers.robust.geometry import PERIOD_S, Geometry
from cssv.carriers.robust.keys import check_key
from cssv.carriers.robust.lattice import MOST_BLOCKS, BlockArea
from cssv.carriers.robust.pilot import PLANE, SLOT_S
from cssv.carriers.robust.resampling import resample
from cssv.carriers.robust.search import (
    MOST_FRAMES,
    THRESHOLD,
    Found,
    check_frames,
    choose_frames,
    find_geometry,
)
from cssv.carriers.robust.slot_search import LEAST_SIGMAS, PHASES, SlotClock, find_clock
from cssv.carriers.robust.steps import score_known_chips
from cssv.carriers.robust.transform import F32, F64
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

    def with_clock(self, clock: SlotClock) -> Lock:
        """The same geometry with other slots."""
        phase_s = clock.phase / PHASES * float(SLOT_S) % float(PERIOD_S)
        return Lock(replace(self.geometry, time_scale=clock.time_scale, phase_s=phase_s), clock)

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
    lock = confirm(Geometry.identity(width, height), lumas, times, key)
    for own_size_only in (True, False) if full_search else (True,):
        if lock is not None:
            break
        found = find_geometry(lumas, times, key, own_size_only=own_size_only, least_score=_LEAST_PILOT)
        for geometry in _places(found):
            lock = confirm(improve(geometry, lumas, times, key), lumas, times, key)
            if lock is not None:
                break
    return lock


def improve(geometry: Geometry, lumas: Sequence[U8], times: Sequence[Fraction], key: bytes) -> Geometry:
    """A geometry that the pilot gave, improved by the known chips; the arguments are those of a search."""
    area = _area(geometry)
    if not area.rows or not area.columns:
        return geometry
    some = _spread(len(lumas), int(np.clip(_CLIMB_PIXELS // lumas[0].size, *_CLIMB_FRAMES)))
    score = ChipScore([lumas[i] for i in some], [times[i] for i in some], geometry, area, key)
    return climb(geometry, score, score.noise)[0]


def confirm(
    geometry: Geometry,
    lumas: Sequence[U8],
    times: Sequence[Fraction],
    key: bytes,
    least_sigmas: float = LEAST_SIGMAS,
) -> Lock | None:
    """The lock with this geometry; None unless the known chips agree.

    Args:
        geometry: of the pictures.
        lumas: received pictures of one size, at least one.
        times: of the pictures.
        key: 32 bytes.
        least_sigmas: bound of the score of the clock.
    """
    layer = DataLayer(_area(geometry), key)
    unclocked = Lock(geometry, SlotClock(0, 0.0))

    def score(at: int) -> F64:
        return score_known_chips(layer, layer.coefficients(unclocked.luma(lumas[at])))

    known = int(layer.known.sum())
    if not known:
        return None
    scores = {i: score(i) for i in _spread(len(lumas), MOST_FRAMES)}
    clock = find_clock([times[i] for i in scores], list(scores.values()), known, least_sigmas)
    if clock is None:
        return None
    if len(scores) < len(lumas):
        # The frames in between tell more precisely where slots begin.
        every = [scores[i] if i in scores else score(i) for i in range(len(lumas))]
        clock = find_clock(times, every, known, least_sigmas) or clock
    return unclocked.with_clock(clock)


def _places(found: Found) -> Iterator[Geometry]:
    """The geometry that was found, and those that the pilot cannot tell from it, because it repeats."""
    geometry = found.geometry
    if geometry is None:
        return
    yield geometry
    if found.score >= THRESHOLD:
        left, top, right, bottom = geometry.sides
        for x, y in ((PLANE, 0), (0, PLANE), (PLANE, PLANE)):
            yield replace(geometry, sides=(left + x, top + y, right + x, bottom + y))


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
