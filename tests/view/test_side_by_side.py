"""The picture of one frame in two versions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cssv.errors import FrameError
from cssv.frames import planes_shape
from cssv.view.side_by_side import Captions, side_by_side

LAYOUTS = pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])


def planes(layout, width=64, height=48, value=0):
    return np.full(planes_shape(layout, width, height), value, np.uint8)


CAPTIONS = Captions("version 1: first", "version 2: d\u00e9j\u00e0 vu \u2603" * 90, "frame 60, 2.400 s")


@LAYOUTS
@pytest.mark.parametrize("size", [(32, 32), (64, 48), (32, 400), (1000, 32), (2000, 34), (384, 288)])
def test_the_picture_shows_all_six_cells(layout, size):
    rng = np.random.default_rng(0)
    four = [rng.integers(0, 256, planes_shape(layout, *size), dtype=np.uint8) for _ in range(4)]
    copies = [each.copy() for each in four]
    picture = side_by_side(*four, layout, CAPTIONS)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert picture.shape[1] >= min(3 * size[0], 3 * 480)
    assert max(picture.shape[:2]) <= 3 * 960 + 100
    assert all(np.array_equal(a, b) for a, b in zip(four, copies, strict=True))


def coloured(picture):
    """Where a picture is not grey."""
    return picture.max(axis=2) != picture.min(axis=2)


@LAYOUTS
@pytest.mark.parametrize("width", [64, 3000])
def test_what_differs_is_marked_where_it_differs(layout, width):
    before, heat = planes(layout, width, 48, 128), planes(layout, width, 48)
    after, heat_after = before.copy(), heat.copy()
    same = side_by_side(before, after, heat, heat_after, layout, CAPTIONS)
    after[10, 20] += 1
    heat_after[40, 60] ^= 0x10
    picture = side_by_side(before, after, heat, heat_after, layout, CAPTIONS)
    third = picture[:, -picture.shape[1] // 3 :]
    marked = coloured(third)
    half = len(third) // 2
    for part in (marked[:half], marked[half:]):
        assert 0 < np.count_nonzero(part) < part.size / 20
    assert not coloured(same[:, -same.shape[1] // 3 :]).any()


def test_captions_differ_where_their_texts_do():
    four = [planes("rgb24", 384, 64, 128)] * 4
    texts = ("1", "2", "e", "\u00e9", "?", "\u732b")
    pictures = [side_by_side(*four, "rgb24", replace(CAPTIONS, before=text)).tobytes() for text in texts]
    # No font for labels holds Chinese characters: they become question marks.
    assert pictures[4] == pictures[5]
    assert len(set(pictures)) == 5


def test_unlike_frames_make_no_picture():
    frame, small = planes("rgb24"), planes("rgb24", 32)
    with pytest.raises(FrameError, match="different shape"):
        side_by_side(frame, frame, frame, small, "rgb24", CAPTIONS)
