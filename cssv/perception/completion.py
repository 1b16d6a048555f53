"""Completion of cut boxes: centre and size of the whole object from the sides that are in the picture.

A smoother over the boxes that are not cut estimates the size of the object in the other frames, too, and the
covariance of that size. The visible side and half of this size give the centre. The error of the size is
nearly the same in successive frames, so it is not treated as noise of the measurements: the filter follows
the centre with this error, and the covariance of the error is added to the result. Where cut frames begin and
end, the error begins and ends too: there the filter expects a jump of that covariance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from cssv.boxes import F64, from_centres
from cssv.perception.adaptation import ScaleBank
from cssv.perception.cut_boxes import CutBoxes, Size, cut_sides_of_track, whole_centres
from cssv.perception.disturbances import find
from cssv.perception.kinematics import Bools, kalman_filter, rts_smoother
from cssv.perception.smoothing import Batch, Noise, State, Tracklet, batches, local_heights, seen_rows

#: Prior standard deviation of the relative change of an object's size, 1/s.
SIZE_RATE = 0.5
#: An object that is cut in all frames has at least its largest visible size. This is the standard deviation
#: of the whole size, as a share of the visible one.
UNKNOWN_SIZE = 0.5

_NO_BANKS: Mapping[int, ScaleBank] = MappingProxyType({})


def complete(
    tracklets: Sequence[Tracklet],
    noise: Noise,
    size: Size | None,
    banks: Mapping[int, ScaleBank] = _NO_BANKS,
) -> tuple[list[Tracklet], dict[int, ScaleBank]]:
    """Replace cut boxes by estimates of the whole objects; tracklets without cut boxes are not changed.

    Args:
        tracklets: measurements of the objects.
        noise: noise of the typical object.
        size: of the picture; None if it is not known, then no box is cut.
        banks: by id, the states after earlier frames that are not part of a tracklet.

    Returns:
        The tracklets in the given order, and the banks, moved by the change of the estimated sizes.
    """
    moved = dict(banks)
    if size is None:
        return list(tracklets), moved
    cut = {}
    for tracklet in tracklets:
        sides = _sides(tracklet, size)
        bank = banks.get(tracklet.id)
        if sides.any() or (bank is not None and bank.cut.signs.any()):
            cut[tracklet.id] = _Cut.from_tracklet(tracklet, sides, size, noise, bank)
    found: dict[int, Tracklet] = {}
    for group in batches([own.measured for own in cut.values()]):
        problem = Batch.from_tracklets(group).problem(noise)
        for k, tracklet in enumerate(group):
            # Few whole boxes give no rate of the size, and objects change their size slowly.
            if tracklet.start is None:
                own = slice(4 * k + 2, 4 * k + 4)
                problem.start.vv[own] = np.minimum(
                    problem.start.vv[own], (SIZE_RATE * cut[tracklet.id].largest_px) ** 2
                )
        # One false box among a few whole ones would give a false rate of the size for all cut frames.
        problem = find(problem).applied(problem)
        states = rts_smoother(kalman_filter(problem), problem)
        for k, tracklet in enumerate(group):
            rows = np.s_[: len(tracklet), 4 * k + 2 : 4 * k + 4]
            sizes = _Sizes(*(number[rows] for number in states.numbers()))
            bank = banks.get(tracklet.id)
            found[tracklet.id] = cut[tracklet.id].completed(sizes, noise, bank)
            if bank is not None:
                moved[tracklet.id] = _moved(bank, found[tracklet.id])
    return [found.get(tracklet.id, tracklet) for tracklet in tracklets], moved


def whole_boxes(tracklets: Sequence[Tracklet], size: Size | None) -> list[Tracklet]:
    """Remove the cut boxes, and the tracklets with nothing else; the others are not changed."""
    if size is None:
        return list(tracklets)
    found = []
    for tracklet in tracklets:
        cut: Bools = np.asarray(_sides(tracklet, size).any(axis=1))
        if cut.any():
            centres = np.where(cut[:, None], np.nan, tracklet.centres_px)
            rows = np.flatnonzero(seen_rows(centres))
            if not len(rows):
                continue
            # Frames before the first box have no height.
            tracklet = _part(replace(tracklet, centres_px=centres), slice(int(rows[0]), int(rows[-1]) + 1))
        found.append(tracklet)
    return found


def until(completed: Tracklet, tracklet: Tracklet) -> Tracklet:
    """Take the values of ``tracklet``, which is part of ``completed`` or longer, from that one."""
    assert completed.cut is not None
    n, known = len(tracklet), min(len(tracklet), len(completed))
    centres, heights = tracklet.centres_px.copy(), local_heights(tracklet).copy()
    centres[:known] = completed.centres_px[:known]
    heights[:known] = local_heights(completed)[:known]
    return replace(tracklet, centres_px=centres, heights_px=heights, cut=completed.cut.until(n))


def _part(tracklet: Tracklet, span: slice) -> Tracklet:
    return Tracklet(
        tracklet.id,
        tracklet.label,
        tracklet.numbers[span],
        tracklet.times_s[span],
        tracklet.centres_px[span],
        tracklet.scores[span],
    )


def _sides(tracklet: Tracklet, size: Size) -> Bools:
    """(n, 4) the cut sides; none in frames without a detection."""
    return cut_sides_of_track(from_centres(tracklet.centres_px), size)


@dataclass(frozen=True, slots=True, eq=False)
class _Sizes:
    """Estimated width and height in each frame, (n, 2): value, rate and their covariance."""

    x: F64
    v: F64
    xx: F64
    xv: F64
    vv: F64


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A tracklet with cut boxes.

    Attributes:
        tracklet: the tracklet as detected.
        measured: the same, with weight 0 for the axes in which a box is cut.
        sides: (n, 4) the cut sides.
        signs: (n, 2) as in :class:`CutBoxes`; the last known one in frames that do not tell.
        before: (2,) signs before the first frame.
        largest_px: (2,) largest visible width and height.
        size: of the picture.
    """

    tracklet: Tracklet
    measured: Tracklet
    sides: Bools
    signs: F64
    before: F64
    largest_px: F64
    size: Size

    @classmethod
    def from_tracklet(
        cls, tracklet: Tracklet, sides: Bools, size: Size, noise: Noise, bank: ScaleBank | None
    ) -> _Cut:
        """Find the signs, and leave out the cut axes from the measurements."""
        centres = tracklet.centres_px
        low, high = sides[:, :2], sides[:, 2:]
        is_cut = low | high
        known = seen_rows(centres)[:, None] & ~(low & high)
        before = None if bank is None else bank.cut.signs
        signs = _filled(high.astype(np.float64) - low, known, before)
        heights = _whole_heights(tracklet, is_cut[:, 1])
        largest = np.fmax.reduce(centres[:, 2:], axis=0, initial=1.0)
        start = tracklet.start if bank is None else bank.state(np.zeros(4, dtype=np.int64))
        cut = CutBoxes.none(len(tracklet), 1)
        cut.weight[:, 0] = ~np.tile(is_cut, 2)
        for k in (0, 1):
            is_whole: Bools = known[:, k] & ~is_cut[:, k]
            if is_cut[:, k].any() and not is_whole.any() and not _knows_size(start, 2 + k, largest[k]):
                # A size that is never seen whole needs some value, and a wide variance.
                row, doubt = int(np.nanargmax(centres[:, 2 + k])), UNKNOWN_SIZE * largest[k]
                cut.weight[row, 0, 2 + k] = (noise.measurement[2 + k] * heights[row] / doubt) ** 2
                start = _without_size(start, 2 + k, largest[k])
        measured = replace(tracklet, heights_px=heights, cut=cut, start=start, flow_px_s=None)
        return cls(tracklet, measured, sides, signs, signs[0] if before is None else before, largest, size)

    def completed(self, sizes: _Sizes, noise: Noise, bank: ScaleBank | None) -> Tracklet:
        """Build the tracklet with whole boxes from the estimated sizes."""
        n = len(self.tracklet)
        boxes = from_centres(self.tracklet.centres_px)
        low, high = self.sides[:, :2], self.sides[:, 2:]
        is_cut = low | high
        whole = np.where(is_cut, np.fmax(sizes.x, boxes[:, 2:]), np.maximum(sizes.x, 1.0))
        centres = self.tracklet.centres_px.copy()
        rows = is_cut.any(axis=1)
        centres[rows] = whole_centres(boxes[rows], self.sides[rows], sizes.x[rows])
        cut = CutBoxes.none(n, 1)
        x, y, w, h = np.square(noise.measurement)
        # A side has the errors of the centre and of half the size.
        share = np.array([x / (x + w / 4), y / (y + h / 4)])
        cut.weight[:, 0, :2] = np.where(is_cut, np.where(low & high, 0.0, share), 1.0)
        cut.weight[:, 0, 2:] = ~is_cut
        x, y, w, h = noise.process
        cut.growth[:, 0, :2] = 1 + self.signs**2 * np.array([w / x, h / y]) / 4
        cut.signs[:, 0], cut.sizes_px[:, 0], cut.sides[:, 0] = self.signs, whole, self.sides
        cut.visible_px[:, 0], cut.picture_px[:] = boxes, self.size
        cut.place_px2[:, 0] = self.signs**2 * sizes.xx / 4
        cut.rate_px2_s2[:, 0] = self.signs**2 * sizes.vv / 4
        cut.size_rates_px_s[:, 0] = sizes.v
        self._add_jumps(cut, sizes, bank)
        heights = self.measured.heights_px
        return replace(self.tracklet, centres_px=centres, heights_px=heights, cut=cut)

    def _add_jumps(self, cut: CutBoxes, sizes: _Sizes, bank: ScaleBank | None) -> None:
        """Add the variances of the error of the size to the steps where it begins or ends."""
        times = self.tracklet.times_s
        start = times[0] if bank is None else bank.time_s
        dt = np.diff(times, prepend=start)[:, None]
        change = np.diff(self.signs, axis=0, prepend=self.before[None])
        # The middle of the step lies after the frame before, or before the frame itself: the one that is cut.
        is_end = self.signs == 0
        row = np.where(
            is_end, np.maximum(np.arange(len(times)) - 1, 0)[:, None], np.arange(len(times))[:, None]
        )
        half = np.where(is_end & (np.arange(len(times)) > 0)[:, None], dt, -dt) / 2
        xx, xv, vv = (np.take_along_axis(number, row, axis=0) for number in (sizes.xx, sizes.xv, sizes.vv))
        cut.place[:, 0, :2] = change**2 * np.maximum(xx + 2 * half * xv + half**2 * vv, 0.0) / 4
        cut.rate[:, 0, :2] = change**2 * vv / 4


