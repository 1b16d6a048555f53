"""Radial distortion of a lens, and its inverse."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cssv.boxes import F64

#: Newton's steps for the inverse at most; each doubles the exact digits.
_BENDING_STEPS = 20
#: A step this small, relative to 1 + distance, is the last one: the error after it is about its square.
_LAST_STEP = 1e-10
#: Largest error, relative to 1 + distance, of a result that counts as found.
_BENT = 1e-9


@dataclass(frozen=True, slots=True)
class Lens:
    """Radial distortion: the lens shows at r mm from its axis what belongs at r (1 + kappa1 r²).

    Attributes:
        centre_px: where the axis meets the picture.
        pixel_mm: width and height of a pixel on the sensor.
        kappa1_per_mm2: the first coefficient; positive for barrels.
    """

    centre_px: tuple[float, float]
    pixel_mm: tuple[float, float]
    kappa1_per_mm2: float

    def straightened(self, points_px: F64) -> F64:
        """Points (..., 2) without the distortion; NaN where the formula folds back on itself."""
        # Beyond the fold a larger r would belong nearer to the axis.
        away = (points_px - self.centre_px) * self.pixel_mm
        growth = self.kappa1_per_mm2 * (away**2).sum(axis=-1, keepdims=True)
        straight: F64 = self.centre_px + away * np.where(growth > -1 / 3, 1 + growth, np.nan) / self.pixel_mm
        return straight

    def bent(self, straight_px: F64) -> F64:
        """Inverse of :meth:`straightened`; NaN if no point of the picture shows it."""
        away = (straight_px - self.centre_px) * self.pixel_mm
        # In units of 1 / sqrt(|kappa1|), r with distortion and t without it satisfy r + r³ = t or r - r³ = t.
        # Newton's steps never overshoot: the first is convex and starts above its root, the second is concave
        # and starts below it.
        sign = math.copysign(1.0, self.kappa1_per_mm2)
        t = math.sqrt(abs(self.kappa1_per_mm2)) * np.hypot(away[..., 0], away[..., 1])
        r = np.minimum(t, np.cbrt(t) if sign > 0 else math.sqrt(1 / 3) * (1 - 1e-9))
        for _ in range(_BENDING_STEPS):
            # Products, because powers take most of the time.
            square = sign * r * r
            before, r = r, np.maximum(r - (r + square * r - t) / (1 + 3 * square), 0.0)
            # Points that are unknown or far beyond the picture never get there.
            if not (np.abs(r - before) > _LAST_STEP * (1 + t)).any():
                break
        found = np.abs(r + sign * r * r * r - t) <= _BENT * (1 + t)
        share = np.where(t > 0, r / np.where(t > 0, t, 1.0), 1.0)
        bent: F64 = self.centre_px + away * np.where(found, share, np.nan)[..., None] / self.pixel_mm
        return bent

    def jacobian(self, points_px: F64) -> F64:
        """Derivatives (..., 2, 2) of the straightened point (rows) by the point (columns)."""
        away = (points_px - self.centre_px) * self.pixel_mm
        k = self.kappa1_per_mm2
        growth = 1 + k * (away**2).sum(axis=-1)
        in_mm = growth[..., None, None] * np.eye(2) + 2 * k * away[..., :, None] * away[..., None, :]
        pixel = np.array(self.pixel_mm)
        result: F64 = in_mm * pixel / pixel[:, None]
        return result
