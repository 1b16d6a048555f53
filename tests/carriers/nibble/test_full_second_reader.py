"""The form ``full`` against a second reader, and pinned by vectors."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cssv.carriers.base import FrameContent, Hint
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.carriers.nibble.full import FullCarrier
from cssv.carriers.nibble.full_trial import GRAINS
from cssv.frames import LAYOUTS, Frame, cut_planes, planes_shape, split_planes
from cssv.scene import Ranges, Scene, Source, Value
from cssv.template.drawing import Rings, Selector
from cssv.template.read import read
from cssv.template.render import interior
from cssv.template.state import ObjectState
from cssv.testing import full_reader

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "full_v2.json"
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"
RANGES = Ranges((0.0, 200.0), (-20.0, 60.0), (0.0, 2000.0))
SIZE, FRAMES = (240, 208), 3
CASES = [
    (layout, grain, rings)
    for layout in LAYOUTS
    for grain in GRAINS
    for rings in (Rings.ALL, Rings.VELOCITY, Rings.VELOCITY | Rings.DENSITY)
]


def cover_of(layout, number):
    """A picture of a still camera by formulas alone, with noise of a few levels."""
    planes = np.zeros(planes_shape(layout, *SIZE), np.uint8)
    for k, plane in enumerate(split_planes(planes, layout)):
        y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
        noise = (x * 7 + y * 13 + number * 29 + x * y) % 7
        plane[...] = 60 + 30 * k + x // 3 + y // 4 + (x // 24 + y // 16) % 2 * 50 + noise
    return Frame(planes, layout, 512 * number, Fraction(1, 12800), number)


def objects_of(number):
    """One object of each drawing, two of which overlap, and one that the border cuts."""
    rows = [
        ("person", (40.0, 60.0, 30.0, 40.0), Selector.RINGS, 36.0),
        ("car", (100.0, 70.0, 50.0, 34.0), Selector.COMET, 12.0),
        ("dog", (120.0, 90.0, 24.0, 24.0), Selector.RINGS, -5.0),
        ("", (200.0, 120.0, 30.0, 40.0), Selector.EDGES, 0.0),
        ("boat", (220.0, 10.0, 30.0, 30.0), Selector.RINGS, 50.0),
    ]
    for track, (label, (x, y, w, h), selector, warmth) in enumerate(rows):
        yield ObjectState(
            track, label, 0.75, (x + 2 * number, y, w, h), (50.0, 10.0), (48.0, 9.0), (52.0, 11.0), 3.0,
            temperature_c=Value(warmth, 1.0, Source.MEASURED),
            density_kg_m3=Value(900.0 + 90 * track, 40.0, Source.MEASURED), selector=selector,
        )  # fmt: skip


def embed(layout, grain, rings):
    covers = [cover_of(layout, number) for number in range(FRAMES)]
    contents = [
        FrameContent(
            each.number,
            each.pts,
            each.time_base,
            tuple(objects_of(each.number)),
            RANGES,
            Scene(),
            rings=rings,
        )
        for each in covers
    ]
    return [each.stego for each in FullCarrier(9, grain).embed_window(covers, contents, 0)]


def extract(stego):
    ((_, found),) = FullCarrier().extractor().feed(stego, Hint())
    return found


def near(byte, number):
    return abs(byte - min(max(number, 0), 255)) <= 0.51


def assert_same(stego):
    """Both readers find the same."""
    ours, theirs = extract(stego), full_reader.read(stego.planes, stego.layout)
    found, head = ours.found, theirs.header
    assert (ours.number, ours.pts, ours.origin) == (head["frame"], head["pts"], theirs.origin)
    assert (found.marks.header.objects, found.marks.header.empty_bits) == (head["objects"], head["empty"])
    assert found.marks.intact == theirs.marks
    assert theirs.miniature["size"] == (found.marks.miniature.width, found.marks.miniature.height)
    assert set(found.marks.checks) >= theirs.sound
    x, y = theirs.origin
    for outline, tag in zip(found.outlines, theirs.tags, strict=True):
        left, top, *size = outline.box
        assert (left + x, top + y, *size) == tag.box
        assert (outline.track, outline.axis, list(outline.radii)) == (tag.track, tag.axis, tag.radii)
        assert outline.rings == sum(1 << ring for ring in tag.rings)
    height, width = found.marked.shape
    planes = list(split_planes(ours.clean_heat.copy(), stego.layout))
    planes[0][interior(found.outlines, width, height)] = 0
    assert all(np.array_equal(one, other) for one, other in zip(planes, theirs.template, strict=True))
    readings = read(found.heat, stego.layout, found.outlines, found.marked)
    for reading, shown in zip(readings, theirs.shown, strict=True):
        assert reading.visible == pytest.approx(shown.visible, abs=1e-9)
        for place, ring in enumerate(shown.rings):
            kind = shown.tag.rings[place]
            if kind and reading.readings is not None:
                name = ("", "temperature", "density")[kind]
                assert near(getattr(reading.readings, name), ring.value)
                assert near(getattr(reading.readings, f"{name}_certainty"), ring.certainty)


@pytest.mark.parametrize(("layout", "grain", "rings"), CASES[::2])
def test_a_second_reader_finds_the_same(layout, grain, rings):
    stegos = embed(layout, grain, rings)
    assert_same(stegos[-1])
    # Every byte of a whole frame says what the page allows. In a crop, rings can have lost their tags.
    assert full_reader.read(stegos[-1].planes, layout).misfits == 0
    crop = cut_planes(stegos[0].planes, layout, (10, 20, 200, 170))
    assert_same(replace(stegos[0], planes=crop))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_second_reader_ignores_other_pictures(layout):
    cover = cover_of(layout, 0)
    own = FrameContent(0, 0, cover.time_base, tuple(objects_of(0)), RANGES, Scene())
    assert full_reader.read(cover.planes, layout) is None
    assert full_reader.read(NibbleCarrier().embed(cover, own).stego.planes, layout) is None


def sums(layout, grain, rings):
    """CRC-32 of the bytes of each stego frame, and of its template."""
    found = []
    for stego in embed(layout, grain, rings):
        arrays = stego.planes, extract(stego).clean_heat
        found.append([f"{zlib.crc32(np.ascontiguousarray(each)):08x}" for each in arrays])
    return found


@pytest.mark.skipif(not REGENERATE, reason="CSSV_REGENERATE_VECTORS=1 writes the vectors anew")
def test_write_the_vectors():
    table = {f"{layout} {grain} {int(rings)}": sums(layout, grain, rings) for layout, grain, rings in CASES}
    VECTORS.write_text(json.dumps(table, indent=1) + "\n")


@pytest.mark.parametrize(("layout", "grain", "rings"), CASES)
def test_every_machine_writes_the_same_bytes(layout, grain, rings):
    wanted = json.loads(VECTORS.read_text())[f"{layout} {grain} {int(rings)}"]
    assert sums(layout, grain, rings) == wanted