def _knows_size(start: State | None, channel: int, visible_px: float) -> bool:
    """True if the frames before the window gave a better size than the visible part gives."""
    if start is None:
        return False
    known_px = max(visible_px, float(start.x[channel, 0]))
    return float(start.P[channel, 0, 0]) < (UNKNOWN_SIZE * known_px) ** 2


def _without_size(start: State | None, channel: int, visible_px: float) -> State | None:
    """Replace a size that no frame before the window measured by the prior."""
    if start is None:
        return None
    x, P = start.x.copy(), start.P.copy()
    x[channel] = visible_px, 0.0
    P[channel] = np.diag([P[channel, 0, 0], (SIZE_RATE * visible_px) ** 2])
    return replace(start, x=x, P=P)


def _filled(signs: F64, known: Bools, before: F64 | None) -> F64:
    """(n, 2) signs with the last known one where they are not ``known``; ``before`` are those before."""
    filled = np.empty_like(signs)
    for k in (0, 1):
        rows = np.flatnonzero(known[:, k])
        last = np.searchsorted(rows, np.arange(len(signs)), side="right") - 1
        first = signs[rows[0], k] if len(rows) else 0.0
        earlier = first if before is None else before[k]
        filled[:, k] = np.where(last < 0, earlier, signs[rows[last], k]) if len(rows) else earlier
    return filled


