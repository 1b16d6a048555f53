"""Makers of clips with known content, by plain PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


def noise(width: int, height: int, count: int, *, seed: int = 0, channels: int = 0) -> list[np.ndarray]:
    """Smooth pictures with some noise: I420 stacks, or RGB for channels=3."""
    rng = np.random.default_rng(seed)
    shape = (height, width, channels) if channels else (height * 3 // 2, width)
    base = rng.integers(0, 256, shape, dtype=np.uint8)
    return [
        np.roll(base, 3 * index, axis=0) ^ rng.integers(0, 4, shape, dtype=np.uint8) for index in range(count)
    ]


def mux_pictures(
    path: Path,
    pictures: Sequence[av.VideoFrame],
    *,
    codec: str = "ffv1",
    pix_fmt: str,
    time_base: Fraction = Fraction(1, 1000),
    pts: Iterable[int] | None = None,
    rate: int = 25,
    options: dict[str, str] | None = None,
    rotation: int | None = None,
    matrix: Sequence[int] | None = None,
    tags: dict[str, int] | None = None,
) -> Path:
    """A clip by a bare PyAV loop; pictures must already be in ``pix_fmt``."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = pictures[0].width, pictures[0].height, pix_fmt
        stream.codec_context.time_base = stream.time_base = time_base
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if (rotation, matrix) != (None, None) and not hasattr(type(stream), "set_display_matrix"):
            pytest.skip("this PyAV cannot write display matrices")
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        step = int(1 / (rate * time_base))
        stamps = list(pts) if pts is not None else [step * index for index in range(len(pictures))]
        for picture, stamp in zip(pictures, stamps, strict=True):
            picture.pts, picture.time_base = stamp, time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


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
