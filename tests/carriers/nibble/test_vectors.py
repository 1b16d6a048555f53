"""Golden vectors: every machine draws, embeds and reads the same bytes.

``CSSV_REGENERATE_VECTORS=1`` writes them anew; see tests/vectors/pixels_PROVENANCE.md for when.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import astuple
from pathlib import Path

import cv2
import numpy as np
import pytest

from cssv.carriers.nibble.planes import PlanesEmbedder, extract_planes
from cssv.frames import planes_shape, split_planes
from cssv.template.drawing import Drawing, Outline, Readings, Selector
from cssv.template.footprint import footprint
from cssv.template.read import read
from cssv.template.render import render

FOLDER = Path(__file__).resolve().parents[2] / "vectors"
VECTORS, STEGO, HEAT = (FOLDER / f"pixels_v1{end}" for end in (".json", "_stego.png", "_heat.png"))
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"


def crc(array):
    return f"{zlib.crc32(np.ascontiguousarray(array)):08x}"


def smooth_cover(layout, width, height):
    """A cover that is arithmetic alone, so that no library's random numbers are in the vectors."""
    shape = planes_shape(layout, width, height)
    planes = np.zeros(shape, np.uint8)
    for k, plane in enumerate(split_planes(planes, layout)):
        y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
        plane[...] = (90 + 40 * k + x // 3 + y // 2 + ((x // 24 + y // 16) % 2) * 50 + (x * y % 5)) & 255
    return planes


def objects(width, height):
    """One object of each drawing, two of which overlap, and one that the border cuts."""
    rows = [
        (1, "person", (20, 40, 30, 60), Selector.RINGS, 0, [10 + k % 5 for k in range(32)], 8),
        (2, "car", (90, 60, 70, 40), Selector.COMET, 0, [30 - k % 7 for k in range(32)], 200),
        (3, "dog", (70, 90, 24, 24), Selector.RINGS, 1, [5 + k % 3 for k in range(32)], 100),
        (4, "", (width - 30, 10, 30, 40), Selector.EDGES, 0, [16] * 32, 0),
        (4_000_000_000, "велосипед", (150, height - 30, 40, 30), Selector.RINGS, 0, [18] * 32, 64),
    ]
    drawings = []
    for i, (track, label, box, selector, shift, radii, axis) in enumerate(rows):
        outline = Outline(track, label, 100 + 30 * i, box, bytes(radii), shift, selector, axis)
        drawings.append(Drawing(outline, Readings(*((37 * i + 29 * k + 60) % 256 for k in range(9)))))
    return drawings


CASES = [
    (layout, size, fidelity, merge)
    for layout in ("yuv420p", "rgb24")
    for size in ((240, 176), (208, 144))
    for fidelity, merge in (("full", "opap"), ("sparse", "opap"), ("full", "plain"))
]


def shoot(studio, layout, size, fidelity, merge):
    cover, drawings = smooth_cover(layout, *size), objects(*size)
    luma = split_planes(cover, layout)[0 if layout == "yuv420p" else 1]
    template = render(drawings, luma, layout)
    carrier = PlanesEmbedder(layout, studio.miniature(*size).write(), merge, fidelity)
    outlines = [drawing.outline for drawing in drawings]
    return cover, template, drawings, carrier.embed(cover, template, outlines, number=1234, pts=-5678)


def vector(studio, layout, size, fidelity, merge):
    cover, template, drawings, stego = shoot(studio, layout, size, fidelity, merge)
    found = extract_planes(stego, layout)
    sights = read(found.heat, layout, found.outlines, found.marked)
    places = [footprint(drawing.outline, *size) for drawing in drawings]
    return {
        "layout": layout,
        "size": list(size),
        "fidelity": fidelity,
        "merge": merge,
        "cover": crc(cover),
        "footprints": [[p.left, p.top, crc(p.index.astype("<i2"))] for p in places],
        "template": [crc(plane) for plane in split_planes(template, layout)],
        "stego": crc(stego),
        "heat": crc(found.heat),
        "tags": [list(o.box) for o in found.outlines],
        "readings": [None if s.readings is None else list(astuple(s.readings)) for s in sights],
    }


def picture(template):
    """An RGB template as a picture for the eyes: neutral moved to 128."""
    luma, cb, cr = split_planes(template, "rgb24")
    return cv2.cvtColor(np.dstack([luma | luma >> 4, cr ^ 0x80, cb ^ 0x80]), cv2.COLOR_YCrCb2BGR)


@pytest.fixture(scope="module")
def golden(studio):
    if REGENERATE:
        vectors = [vector(studio, *case) for case in CASES]
        lines = ",\n".join(json.dumps(row) for row in vectors)
        VECTORS.write_text(f"[\n{lines}\n]\n")
        _, template, _, stego = shoot(studio, "rgb24", (240, 176), "full", "opap")
        cv2.imwrite(str(STEGO), stego[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
        cv2.imwrite(str(HEAT), picture(template), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return json.loads(VECTORS.read_text())


def test_vectors_are_not_being_regenerated():
    assert not REGENERATE, "run the tests again without CSSV_REGENERATE_VECTORS"


@pytest.mark.parametrize("case", CASES)
def test_bytes_are_the_golden_ones(golden, studio, case):
    assert vector(studio, *case) == golden[CASES.index(case)]


@pytest.mark.parametrize("case", CASES)
def test_the_second_reader_reads_the_golden_frames(studio, second_reader, golden, case):
    stego = shoot(studio, *case)[3]
    row = golden[CASES.index(case)]
    assert crc(stego) == row["stego"]
    theirs = second_reader.read(stego, case[0])
    assert (theirs.frame, theirs.pts, theirs.objects, theirs.origin) == (1234, -5678, 5, (0, 0))
    assert [list(tag.box) for tag in theirs.tags] == row["tags"]
    for shown, readings in zip(theirs.shown, row["readings"], strict=True):
        if not shown.rings or readings is None:
            continue
        assert readings[5] == pytest.approx(min(max(shown.rings[1].value, 0), 255), abs=0.51)
        assert readings[7] == pytest.approx(min(max(shown.rings[2].value, 0), 255), abs=0.51)
        assert readings[6] == pytest.approx(min(shown.rings[1].certainty, 255), abs=0.51)
        assert readings[8] == pytest.approx(min(shown.rings[2].certainty, 255), abs=0.51)


def test_the_golden_png_carries(golden, studio, second_reader):
    stego = np.ascontiguousarray(cv2.imread(str(STEGO))[..., ::-1])
    row = golden[CASES.index(("rgb24", (240, 176), "full", "opap"))]
    assert crc(stego) == row["stego"]
    found = extract_planes(stego, "rgb24")
    assert found.marks.miniature == studio.miniature(240, 176)
    assert second_reader.read(stego, "rgb24").miniature["size"] == (240, 176)


def test_the_golden_heat_is_what_the_eyes_see(studio):
    template = shoot(studio, "rgb24", (240, 176), "full", "opap")[1]
    # Colour conversions may differ by a level from one OpenCV to the next.
    assert np.abs(cv2.imread(str(HEAT)).astype(int) - picture(template)).max() <= 2
