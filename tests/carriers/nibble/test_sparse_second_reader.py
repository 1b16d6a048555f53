"""The package's reader of the form sparse against a second one written from SPEC2.md alone, and vectors.

``CSSV_REGENERATE_VECTORS=1`` writes the vectors anew; see tests/vectors/sparse_PROVENANCE.md for when.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import astuple, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cssv.carriers.base import FrameContent
from cssv.carriers.nibble.bits import BitPlane
from cssv.carriers.nibble.sparse import SparseCarrier
from cssv.carriers.nibble.sparse_tags import read_sparse_tags
from cssv.frames import Frame, cut_planes, planes_shape, split_planes
from cssv.scene import Environment, Ranges, Scene, Source, Value
from cssv.scene.model import Camera
from cssv.template.drawing import Rings, Selector
from cssv.template.read import read
from cssv.template.state import ObjectState
from cssv.testing import sparse_reader

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "sparse_v2.json"
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"
RANGES = Ranges((0.0, 200.0), (-20.0, 60.0), (0.0, 2000.0))
SCENE = Scene(
    camera=Camera(homography=((0.02, 0.001, -3.0), (0.0005, -0.05, 21.0), (0.00001, 0.0021, 1.0))),
    environment=Environment(ambient_temperature_c=Value(17.5), wind_m_s=Value(3.0)),
)


def smooth_cover(layout, width, height):
    """A cover that is arithmetic alone, so that no library's random numbers are in the vectors."""
    planes = np.zeros(planes_shape(layout, width, height), np.uint8)
    for k, plane in enumerate(split_planes(planes, layout)):
        y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
        plane[...] = (90 + 40 * k + x // 3 + y // 2 + ((x // 24 + y // 16) % 2) * 50 + (x * y % 5)) & 255
    return Frame(planes, layout, -5678, Fraction(1, 25), 1234)


def objects(width, height, count):
    """Objects of each drawing, two of which overlap, and one that the border cuts."""
    rows = [
        (1, "person", (20, 40, 30, 60), Selector.RINGS, (8.0, 9.0)),
        (2, "car", (90, 60, 70, 40), Selector.COMET, (-160.0, 40.0)),
        (3, "dog", (70, 90, 24, 24), Selector.RINGS, (30.0, -80.0)),
        (4, "", (width - 30, 10, 30, 40), Selector.EDGES, (0.0, 0.0)),
        (65535, "велосипед и прицеп", (150, height - 30, 40, 30), Selector.RINGS, (-60.0, -60.0)),
    ]
    rows += [
        (10 + k, "person", (7 * k % (width - 20), 11 * k % (height - 20), 8, 9), None, (5.0 * k, 3.0))
        for k in range(count - len(rows))
    ]
    return tuple(
        ObjectState(
            track, label, 0.25 * (k % 5), tuple(map(float, box)), velocity, velocity, velocity, 4.0 + k,
            temperature_c=Value(3.0 * k - 10, 2.0, Source.MEASURED),
            density_kg_m3=Value(150.0 * k, 90.0) if k % 3 else None, selector=selector,
        )
        for k, (track, label, box, selector, velocity) in enumerate(rows[:count])
    )  # fmt: skip


#: Layout, size, rings, number of objects, whether the ground is known.
CASES = [
    ("yuv420p", (240, 176), 7, 5, True),
    ("rgb24", (240, 176), 1, 5, True),
    ("yuv420p", (208, 144), 3, 3, False),
    ("rgb24", (160, 112), 6, 0, False),
    ("yuv420p", (192, 160), 5, 60, True),
    ("yuv420p", (96, 64), 7, 4, True),
    ("rgb24", (110, 32), 2, 1, False),
]


def shoot(layout, size, rings, count, has_ground):
    cover = smooth_cover(layout, *size)
    scene = SCENE if has_ground else replace(SCENE, camera=Camera())
    shown = objects(*size, count) if min(size) > 100 else objects(*size, 5)[:count]
    content = FrameContent(cover.number, cover.pts, cover.time_base, shown, RANGES, scene, rings=Rings(rings))
    return SparseCarrier().embed(cover, content)


def crc(array):
    return f"{zlib.crc32(np.ascontiguousarray(array)):08x}"


def vector(case):
    made = shoot(*case)
    extracted = SparseCarrier().extract(made.stego)
    found = extracted.found
    readings = read(extracted.heat, case[0], found.outlines, found.taken)
    return {
        "layout": case[0],
        "size": list(case[1]),
        "rings": case[2],
        "objects": case[3],
        "cover": crc(smooth_cover(case[0], *case[1]).planes),
        "stego": crc(made.stego.planes),
        "heat": crc(extracted.heat),
        "clean": crc(extracted.clean_heat),
        "pages": found.marks.header.pages,
        "room": [list(map(int, astuple(each))) for each in found.marks.room.objects.values()],
        "tags": [list(outline.box) for outline in found.outlines],
        "readings": [None if r.readings is None else list(astuple(r.readings)) for r in readings],
    }


@pytest.fixture(scope="module")
def golden():
    if REGENERATE:
        lines = ",\n".join(json.dumps(vector(case)) for case in CASES)
        VECTORS.write_text(f"[\n{lines}\n]\n")
    return json.loads(VECTORS.read_text())


def test_vectors_are_not_being_regenerated():
    assert not REGENERATE, "run the tests again without CSSV_REGENERATE_VECTORS"


@pytest.mark.parametrize("case", CASES)
def test_bytes_are_the_golden_ones(golden, case):
    assert vector(case) == golden[CASES.index(case)]


def near(byte, number, turn=False):
    """Whether a byte is a float rounded, one off at most where the float lies between two."""
    if turn:
        return abs((byte - number + 128) % 256 - 128) <= 0.51
    return abs(byte - min(max(number, 0), 255)) <= 0.51


def assert_same_rings(reading, other, tag):
    starved = any(ring.weight < 6 or ring.chroma_weight < 1 for ring in other.rings)
    assert starved == (reading.readings is None)
    if starved:
        return
    r = reading.readings
    for place, ring in enumerate(tag.rings):
        if ring == 0:
            ahead, behind = other.ahead, other.behind
            ahead = ahead if ahead.weight >= 6 and ahead.chroma_weight >= 1 else behind
            behind = behind if behind.weight >= 6 and behind.chroma_weight >= 1 else ahead
            assert near(r.future_speed, ahead.value)
            assert near(r.past_speed, behind.value)
            assert near(r.future_heading, ahead.hue, turn=True) or ahead.certainty < 1
        else:
            value, certainty = (
                (r.temperature, r.temperature_certainty) if ring == 1 else (r.density, r.density_certainty)
            )
            assert near(value, other.rings[place].value)
            assert near(certainty, other.rings[place].certainty)


def assert_same(planes, layout):
    extracted = SparseCarrier().extract(Frame(planes, layout, 0, Fraction(1, 25)))
    theirs = sparse_reader.read(planes, layout)
    assert extracted is not None
    assert theirs is not None
    found, marks = extracted.found, extracted.found.marks
    head = theirs.header
    assert (marks.origin, marks.header.frame, marks.header.pts) == (theirs.origin, head["frame"], head["pts"])
    assert (marks.header.objects, marks.header.rings) == (head["objects"], head["rings"])
    assert marks.intact == marks.whole == theirs.blocks
    small = marks.miniature
    assert theirs.miniature["size"] == (small.width, small.height)
    assert theirs.miniature["ranges"] == [small.speed_px_s, small.temperature_c, small.density_kg_m3]
    assert theirs.miniature["air"][2] == pytest.approx(17.5)
    room = marks.room
    assert room.labels == theirs.labels
    assert set(room.objects) == set(theirs.objects)
    for place, each in room.objects.items():
        other = theirs.objects[place]
        names = ("left", "top", "right", "bottom", "speed", "heading", "motion", "score", "label", "track")
        assert [getattr(each, name) for name in names] == [other[name] for name in names]
        for name in ("temperature", "temperature_certainty", "density", "density_certainty"):
            assert getattr(each, name) == other.get(name, 0)
    assert (room.plane is None) == (theirs.ground is None)
    if room.plane is not None:
        spot = sparse_reader.to_ground(theirs.ground, (small.width, small.height), 30.0, 60.0)
        assert np.allclose(room.plane.to_ground(np.array([30.0, 60.0])), spot)
    x, y = marks.origin
    for ours, tag in zip(found.outlines, theirs.tags, strict=True):
        assert (ours.box[0] + x, ours.box[1] + y, *ours.box[2:]) == tag.box
        assert (ours.track, ours.axis, tuple(ours.radii)) == (tag.track, tag.axis, tuple(tag.radii))
        assert [ring for ring in range(3) if ours.rings >> ring & 1] == list(tag.rings)
    for ours, other in zip(split_planes(extracted.heat, layout), theirs.template, strict=True):
        assert np.array_equal(ours, other)
    readings = read(extracted.heat, layout, found.outlines, found.taken)
    for reading, other, tag in zip(readings, theirs.shown, theirs.tags, strict=True):
        assert reading.visible == pytest.approx(other.visible, abs=1e-9)
        if reading.outline.selector is not Selector.EDGES:
            assert_same_rings(reading, other, tag)
    return found, theirs


@pytest.mark.parametrize("case", CASES)
def test_both_readers_read_the_golden_frames(golden, case):
    planes = shoot(*case).stego.planes
    assert crc(planes) == golden[CASES.index(case)]["stego"]
    found, theirs = assert_same(planes, case[0])
    assert not found.damaged
    assert theirs.checks == [tag.check for tag in theirs.tags]
    tags = read_sparse_tags(BitPlane.from_luma(split_planes(planes, case[0])[0]))
    assert [tag.check for tag in tags] == theirs.checks


@pytest.mark.parametrize("at", [(0, 0), (66, 16), (80, 14)])
def test_both_readers_read_crops(at):
    stego = shoot(*CASES[0]).stego
    planes = cut_planes(stego.planes, stego.layout, (*at, 160, 160))
    assert_same(planes, stego.layout)


def test_both_readers_find_damaged_drawings():
    stego = shoot(*CASES[0]).stego
    planes = stego.planes.copy()
    split_planes(planes, stego.layout)[1][20:50, 5:30] ^= 2
    found, theirs = assert_same(planes, stego.layout)
    wrong = {k for k, tag in enumerate(theirs.tags) if tag.check != theirs.checks[k]}
    assert found.damaged == wrong
    assert wrong


def test_the_second_reader_finds_nothing_in_a_plain_picture():
    assert sparse_reader.read(smooth_cover("yuv420p", 160, 112).planes, "yuv420p") is None
