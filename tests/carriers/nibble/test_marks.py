"""Marks: found in every crop, never in noise, and true to the byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cssv.carriers.nibble.bits import BitPlane
from cssv.carriers.nibble.mark_record import Header
from cssv.carriers.nibble.marks import (
    CELL,
    MARK,
    cell_grid,
    find_origin,
    marked_pixels,
    read_marks,
    support_blocks,
    support_pixels,
    write_marks,
)
from cssv.frames import planes_shape, split_planes

SIZES = [(32, 32), (48, 32), (111, 33), (176, 144), (768, 576)]


def marked_luma(studio, size, seed=1, support=None):
    """Random luma with marks in its lowest bits, and the header."""
    width, height = size
    luma = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    header = Header(number := 77, 512 * number, objects=3, sparse=support is not None)
    before = luma.copy()
    write_marks(luma, header, studio.miniature(width, height).write(), support, bit=1)
    return luma, header, before


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_frame_tells_what_was_written(studio, size):
    luma, header, before = marked_luma(studio, size)
    marks = read_marks(luma)
    rows, columns = cell_grid(*size)
    assert marks.header == header
    assert marks.miniature == studio.miniature(*size)
    assert marks.origin == (0, 0)
    assert marks.intact == marks.whole == rows * columns
    assert marks.support is None
    changed = luma != before
    assert not changed[~marked_pixels(*size, False)].any()
    assert (luma >> 1 == before >> 1).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sparse", [False, True])
def test_marked_pixels_are_those_that_marks_touch(studio, size, sparse):
    width, height = size
    rows, columns = cell_grid(width, height)
    expected = np.zeros((height, width), bool)
    for row in range(rows):
        for column in range(columns):
            y, x = row * CELL, column * CELL
            expected[y : y + MARK, x : x + MARK] = True
            if not sparse:
                expected[y + 16 : y + 32, x + 16 : x + 32] = False
    assert np.array_equal(marked_pixels(width, height, sparse), expected)
    assert (rows - 1) * CELL + MARK <= height < rows * CELL + MARK


@given(
    size=st.tuples(st.integers(32, 300), st.integers(32, 300)),
    origin=st.tuples(st.integers(-90, 200), st.integers(-90, 200)),
    sparse=st.booleans(),
)
def test_marked_pixels_of_a_window_are_those_of_the_frame(size, origin, sparse):
    frame = (257, 200)
    padded = np.pad(marked_pixels(*frame, sparse), 600)
    y, x = origin[1] + 600, origin[0] + 600
    expected = padded[y : y + size[1], x : x + size[0]]
    assert np.array_equal(marked_pixels(*size, sparse, origin, frame), expected)


@pytest.fixture(scope="module")
def large(studio):
    return marked_luma(studio, (768, 576))


@given(data=st.data())
@settings(max_examples=60)
def test_any_crop_from_160_on_is_found(large, data):
    luma, header, _ = large
    height, width = luma.shape
    w, h = data.draw(st.integers(160, 320), "w"), data.draw(st.integers(160, 320), "h")
    x, y = data.draw(st.integers(0, width - w), "x"), data.draw(st.integers(0, height - h), "y")
    crop = luma[y : y + h, x : x + w]
    assert find_origin(crop) == (x, y)
    marks = read_marks(crop, (x, y))
    assert (marks.header, marks.origin) == (header, (x, y))
    assert marks.miniature is not None
    assert marks.intact == marks.whole >= 1


@given(x=st.integers(0, 768 - 111), y=st.integers(0, 576 - 111))
@example(x=1, y=1)
@example(x=81, y=161)
@settings(max_examples=60)
def test_111_pixels_are_enough(large, x, y):
    crop = large[0][y : y + 111, x : x + 111]
    assert find_origin(crop) == (x, y)
    assert read_marks(crop, (x, y)).miniature is not None


def test_110_pixels_are_not_always_enough(large):
    luma = large[0]
    assert read_marks(luma[1:111, 1:111], (1, 1)) is None
    assert read_marks(luma[1:112, 1:112], (1, 1)).miniature is not None


def test_a_pasted_frame_is_found_at_a_negative_origin(studio):
    luma, _, _ = marked_luma(studio, (176, 144))
    wall = np.random.default_rng(3).integers(0, 256, (300, 300), dtype=np.uint8)
    wall[51:195, 37:213] = luma
    assert find_origin(wall) == (-37, -51)
    assert read_marks(wall, (-37, -51)).intact == 4


def test_a_header_out_of_place_is_ignored(studio):
    luma, _, _ = marked_luma(studio, (176, 144))
    moved = np.roll(luma, CELL, axis=1)
    assert read_marks(moved[:, : CELL + MARK]) is None


def test_the_most_frequent_header_counts(studio):
    luma, header, _ = marked_luma(studio, (336, 144))
    other, _, _ = marked_luma(studio, (336, 144), seed=2)
    write_marks(other, replace(header, frame=78), studio.miniature(336, 144).write(), bit=1)
    luma[:, :80] = other[:, :80]
    marks = read_marks(luma)
    assert marks.header.frame == 77
    assert (marks.intact, marks.whole) == (6, 8)


def test_marks_come_through_partial_overwriting(studio):
    luma, header, _ = marked_luma(studio, (336, 240))
    rng = np.random.default_rng(6)
    luma[:100, :200] = rng.integers(0, 256, (100, 200))
    marks = read_marks(luma)
    assert marks.header == header
    assert marks.intact < marks.whole


@given(st.integers(0, 31), st.integers(0, 31))
@settings(max_examples=100)
def test_one_flipped_bit_is_noticed(studio, x, y):
    luma, _, _ = marked_luma(studio, (32, 32))
    luma[y, x] ^= 1
    marks = read_marks(luma)
    if x < 16 and y < 16:
        assert marks is None
    else:
        support = x >= 16 and y >= 16
        assert (marks.miniature is None) is not support


def test_noise_never_carries():
    """300 MiB of random bits: 2.5 million places each of which would need 56 right bits."""
    rng = np.random.default_rng(0)
    for _ in range(6):
        luma = rng.integers(0, 256, (576, 768), dtype=np.uint8)
        assert find_origin(luma) is None
        assert read_marks(luma) is None


@pytest.mark.parametrize("value", [0, 1, 255, 0xC5, 0x5B])
def test_flat_pictures_never_carry(value):
    luma = np.full((200, 200), value, np.uint8)
    assert find_origin(luma) is None
    assert read_marks(luma) is None


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("size", [(32, 32), (176, 144), (208, 150)])
def test_support_blocks_cover_the_template_and_nothing_else(layout, size):
    rng = np.random.default_rng(7)
    template = np.zeros(planes_shape(layout, *size), np.uint8)
    template.reshape(-1)[rng.integers(0, template.size, 5)] = 0x10
    blocks = support_blocks(template, layout)
    mask = support_pixels(blocks, template, layout)
    assert not template[~mask].any()
    for row, column in np.argwhere(blocks):
        window = [
            plane[row * side : (row + 1) * side, column * side : (column + 1) * side]
            for plane in split_planes(template, layout)
            for side in [16 * plane.shape[0] // size[1]]
        ]
        assert any(part.any() for part in window)


@given(seed=st.integers(0, 2**16), x=st.integers(0, 300), y=st.integers(0, 200), density=st.floats(0, 1))
@settings(max_examples=40)
def test_the_support_of_any_crop_is_known(studio, seed, x, y, density):
    size = (464, 368)
    truth = np.random.default_rng(seed).random((23, 29)) < density
    luma, _, _ = marked_luma(studio, size, support=truth)
    crop = luma[y : y + 160, x : x + 160]
    marks = read_marks(crop, (x, y))
    known = np.pad(marks.support, ((0, 40), (0, 40)))
    for row in range(y // 16, min((y + 159) // 16 + 1, 23)):
        for column in range(x // 16, min((x + 159) // 16 + 1, 29)):
            assert known[row, column] == truth[row, column]


@given(st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 16), st.data())
def test_blocks_of_the_bit_plane_are_the_pixels(left, top, rows, data):
    rng = np.random.default_rng(abs(left * 31 + top))
    luma = rng.integers(0, 256, (70, 90), dtype=np.uint8)
    bits = BitPlane.from_luma(luma, (left, top))
    x = 8 * data.draw(st.integers(-5, 15))
    y = data.draw(st.integers(-30, 90))
    block = bits.block(x, y, rows)
    column, row = x - left, y - top
    inside = column >= 0 and column + 16 <= 88 and row >= 0 and row + rows <= 70
    if block:
        expected = np.packbits(luma[row : row + rows, column : column + 16] & 1, axis=1).tobytes()
        # A byte that the picture's border cuts is padded with zeros; no checksum comes of that.
        assert block == expected if inside else column + 16 > 88
    else:
        assert not inside or row < bits.top - top
