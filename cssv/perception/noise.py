"""Noise estimation from the residuals of the clip, so that covariances are consistent with the errors.

The errors of a detector persist: a box that is too wide in one frame is too wide in the next. A filter
assumes independent errors, so their variance is multiplied by their autocorrelation time: the number of
frames with the information of one independent measurement (Sokal, "Monte Carlo Methods in Statistical
Mechanics", 1997, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cssv.boxes import F64
from cssv.perception.kinematics import kalman_filter
from cssv.perception.shake import estimate_shake
from cssv.perception.smoothing import (
    Batch,
    Channels,
    Noise,
    Tracklet,
    batches,
    local_heights,
    residuals,
    seen_rows,
)

#: Averaging time of the reference motion for the residuals, in units of the time after which motion exceeds
#: the errors. A shorter time follows persistent errors; a longer one leaves motion in the residuals.
REFERENCE = 1.75
#: Bounds of that time, in seconds.
REFERENCE_RANGE_S = (0.3, 0.8)
#: Times between the three boxes of a second difference, in seconds. At the shortest, errors hardly increase
#: any more; at the longest, the steps of a walker or of a person with the camera are averaged out.
SPACINGS_S = (0.3, 0.6, 1.0)
#: Clips with fewer boxes than this keep the default noise.
FEWEST_RESIDUALS = 60
#: A spacing with fewer second differences than this is ignored.
FEWEST_BENDS = 20
#: The estimate from few differences can be far too small. This number over their count is the share of the
#: larger of the default process noise and the estimate that is added.
DOUBT_BENDS = 60
#: Persistent errors are hardly visible in a short time: so this many boxes with the default noise are added.
DOUBT_BOXES = 150
#: Factor on both standard deviations, because residuals contain some motion, and differences some errors.
OVERSTATED = 0.86
#: Bounds of the measurement noise in h: the best annotations and the worst usable detectors.
MEASUREMENT_RANGE = (0.004, 0.5)
#: Bounds of the process noise in h²/s³; no living being moves more steadily than the lower bound.
PROCESS_RANGE = (0.004, 5.0)
#: Lower bound of the typical innovations: boxes without any error would make all others large.
NIS_LEAST = 0.05
#: Longest lag of the autocorrelation in seconds.
_MEMORY_S = 2.0
#: Residuals are limited to this many standard deviations, as larger ones come from false boxes.
_OUTLIER = 4.0
#: Tracklets with errors above this multiple of the median tracklet's are ignored: they contain motion or
#: other failures.
_UNLIKE = 3.0
#: The median of |e| in standard deviations of a normal distribution.
NORMAL_MEDIAN = 0.6745


def estimate_noise(tracklets: Sequence[Tracklet], start: Noise | None = None) -> Noise:
    """Estimate the noise of these tracklets; ``start`` (or the defaults) if there are too few boxes."""
    noise = Noise() if start is None else start
    steps = [np.diff(tracklet.times_s) for tracklet in tracklets if len(tracklet) > 1]
    # A few residuals have a large statistical error; the defaults are safer.
    if not steps or sum(int(seen_rows(t.centres_px).sum()) for t in tracklets) < FEWEST_RESIDUALS:
        return noise
    step_s = float(np.median(np.concatenate(steps)))
    process, scatter2 = _structure(tracklets, step_s, noise)
    reference_s = np.clip(REFERENCE * np.cbrt(scatter2 / process), *REFERENCE_RANGE_S)
    # A smoother with process noise q and measurement density s averages over (s / q) ** 1/4 seconds.
    stiff = _channels((process * reference_s**4 / step_s) ** 0.5)
    prior = _velocity_prior(tracklets, noise)
    reference = Noise(process=_channels(process), measurement=stiff, velocity=prior)
    errors = list(residuals(tracklets, reference))
    scatter = np.nanmedian(np.abs(np.concatenate([e.reshape(-1, 4) for e in errors])), axis=0) / NORMAL_MEDIAN
    lags = max(1, round(_MEMORY_S / step_s))
    variance = _typical_variance([np.clip(e, -_OUTLIER * scatter, _OUTLIER * scatter) for e in errors], lags)
    # A weighted mean with the default: its weight decreases with the number of boxes.
    boxes = sum(int(seen_rows(tracklet.centres_px).sum()) for tracklet in tracklets)
    doubt = DOUBT_BOXES / (boxes + DOUBT_BOXES)
    variance = (1 - doubt) * OVERSTATED**2 * variance + doubt * np.square(noise.measurement)
    sigma = np.clip(np.sqrt(variance), *MEASUREMENT_RANGE)
    found = replace(reference, measurement=_channels(sigma), shake=estimate_shake(tracklets, step_s))
    return replace(found, nis=_typical_nis(tracklets, found))


def _typical_nis(tracklets: Sequence[Tracklet], noise: Noise) -> tuple[float, float]:
    """Mean of the normalised innovations squared of centre x and y with this noise."""
    total, count = np.zeros(2), 0
    for group in batches(tracklets):
        problem = Batch.from_tracklets(group).problem(noise)
        nis = kalman_filter(problem).nis().reshape(len(problem.z), -1, 4)[..., :2]
        # Limited, because an exchanged object says nothing about the typical one.
        total += np.minimum(nis, _OUTLIER**2).sum(axis=(0, 1))
        count += int((problem.weight[:, ::4] > 0).sum())
    x, y = np.maximum(total / count, NIS_LEAST).tolist()
    return x, y


def _channels(values: F64) -> Channels:
    x, y, w, h = values.tolist()
    return x, y, w, h


def _structure(tracklets: Sequence[Tracklet], step_s: float, default: Noise) -> tuple[F64, F64]:
    """Estimate q (4,) of each channel and the variance of its errors from second differences of spacing D.

    The variance of z(t + D) - 2 z(t) + z(t - D) is 6 r² + 2/3 q D³ for errors of variance r² and white
    acceleration of density q: only the part of the motion increases with D. If the acceleration is not white,
    e.g. with a swaying camera, the spacing with the largest q counts.
    """
    spacings: list[float] = []
    variances = []
    counts: list[int] = []
    for spacing in sorted({max(1, round(s / step_s)) for s in SPACINGS_S}):
        bends = [_bends(tracklet, spacing) for tracklet in tracklets if len(tracklet) > 2 * spacing]
        bend = np.concatenate(bends) if bends else np.empty((0, 4))
        bend = bend[np.isfinite(bend[:, 0])]
        if len(bend) >= FEWEST_BENDS:
            spacings.append(spacing * step_s)
            counts.append(len(bend))
            # The median is robust against false boxes and exchanged objects.
            variances.append((np.median(np.abs(bend), axis=0) / NORMAL_MEDIAN) ** 2)
    # One spacing cannot separate errors from motion.
    if len(spacings) < 2:
        return np.array(default.process), np.square(default.measurement)
    cubes, v = np.array(spacings) ** 3, np.array(variances)
    q = 1.5 * (v[1:] - v[0]) / (cubes[1:] - cubes[0])[:, None]
    q += DOUBT_BENDS / np.array(counts)[1:, None] * np.maximum(q, default.process)
    return np.clip(OVERSTATED**2 * q.max(axis=0), *PROCESS_RANGE), v[0] / 6


def _bends(tracklet: Tracklet, spacing: int) -> F64:
    """Compute second differences of the boxes of a tracklet over ``spacing`` frames, in box heights."""
    z, heights = tracklet.centres_px, local_heights(tracklet)
    bend: F64 = z[2 * spacing :] - 2 * z[spacing:-spacing] + z[: -2 * spacing]
    return bend / heights[spacing:-spacing, None]


def _velocity_prior(tracklets: Sequence[Tracklet], noise: Noise) -> float:
    """Twice the root mean square velocity of the clip in h/s, at least that of ``noise``."""
    speeds = []
    for tracklet in tracklets:
        seen = np.flatnonzero(seen_rows(tracklet.centres_px))
        first, last = seen[0], seen[-1]
        # A single box has no velocity.
        if last > first:
            path = tracklet.centres_px[last, :2] - tracklet.centres_px[first, :2]
            span = tracklet.times_s[last] - tracklet.times_s[first]
            speeds.append(path / span / tracklet.centres_px[seen, 3].mean())
    rms = float(np.sqrt(np.mean(np.square(speeds)))) if speeds else 0.0
    return max(noise.velocity, 2 * rms)


def _typical_variance(errors: Sequence[F64], lags: int) -> F64:
    """(4,) variance times autocorrelation time, without the tracklets far above the typical value.

    The stiff reference does not follow an object that turns or accelerates, so its residuals contain motion
    and persist. A few such objects would be mistaken for a poor detector.
    """
    parts = [_products(e, lags) for e in errors]
    sums, counts = (np.concatenate(list(part), axis=1) for part in zip(*parts, strict=True))
    own = _long_variance(sums / np.maximum(counts, 1))
    order = np.argsort(own, axis=0)
    boxes = np.cumsum(np.take_along_axis(counts[0], order, axis=0), axis=0)
    # The median is weighted by the number of boxes, because short tracklets give poor estimates.
    middle = (boxes < boxes[-1] / 2).sum(axis=0)
    typical = np.take_along_axis(np.take_along_axis(own, order, axis=0), middle[None], axis=0)
    alike = own <= _UNLIKE**2 * typical
    return _long_variance((sums * alike).sum(axis=1) / np.maximum((counts * alike).sum(axis=1), 1))


def _products(errors: F64, lags: int) -> tuple[F64, F64]:
    """Sums of e(t) e(t + lag) and their counts, (lags + 1, B, 4), of errors (T, B, 4) that may be NaN."""
    shape = (lags + 1, *errors.shape[1:])
    sums, counts = np.zeros(shape), np.zeros(shape)
    known = np.isfinite(errors)
    filled = np.where(known, errors, 0.0)
    for lag in range(min(lags + 1, len(errors))):
        sums[lag] = (filled[lag:] * filled[: len(errors) - lag]).sum(axis=0)
        counts[lag] = (known[lag:] & known[: len(errors) - lag]).sum(axis=0)
    return sums, counts


def _long_variance(covariances: F64) -> F64:
    """(lags + 1, ...) -> (...) variance times autocorrelation time: the sum over lags of both signs."""
    # Only up to the first lag without correlation; beyond it there is only statistical noise.
    ended = np.cumsum(covariances <= 0, axis=0) > 0
    positive = np.where(ended, 0.0, covariances)
    result: F64 = positive[0] + 2 * positive[1:].sum(axis=0)
    return result
