"""Track smoothing: Kalman smoother over batches of tracklets, with interpolation of short gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cssv.boxes import F64, I64, from_centres
from cssv.perception.cut_boxes import CutBoxes
from cssv.perception.disturbances import Disturbances
from cssv.perception.inflation import Signs, inflated
from cssv.perception.kinematics import Bools, Problem, States, kalman_filter, rts_smoother, scatter
from cssv.perception.tracks import Track

#: One value per channel: centre x, centre y, w, h.
Channels = tuple[float, float, float, float]
#: Default spectral density of the acceleration of centre x, centre y, w, h in h²/s³: how fast objects change
#: their velocity.
PROCESS_NOISE = (0.04, 0.04, 0.04, 0.04)
#: Default standard deviation of a measured centre x, centre y, w, h in box heights.
MEASUREMENT_NOISE = (0.05, 0.05, 0.05, 0.05)
#: Prior standard deviation of velocities in h/s.
VELOCITY_PRIOR = 2.0
#: A frame without a detection is interpolated if the standard deviation of its position is below this, in h.
FILL_SIGMA = 0.04
#: Smallest width and height of a smoothed box.
SMALLEST_SIDE_PX = 1.0
#: Optical flow is measured for this many first boxes of an object; afterwards the boxes are sufficient.
FLOW_BOXES = 20
#: Default mean of the normalised innovations squared of centre x and y; estimates are below 1, because the
#: measurement noise is increased for errors that persist.
TYPICAL_NIS = (1.0, 1.0)
#: Factor on the standard deviations of optical flow, because its errors persist from frame to frame.
FLOW_NOISE = 2.0
#: Prior standard deviation of positions in h: so wide that it has no effect after the first measurement.
_POSITION_PRIOR = 100.0
#: Averaging time in seconds of the heights that scale the noise.
HEIGHT_WINDOW_S = 1.0
#: Largest number of rows (steps x tracks) smoothed at once; it bounds the memory ...
_BATCH_ROWS = 50_000
#: ... but so many tracks are, up to this many rows, and the last number always. Each step costs the same for
#: one track as for some, so that the time would grow with the square of the length.
_BATCH_TRACKS, _LONG_BATCH_ROWS, _FEWEST_TRACKS = 16, 200_000, 4


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise parameters of boxes and motions, in box heights h.

    Attributes:
        process: spectral density of the acceleration of centre x, centre y, w, h, h²/s³.
        measurement: standard deviation of a measured centre x, centre y, w, h, increased for errors that
            persist over several frames.
        velocity: prior standard deviation of velocities, h/s.
        flow: factor on the standard deviations of optical flow.
        nis: mean of the normalised innovations squared of centre x and y with this noise.
        shake: spectral density of the acceleration of the camera in x and y, px²/s³.
    """

    process: Channels = PROCESS_NOISE
    measurement: Channels = MEASUREMENT_NOISE
    velocity: float = VELOCITY_PRIOR
    flow: float = FLOW_NOISE
    nis: tuple[float, float] = TYPICAL_NIS
    shake: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """State of an object at a time: x (4, 2) and covariance P (4, 2, 2) of its four channels, in pixels."""

    time_s: float
    x: F64
    P: F64

    @classmethod
    def from_states(cls, time_s: float, states: States, k: int) -> State:
        """Copy the four channels of tracklet k."""
        own = States(*(number[4 * k : 4 * k + 4].copy() for number in states.numbers()))
        return cls(time_s, own.vector(), own.covariance())

    def numbers(self) -> tuple[F64, F64, F64, F64, F64]:
        """Return the five numbers, (4,) each, as in :class:`~cssv.perception.kinematics.States`."""
        x, P = self.x, self.P
        return x[:, 0], x[:, 1], P[:, 0, 0], P[:, 0, 1], P[:, 1, 1]


