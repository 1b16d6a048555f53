"""Places of the blocks of marks: what a crop holds, and what is left for tags."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.nibble.sparse_grid import (
    COMPACT,
    LEAST_CROP,
    LEAST_WIDE,
    SIDE,
    WIDE,
    grid_of,
    marked_pixels,
)

GRIDS = st.sampled_from([WIDE, COMPACT])


def blocks_of(grid, slot, width, height):
    rows, columns = grid.shape(slot, width, height)
    x, y = grid.slots[slot]
    return [(x + grid.tile * c, y + grid.tile * r) for r in range(rows) for c in range(columns)]


def test_blocks_do_not_overlap():
    for grid in (WIDE, COMPACT):
        covered = np.zeros((2 * grid.tile,) * 2, int)
        for slot in range(len(grid.slots)):
            for x, y in blocks_of(grid, slot, *covered.shape):
                covered[y : y + SIDE, x : x + SIDE] += 1
        assert covered.max() == 1
        # All are used: 1 of 9 pixels a lattice in the wide grid.
        assert covered.mean() == pytest.approx({WIDE: 3 / 9, COMPACT: 0.16}[grid])


def test_every_crop_of_160_pixels_holds_every_slot_of_a_wide_grid():
    assert LEAST_CROP <= 160
    for slot, (x, y) in enumerate(WIDE.slots):
        for first in (x, y):
            starts = np.arange(first, 2000, WIDE.tile)
            for origin in range(2000 - 160):
                assert np.any((starts >= origin) & (starts + SIDE <= origin + LEAST_CROP)), slot


def test_the_smallest_frame_of_a_wide_grid_has_every_slot_of_the_first_lattice():
    assert grid_of(LEAST_WIDE, LEAST_WIDE) is WIDE
    assert grid_of(LEAST_WIDE - 1, 500) is grid_of(500, LEAST_WIDE - 1) is COMPACT
    assert all(WIDE.shape(slot, LEAST_WIDE, LEAST_WIDE) == (1, 1) for slot in range(9))
    assert all(COMPACT.shape(slot, 32, 32) == (1, 1) for slot in range(4))


def test_a_tag_has_a_place_beside_all_blocks():
    taken = marked_pixels(WIDE, len(WIDE.slots), (480, 480), step=8)
    assert any(not taken[row : row + 4, column : column + 2].any() for row in range(6) for column in range(6))


@given(
    grid=GRIDS,
    used=st.integers(1, 27),
    size=st.tuples(st.integers(32, 300), st.integers(32, 300)),
    cut=st.tuples(st.integers(0, 60), st.integers(0, 60)),
)
@settings(max_examples=60)
def test_marked_pixels_are_those_of_the_blocks(grid, used, size, cut):
    used = min(used, len(grid.slots))
    width, height = size
    expected = np.zeros((height, width), bool)
    plane = np.zeros((height, width), np.uint8)
    for slot in range(used):
        grid.blocks(plane, slot)[...] = 1
        for x, y in blocks_of(grid, slot, width, height):
            expected[y : y + SIDE, x : x + SIDE] = True
    assert np.array_equal(plane != 0, expected)
    assert np.array_equal(marked_pixels(grid, used, size), expected)
    assert np.array_equal(marked_pixels(grid, used, size, step=8), expected[::8, ::8])
    # A crop has the blocks of the frame, also those that it cuts.
    left, top = min(cut[0], width - 32), min(cut[1], height - 32)
    part = marked_pixels(grid, used, (width - left, height - top), (left, top), size)
    assert np.array_equal(part, expected[top:, left:])


@given(
    grid=GRIDS,
    slot=st.integers(0, 26),
    size=st.tuples(st.integers(32, 400), st.integers(32, 400)),
    origin=st.tuples(st.integers(-100, 400), st.integers(-100, 400)),
    frame=st.none() | st.tuples(st.integers(32, 400), st.integers(32, 400)),
)
def test_tiles_of_a_picture_are_those_whose_block_is_whole(grid, slot, size, origin, frame):
    slot %= len(grid.slots)
    x, y = grid.slots[slot]
    ends = frame or (10_000, 10_000)
    expected = {
        (column, row)
        for column in range(12)
        for row in range(12)
        if origin[0] <= grid.tile * column + x
        and grid.tile * column + x + SIDE <= min(origin[0] + size[0], ends[0])
        and origin[1] <= grid.tile * row + y
        and grid.tile * row + y + SIDE <= min(origin[1] + size[1], ends[1])
    }
    assert set(grid.tiles_in(slot, origin, size, frame)) == expected
