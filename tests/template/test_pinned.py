"""Every machine draws the same bytes from the same states, and from the high nibbles of the cover alone.

``CSSV_REGENERATE_VECTORS=1`` writes the vectors anew; see tests/vectors/outlines_PROVENANCE.md for when.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import erfinv

from cssv.frames import Frame, planes_shape
from cssv.scene import Ranges, Source, Value
from cssv.template import aura, certainty, outline
from cssv.template.certainty import planar_byte, planar_certainty, planar_sigma, value_byte, value_certainty
from cssv.template.draw import SLOPES, draw, readings_of
from cssv.template.edges import edge_magnitude, edge_picture
from cssv.template.outline import explore, pack_radii, superellipse
from cssv.template.render import render
from cssv.template.state import ObjectState

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "outlines_v1.json"
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"
#: Checksums of the tables that functions of the C library make.
PINNED_FLOATS, PINNED_INTEGERS = 2979922808, 1213095812
SIZE = (320, 240)
RANGES = Ranges((0.0, 200.0), (-20.0, 60.0), (0.0, 2000.0))
BOXES = [
    (100, 50, 120, 140), (20, 20, 60, 100), (0, 0, 40, 40), (250, 100, 70, 140), (140, 90, 20, 60),
    (10, 150, 200, 80),    (0, 0, 320, 240), (160, 120, 1, 1), (90, 30, 7, 180), (200, 17, 100, 33),
]  # fmt: skip
BLIND = [(0, 0, 1, 1), (0, 0, 16384, 16384), (0, 0, 9000, 500), (0, 0, 20, 60), (0, 0, 511, 512)]


def picture(number):
    """Luma with edges, by arithmetic alone."""
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    texture = (x * x + 3 * y * number + x * y) % 29
    if number == 0:
        shape = (x - 160) ** 2 * 4 + (y - 120) ** 2 * 3 < 14000
    elif number == 1:
        shape = (abs(x - 60) * 2 + abs(y - 70) < 70) | (abs(x - 230) + abs(y - 150) * 2 < 90)
    else:
        shape = (x // 23 + y // 17) % 3 == 0
    return (70 + 90 * shape + texture + x // 8).astype(np.uint8)


def state(box, track=1):
    return ObjectState(
        track, "thing", 0.9, tuple(map(float, box)), (30.0, 40.0), (28.0, 38.0), (32.0, 42.0), 5.0,
        temperature_c=Value(36.6, 0.5), density_kg_m3=Value(985.0),
    )  # fmt: skip


def vector(number, box):
    if number is None:
        radii, shift = pack_radii(superellipse(*box[2:]))
        return {"picture": None, "box": box, "radii": radii.hex(), "shift": shift}
    luma = picture(number)
    drawing = draw(state(box), RANGES, luma, SIZE)
    radii, shift = drawing.outline.radii.hex(), drawing.outline.shift
    drawn = f"{zlib.crc32(render([drawing], luma, 'yuv420p')):08x}"
    return {"picture": number, "box": box, "radii": radii, "shift": shift, "drawn": drawn}


def test_outlines_are_those_of_the_vectors():
    cases = [(number, box) for number in range(3) for box in BOXES] + [(None, box) for box in BLIND]
    made = [vector(number, list(box)) for number, box in cases]
    if REGENERATE:
        VECTORS.write_text("[\n" + ",\n".join(map(json.dumps, made)) + "\n]\n", encoding="utf-8")
    assert json.loads(VECTORS.read_text(encoding="utf-8")) == made
    # The vectors hold found outlines, not only those of boxes.
    assert len({each["radii"] for each in made}) > 20


@settings(max_examples=30)
@given(st.integers(0, 2), st.integers(0, 2**32 - 1), st.tuples(*[st.sampled_from(BOXES)] * 2))
def test_low_nibbles_change_nothing(number, seed, boxes):
    """What embedding may change: neither outlines nor edges nor drawn bytes depend on it."""
    luma = picture(number)
    noise = np.random.default_rng(seed).integers(0, 16, luma.shape, dtype=np.uint8)
    states = [state(box, track) for track, box in enumerate(boxes)]
    drawn = []
    for seen in (luma, luma ^ noise, luma & 0xF0):
        drawings = [draw(each, RANGES, seen, SIZE) for each in states]
        template = render(drawings, seen, "yuv420p").tobytes()
        drawn.append((drawings, template, edge_magnitude(seen).tobytes(), edge_picture(seen).tobytes()))
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
def test_the_luma_of_masked_planes_is_the_masked_luma(layout):
    """A writer and a reader that mask the planes first draw the same, in both layouts."""
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 256, planes_shape(layout, *SIZE), dtype=np.uint8)
    other = planes ^ rng.integers(0, 16, planes.shape, dtype=np.uint8)
    drawn = []
    for each in (planes, other):
        luma = Frame(each & 0xF0, layout, 0, Fraction(1, 25)).luma()
        drawings = [draw(state(box), RANGES, luma, SIZE) for box in BOXES]
        drawn.append(render(drawings, luma, layout).tobytes())
    assert drawn[0] == drawn[1]


@given(st.integers(1, 16384), st.integers(1, 16384))
@example(16384, 16384)
def test_borders_are_exact(width, height):
    """The largest r whose cube fits, in fractions, and symmetric ends."""
    border, across, down = outline._border(width, height)
    for k in range(9):
        a, b = (Fraction(part, 1 << 40) * 2 for part in (outline._QUARTER[k], outline._QUARTER[8 - k]))
        sum_of_cubes = (a / width) ** 3 + (b / height) ** 3
        assert int(border[k]) ** 3 * sum_of_cubes <= (1 << 72) < (int(border[k]) + 1) ** 3 * sum_of_cubes
    assert np.array_equal(border, border[(16 - np.arange(32)) % 32])
    assert np.array_equal(border, border[-np.arange(32)])
    angles = 2 * math.pi * np.arange(32) / 32
    assert np.abs(border * np.cos(angles) - across).max() < 1 + 1e-6 * border.max()
    assert np.abs(border * np.sin(angles) - down).max() < 1 + 1e-6 * border.max()


def test_nothing_overflows_in_the_largest_box():
    edges = np.zeros((64, 64), np.int16)
    with np.errstate(all="raise"):
        radii = explore(edges, (-8000, -8000, 16384, 16384))
    assert np.array_equal(radii, superellipse(16384, 16384) // 900 * 828)
    assert radii.min() > 0


def test_tables_do_not_depend_on_the_last_bits_of_a_function():
    """No entry is so near to a tie that an error of a few units in the last place changes it."""
    turn = np.arange(256) * 2 * math.pi / 256
    odd = np.arange(32) * 2 + 1
    tables = [
        128 * np.cos(turn),
        2.0**14 * np.tan(odd * math.pi / 256),
        2.0**40 * np.tan(odd * math.pi / 256),
    ]
    for width in range(6, 13):
        distance = np.arange(width) - (width - 1) / 2
        tables.append(256 * np.exp(-(distance**2) / (2 * (width / 2) ** 2)))
    steps = (np.arange(1, 256) - 0.5) / 255
    # Rounded down: the ties are at whole numbers.
    tables += [2.0**32 * np.sqrt(-2 * np.log1p(-steps)) + 0.5, 2.0**32 * np.sqrt(2) * erfinv(steps) + 0.5]
    for table in tables:
        apart = np.abs(np.abs(table) % 1 - 0.5)
        assert (apart > 16 * np.spacing(np.abs(table))).all()
    assert zlib.crc32(repr([SLOPES, certainty.PLANAR_STEPS, certainty.VALUE_STEPS]).encode()) == PINNED_FLOATS
    whole = [
        aura.COSINE.tolist(),
        outline._SLOPES.tolist(),
        [aura.ring_gain(w).tolist() for w in range(6, 13)],
    ]
    assert zlib.crc32(repr(whole).encode()) == PINNED_INTEGERS


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
@example(-5.0, 0.0)
@example(-5.0, -0.0)
@example(0.0, 0.0)
@example(0.0, -5.0)
@example(-3.0, -3.0)
def test_headings_are_the_nearest_byte_angles(vx, vy):
    moving = replace(state((0, 0, 10, 10)), past_px_s=(vx, vy))
    found = readings_of(moving, RANGES).past_heading
    exact = math.atan2(vy, vx) * 128 / math.pi
    if math.hypot(vx, vy) > 1e-150:
        assert abs((found - exact + 128) % 256 - 128) <= 0.5 + 1e-9


@given(st.floats(0, 1), st.floats(0.1, 1000))
def test_bytes_of_certainties_are_the_nearest_ones(share, width):
    span = (0.0, width)
    for sigma in (planar_sigma(share, span), width * share, width * share / 8):
        assert abs(planar_byte(sigma, span) - planar_certainty(sigma, span) * 255) <= 0.5 + 1e-6
        value = Value(0.0, sigma)
        assert abs(value_byte(value, span) - value_certainty(value, span) * 255) <= 0.5 + 1e-6


@pytest.mark.parametrize("certainty_byte", range(1, 255))
def test_a_certainty_between_two_bytes_is_the_upper_one(certainty_byte):
    """The payload's certainty of 1/2 is 127.5; an error in the last place must not decide."""
    share, span = (certainty_byte + 0.5) / 255, (0.0, 200.0)
    for slip in (-3, -1, 0, 1, 3):
        sigma = planar_sigma(share, span)
        assert planar_byte(sigma + slip * math.ulp(sigma), span) == certainty_byte + 1
        sigma = certainty.value_sigma(share, span)
        assert value_byte(Value(0.0, sigma + slip * math.ulp(sigma)), span) == certainty_byte + 1


def test_certainties_without_a_deviation():
    span = (0.0, 1.0)
    assert value_byte(None, span) == value_byte(Value(0.0, 1.0, Source.UNKNOWN), span) == 0
    assert value_byte(Value(0.0), span) == value_byte(Value(0.0, 0.0), span) == 255
    assert value_byte(Value(0.0, None, Source.ESTIMATED), span) == 128
    assert planar_byte(math.inf, span) == planar_byte(math.nan, span) == 0
    assert planar_byte(0.0, span) == planar_byte(1e-320, span) == 255
