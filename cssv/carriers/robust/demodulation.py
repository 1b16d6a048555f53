"""Frames of a received clip to one complex picture in which the pilot stands out.

The picture content is many times stronger than the pilot. Three steps remove it:

1. In each frame, a high pass and the subtraction of what stands still.
2. Division by the local variance of what is left. If noise is independent, that is the weight of a matched
   filter. So textures that move weigh little.
3. The weighted sum of the frames, with half a turn a slot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.carriers.robust.pilot import F32, SLOT_S
from cssv.frames import U8

#: Width of the Gaussian of the high pass, in cells. A cell is 1 to 3.3 sender pixels.
_HIGH_PASS = 1.5
#: Width of the Gaussian for the share of the still picture in a frame, in cells.
_STILL = 4.0
#: Width of the Gaussian of the local variance, in cells.
_VARIANCE = 2.0
#: Variance that is always added: that of rounding and of the codec.
_NOISE = 1.0


def demodulation_weights(times: Sequence[float]) -> NDArray[np.complex128]:
    """Weight of each frame: half a turn a slot, minus its mean, so that a constant gives 0.

    Args:
        times: of the frames in seconds of the sender.
    """
    turns = np.exp(1j * np.pi * np.asarray(times, np.float64) / float(SLOT_S))
    return np.asarray(turns - turns.mean(), np.complex128)


def demodulate(lumas: Sequence[U8], times: Sequence[float], reduction: int) -> F32:
    """Weighted mean of frames, (height, width, 2): the real and the imaginary part.

    Args:
        lumas: of one size.
        times: of the frames in seconds.
        reduction: pixels, in both directions, that one cell of the result is the mean of.
    """
    weights = (demodulation_weights(times) / len(lumas)).astype(np.complex64)
    real = imaginary = np.float32(0)
    for residual, weight in zip(residuals(lumas, reduction), weights, strict=True):
        real = real + residual * weight.real
        imaginary = imaginary + residual * weight.imag
    return np.stack([real, imaginary], axis=2)


def residuals(lumas: Sequence[U8], reduction: int) -> Iterator[F32]:
    """Each frame without what stands still, divided by the local variance, in cells.

    The arguments are those of :func:`demodulate`. Memory does not depend on the number of frames.
    """
    total = np.zeros_like(_to_cells(lumas[0], reduction))
    for luma in lumas:
        total += _to_cells(luma, reduction)
    still = _high_pass(total / np.float32(len(lumas)))
    power = _blur(still * still, _STILL) + np.float32(0.1)
    for luma in lumas:
        passed = _high_pass(_to_cells(luma, reduction))
        # Where the scene moves, the mean of all frames has nothing of this one, and would only add noise.
        share = np.clip(_blur(passed * still, _STILL) / power, 0, 1).astype(np.float32)
        residual = passed - share * still
        yield residual / (_blur(residual * residual, _VARIANCE) + np.float32(_NOISE))


def _to_cells(luma: U8, reduction: int) -> F32:
    """Means of squares of pixels; pixels right of and below the last whole square are left out."""
    picture = luma.astype(np.float32)
    if reduction == 1:
        return picture
    rows, columns = luma.shape[0] // reduction, luma.shape[1] // reduction
    whole = picture[: rows * reduction, : columns * reduction]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _high_pass(picture: F32) -> F32:
    return picture - _blur(picture, _HIGH_PASS)


def _blur(picture: F32, sigma: float) -> F32:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
