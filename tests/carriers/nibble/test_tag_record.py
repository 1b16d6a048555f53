"""Tags: an inverse pair up to the cut label."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.framing import seal
from cssv.carriers.nibble.tag_record import LABEL_SIZE, TAG_SIZE, is_tag, read_tag, write_tag
from cssv.errors import FramingError
from cssv.template.drawing import Outline, Rings, Selector
from cssv.testing.strategies import outlines

OUTLINES = outlines()
ONE = Outline(7, "person", 200, (10, 20, 30, 40), bytes(range(32)), 0, Selector.COMET, 9)


@given(OUTLINES)
def test_tags_are_read_as_written(outline):
    block = write_tag(outline)
    assert len(block) == TAG_SIZE
    assert is_tag(block)
    back = read_tag(block)
    assert replace(back, label="") == replace(outline, label="")
    assert outline.label.startswith(back.label)
    assert len(back.label.encode()) > LABEL_SIZE - 4 or back.label == outline.label
    assert write_tag(back) == block


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        ("pedestrian", "pedestri"),
        ("человек", "чело"),
        ("ab😀😀", "ab😀"),
        ("a\0\0", "a"),
        ("\udcff", "?"),
        ("", ""),
    ],
)
def test_labels_are_cut_at_characters(label, kept):
    assert read_tag(write_tag(replace(ONE, label=label))).label == kept


@given(OUTLINES, st.integers(0, TAG_SIZE * 8 - 1))
def test_every_flipped_bit_is_noticed(outline, bit):
    block = bytearray(write_tag(outline))
    block[bit // 8] ^= 1 << bit % 8
    assert not is_tag(bytes(block))
    with pytest.raises(FramingError):
        read_tag(bytes(block))


@pytest.mark.parametrize("length", [*range(TAG_SIZE), TAG_SIZE + 1])
def test_tags_have_one_size(length):
    block = write_tag(ONE).ljust(length, b"\0")[:length]
    assert not is_tag(block)
    with pytest.raises(FramingError):
        read_tag(block)


@given(st.binary(min_size=60, max_size=60))
def test_random_records_under_right_checksums_are_tags_or_refused(record):
    block = seal(b"\x7a\x60" + record[2:], TAG_SIZE)
    try:
        outline = read_tag(block)
    except FramingError:
        is_place_wrong = record[2] & 15 > 6 or not any(record[11:13]) or not any(record[13:15])
        assert record[2] >> 4 > 2 or is_place_wrong or record[57] >= 7
    else:
        assert outline.radii == record[17:49]


@pytest.mark.parametrize(
    "change",
    [
        {"track": 2**32},
        {"track": -1},
        {"score": 256},
        {"axis": -1},
        {"box": (40000, 0, 1, 1)},
        {"box": (0, 0, 70000, 1)},
    ],
)
def test_outlines_that_do_not_fit_are_refused(change):
    with pytest.raises(FramingError, match="does not fit"):
        write_tag(replace(ONE, **change))


@given(st.sampled_from(Selector), st.integers(0, 255))
def test_rings_that_are_left_out_are_told(selector, missing):
    """A tag tells every set of rings; an object without rings is a line."""
    block = bytearray(write_tag(replace(ONE, selector=selector)))
    block[57] = missing
    block = seal(bytes(block[:-4]), TAG_SIZE)
    if missing > 7 or (missing == 7 and selector is not Selector.EDGES):
        with pytest.raises(FramingError):
            read_tag(block)
        return
    outline = read_tag(block)
    assert outline.rings == Rings(7 - missing)
    assert write_tag(outline) == block


def test_a_tag_with_all_rings_is_that_of_version_1():
    """The byte of the rings is 0, as version 1 has it."""
    assert write_tag(ONE)[57] == 0
