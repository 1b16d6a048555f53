"""Tracklets -> tracks: smooth many at once, learn the noise from the clip, fill short gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from cssv.perception.detections import F64, I64, from_centres
from cssv.perception.kinematics import (
    Bools,
    Filtered,
    inverse,
    kalman_filter,
    process_noise,
    rts_smoother,
    transition,
)
from cssv.perception.tracks import Track

#: One number per channel: centre x, centre y, w, h.
Channels = tuple[float, float, float, float]
#: z, seen, R, F, Q, x, P of :func:`~cssv.perception.kinematics.kalman_filter`.
Problem = tuple[F64, Bools, F64, F64, F64, F64, F64]
#: Spectral density of the acceleration of centre x, centre y, w, h in h²/s³, before the clip is heard: how
#: fast things change their velocity.
PROCESS_NOISE = (0.012, 0.012, 0.012, 0.012)
#: Standard deviation of a measured centre x, centre y, w, h in box heights, before the clip is heard.
MEASUREMENT_NOISE = (0.05, 0.05, 0.05, 0.05)
#: Standard deviation of velocities before anything is known, in h/s.
VELOCITY_PRIOR = 2.0
#: A frame without a detection is filled in while the position's standard deviation is below this, in h.
FILL_SIGMA = 0.08
#: A smoothed box is never narrower or lower than this.
SMALLEST_SIDE_PX = 1.0
#: Position prior in h: so wide that the first measurement settles it.
_POSITION_PRIOR = 100.0
#: Heights are averaged over this time before they scale the noise.
_HEIGHT_WINDOW_S = 1.0
#: Rows (steps x tracks) smoothed at once, which bounds the memory.
_BATCH_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Noise:
    """How far boxes and motions scatter, in box heights h.

    Attributes:
        process: spectral density of the acceleration of centre x, centre y, w, h, h²/s³.
        measurement: standard deviation of a measured centre x, centre y, w, h. Errors that persist over
            several frames count as many times as they persist.
        velocity: standard deviation of velocities, h/s.
    """

    process: Channels = PROCESS_NOISE
    measurement: Channels = MEASUREMENT_NOISE
    velocity: float = VELOCITY_PRIOR


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What is known of an object at a time: x (4, 2) and P (4, 2, 2) of its four channels, in pixels."""

    time_s: float
    x: F64
    P: F64


@dataclass(frozen=True, slots=True, eq=False)
class Tracklet:
    """Measurements of one object in n successive frames.

    Attributes:
        id, label: as in :class:`~cssv.perception.tracks.Track`.
        numbers: int64 (n,) frame numbers; every frame between the first and the last detection.
        times_s: float64 (n,).
        centres_px: float64 (n, 4): centre x, centre y, w, h; NaN in frames without a detection.
        scores: float64 (n,), 0 in those frames.
        start: what earlier frames said, where they are not part of the tracklet.
        scales: float64 (4, 2): what multiplies the process noise and the variance of the measurements of each
            channel; 1 unless given (:mod:`cssv.perception.adaptation`).
    """

    id: int
    label: str
    numbers: I64
    times_s: F64
    centres_px: F64
    scores: F64
    start: State | None = None
    scales: F64 | None = None

    def __len__(self) -> int:
        return len(self.numbers)


def spread(
    identity: int,
    label: str,
    numbers: I64,
    times_s: F64,
    at: I64,
    centres_px: F64,
    scores: F64,
    start: State | None = None,
) -> Tracklet:
    """Make a tracklet over all frames ``numbers`` from the detections in its rows ``at``."""
    centres, marks = np.full((len(numbers), 4), np.nan), np.zeros(len(numbers))
    centres[at], marks[at] = centres_px, scores
    return Tracklet(identity, label, numbers, times_s, centres, marks, start)


def seen_rows(centres_px: F64) -> Bools:
    """Rows (..., 4) in which the object was detected."""
    seen: Bools = ~np.isnan(centres_px[..., 0])
    return seen


