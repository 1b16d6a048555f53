"""Crowd density: people per square metre of ground."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from cssv.boxes import F64
from cssv.scene.ground import Plane

#: Width of the kernel of the crowd's density, metres: two people this far apart count for 1/e at each other.
CROWD_RADIUS_M = 2.0
#: Labels of people in the detectors' vocabularies, and labels of objects without a class.
_PEOPLE = frozenset({"", "object", "person", "people", "pedestrian", "human", "man", "woman", "child"})
#: Points of a kernel at which is tested whether the picture shows it.
_KERNEL_NODES = 128
#: Kernels that are tested at once: these fit into the memory that a processor reaches fast.
_KERNELS_AT_ONCE = 64


def is_person(label: str) -> bool:
    """Whether an object of this label counts as a person: people do, and objects without a class."""
    return label.casefold() in _PEOPLE


def crowd_density(
    people_m: F64, at_m: F64 | None = None, plane: Plane | None = None, radius_m: float = CROWD_RADIUS_M
) -> F64:
    """People per square metre around points of the ground.

    A Gaussian kernel, exp(-d²/R²) / (pi R²) for a person at the distance d, as of Helbing, Johansson and
    Al-Abideen ("Dynamics of crowd disasters: an empirical study", Phys. Rev. E 75, 046109, 2007). A person at
    the point itself counts too: one person alone gives 1 / (pi R²), 0.08 per m². At the picture's border part
    of the kernel is out of sight. There the sum is divided by the visible share of the kernel, which assumes
    the same density out of sight (Diggle, J. Royal Statistical Society C 34, 1985).

    Args:
        people_m: (n, 2) positions of people; those with NaN are unknown and do not count.
        at_m: (k, 2) the points; by default the people's positions.
        plane: of the picture; None if all people are known, in sight or not.
        radius_m: R.

    Returns:
        float64 (k,); NaN at points that are NaN or out of sight.
    """
    people = np.asarray(people_m, dtype=np.float64).reshape(-1, 2)
    points = people if at_m is None else np.asarray(at_m, dtype=np.float64).reshape(-1, 2)
    people = people[np.isfinite(people).all(axis=-1)]
    squared = ((points[:, None] - people) ** 2).sum(axis=-1) / radius_m**2
    density: F64 = np.exp(-squared).sum(axis=-1) / (math.pi * radius_m**2)
    density[np.isnan(points).any(axis=-1)] = np.nan
    if plane is None:
        return density
    return whole_crowd(density, kernel_share(points, plane, radius_m))


def whole_crowd(density: F64, shown: F64) -> F64:
    """Densities (n,) of the people in sight as those of all, by the :func:`kernel_share` of each point."""
    whole: F64 = density / np.maximum(shown, 1 / _KERNEL_NODES)
    return whole


def kernel_share(points_m: F64, plane: Plane, radius_m: float = CROWD_RADIUS_M) -> F64:
    """Share (n,) of the kernel around points (n, 2) that the picture shows; NaN at points out of sight."""
    nodes = radius_m * _kernel_nodes()
    shares: F64 = np.where(plane.shows(points_m), 0.0, np.nan)
    for start in range(0, len(points_m), _KERNELS_AT_ONCE):
        part = slice(start, start + _KERNELS_AT_ONCE)
        shares[part] += plane.shows(points_m[part, None] + nodes).mean(axis=-1)
    return shares


@cache
def _kernel_nodes() -> F64:
    """Points (n, 2) of equal weight under the kernel of radius 1, in a sunflower pattern (Vogel, 1979)."""
    ranks = np.arange(_KERNEL_NODES)
    distances = np.sqrt(-np.log1p(-(ranks + 0.5) / _KERNEL_NODES))
    turns = ranks * math.pi * (3 - math.sqrt(5))
    return np.asarray(distances[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=-1))
