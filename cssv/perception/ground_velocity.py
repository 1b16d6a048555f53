"""Velocity in metres per second: a Kalman filter on the ground plane.

The foot of each box is projected to the ground together with its noise. At a large distance a pixel
corresponds to many metres along the line of sight and few across it. So each object is filtered along its own
axes, the mean directions along and across the line of sight, because the errors of the two are nearly
independent. The motion model is constant velocity with white acceleration, as in the picture
(:mod:`cssv.perception.kinematics`). The density of the acceleration in m²/s³ is the one that predicts the
feet of the clip best (maximum likelihood of the innovations, as in :mod:`cssv.perception.adaptation`). The
noise of the feet in the picture is estimated as for boxes.

Consistency of the covariances: for boxes of a detector and for people that turn now and then, the normalised
estimation error squared (NEES) is 1 to 2.3 on average; 2 is ideal. For annotated boxes it is about 0.3: the
model allows for persistent errors, but the reference comes from the same boxes and contains them too. The
lowest density tried limits how straight a path can be; for straighter paths the NEES is below 0.6.

Feet outside the picture's edge or above the horizon count as not detected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cssv.boxes import F64, from_centres
from cssv.perception.adaptation import PRICE, WIDEST
from cssv.perception.kinematics import Problem, States, kalman_filter, log_likelihoods, rts_smoother, scatter
from cssv.perception.noise import estimate_noise
from cssv.perception.smoothing import Noise, Tracklet, batches, seen_rows
from cssv.perception.tracks import Track
from cssv.scene.ground import Plane, feet_of, whole_feet

#: Candidate densities of the acceleration in m²/s³: from a slow walk to a braking car.
PROCESS_M2_S3 = 0.01 * 2.0 ** np.arange(11)
#: Index of the default density, 0.08, which is that of walking people.
_WALKING = 3
#: Clips with fewer feet than this use the default density.
FEWEST_FEET = 60
#: Prior standard deviation of velocities in m/s; twice the root mean square of the clip if that is larger.
VELOCITY_PRIOR_M_S = 3.0
#: Largest speed on the ground; a higher one comes from a false box near the horizon.
FASTEST_M_S = 100.0
#: An object of a stream is filtered from the start again after this many seconds without a foot.
FORGET_S = 10.0
#: Position prior in standard deviations of the first measurement: so wide that it has no effect.
_POSITION_PRIOR = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """Filter state of an object from earlier frames: two channels along its axes, at a given time."""

    time_s: float
    axes: F64
    states: States


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """The measured feet of one object on the ground, along its own axes.

    Attributes:
        tracklet: the measurements with feet instead of centres, from the first detected foot to the last.
        axes: (2, 2) rows are the orthonormal axes on the ground.
        places_m: (n, 2) positions along the axes, NaN where not detected.
        variances_m2: (n, 2) variances of the measured positions.
        start: state from earlier frames that are not part of the tracklet.
    """

    tracklet: Tracklet
    axes: F64
    places_m: F64
    variances_m2: F64
    start: _Start | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Motion:
    """States of an object, n steps by two channels: filtered (past frames) and smoothed (all frames)."""

    walk: _Walk
    filtered: States
    smoothed: States


def with_metres(tracks: Sequence[Track], tracklets: Sequence[Tracklet], plane: Plane) -> list[Track]:
    """Add ``velocity_m_s`` and ``velocity_m_cov`` to the tracks where feet are known.

    Args:
        tracks: smoothed tracks, in any order.
        tracklets: the measurements of each track, with the same ids.
        plane: ground plane of the pictures.
    """
    smooth = {track.id: track for track in tracks}
    feet = [standing for tracklet in tracklets if (standing := _feet(tracklet, plane)) is not None]
    noise = estimate_noise(feet)
    walks = [_walk(standing, smooth[standing.id], noise, plane) for standing in feet]
    motions = _motions(walks)
    return [_moved(track, motions[track.id]) if track.id in motions else track for track in tracks]


class LiveMetres:
    """Velocity on the ground for a stream, window by window, with states kept from earlier windows.

    Objects use the density of walking people unless a higher one is clearly more likely in the window.

    Args:
        plane: ground plane of the pictures.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._starts: dict[int, _Start] = {}

    def standing(
        self, tracks: Sequence[Track], window: Sequence[Tracklet], noise: Noise, until_s: float
    ) -> list[Track]:
        """Add ``velocity_m_s`` and ``velocity_m_cov`` to the tracks of the window.

        Args:
            tracks: smoothed tracks.
            window: the measurements of each track, with the same ids, after the previous call's ``until_s``.
            noise: noise of the boxes.
            until_s: time of the last frame that leaves the window now.
        """
        smooth = {track.id: track for track in tracks}
        x, y, _, h = noise.measurement
        # The foot is the lower edge: the variances of the centre and of half the height add there.
        own = replace(noise, measurement=(x, math.hypot(y, h / 2), x, h))
        walks = []
        for tracklet in window:
            start = self._starts.get(tracklet.id)
            feet = _feet(tracklet, self._plane, fewest=1, after_s=None if start is None else start.time_s)
            if feet is not None:
                walks.append(_walk(feet, smooth[tracklet.id], own, self._plane, start))
        motions = _motions(walks, _WALKING)
        for identity, motion in motions.items():
            last = int(np.searchsorted(motion.walk.tracklet.times_s, until_s, side="right")) - 1
            # An object that starts after the leaving frames has no state to keep yet.
            if last >= 0:
                time_s = float(motion.walk.tracklet.times_s[last])
                self._starts[identity] = _Start(time_s, motion.walk.axes, motion.filtered.step(last))
        self._starts = {k: start for k, start in self._starts.items() if start.time_s > until_s - FORGET_S}
        # A single foot gives no velocity: the result would be the prior.
        known = {k for k, m in motions.items() if m.walk.start or seen_rows(m.walk.places_m).sum() > 1}
        return [_moved(track, motions[track.id]) if track.id in known else track for track in tracks]


