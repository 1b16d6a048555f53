"""Shapes of one unit, of which the objects of a room are made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_F32 = NDArray[np.float32]
#: Corners of the disc's edge.
_CORNERS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A mesh of triangles.

    Attributes:
        places: (n, 3).
        normals: (n, 3).
        triangles: (3 m,) indices.
    """

    places: _F32
    normals: _F32
    triangles: NDArray[np.uint16]


def _cube() -> Shape:
    """A cube on the ground: x and z from -0.5 to 0.5, y from 0 to 1."""
    places: list[NDArray[np.float64]] = []
    normals: list[NDArray[np.float64]] = []
    triangles: list[int] = []
    for axis in range(3):
        for side in (-1, 1):
            normal = np.zeros(3)
            normal[axis] = side
            across, along = np.eye(3)[[(axis + 1) % 3, (axis + 2) % 3]] * 0.5
            turns = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
            corners = [normal / 2 + a * across + b * along for a, b in turns]
            # Counter-clockwise, seen from outside.
            if np.cross(corners[1] - corners[0], corners[2] - corners[0]) @ normal < 0:
                corners.reverse()
            first = len(places)
            places += corners
            normals += [normal] * 4
            triangles += [first, first + 1, first + 2, first, first + 2, first + 3]
    return Shape(
        np.array([place + np.array([0, 0.5, 0]) for place in places], np.float32),
        np.array(normals, np.float32),
        np.array(triangles, np.uint16),
    )


CUBE = _cube()


@lru_cache(maxsize=1)
def disc() -> Shape:
    """A flat disc of radius 1 around the origin; it faces up."""
    angles = 2 * np.pi * np.arange(_CORNERS) / _CORNERS
    edge = np.stack([np.cos(angles), np.zeros(_CORNERS), -np.sin(angles)], axis=-1)
    after = np.roll(np.arange(_CORNERS), -1)
    fans = np.stack([np.zeros(_CORNERS, int), 1 + np.arange(_CORNERS), 1 + after], axis=-1)
    places = np.concatenate([np.zeros((1, 3)), edge]).astype(np.float32)
    normals = np.tile(np.array([0, 1, 0], np.float32), (len(places), 1))
    return Shape(places, normals, fans.reshape(-1).astype(np.uint16))
