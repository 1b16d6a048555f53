"""Multi-object tracking: assign an identity to each detection, one frame at a time.

Each object has a Kalman filter (:mod:`cssv.perception.kinematics`) that predicts its box in the current
frame. The Hungarian method assigns boxes to objects; it minimises the sum of ``(1 - IoU) + 0.04 d²``, where d
is the Mahalanobis distance. Boxes with a high score are assigned first, as in ByteTrack (Zhang et al., ECCV
2022). Boxes with a low score can only continue an object. If the camera motion is known, it is applied to the
predicted boxes before the comparison. A box at the edge of the picture is compared with the visible parts of
the predicted boxes. All ages are in seconds and all distances in box heights, so that the
settings are valid for any frame rate and picture size.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from scipy.optimize import linear_sum_assignment

from cssv.boxes import F64, I64, UNKNOWN_ID, overlaps, overlaps_of_pairs, to_centres
from cssv.errors import InputError
from cssv.perception.camera import CameraMotion
from cssv.perception.cut_boxes import Size, cut_sides, visible_parts
from cssv.perception.detections import Detections
from cssv.perception.evidence import ScoreScale, evidence
from cssv.perception.kinematics import Bools
from cssv.perception.labels import unfit
from cssv.perception.selection import STEADY_SCORE
from cssv.perception.smoothing import Noise
from cssv.perception.sparse_pairs import DENSE_PAIRS, cheapest_matching, near_pairs, overlapping_pairs
from cssv.perception.tracked_objects import TrackedObjects

#: Boxes with at least this share of the clip's typical evidence (:mod:`cssv.perception.evidence`) have a high
#: score: they are assigned first, and only they start a new object.
HIGH_SHARE = 0.35
#: A box whose IoU with an assigned box is above this starts no object: it is a duplicate detection.
DUPLICATE_IOU = 0.4
#: The same bound for boxes of different labels, because some networks report one object under two labels.
OTHER_LABEL_IOU = 0.85
#: Cost added to 1 - IoU if the label of the box is none of those of the object.
LABEL_COST = 0.5
#: An object without a detection for this long is dropped ...
PATIENCE_S = 1.0
#: ... but never before this many frames have passed, so that low frame rates work too.
PATIENCE_FRAMES = 2.5
#: Weight of the squared Mahalanobis distance relative to 1 - IoU.
DISTANCE_WEIGHT = 0.04
#: Largest squared Mahalanobis distance: 95 % of the four-dimensional normal distribution.
GATE = 9.5
#: Largest cost of an accepted pair of box and object.
COST_LIMIT = 1.0
#: Process noise of the association in h²/s³ while that of the clip is not known ...
PROCESS_NOISE = 0.1
#: ... and the least one of a known clip. How steadily objects move differs by a factor of a hundred between a
#: still camera and one on a vehicle, so that no constant fits both.
LEAST_PROCESS_NOISE = 0.01
_FORBIDDEN = 1e6


class Tracker:
    """Multi-object tracker for the frames of one clip or stream.

    Memory use: the state of the current objects, and one number per object that was dropped.

    Args:
        high_share: see :data:`HIGH_SHARE`.
        patience_s: see :data:`PATIENCE_S`.
        noise: noise of the clip's typical object, as for the smoother; only its process noise is used. None
            if it is not known yet.
        size: width and height of the picture; None if they are not known, then no box counts as cut by the
            edge of the picture.
    """

    def __init__(
        self,
        *,
        high_share: float = HIGH_SHARE,
        patience_s: float = PATIENCE_S,
        size: Size | None = None,
        noise: Noise | None = None,
    ) -> None:
        self.high_share = high_share
        self._size = size
        self.patience_s = patience_s
        self._q = np.full(4, PROCESS_NOISE)
        if noise is not None:
            self.set_noise(noise)
        self._objects = TrackedObjects.none()
        self._time_s: float | None = None
        self._numbers = itertools.count(1)
        self.scale = ScoreScale()
        self._issued: set[int] = set()
        self._given: dict[int, int] = {}

    def set_noise(self, noise: Noise) -> None:
        """Use the process noise of this estimate from now on."""
        self._q = np.maximum(noise.process, LEAST_PROCESS_NOISE)

    def repeated(self, noise: Noise) -> Tracker:
        """Create a tracker for a second pass over the same frames: with this noise."""
        return Tracker(
            high_share=self.high_share,
            patience_s=self.patience_s,
            size=self._size,
            noise=noise,
        )

    @property
    def alive(self) -> I64:
        """Ids of the objects that new detections can still continue."""
        return self._objects.ids.copy()

    def uncertain(self, scores: F64) -> F64:
        """Select the scores that are too low to start an object."""
        return scores[scores < min(STEADY_SCORE, self.scale.score(self.high_share))]

    def update(
        self, time_s: Fraction | float, detections: Detections, camera: CameraMotion | None = None
    ) -> I64:
        """Assign an identity to each detection of the next frame.

        Args:
            time_s: time of the frame, later than that of the previous frame.
            detections: the detections of the frame. A detection with an id continues the object of that id.
            camera: motion of the still scene since the previous frame; None if it is not known.

        Returns:
            int64 (n,): the identity of each detection; -1 for one with a low score that continues no object.

        Raises:
            InputError: the time is not later than that of the previous frame.
        """
        now = float(time_s)
        self._advance(now, camera)
        self.scale.learn(detections.scores)
        high = detections.scores >= self.scale.score(self.high_share)
        centres = to_centres(detections.boxes_px)
        rows = self._assign(detections, centres, high)
        found = np.flatnonzero(rows >= 0)
        objects = self._objects
        objects.update(rows[found], centres[found], now)
        objects.weak[rows[high & (rows >= 0)]] = False
        identities = np.full(len(detections), UNKNOWN_ID, dtype=np.int64)
        identities[found] = objects.ids[rows[found]]
        begin = self._newcomers(detections, rows, high)
        # Given ids first, so that no new number of this frame takes one of them.
        for k in begin[np.argsort(detections.ids[begin] < 0, kind="stable")]:
            identities[k] = self._identity(int(detections.ids[k]))
        rows[begin] = len(objects) + np.arange(len(begin))
        is_given = detections.ids[begin] >= 0
        objects.add(identities[begin], is_given, ~(high[begin] | is_given), now, centres[begin])
        self._vote(detections, rows)
        return identities

    def _cut(self, detections: Detections, predicted_px: F64) -> tuple[I64, F64]:
        """Rows of the boxes that the edge of the picture cuts, and what of the predicted boxes is visible."""
        if self._size is None:
            return np.empty(0, dtype=np.int64), predicted_px
        cut = np.flatnonzero(cut_sides(detections.boxes_px, self._size).any(axis=1))
        return cut, visible_parts(predicted_px, self._size) if len(cut) else predicted_px

    def _vote(self, detections: Detections, rows: I64) -> None:
        """Add the labels of the detections to those of their objects; ``rows`` is -1 for no object."""
        worth = evidence(detections.scores).tolist()
        for k, row in enumerate(rows.tolist()):
            if row >= 0:
                self._objects.labels[row].add(detections.labels[k], worth[k])

    def _advance(self, now: float, camera: CameraMotion | None) -> None:
        """Predict the objects at the time ``now`` and drop those without a recent detection."""
        objects = self._objects
        if self._time_s is not None:
            step = now - self._time_s
            if not step > 0:
                # A step of 0 s or less would make the process noise zero or negative.
                raise InputError("frame times must increase", found=now, bound=f"above {self._time_s} s")
            objects.predict(step, self._q)
            if camera is not None and not camera.is_still:
                objects.move(camera)
            # At a low frame rate the limit in seconds alone would drop an object after a single miss.
            objects.keep(now - objects.last_seen_s <= max(self.patience_s, PATIENCE_FRAMES * step))
        self._time_s = now

    def _newcomers(self, detections: Detections, rows: I64, high: Bools) -> I64:
        """Positions of the detections that start an object: unassigned, certain, and no duplicates."""
        sure = high | (detections.scores >= STEADY_SCORE)
        begin = np.flatnonzero((rows < 0) & (sure | (detections.ids >= 0)))
        known = np.flatnonzero(rows >= 0)
        if not (len(begin) and len(known)):
            return begin
        # A given id is exact information, so such a box starts an object even if it overlaps another.
        twice = self._duplicates(detections, begin, known)
        new: I64 = begin[~twice | (detections.ids[begin] >= 0)]
        return new

    def _duplicates(self, detections: Detections, begin: I64, known: I64) -> Bools:
        """(n,) True for each box of ``begin`` that shows the same object as one of ``known``."""
        labels, boxes = np.array(detections.labels), detections.boxes_px
        if len(begin) * len(known) > DENSE_PAIRS:
            i, j = overlapping_pairs(boxes[begin], boxes[known])
            shared = overlaps_of_pairs(boxes[begin[i]], boxes[known[j]])
            is_same = labels[begin[i]] == labels[known[j]]
            twice = np.zeros(len(begin), dtype=np.bool_)
            twice[i[shared > np.where(is_same, DUPLICATE_IOU, OTHER_LABEL_IOU)]] = True
            return twice
        shared = overlaps(boxes[begin], boxes[known])
        pairs = shared > np.where(labels[begin, None] == labels[known], DUPLICATE_IOU, OTHER_LABEL_IOU)
        return np.asarray(pairs.any(axis=1))

    def _identity(self, given: int) -> int:
        """Choose the identity of a new object: its given id, or a new number if that id is in use."""
        # An object that was dropped and returns with its given id keeps its identity.
        if given in self._given:
            return self._given[given]
        identity = given
        # Ids from a detector and numbers of this tracker share one range and can collide.
        if given < 0 or given in self._issued:
            identity = next(self._numbers)
            while identity in self._issued:
                identity = next(self._numbers)
        self._issued.add(identity)
        if given >= 0:
            self._given[given] = identity
        return identity

    def _assign(self, detections: Detections, centres_px: F64, high: Bools) -> I64:
        """(n,) row of the object that each detection continues; -1 if it continues none."""
        objects = self._objects
        rows = np.full(len(detections), -1, dtype=np.int64)
        where = {identity: row for row, identity in enumerate(objects.ids.tolist()) if objects.given[row]}
        # Given ids need no comparison of boxes.
        for k in np.flatnonzero(detections.ids >= 0):
            identity = int(detections.ids[k])
            rows[k] = where.get(self._given.get(identity, UNKNOWN_ID), -1)
        anonymous = detections.ids < 0
        if not (anonymous.any() and len(objects)):
            return rows
        if int(anonymous.sum()) * len(objects) > DENSE_PAIRS:
            self._assign_near(detections, centres_px, high, rows)
            return rows
        costs = self._costs(detections, centres_px)
        # An object with a given id is continued by that id only.
        costs[:, objects.given] = _FORBIDDEN
        for stage, candidates in self._stages(detections, high, rows):
            boxes, free = np.flatnonzero(stage), np.flatnonzero(candidates)
            if not (len(boxes) and len(free)):
                continue
            some, taken = linear_sum_assignment(costs[np.ix_(boxes, free)])
            # The Hungarian method assigns as many pairs as it can, also forbidden ones.
            good = costs[boxes[some], free[taken]] < COST_LIMIT
            rows[boxes[some[good]]] = free[taken[good]]
        return rows

    def _stages(self, detections: Detections, high: Bools, rows: I64) -> Iterator[tuple[Bools, Bools]]:
        """Boxes and objects of each stage of the association; ``rows`` has the results of those before."""
        anonymous = detections.ids < 0
        # Certain boxes first: otherwise an uncertain box could take an object from a certain one. Objects
        # that only boxes of STEADY_SCORE have shown come last, so that they take nothing from the others.
        weak = self._objects.weak
        for chosen, kind in ((high, ~weak), (~high, ~weak), (detections.scores >= STEADY_SCORE, weak)):
            free = kind.copy()
            free[rows[rows >= 0]] = False
            yield anonymous & chosen & (rows < 0), free

    def _assign_near(self, detections: Detections, centres_px: F64, high: Bools, rows: I64) -> None:
        """Assign as :meth:`_assign` does, without a table of all pairs; the result is written to ``rows``."""
        objects = self._objects
        predicted, boxes, S = objects.predicted()
        reach = np.sqrt(GATE * S[:, :2].max(axis=1))
        k, j = near_pairs(centres_px[:, :2], predicted[:, :2], reach)
        places, shapes = predicted[j], boxes[j]
        cut, parts = self._cut(detections, boxes)
        if len(cut):
            # As in _costs: a cut box is compared with the visible parts of the objects.
            near, others = near_pairs(centres_px[cut, :2], to_centres(parts)[:, :2], reach)
            whole = ~np.isin(k, cut)
            k, j = np.concatenate([k[whole], cut[near]]), np.concatenate([j[whole], others])
            shapes = np.concatenate([shapes[whole], parts[others]])
            places = np.concatenate([places[whole], to_centres(parts[others])])
        squared = ((centres_px[k] - places) ** 2 / S[j]).sum(axis=1)
        usable = (squared <= GATE) & (detections.ids[k] < 0) & ~objects.given[j]
        k, j, squared, shapes = k[usable], j[usable], squared[usable], shapes[usable]
        costs = 1 - overlaps_of_pairs(detections.boxes_px[k], shapes) + DISTANCE_WEIGHT * squared
        label_rows, differ = unfit(detections.labels, objects.labels)
        costs[differ[label_rows[k], j]] += LABEL_COST
        shape = (len(detections), len(objects))
        for stage, candidates in self._stages(detections, high, rows):
            own = stage[k] & candidates[j]
            some, taken, prices = cheapest_matching(k[own], j[own], costs[own], shape)
            good = prices < COST_LIMIT
            rows[some[good]] = taken[good]

    def _costs(self, detections: Detections, centres_px: F64) -> F64:
        """(detections, objects) cost of each pair: forbidden beyond the gate, higher if labels differ."""
        objects = self._objects
        predicted, boxes, S = objects.predicted()
        costs = _pair_costs(detections.boxes_px, centres_px, boxes, predicted, S)
        cut, parts = self._cut(detections, boxes)
        if len(cut):
            # The edge that cuts a box cuts its object, too.
            costs[cut] = _pair_costs(detections.boxes_px[cut], centres_px[cut], parts, to_centres(parts), S)
        label_rows, differ = unfit(detections.labels, objects.labels)
        if differ.any():
            costs[differ[label_rows]] += LABEL_COST
        return costs


def _pair_costs(boxes_px: F64, centres_px: F64, predicted_px: F64, predicted_centres_px: F64, S: F64) -> F64:
    """(n, m) cost of each pair of a box and a predicted box with variances S (m, 4), without the labels."""
    squared = np.zeros((len(centres_px), len(S)))
    for k in range(4):
        squared += (centres_px[:, k, None] - predicted_centres_px[:, k]) ** 2 / S[:, k]
    costs: F64 = 1 - overlaps(boxes_px, predicted_px) + DISTANCE_WEIGHT * squared
    costs[squared > GATE] = _FORBIDDEN
    return costs
