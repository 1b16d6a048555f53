"""Embedding of random bits in least significant bits: the simplest rivals of a carrier."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8

#: Takes planes, the share of samples that carry, and a source of randomness; returns new planes.
EmbedBits = Callable[[U8, float, np.random.Generator], U8]


def replace_bits(planes: U8, rate: float, rng: np.random.Generator) -> U8:
    """LSB replacement: the last bit of a share of the samples becomes a random bit."""
    carries, bits = _random_bits(planes, rate, rng)
    return np.where(carries, planes & 0xFE | bits, planes)


def match_bits(planes: U8, rate: float, rng: np.random.Generator) -> U8:
    """LSB matching: where the bit differs, one is added or subtracted by chance."""
    carries, bits = _random_bits(planes, rate, rng)
    differs = carries & (planes & 1 != bits)
    steps = rng.choice(np.array([-1, 1], np.int16), planes.shape)
    # 0 and 255 have one neighbour only.
    steps = np.where(planes == 0, 1, np.where(planes == 255, -1, steps))
    return (planes + np.where(differs, steps, 0)).astype(np.uint8)


def _random_bits(planes: U8, rate: float, rng: np.random.Generator) -> tuple[NDArray[np.bool_], U8]:
    return rng.random(planes.shape) < rate, rng.integers(0, 2, planes.shape, np.uint8)
