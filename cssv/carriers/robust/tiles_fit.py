"""Sides of the received picture to a fraction of a pixel, from the displacements of tiles.

The phase in time is known from the coarse search. The correlation of each tile with the plane is a function
of its displacement. The displacements are assumed to be linear in the position, separately in each direction.
Under this model the correlations are summed, and the sum is maximised. No tile decides for itself, so that
weak tiles count without outliers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from scipy.interpolate import CubicSpline

from cssv.carriers.robust.geometry import F64, Sides
from cssv.carriers.robust.pilot import F32, PLANE, pilot_plane

#: Sender pixels in a cell here. The coarse search has 4.
CELL = 2
#: Displacements that each round allows, in cells, and steps in a cell.
_ROUNDS = ((6, 4), (3, 8), (2, 16))
#: Most tiles in a direction, and cells that a tile has at least.
_TILES, _TILE_CELLS = 6, 24


@dataclass(frozen=True, slots=True)
class Tiles:
    """Correlations of tiles with the plane of the pilot.

    Attributes:
        surfaces: (tiles, displacements down, displacements across).
        across, down: position of each tile, from -1 at the left or top side to 1 at the other one.
    """

    surfaces: F32
    across: F64
    down: F64


def fit_sides(demodulated: F32, turn: complex, sides: Sides, key: bytes) -> Sides:
    """Improve the sides of the received picture.

    Args:
        demodulated: (height, width, 2) from :func:`.demodulation.demodulate`.
        turn: phase in time of the pilot.
        sides: first estimate, at most 12 sender pixels off.
        key: 32 bytes.
    """
    real = demodulated[..., 0] * np.float32(turn.real) - demodulated[..., 1] * np.float32(turn.imag)
    for reach, steps in _ROUNDS:
        tiles = _correlate_tiles(real, sides, key, reach)
        sides = _move(sides, _maximise(tiles, reach, steps))
    return sides


def _correlate_tiles(real: F32, sides: Sides, key: bytes, reach: int) -> Tiles:
    left, top, right, bottom = (side / CELL for side in sides)
    x0, y0 = math.ceil(left), math.ceil(top)
    columns, rows = math.floor(right) - x0, math.floor(bottom) - y0
    picture = _on_plane(real, (left, top, right, bottom), (x0, y0, columns, rows))
    plane = pilot_plane(key, CELL)
    surfaces, across, down = [], [], []
    for y, height in _split(rows):
        for x, width in _split(columns):
            at_y = np.arange(y0 + y - reach, y0 + y + height + reach) % (PLANE // CELL)
            at_x = np.arange(x0 + x - reach, x0 + x + width + reach) % (PLANE // CELL)
            around = np.ascontiguousarray(plane[np.ix_(at_y, at_x)])
            tile = np.ascontiguousarray(picture[y : y + height, x : x + width])
            surfaces.append(cv2.matchTemplate(around, tile, cv2.TM_CCORR))
            across.append(2 * (x0 + x + width / 2 - left) / (right - left) - 1)
            down.append(2 * (y0 + y + height / 2 - top) / (bottom - top) - 1)
    return Tiles(np.stack(surfaces).astype(np.float32), np.array(across), np.array(down))


def _on_plane(real: F32, sides: Sides, region: tuple[int, int, int, int]) -> F32:
    """The picture in cells of the plane; ``sides`` and ``region`` are in cells."""
    left, top, right, bottom = sides
    across, down = real.shape[1] / (right - left), real.shape[0] / (bottom - top)
    if max(across, down) > 1:
        real = np.asarray(cv2.GaussianBlur(real, (0, 0), 0.35 * max(across, down)), np.float32)
    x, y = (region[0] + 0.5 - left) * across - 0.5, (region[1] + 0.5 - top) * down - 0.5
    matrix = np.array([[across, 0, x], [0, down, y]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(real, matrix, region[2:], flags=flags), np.float32)


def _split(length: int) -> list[tuple[int, int]]:
    """First cell and number of cells of each tile; the tiles cover everything once."""
    count = min(max(length // _TILE_CELLS, 1), _TILES)
    ends = np.linspace(0, length, count + 1).astype(int)
    return [(int(a), int(b - a)) for a, b in pairwise(ends)]


def _maximise(tiles: Tiles, reach: int, steps: int) -> tuple[float, float, float, float]:
    """Displacements of the centre and of the right side, of the centre and of the bottom side, in cells."""
    # One line of displacements is interpolated at a time; the other direction stays at its best so far.
    across, down = (0.0, 0.0), (0.0, 0.0)
    for _ in range(3):
        lines = _lines(tiles.surfaces, down[0] + down[1] * tiles.down, reach)
        across = _best_line(lines, tiles.across, reach, steps)
        lines = _lines(tiles.surfaces.transpose(0, 2, 1), across[0] + across[1] * tiles.across, reach)
        down = _best_line(lines, tiles.down, reach, steps)
    return *across, *down


def _lines(surfaces: F32, at: F64, reach: int) -> F64:
    """Of each surface, the row at a fraction, by a parabola through the three nearest rows."""
    nearest = np.clip(np.rint(at), 1 - reach, reach - 1).astype(int)
    off = np.clip(at - nearest, -1, 1)[:, None]
    index = np.arange(len(surfaces))
    before, middle, after = (surfaces[index, nearest + reach + k].astype(np.float64) for k in (-1, 0, 1))
    line = middle + off * (after - before) / 2 + off**2 * (after - 2 * middle + before) / 2
    return np.asarray(line, np.float64)


def _best_line(lines: F64, position: F64, reach: int, steps: int) -> tuple[float, float]:
    """Displacement a + b * position with the largest sum; a and b are multiples of 1 / steps."""
    fine = _interpolate(lines, steps)
    centre = np.arange(-reach * steps, reach * steps + 1)
    # Beyond half of the reach, the tiles at both sides could leave their surfaces.
    slope = np.arange(-reach * steps, reach * steps + 1) / steps
    total = np.zeros((len(slope), len(centre)))
    for line, place in zip(fine, position, strict=True):
        at = centre[None, :] + np.rint(slope[:, None] * place * steps).astype(int) + reach * steps
        total += line[np.clip(at, 0, len(line) - 1)] * ((at >= 0) & (at < len(line)))
    best_slope, best_centre = np.unravel_index(int(total.argmax()), total.shape)
    return float(centre[best_centre] / steps), float(slope[best_slope])


def _interpolate(lines: F64, steps: int) -> F64:
    """Values between the samples by a cubic spline."""
    count = lines.shape[1]
    at = np.arange((count - 1) * steps + 1) / steps
    return np.asarray(CubicSpline(np.arange(count), lines, axis=1)(at), np.float64)


def _move(sides: Sides, found: tuple[float, float, float, float]) -> Sides:
    left, top, right, bottom = sides
    across, stretch_x, down, stretch_y = (CELL * value for value in found)
    moved = left + across - stretch_x, top + down - stretch_y
    return *moved, right + across + stretch_x, bottom + down + stretch_y