def _feet(
    tracklet: Tracklet, plane: Plane, *, fewest: int = 2, after_s: float | None = None
) -> Tracklet | None:
    """Replace the centres of a tracklet by its feet; None if there are fewer than ``fewest``.

    The result ends with the last detected foot. It starts with the first foot, or with the first frame later
    than ``after_s``.
    """
    centres = tracklet.centres_px.copy()
    boxes = from_centres(centres)
    centres[:, :2] = feet_of(boxes)
    with np.errstate(invalid="ignore"):
        centres[~whole_feet(boxes, plane.size)] = np.nan
    if tracklet.cut is not None:
        # The completed box can end inside the picture; all sides but the upper one tell where the foot is.
        centres[tracklet.cut.sides[:, 0, [0, 2, 3]].any(axis=1)] = np.nan
    # Beyond the horizon a pixel has no point on the ground.
    centres[np.isnan(plane.jacobian(centres[:, :2])).any(axis=(1, 2))] = np.nan
    seen = np.flatnonzero(seen_rows(centres))
    # Frames before ``after_s`` are already part of the kept state and must not count twice.
    if after_s is not None:
        first = int(np.searchsorted(tracklet.times_s, after_s, side="right"))
        seen = seen[seen >= first]
    if len(seen) < fewest:
        return None
    span = slice(int(seen[0]) if after_s is None else first, int(seen[-1]) + 1)
    return Tracklet(
        tracklet.id,
        tracklet.label,
        tracklet.numbers[span],
        tracklet.times_s[span],
        centres[span],
        tracklet.scores[span],
    )


def _walk(feet: Tracklet, track: Track, noise: Noise, plane: Plane, start: _Start | None = None) -> _Walk:
    """Project the feet and their noise to the ground; the noise is computed at the smoothed positions."""
    times, boxes = track.times_s, track.boxes_px
    spots, heights = feet_of(boxes), boxes[:, 3]
    known = np.isfinite(plane.jacobian(spots)).all(axis=(1, 2))
    # Smoothed feet are less noisy, but they can all lie above the horizon although measured ones do not.
    if not known.any():
        times, spots, heights = _own(feet)
    else:
        times, spots, heights = times[known], spots[known], heights[known]
    slope = plane.jacobian(spots)
    scatter = np.array(noise.measurement[:2]) * heights[:, None]
    spread = slope @ (scatter[:, :, None] ** 2 * slope.swapaxes(-1, -2))
    # A kept state is valid along its own axes only, so they stay the same for the whole stream.
    if start is None:
        shapes = spread / np.trace(spread, axis1=1, axis2=2)[:, None, None]
        axes = np.linalg.eigh(shapes.mean(axis=0))[1].T
    else:
        axes = start.axes
    along = np.einsum("ai,nij,aj->na", axes, spread, axes)
    variances = np.stack([np.interp(feet.times_s, times, column) for column in along.T], axis=1)
    return _Walk(feet, axes, plane.to_ground(feet.centres_px[:, :2]) @ axes.T, variances, start)


def _own(feet: Tracklet) -> tuple[F64, F64, F64]:
    """Times, image positions and heights of the measured feet."""
    seen = seen_rows(feet.centres_px)
    return feet.times_s[seen], feet.centres_px[seen, :2], feet.centres_px[seen, 3]


def _motions(walks: Sequence[_Walk], typical: int | None = None) -> dict[int, _Motion]:
    """Filter and smooth all objects; returns motions by id. ``typical`` as in :func:`_densities`."""
    prior = _velocity_prior(walks)
    by_id = {walk.tracklet.id: walk for walk in walks}
    groups = [[by_id[t.id] for t in group] for group in batches([walk.tracklet for walk in walks])]
    problems = [_problem(group, prior) for group in groups]
    densities = _densities(problems, typical)
    found = {}
    for group, problem, density in zip(groups, problems, densities, strict=True):
        own = replace(problem, noise=scatter(problem.dt_s, density))
        forward = kalman_filter(own)
        both = rts_smoother(forward, own)
        for k, walk in enumerate(group):
            rows = np.s_[: len(walk.tracklet), 2 * k : 2 * k + 2]
            filtered, smoothed = (
                States(*(number[rows] for number in states.numbers())) for states in (forward.states, both)
            )
            found[walk.tracklet.id] = _Motion(walk, filtered, smoothed)
    return found