@dataclass(frozen=True, slots=True, eq=False)
class Tracklet:
    """Measurements of one object in n successive frames.

    Attributes:
        id, label: as in :class:`~cssv.perception.tracks.Track`.
        numbers: int64 (n,) frame numbers; every frame between the first and the last detection.
        times_s: float64 (n,).
        centres_px: float64 (n, 4): centre x, centre y, w, h; NaN in frames without a detection.
        scores: float64 (n,), 0 in those frames.
        start: state after earlier frames that are not part of the tracklet.
        scales: float64 (4, 2): factors on the process noise and on the measurement variance of each channel;
            None means 1 (:mod:`cssv.perception.adaptation`).
        disturbances: events that constant noise does not explain; None before they are detected.
        flow_px_s: float64 (n, 3): velocity x and y by optical flow and its standard deviation in px/s; NaN
            where it is not known. None if it was not measured.
        heights_px: float64 (n,): as from :func:`local_heights`, but including frames before the first.
        cut: how the boxes are measured that the picture's edge cuts (:mod:`cssv.perception.completion`); then
            ``centres_px`` holds the whole boxes. None if no box is cut.
        truth_px: float64 (n, 4): boxes as given, if they are the truth: the track has these and no others.
    """

    id: int
    label: str
    numbers: I64
    times_s: F64
    centres_px: F64
    scores: F64
    start: State | None = None
    scales: F64 | None = None
    disturbances: Disturbances | None = None
    flow_px_s: F64 | None = None
    heights_px: F64 | None = None
    cut: CutBoxes | None = None
    truth_px: F64 | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def is_truth(self) -> bool:
        """Whether the boxes are the truth."""
        return self.truth_px is not None


def as_truth(tracklet: Tracklet) -> Tracklet:
    """State that the measured boxes of a tracklet are the truth."""
    return replace(tracklet, truth_px=from_centres(tracklet.centres_px))


def spread(
    identity: int,
    label: str,
    numbers: I64,
    times_s: F64,
    at: I64,
    centres_px: F64,
    scores: F64,
    start: State | None = None,
    flow_px_s: F64 | None = None,
) -> Tracklet:
    """Build a tracklet over all frames ``numbers`` from detections in the rows ``at``; the others are NaN."""
    centres, marks = np.full((len(numbers), 4), np.nan), np.zeros(len(numbers))
    centres[at], marks[at] = centres_px, scores
    flow = None
    if flow_px_s is not None:
        flow = np.full((len(numbers), 3), np.nan)
        flow[at] = flow_px_s
    return Tracklet(identity, label, numbers, times_s, centres, marks, start, flow_px_s=flow)


def seen_rows(centres_px: F64) -> Bools:
    """(...,) True for rows (..., 4) with a detection."""
    seen: Bools = ~np.isnan(centres_px[..., 0])
    return seen


