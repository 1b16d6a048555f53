"""Tags: all found, none over a mark or another, none from hostile bytes."""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.framing import seal
from cssv.carriers.nibble.bits import BitPlane, block_pixels, set_bits
from cssv.carriers.nibble.marks import marked_pixels
from cssv.carriers.nibble.tag_record import TAG_SIZE
from cssv.carriers.nibble.tags import TAG_HEIGHT, place_tags, read_tags, write_tags
from cssv.template.read import read

SIZES = [(32, 32), (48, 32), (32, 64), (176, 144), (320, 240), (337, 211)]


def outlines_for(studio, seed, size, count):
    rng = np.random.default_rng(seed)
    return [studio.drawing(rng, *size, track).outline for track in range(count)]


@given(st.integers(0, 2**16), st.sampled_from(SIZES), st.integers(0, 40))
@settings(max_examples=60)
def test_tags_are_free_of_marks_and_of_each_other(studio, seed, size, count):
    outlines = outlines_for(studio, seed, size, count)
    taken = marked_pixels(*size, True).astype(int)
    for place in place_tags(outlines, *size):
        if place is None:
            continue
        x, y = place
        assert x % 8 == y % 8 == 0
        assert 0 <= x <= size[0] - 16
        assert 0 <= y <= size[1] - TAG_HEIGHT
        taken[y : y + TAG_HEIGHT, x : x + 16] += 1
    assert taken.max() <= 1


@given(st.integers(0, 2**16), st.sampled_from(SIZES[3:]), st.integers(0, 12))
@settings(max_examples=60)
def test_every_tag_is_found(studio, seed, size, count):
    outlines = outlines_for(studio, seed, size, count)
    luma = np.random.default_rng(seed).integers(0, 256, size[::-1], dtype=np.uint8)
    before = luma.copy()
    places = write_tags(luma, outlines, bit=1)
    found, at = read_tags(BitPlane.from_luma(luma))
    assert len(found) == count
    assert sorted(found, key=lambda o: o.track) == outlines
    assert sorted(at) == sorted(places)
    assert (luma >> 1 == before >> 1).all()


def test_a_tag_lies_at_its_object(studio):
    outline = studio.drawing(np.random.default_rng(1), 320, 240, 0, box=(120, 120, 40, 60)).outline
    (place,) = place_tags([outline], 320, 240)
    # Centre (140, 150); the mark of cell (1, 1) ends at 112, that of (2, 1) begins at 160: it is free.
    assert place == (128, 136)


def test_a_tag_gives_way_to_a_mark(studio):
    outline = studio.drawing(np.random.default_rng(1), 320, 240, 0, box=(76, 66, 40, 60)).outline
    # Centre (96, 96), in the middle of the mark of cell (1, 1), which is left to the side.
    assert place_tags([outline], 320, 240) == [(64, 80)]


def test_a_full_frame_leaves_the_last_without(studio):
    outlines = outlines_for(studio, 5, (48, 64), 6)
    places = place_tags(outlines, 48, 64)
    assert places.count(None) == 6 - sum(place is not None for place in places) > 0
    luma = np.zeros((64, 48), np.uint8)
    assert len(write_tags(luma, outlines, bit=1)) == len(read_tags(BitPlane.from_luma(luma))[0])


def test_a_frame_of_one_mark_has_no_room(studio):
    assert place_tags(outlines_for(studio, 1, (32, 32), 2), 32, 32) == [None, None]


def test_noise_holds_no_tags():
    rng = np.random.default_rng(8)
    for _ in range(6):
        bits = BitPlane.from_luma(rng.integers(0, 256, (576, 768), dtype=np.uint8))
        assert read_tags(bits) == ([], [])


def hostile_tag(drawing, box, radii, magic=0x7A60):
    record = struct.pack(">HBIhhHHBB32s8s", magic, drawing, 7, *box, 200, 9, radii, b"\xff\xfe\x00abc")
    return seal(record, TAG_SIZE)


def put(luma, places_and_tags):
    for (x, y), tag in places_and_tags:
        pixels = block_pixels(np.frombuffer(tag, np.uint8).reshape(TAG_HEIGHT, 2))
        set_bits(luma[y : y + TAG_HEIGHT, x : x + 16], pixels, 1)


@pytest.mark.parametrize("drawing", [0x07, 0x0F, 0x17, 0x2F, 0x30, 0xF0])
def test_a_right_checksum_does_not_make_a_wrong_tag_right(drawing):
    luma = np.zeros((64, 64), np.uint8)
    put(luma, [((0, 0), hostile_tag(drawing, (0, 0, 10, 10), bytes(32)))])
    assert read_tags(BitPlane.from_luma(luma)) == ([], [])


def test_an_empty_box_is_no_tag():
    luma = np.zeros((64, 64), np.uint8)
    put(luma, [((0, 0), hostile_tag(0, (0, 0, 0, 10), bytes(32)))])
    put(luma, [((16, 0), hostile_tag(0, (0, 0, 10, 0), bytes(32)))])
    assert read_tags(BitPlane.from_luma(luma)) == ([], [])


BOXES = st.tuples(
    st.integers(-32768, 32767), st.integers(-32768, 32767), st.integers(1, 65535), st.integers(1, 65535)
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 6, 0x10, 0x16, 0x20, 0x26]), BOXES, st.binary(min_size=32, max_size=32)
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["yuv420p", "rgb24"]),
)
@settings(max_examples=60)
def test_any_claim_under_a_right_checksum_is_survived(claims, layout):
    luma = np.zeros((64, 96), np.uint8)
    put(luma, [((16 * i, 0), hostile_tag(*claim)) for i, claim in enumerate(claims)])
    outlines, _ = read_tags(BitPlane.from_luma(luma))
    assert len(outlines) == len(claims)
    template = np.zeros((96, 96) if layout == "yuv420p" else (64, 96, 3), np.uint8)
    sights = read(template, layout, outlines, np.zeros((64, 96), bool))
    assert all(0 <= sight.visible <= 1 for sight in sights)


@pytest.mark.parametrize(
    ("drawing", "box", "radii"),
    [
        (0x06, (-32768, -32768, 65535, 65535), b"\xff" * 32),
        (0x16, (-32768, -32768, 65535, 65535), b"\xff\x00" * 16),
        (0x26, (0, 0, 320, 240), b"\xff" * 32),
        (0x06, (16000, 120, 1, 1), b"\xff" * 32),
        (0x00, (32767, 32767, 65535, 65535), bytes(32)),
    ],
)
def test_memory_is_bounded_by_the_frame(drawing, box, radii):
    width, height = 320, 240
    luma = np.zeros((height, width), np.uint8)
    places = [(x, y) for y in range(0, height - 31, 32) for x in range(0, width, 16)]
    put(luma, [(place, hostile_tag(drawing, box, radii)) for place in places[:40]])
    outlines, _ = read_tags(BitPlane.from_luma(luma))
    assert len(outlines) == 40
    template = np.zeros((height * 3 // 2, width), np.uint8)
    marked = np.zeros((height, width), bool)
    tracemalloc.start()
    read(template, "yuv420p", outlines, marked)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 * width * height