def _problem(walks: Sequence[_Walk], prior: float) -> Problem:
    """Build the filter's input for density 1, with two adjacent channels per object."""
    shape = (max(len(walk.tracklet) for walk in walks), 2 * len(walks))
    z, weight, dt = np.zeros((3, *shape))
    spread = np.empty(shape[1])
    for k, walk in enumerate(walks):
        n, pair = len(walk.tracklet), slice(2 * k, 2 * k + 2)
        seen = seen_rows(walk.places_m)[:, None]
        # Padding is safe: a step of 0 s without a measurement changes nothing.
        z[:n, pair] = np.where(seen, walk.places_m, 0.0)
        weight[:n, pair] = seen / walk.variances_m2
        dt[1:n, pair] = np.diff(walk.tracklet.times_s)[:, None]
        spread[pair] = walk.variances_m2[0]
    rest, apart = np.zeros((2, shape[1]))
    start = States(z[0].copy(), rest, _POSITION_PRIOR**2 * spread, apart, np.full(shape[1], prior**2))
    for k, walk in enumerate(walks):
        # Continue from the kept state instead of the wide prior.
        if walk.start is not None:
            pair = slice(2 * k, 2 * k + 2)
            dt[0, pair] = walk.tracklet.times_s[0] - walk.start.time_s
            for number, known in zip(start.numbers(), walk.start.states.numbers(), strict=True):
                number[pair] = known
    return Problem(z, weight, dt, scatter(dt, np.ones(shape[1])), start)


def _velocity_prior(walks: Sequence[_Walk]) -> float:
    """Twice the root mean square velocity of the clip in m/s, at least the default."""
    # From the first to the last foot, so that the noise of single feet has little effect.
    ends = [(walk, np.flatnonzero(seen_rows(walk.places_m))[[0, -1]]) for walk in walks]
    paths = np.array([walk.places_m[k] - walk.places_m[i] for walk, (i, k) in ends if k > i]).reshape(-1, 2)
    spans = np.array([walk.tracklet.times_s[k] - walk.tracklet.times_s[i] for walk, (i, k) in ends if k > i])
    speeds = np.hypot(*paths.T) / spans if len(spans) else np.zeros(1)
    return max(VELOCITY_PRIOR_M_S, 2 * float(np.sqrt(np.mean(np.minimum(speeds, FASTEST_M_S) ** 2))))


def _densities(problems: Sequence[Problem], typical: int | None) -> list[F64]:
    """Choose the density of the acceleration for each channel of each problem, m²/s³.

    It is number ``typical`` of :data:`PROCESS_M2_S3`, by default the most likely for all problems together.
    Objects for which a higher density is significantly more likely use that one.
    """
    scales = np.stack([PROCESS_M2_S3, np.ones_like(PROCESS_M2_S3)], axis=1)
    gains = [log_likelihoods(problem, scales, WIDEST)[0] for problem in problems]
    if typical is None:
        count = sum(int((problem.weight > 0).sum()) // 2 for problem in problems)
        # A few feet fit almost any density.
        is_enough = count >= FEWEST_FEET
        typical = int(sum(gain.sum(axis=1) for gain in gains).argmax()) if is_enough else _WALKING
    # Lower densities are excluded: an object can only be more agile than the typical one.
    price = np.full(len(scales), PRICE)
    price[: typical + 1] = np.inf
    price[typical] = 0.0
    best = [(gain.reshape(len(scales), -1, 2).sum(axis=2) - price[:, None]).argmax(axis=0) for gain in gains]
    return [np.repeat(PROCESS_M2_S3[k], 2) for k in best]


def _moved(track: Track, motion: _Motion) -> Track:
    """Add the velocities to the frames of a track for which the ground motion is known."""
    feet, axes, states = motion.walk.tracklet, motion.walk.axes, motion.smoothed
    moving = states.v @ axes
    scatters = np.einsum("ai,na,aj->nij", axes, states.vv, axes)
    # With very accurate feet, rounding can make a variance zero or negative; then the velocity is unknown.
    moving[(states.vv <= 0).any(axis=1)] = np.nan
    scatters[np.isnan(moving[:, 0])] = np.nan
    velocity, spread = np.full((len(track), 2), np.nan), np.full((len(track), 2, 2), np.nan)
    known = np.isin(track.numbers, feet.numbers)
    rows = np.searchsorted(feet.numbers, track.numbers[known])
    velocity[known], spread[known] = moving[rows], scatters[rows]
    return replace(track, velocity_m_s=velocity, velocity_m_cov=spread)
