"""Crowd density: people per square metre of ground."""

from __future__ import annotations

import math

import numpy as np

from cssv.scene.ground import F64, Plane

#: Width of the kernel of the crowd's density, metres: two people this far apart count for 1/e at each other.
CROWD_RADIUS_M = 2.0
#: Labels of people in the detectors' vocabularies, and of what is nothing in particular.
_PEOPLE = frozenset({"", "object", "person", "people", "pedestrian", "human", "man", "woman", "child"})
#: Places at which a kernel is asked whether the picture shows it.
_KERNEL_NODES = 128


def is_person(label: str) -> bool:
    """Whether an object of this label counts as one of a crowd: people do, and what nobody has named."""
    return label.casefold() in _PEOPLE


def crowd_density(
    people_m: F64, at_m: F64 | None = None, plane: Plane | None = None, radius_m: float = CROWD_RADIUS_M
) -> F64:
    """People per square metre around points of the ground.

    A Gaussian kernel, exp(-d²/R²) / (pi R²) for a person at the distance d, as of Helbing, Johansson and
    Al-Abideen ("Dynamics of crowd disasters: an empirical study", Phys. Rev. E 75, 046109, 2007). Who stands
    at the point counts too: one person alone is 1 / (pi R²), 0.08 per m². At the picture's border a kernel
    reaches where nobody can be seen; there the sum is divided by the share of it that the picture shows, as
    if those who are out of sight stood as densely (Diggle, J. Royal Statistical Society C 34, 1985).

    Args:
        people_m: (n, 2) where people stand; NaN for those of whom it is not known, who do not count.
        at_m: (k, 2) where the density is asked for; where people stand by default.
        plane: of the picture that shows them; None where everybody is known, wherever they are.
        radius_m: R.

    Returns:
        float64 (k,); NaN for points that are NaN or that the picture does not show.
    """
    people = np.asarray(people_m, dtype=np.float64).reshape(-1, 2)
    points = people if at_m is None else np.asarray(at_m, dtype=np.float64).reshape(-1, 2)
    people = people[np.isfinite(people).all(axis=-1)]
    squared = ((points[:, None] - people) ** 2).sum(axis=-1) / radius_m**2
    density: F64 = np.exp(-squared).sum(axis=-1) / (math.pi * radius_m**2)
    density[np.isnan(points).any(axis=-1)] = np.nan
    if plane is None:
        return density
    shown = plane.shows(points[:, None] + radius_m * _kernel_nodes()).mean(axis=-1)
    whole: F64 = density / np.maximum(shown, 1 / _KERNEL_NODES)
    whole[~plane.shows(points)] = np.nan
    return whole


def _kernel_nodes() -> F64:
    """Points (n, 2) of equal weight under the kernel of radius 1: a sunflower's (Vogel, 1979)."""
    ranks = np.arange(_KERNEL_NODES)
    distances = np.sqrt(-np.log1p(-(ranks + 0.5) / _KERNEL_NODES))
    turns = ranks * math.pi * (3 - math.sqrt(5))
    return np.asarray(distances[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=-1))
