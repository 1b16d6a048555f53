"""Detections of all frames of a clip, packed, with the identities that tracking gives them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from cssv.boxes import F64, I64, UNKNOWN_ID, from_centres, to_centres
from cssv.perception.camera import CameraMotion
from cssv.perception.camera_path import CameraPath
from cssv.perception.detections import Detections
from cssv.perception.evidence import evidence
from cssv.perception.flow import Flow
from cssv.perception.labels import LabelVotes
from cssv.perception.record import BOX, FRAME, MOVE, Record
from cssv.perception.smoothing import FLOW_BOXES, Tracklet, spread


class ClipBoxes:
    """The frames of a clip with their detections, identities and camera motions.

    Memory use: the boxes of all frames, and the camera motions other than rest.
    """

    def __init__(self) -> None:
        self._frames, self._boxes, self._moves = Record(FRAME), Record(BOX), Record(MOVE)
        self._labels: dict[str, int] = {}
        self._counts: Counter[int] = Counter()
        self.camera_path = CameraPath()
        self._ids: I64 | None = None

    def add(
        self, number: int, time_s: Fraction | float, detections: Detections, ids: I64, flow: Flow | None
    ) -> None:
        """Add the next frame; ``ids`` are the identities of its detections, -1 for none."""
        camera = None if flow is None else flow.camera()
        self.camera_path.add(float(time_s), camera)
        if camera is not None and not np.array_equal(camera.A, np.eye(2, 3)):
            self._moves.extend(1)[0] = len(self._frames), camera.A
        rows = self._boxes.extend(len(detections))
        rows["step"], rows["id"], rows["given"] = len(self._frames), ids, detections.ids
        rows["centre_px"], rows["score"] = to_centres(detections.boxes_px), detections.scores
        rows["label"] = [self._labels.setdefault(label, len(self._labels)) for label in detections.labels]
        self._counts.update(ids.tolist())
        rows["flow_px_s"] = self._flow_of(ids, detections.boxes_px, float(time_s), flow)
        self._frames.extend(1)[0] = number, float(time_s)
        self._ids = None

    def _flow_of(self, ids: I64, boxes_px: F64, time_s: float, flow: Flow | None) -> F64:
        """(n, 3) velocity by optical flow and its standard deviation; NaN except for new objects."""
        velocities = np.full((len(ids), 3), np.nan)
        # Flow is expensive, and later boxes determine the velocity well enough without it.
        young = np.array([k >= 0 and self._counts[k] <= FLOW_BOXES for k in ids.tolist()], dtype=np.bool_)
        if flow is not None and len(self._frames) and young.any():
            step_s = time_s - float(self._frames.rows["time_s"][-1])
            velocities[young] = flow.of_boxes(boxes_px[young]) / step_s
        return velocities

    @property
    def times_s(self) -> F64:
        """(frames,) times of the frames."""
        times: F64 = self._frames.rows["time_s"]
        return times

    @property
    def has_anonymous(self) -> bool:
        """True if a box has no id from the detector."""
        return bool((self._boxes.rows["given"] < 0).any())

    def frames(self) -> Iterator[tuple[float, Detections, CameraMotion | None]]:
        """Iterate over the frames: time, detections and the motion of the camera; None while it rests."""
        boxes, names = self._boxes.rows, list(self._labels)
        borders = np.searchsorted(boxes["step"], np.arange(len(self._frames) + 1)).tolist()
        places = from_centres(boxes["centre_px"]) if len(boxes) else np.empty((0, 4))
        moves = dict(zip(self._moves.rows["step"].tolist(), self._moves.rows["A"], strict=True))
        for step, time_s in enumerate(self.times_s.tolist()):
            own = slice(borders[step], borders[step + 1])
            labels = tuple(names[code] for code in boxes["label"][own].tolist())
            # Copies, since detections are read-only and these rows are not.
            seen = Detections(
                places[own].copy(), boxes["score"][own].copy(), labels, boxes["given"][own].copy()
            )
            yield time_s, seen, CameraMotion(moves[step].copy()) if step in moves else None

    @property
    def ids(self) -> I64:
        """(boxes,) identities of all boxes in the order of :meth:`frames`; -1 for none."""
        first: I64 = self._boxes.rows["id"]
        return first if self._ids is None else self._ids

    def set_ids(self, ids: I64) -> None:
        """Set better identities of all boxes, until a frame is added."""
        self._ids = ids

    @property
    def has_better_ids(self) -> bool:
        """True if :meth:`set_ids` has set the identities of all frames."""
        return self._ids is not None

    @property
    def given(self) -> dict[int, int]:
        """The ids from the detector, by identity."""
        ids, given = self.ids, self._boxes.rows["given"]
        rows = (given >= 0) & (ids != UNKNOWN_ID)
        return dict(zip(ids[rows].tolist(), given[rows].tolist(), strict=True))

    def scores_without_object(self) -> F64:
        """Scores of the boxes that have no identity."""
        scores: F64 = self._boxes.rows["score"][self.ids == UNKNOWN_ID]
        return scores

    def votes(self, owner: Mapping[int, int] = MappingProxyType({})) -> dict[int, LabelVotes]:
        """Labels of each identity; ``owner`` maps ids to the id of their object."""
        boxes, ids = self._boxes.rows, self.ids
        known = np.flatnonzero(ids != UNKNOWN_ID)
        pairs = ids[known] * len(self._labels) + boxes["label"][known]
        kinds, first, place = np.unique(pairs, return_index=True, return_inverse=True)
        worth = np.bincount(place, evidence(boxes["score"][known]), len(kinds))
        names = list(self._labels)
        found: dict[int, LabelVotes] = {}
        # In the order of time: of labels with equal evidence the first one counts.
        for k in np.argsort(first, kind="stable").tolist():
            identity, code = divmod(int(kinds[k]), len(names))
            found.setdefault(owner.get(identity, identity), LabelVotes()).add(names[code], float(worth[k]))
        return found

    def pieces(self, owner: Mapping[int, int] = MappingProxyType({})) -> list[Tracklet]:
        """Build one tracklet per object from all its boxes; ``owner`` maps ids to the id of their object."""
        is_known, frames = self.ids != UNKNOWN_ID, self._frames.rows
        boxes = self._boxes.rows[is_known]
        known, place = np.unique(self.ids[is_known], return_inverse=True)
        ids = np.array([owner.get(k, k) for k in known.tolist()], dtype=np.int64)[place]
        votes = self.votes(owner)
        # Stable, so that the boxes of an object stay in order of time.
        order = np.argsort(ids, kind="stable")
        borders = np.flatnonzero(np.diff(ids[order])) + 1
        found = []
        for own in np.split(order, borders) if len(order) else ():
            identity, part = int(ids[own[0]]), boxes[own]
            span = slice(int(part["step"][0]), int(part["step"][-1]) + 1)
            flow = part["flow_px_s"]
            found.append(
                spread(
                    identity,
                    votes[identity].best,
                    frames["number"][span].copy(),
                    frames["time_s"][span].copy(),
                    part["step"] - span.start,
                    part["centre_px"],
                    part["score"],
                    flow_px_s=flow if np.isfinite(flow).any() else None,
                )
            )
        return found
