"""Synthetic clips that carry a pilot, without a codec."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from cssv.carriers.robust.pilot import (
    BLOCK,
    PILOT_COEFFICIENTS,
    PLANE_BLOCKS,
    pilot_signs,
    slot_of,
    slot_sign,
)
from cssv.carriers.robust.transform import BlockTransform

KEY = bytes(range(32))


def texture(width, height, seed=0):
    """A still picture with the frequencies of a natural one, 40 to 210."""
    noise = np.random.default_rng(seed).standard_normal((height, width)).astype(np.float32)
    mixed = sum(s * cv2.GaussianBlur(noise, (0, 0), s) for s in (1, 3, 9))
    return 125 + 25 * mixed / mixed.std()


def pilot_pattern(key, width, height, amplitude=5.0):
    """What the pilot adds to luma in even slots; right of and below the whole blocks it is 0."""
    transform = BlockTransform(BLOCK, PILOT_COEFFICIENTS)
    rows, columns = transform.grid(height, width)
    at = np.ix_(np.arange(rows) % PLANE_BLOCKS, np.arange(columns) % PLANE_BLOCKS)
    drawn = transform.inverse(amplitude * pilot_signs(key)[at])
    return np.pad(drawn, ((0, height - drawn.shape[0]), (0, width - drawn.shape[1])))


def embed(scene, times, key=KEY, noise=1.0, seed=1):
    """Frames of a still scene with the pilot at these times."""
    rng = np.random.default_rng(seed)
    pattern = pilot_pattern(key, scene.shape[1], scene.shape[0])
    frames = []
    for time in times:
        luma = scene + pattern * slot_sign(slot_of(time)) + noise * rng.standard_normal(scene.shape)
        frames.append(np.clip(np.rint(luma), 0, 255).astype(np.uint8))
    return frames


def times_of(count, rate, start=0):
    return [Fraction(start) + Fraction(i) / rate for i in range(count)]


@pytest.fixture(scope="session")
def studio():
    return SimpleNamespace(key=KEY, texture=texture, pattern=pilot_pattern, embed=embed, times=times_of)


@pytest.fixture(scope="session")
def marked():
    """Frames and times of 4 s at 8 frames a second, 480x320."""
    times = times_of(32, 8)
    return embed(texture(480, 320), times), times
