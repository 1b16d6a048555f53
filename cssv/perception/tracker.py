"""Detections -> identities, one frame at a time: which box is which object.

Every object has a Kalman filter (:mod:`cssv.perception.kinematics`) that says where it should be now;
boxes are given to objects by the Hungarian method so that the sum of ``(1 - IoU) + 0.05 d²`` is least, d
being the Mahalanobis distance. Boxes with a high score choose first, as in ByteTrack (Zhang et al., ECCV
2022); those with a low one may only continue an object. Where the camera's motion is known, objects are moved
along with the scene before they are compared. All ages are in seconds and all distances in box heights, so
that the settings hold for any frame rate and picture size.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import linear_sum_assignment

from cssv.boxes import F64, I64, UNKNOWN_ID, overlaps, to_centres
from cssv.errors import InputError
from cssv.perception.camera import CameraMotion
from cssv.perception.detections import ANY_OBJECT, Detections
from cssv.perception.evidence import ScoreScale
from cssv.perception.kinematics import Bools, predict, process_noise, transition, update

#: Boxes with this share of the evidence that is typical of the clip (:mod:`cssv.perception.evidence`) choose
#: first, and only they begin an object.
HIGH_SHARE = 0.3
#: A box that overlaps one just given to an object by more than this IoU begins none: it is the same, twice.
DUPLICATE_IOU = 0.4
#: The same of a box of another label, for a network that calls one thing by two names.
OTHER_LABEL_IOU = 0.85
#: What it costs beside 1 - IoU to take a box for an object that was called otherwise.
LABEL_COST = 0.5
#: An object not seen for this long is over ...
PATIENCE_S = 1.0
#: ... but not before this many frames have passed, however low the frame rate.
PATIENCE_FRAMES = 2.5
#: Weight of the squared Mahalanobis distance beside 1 - IoU.
DISTANCE_WEIGHT = 0.05
#: Largest squared Mahalanobis distance: 95 % of the four-dimensional normal distribution.
GATE = 9.5
#: Largest cost of a pair.
COST_LIMIT = 1.0
#: Process noise in h²/s³, measurement noise in h and velocity prior in h/s of the association alone. They
#: are wider than those of the smoother: losing an object costs more than searching a larger area.
PROCESS_NOISE = 0.1
MEASUREMENT_NOISE = 0.12
VELOCITY_PRIOR = 2.0

_FORBIDDEN = 1e6


@dataclass(slots=True)
class _Objects:
    """The objects being followed, row by row: N rows."""

    ids: I64
    given: Bools
    labels: list[str]
    last_seen_s: F64
    x: F64
    P: F64

    @classmethod
    def none(cls) -> _Objects:
        return cls(
            np.empty(0, np.int64),
            np.empty(0, np.bool_),
            [],
            np.empty(0),
            np.empty((0, 4, 2)),
            np.empty((0, 4, 2, 2)),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def keep(self, rows: Bools) -> None:
        self.labels = [label for label, kept in zip(self.labels, rows, strict=True) if kept]
        for name in ("ids", "given", "last_seen_s", "x", "P"):
            setattr(self, name, getattr(self, name)[rows])

    def add(self, ids: I64, given: Bools, labels: list[str], time_s: float, centres_px: F64) -> None:
        x = np.stack([centres_px, np.zeros_like(centres_px)], axis=-1)
        P = np.zeros((len(ids), 4, 2, 2))
        P[..., 0, 0] = (MEASUREMENT_NOISE * centres_px[:, 3:]) ** 2
        P[..., 1, 1] = (VELOCITY_PRIOR * centres_px[:, 3:]) ** 2
        self.ids = np.concatenate([self.ids, ids])
        self.given = np.concatenate([self.given, given])
        self.labels += labels
        self.last_seen_s = np.concatenate([self.last_seen_s, np.full(len(ids), time_s)])
        self.x, self.P = np.concatenate([self.x, x]), np.concatenate([self.P, P])

    def heights(self) -> F64:
        return np.maximum(self.x[:, 3, 0], 1.0)

    def predict(self, dt_s: float) -> None:
        steps = np.full((len(self), 4), dt_s)
        Q = process_noise(steps, PROCESS_NOISE * self.heights()[:, None] ** 2)
        self.x, self.P = predict(self.x, self.P, transition(steps), Q)

    def move(self, camera: CameraMotion) -> None:
        """Take the objects along with the still scene."""
        self.x[:, :2, 0] = camera.of_points(self.x[:, :2, 0])
        self.x[:, :2, 1] = self.x[:, :2, 1] @ camera.A[:, :2].T
        self.x[:, 2:] *= camera.zoom

    def update(self, rows: I64, centres_px: F64, time_s: float) -> None:
        R = np.repeat((MEASUREMENT_NOISE * self.heights()[rows, None]) ** 2, 4, axis=1)
        seen = np.ones(centres_px.shape, dtype=np.bool_)
        self.x[rows], self.P[rows] = update(self.x[rows], self.P[rows], centres_px, R, seen)
        self.last_seen_s[rows] = time_s


class Tracker:
    """Follows objects through the frames of one clip or stream.

    Memory holds what is in view and one number per object that has left.

    Args:
        high_share: see :data:`HIGH_SHARE`.
        patience_s: see :data:`PATIENCE_S`.
    """

    def __init__(self, *, high_share: float = HIGH_SHARE, patience_s: float = PATIENCE_S) -> None:
        self.high_share = high_share
        self.patience_s = patience_s
        self._objects = _Objects.none()
        self._time_s: float | None = None
        self._numbers = itertools.count(1)
        self.scale = ScoreScale()
        self._issued: set[int] = set()
        self._given: dict[int, int] = {}

    @property
    def alive(self) -> I64:
        """Ids of the objects that may still be seen again."""
        return self._objects.ids.copy()

    def update(
        self, time_s: Fraction | float, detections: Detections, camera: CameraMotion | None = None
    ) -> I64:
        """Take in the next frame.

        Args:
            time_s: the frame's time, later than the one before.
            detections: what was seen. A detection with an id continues the object of that id.
            camera: how the still scene moved since the frame before; None where it is not known.

        Returns:
            int64 (n,): the identity of every detection, -1 where it has none: a low score that continues
            nothing.

        Raises:
            InputError: time does not rise.
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
        identities = np.full(len(detections), UNKNOWN_ID, dtype=np.int64)
        identities[found] = objects.ids[rows[found]]
        for k in found[[objects.labels[row] == ANY_OBJECT for row in rows[found]]] if len(found) else ():
            objects.labels[rows[k]] = detections.labels[k]
        begin = self._newcomers(detections, rows, high)
        identities[begin] = [self._identity(given) for given in detections.ids[begin].tolist()]
        labels = [detections.labels[k] for k in begin]
        objects.add(identities[begin], detections.ids[begin] >= 0, labels, now, centres[begin])
        return identities

    def _advance(self, now: float, camera: CameraMotion | None) -> None:
        """Bring the objects to the time ``now``, and let go of those not seen for long."""
        objects = self._objects
        if self._time_s is not None:
            step = now - self._time_s
            if not step > 0:
                raise InputError("frame times must rise", found=now, bound=f"above {self._time_s} s")
            objects.predict(step)
            if camera is not None and not camera.is_still:
                objects.move(camera)
            objects.keep(now - objects.last_seen_s <= max(self.patience_s, PATIENCE_FRAMES * step))
        self._time_s = now

    def _newcomers(self, detections: Detections, rows: I64, high: Bools) -> I64:
        """Detections that begin an object: certain ones that continue none and are not one seen twice."""
        begin = np.flatnonzero((rows < 0) & (high | (detections.ids >= 0)))
        known = np.flatnonzero(rows >= 0)
        if not (len(begin) and len(known)):
            return begin
        shared = overlaps(detections.boxes_px[begin], detections.boxes_px[known])
        labels = np.array(detections.labels)
        twice = shared > np.where(labels[begin, None] == labels[known], DUPLICATE_IOU, OTHER_LABEL_IOU)
        new: I64 = begin[~twice.any(axis=1) | (detections.ids[begin] >= 0)]
        return new

    def _identity(self, given: int) -> int:
        """Name a new object: by the identity it brings, unless another already has that."""
        if given in self._given:
            return self._given[given]
        identity = given
        if given < 0 or given in self._issued:
            identity = next(self._numbers)
            while identity in self._issued:
                identity = next(self._numbers)
        self._issued.add(identity)
        if given >= 0:
            self._given[given] = identity
        return identity

    def _assign(self, detections: Detections, centres_px: F64, high: Bools) -> I64:
        """Row of the object each detection continues, -1 where it continues none."""
        objects = self._objects
        rows = np.full(len(detections), -1, dtype=np.int64)
        where = {identity: row for row, identity in enumerate(objects.ids.tolist()) if objects.given[row]}
        for k in np.flatnonzero(detections.ids >= 0):
            identity = int(detections.ids[k])
            rows[k] = where.get(self._given.get(identity, UNKNOWN_ID), -1)
        anonymous = detections.ids < 0
        if not (anonymous.any() and len(objects)):
            return rows
        costs = self._costs(detections, centres_px)
        costs[:, objects.given] = _FORBIDDEN
        for stage in (anonymous & high, anonymous & ~high):
            boxes = np.flatnonzero(stage)
            free = np.setdiff1d(np.arange(len(objects)), rows)
            some, taken = linear_sum_assignment(costs[np.ix_(boxes, free)])
            good = costs[boxes[some], free[taken]] < COST_LIMIT
            rows[boxes[some[good]]] = free[taken[good]]
        return rows

    def _costs(self, detections: Detections, centres_px: F64) -> F64:
        """Weigh (detections, objects); behind the gate a pair is forbidden, across labels it costs more."""
        objects = self._objects
        predicted = objects.x[..., 0].copy()
        predicted[:, 2:] = np.maximum(predicted[:, 2:], 1.0)
        boxes = np.concatenate([predicted[:, :2] - predicted[:, 2:] / 2, predicted[:, 2:]], axis=1)
        S = objects.P[..., 0, 0] + (MEASUREMENT_NOISE * objects.heights()[:, None]) ** 2
        squared = np.zeros((len(centres_px), len(predicted)))
        for k in range(4):
            squared += (centres_px[:, k, None] - predicted[:, k]) ** 2 / S[:, k]
        costs: F64 = 1 - overlaps(detections.boxes_px, boxes) + DISTANCE_WEIGHT * squared
        costs[squared > GATE] = _FORBIDDEN
        if set(detections.labels) | set(objects.labels) != {ANY_OBJECT}:
            ours, theirs = np.array(detections.labels)[:, None], np.array(objects.labels)[None]
            costs[(ours != theirs) & (ours != ANY_OBJECT) & (theirs != ANY_OBJECT)] += LABEL_COST
        return costs
