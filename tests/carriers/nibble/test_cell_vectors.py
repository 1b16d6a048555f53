"""Golden vectors of cells, tags and the mosaic; their writer against a reader written from SPEC2.md alone.

``CSSV_REGENERATE_VECTORS=1`` writes the vectors anew; see tests/vectors/cells_PROVENANCE.md for when.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import astuple, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cssv.carriers.nibble.cell_regions import ring_costs
from cssv.carriers.nibble.cell_tag_record import TagRecord, write_record
from cssv.carriers.nibble.cell_tags import TagSpace, draw_tags, find_tags, place_tags, tag_cells
from cssv.carriers.nibble.cells import MODULUS, embed_levels, read_levels
from cssv.carriers.nibble.clip_tag import ClipFacts, read_clip_tags, write_clip_tags
from cssv.carriers.nibble.mosaic import draw_mosaic, read_mosaic
from cssv.carriers.nibble.object_tag import quantise_outline, read_object_tag, write_object_tag
from cssv.template.drawing import Drawing, Outline, Readings, Rings, Selector
from cssv.template.outline import pack_radii, superellipse
from cssv.testing import cell_reader

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "cells_v2.json"
SPEC = (ROOT / "cssv/carriers/nibble/SPEC2.md").read_text(encoding="utf-8")
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"
#: No multiple of a cell.
SIZE = (230, 166)
FACTS = ClipFacts(
    frame=(5 << 20) + 77,
    pts=-123456789,
    size=SIZE,
    objects=4,
    rings=Rings.ALL,
    label_count=3,
    time_base=Fraction(1001, 30000),
    speed_px_s=(0.0, 150.0),
    temperature_c=(-20.5, 60.0),
    density_kg_m3=(0.0, 2000.0),
    labels={1: "person", 2: "caf\u00e9", 3: "cart"},
)


def crc(values: NDArray[Any]) -> str:
    return f"{zlib.crc32(np.ascontiguousarray(values).tobytes()):08x}"


def cover() -> NDArray[np.uint8]:
    """Arithmetic alone, without the random numbers of a library. Both ends of the range occur."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    made = (x * 5 // 4 + y // 2 + (x * y + 7 * x) % 23) % 290 - 15
    return np.clip(made, 0, 255).astype(np.uint8)


