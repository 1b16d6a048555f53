"""Velocity in metres per second: objects filtered where they stand, on the ground plane.

A box's foot is taken to the ground, and its noise with it: far away a pixel is many metres along the line of
sight and few across it. So each object is filtered along axes of its own, along and across the line of sight
as it is on average, in which the errors of the two are nearly independent. The motion is constant velocity
with white acceleration, as in the picture (:mod:`cssv.perception.kinematics`); that acceleration's density,
in m²/s³, is the one under which the clip's feet are foretold best (maximum likelihood of the innovations, as
in :mod:`cssv.perception.adaptation`). How far feet scatter in the picture is learnt as for boxes.

Feet that the picture's edge cuts off, or that are above the horizon, count as unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cssv.ground import Plane, feet_of, foot_velocity, ground_velocity, whole_feet
from cssv.perception.adaptation import PRICE, WIDEST
from cssv.perception.detections import F64, from_centres
from cssv.perception.kinematics import (
    Problem,
    States,
    kalman_filter,
    log_likelihoods,
    rts_smoother,
    scatter,
)
from cssv.perception.noise import estimate_noise
from cssv.perception.smoothing import Noise, Tracklet, batches, seen_rows
from cssv.perception.tracks import Track

#: Densities of acceleration that are tried, m²/s³: from a slow walk to a car that brakes.
PROCESS_M2_S3 = 0.01 * 2.0 ** np.arange(11)
#: The density of acceleration where the clip says too little: people who walk.
WALKING_M2_S3 = 0.08
#: Clips with fewer feet than this say too little.
FEWEST_FEET = 60
#: Standard deviation of velocities before anything is known, m/s; twice the clip's own where that is more.
VELOCITY_PRIOR_M_S = 3.0
#: Nothing on the ground is taken to be faster than this; what seems so is a false box near the horizon.
FASTEST_M_S = 100.0
#: Position prior in standard deviations of the first measurement: so wide that this settles it.
_POSITION_PRIOR = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """One object's feet on the ground, along axes of its own.

    Attributes:
        tracklet: whose, with feet for centres; from the first foot seen to the last.
        axes: (2, 2), rows: the axes on the ground, orthonormal.
        places_m: (n, 2) along the axes, NaN where unseen.
        variances_m2: (n, 2) of a measured place.
    """

    tracklet: Tracklet
    axes: F64
    places_m: F64
    variances_m2: F64


def with_metres(tracks: Sequence[Track], tracklets: Sequence[Tracklet], plane: Plane) -> list[Track]:
    """The same tracks with ``velocity_m_s`` and ``velocity_m_cov``, as far as their feet tell.

    Args:
        tracks: smoothed tracks, in any order.
        tracklets: the measurements of each, by the same ids.
        plane: the ground of the pictures.
    """
    smooth = {track.id: track for track in tracks}
    feet = [standing for tracklet in tracklets if (standing := _feet(tracklet, plane)) is not None]
    noise = estimate_noise(feet)
    walks = [_walk(standing, smooth[standing.id], noise, plane) for standing in feet]
    motions = _motions(walks)
    return [_moved(track, motions[track.id]) if track.id in motions else track for track in tracks]


def by_jacobian(track: Track, plane: Plane) -> Track:
    """The same track; its velocity in the picture, taken to the ground frame by frame.

    Less exact than :func:`with_metres`, but needs the smoothed track alone.
    """
    moving = foot_velocity(plane, track.boxes_px, track.velocity_px_s)
    velocity, slope = ground_velocity(plane, track.boxes_px, moving)
    cov = slope @ track.velocity_cov @ slope.swapaxes(-1, -2)
    known = np.isfinite(velocity).all(axis=-1) & np.isfinite(cov).all(axis=(-1, -2))
    velocity[~known], cov[~known] = np.nan, np.nan
    return replace(track, velocity_m_s=velocity, velocity_m_cov=cov)


def _feet(tracklet: Tracklet, plane: Plane) -> Tracklet | None:
    """The tracklet with its feet for centres, from the first that is seen to the last; None for under two."""
    centres = tracklet.centres_px.copy()
    boxes = from_centres(centres)
    centres[:, :2] = feet_of(boxes)
    with np.errstate(invalid="ignore"):
        centres[~whole_feet(boxes, plane.size)] = np.nan
    centres[np.isnan(plane.jacobian(centres[:, :2])).any(axis=(1, 2))] = np.nan
    seen = np.flatnonzero(seen_rows(centres))
    if len(seen) < 2:
        return None
    span = slice(int(seen[0]), int(seen[-1]) + 1)
    return Tracklet(
        tracklet.id,
        tracklet.label,
        tracklet.numbers[span],
        tracklet.times_s[span],
        centres[span],
        tracklet.scores[span],
    )


def _walk(feet: Tracklet, track: Track, noise: Noise, plane: Plane) -> _Walk:
    """Take feet and their noise to the ground, as seen from where the smoothed track is."""
    times, boxes = track.times_s, track.boxes_px
    spots, heights = feet_of(boxes), boxes[:, 3]
    known = np.isfinite(plane.jacobian(spots)).all(axis=(1, 2))
    if not known.any():
        times, spots, heights = _own(feet)
    else:
        times, spots, heights = times[known], spots[known], heights[known]
    slope = plane.jacobian(spots)
    scatter = np.array(noise.measurement[:2]) * heights[:, None]
    spread = slope @ (scatter[:, :, None] ** 2 * slope.swapaxes(-1, -2))
    _, axes = np.linalg.eigh((spread / np.trace(spread, axis1=1, axis2=2)[:, None, None]).mean(axis=0))
    along = np.einsum("ai,nij,aj->na", axes.T, spread, axes.T)
    variances = np.stack([np.interp(feet.times_s, times, column) for column in along.T], axis=1)
    return _Walk(feet, axes.T, plane.to_ground(feet.centres_px[:, :2]) @ axes, variances)


def _own(feet: Tracklet) -> tuple[F64, F64, F64]:
    """Times, spots and heights of the measured feet themselves."""
    seen = seen_rows(feet.centres_px)
    return feet.times_s[seen], feet.centres_px[seen, :2], feet.centres_px[seen, 3]


def _motions(walks: Sequence[_Walk]) -> dict[int, tuple[Tracklet, F64, F64]]:
    """By id: the feet, and velocity (n, 2) and covariance (n, 2, 2) on the ground in each of their frames."""
    prior = _velocity_prior(walks)
    by_id = {walk.tracklet.id: walk for walk in walks}
    groups = [[by_id[t.id] for t in group] for group in batches([walk.tracklet for walk in walks])]
    problems = [_problem(group, prior) for group in groups]
    densities = _densities(groups, problems)
    found = {}
    for group, problem, density in zip(groups, problems, densities, strict=True):
        own = replace(problem, noise=scatter(problem.dt_s, density))
        states = rts_smoother(kalman_filter(own), own)
        for k, walk in enumerate(group):
            n, pair = len(walk.tracklet), slice(2 * k, 2 * k + 2)
            velocity = states.v[:n, pair] @ walk.axes
            cov = np.einsum("ai,na,aj->nij", walk.axes, states.vv[:n, pair], walk.axes)
            # Rounding can eat a variance up where feet are known to a hair; then nothing is claimed.
            velocity[(states.vv[:n, pair] <= 0).any(axis=1)] = np.nan
            cov[np.isnan(velocity[:, 0])] = np.nan
            found[walk.tracklet.id] = walk.tracklet, velocity, cov
    return found


def _problem(walks: Sequence[_Walk], prior: float) -> Problem:
    """What the filter takes, for an acceleration of density 1; two channels for each walk, side by side."""
    shape = (max(len(walk.tracklet) for walk in walks), 2 * len(walks))
    z, weight, dt = np.zeros((3, *shape))
    spread = np.empty(shape[1])
    for k, walk in enumerate(walks):
        n, pair = len(walk.tracklet), slice(2 * k, 2 * k + 2)
        seen = seen_rows(walk.places_m)[:, None]
        # A padded step of 0 s without a measurement changes nothing.
        z[:n, pair] = np.where(seen, walk.places_m, 0.0)
        weight[:n, pair] = seen / walk.variances_m2
        dt[1:n, pair] = np.diff(walk.tracklet.times_s)[:, None]
        spread[pair] = walk.variances_m2[0]
    rest, apart = np.zeros((2, shape[1]))
    start = States(z[0], rest, _POSITION_PRIOR**2 * spread, apart, np.full(shape[1], prior**2))
    return Problem(z, weight, dt, scatter(dt, np.ones(shape[1])), start)


def _velocity_prior(walks: Sequence[_Walk]) -> float:
    """Twice the clip's root mean square velocity, m/s, or the default where that is less."""
    paths = [walk.places_m[-1] - walk.places_m[0] for walk in walks]
    spans = [walk.tracklet.times_s[-1] - walk.tracklet.times_s[0] for walk in walks]
    speeds = np.hypot(*np.array(paths).T) / spans if walks else np.zeros(1)
    return max(VELOCITY_PRIOR_M_S, 2 * float(np.sqrt(np.mean(np.minimum(speeds, FASTEST_M_S) ** 2))))