def _whole_heights(tracklet: Tracklet, is_cut: Bools) -> F64:
    """(n,) heights that scale the noise, as :func:`local_heights`, of the whole object."""
    if not is_cut.any():
        return local_heights(tracklet)
    heights = tracklet.centres_px[:, 3]
    whole = np.flatnonzero(seen_rows(tracklet.centres_px) & ~is_cut)
    # The nearest whole boxes, because the height of the visible part would make the noise too small.
    level = np.interp(np.arange(len(heights)), whole, heights[whole]) if len(whole) else np.nanmax(heights)
    centres = tracklet.centres_px.copy()
    centres[:, 3] = np.where(is_cut, np.maximum(heights, level), heights)
    local = local_heights(replace(tracklet, centres_px=centres, heights_px=None))
    return local if tracklet.heights_px is None else np.maximum(local, tracklet.heights_px)


def _moved(bank: ScaleBank, completed: Tracklet) -> ScaleBank:
    """Move the centres of a bank by the change of the estimated size since it was stored."""
    cut, before = completed.cut, bank.cut
    if cut is None or not before.signs.any():
        return bank
    size, rate = cut.sizes_px[0, 0], cut.size_rates_px_s[0, 0]
    step = float(completed.times_s[0]) - bank.time_s
    x, v = bank.states.x.copy(), bank.states.v.copy()
    x[:, :2] += before.signs * (size - step * rate - before.sizes_px) / 2
    v[:, :2] += before.signs * (rate - before.size_rates_px_s) / 2
    return replace(bank, states=replace(bank.states, x=x, v=v))
