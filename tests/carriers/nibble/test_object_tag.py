"""Tags of objects in cells: what is written is read, whatever the outline, at every place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.nibble.cell_tag_record import CLIP_KIND, TagRecord, read_record, write_record
from cssv.carriers.nibble.object_tag import (
    LARGEST_OFFSET,
    TAG_SIDE,
    ObjectTag,
    quantise_outline,
    read_object_tag,
    write_object_tag,
)
from cssv.errors import FramingError
from cssv.template.drawing import Outline, Rings, Selector
from cssv.template.outline import pack_radii, superellipse
from cssv.testing.strategies import outlines

boxes = st.tuples(st.integers(0, 16000), st.integers(0, 16000), st.integers(1, 16384), st.integers(1, 16384))
#: Outlines that a frame can have.
drawn = outlines(box=boxes, rings=st.sampled_from([Rings(bits) for bits in range(1, 8)])) | outlines(
    box=boxes, rings=st.just(Rings(0)), selector=st.just(Selector.EDGES)
)
offsets = st.tuples(*[st.integers(-LARGEST_OFFSET, LARGEST_OFFSET - 1)] * 2)


def _place(outline: Outline, offset: tuple[int, int]) -> tuple[int, int]:
    cx, cy = outline.centre
    return cx - TAG_SIDE // 2 - offset[0], cy - TAG_SIDE // 2 - offset[1]


@given(drawn, offsets, st.integers(0, 2**32 - 1), st.integers(0, 15), st.integers(0, 2**16 - 1))
def test_a_tag_gives_the_quantised_outline(
    outline: Outline, offset: tuple[int, int], frame: int, label: int, crc: int
) -> None:
    quantised, place = quantise_outline(outline), _place(outline, offset)
    assert quantised.label == outline.label
    tag = read_object_tag(write_object_tag(outline, place, frame, label, crc), place)
    assert tag == ObjectTag(replace(quantised, label=""), frame % 2**20, label, crc)


@given(drawn, offsets, offsets)
def test_a_piece_of_the_frame_moves_the_outline(
    outline: Outline, offset: tuple[int, int], origin: tuple[int, int]
) -> None:
    (x, y), quantised = _place(outline, offset), quantise_outline(outline)
    tag = read_object_tag(write_object_tag(outline, (x, y), 0), (x - origin[0], y - origin[1]))
    left, top, w, h = quantised.box
    assert tag.outline.box == (left - origin[0], top - origin[1], w, h)
    assert tag.outline.radii == quantised.radii


@given(outlines(box=st.tuples(*[st.integers(-2000, 2000)] * 2, *[st.integers(1, 1024)] * 2)))
def test_boxes_of_ordinary_frames_are_exact(outline: Outline) -> None:
    quantised = quantise_outline(outline)
    assert quantised.box == outline.box
    assert quantised.axis == outline.axis
    assert abs(quantised.score - outline.score) <= 8


@given(outlines(box=boxes, selector=st.just(Selector.RINGS)))
def test_a_large_box_keeps_its_centre_and_does_not_grow(outline: Outline) -> None:
    quantised = quantise_outline(outline)
    assert quantised.centre == outline.centre
    for side, before in zip(quantised.box[2:], outline.box[2:], strict=True):
        assert side <= max(before, 16)
        assert before - side < max(1, max(outline.box[2:]) / 512)


@given(st.integers(4, 300), st.integers(4, 300), st.integers(40, 130))
def test_an_outline_that_a_tag_has_held_stays(width: int, height: int, percent: int) -> None:
    radii, shift = pack_radii(superellipse(width, height) * percent // 100)
    once = quantise_outline(Outline(1, "", 255, (50, 50, width, height), radii, shift, Selector.RINGS, 0))
    assert quantise_outline(once) == once


@pytest.mark.parametrize("offset", [(LARGEST_OFFSET, 0), (0, -LARGEST_OFFSET - 1)])
def test_a_tag_too_far_from_its_object_is_refused(offset: tuple[int, int]) -> None:
    outline = Outline(1, "", 255, (5000, 5000, 40, 40), bytes([20] * 32), 0, Selector.RINGS, 0)
    with pytest.raises(FramingError, match="does not fit"):
        write_object_tag(outline, _place(outline, offset), 0)


@pytest.mark.parametrize(("label", "crc"), [(16, 0), (-1, 0), (0, 1 << 16)])
def test_fields_out_of_range_are_refused(label: int, crc: int) -> None:
    outline = Outline(1, "", 255, (50, 50, 40, 40), bytes([20] * 32), 0, Selector.RINGS, 0)
    with pytest.raises(FramingError, match="does not fit"):
        write_object_tag(outline, (50, 50), 0, label, crc)


@given(st.integers(0, 2), st.integers(0, 2**20 - 1), st.integers(0, 2**137 - 1))
def test_any_body_gives_an_outline_or_an_error(kind: int, frame: int, body: int) -> None:
    block = write_record(TagRecord(kind, frame, body))
    assert read_record(block) == TagRecord(kind, frame, body)
    try:
        tag = read_object_tag(block, (100, 100))
    except FramingError:
        return
    assert tag.frame == frame
    assert quantise_outline(tag.outline).box == tag.outline.box


@given(st.binary(min_size=24, max_size=24) | st.binary(max_size=30), st.integers(0, 191))
def test_other_bytes_are_no_tag(block: bytes, bit: int) -> None:
    assert read_record(block) is None
    with pytest.raises(FramingError, match="not an object's tag"):
        read_object_tag(block, (0, 0))
    good = write_record(TagRecord(0, 7, 12345))
    flipped = int.from_bytes(good, "big") ^ 1 << bit
    assert read_record(flipped.to_bytes(24, "big")) is None


def test_a_tag_of_the_clip_is_not_one_of_an_object() -> None:
    with pytest.raises(FramingError, match="not an object's tag"):
        read_object_tag(write_record(TagRecord(CLIP_KIND, 0, 0)), (0, 0))
