"""Sizes and times of objects in a room."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cssv.boxes import F64
from cssv.scene.ground import feet_of, whole_feet
from cssv.view.plot.tracks import ObjectTrack
from cssv.view.room.space import PX_PER_UNIT, Space, to_gltf

#: Bounds of the sides of a body, in units of the room.
LEAST_SIDE, MOST_SIDE = 0.02, 100.0
#: Depth of a body before an upright picture, by its width.
_FLAT = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """One object in a room.

    Attributes:
        track: the object, at those of its frames at which it has a place.
        places: (n, 3), in the room.
        sigmas: (n,), how far it may be off after 1 s by the standard deviation of its velocity; 0 if unknown.
        size: width, height and depth.
        turn_rad: of the body about the vertical, so that its width lies across the line of sight.
    """

    track: ObjectTrack
    places: F64
    sigmas: F64
    size: tuple[float, float, float]
    turn_rad: float


def make_body(space: Space, track: ObjectTrack) -> Body | None:
    """Place an object in a room; None if it never has a place there."""
    places = space.places(track.feet_px)
    known = np.flatnonzero(np.isfinite(places).all(axis=-1))
    if not len(known):
        return None
    rows = tuple(track.rows[index] for index in known.tolist())
    kept = ObjectTrack(track.track, track.label, rows, track.stays_s[known])
    name, scale = ("sigma_px_s", PX_PER_UNIT) if space.plane is None else ("sigma_m_s", 1)
    sigmas = np.nan_to_num(np.clip(kept.column(name), 0, MOST_SIDE * scale)) / scale
    size, turn_rad = _size(space, kept.boxes_px)
    return Body(kept, places[known], sigmas, size, turn_rad)


def _size(space: Space, boxes_px: F64) -> tuple[tuple[float, float, float], float]:
    """Width, height and depth from the boxes (n, 4), medians of them, and the turn of the body."""
    whole = whole_feet(boxes_px, space.size) & (boxes_px[:, 1] > 1)
    # Boxes that the picture's edge cuts are too small; they count only if there are no others.
    boxes = boxes_px[whole] if whole.any() else boxes_px
    if space.plane is None:
        width, height = (_median(boxes[:, column] / PX_PER_UNIT) for column in (2, 3))
        return (width, height, width * _FLAT), 0.0
    feet = feet_of(boxes)
    half = np.stack([boxes[:, 2] / 2, np.zeros(len(boxes))], axis=-1)
    across = space.on_ground(feet + half) - space.on_ground(feet - half)
    widths = np.linalg.norm(across, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        heights = widths * boxes[:, 3] / boxes[:, 2]
    seen = _seen_heights(space, boxes)
    if seen is not None:
        heights = np.where(np.isfinite(seen), seen, heights)
    width, height = _median(widths), _median(heights)
    along, aside = np.nansum(across, axis=0).tolist()
    # What is wider than high, such as a car, is rarely as deep as it is wide.
    return (width, height, min(width, height)), math.atan2(space.up * aside, along)


def _seen_heights(space: Space, boxes_px: F64) -> F64 | None:
    """(n,) heights at which the rays through the upper edges pass above the feet; None without a camera."""
    feet = feet_of(boxes_px)
    rays = space.rays(feet - np.stack([np.zeros(len(boxes_px)), boxes_px[:, 3]], axis=-1))
    if rays is None or space.camera_m is None:
        return None
    away = space.on_ground(feet) - space.camera_m[:2]
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (away * rays[:, :2]).sum(axis=-1) / (rays[:, :2] ** 2).sum(axis=-1)
        heights = space.up * (space.camera_m[2] + along * rays[:, 2])
    # Seen from straight above, the upper edge says nothing about the height.
    is_good = (along > 0) & (heights > 0) & (heights < 2 * abs(space.camera_m[2]) + 10)
    return np.where(is_good, heights, np.nan)


def _median(values: F64) -> float:
    known = values[np.isfinite(values)]
    return float(np.clip(np.median(known), LEAST_SIDE, MOST_SIDE)) if len(known) else LEAST_SIDE


def presence_keys(track: ObjectTrack, start_s: float) -> tuple[F64, F64]:
    """(n,) times at which an object comes or goes, and 1 or 0; the first is the start of the clip."""
    keys = {start_s: 0.0}
    for run in track.runs:
        first, last = float(track.times_s[run.start]), float(track.times_s[run.stop - 1])
        keys[first] = 1.0
        keys[max(last + float(track.stays_s[run.stop - 1]), float(np.nextafter(first, np.inf)))] = 0.0
    times = np.array(sorted(keys))
    return times, np.array([keys[time] for time in times.tolist()])


def frustum(space: Space, length: float) -> F64 | None:
    """(16, 3): pairs of points of the lines that show the camera; None if its place is not known."""
    across, down = space.size
    rays = space.rays(
        np.array([[0, 0], [across, 0], [across, down], [0, down], [across / 2, down / 2]], float)
    )
    if rays is None or not np.isfinite(rays).all():
        return None
    eye = np.array(space.camera_m)
    corners = eye + rays[:4] * length / np.linalg.norm(rays[4])
    around = [point for a, b in ((0, 1), (1, 2), (2, 3), (3, 0)) for point in (corners[a], corners[b])]
    edges = [point for corner in corners for point in (eye, corner)]
    return to_gltf(np.array([*edges, *around]), space.up)
