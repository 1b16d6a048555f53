"""Distortion-compensated dithered quantisation index modulation (QIM) of coefficients.

A coefficient carries one bit: its place modulo the step, relative to a dither that the key decides. The
places of the two bits are half a step apart. Embedding moves a coefficient by the share alpha of the way to
the nearest place of its bit. A share below 1 allows a larger step at the same distortion, and the part of the
way that remains acts as noise (Chen and Wornell 2001). After a video codec, most chips come back nearly right
and some not at all. So larger shares are better than for normal noise: at equal distortion .7 gives 16 % more
information than .6 after x264 CRF 28.

With the error to the nearest place uniform, the mean squared change is ``(alpha * step)**2 / 12``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cssv.carriers.robust.keys import keystream
from cssv.carriers.robust.transform import F32, MOST_CHANGE
from cssv.errors import OptionError
from cssv.frames import U8

#: Slots of so many classes follow each other; each class has its own dithers.
SLOT_CLASSES = 4

#: Bounds of the step. A smaller one is lost in the rounding of pixels.
STEP_RANGE = (4, int(2 * MOST_CHANGE))
ALPHA_RANGE = (0.05, 1.0)


@dataclass(frozen=True, slots=True)
class Strength:
    """How strongly coefficients are changed.

    Attributes:
        step: distance between two places of the same bit, an integer.
        alpha: share of the way to the nearest place.
    """

    step: int
    alpha: float = 0.7

    def __post_init__(self) -> None:
        for name, value, (low, high) in (
            ("step", self.step, STEP_RANGE),
            ("alpha", self.alpha, ALPHA_RANGE),
        ):
            if not low <= value <= high:
                raise OptionError(
                    f"the {name} of the quantisation is out of range", found=value, bound=f"{low} to {high}"
                )

    @property
    def distortion(self) -> float:
        """Expected squared change of a coefficient."""
        return (self.alpha * self.step) ** 2 / 12


def dither_bytes(
    key: bytes, label: bytes, step: int, area: tuple[int, int, int, int], coefficients: int
) -> U8:
    """Dithers of the blocks of an area, in 1/256 of the step, (rows, columns, coefficients).

    Row r of blocks has the bytes of ``keystream(key, "dither" + label + step + r)``, with the step as one
    byte and r as 4 bytes, big endian: all coefficients of the first block, then those of the second one. They
    depend on the step, because coefficients below a few steps would fit dithers that are scaled alike.

    Args:
        key: 32 bytes.
        label: of the layer and the slot class.
        step: of the quantisation.
        area: first row and column of blocks, and how many rows and columns. They count from the top left of
            the whole frame, never of a received piece.
        coefficients: of a block.
    """
    top, left, rows, columns = area
    size = (left + columns) * coefficients
    label = b"dither" + label + bytes([step])
    lines = [keystream(key, label + row.to_bytes(4, "big"), size) for row in range(top, top + rows)]
    found = np.frombuffer(b"".join(lines), np.uint8).reshape(rows, left + columns, coefficients)
    return np.ascontiguousarray(found[:, left:])


def embed_bits(coefficients: F32, bits: U8, dithers: U8, strength: Strength) -> F32:
    """Changes of coefficients that embed one bit in each. Inverse of :func:`soft_bits`.

    Args:
        coefficients: of any shape.
        bits: zeros and ones, of the same shape.
        dithers: of the same shape, in 1/256 of the step.
        strength: step and alpha.

    Returns:
        Changes to add, at most ``alpha * step / 2``.
    """
    error = coefficients * np.float32(1 / strength.step)
    error -= dithers * np.float32(1 / 256)
    error -= bits * np.float32(0.5)
    error -= np.rint(error)
    error *= np.float32(-strength.alpha * strength.step)
    return error


def soft_bits(coefficients: F32, dithers: U8, step: float) -> F32:
    """Soft value of the bit in each coefficient, -1 to 1: positive for 0. Shapes are broadcast.

    This is the cosine of the phase relative to the places of 0. For noise that is symmetric it keeps all
    information about the bit.
    """
    phase = coefficients * np.float32(1 / step) - dithers * np.float32(1 / 256)
    # The cosine is slow and inexact for large arguments.
    phase -= np.rint(phase)
    phase *= np.float32(2 * np.pi)
    return np.asarray(np.cos(phase, out=phase))
