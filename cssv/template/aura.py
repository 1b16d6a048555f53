"""The aura: up to three Gaussian rings around an outline, as integer tables.

Inner ring: velocity. Middle: temperature. Outer: density. A ring that is left out takes no room. A ring
stretches its peak value by a Gaussian gain over the distance from the outline. In every ring brightness is
the value and saturation is the certainty. Hue is the heading in the ring of the velocity; in the other two it
repeats the value, for people.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cssv.template.drawing import FULL, Readings, Rings

#: The rings from the inside to the outside.
RING_ORDER = (Rings.VELOCITY, Rings.TEMPERATURE, Rings.DENSITY)
#: Brightness of a ring's peak at the bottom and at the top of its range.
PEAK_LOW, PEAK_HIGH = 56, 240
#: Chroma amplitude of a certain reading: 112 is nibble 7, the largest of a signed nibble.
SATURATION = 112
#: Hue in the Cb-Cr plane as bytes (256 = one turn) at the bottom and top of the range:
#: temperature from blue over magenta to red, density from cyan over green to yellow.
TEMPERATURE_HUES = (-6, 78)
DENSITY_HUES = (206, 122)

#: round(2^7 * cos(2 pi a / 256)) for every byte angle a.
COSINE: NDArray[np.int64] = np.array([round(128 * math.cos(2 * math.pi * a / 256)) for a in range(256)])


@lru_cache(maxsize=16)
def ring_gain(width: int) -> NDArray[np.int64]:
    """Gain of one ring at distances 0 .. width - 1 from its inner border, 256 = full. Shape (width,).

    A Gaussian of standard deviation ``width / 2`` around the ring's middle.
    """
    middle = (width - 1) / 2
    gain = [round(256 * math.exp(-((d - middle) ** 2) / (2 * (width / 2) ** 2))) for d in range(width)]
    return np.array(gain)


def peak(value: int) -> int:
    """Brightness of a ring's peak for a value byte, PEAK_LOW to PEAK_HIGH."""
    return PEAK_LOW + (PEAK_HIGH - PEAK_LOW) * value // FULL


def hue_between(hues: tuple[int, int], value: int) -> int:
    """Byte angle of a value byte on a scale of hues."""
    low, high = hues
    return (low + (high - low) * value // FULL) & 255


def ring_tables(
    readings: Readings, width: int, rings: Rings = Rings.ALL
) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Tables from (behind, distance) to the template's value.

    Index ``behind * span + distance``, where span is ``n * width + 1`` for n rings, distance runs from 0
    (inside, left empty) to ``n * width``, and behind is 1 for pixels behind the motion.

    Args:
        readings: what the rings show.
        width: of each ring in pixels.
        rings: the rings that are drawn.

    Returns:
        luma: uint8 (2 * span,), multiples of 16.
        chroma: int16 (2, same length), Cb and Cr around 0; in the ring of the velocity in steps of 1 for the
            ordered dither, elsewhere rounded to multiples of 16.
    """
    drawn = drawn_rings(rings)
    span = len(drawn) * width + 1
    luma = np.zeros(2 * span, np.uint8)
    chroma = np.zeros((2, 2 * span), np.int16)
    halves = (
        (readings.future_speed, readings.future_heading),
        (readings.past_speed, readings.past_heading),
    )
    for behind, (speed, heading) in enumerate(halves):
        shown = {
            Rings.VELOCITY: (speed, heading, readings.motion),
            Rings.TEMPERATURE: (
                readings.temperature,
                hue_between(TEMPERATURE_HUES, readings.temperature),
                readings.temperature_certainty,
            ),
            Rings.DENSITY: (
                readings.density,
                hue_between(DENSITY_HUES, readings.density),
                readings.density_certainty,
            ),
        }
        for place, ring in enumerate(drawn):
            first = behind * span + 1 + place * width
            here = slice(first, first + width)
            luma[here], vector = _ring(*shown[ring], width)
            chroma[:, here] = vector if ring is Rings.VELOCITY else ((vector + 8) >> 4) * 16
    return luma, chroma


@lru_cache(maxsize=8)
def drawn_rings(rings: Rings) -> tuple[Rings, ...]:
    """The rings of a set, from the inside to the outside."""
    return tuple(ring for ring in RING_ORDER if ring & rings)


@lru_cache(maxsize=4096)
def _ring(value: int, hue: int, certainty: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Brightness and chroma over the width of one ring. Most rings of a clip repeat."""
    gain = ring_gain(width)
    luma = (np.minimum((peak(value) * gain >> 8) + 8, 255) & 0xF0).astype(np.uint8)
    amplitude = SATURATION * certainty * gain // FULL
    vector = np.stack((COSINE[hue] * amplitude, COSINE[(hue - 64) & 255] * amplitude))
    chroma = ((vector + (1 << 14)) >> 15).astype(np.int16)
    luma.setflags(write=False)
    chroma.setflags(write=False)
    return luma, chroma