def local_heights(tracklet: Tracklet) -> F64:
    """(n,) box heights, gaps bridged, averaged over a second."""
    seen = seen_rows(tracklet.centres_px)
    heights = np.interp(tracklet.times_s, tracklet.times_s[seen], tracklet.centres_px[seen, 3])
    span = tracklet.times_s[-1] - tracklet.times_s[0]
    width = round(_HEIGHT_WINDOW_S * (len(tracklet) - 1) / span) if span > 0 else 1
    averaged: F64 = uniform_filter1d(heights, max(1, min(width, len(tracklet))), mode="nearest")
    return averaged


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Tracklets side by side: (T, B) for T steps of B tracklets, the shorter ones padded at the end.

    ``starts`` holds a state or None and ``scales`` (B, 4, 2) the noise multipliers of each tracklet.
    """

    times_s: F64
    centres_px: F64
    heights_px: F64
    starts: tuple[State | None, ...]
    scales: F64

    @classmethod
    def of(cls, tracklets: Sequence[Tracklet]) -> Batch:
        """Lay tracklets, one at least, side by side in their order."""
        shape = (max(map(len, tracklets)), len(tracklets))
        starts = tuple(tracklet.start for tracklet in tracklets)
        scales = np.ones((len(tracklets), 4, 2))
        batch = cls(np.empty(shape), np.full((*shape, 4), np.nan), np.empty(shape), starts, scales)
        for column, tracklet in enumerate(tracklets):
            n = len(tracklet)
            # Padding repeats the last time: a step of 0 s changes nothing.
            batch.times_s[:n, column], batch.times_s[n:, column] = tracklet.times_s, tracklet.times_s[-1]
            heights = local_heights(tracklet)
            batch.heights_px[:n, column], batch.heights_px[n:, column] = heights, heights[-1]
            batch.centres_px[:n, column] = tracklet.centres_px
            if tracklet.scales is not None:
                scales[column] = tracklet.scales
        return batch

    def flipped(self) -> Batch:
        """The same back in time, where nothing is known at the start."""
        nothing = (None,) * len(self.starts)
        return Batch(self.times_s[::-1], self.centres_px[::-1], self.heights_px[::-1], nothing, self.scales)

    def prior(self, noise: Noise) -> tuple[F64, F64]:
        """(B, 4, 2) and (B, 4, 2, 2): at the first measurement and at rest, hardly certain of either."""
        first = np.argmax(seen_rows(self.centres_px), axis=0)
        x = np.zeros((len(first), 4, 2))
        x[..., 0] = self.centres_px[first, np.arange(len(first))]
        P = np.zeros((len(first), 4, 2, 2))
        P[..., 0, 0] = (_POSITION_PRIOR * self.heights_px[0, :, None]) ** 2
        P[..., 1, 1] = (noise.velocity * self.heights_px[0, :, None]) ** 2
        return x, P

    def problem(self, noise: Noise) -> Problem:
        """What :func:`kalman_filter` takes: 4 B channels, the four of a tracklet side by side."""
        steps, count = self.times_s.shape
        dt = np.diff(self.times_s, axis=0, prepend=self.times_s[:1])
        x, P = self.prior(noise)
        for column, start in enumerate(self.starts):
            if start is not None:
                x[column], P[column] = start.x, start.P
                dt[0, column] = self.times_s[0, column] - start.time_s
        dt, heights = np.repeat(dt, 4, axis=1), np.repeat(self.heights_px, 4, axis=1)
        q = np.multiply(noise.process, self.scales[..., 0]).ravel() * heights**2
        R = (np.square(noise.measurement) * self.scales[..., 1]).ravel() * heights**2
        z = self.centres_px.reshape(steps, 4 * count)
        F, Q = transition(dt), process_noise(dt, q)
        return z, ~np.isnan(z), R, F, Q, x.reshape(-1, 2), P.reshape(-1, 2, 2)

    def run(self, noise: Noise) -> tuple[Filtered, F64]:
        """Filter all channels; also F."""
        problem = self.problem(noise)
        return kalman_filter(*problem), problem[3]


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """States of a batch, (T, B, 4 channels, ...): from all frames, and rates from past and from future."""

    x: F64
    P: F64
    past: F64
    future: F64


def _smooth_batch(tracklets: Sequence[Tracklet], noise: Noise) -> tuple[Batch, Smoothed]:
    batch = Batch.of(tracklets)
    forward, F = batch.run(noise)
    x, P = rts_smoother(forward, F)
    backward, _ = batch.flipped().run(noise)
    shape = (*batch.times_s.shape, 4)
    return batch, Smoothed(
        x.reshape(*shape, 2),
        P.reshape(*shape, 2, 2),
        forward.x[..., 1].reshape(shape),
        backward.x[::-1, :, 1].reshape(shape),
    )


def batches(tracklets: Sequence[Tracklet]) -> Iterator[list[Tracklet]]:
    """Tracklets in groups of similar length, each of bounded size."""
    group: list[Tracklet] = []
    for tracklet in sorted(tracklets, key=len, reverse=True):
        if group and (
            len(group[0]) * (len(group) + 1) > _BATCH_ROWS or 2 * len(tracklet) + 16 < len(group[0])
        ):
            yield group
            group = []
        group.append(tracklet)
    if group:
        yield group


def smooth(tracklets: Sequence[Tracklet], noise: Noise, fill_sigma: float = FILL_SIGMA) -> list[Track]:
    """Smoothed tracks, one per tracklet, ordered by id.

    Every tracklet holds at least one detection. Frames without one are filled in while the position's
    standard deviation stays below ``fill_sigma`` box heights.
    """
    tracks = []
    for group in batches(tracklets):
        batch, states = _smooth_batch(group, noise)
        tracks += [
            _track(tracklet, states, column, batch.heights_px[: len(tracklet), column] * fill_sigma)
            for column, tracklet in enumerate(group)
        ]
    return sorted(tracks, key=lambda track: track.id)


def residuals(tracklets: Sequence[Tracklet], noise: Noise) -> Iterator[F64]:
    """Measured minus smoothed, in box heights: (T, B, 4) for each batch of tracklets, NaN where unseen."""
    for group in batches(tracklets):
        batch = Batch.of(group)
        forward, F = batch.run(noise)
        x, _ = rts_smoother(forward, F)
        error = batch.centres_px - x[..., 0].reshape(batch.centres_px.shape)
        yield error / batch.heights_px[..., None]


def _track(tracklet: Tracklet, states: Smoothed, column: int, sigma_px: F64) -> Track:
    n = len(tracklet)
    x, P = states.x[:n, column], states.P[:n, column]
    certain = P[:, :2, 0, 0].max(axis=1) < sigma_px**2
    keep = seen_rows(tracklet.centres_px) | certain
    x, P = x[keep], P[keep]
    cov = np.zeros((len(x), 2, 2))
    cov[:, 0, 0], cov[:, 1, 1] = P[:, 0, 1, 1], P[:, 1, 1, 1]
    centres = x[..., 0].copy()
    centres[:, 2:] = np.maximum(centres[:, 2:], SMALLEST_SIDE_PX)
    return Track(
        tracklet.id,
        tracklet.label,
        tracklet.numbers[keep],
        tracklet.times_s[keep],
        from_centres(centres),
        tracklet.scores[keep],
        x[:, :2, 1].copy(),
        states.past[:n, column, :2][keep],
        states.future[:n, column, :2][keep],
        cov,
    )


def final_states(tracklets: Sequence[Tracklet], noise: Noise) -> list[State]:
    """Filter each tracklet, with its ``start``, up to its last frame."""
    if not tracklets:
        return []
    forward, _ = Batch.of(tracklets).run(noise)
    x, P = forward.x[-1].reshape(-1, 4, 2), forward.P[-1].reshape(-1, 4, 2, 2)
    return [State(float(t.times_s[-1]), x[k], P[k]) for k, t in enumerate(tracklets)]


def edge_states(tracklets: Sequence[Tracklet], noise: Noise) -> tuple[list[State], list[State]]:
    """States in the first frame by the frames after it, and in the last frame by those before it."""
    begins: dict[int, State] = {}
    ends: dict[int, State] = {}
    for group in batches(tracklets):
        batch = Batch.of(group)
        for side, states, frame in ((batch, ends, -1), (batch.flipped(), begins, 0)):
            run, _ = side.run(noise)
            x, P = run.x[-1].reshape(-1, 4, 2), run.P[-1].reshape(-1, 4, 2, 2)
            states |= {t.id: State(float(t.times_s[frame]), x[k], P[k]) for k, t in enumerate(group)}
    return [begins[t.id] for t in tracklets], [ends[t.id] for t in tracklets]


def disagreement(past_x: F64, past_P: F64, future_x: F64, future_P: F64, gap_s: F64, q: F64) -> F64:
    """Squared Mahalanobis distance of two states (..., 4, 2), each moved half way over the gap (...,)."""
    half = np.repeat(gap_s[..., None] / 2, 4, axis=-1)
    forward, back = transition(half), transition(-half)
    d = forward @ past_x[..., None] - back @ future_x[..., None]
    S = forward @ past_P @ forward.swapaxes(-1, -2) + process_noise(half, q[..., None])
    S += back @ future_P @ back.swapaxes(-1, -2) + process_noise(-half, q[..., None])
    squared: F64 = (d.swapaxes(-1, -2) @ inverse(S) @ d)[..., 0, 0].sum(axis=-1)
    return squared
