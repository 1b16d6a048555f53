"""PSNR and brightness shift agree with their definitions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from psnr import Comparison

from cssv.errors import FrameError
from cssv.frames import Frame, split_planes


def frame(value, layout="yuv420p", size=(64, 48)):
    shape = (size[1] * 3 // 2, size[0]) if layout == "yuv420p" else (size[1], size[0], 3)
    return Frame(np.full(shape, value, np.uint8), layout, 0, Fraction(1, 25))


def test_equal_frames_are_infinitely_near():
    meter = Comparison()
    meter.add(frame(9), frame(9))
    assert meter.psnr_db == math.inf
    assert meter.brightness_shift == 0


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
def test_one_level_everywhere_is_48_db(layout):
    meter = Comparison()
    for _ in range(3):
        meter.add(frame(100, layout), frame(99, layout))
    assert meter.psnr_db == pytest.approx(20 * math.log10(255))
    assert meter.brightness_shift == -1
    assert meter.frames == 3


def test_the_mean_is_over_all_bytes_of_all_frames():
    meter = Comparison()
    meter.add(frame(0), frame(255))
    meter.add(frame(0), frame(0))
    assert meter.psnr_db == pytest.approx(10 * math.log10(2))


def test_chroma_counts_for_noise_but_not_for_brightness():
    tinted = frame(128)
    split_planes(tinted.planes, "yuv420p")[1][...] = 138
    meter = Comparison()
    meter.add(frame(128), tinted)
    assert meter.brightness_shift == 0
    assert meter.psnr_db == pytest.approx(10 * math.log10(255**2 / (100 / 6)))


def test_unlike_frames_are_refused():
    with pytest.raises(FrameError, match="different shape"):
        Comparison().add(frame(1), frame(1, size=(64, 64)))
    with pytest.raises(FrameError, match="different shape"):
        Comparison().add(frame(1), frame(1, "rgb24"))
