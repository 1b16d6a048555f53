"""Colours of tracks: always the same for an id, and different for ids near to each other."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cssv.view.colour_difference import lab_to_linear

#: An RGB colour, 0 to 255 each.
Rgb = tuple[int, int, int]
#: Lightnesses of CIELAB that successive ids have in turn, and the largest chroma.
_LIGHTNESSES = (60, 76, 68, 84)
_CHROMA = 84
#: Hue of an id: 2^32 times the golden ratio, which keeps successive hues far from each other.
_STEP, _TURN = 2654435769, 2**32
#: Step by which the chroma is reduced until the colour exists in sRGB.
_REDUCTION = 4


@lru_cache(maxsize=4096)
def track_colour(track: int) -> Rgb:
    """Colour of a track by its id, light enough for lines on dark and for dark letters on it."""
    hue = 2 * np.pi * (track * _STEP % _TURN) / _TURN
    lightness = _LIGHTNESSES[track % len(_LIGHTNESSES)]
    for chroma in range(_CHROMA, -1, -_REDUCTION):
        linear = lab_to_linear(np.array([lightness, chroma * np.cos(hue), chroma * np.sin(hue)]))
        if linear.min() >= 0 and linear.max() <= 1:
            break
    # The transfer function of sRGB (IEC 61966-2-1).
    linear = np.clip(linear, 0, 1)
    codes = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.rint(255 * codes).astype(int).tolist()
    return red, green, blue
