"""Synthetic covers: smooth pictures with the noise of a sensor."""

from __future__ import annotations

import cv2
import numpy as np
import pytest


def smooth_cover(seed: int, size: tuple[int, int] = (512, 384)):
    rng = np.random.default_rng(seed)
    shape = size[::-1]
    coarse = cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), 12)
    fine = cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), 2)
    light = 128 + 30 * coarse / coarse.std() + 8 * fine / fine.std()
    return np.clip(np.rint(light + rng.normal(0, 1.5, shape)), 0, 255).astype(np.uint8)


@pytest.fixture(params=range(4))
def seed(request):
    return request.param


@pytest.fixture
def cover(seed):
    return smooth_cover(seed)