def _densities(groups: Sequence[Sequence[_Walk]], problems: Sequence[Problem]) -> list[F64]:
    """Density of the acceleration for each channel of each group, m²/s³.

    It is the clip's, the one most likely for all of it, but for objects that are livelier beyond doubt.
    """
    count = sum(int((problem.weight > 0).sum()) // 2 for problem in problems)
    if count < FEWEST_FEET:
        return [np.full(2 * len(group), WALKING_M2_S3) for group in groups]
    scales = np.stack([PROCESS_M2_S3, np.ones_like(PROCESS_M2_S3)], axis=1)
    gains = [log_likelihoods(problem, scales, WIDEST)[0] for problem in problems]
    typical = int(sum(gain.sum(axis=1) for gain in gains).argmax())
    prices = np.where(
        np.arange(len(scales)) > typical, PRICE, np.where(np.arange(len(scales)) < typical, np.inf, 0.0)
    )
    found = []
    for gain in gains:
        both = gain.reshape(len(scales), -1, 2).sum(axis=2) - prices[:, None]
        found.append(np.repeat(PROCESS_M2_S3[both.argmax(axis=0)], 2))
    return found


def _moved(track: Track, motion: tuple[Tracklet, F64, F64]) -> Track:
    """A track with the velocities of those of its frames for which there is one."""
    feet, velocity_m_s, cov = motion
    velocity, spread = np.full((len(track), 2), np.nan), np.full((len(track), 2, 2), np.nan)
    known = np.isin(track.numbers, feet.numbers)
    rows = np.searchsorted(feet.numbers, track.numbers[known])
    velocity[known], spread[known] = velocity_m_s[rows], cov[rows]
    return replace(track, velocity_m_s=velocity, velocity_m_cov=spread)
