"""Noise learned from the clip's own residuals, so that the covariance is honest.

A detector's errors persist: a box that is too wide in one frame is so in the next. A filter takes errors
for independent, so their variance is multiplied by their autocorrelation time, the number of frames that
tell one independent thing (Sokal, "Monte Carlo Methods in Statistical Mechanics", 1997, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cssv.perception.detections import F64
from cssv.perception.smoothing import Noise, Tracklet, residuals, seen_rows

#: Residuals are taken against a motion this much stiffer than usual: measurement noise in h² s, the
#: variance times the time between frames. Softer, and the motion would follow the persisting errors.
REFERENCE_DENSITY = 0.004
#: Clips with fewer boxes than this keep the default noise.
FEWEST_RESIDUALS = 60
#: Bounds of the estimate in h: no annotation is better than the lower, no detector worse than the upper.
MEASUREMENT_RANGE = (0.005, 0.5)
#: Errors are followed for this many seconds.
_MEMORY_S = 2.0
#: Residuals beyond this many standard deviations are false boxes, not scatter.
_OUTLIER = 4.0


def estimate_noise(tracklets: Sequence[Tracklet], start: Noise | None = None) -> Noise:
    """Noise of these tracklets; ``start`` (the defaults) where they say too little."""
    noise = Noise() if start is None else start
    steps = [np.diff(tracklet.times_s) for tracklet in tracklets if len(tracklet) > 1]
    if not steps or sum(int(seen_rows(t.centres_px).sum()) for t in tracklets) < FEWEST_RESIDUALS:
        return noise
    step_s = float(np.median(np.concatenate(steps)))
    stiff = (REFERENCE_DENSITY / step_s) ** 0.5
    reference = replace(noise, measurement=(stiff,) * 4, velocity=_velocity_prior(tracklets, noise))
    errors = list(residuals(tracklets, reference))
    # The median of |e| is 0.6745 standard deviations of a normal distribution.
    scatter = np.nanmedian(np.abs(np.concatenate([e.reshape(-1, 4) for e in errors])), axis=0) / 0.6745
    lags = max(1, round(_MEMORY_S / step_s))
    covariances = _autocovariance([np.clip(e, -_OUTLIER * scatter, _OUTLIER * scatter) for e in errors], lags)
    sigma = np.clip(np.sqrt(_long_variance(covariances)), *MEASUREMENT_RANGE)
    x, y, w, h = sigma.tolist()
    return replace(reference, measurement=(x, y, w, h))


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


def _autocovariance(errors: Sequence[F64], lags: int) -> F64:
    """(lags + 1, 4): pooled over (T, B, 4) arrays, NaN where nothing was measured."""
    sums, counts = np.zeros((lags + 1, 4)), np.zeros((lags + 1, 4))
    for e in errors:
        known = np.isfinite(e)
        filled = np.where(known, e, 0.0)
        for lag in range(min(lags + 1, len(e))):
            sums[lag] += (filled[lag:] * filled[: len(e) - lag]).sum(axis=(0, 1))
            counts[lag] += (known[lag:] & known[: len(e) - lag]).sum(axis=(0, 1))
    result: F64 = sums / np.maximum(counts, 1)
    return result


def _long_variance(covariances: F64) -> F64:
    """(4,) variance times autocorrelation time: both sides summed up to where the correlation ends."""
    ended = np.cumsum(covariances <= 0, axis=0) > 0
    positive = np.where(ended, 0.0, covariances)
    result: F64 = positive[0] + 2 * positive[1:].sum(axis=0)
    return result
