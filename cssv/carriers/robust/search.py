"""Search for the pilot in the frames of a received clip.

The picture's own size is tried first, which takes a fraction of a second. Then follow the sizes of a ladder.
Time and memory are bounded by the size of the picture and by the numbers of frames below, whatever the frames
show.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np

from cssv.carriers.robust.bars import find_content
from cssv.carriers.robust.correlation import (
    CELL,
    CELLS_RANGE,
    PLANE_CELLS,
    Peak,
    correlate,
    ladder,
    own_cells,
)
from cssv.carriers.robust.demodulation import demodulate
from cssv.carriers.robust.geometry import Geometry, Sides
from cssv.carriers.robust.keys import check_key
from cssv.carriers.robust.pilot import F32, SLOT_S
from cssv.carriers.robust.tiles_fit import fit_sides
from cssv.carriers.robust.timing import fit_timing
from cssv.errors import FrameError
from cssv.frames import SIDE_RANGE, U8

#: Least score of a pilot. Noise has scores up to 7. Scenes that flicker, and pilots of other keys, have one
#: phase in time, so that the noise lies in one direction of the complex plane; their scores are up to 8.7.
THRESHOLD = 9.0
#: A score from which no other size has to be tried.
_CERTAIN = 2 * THRESHOLD
#: Frames of a search: this many, evenly spaced over at most this time. Over a longer time, a clip whose speed
#: was changed loses the step with the slots.
MOST_FRAMES, SPAN_S = 48, Fraction(8)
#: Frames that the time is fitted to.
MOST_TIMED = 96
#: Least time. The pilot must change its sign at least once.
LEAST_S = 2 * SLOT_S
#: Cells of the demodulated picture; larger pictures are reduced first.
_MOST_CELLS = 1 << 19
#: Cells of width after which the ladder ends behind a certain peak.
_PAST = 8
#: Peaks of the ladder that are tried with sizes in between.
_PEAKS = 6
#: Part of the plane that offsets are positive in; beyond it, they are negative: bars, left or on top.
_POSITIVE = 0.8


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search.

    Attributes:
        geometry: of the clip; None if there is no pilot.
        score: of the best place, in units of the deviation of noise.
    """

    geometry: Geometry | None
    score: float


def find_geometry(
    lumas: Sequence[U8],
    times: Sequence[Fraction],
    key: bytes,
    *,
    own_size_only: bool = False,
    least_score: float = THRESHOLD,
) -> Found:
    """Find the pilot in frames of a clip; only their beginning is looked at.

    Args:
        lumas: frames of one size.
        times: of the frames in seconds, not decreasing.
        key: 32 bytes, that of the sender.
        own_size_only: try no other scale. Crops, cuts and bars are found.
        least_score: of a pilot. A reader that confirms what is found may ask for less.

    Raises:
        FrameError: the frames are of different sizes, or have other shapes.
        OptionError: the key has the wrong length.
    """
    check_key(key)
    check_frames(lumas, times)
    chosen = choose_frames(times, MOST_FRAMES)
    if not chosen:
        return Found(None, 0.0)
    some = [lumas[i] for i in chosen]
    height, width = some[0].shape
    reduction = math.ceil(math.sqrt(width * height / _MOST_CELLS))
    picture = demodulate(some, [float(times[i] - times[0]) for i in chosen], reduction)
    size = picture.shape[1] * reduction, picture.shape[0] * reduction
    sizes = [cells for cells in ladder(*size) if not own_size_only or cells[0] == own_cells(size[0])]
    peak = _best_peak(picture, sizes, key)
    if peak is None or peak.score < least_score:
        return Found(None, 0.0 if peak is None else peak.score)
    left, top, right, bottom = fit_sides(picture, peak.turn, _sides(peak), key)
    # The last pixels do not fill a cell.
    right = left + (right - left) * width / size[0]
    bottom = top + (bottom - top) * height / size[1]
    geometry = Geometry((width, height), (left, top, right, bottom), find_content(some))
    timed = choose_frames(times, MOST_TIMED)
    frames = [lumas[i] for i in timed], [times[i] for i in timed]
    return Found(fit_timing(*frames, geometry, key, reduction), peak.score)


def check_frames(lumas: Sequence[U8], times: Sequence[Fraction]) -> None:
    """Raise FrameError unless there are pictures of one size, each with a time."""
    if len(lumas) != len(times):
        raise FrameError("every frame needs a time", found=f"{len(lumas)} frames and {len(times)} times")
    for luma in lumas:
        if luma.ndim != 2 or luma.dtype != np.uint8 or luma.shape != lumas[0].shape:
            raise FrameError(
                "frames must be uint8 arrays of one size", found=f"shape {luma.shape}, {luma.dtype}"
            )
        if not all(SIDE_RANGE[0] <= side <= SIDE_RANGE[1] for side in luma.shape):
            raise FrameError("frame size is out of range", found=f"shape {luma.shape}")


def choose_frames(times: Sequence[Fraction], most: int) -> list[int]:
    """Frames of the first SPAN_S, evenly spaced; none if they last too short a time."""
    within = [i for i, time in enumerate(times) if 0 <= time - times[0] <= SPAN_S]
    if len(within) < 4 or times[within[-1]] - times[0] < LEAST_S * Fraction(3, 4):
        return []
    step = max(math.ceil(len(within) / most), 1)
    return within[::step]


def _best_peak(picture: F32, sizes: Iterable[tuple[int, int]], key: bytes) -> Peak | None:
    """The highest peak of these sizes, and of those beside the best of them."""
    peaks: list[Peak] = []
    for cells in sizes:
        peaks.append(correlate(picture, cells, key))
        best = max(peaks, key=lambda peak: peak.score)
        # The first rung that is high enough is not always the highest.
        if best.score >= _CERTAIN and abs(cells[0] - best.cells[0]) > _PAST:
            break
    peaks = sorted(peaks, key=lambda peak: -peak.score)[:_PEAKS]
    near = {cells for peak in peaks for cells in _neighbours(peak.cells)} - {peak.cells for peak in peaks}
    peaks += [correlate(picture, cells, key) for cells in sorted(near)]
    return max(peaks, key=lambda peak: peak.score, default=None)


def _neighbours(cells: tuple[int, int]) -> Iterator[tuple[int, int]]:
    low, high = CELLS_RANGE
    for x, y in product((-1, 0, 1), repeat=2):
        columns, rows = cells[0] + x, cells[1] + y
        if low <= min(columns, rows) and max(columns, rows) <= high:
            yield columns, rows


def _sides(peak: Peak) -> Sides:
    """Sides in sender pixels."""
    left, top = (at - PLANE_CELLS if at > _POSITIVE * PLANE_CELLS else at for at in (peak.left, peak.top))
    right, bottom = left + peak.cells[0], top + peak.cells[1]
    return CELL * left, CELL * top, CELL * right, CELL * bottom
