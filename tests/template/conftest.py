"""Outlines and shapes for the template's tests."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cssv.template.drawing import Outline, Selector
from cssv.template.outline import pack_radii, superellipse


class Shapes:
    """Makes outlines, and pictures of shapes whose true pixels are known."""

    def outline(self, rng, box=None, selector=None, track=1, size=(320, 240), roughness=0.3):
        if box is None:
            w, h = (int(v) for v in rng.integers(6, 120, 2))
            box = (int(rng.integers(-w, size[0])), int(rng.integers(-h, size[1])), w, h)
        ratio = rng.uniform(1 - roughness, 1 + roughness, 32)
        radii, shift = pack_radii(superellipse(*box[2:]) * ratio)
        selector = Selector(int(rng.integers(0, 3))) if selector is None else selector
        return Outline(track, "", 255, box, radii, shift, selector, int(rng.integers(0, 256)))

    def mask(self, kind, w, h, side):
        y, x = np.mgrid[:side, :side] - side // 2
        a, b = w / 2, h / 2
        if kind == "rectangle":
            return (abs(x) <= a) & (abs(y) <= b)
        if kind in ("disc", "ellipse"):
            return (x / a) ** 2 + (y / b) ** 2 <= 1
        r = min(a, b)
        return np.maximum(abs(x) - (a - r), 0) ** 2 + np.maximum(abs(y) - (b - r), 0) ** 2 <= r * r

    def textured(self, rng, mask, contrast, texture):
        """A shape on a background, both textured, seen by a noisy camera."""
        inside, outside = (cv2.GaussianBlur(rng.normal(0, 1, mask.shape), (0, 0), 3) for _ in range(2))
        inside, outside = (128 + texture * t / t.std() for t in (inside, outside))
        sharp = np.where(mask, inside + contrast / 2, outside - contrast / 2)
        picture = cv2.GaussianBlur(sharp, (0, 0), 0.7) + rng.normal(0, 2, mask.shape)
        return np.clip(picture, 0, 255).astype(np.uint8)

    def overlap(self, a, b):
        return (a & b).sum() / (a | b).sum()


@pytest.fixture(scope="session")
def shapes():
    return Shapes()
