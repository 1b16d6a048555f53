"""Outlines of objects as a few cosines of the angle, in integers.

The share of an outline is its radius over that of the superellipse of the box
(:func:`cssv.template.outline.superellipse`), in each of 32 directions. The mean shares of a segment are the
sum of 8 cosines, as in the discrete cosine transform (DCT-II), with coefficients in units of 1/16. Against
these cosines with exact coefficients the error of a share is at most 1/4, its root mean square about 1/26.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cssv.errors import FramingError
from cssv.payload.integers import read_signed, write_signed
from cssv.payload.range_coder import BitWriter, RangeDecoder
from cssv.template.drawing import DIRECTIONS, Outline
from cssv.template.outline import RADIUS_UNIT, superellipse

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
#: Number of coefficients, their units and their bound.
COEFFICIENTS, UNITS, LARGEST = 8, 16, 32
#: Units of a share: those of the coefficients times those of the cosines.
SHARE = 1 << 14
_COSINE = SHARE // UNITS
#: The cosines, (COEFFICIENTS, DIRECTIONS), in units of 1 / _COSINE.
_COSINES: I64 = np.array(
    [
        [round(_COSINE * math.cos(math.pi * k * (2 * at + 1) / (2 * DIRECTIONS))) for at in range(DIRECTIONS)]
        for k in range(COEFFICIENTS)
    ],
    np.int64,
)
#: Least and largest share.
_LEAST_SHARE, _LARGEST_SHARE = SHARE // 4, 2 * SHARE
#: What the first coefficient is expected to be: the share of an outline without edges.
EXPECTED = 15


def radii_to_shares(radii: I64, width: int, height: int) -> F64:
    """Shares of an outline, (DIRECTIONS,), from its radii in units of 1/RADIUS_UNIT px and its box."""
    shares: F64 = radii / superellipse(width, height)
    return shares


def outline_to_shares(outline: Outline) -> F64:
    """Shares of a drawn outline, (DIRECTIONS,). Its radii are whole pixels or multiples of them."""
    radii = np.frombuffer(outline.radii, np.uint8).astype(np.int64) * (RADIUS_UNIT << outline.shift)
    return radii_to_shares(radii, *outline.box[2:])


def fit_outline(shares: Sequence[F64]) -> tuple[int, ...]:
    """The coefficients of the mean of shares; at least one."""
    mean = np.mean(shares, axis=0)
    found = np.linalg.lstsq((_COSINES / _COSINE).T, mean, rcond=None)[0]
    return tuple(np.clip(np.rint(found * UNITS), -LARGEST, LARGEST).astype(int).tolist())


def outline_shares(coefficients: Sequence[int]) -> I64:
    """Shares, (DIRECTIONS,), in units of 1 / SHARE."""
    shares: I64 = np.clip(np.array(coefficients, np.int64) @ _COSINES, _LEAST_SHARE, _LARGEST_SHARE)
    return shares


def outline_radii(coefficients: Sequence[int], width: int, height: int) -> I64:
    """Radii, (DIRECTIONS,), in units of 1/RADIUS_UNIT px, of the outline in a box of whole pixels."""
    # In two steps, so that no product exceeds 64 bits.
    radii: I64 = (superellipse(width, height) >> 7) * outline_shares(coefficients) >> 7
    return radii


def write_outline(writer: BitWriter, outline: tuple[int, ...] | None, before: int) -> None:
    """Write an outline, or that there is none.

    Args:
        writer: where to.
        outline: its coefficients.
        before: whether the segment before has one; 2 if there is no segment before.

    Raises:
        FramingError: a coefficient does not fit, or their number is wrong.
    """
    writer.put_bit("outline", before, int(outline is not None))
    if outline is None:
        return
    if len(outline) != COEFFICIENTS or max(map(abs, outline)) > LARGEST:
        raise FramingError(
            "an outline does not fit a payload",
            found=outline,
            bound=f"{COEFFICIENTS} numbers from -{LARGEST} to {LARGEST}",
        )
    for k, number in enumerate(outline):
        write_signed(writer, f"outline.{k}", number - (EXPECTED if k == 0 else 0))


def read_outline(reader: RangeDecoder, before: int) -> tuple[int, ...] | None:
    """Inverse of :func:`write_outline`.

    Raises:
        FramingError: a coefficient exceeds its bound.
    """
    if not reader.get_bit("outline", before):
        return None
    numbers = [read_signed(reader, f"outline.{k}", 2 * LARGEST) for k in range(COEFFICIENTS)]
    found = (numbers[0] + EXPECTED, *numbers[1:])
    if max(map(abs, found)) > LARGEST:
        raise FramingError("an outline of a payload is not valid", found=found, bound=f"up to {LARGEST}")
    return found
