"""Noise learned from the clip's own residuals, so that the covariance is honest.

A detector's errors persist: a box that is too wide in one frame is so in the next. A filter takes errors
for independent, so their variance is multiplied by their autocorrelation time, the number of frames that
tell one independent thing (Sokal, "Monte Carlo Methods in Statistical Mechanics", 1997, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cssv.boxes import F64
from cssv.perception.smoothing import Channels, Noise, Tracklet, local_heights, residuals, seen_rows

#: Residuals are taken against a motion that averages over this many times the time in which motion outgrows
#: the errors: a softer one would follow errors that persist, and a stiffer one would leave motion in them.
REFERENCE = 1.75
#: Bounds of that time, in seconds.
REFERENCE_RANGE_S = (0.3, 0.8)
#: Times between the three boxes of a second difference, in seconds: from where errors hardly grow any more to
#: where the steps of a walker, or of who carries the camera, are averaged out.
SPACINGS_S = (0.3, 0.6, 1.0)
#: Clips with fewer boxes than this keep the default noise.
FEWEST_RESIDUALS = 60
#: Second differences of a spacing that are fewer than this are not heard.
FEWEST_BENDS = 20
#: What few differences say may be far too little: this share of their number is added of the default process
#: noise, or of their own where that is more.
DOUBT_BENDS = 60
#: Errors that persist hardly show in a short time: as if this many boxes had had the default noise.
DOUBT_BOXES = 150
#: What multiplies both standard deviations: residuals hold some motion, and differences some errors.
OVERSTATED = 0.86
#: Bounds of the estimate in h: no annotation is better than the lower, no detector worse than the upper.
MEASUREMENT_RANGE = (0.004, 0.5)
#: Bounds of the process noise in h²/s³: nothing living moves more steadily than the lower.
PROCESS_RANGE = (0.004, 5.0)
#: Errors are followed for this many seconds.
_MEMORY_S = 2.0
#: Residuals beyond this many standard deviations are false boxes, not scatter.
_OUTLIER = 4.0
#: Tracklets whose errors are this many times the typical (median) tracklet's hold motion, or other failures.
_UNLIKE = 3.0
#: The median of |e| in standard deviations of a normal distribution.
_NORMAL_MEDIAN = 0.6745


def estimate_noise(tracklets: Sequence[Tracklet], start: Noise | None = None) -> Noise:
    """Noise of these tracklets; ``start`` (the defaults) where they say too little."""
    noise = Noise() if start is None else start
    steps = [np.diff(tracklet.times_s) for tracklet in tracklets if len(tracklet) > 1]
    if not steps or sum(int(seen_rows(t.centres_px).sum()) for t in tracklets) < FEWEST_RESIDUALS:
        return noise
    step_s = float(np.median(np.concatenate(steps)))
    process, scatter2 = _structure(tracklets, step_s, noise)
    reference_s = np.clip(REFERENCE * np.cbrt(scatter2 / process), *REFERENCE_RANGE_S)
    # A smoother of noises q and s (the measurement's density) averages over (s / q) ** 1/4 seconds.
    stiff = _channels((process * reference_s**4 / step_s) ** 0.5)
    prior = _velocity_prior(tracklets, noise)
    reference = Noise(process=_channels(process), measurement=stiff, velocity=prior)
    errors = list(residuals(tracklets, reference))
    scatter = (
        np.nanmedian(np.abs(np.concatenate([e.reshape(-1, 4) for e in errors])), axis=0) / _NORMAL_MEDIAN
    )
    lags = max(1, round(_MEMORY_S / step_s))
    variance = _typical_variance([np.clip(e, -_OUTLIER * scatter, _OUTLIER * scatter) for e in errors], lags)
    boxes = sum(int(seen_rows(tracklet.centres_px).sum()) for tracklet in tracklets)
    doubt = DOUBT_BOXES / (boxes + DOUBT_BOXES)
    variance = (1 - doubt) * OVERSTATED**2 * variance + doubt * np.square(noise.measurement)
    sigma = np.clip(np.sqrt(variance), *MEASUREMENT_RANGE)
    return replace(reference, measurement=_channels(sigma))


def _channels(values: F64) -> Channels:
    x, y, w, h = values.tolist()
    return x, y, w, h


def _structure(tracklets: Sequence[Tracklet], step_s: float, default: Noise) -> tuple[F64, F64]:
    """(4,) q of each channel, and the variance of its errors, from second differences of spacing D.

    The variance of z(t + D) - 2 z(t) + z(t - D) is 6 r² + 2/3 q D³ for errors of variance r² and white
    acceleration of density q: errors do not grow with D, motion does. Where the motion is not white, as that
    of a swaying camera, the spacing that shows most of it counts.
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
            variances.append((np.median(np.abs(bend), axis=0) / _NORMAL_MEDIAN) ** 2)
    if len(spacings) < 2:
        return np.array(default.process), np.square(default.measurement)
    cubes, v = np.array(spacings) ** 3, np.array(variances)
    q = 1.5 * (v[1:] - v[0]) / (cubes[1:] - cubes[0])[:, None]
    q += DOUBT_BENDS / np.array(counts)[1:, None] * np.maximum(q, default.process)
    return np.clip(OVERSTATED**2 * q.max(axis=0), *PROCESS_RANGE), v[0] / 6


