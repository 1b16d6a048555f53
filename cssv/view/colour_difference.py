"""Colour difference CIEDE2000 between pictures: how different two colours look.

Definition: CIE 142-2001, with the parametric factors k_L, k_C and k_H at 1. About 1 is a difference that an
observer can just see side by side; above 5 two colours are clearly different.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8

F64 = NDArray[np.float64]

_25_POWER_7 = 25.0**7
#: Linear light of each sRGB byte (IEC 61966-2-1).
_CODES = np.arange(256) / 255
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4)
#: X, Y, Z of linear R, G, B (IEC 61966-2-1), as shares of those of white.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_XYZ_OF_RGB = _XYZ / _XYZ.sum(axis=1, keepdims=True)
#: Below the cube of this share of white, CIELAB is linear in the light.
_BEND = 6 / 29


def rgb_to_lab(rgb: U8) -> F64:
    """CIELAB coordinates (..., 3) of sRGB bytes (..., 3), under illuminant D65."""
    # Not by OpenCV, which interpolates: its lightness is up to 0.2 off.
    share = _LINEAR[rgb] @ _XYZ_OF_RGB.T
    root = np.where(share > _BEND**3, np.cbrt(share), share / (3 * _BEND**2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


def lab_to_linear(lab: F64) -> F64:
    """Linear red, green and blue (..., 3) of CIELAB coordinates (..., 3); outside of 0 to 1 beyond sRGB."""
    light, a, b = np.moveaxis(lab, -1, 0)
    middle = (light + 16) / 116
    root = np.stack((middle + a / 500, middle, middle - b / 200), axis=-1)
    share = np.where(root > _BEND, root**3, 3 * _BEND**2 * (root - 4 / 29))
    return np.asarray(share @ np.linalg.inv(_XYZ_OF_RGB).T, np.float64)


def ciede2000(one: F64, other: F64) -> F64:
    """CIEDE2000 differences (...) between CIELAB coordinates (..., 3)."""
    light_1, a_1, b_1 = np.moveaxis(one, -1, 0)
    light_2, a_2, b_2 = np.moveaxis(other, -1, 0)
    stretch = 1 + _chroma_gain((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2)
    chroma_1, hue_1 = _polar(a_1 * stretch, b_1)
    chroma_2, hue_2 = _polar(a_2 * stretch, b_2)
    is_grey = (chroma_1 * chroma_2) == 0
    turn = _hue_difference(hue_1, hue_2, is_grey)
    mean_hue = _mean_hue(hue_1, hue_2, is_grey)
    mean_chroma, mean_light = (chroma_1 + chroma_2) / 2, (light_1 + light_2) / 2
    # Weights of the three differences: the eye sees some of them less.
    from_middle = (mean_light - 50) ** 2
    light = (light_2 - light_1) / (1 + 0.015 * from_middle / np.sqrt(20 + from_middle))
    chroma = (chroma_2 - chroma_1) / (1 + 0.045 * mean_chroma)
    hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(np.radians(turn) / 2)
    hue /= 1 + 0.015 * mean_chroma * _hue_weight(mean_hue)
    squares = light**2 + chroma**2 + hue**2 + _rotation(mean_hue, mean_chroma) * chroma * hue
    # Rounding can give a tiny negative sum for equal colours.
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float64)


def _chroma_gain(mean_chroma: F64) -> F64:
    """By how much the axis a* of nearly grey colours is stretched."""
    power = mean_chroma**7
    return np.asarray(0.5 * (1 - np.sqrt(power / (power + _25_POWER_7))), np.float64)


def _polar(a: F64, b: F64) -> tuple[F64, F64]:
    """Chroma and hue in degrees, 0 to 360; hue 0 for grey."""
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _hue_difference(hue_1: F64, hue_2: F64, is_grey: NDArray[np.bool_]) -> F64:
    """Signed difference of hues in degrees, -180 to 180; 0 where a colour is grey."""
    plain = hue_2 - hue_1
    turned = plain - 360 * (plain > 180) + 360 * (plain < -180)
    return np.where(is_grey, 0.0, turned)


def _mean_hue(hue_1: F64, hue_2: F64, is_grey: NDArray[np.bool_]) -> F64:
    """Mean of two hues in degrees along the shorter arc; their sum where a colour is grey."""
    total = hue_1 + hue_2
    is_far = np.abs(hue_1 - hue_2) > 180
    mean = (total + np.where(is_far, np.where(total < 360, 360.0, -360.0), 0.0)) / 2
    return np.where(is_grey, total, mean)


def _hue_weight(mean_hue: F64) -> F64:
    """The factor T: how the weight of a hue difference depends on the hue."""
    terms = ((-0.17, 1, -30.0), (0.24, 2, 0.0), (0.32, 3, 6.0), (-0.20, 4, -63.0))
    found = np.ones_like(mean_hue)
    for factor, multiple, shift in terms:
        found += factor * np.cos(np.radians(multiple * mean_hue + shift))
    return found


def _rotation(mean_hue: F64, mean_chroma: F64) -> F64:
    """The factor R_T: in blue, differences of chroma and of hue are seen together."""
    power = mean_chroma**7
    strength = 2 * np.sqrt(power / (power + _25_POWER_7))
    angle = math.radians(60) * np.exp(-(((mean_hue - 275) / 25) ** 2))
    return np.asarray(-np.sin(angle) * strength, np.float64)
