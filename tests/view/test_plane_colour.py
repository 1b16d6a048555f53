"""Colours of yuv420p planes by matrix and range."""

from __future__ import annotations

import numpy as np
import pytest
from av import VideoFrame

from cssv.errors import InputError
from cssv.view.plane_colour import BT601, PlaneColour, has_matrix, yuv_to_rgb

#: FFmpeg's numbers of matrices of ISO/IEC 23091-2 in its scaler.
SCALER = {1: 1, 6: 5}
PATCHES = np.array(
    [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255), (0, 0, 0),
     (255, 255, 255), (128, 128, 128), (200, 90, 40)], np.uint8
)  # fmt: skip


@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("matrix", SCALER)
def test_colours_come_back(matrix, is_full):
    picture = np.repeat(np.repeat(PATCHES[None], 8, axis=0), 8, axis=1)
    frame = VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        format="yuv420p",
        dst_colorspace=SCALER[matrix],
        src_color_range=2,
        dst_color_range=2 if is_full else 1,
    )
    found = yuv_to_rgb(frame.to_ndarray(), PlaneColour(matrix, is_full))
    middle = found[4, 4::8].astype(int)
    assert np.abs(middle - PATCHES).max() <= 4


def test_the_fast_way_of_the_usual_colour_is_the_same():
    planes = np.random.default_rng(3).integers(16, 236, (48, 64), dtype=np.uint8)
    usual, same = yuv_to_rgb(planes, BT601), yuv_to_rgb(planes, PlaneColour(5))
    assert np.abs(usual.astype(int) - same).max() <= 2


def test_unknown_matrices():
    assert has_matrix(9)
    assert not has_matrix(2)
    with pytest.raises(InputError, match="matrix"):
        PlaneColour(2)
