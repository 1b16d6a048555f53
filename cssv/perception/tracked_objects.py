"""Objects of a tracker: identities, labels and the states of their filters, as a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cssv.boxes import F64, I64
from cssv.perception.camera import CameraMotion
from cssv.perception.kinematics import Bools, predict, process_noise, transition, update
from cssv.perception.labels import LabelVotes

#: Measurement noise, and velocity prior per second, in shares of the longer side of a box: vehicles are wide,
#: and the part of one at the edge of the picture can be flat. They are for the association alone, and larger
#: than those of the smoother, because losing an object costs more than a larger search area.
MEASUREMENT_NOISE = 0.1
VELOCITY_PRIOR = 2.0


@dataclass(slots=True)
class TrackedObjects:
    """The objects of a tracker as a table of N rows.

    Attributes:
        ids: identities.
        given: True for an identity that the detector gave.
        weak: True for an object without a box of a high score so far.
        labels: the labels of its boxes.
        last_seen_s: time of its last box.
        x, P: (N, 4, 2) states and (N, 4, 2, 2) covariances of the filters of centre x, centre y, w and h.
    """

    ids: I64
    given: Bools
    weak: Bools
    labels: list[LabelVotes]
    last_seen_s: F64
    x: F64
    P: F64

    @classmethod
    def none(cls) -> TrackedObjects:
        """Create an empty table."""
        return cls(
            np.empty(0, np.int64),
            np.empty(0, np.bool_),
            np.empty(0, np.bool_),
            [],
            np.empty(0),
            np.empty((0, 4, 2)),
            np.empty((0, 4, 2, 2)),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def keep(self, rows: Bools) -> None:
        """Remove all rows except those that are True in ``rows``."""
        self.labels = [label for label, kept in zip(self.labels, rows, strict=True) if kept]
        for name in ("ids", "given", "weak", "last_seen_s", "x", "P"):
            setattr(self, name, getattr(self, name)[rows])

    def add(self, ids: I64, given: Bools, weak: Bools, time_s: float, centres_px: F64) -> None:
        """Append objects that start at these boxes."""
        # Most frames start none.
        if not len(ids):
            return
        # One box gives no velocity: it starts at 0 with a wide variance.
        x = np.stack([centres_px, np.zeros_like(centres_px)], axis=-1)
        P = np.zeros((len(ids), 4, 2, 2))
        sides = centres_px[:, 2:].max(axis=1, keepdims=True)
        P[..., 0, 0] = (MEASUREMENT_NOISE * sides) ** 2
        P[..., 1, 1] = (VELOCITY_PRIOR * sides) ** 2
        self.ids = np.concatenate([self.ids, ids])
        self.given, self.weak = np.concatenate([self.given, given]), np.concatenate([self.weak, weak])
        self.labels += [LabelVotes() for _ in range(len(ids))]
        self.last_seen_s = np.concatenate([self.last_seen_s, np.full(len(ids), time_s)])
        self.x, self.P = np.concatenate([self.x, x]), np.concatenate([self.P, P])

    def heights(self) -> F64:
        """(N,) predicted box heights in pixels, at least 1."""
        # The filter can extrapolate a shrinking box to zero or below, but heights scale all noises.
        return np.maximum(self.x[:, 3, 0], 1.0)

    def longer_sides(self) -> F64:
        """(N,) the longer one of predicted height and width, in pixels."""
        return np.maximum(self.heights(), self.x[:, 2, 0])

    def predicted(self) -> tuple[F64, F64, F64]:
        """(N, 4) predicted centres and sizes, the same as boxes, and the variances of measured ones."""
        centred = self.x[..., 0].copy()
        centred[:, 2:] = np.maximum(centred[:, 2:], 1.0)
        boxes = np.concatenate([centred[:, :2] - centred[:, 2:] / 2, centred[:, 2:]], axis=1)
        return centred, boxes, self.P[..., 0, 0] + (MEASUREMENT_NOISE * self.longer_sides()[:, None]) ** 2

    def predict(self, dt_s: float, q: F64) -> None:
        """Advance all filters by ``dt_s`` seconds; ``q`` (4,) is the process noise of the channels, h²/s³."""
        steps = np.full((len(self), 4), dt_s)
        Q = process_noise(steps, q * self.heights()[:, None] ** 2)
        self.x, self.P = predict(self.x, self.P, transition(steps), Q)

    def move(self, camera: CameraMotion) -> None:
        """Apply the camera motion to the positions, velocities and sizes of the objects."""
        self.x[:, :2, 0] = camera.of_points(self.x[:, :2, 0])
        self.x[:, :2, 1] = self.x[:, :2, 1] @ camera.A[:, :2].T
        self.x[:, 2:] *= camera.zoom

    def update(self, rows: I64, centres_px: F64, time_s: float) -> None:
        """Update the filters of these rows with one box each."""
        R = np.repeat((MEASUREMENT_NOISE * self.longer_sides()[rows, None]) ** 2, 4, axis=1)
        seen = np.ones(centres_px.shape, dtype=np.bool_)
        self.x[rows], self.P[rows] = update(self.x[rows], self.P[rows], centres_px, R, seen)
        self.last_seen_s[rows] = time_s
