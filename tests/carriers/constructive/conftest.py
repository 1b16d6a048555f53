"""Clips that are cheap to make, and cuts of them."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.frames import cut_planes, planes_shape

SEED_KEY = bytes(range(32))


class Studio:
    """Covers with the statistics of noise, and what people do to clips."""

    key = SEED_KEY

    def covers(self, frames, layout="yuv420p", size=(320, 240), seed=0):
        """All byte values occur, so that both ends of every nibble do."""
        rng = np.random.default_rng(seed)
        shape = planes_shape(layout, *size)
        return [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(frames)]

    def crop(self, clip, layout, left, top, width=160, height=160):
        return [cut_planes(planes, layout, (left, top, width, height)) for planes in clip]

    def payload(self, size, seed=0):
        return np.random.default_rng([seed, size]).bytes(size)


@pytest.fixture(scope="session")
def studio():
    return Studio()