def _bends(tracklet: Tracklet, spacing: int) -> F64:
    """Second differences of a tracklet's boxes over ``spacing`` frames, in box heights."""
    z, heights = tracklet.centres_px, local_heights(tracklet)
    bend: F64 = z[2 * spacing :] - 2 * z[spacing:-spacing] + z[: -2 * spacing]
    return bend / heights[spacing:-spacing, None]


def _velocity_prior(tracklets: Sequence[Tracklet], noise: Noise) -> float:
    """Twice the clip's root mean square velocity in h/s, at least what ``noise`` says."""
    speeds = []
    for tracklet in tracklets:
        seen = np.flatnonzero(seen_rows(tracklet.centres_px))
        first, last = seen[0], seen[-1]
        if last > first:
            path = tracklet.centres_px[last, :2] - tracklet.centres_px[first, :2]
            span = tracklet.times_s[last] - tracklet.times_s[first]
            speeds.append(path / span / tracklet.centres_px[seen, 3].mean())
    rms = float(np.sqrt(np.mean(np.square(speeds)))) if speeds else 0.0
    return max(noise.velocity, 2 * rms)


def _typical_variance(errors: Sequence[F64], lags: int) -> F64:
    """(4,) variance times autocorrelation time, from the tracklets whose own is not far above the typical.

    The residuals of an object that turns or speeds up hold its motion, which the stiff reference does not
    follow, and they persist: a few such objects would pass for a bad detector.
    """
    parts = [_products(e, lags) for e in errors]
    sums, counts = (np.concatenate(list(part), axis=1) for part in zip(*parts, strict=True))
    own = _long_variance(sums / np.maximum(counts, 1))
    order = np.argsort(own, axis=0)
    boxes = np.cumsum(np.take_along_axis(counts[0], order, axis=0), axis=0)
    middle = (boxes < boxes[-1] / 2).sum(axis=0)
    typical = np.take_along_axis(np.take_along_axis(own, order, axis=0), middle[None], axis=0)
    alike = own <= _UNLIKE**2 * typical
    return _long_variance((sums * alike).sum(axis=1) / np.maximum((counts * alike).sum(axis=1), 1))


def _products(errors: F64, lags: int) -> tuple[F64, F64]:
    """Sums of e(t) e(t + lag) and their counts, (lags + 1, B, 4), over (T, B, 4), NaN where not measured."""
    shape = (lags + 1, *errors.shape[1:])
    sums, counts = np.zeros(shape), np.zeros(shape)
    known = np.isfinite(errors)
    filled = np.where(known, errors, 0.0)
    for lag in range(min(lags + 1, len(errors))):
        sums[lag] = (filled[lag:] * filled[: len(errors) - lag]).sum(axis=0)
        counts[lag] = (known[lag:] & known[: len(errors) - lag]).sum(axis=0)
    return sums, counts


def _long_variance(covariances: F64) -> F64:
    """(lags + 1, ...) -> (...): variance times autocorrelation time, both sides up to where it ends."""
    ended = np.cumsum(covariances <= 0, axis=0) > 0
    positive = np.where(ended, 0.0, covariances)
    result: F64 = positive[0] + 2 * positive[1:].sum(axis=0)
    return result
