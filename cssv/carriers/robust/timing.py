"""Where the slots of a received clip begin, and how fast it runs, from the pilot's sign in each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from cssv.carriers.robust.demodulation import residuals
from cssv.carriers.robust.geometry import F64, PERIOD_S, Geometry
from cssv.carriers.robust.pilot import F32, PLANE, SLOT_S, pilot_plane
from cssv.carriers.robust.slot_search import BETTER, TIME_SCALES
from cssv.frames import U8

#: Steps of the phase in a slot.
_STEPS = 200
#: Time at the end that does not count. Encoders spend few bits there, so the last frames repeat older ones.
_ENDING_S = SLOT_S / 4
#: Sender pixels in a cell of the pattern.
_CELL = 2


def fit_timing(
    lumas: Sequence[U8], times: Sequence[Fraction], geometry: Geometry, key: bytes, reduction: int
) -> Geometry:
    """The geometry with the time scale and the phase that fit best.

    Args:
        lumas: frames.
        times: of the frames.
        geometry: with the sides of the pictures.
        key: 32 bytes.
        reduction: as in :func:`.demodulation.residuals`.
    """
    counted = sum(times[-1] - time >= _ENDING_S for time in times)
    trace = pilot_trace(lumas, geometry, key, reduction)[:counted]
    best, fitted = 0.0, geometry
    for scale in TIME_SCALES:
        phase, score = _fit_phase(trace, times[:counted], scale)
        if score > best * (BETTER if best else 1):
            best, fitted = score, replace(geometry, time_scale=scale, phase_s=phase)
    return fitted


def pilot_trace(lumas: Sequence[U8], geometry: Geometry, key: bytes, reduction: int) -> F64:
    """How much of the pilot each frame holds, with its sign, in units of no meaning."""
    pattern: F32 | None = None
    trace = []
    for residual in residuals(lumas, reduction):
        if pattern is None:
            pattern = _pattern(geometry, residual.shape, key, reduction)
        trace.append(float(np.vdot(residual, pattern)))
    return np.array(trace)


def _pattern(geometry: Geometry, shape: tuple[int, ...], key: bytes, reduction: int) -> F32:
    """The pilot as it lies in the received picture, in cells of ``reduction`` pixels."""
    across, down = (reduction / scale / _CELL for scale in geometry.scale)
    left, top = (side / _CELL for side in geometry.sides[:2])
    x0, y0 = int(np.floor(left)) - 1, int(np.floor(top)) - 1
    columns, rows = (int(np.ceil(count * step)) + 4 for count, step in ((shape[1], across), (shape[0], down)))
    at_y, at_x = (np.arange(start, start + n) % (PLANE // _CELL) for start, n in ((y0, rows), (x0, columns)))
    plane = np.ascontiguousarray(pilot_plane(key, _CELL)[np.ix_(at_y, at_x)])
    if max(across, down) > 1:
        plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), 0.35 * max(across, down)), np.float32)
    matrix = np.array([[across, 0, left - x0 + across / 2 - 0.5], [0, down, top - y0 + down / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(plane, matrix, shape[::-1], flags=flags), np.float32)


def _fit_phase(trace: F64, times: Sequence[Fraction], scale: Fraction) -> tuple[float, float]:
    """Phase in seconds, and how well the square wave fits.

    All phases between two frames fit equally; the result is the middle of these.
    """
    turns = np.array([float(time * scale / SLOT_S % 2) for time in times])
    phases = np.arange(2 * _STEPS) / _STEPS
    waves = 1.0 - 2 * (np.floor(turns[None, :] + phases[:, None] + 1e-9) % 2)
    waves -= waves.mean(1, keepdims=True)
    norms = np.sqrt(np.square(waves).sum(1))
    scores = (waves @ trace) / np.maximum(norms, 1e-9)
    top = int(scores.argmax())
    equal = np.isclose(scores, scores[top], rtol=1e-9)
    before = after = 0
    while before < len(equal) and equal[top - before - 1]:
        before += 1
    while after < len(equal) and equal[(top + after + 1) % len(equal)]:
        after += 1
    phase = (top + (after - before) / 2) / _STEPS % 2
    return phase * float(SLOT_S) % float(PERIOD_S), float(scores[top])