def local_heights(tracklet: Tracklet) -> F64:
    """(n,) mean box height in the second before the last detection up to each frame.

    Only past frames count, so that a stream and a whole clip give the same numbers.
    """
    # A stream gives the heights, because boxes before its window are part of the means.
    if tracklet.heights_px is not None:
        return tracklet.heights_px
    rows = np.flatnonzero(seen_rows(tracklet.centres_px))
    times = tracklet.times_s[rows]
    sums = np.concatenate([[0.0], np.cumsum(tracklet.centres_px[rows, 3])])
    first = np.searchsorted(times, times - HEIGHT_WINDOW_S, side="right")
    last = np.arange(len(rows)) + 1
    means = (sums[last] - sums[first]) / (last - first)
    heights: F64 = means[np.maximum(np.searchsorted(rows, np.arange(len(tracklet)), side="right") - 1, 0)]
    return heights


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Arrays of T steps by B tracklets, (T, B); shorter tracklets are padded at the end.

    ``starts`` has a state or None per tracklet, ``scales`` (B, 4, 2) their noise factors; ``flow_px_s`` is
    (T, B, 3), or None if it was not measured; ``disturbances`` and ``cut`` can be None, too.
    """

    times_s: F64
    centres_px: F64
    heights_px: F64
    starts: tuple[State | None, ...]
    scales: F64
    flow_px_s: F64 | None
    disturbances: Disturbances | None
    cut: CutBoxes | None

    @classmethod
    def from_tracklets(cls, tracklets: Sequence[Tracklet]) -> Batch:
        """Build a batch of at least one tracklet, in the given order."""
        shape = (max(map(len, tracklets)), len(tracklets))
        starts = tuple(tracklet.start for tracklet in tracklets)
        scales = np.ones((len(tracklets), 4, 2))
        flows = [tracklet.flow_px_s for tracklet in tracklets]
        # Without any flow the filter can skip the measurement of rates.
        has_flow = any(own is not None and np.isfinite(own).any() for own in flows)
        flow = np.full((*shape, 3), np.nan) if has_flow else None
        wrong = [tracklet.disturbances for tracklet in tracklets]
        disturbances = Disturbances.beside(wrong, shape[0]) if any(d is not None for d in wrong) else None
        parts = [tracklet.cut for tracklet in tracklets]
        cut = CutBoxes.beside(parts, shape[0]) if any(part is not None for part in parts) else None
        unseen = np.full((*shape, 4), np.nan)
        batch = cls(np.empty(shape), unseen, np.empty(shape), starts, scales, flow, disturbances, cut)
        for column, tracklet in enumerate(tracklets):
            n = len(tracklet)
            # Padding repeats the last time, because a step of 0 s changes nothing.
            batch.times_s[:n, column], batch.times_s[n:, column] = tracklet.times_s, tracklet.times_s[-1]
            heights = local_heights(tracklet)
            batch.heights_px[:n, column], batch.heights_px[n:, column] = heights, heights[-1]
            batch.centres_px[:n, column] = tracklet.centres_px
            if tracklet.scales is not None:
                scales[column] = tracklet.scales
            if flow is not None and (own := flows[column]) is not None:
                flow[:n, column] = own
        return batch

    def prior(self, noise: Noise, centres_px: F64, heights_px: F64) -> States:
        """Build the prior states (4 B,): at the first of ``centres_px``, at rest, with wide variances."""
        first = np.argmax(seen_rows(centres_px), axis=0)
        x = centres_px[first, np.arange(len(first))].ravel()
        h = np.repeat(heights_px, 4)
        rest, apart = np.zeros((2, len(x)))
        return States(x, rest, (_POSITION_PRIOR * h) ** 2, apart, (noise.velocity * h) ** 2)

    def problem(self, noise: Noise) -> Problem:
        """Build the input of :func:`kalman_filter`: 4 B channels, the four of a tracklet are adjacent."""
        steps, count = self.times_s.shape
        dt = np.diff(self.times_s, axis=0, prepend=self.times_s[:1])
        start = self.prior(noise, self.centres_px, self.heights_px[0])
        for column, state in enumerate(self.starts):
            # A known state replaces the prior, and the first step starts at its time.
            if state is not None:
                own = slice(4 * column, 4 * column + 4)
                for number, known in zip(start.numbers(), state.numbers(), strict=True):
                    number[own] = known
                dt[0, column] = self.times_s[0, column] - state.time_s
        dt, heights = np.repeat(dt, 4, axis=1), np.repeat(self.heights_px, 4, axis=1)
        q = np.multiply(noise.process, self.scales[..., 0]).ravel() * heights**2
        # The typical motion contains the shake already, but small objects are shaken by as many pixels.
        q = np.maximum(q, np.tile((*noise.shake, 0.0, 0.0), count))
        R = (np.square(noise.measurement) * self.scales[..., 1]).ravel() * heights**2
        z = self.centres_px.reshape(steps, 4 * count)
        seen = ~np.isnan(z)
        rate, rate_weight = self._rates(noise)
        problem = Problem(np.where(seen, z, 0.0), seen / R, dt, scatter(dt, q), start, rate, rate_weight)
        problem = problem if self.cut is None else self.cut.applied(problem)
        return problem if self.disturbances is None else self.disturbances.applied(problem)

    def _rates(self, noise: Noise) -> tuple[F64 | None, F64 | None]:
        """Convert flow to measured rates and their weights, (T, 4 B) each; None without flow."""
        if self.flow_px_s is None:
            return None, None
        known = np.isfinite(self.flow_px_s).all(axis=-1, keepdims=True)
        rate, weight = np.zeros_like(self.centres_px), np.zeros_like(self.centres_px)
        # Flow measures only the centre; the weight of 0 leaves width and height without a rate.
        rate[..., :2] = np.where(known, self.flow_px_s[..., :2], 0.0)
        sigma = np.where(known, self.flow_px_s[..., 2:], 1.0)
        weight[..., :2] = known / (noise.flow * np.maximum(sigma, 1e-6)) ** 2
        return rate.reshape(len(rate), -1), weight.reshape(len(weight), -1)

    def reversed(self, problem: Problem, noise: Noise) -> Problem:
        """Reverse the problem in time; it then starts from the wide prior."""
        return problem.reversed(self.prior(noise, self.centres_px[::-1], self.heights_px[-1]))


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """Smoother result of a batch, (T, B, 4): states; rates and variances from past and future; NIS."""

    states: States
    past: F64
    past_vv: F64
    future: F64
    future_vv: F64
    nis: F64


def _smooth_batch(tracklets: Sequence[Tracklet], noise: Noise) -> tuple[Batch, Smoothed]:
    """Smooth one batch, with separate filters forwards and backwards for the one-sided rates."""
    batch = Batch.from_tracklets(tracklets)
    problem = batch.problem(noise)
    forward = kalman_filter(problem)
    backward = kalman_filter(batch.reversed(problem, noise)).states
    both = rts_smoother(forward, problem)
    shape = (*batch.times_s.shape, 4)
    return batch, Smoothed(
        States(*(number.reshape(shape) for number in both.numbers())),
        forward.states.v.reshape(shape),
        forward.states.vv.reshape(shape),
        backward.v[::-1].reshape(shape),
        backward.vv[::-1].reshape(shape),
        forward.nis().reshape(shape),
    )


def batches(tracklets: Sequence[Tracklet]) -> Iterator[list[Tracklet]]:
    """Split tracklets into groups of similar length and bounded size."""
    group: list[Tracklet] = []
    for tracklet in sorted(tracklets, key=len, reverse=True):
        # Similar lengths, because padding costs as much as measurements.
        if group and (_is_full(len(group), len(group[0])) or 2 * len(tracklet) + 16 < len(group[0])):
            yield group
            group = []
        group.append(tracklet)
    if group:
        yield group


def _is_full(tracks: int, steps: int) -> bool:
    """True if a batch of this size takes no further track."""
    rows = steps * (tracks + 1)
    return (tracks >= _BATCH_TRACKS and rows > _BATCH_ROWS) or (
        tracks >= _FEWEST_TRACKS and rows > _LONG_BATCH_ROWS
    )


def smooth(tracklets: Sequence[Tracklet], noise: Noise, fill_sigma: float = FILL_SIGMA) -> list[Track]:
    """Smooth each tracklet; returns one track per tracklet, ordered by id.

    Each tracklet must have at least one detection. A frame without one is interpolated if the standard
    deviation of its position is below ``fill_sigma`` box heights.
    """
    tracks = []
    for group in batches(tracklets):
        batch, states = _smooth_batch(group, noise)
        tracks += [
            _track(tracklet, states, column, batch.heights_px[: len(tracklet), column] * fill_sigma, noise)
            for column, tracklet in enumerate(group)
        ]
    return sorted(tracks, key=lambda track: track.id)


def residuals(tracklets: Sequence[Tracklet], noise: Noise) -> Iterator[F64]:
    """Compute measured minus smoothed values in box heights: (T, B, 4) per batch, NaN without detection."""
    for group in batches(tracklets):
        batch = Batch.from_tracklets(group)
        problem = batch.problem(noise)
        x = rts_smoother(kalman_filter(problem), problem).x
        yield (batch.centres_px - x.reshape(batch.centres_px.shape)) / batch.heights_px[..., None]


def _signs(tracklet: Tracklet, found: Smoothed, column: int, noise: Noise) -> Signs:
    """Select what shows the errors of the velocities of one tracklet."""
    own = slice(len(tracklet)), column
    return Signs(
        times_s=tracklet.times_s,
        seen=seen_rows(tracklet.centres_px),
        vv=found.states.vv[own][:, :2],
        past=found.past[own],
        past_vv=found.past_vv[own],
        future=found.future[own],
        future_vv=found.future_vv[own],
        nis=found.nis[own][:, :2],
        typical_nis=noise.nis,
        begins=tracklet.start is None,
    )


def _track(tracklet: Tracklet, found: Smoothed, column: int, sigma_px: F64, noise: Noise) -> Track:
    """Build the track of one tracklet from its column of the batch."""
    n = len(tracklet)
    x, v, xx, _, vv = (number[:n, column] for number in found.states.numbers())
    # Boxes of the truth belong to their object and hardly err.
    if not tracklet.is_truth:
        vv = vv.copy()
        vv[:, :2] = inflated(_signs(tracklet, found, column, noise))
    if tracklet.cut is not None:
        # The error of the size of a cut box is an error of its centre.
        xx, vv = tracklet.cut.widened(xx, vv)
    keep = seen_rows(tracklet.centres_px if tracklet.truth_px is None else tracklet.truth_px)
    # In a long gap the position is only a guess, so such frames are left out. Annotations list every frame in
    # which the object is visible, so that a gap is a statement too.
    if not tracklet.is_truth:
        keep = keep | (xx[:, :2].max(axis=1) < sigma_px**2)
    cov = np.zeros((int(keep.sum()), 2, 2))
    cov[:, 0, 0], cov[:, 1, 1] = vv[keep, 0], vv[keep, 1]
    return Track(
        id=tracklet.id,
        label=tracklet.label,
        numbers=tracklet.numbers[keep],
        times_s=tracklet.times_s[keep],
        boxes_px=_boxes(tracklet, x)[keep],
        scores=tracklet.scores[keep],
        velocity_px_s=v[keep, :2],
        velocity_past_px_s=found.past[:n, column, :2][keep],
        velocity_future_px_s=found.future[:n, column, :2][keep],
        velocity_cov=cov,
        nis=found.nis[:n, column, :2].sum(axis=-1)[keep],
    )


def _boxes(tracklet: Tracklet, x: F64) -> F64:
    """(n, 4) boxes of a track: those of the truth, or the smoothed centres and sizes ``x``, as visible."""
    if tracklet.truth_px is not None:
        return tracklet.truth_px
    centres = x.copy()
    centres[:, 2:] = np.maximum(centres[:, 2:], SMALLEST_SIDE_PX)
    boxes = from_centres(centres)
    if tracklet.cut is not None:
        boxes = tracklet.cut.visible(x[:, :2], from_centres(x))
        boxes[:, 2:] = np.maximum(boxes[:, 2:], SMALLEST_SIDE_PX)
    return boxes


def edge_states(tracklets: Sequence[Tracklet], noise: Noise) -> tuple[list[State], list[State]]:
    """Filter each tracklet backwards to its first frame and forwards to its last: states at both ends."""
    begins: dict[int, State] = {}
    ends: dict[int, State] = {}
    for group in batches(tracklets):
        batch = Batch.from_tracklets(group)
        problem = batch.problem(noise)
        last = kalman_filter(problem).states.step(-1)
        ends |= {t.id: State.from_states(float(t.times_s[-1]), last, k) for k, t in enumerate(group)}
        first = kalman_filter(batch.reversed(problem, noise)).states.step(-1)
        begins |= {t.id: State.from_states(float(t.times_s[0]), first, k) for k, t in enumerate(group)}
    return [begins[t.id] for t in tracklets], [ends[t.id] for t in tracklets]