def drawings() -> list[Drawing]:
    """Objects with all kinds of drawings, one of them partly outside and one partly hidden."""
    given = [
        ((60, 40, 44, 60), Selector.RINGS, Rings.ALL, 20, Readings(10, 20, 30, 40, 250, 60, 70, 80, 90)),
        ((90, 70, 30, 34), Selector.RINGS, Rings.VELOCITY, 100, Readings(255, 129, 1, 130, 128)),
        (
            (196, 20, 50, 40),
            Selector.COMET,
            Rings.ALL ^ Rings.TEMPERATURE,
            200,
            Readings(9, 8, 7, 6, 5, 4, 3, 2, 1),
        ),
        ((150, 104, 22, 28), Selector.EDGES, Rings(0), 0, Readings()),
        (
            (24, 120, 9, 12),
            Selector.RINGS,
            Rings.TEMPERATURE,
            0,
            Readings(temperature=77, temperature_certainty=99),
        ),
    ]
    made = []
    for track, (box, selector, rings, axis, shown) in enumerate(given, 3_000_000):
        radii, shift = pack_radii(superellipse(*box[2:]) * (90 + np.arange(32) % 16) // 100)
        outline = Outline(track, "", 50 * (track % 6), box, radii, shift, selector, axis, rings)
        made.append(Drawing(quantise_outline(outline), shown))
    return made


@cache
def stego() -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """A picture with five objects and two parts of the clip, and figures of its making."""
    shown = drawings()
    outlines = [each.outline for each in shown]
    space = TagSpace(SIZE, ring_costs(outlines, SIZE))
    places = [place for place in place_tags(outlines, space) if place is not None]
    clip = [(place, tag) for tag in write_clip_tags(FACTS) if (place := space.take(None)) is not None]
    taken = tag_cells(space.places, SIZE)
    mosaic = draw_mosaic(shown, SIZE, taken)
    levels, where = mosaic.levels.copy(), mosaic.where.copy()
    tags = [
        (place, write_object_tag(outline, place, FACTS.frame or 0, i, check))
        for i, (outline, place, check) in enumerate(zip(outlines, places, mosaic.crcs, strict=True), 1)
    ]
    draw_tags(levels, where, tags + clip)
    picture = embed_levels(cover(), levels, where)
    figures = {
        "modulus": MODULUS,
        "cover": crc(cover()),
        "places": [list(place) for place in space.places],
        "tags": [tag.hex() for _, tag in tags + clip],
        "radii": [each.radii.hex() for each in outlines],
        "owner": crc(mosaic.owner.astype("<i4")),
        "where": crc(mosaic.where),
        "levels": crc(levels),
        "crcs": list(mosaic.crcs),
        "stego": crc(picture),
    }
    return picture, figures


def test_golden_vectors() -> None:
    _, figures = stego()
    record = write_record(TagRecord(2, 0xABCDE, (1 << 137) // 3))
    found = {"record": record.hex(), "clip": [tag.hex() for tag in write_clip_tags(FACTS)], **figures}
    if REGENERATE:
        VECTORS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    assert found == json.loads(VECTORS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("origin", [(0, 0), (3, 2), (14, 6)])
def test_the_second_reader_agrees(origin: tuple[int, int]) -> None:
    picture = stego()[0][origin[1] :, origin[0] :]
    phase, objects, clip = cell_reader.read(picture)
    assert phase == (-origin[0] % 4, -origin[1] % 4)
    levels = read_levels(picture, phase)
    assert cell_reader.read_levels(picture, phase) == {
        (c, r): tuple(levels[r, c].tolist()) for r, c in np.ndindex(*levels.shape[:2])
    }
    blocks = find_tags(levels, phase)
    taken = np.zeros(levels.shape[:2], np.bool_)
    for (x, y), _ in blocks:
        taken[(y - phase[1]) // 4 :, (x - phase[0]) // 4 :][:8, :8] = True
    tags = [read_object_tag(block, place) for place, block in blocks if is_object(block)]
    readings = read_mosaic(levels, [tag.outline for tag in tags], taken, phase)
    assert len(objects) == len(tags) >= 4
    for mine, tag, reading in zip(objects, tags, readings, strict=True):
        outline = tag.outline
        assert (mine.track, mine.box, mine.radii, mine.shift) == (
            outline.track, outline.box, outline.radii, outline.shift,
        )  # fmt: skip
        assert (mine.kind, mine.axis, mine.rings) == (outline.selector, outline.axis, outline.rings)
        assert 17 * mine.score == outline.score
        assert (mine.frame, mine.label, mine.crc) == (tag.frame, tag.label_index, tag.drawing_crc)
        assert mine.found_crc == reading.crc
        assert mine.readings == (None if reading.readings is None else astuple(reading.readings))
    facts = read_clip_tags(block for _, block in blocks)
    assert (facts.frame, facts.pts, facts.size) == (clip.get("frame"), clip.get("pts"), clip.get("size"))
    assert facts.speed_px_s == clip.get("speed")
    assert facts.temperature_c == clip.get("temperature")
    assert facts.labels == clip.get("labels", {})


def is_object(block: bytes) -> bool:
    return read_clip_tags([block]) == ClipFacts()


def test_the_second_reader_reads_what_was_written() -> None:
    _, objects, clip = cell_reader.read(stego()[0])
    found = {mine.track: mine for mine in objects}
    for drawing in drawings():
        mine = found[drawing.outline.track]
        assert mine.found_crc == mine.crc
        assert (mine.box, mine.radii) == (drawing.outline.box, drawing.outline.radii)
    assert found[3_000_001].readings == (255, 129, 1, 130, 128, 0, 0, 0, 0)
    assert found[3_000_004].readings == (0, 0, 0, 0, 0, 77, 99, 0, 0)
    assert clip["frame"] == FACTS.frame
    assert clip["pts"] == FACTS.pts


def test_every_part_of_the_clip_is_read_by_the_second_reader() -> None:
    clip: dict[str, Any] = {}
    for tag in write_clip_tags(FACTS):
        bits = np.unpackbits(np.frombuffer(tag, np.uint8)).reshape(8, 8, 3).tolist()
        levels = {(c, r): tuple(bits[r][c]) for r in range(8) for c in range(8)}
        ((_, frame, body),) = cell_reader.find_tags(levels).values()
        part = cell_reader.read_part(frame, body)
        clip = {**clip, **part, "labels": {**clip.get("labels", {}), **part.get("labels", {})}}
    found = read_clip_tags(write_clip_tags(FACTS))
    assert found == FACTS
    assert clip["labels"] == FACTS.labels
    assert Fraction(*clip["time_base"]) == FACTS.time_base
    assert (clip["speed"], clip["temperature"]) == (FACTS.speed_px_s, FACTS.temperature_c)
    assert (clip["density"], clip["size"]) == (FACTS.density_kg_m3, FACTS.size)
    assert (clip["objects"], clip["rings"], clip["label_count"]) == (4, 7, 3)


def test_the_page_states_the_constants() -> None:
    assert f"With the modulus M = {MODULUS}," in SPEC
    assert cell_reader.MODULUS == MODULUS
    assert cell_reader.PATTERN.hex() in SPEC


def test_pictures_of_the_vectors_read_back() -> None:
    picture, _ = stego()
    shown = drawings()
    blocks = find_tags(read_levels(picture))
    outlines = {}
    for place, block in blocks:
        if is_object(block):
            tag = read_object_tag(block, place)
            outlines[tag.outline.track] = tag.outline
    assert outlines == {each.outline.track: replace(each.outline, label="") for each in shown}
