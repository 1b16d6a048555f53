"""The outline of an object: a radius per direction around its centre, and the pixels inside.

:func:`explore` is the spiral exploration ray: it walks outward from the object's centre in order of
radius, all directions at once, and stops, direction by direction, at the object's edge. The
result is star-convex. :func:`inside_outline` turns radii back into pixels by integer polar
coordinates.

Integer arithmetic only: a reader finds the outlines again, and must draw the same bytes on every machine.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from cssv.template.drawing import DIRECTIONS, SHIFT_LIMIT

I64 = NDArray[np.int64]

#: Shares of the way to the box's border count in these units.
_SHARE = 900
#: The ray can stop at these shares: 0.45 to 1.2 of the way, in steps of 1/36. It goes beyond the border,
#: because boxes cut off limbs and superellipses cut off corners.
_SHARES: I64 = np.arange(405, 1081, 25)
_STEPS = len(_SHARES)
#: Without an edge the ray ends at this share of the superellipse.
_FALLBACK = 828
#: An edge exceeds the box's median magnitude by this factor, and half the strongest on its ray.
_EDGE_FACTOR = 8, 5

#: Directions around each direction, itself in the middle.
_AROUND = (np.arange(DIRECTIONS) + np.arange(-2, 3)[:, None]) % DIRECTIONS

#: A radius found by the ray is a share of the border in units of 1/6 of those of shares: :func:`_smooth`.
_SMOOTHED = 6 * _SHARE
#: Fractional bits of a border.
_BITS = 24
#: Radii count in units of 1 px / RADIUS_UNIT, in which no result of this module is rounded.
RADIUS_UNIT = _SMOOTHED << _BITS

#: round(2^40 * cos(2 pi k / 32)) for a quarter of the directions.
_COSINE_BITS = 40
_QUARTER = (
    1099511627776, 1078384820155, 1015816288660, 914210506869, 777472127994,
    610855931251, 420764883643, 214504077523, 0,
)  # fmt: skip
#: Boundaries of the byte angles inside an octant, as slopes in 14 bits.
_SLOPES: I64 = np.array([round((1 << 14) * math.tan(math.pi * (2 * k + 1) / 256)) for k in range(32)])

#: Half sizes of the tables of polar coordinates that are kept; larger outlines compute theirs in strips.
_TABLE_HALVES = (64, 128, 256, 512)
#: Rows of such a strip.
_STRIP = 64


def superellipse(width: int, height: int) -> I64:
    """Radii (DIRECTIONS,) in units of 1/RADIUS_UNIT px of the superellipse |x|^3 + |y|^3 = 1 in a box.

    It lies between the ellipse, which misses shoulders, and the box, whose corners no object has.
    """
    return _border(width, height)[0] * _SMOOTHED


@lru_cache(maxsize=1024)
def _border(width: int, height: int) -> tuple[I64, I64, I64]:
    """Radii of the superellipse in 2^-24 px, rounded down, and their ends to the right and down, rounded."""
    quarter = []
    for cosine, sine in zip(_QUARTER, _QUARTER[::-1], strict=True):
        # r^3 * ((cosine / (width / 2))^3 + (sine / (height / 2))^3) = 1
        below = (cosine * height) ** 3 + (sine * width) ** 3
        quarter.append(_cube_root((width * height << _BITS + _COSINE_BITS - 1) ** 3 // below))
    half = [*quarter, *quarter[-2::-1]]
    radii = [*half, *half[1:-1]]
    cosines = [*_QUARTER, *(-value for value in _QUARTER[-2::-1])]
    cosines = [*cosines, *cosines[-2:0:-1]]
    sines = [*cosines[-DIRECTIONS // 4 :], *cosines[: -DIRECTIONS // 4]]
    middle = 1 << _COSINE_BITS - 1
    ends = (
        [r * part + middle >> _COSINE_BITS for r, part in zip(radii, parts, strict=True)]
        for parts in (cosines, sines)
    )
    border, across, down = np.array(radii, np.int64), *(np.array(end, np.int64) for end in ends)
    for array in (border, across, down):
        array.setflags(write=False)
    return border, across, down


@lru_cache(maxsize=256)
def _samples(width: int, height: int) -> tuple[I64, I64]:
    """Places of the samples on each ray, (steps, DIRECTIONS), in pixels to the right and down."""
    _, *ends = _border(width, height)
    across, down = (_round(_SHARES[:, None] * end, _SHARE << _BITS) for end in ends)
    across.setflags(write=False)
    down.setflags(write=False)
    return across, down


def _cube_root(value: int) -> int:
    """Largest integer whose cube does not exceed a value."""
    root = round(math.pow(value, 1 / 3))
    # Whatever the last bits of the floating-point root were.
    while root**3 > value:
        root -= 1
    while (root + 1) ** 3 <= value:
        root += 1
    return root


def explore(edges: NDArray[np.integer], box: tuple[int, int, int, int]) -> I64:
    """Walk outward from the centre of ``box`` to the object's edge.

    Args:
        edges: (H, W) edge magnitude of the whole frame or of a window around the box.
        box: x, y, w, h in whole pixels in the coordinates of ``edges``.

    Returns:
        (DIRECTIONS,) radii in units of 1/RADIUS_UNIT px.
    """
    x, y, w, h = box
    across, down = _samples(w, h)
    columns, rows = x + w // 2 + across, y + h // 2 + down
    height, width = edges.shape
    if min(columns.min(), rows.min()) >= 0 and columns.max() < width and rows.max() < height:
        strength = edges[rows, columns].astype(np.int64)
        ordered = np.sort(strength, axis=None)
    else:
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        strength = edges[rows.clip(0, height - 1), columns.clip(0, width - 1)].astype(np.int64) * inside
        ordered = np.sort(strength[inside])
    # Twice the median, the sum of the two in the middle.
    median = int(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) if len(ordered) else 0
    many, few = _EDGE_FACTOR
    # The least integer that is not below the bound.
    least = max(-(-many * median // (2 * few)), 1)
    floor = np.maximum((strength.max(axis=0) + 1) // 2, least)
    middle = strength[1:-1]
    # A crest, not its outer slope, which lies two pixels farther out.
    is_edge = np.zeros(strength.shape, bool)
    is_edge[1:-1] = (middle >= floor) & (middle >= strength[2:]) & (middle > strength[:-2])
    # The last edge on the ray is the silhouette; those before it are folds and shadows.
    last = _STEPS - 1 - np.argmax(is_edge[::-1], axis=0)
    return _smooth(np.where(is_edge.any(axis=0), _SHARES[last], _FALLBACK)) * _border(w, h)[0]


def _smooth(shares: I64) -> I64:
    """Half the median of five directions and half the mean of three, in units of 1/_SMOOTHED."""
    around = shares[_AROUND]
    return np.asarray(3 * np.sort(around, axis=0)[2] + around[1:4].sum(axis=0))


def _round(value: I64, unit: int) -> I64:
    """Quotients rounded to the nearest integer, halves towards 0."""
    return np.asarray(np.sign(value) * ((2 * np.abs(value) + unit - 1) // (2 * unit)))


def pack_radii(radii: I64) -> tuple[bytes, int]:
    """Radii as DIRECTIONS bytes and the shift they count in. Radii below 1 px become 1."""
    shift = 0
    while shift < SHIFT_LIMIT and radii.max() > RADIUS_UNIT * 255 << shift:
        shift += 1
    units = np.clip(_round(radii, RADIUS_UNIT << shift), 1, 255)
    return units.astype(np.uint8).tobytes(), shift


def polar_grid(dx: I64, dy: I64) -> tuple[U8, NDArray[np.int32]]:
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
        return np.asarray(radius[window] <= cv2.LUT(angle[window], limit)).view(np.uint8)
    inside = np.empty((len(rows), len(columns)), np.uint8)
    across, down = np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)
    for first in range(0, len(rows), _STRIP):
        strip = slice(first, first + _STRIP)
        angle, radius = polar_grid(across, down[strip])
        inside[strip] = radius <= limit[angle]
    return inside


def outline_radius(radii: bytes, shift: int) -> NDArray[np.int32]:
    """Radius * 8 in pixels for every byte angle, linear between directions. Shape (256,)."""
    # The first direction follows the last one.
    corner = np.frombuffer(radii + radii[:1], np.uint8)[:, None].astype(np.int32) << shift
    step = 256 // DIRECTIONS
    part = np.arange(step, dtype=np.int32)
    between = corner[:-1] * (step - part) + corner[1:] * part
    return np.asarray(between.reshape(256), np.int32)
