"""Makers of clips with known content, by plain PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cssv.testing.clips import write_clip


def noise(width: int, height: int, count: int, *, seed: int = 0, channels: int = 0) -> list[np.ndarray]:
    """Smooth pictures with some noise: I420 stacks, or RGB for channels=3."""
    rng = np.random.default_rng(seed)
    shape = (height, width, channels) if channels else (height * 3 // 2, width)
    base = rng.integers(0, 256, shape, dtype=np.uint8)
    return [
        np.roll(base, 3 * index, axis=0) ^ rng.integers(0, 4, shape, dtype=np.uint8) for index in range(count)
    ]


def mux_pictures(path: Path, pictures: Sequence[av.VideoFrame], **options: Any) -> Path:
    """A clip by a bare PyAV loop, in milliseconds; pictures must already be in ``pix_fmt``."""
    if options.keys() & {"rotation", "matrix"} and not hasattr(av.VideoStream, "set_display_matrix"):
        pytest.skip("this PyAV cannot write display matrices")
    return write_clip(path, pictures, **({"time_base": Fraction(1, 1000)} | options))


def pictures_of(arrays: Iterable[np.ndarray], fmt: str) -> list[av.VideoFrame]:
    return [av.VideoFrame.from_ndarray(array, format=fmt) for array in arrays]


def blank_pictures(width: int, height: int, fmt: str, count: int, seed: int = 0) -> list[av.VideoFrame]:
    """Pictures of any format with every plane filled by noise, also where PyAV has no ndarray form."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        picture = av.VideoFrame(width, height, fmt)
        for plane in picture.planes:
            plane.update(rng.integers(0, 256, plane.buffer_size, dtype=np.uint8).tobytes())
        made.append(picture)
    return made


def plane_bytes(picture: av.VideoFrame, index: int) -> np.ndarray:
    plane = picture.planes[index]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width].copy()


@pytest.fixture(scope="session")
def make():
    """The makers of this file, for tests that cannot import it."""

    class Makers:
        noise = staticmethod(noise)
        clip = staticmethod(mux_pictures)
        pictures = staticmethod(pictures_of)
        blank = staticmethod(blank_pictures)
        plane = staticmethod(plane_bytes)

    return Makers
