"""Headers and pages of the form sparse are read as written."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.framing import seal
from cssv.carriers.nibble.mark_record import Header
from cssv.carriers.nibble.room_page import (
    LABEL_SIZE,
    MOST_LABELS,
    PAGE_SIZE,
    RoomObject,
    read_labels,
    read_objects,
    read_plane,
    write_labels,
    write_lens,
    write_objects,
    write_plane,
)
from cssv.carriers.nibble.sparse_grid import BLOCK_SIZE
from cssv.carriers.nibble.sparse_header import SparseHeader, common_part, tile_of
from cssv.errors import FramingError
from cssv.scene.camera import plane_of
from cssv.scene.ground import Plane
from cssv.scene.lens import Lens
from cssv.scene.model import Camera
from cssv.template.drawing import Rings

HEADERS = st.builds(
    SparseHeader,
    frame=st.integers(0, 2**32 - 1),
    pts=st.integers(-(2**63), 2**63 - 1),
    objects=st.integers(0, 65535),
    rings=st.integers(0, 7).map(Rings),
    label_pages=st.integers(0, 255),
    rgb=st.booleans(),
    is_compact=st.booleans(),
    has_plane=st.booleans(),
    has_lens=st.booleans(),
    has_wide_tracks=st.booleans(),
    tile_x=st.integers(0, 255),
    tile_y=st.integers(0, 255),
    plain=st.booleans(),
)


@st.composite
def objects(pick, header):
    def side():
        first = pick(st.integers(0, 255))
        return first, pick(st.integers(first + 1, 256))

    (left, right), (top, bottom) = side(), side()
    most = 2**32 if header.has_wide_tracks else 2**16
    found = RoomObject(
        left, top, right, bottom,
        pick(st.integers(0, 63)), pick(st.integers(0, 127)), *(pick(st.integers(0, 15)) for _ in range(2)),
        pick(st.booleans()), pick(st.integers(0, 15)), pick(st.integers(0, most - 1)),
    )  # fmt: skip
    for ring, name in ((Rings.TEMPERATURE, "temperature"), (Rings.DENSITY, "density")):
        if header.rings & ring:
            known = {name: pick(st.integers(0, 63)), f"{name}_certainty": pick(st.integers(0, 15))}
            found = replace(found, **known)
    return found


@given(HEADERS)
def test_headers_are_read_as_written(header):
    block = header.write()
    assert len(block) == BLOCK_SIZE
    assert SparseHeader.is_valid(block)
    assert SparseHeader.read(block) == header
    assert tile_of(block) == (header.tile_x, header.tile_y)
    assert common_part(block) == common_part(replace(header, tile_x=0, tile_y=0).write())


@given(st.binary(min_size=28, max_size=28))
def test_other_records_are_no_headers(record):
    block = seal(record, BLOCK_SIZE)
    ours = record[:3] == b"\xc5\x5e\x02" and record[20] <= 7
    assert SparseHeader.is_valid(block) is ours
    if not ours:
        with pytest.raises(FramingError, match="not a frame header"):
            SparseHeader.read(block)


def test_headers_of_the_other_forms_are_others():
    assert not SparseHeader.is_valid(Header(1, 2).write())
    assert not Header.is_valid(SparseHeader(1, 2).write())
    with pytest.raises(FramingError, match="does not fit"):
        SparseHeader(2**32, 0).write()


@given(HEADERS)
def test_pages_take_turns_and_none_is_left_out(header):
    """Where they fit, each slot always has its page; else a few frames have all."""
    header = replace(header, objects=header.objects % 300, label_pages=header.label_pages % 16)
    room = len(header.grid.slots) - 3
    slots = range(3, header.used_slots)
    if header.pages <= room:
        assert [header.page_of(slot, 5, 9) for slot in slots] == list(range(header.pages))
        return
    assert len(slots) == room
    seen = set()
    for frame in range(-(-header.pages // room)):
        now = replace(header, frame=frame)
        seen |= {now.page_of(slot, 0, 0) for slot in slots}
    assert seen == set(range(header.pages))


@given(st.data(), HEADERS, st.integers(0, 12))
@settings(max_examples=60)
def test_objects_are_read_as_written(data, header, count):
    header = replace(header, objects=count)
    given_objects = [data.draw(objects(header)) for _ in range(count)]
    pages = write_objects(header, given_objects)
    assert len(pages) == header.object_pages
    assert all(len(page) == PAGE_SIZE for page in pages)
    assert [each for k, page in enumerate(pages) for each in read_objects(header, k, page)] == given_objects


@pytest.mark.parametrize(
    ("rings", "wide", "count"),
    [(Rings.VELOCITY, False, 3), (Rings.ALL, False, 2), (Rings.VELOCITY, True, 2), (Rings.ALL, True, 2)],
)
def test_a_page_holds_two_or_three_objects(rings, wide, count):
    assert SparseHeader(0, 0, rings=rings, has_wide_tracks=wide).objects_a_page == count


@given(HEADERS, st.binary(min_size=PAGE_SIZE, max_size=PAGE_SIZE))
def test_any_page_is_read_without_harm(header, page):
    header = replace(header, objects=3)
    for each in read_objects(header, 0, page):
        assert each is None or (each.left < each.right <= 256 and each.top < each.bottom <= 256)
    for index, label in read_labels(page):
        assert 0 < index <= MOST_LABELS
        assert label
    plane = read_plane(page, (320, 240), page)
    assert plane is None or np.isfinite(plane.matrix).all()


def test_an_object_that_does_not_fit_is_refused():
    header = SparseHeader(0, 0, 1)
    for change in ({"track": 1 << 16}, {"label": 16}, {"left": -1}, {"right": 257}):
        with pytest.raises(FramingError, match="does not fit"):
            write_objects(header, [replace(RoomObject(0, 0, 1, 1), **change)])


@given(st.lists(st.text(min_size=1, max_size=40), max_size=MOST_LABELS))
def test_labels_are_read_as_written_up_to_their_length(labels):
    # Text with lone surrogates has no UTF-8.
    labels = [label.encode(errors="replace").decode() for label in labels]
    found = dict(entry for page in write_labels(labels) for entry in read_labels(page))
    assert set(found) == set(range(1, len(labels) + 1))
    for index, label in enumerate(labels, 1):
        cut = label.encode()[:LABEL_SIZE].decode(errors="ignore")
        assert found[index] == cut


CAMERAS = [
    Camera(homography=((0.02, 0.001, -3.0), (0.0005, -0.05, 21.0), (0.00001, 0.0021, 1.0))),
]


@pytest.mark.parametrize("size", [(768, 576), (1920, 1080)])
def test_places_on_the_ground_keep_a_thousandth(size):
    plane = plane_of(CAMERAS[0], size)
    again = read_plane(write_plane(plane), size, None)
    feet = np.random.default_rng(1).uniform((0, size[1] / 2), size, (200, 2))
    before, after = plane.to_ground(feet), again.to_ground(feet)
    assert np.isfinite(before).all()
    assert np.abs(after - before).max() <= 1e-3 * (1 + np.abs(before).max())


def test_a_lens_comes_with_its_plane():
    lens = Lens((380.5, 270.25), (0.0051, 0.0053), 0.0125)
    plane = Plane(np.array([[0.02, 0, -3], [0, -0.05, 21], [0, 0.002, 1]]), (768, 576), lens)
    again = read_plane(write_plane(plane), (768, 576), write_lens(lens))
    feet = np.random.default_rng(1).uniform((0, 300), (768, 576), (50, 2))
    assert np.allclose(again.to_ground(feet), plane.to_ground(feet), rtol=1e-3, atol=1e-3)
    assert write_lens(Lens((1e9, 0), (1, 1), 0)) is None
    bad = struct.pack(">5f", 0, 0, 0, 1, float("nan")).ljust(PAGE_SIZE, b"\0")
    assert read_plane(write_plane(plane), (768, 576), bad) is None


def test_numbers_that_are_no_plane_are_none():
    for page in (bytes(PAGE_SIZE), b"\x7f\xc0\x00" * 9 + b"\0", b"\x3f\x80\x00" * 9 + b"\0"):
        assert read_plane(page, (320, 240), None) is None
