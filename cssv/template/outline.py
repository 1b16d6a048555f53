"""The outline of an object: a radius per direction around its centre, and the pixels inside.

:func:`explore` is the spiral exploration ray: it walks outward from the object's centre in order of
radius, all directions at once, and stops, direction by direction, at the object's edge. The
result is star-convex. :func:`inside_outline` turns radii back into pixels by integer polar
coordinates.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from cssv.template.drawing import DIRECTIONS, SHIFT_LIMIT

#: The ray can stop between these shares of the way to the box's border. It goes beyond the border, because
#: boxes cut off limbs and superellipses cut off corners.
_NEAREST, _FARTHEST = 0.45, 1.2
#: Samples along a ray between the two.
_STEPS = 28
#: An edge exceeds the box's median magnitude by this factor, and this share of the strongest on its ray.
_EDGE_FACTOR = 1.6
_STRONGEST_SHARE = 0.5
#: Without an edge the ray ends at this share of the superellipse.
_FALLBACK = 0.92

_ANGLES = np.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
_COS, _SIN = np.cos(_ANGLES), np.sin(_ANGLES)
#: Boundaries of the byte angles inside an octant, as slopes in 14 bits.
_SLOPES: NDArray[np.int64] = np.array(
    [round((1 << 14) * math.tan(math.pi * (2 * k + 1) / 256)) for k in range(32)]
)

#: Half sizes of the tables of polar coordinates that are kept; larger outlines compute theirs in strips.
_TABLE_HALVES = (64, 128, 256, 512)
#: Rows of such a strip.
_STRIP = 64


def superellipse(width: float, height: float) -> NDArray[np.float64]:
    """Radii (DIRECTIONS,) in pixels of the superellipse |x|^3 + |y|^3 = 1 inscribed in a box.

    It lies between the ellipse, which misses shoulders, and the box, whose corners no object has.
    """
    a, b = np.abs(_COS) / (width / 2), np.abs(_SIN) / (height / 2)
    radii: NDArray[np.float64] = (a**3 + b**3) ** (-1 / 3)
    return radii


def explore(edges: NDArray[np.integer], box: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """Walk outward from the centre of ``box`` to the object's edge.

    Args:
        edges: (H, W) edge magnitude of the whole frame or of a window around the box.
        box: x, y, w, h in whole pixels in the coordinates of ``edges``.

    Returns:
        (DIRECTIONS,) float64 radii in pixels.
    """
    x, y, w, h = box
    border = superellipse(w, h)
    share = np.linspace(_NEAREST, _FARTHEST, _STEPS)
    reach = share[:, None] * border
    columns = np.rint(x + w // 2 + reach * _COS).astype(np.intp)
    rows = np.rint(y + h // 2 + reach * _SIN).astype(np.intp)
    height, width = edges.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    strength = edges[rows.clip(0, height - 1), columns.clip(0, width - 1)] * inside
    threshold = max(float(np.median(strength[inside])) * _EDGE_FACTOR, 1.0) if inside.any() else math.inf
    floor = np.maximum(threshold, _STRONGEST_SHARE * strength.max(axis=0))
    # A crest, not its outer slope, which lies two pixels farther out.
    is_edge = np.zeros(strength.shape, bool)
    middle = strength[1:-1]
    is_edge[1:-1] = (middle >= floor) & (middle >= strength[2:]) & (middle > strength[:-2])
    # The last edge on the ray is the silhouette; those before it are folds and shadows.
    last = _STEPS - 1 - np.argmax(is_edge[::-1], axis=0)
    radii = np.where(is_edge.any(axis=0), share[last], _FALLBACK) * border
    ratio = radii / border
    around = np.stack([np.roll(ratio, k) for k in (-2, -1, 0, 1, 2)])
    smoothed = 0.5 * np.median(around, axis=0) + 0.5 * around[1:4].mean(axis=0)
    return np.asarray(smoothed * border)


def pack_radii(radii: NDArray[np.float64]) -> tuple[bytes, int]:
    """Radii in pixels as DIRECTIONS bytes and the shift they count in. Radii below 1 become 1."""
    shift = 0
    while shift < SHIFT_LIMIT and radii.max() > 255 << shift:
        shift += 1
    units = np.clip(np.rint(radii / (1 << shift)), 1, 255)
    return units.astype(np.uint8).tobytes(), shift


def polar_grid(dx: NDArray[np.int64], dy: NDArray[np.int64]) -> tuple[U8, NDArray[np.int32]]:
    """Integer polar coordinates of a grid of offsets from a centre.

    Args:
        dx: (w,) whole pixels to the right.
        dy: (h,) whole pixels down.

    Returns:
        Byte angle (256 = one turn, clockwise from the right) and floor of the radius in eighths of a
        pixel, both (h, w).
    """
    across, down = np.broadcast_arrays(dx, dy[:, None])
    ax, ay = np.abs(across), np.abs(down)
    long, short = np.maximum(ax, ay), np.minimum(ax, ay)
    angle = np.searchsorted(_SLOPES, (short << 14) // np.maximum(long, 1), side="right")
    angle = np.where(ay > ax, 64 - angle, angle)
    angle = np.where(across < 0, 128 - angle, angle)
    angle = np.where(down < 0, -angle, angle)
    squared = 64 * (ax * ax + ay * ay)
    radius = np.sqrt(squared.astype(np.float64)).astype(np.int64)
    # Floor of the root, whatever the last bit of the floating-point root was.
    radius -= radius * radius > squared
    radius += (radius + 1) * (radius + 1) <= squared
    return (angle & 255).astype(np.uint8), radius.astype(np.int32)


@lru_cache(maxsize=4)
def _polar_table(half: int) -> tuple[U8, NDArray[np.int32]]:
    """:func:`polar_grid` from -half to half in both axes, read-only."""
    across = np.arange(-half, half + 1)
    angle, radius = np.empty((2 * half + 1,) * 2, np.uint8), np.empty((2 * half + 1,) * 2, np.int32)
    for first in range(0, 2 * half + 1, _STRIP):
        strip = slice(first, first + _STRIP)
        angle[strip], radius[strip] = polar_grid(across, across[strip])
    angle.setflags(write=False)
    radius.setflags(write=False)
    return angle, radius


def inside_outline(radii: bytes, shift: int, rows: range, columns: range) -> U8:
    """Mark the pixels inside an outline, 1 inside and 0 outside, in a window around its centre.

    Args:
        radii: DIRECTIONS bytes.
        shift: a radius byte counts units of ``1 << shift`` pixels.
        rows: offsets of the window's rows from the centre, in whole pixels.
        columns: offsets of its columns.
    """
    limit = outline_radius(radii, shift)
    half = max(-rows.start, rows.stop - 1, -columns.start, columns.stop - 1)
    if half <= _TABLE_HALVES[-1]:
        table = next(size for size in _TABLE_HALVES if half <= size)
        angle, radius = _polar_table(table)
        window = (
            slice(table + rows.start, table + rows.stop),
            slice(table + columns.start, table + columns.stop),
        )
        return np.asarray(radius[window] <= limit[angle[window]]).view(np.uint8)
    inside = np.empty((len(rows), len(columns)), np.uint8)
    across, down = np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)
    for first in range(0, len(rows), _STRIP):
        strip = slice(first, first + _STRIP)
        angle, radius = polar_grid(across, down[strip])
        inside[strip] = radius <= limit[angle]
    return inside


def outline_radius(radii: bytes, shift: int) -> NDArray[np.int32]:
    """Radius * 8 in pixels for every byte angle, linear between directions. Shape (256,)."""
    corner = np.frombuffer(radii, np.uint8).astype(np.int32) << shift
    step = 256 // DIRECTIONS
    part = np.arange(step, dtype=np.int32)
    between = corner[:, None] * (step - part) + np.roll(corner, -1)[:, None] * part
    return np.asarray(between.reshape(256), np.int32)
