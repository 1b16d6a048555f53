"""Tags in cells: found at every place and phase, never where there are none, placed where it costs little."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cssv.carriers.nibble.cell_tag_record import TagRecord, write_record
from cssv.carriers.nibble.cell_tags import (
    SIDE,
    TagSpace,
    draw_tags,
    find_tags,
    levels_to_tag,
    place_tags,
    tag_cells,
    tag_levels,
)
from cssv.carriers.nibble.cells import CELL, LEVELS, cell_grid, embed_levels, read_levels
from cssv.carriers.nibble.object_tag import TAG_SIDE, Place
from cssv.template.drawing import Outline, Selector

U8 = NDArray[np.uint8]
records = st.builds(TagRecord, st.integers(0, 3), st.integers(0, 2**20 - 1), st.integers(0, 2**137 - 1))


def _random_levels(rows: int, columns: int, seed: int) -> U8:
    return np.random.default_rng(seed).integers(0, 2, (rows, columns, LEVELS), dtype=np.uint8)


def _outline(x: int, y: int, w: int, h: int) -> Outline:
    return Outline(1, "", 255, (x, y, w, h), bytes([min(w, h) // 2] * 32), 0, Selector.RINGS, 0)


@given(st.binary(min_size=24, max_size=24))
def test_levels_and_bytes_of_a_tag(block: bytes) -> None:
    assert levels_to_tag(tag_levels(block)) == block


@given(records, records, st.integers(0, 22), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_tags_are_found_among_other_levels(
    first: TagRecord, second: TagRecord, column: int, row: int, seed: int
) -> None:
    levels = _random_levels(20, 30 + SIDE, seed)
    tags = [
        ((column * CELL, row * CELL), write_record(first)),
        (((column + SIDE) * CELL, row * CELL), write_record(second)),
    ]
    where = np.zeros(levels.shape[:2], np.bool_)
    draw_tags(levels, where, tags)
    assert find_tags(levels) == tags
    np.testing.assert_array_equal(where, tag_cells([place for place, _ in tags], (152, 80)))


@given(records, st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_a_tag_is_found_in_pixels_of_every_phase(record: TagRecord, left: int, top: int, seed: int) -> None:
    luma = np.random.default_rng(seed).integers(0, 256, (64, 80), dtype=np.uint8)
    levels, where = read_levels(luma), np.zeros(cell_grid(80, 64), np.bool_)
    tag = ((24, 16), write_record(record))
    draw_tags(levels, where, [tag])
    piece = embed_levels(luma, levels, where)[top:, left:]
    phase = (-left % CELL, -top % CELL)
    assert find_tags(read_levels(piece, phase), phase) == [((24 - left, 16 - top), tag[1])]
    for other in np.ndindex(CELL, CELL):
        assert other == phase or not find_tags(read_levels(piece, other), other)


def test_random_levels_give_no_tag() -> None:
    for seed in range(4):
        # About a million places in all.
        assert not find_tags(_random_levels(512, 512, seed))


def test_equal_levels_give_no_tag() -> None:
    for symbol in range(8):
        levels = np.array([symbol >> 2, symbol >> 1 & 1, symbol & 1], np.uint8)
        assert not find_tags(np.tile(levels, (40, 40, 1)))


@pytest.mark.parametrize("shape", [(7, 30), (30, 7), (0, 0)])
def test_a_picture_smaller_than_a_tag_has_none(shape: tuple[int, int]) -> None:
    assert find_tags(np.zeros((*shape, LEVELS), np.uint8)) == []


@given(
    st.lists(st.tuples(st.integers(0, 150), st.integers(0, 130), st.integers(1, 60), st.integers(1, 60))),
    st.integers(0, 2**32 - 1),
)
def test_places_lie_inside_on_the_grid_and_do_not_overlap(
    boxes: list[tuple[int, int, int, int]], seed: int
) -> None:
    size = (166, 137)
    rings = np.random.default_rng(seed).random(cell_grid(*size)) < 0.2
    space = TagSpace(size, rings)
    places = place_tags([_outline(*box) for box in boxes], space)
    given_out: list[Place] = [place for place in places if place is not None]
    assert sorted(given_out) == sorted(space.places)
    covered = np.zeros((size[1], size[0]), int)
    for x, y in given_out:
        assert x % 16 == 0 == y % 16
        assert 0 <= x <= size[0] - TAG_SIDE
        assert 0 <= y <= size[1] - TAG_SIDE
        covered[y : y + TAG_SIDE, x : x + TAG_SIDE] += 1
    assert covered.max(initial=0) <= 1
    if len(given_out) < len(boxes):
        assert space.take(None) is None


def test_a_tag_covers_the_inside_of_a_large_object_and_not_its_rings() -> None:
    rings = np.zeros(cell_grid(320, 320), np.bool_)
    rings[20:60, 20:60] = True
    rings[26:54, 26:54] = False
    space = TagSpace((320, 320), rings)
    (place,) = place_tags([_outline(100, 100, 120, 120)], space)
    assert place is not None
    assert not (tag_cells([place], (320, 320)) & rings).any()
    assert 104 <= place[0] <= 200
    assert 104 <= place[1] <= 200


def test_a_tag_lies_beside_a_small_object_on_macroblocks_of_its_rings() -> None:
    rings = np.zeros(cell_grid(320, 320), np.bool_)
    rings[33:47, 33:47] = True
    space = TagSpace((320, 320), rings)
    (place,) = place_tags([_outline(156, 156, 8, 8)], space)
    assert place is not None
    assert (tag_cells([place], (320, 320)) & rings).sum() <= 14
    assert max(abs(place[0] + 16 - 160), abs(place[1] + 16 - 160)) <= 48


def test_the_nearest_object_gets_the_last_place() -> None:
    space = TagSpace((48, 48), np.zeros((12, 12), np.bool_))
    places = place_tags([_outline(4, 4, 8, 8), _outline(4, 30, 8, 8)], space)
    assert places[0] is None
    assert places[1] is not None


def test_a_frame_without_room_for_an_object_has_room_for_the_clip() -> None:
    size = (4096, 64)
    space = TagSpace(size, np.zeros(cell_grid(*size), np.bool_))
    near = [space.take((20, 32)) for _ in range(60)]
    assert None in near
    assert all(place is None or place[0] + 16 - 20 < 1024 for place in near)
    assert space.take(None) is not None
