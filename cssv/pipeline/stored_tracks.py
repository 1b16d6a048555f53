"""Perceived objects of a ``.cssv``, packed, and the tracks that they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from cssv.boxes import F64, I64
from cssv.perception.detections import EMPTY, Detections, detections
from cssv.perception.tracks import Track, Tracks
from cssv.template.state import ObjectState

#: Numbers of an object in a frame.
_ROW = np.dtype(
    [
        ("id", np.int64),
        ("score", np.float64),
        ("box_px", np.float64, (4,)),
        ("velocity_px_s", np.float64, (2,)),
        ("past_px_s", np.float64, (2,)),
        ("future_px_s", np.float64, (2,)),
        ("sigma_px_s", np.float64),
        ("velocity_m_s", np.float64, (2,)),
        ("sigma_m_s", np.float64),
    ]
)


class StoredTracks:
    """The objects of the frames of a file, as they were perceived when it was made."""

    def __init__(self) -> None:
        self._rows: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.void]]] = {}
        self._labels: dict[int, str] = {}

    def add(self, number: int, states: Sequence[ObjectState]) -> None:
        """Add the objects of frame ``number``."""
        if not states:
            return
        self._labels |= {state.track: state.label for state in states}
        self._rows[number] = np.array([_row(state) for state in states], dtype=_ROW)

    def in_frame(self, number: int) -> Detections:
        """The objects of a frame as detections with ids."""
        rows = self._rows.get(number)
        if rows is None:
            return EMPTY
        labels = [self._labels[identity] for identity in rows["id"].tolist()]
        return detections(rows["box_px"], rows["score"], labels, rows["id"])

    def tracks(self, first: int, times_s: Sequence[Fraction | float]) -> Tracks | None:
        """The tracks in the frames from ``first`` on, with these times; None if a velocity is not known.

        Boxes, velocities and their standard deviations are those of the file.
        """
        numbers = [number for number in sorted(self._rows) if 0 <= number - first < len(times_s)]
        if not numbers:
            return Tracks()
        rows = np.concatenate([self._rows[number] for number in numbers])
        if not np.isfinite(rows["sigma_px_s"]).all():
            return None
        frames = np.repeat(numbers, [len(self._rows[number]) for number in numbers]) - first
        times = np.array([float(time) for time in times_s])
        order = np.argsort(rows["id"], kind="stable")
        borders = np.flatnonzero(np.diff(rows["id"][order])) + 1
        return Tracks([self._track(rows[own], frames[own], times) for own in np.split(order, borders)])

    def _track(
        self, rows: np.ndarray[tuple[int, ...], np.dtype[np.void]], frames: I64, times_s: F64
    ) -> Track:
        """One track from its rows."""
        identity = int(rows["id"][0])
        return Track(
            id=identity,
            label=self._labels[identity],
            numbers=frames,
            times_s=times_s[frames],
            boxes_px=rows["box_px"].copy(),
            scores=rows["score"].copy(),
            velocity_px_s=rows["velocity_px_s"].copy(),
            velocity_past_px_s=rows["past_px_s"].copy(),
            velocity_future_px_s=rows["future_px_s"].copy(),
            velocity_cov=_covariances(rows["sigma_px_s"]),
            nis=np.zeros(len(rows)),
            velocity_m_s=rows["velocity_m_s"].copy(),
            velocity_m_cov=_covariances(rows["sigma_m_s"]),
        )


def _row(state: ObjectState) -> tuple[object, ...]:
    on_ground, sigma_m_s = state.velocity_m_s, state.sigma_m_s
    if on_ground is None or not math.isfinite(sigma_m_s):
        on_ground, sigma_m_s = (math.nan, math.nan), math.nan
    return (
        state.track,
        state.score,
        state.box_px,
        state.velocity_px_s,
        state.past_px_s,
        state.future_px_s,
        state.sigma_px_s,
        on_ground,
        sigma_m_s,
    )


def _covariances(sigma: F64) -> F64:
    """(n, 2, 2) covariances with this standard deviation (n,) in each direction."""
    return np.asarray(sigma[:, None, None] ** 2 * np.eye(2))
