"""Key frames of annotations: the boxes between them are interpolated and measure nothing.

Annotators set the box in some frames, and their program draws a straight line between these. Each box of such
a line looks like an exact measurement of a constant velocity, which the object does not have. So the
covariance comes from the ends of each line only. Lines are found within the rounding of the file by the
swinging door algorithm (Bristol, "Swinging door trending: adaptive trend recording?", ISA National Conf.
Proc., 1990).

Curves through the key frames are recognised only as far as they are lines within that rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cssv.boxes import F64
from cssv.perception.kinematics import Bools
from cssv.perception.noise import DOUBT_BENDS, FEWEST_BENDS, NORMAL_MEDIAN, OVERSTATED, PROCESS_RANGE
from cssv.perception.smoothing import Channels, Noise, Tracklet, batches, local_heights, seen_rows
from cssv.perception.tracks import Track

#: Longest line in seconds: of objects that stand still for long, some boxes between are measurements.
LONGEST_S = 4.0
#: Annotations are interpolated if this share of their boxes, or fewer, are ends of lines.
INTERPOLATED_SHARE = 0.5
#: Rounding of files, in powers of ten; coarser steps in whole pixels, finer ones count as this.
_DECIMALS = range(4)
_LARGEST_STEP_PX = 4


def at_key_frames(tracklets: Sequence[Tracklet], noise: Noise) -> tuple[list[Tracklet], Noise] | None:
    """Remove the measurements between key frames from tracklets of the truth.

    Args:
        tracklets: of one clip; all are the truth.
        noise: of all their boxes.

    Returns:
        The tracklets, and the noise, whose process noise is at least that of the key frames. None if the
        boxes are not interpolated.
    """
    boxes = [tracklet.truth_px for tracklet in tracklets if tracklet.truth_px is not None]
    if not boxes:
        return None
    keys = _keys(tracklets, _rounding(boxes))
    seen = sum(int(seen_rows(tracklet.centres_px).sum()) for tracklet in tracklets)
    if sum(int(own.sum()) for own in keys) > INTERPOLATED_SHARE * seen:
        return None
    measured = [
        replace(tracklet, centres_px=np.where(own[:, None], tracklet.centres_px, np.nan))
        for tracklet, own in zip(tracklets, keys, strict=True)
    ]
    return measured, replace(noise, process=_process(measured, noise))


def with_covariances(tracks: Sequence[Track], others: Sequence[Track]) -> list[Track]:
    """Replace covariances of tracks by larger ones of ``others``, the same tracks from key frames alone."""
    by_id = {track.id: track for track in others}
    return [_with_covariances(track, by_id[track.id]) for track in tracks]


def _with_covariances(track: Track, other: Track) -> Track:
    cov_px = np.maximum(track.velocity_cov, other.velocity_cov)
    # Unknown on the ground where one of the two is. Its axes are turned, so that the larger one counts whole.
    cov_m, other_m = track.velocity_m_cov, other.velocity_m_cov
    is_larger = np.trace(other_m, axis1=1, axis2=2) > np.trace(cov_m, axis1=1, axis2=2)
    return replace(
        track, velocity_cov=cov_px, velocity_m_cov=np.where(is_larger[:, None, None], other_m, cov_m)
    )


def _rounding(boxes_px: Sequence[F64]) -> F64:
    """(4,) step to which x, y, w, h of the boxes are rounded; 0 if it is below a thousandth."""
    values = np.concatenate(boxes_px)
    values = values[np.isfinite(values[:, 0])]
    steps = np.zeros(4)
    for k in range(4):
        for decimals in _DECIMALS:
            scaled = values[:, k] * 10.0**decimals
            whole = np.rint(scaled)
            if np.abs(scaled - whole).max() < 1e-6:
                # Some programs halve pictures, so that all boxes have even differences.
                common = 1 if decimals else int(np.gcd.reduce((whole - whole[0]).astype(np.int64)))
                steps[k] = min(max(common, 1), _LARGEST_STEP_PX) / 10.0**decimals
                break
    return steps


def _keys(tracklets: Sequence[Tracklet], step: F64) -> list[Bools]:
    """For each tracklet, (n,) True for the ends of its lines."""
    # Both ends and the box between are rounded; a size can have the rounding of two corners.
    slack = np.maximum(2 * step * np.array([0.5, 0.5, 1.0, 1.0]), 1e-6)
    found: dict[int, Bools] = {}
    for group in batches(tracklets):
        longest = max(map(len, group))
        boxes, times = np.full((longest, len(group), 4), np.nan), np.zeros((longest, len(group)))
        for k, tracklet in enumerate(group):
            assert tracklet.truth_px is not None
            boxes[: len(tracklet), k], times[: len(tracklet), k] = tracklet.truth_px, tracklet.times_s
        ends = _swinging_door(boxes, times, slack)
        found |= {tracklet.id: ends[: len(tracklet), k] for k, tracklet in enumerate(group)}
    return [found[tracklet.id] for tracklet in tracklets]


def _swinging_door(boxes: F64, times_s: F64, slack: F64) -> Bools:
    """(T, B) True for the ends of lines within ``slack`` (4,) of boxes (T, B, 4), NaN without a box."""
    seen = seen_rows(boxes)
    keys = np.zeros(seen.shape, dtype=np.bool_)
    start, start_s = boxes[0].copy(), times_s[0].copy()
    low, high = np.full(start.shape, -np.inf), np.full(start.shape, np.inf)
    keys[0] = seen[0]
    for t in range(1, len(boxes)):
        is_begin, is_end = seen[t] & ~seen[t - 1], seen[t - 1] & ~seen[t]
        span = np.where(seen[t], times_s[t] - start_s, 1.0)[:, None]
        slope = (boxes[t] - start) / np.maximum(span, 1e-9)
        is_bent = ((slope < low) | (slope > high)).any(axis=1) | (span[:, 0] > LONGEST_S)
        is_bent &= seen[t] & ~is_begin
        keys[t - 1] |= is_bent | is_end
        keys[t] |= is_begin
        # The line that is broken ends at the box before, where the next one starts.
        start[is_bent], start_s[is_bent] = boxes[t - 1][is_bent], times_s[t - 1][is_bent]
        start[is_begin], start_s[is_begin] = boxes[t][is_begin], times_s[t][is_begin]
        low[is_bent | is_begin], high[is_bent | is_begin] = -np.inf, np.inf
        span = np.maximum(times_s[t] - start_s, 1e-9)[:, None]
        inside = (seen[t] & ~is_begin)[:, None]
        low = np.where(inside, np.maximum(low, (boxes[t] - start - slack) / span), low)
        high = np.where(inside, np.minimum(high, (boxes[t] - start + slack) / span), high)
    keys[-1] |= seen[-1]
    return keys


def _process(tracklets: Sequence[Tracklet], noise: Noise) -> Channels:
    """Process noise by the changes of velocity at key frames, at least that of ``noise``.

    Between lines of a and b seconds the velocity changes by a variance of q (a + b) / 3 for white
    acceleration of density q, plus the errors of the three boxes.
    """
    squares = []
    for tracklet in tracklets:
        rows = np.flatnonzero(seen_rows(tracklet.centres_px))
        if len(rows) < 3:
            continue
        heights = local_heights(tracklet)[rows[1:-1], None]
        dt = np.diff(tracklet.times_s[rows])[:, None]
        v = np.diff(tracklet.centres_px[rows], axis=0) / dt
        a, b = dt[:-1], dt[1:]
        errors = np.square(noise.measurement) * (1 / a**2 + (1 / a + 1 / b) ** 2 + 1 / b**2)
        # Negative where the errors explain more than there is: the median of all is right.
        squares.append((((np.diff(v, axis=0) / heights) / NORMAL_MEDIAN) ** 2 - errors) * 3 / (a + b))
    bends = np.concatenate(squares) if squares else np.empty((0, 4))
    if len(bends) < FEWEST_BENDS:
        return noise.process
    q = np.median(bends, axis=0)
    q += DOUBT_BENDS / len(bends) * np.maximum(q, noise.process)
    x, y, w, h = np.maximum(np.clip(OVERSTATED**2 * q, *PROCESS_RANGE), noise.process).tolist()
    return x, y, w, h
