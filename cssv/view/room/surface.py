"""The ground of a room, or its upright picture, as a mesh with a frame of the clip on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64
from cssv.errors import InputError
from cssv.frames import U8
from cssv.view.room.space import Space

#: Columns and rows of the mesh; a texture is straight within a triangle, but perspective is not.
COLUMNS, ROWS = 64, 64
#: Points of a column that are tested for ground, and halvings that find where it ends.
_TESTED, _HALVINGS = 128, 30
#: How far the ground is shown: this many times the width of the picture's nearest line of ground, or as far
#: as this many times the distance of the furthest feet.
_WIDTHS, _FEET = 4.0, 1.25
#: Longest side of the texture, and quality of its JPEG.
_LONGEST_PX, _QUALITY = 2048, 88

#: Left, top, right and bottom of a part of the clip's picture, pixels.
Area = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A mesh of triangles.

    Attributes:
        places: (n, 3), in the room.
        texture: (n, 2), in the picture, 0 to 1.
        triangles: (3 m,) indices.
    """

    places: F64
    texture: F64
    triangles: NDArray[np.uint16]


def make_surface(space: Space, area: Area, feet_px: F64) -> Surface | None:
    """The mesh of what a picture shows of the ground; None if it shows none. ``feet_px``: of all objects."""
    left, top, right, bottom = area
    across = np.linspace(left, right, COLUMNS + 1)
    if space.plane is None:
        spans = np.broadcast_to([top, bottom], (COLUMNS + 1, 2))
    else:
        spans = _ground_spans(space, across, (top, bottom), _farthest(space, area, feet_px))
    # Nearer rows of the picture are wider apart on the ground only near the horizon: there, rows are dense.
    share = 1 - (1 - np.linspace(0, 1, ROWS + 1)) ** (1 if space.plane is None else 2)
    down = spans[:, 1:] + (spans[:, :1] - spans[:, 1:]) * share
    points = np.stack([np.broadcast_to(across[:, None], down.shape), down], axis=-1)
    places = space.places(points)
    is_known = np.asarray(np.isfinite(places).all(axis=-1))
    cells = is_known[:-1, :-1] & is_known[1:, :-1] & is_known[:-1, 1:] & is_known[1:, 1:]
    if not cells.any():
        return None
    column, row = np.nonzero(cells)
    first = column * (ROWS + 1) + row
    # Counter-clockwise, seen from above: rows go away from the camera and columns to the right.
    corners = np.stack(
        [first, first + ROWS + 1, first + ROWS + 2, first, first + ROWS + 2, first + 1], axis=-1
    )
    used, indices = np.unique(corners, return_inverse=True)
    texture = (points - (left, top)) / (right - left, bottom - top)
    return Surface(
        places.reshape(-1, 3)[used],
        np.clip(texture.reshape(-1, 2)[used], 0, 1),
        indices.reshape(-1).astype(np.uint16),
    )


def _farthest(space: Space, area: Area, feet_px: F64) -> tuple[F64, float]:
    """A point of the ground, and how far from it the ground is shown, metres."""
    left, top, right, bottom = area
    heights = np.linspace(bottom, top, _TESTED)
    lines = np.stack([np.stack([np.full(_TESTED, x), heights], axis=-1) for x in (left, right)])
    ends = space.on_ground(lines)
    middles = space.on_ground(lines.mean(axis=0))
    known = np.flatnonzero(np.isfinite(middles).all(axis=-1))
    if not len(known):
        return np.zeros(2), 0.0
    near = middles[known[0]]
    widths = np.linalg.norm(ends[1] - ends[0], axis=-1)
    far = _WIDTHS * float(np.nanmin(widths)) if np.isfinite(widths).any() else 0.0
    feet = np.linalg.norm(space.on_ground(feet_px).reshape(-1, 2) - near, axis=-1)
    feet = feet[np.isfinite(feet)]
    return near, max(far, _FEET * float(np.quantile(feet, 0.98)) if len(feet) else 0.0)


def _ground_spans(space: Space, across: F64, ends: tuple[float, float], shown: tuple[F64, float]) -> F64:
    """(n, 2): top and bottom of the part of each column that shows ground; NaN where it shows none."""
    near, far = shown

    def is_shown(x: float, heights: F64) -> NDArray[np.bool_]:
        points = np.stack([np.full(heights.shape, x), heights], axis=-1)
        away = np.linalg.norm(space.on_ground(points) - near, axis=-1)
        return np.asarray(away <= far)

    heights = np.linspace(*ends, _TESTED)
    spans = np.full((len(across), 2), np.nan)
    for number, x in enumerate(across.tolist()):
        shows = is_shown(x, heights)
        if not shows.any():
            continue
        # The lowest part without a gap.
        last = int(np.flatnonzero(shows)[-1])
        hidden = np.flatnonzero(~shows[:last])
        first = int(hidden[-1]) + 1 if len(hidden) else 0
        for side, inside, outside in ((0, first, first - 1), (1, last, last + 1)):
            spans[number, side] = heights[inside]
            if 0 <= outside < _TESTED:
                good, bad = heights[inside], heights[outside]
                for _ in range(_HALVINGS):
                    middle = (good + bad) / 2
                    good, bad = (middle, bad) if is_shown(x, np.array([middle]))[0] else (good, middle)
                spans[number, side] = good
    return spans


def encode_picture(picture: U8) -> bytes:
    """A picture (H, W, 3), RGB, as JPEG for a texture."""
    longest = max(picture.shape[:2])
    if longest > _LONGEST_PX:
        scale = _LONGEST_PX / longest
        height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise InputError("the frame cannot be encoded as a texture", found=str(picture.shape))
    return bytes(data)
