"""Boxes that the edge of the picture cuts: which sides are cut, and what such a box still measures.

The visible part of an object that leaves the picture shrinks. Its centre moves at half the speed of the
object, so it is no measurement of the object's motion. The side within the picture is one: with the size that
the object had before, it gives the centre of the whole object (:mod:`cssv.perception.completion`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from cssv.boxes import F64
from cssv.perception.kinematics import Bools, Problem

#: Width and height of a picture in pixels.
Size = tuple[int, int]
#: A side of a box is cut if it is this near to the edge of the picture: the larger of a number of pixels and
#: a share of the picture's longer side ...
EDGE_PX, EDGE_SHARE = 2.0, 0.005
#: ... plus this share of the box's own size, because errors of detectors grow with the box.
EDGE_BOX_SHARE = 0.02

#: Factor on this distance, and number of successive boxes, for sides beside those of a cut box.
NEIGHBOUR_FACTOR, NEIGHBOUR_BOXES = 2.5, 5


def cut_sides(boxes_px: F64, size: Size, factor: float = 1.0) -> Bools:
    """(..., 4) True for the sides left, top, right, bottom of boxes (..., 4) that the picture's edge cuts.

    A side further outside is not cut: such a box is an estimate of the whole object. The largest distance is
    multiplied by ``factor``.
    """
    near = factor * (max(EDGE_PX, EDGE_SHARE * max(size)) + EDGE_BOX_SHARE * boxes_px[..., 2:])
    low = np.abs(boxes_px[..., :2]) <= near
    high = np.abs(boxes_px[..., :2] + boxes_px[..., 2:] - np.array(size)) <= near
    return np.concatenate([low, high], axis=-1)


def cut_sides_of_track(boxes_px: F64, size: Size) -> Bools:
    """(n, 4) the cut sides of successive boxes (n, 4) of one object; none in rows of NaN.

    Some detectors leave a few pixels to the edge in some frames. So a side counts as cut at a larger
    distance, too, if it was or will be cut a few frames away and stays near the edge until then.
    """
    with np.errstate(invalid="ignore"):
        cut, near = cut_sides(boxes_px, size), cut_sides(boxes_px, size, NEIGHBOUR_FACTOR)
    seen = np.flatnonzero(~np.isnan(boxes_px[:, 0]))
    own, near = cut[seen], near[seen]
    for _ in range(NEIGHBOUR_BOXES if own.any() else 0):
        own[1:] |= near[1:] & own[:-1]
        own[:-1] |= near[:-1] & own[1:]
    cut[seen] = own
    return cut


def visible_parts(boxes_px: F64, size: Size) -> F64:
    """(n, 4) the parts of boxes x, y, w, h in the picture; at least one pixel at the nearest edge."""
    limit = np.array(size, dtype=np.float64)
    low = np.clip(boxes_px[:, :2], 0.0, limit - 1)
    high = np.clip(boxes_px[:, :2] + boxes_px[:, 2:], low + 1, limit)
    return np.concatenate([low, high - low], axis=1)


def whole_centres(boxes_px: F64, sides: Bools, sizes_px: F64) -> F64:
    """Complete cut boxes (n, 4) by the sizes (n, 2) of the whole objects: centre x, centre y, w, h.

    An axis without a cut side is not changed. If both sides are cut, the centre is that of the visible part.
    """
    low, high = sides[:, :2], sides[:, 2:]
    near, visible = boxes_px[:, :2], boxes_px[:, 2:]
    # The whole object is never smaller than its visible part.
    whole = np.where(low | high, np.fmax(sizes_px, visible), visible)
    centre = near + visible / 2
    centre = np.where(high & ~low, near + whole / 2, centre)
    centre = np.where(low & ~high, near + visible - whole / 2, centre)
    return np.concatenate([centre, whole], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class CutState:
    """Signs, sizes and their rates after a step, (2,) each, as in :class:`CutBoxes`."""

    signs: F64
    sizes_px: F64
    size_rates_px_s: F64


#: State of an object that is not cut.
WHOLE = CutState(np.zeros(2), np.zeros(2), np.zeros(2))


@dataclass(frozen=True, slots=True, eq=False)
class CutBoxes:
    """How the boxes of T steps of B tracklets are measured, where some are cut.

    The filter of an axis follows ``centre + sign * error``: in steps with a sign, the centre is computed from
    one side and an estimated size, and ``error`` is half of the error of that size.

    Attributes:
        weight: (T, B, 4) factors on the inverse variances of the channels; 0 where nothing is measured.
        growth: (T, B, 4) factors on the process noise: the size of a cut box changes unseen.
        place, rate: (T, B, 4) variances of jumps of value and rate in the middle of the step to this frame,
            where the sign changes.
        signs: (T, B, 2) 1 where only the left or upper side measures the axis, -1 where only the right or
            lower one does, else 0.
        sizes_px, size_rates_px_s: (T, B, 2) estimated width and height of the whole object, and their rates.
        place_px2, rate_px2_s2: (T, B, 2) variances of ``sign * error`` and of its rate.
        sides: (T, B, 4) the cut sides.
        visible_px: (T, B, 4) the measured boxes x, y, w, h; NaN without a detection.
        picture_px: (T, B, 2) width and height of the picture.
    """

    weight: F64
    growth: F64
    place: F64
    rate: F64
    signs: F64
    sizes_px: F64
    size_rates_px_s: F64
    place_px2: F64
    rate_px2_s2: F64
    sides: Bools
    visible_px: F64
    picture_px: F64

    @classmethod
    def none(cls, steps: int, count: int) -> CutBoxes:
        """Create an object without cut boxes."""
        four, two = (steps, count, 4), (steps, count, 2)
        return cls(
            np.ones(four),
            np.ones(four),
            np.zeros(four),
            np.zeros(four),
            np.zeros(two),
            np.zeros(two),
            np.zeros(two),
            np.zeros(two),
            np.zeros(two),
            np.zeros(four, dtype=np.bool_),
            np.full(four, np.nan),
            np.full(two, np.inf),
        )

    @classmethod
    def beside(cls, parts: Sequence[CutBoxes | None], steps: int) -> CutBoxes:
        """Combine single tracklets, padded at the end to ``steps``; None means no cut boxes."""
        joined = cls.none(steps, len(parts))
        for column, part in enumerate(parts):
            if part is not None:
                for name in _NAMES:
                    own = getattr(part, name)
                    getattr(joined, name)[: len(own), column] = own[:, 0]
        return joined

    def last(self) -> CutState:
        """Return the state after the last step of one tracklet."""
        return CutState(self.signs[-1, 0], self.sizes_px[-1, 0], self.size_rates_px_s[-1, 0])

    def until(self, steps: int) -> CutBoxes:
        """Select the first ``steps`` steps of one tracklet; steps after the last one have no detection."""
        known = min(steps, len(self.weight))
        found = CutBoxes.beside([CutBoxes(*(getattr(self, name)[:known] for name in _NAMES))], steps)
        # Without a detection nothing tells that the sign has changed.
        for name in ("signs", "growth", "sizes_px", "size_rates_px_s"):
            getattr(found, name)[known:] = getattr(self, name)[known - 1]
        return found

    def widened(self, xx: F64, vv: F64) -> tuple[F64, F64]:
        """Add the errors of the sizes of one tracklet to the variances (n, 4) of value and rate."""
        xx, vv = xx.copy(), vv.copy()
        xx[:, :2] += self.place_px2[:, 0]
        vv[:, :2] += self.rate_px2_s2[:, 0]
        return xx, vv

    def visible(self, centres_px: F64, boxes_px: F64) -> F64:
        """Cut the smoothed boxes (n, 4) of one tracklet with these centres (n, 2) as they were measured."""
        low, high = boxes_px[:, :2].copy(), boxes_px[:, :2] + boxes_px[:, 2:]
        half = self.sizes_px[:, 0] / 2
        signs, sides, seen = self.signs[:, 0], self.sides[:, 0], self.visible_px[:, 0]
        # The side that is measured, with the size that the centre was computed with.
        low = np.where(signs > 0, centres_px - half, low)
        high = np.where(signs < 0, centres_px + half, high)
        low = np.where(sides[:, :2], seen[:, :2], low)
        high = np.where(sides[:, 2:], seen[:, :2] + seen[:, 2:], high)
        # Between detections, what is outside of the picture is not visible either.
        between = np.isnan(seen[:, :1])
        low = np.where(between, np.maximum(low, 0.0), low)
        high = np.where(between, np.minimum(high, self.picture_px[:, 0]), high)
        return np.concatenate([low, high - low], axis=1)

    def applied(self, problem: Problem) -> Problem:
        """Change weights and noise of a problem as the cut boxes require."""
        shape = problem.z.shape
        weight, growth, place, rate = (
            number.reshape(len(number), -1)[: shape[0]]
            for number in (self.weight, self.growth, self.place, self.rate)
        )
        half = problem.dt_s / 2
        q, qv, qvv = problem.noise
        noise = q * growth + place + half**2 * rate, qv * growth + half * rate, qvv * growth + rate
        return replace(problem, weight=problem.weight * weight, noise=noise)


_NAMES = tuple(field.name for field in fields(CutBoxes))
