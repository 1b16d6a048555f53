"""Mosaic: bytes of rings come back from their cells, also of small, hidden and cut-off objects."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cssv.carriers.nibble.cell_regions import REGIONS, cell_regions, ring_costs
from cssv.carriers.nibble.cell_tags import TagSpace, place_tags, tag_cells
from cssv.carriers.nibble.cells import CELL, LEVELS, cell_grid
from cssv.carriers.nibble.mosaic import CellReading, draw_mosaic, read_mosaic
from cssv.carriers.nibble.object_tag import quantise_outline
from cssv.template.drawing import Drawing, Outline, Readings, Rings, Selector
from cssv.template.footprint import footprint
from cssv.template.outline import pack_radii, superellipse

SIZE = (320, 240)
RING_SETS = [Rings(bits) for bits in range(1, 8)]
readings = st.builds(Readings, *[st.integers(0, 255)] * 9)


def _taken(size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    return np.zeros(cell_grid(*size), np.bool_)


def _outline(
    box: tuple[int, int, int, int],
    rings: Rings = Rings.ALL,
    selector: Selector = Selector.RINGS,
    axis: int = 0,
    track: int = 1,
) -> Outline:
    radii, shift = pack_radii(superellipse(*box[2:]))
    return quantise_outline(Outline(track, "", 255, box, radii, shift, selector, axis, rings))


def _kept(shown: Readings, rings: Rings) -> Readings:
    """The readings of which a drawing has rings."""
    if not rings & Rings.VELOCITY:
        shown = replace(shown, past_speed=0, past_heading=0, future_speed=0, future_heading=0, motion=0)
    if not rings & Rings.TEMPERATURE:
        shown = replace(shown, temperature=0, temperature_certainty=0)
    if not rings & Rings.DENSITY:
        shown = replace(shown, density=0, density_certainty=0)
    return shown


@st.composite
def drawings(draw: st.DrawFn, least: int = 24, most: int = 90, margin: int = 0) -> Drawing:
    """Drawings whose box lies ``margin`` pixels inside a frame of SIZE."""
    w, h = draw(st.integers(least, most)), draw(st.integers(least, most))
    x, y = (draw(st.integers(margin, side - margin - part)) for side, part in zip(SIZE, (w, h), strict=True))
    selector = draw(st.sampled_from([Selector.RINGS, Selector.COMET]))
    rings = draw(st.sampled_from(RING_SETS))
    outline = _outline((x, y, w, h), rings, selector, draw(st.integers(0, 255)), draw(st.integers(0, 99)))
    return Drawing(outline, draw(readings))


@given(drawings(24, 70, 85))
def test_bytes_of_one_object_come_back_exactly(drawing: Drawing) -> None:
    mosaic = draw_mosaic([drawing], SIZE, _taken())
    (found,) = read_mosaic(mosaic.levels, [drawing.outline], _taken())
    assert found == CellReading(
        drawing.outline, _kept(drawing.readings, drawing.outline.rings), 1.0, mosaic.crcs[0]
    )


@given(st.lists(drawings(8, 90), min_size=2, max_size=5, unique_by=lambda each: each.outline.track))
def test_cells_belong_to_the_nearest_object_of_their_pixel(shown: list[Drawing]) -> None:
    space = TagSpace(SIZE, ring_costs([each.outline for each in shown], SIZE))
    places = place_tags([each.outline for each in shown], space)
    taken = tag_cells([place for place in places if place is not None], SIZE)
    mosaic = draw_mosaic(shown, SIZE, taken)
    owner = np.full((SIZE[1], SIZE[0]), -1)
    on_ring = np.zeros(owner.shape, np.bool_)
    for i in sorted(range(len(shown)), key=lambda i: shown[i].depth):
        place = footprint(shown[i].outline, *SIZE)
        assert place is not None
        owner[place.window][place.index >= 0] = i
        on_ring[place.window][place.index >= 0] = (place.index % place.span > 0)[place.index >= 0]
    owner[np.kron(taken, np.ones((CELL, CELL), np.bool_))] = -1
    middle = slice(2, None, CELL)
    np.testing.assert_array_equal(mosaic.owner, owner[middle, middle])
    np.testing.assert_array_equal(mosaic.where, on_ring[middle, middle] & (mosaic.owner >= 0))
    found = read_mosaic(mosaic.levels, [each.outline for each in shown], taken)
    assert tuple(each.crc for each in found) == mosaic.crcs


@given(st.lists(drawings(8, 90), max_size=4), st.integers(0, 2**32 - 1))
def test_levels_outside_of_rings_do_not_count(shown: list[Drawing], seed: int) -> None:
    outlines = [each.outline for each in shown]
    mosaic = draw_mosaic(shown, SIZE, _taken())
    other = np.random.default_rng(seed).integers(0, 2, mosaic.levels.shape, dtype=np.uint8)
    other[mosaic.where] = mosaic.levels[mosaic.where]
    assert read_mosaic(other, outlines, _taken()) == read_mosaic(mosaic.levels, outlines, _taken())
    assert not mosaic.levels[~mosaic.where].any()


@given(drawings(24, 70, 85), st.integers(0, 160), st.integers(0, 120))
def test_a_piece_of_the_frame_reads_the_same_bytes(drawing: Drawing, left: int, top: int) -> None:
    mosaic = draw_mosaic([drawing], SIZE, _taken())
    phase = (-left % CELL, -top % CELL)
    levels = mosaic.levels[-(-top // CELL) :, -(-left // CELL) :]
    x, y, w, h = drawing.outline.box
    moved = replace(drawing.outline, box=(x - left, y - top, w, h))
    (found,) = read_mosaic(levels, [moved], np.zeros(levels.shape[:2], np.bool_), phase)
    if found.crc == mosaic.crcs[0]:
        assert found.readings == _kept(drawing.readings, moved.rings)
    if found.readings is not None and found.visible > 0.9:
        # Bytes whose cells are mostly there; a half that is hidden is that of the other half.
        given_bytes, seen = astuple(drawing.readings)[5:], astuple(found.readings)[5:]
        kept = astuple(_kept(drawing.readings, moved.rings))[5:]
        assert max(abs(a - b) for a, b in zip(kept, seen, strict=True)) <= 32, given_bytes


def test_a_large_object_is_read_from_a_piece() -> None:
    size = (1600, 1200)
    shown = Readings(10, 20, 30, 40, 50, 60, 70, 80, 90)
    drawing = Drawing(_outline((200, 150, 1200, 900), Rings.ALL, Selector.COMET, 77), shown)
    mosaic = draw_mosaic([drawing], size, np.zeros(cell_grid(*size), np.bool_))
    piece = mosaic.levels[20:140, 30:200]
    moved = replace(drawing.outline, box=(200 - 120, 150 - 80, 1200, 900))
    (found,) = read_mosaic(piece, [moved], np.zeros(piece.shape[:2], np.bool_))
    assert found.readings is not None
    assert astuple(found.readings)[5:] == (60, 70, 80, 90)
    assert found.readings.motion == 50


def _far(a: int, b: int) -> int:
    return abs((a - b + 128) % 256 - 128)


@pytest.mark.parametrize("rings", RING_SETS)
@pytest.mark.parametrize("selector", [Selector.RINGS, Selector.COMET])
def test_small_objects_with_their_tags_read_within_a_sixteenth(rings: Rings, selector: Selector) -> None:
    rng = np.random.default_rng(int(rings) * 2 + int(selector))
    good, exact = [], []
    for _ in range(40):
        w, h = (int(side) for side in rng.integers(8, 17, 2))
        x, y = int(rng.integers(40, SIZE[0] - w - 40)), int(rng.integers(40, SIZE[1] - h - 40))
        drawing = Drawing(
            _outline((x, y, w, h), rings, selector, int(rng.integers(0, 256))),
            Readings(*rng.integers(0, 256, 9).tolist()),
        )
        place = TagSpace(SIZE, ring_costs([drawing.outline], SIZE)).take(drawing.outline.centre)
        assert place is not None
        taken = tag_cells([place], SIZE)
        (found,) = read_mosaic(draw_mosaic([drawing], SIZE, taken).levels, [drawing.outline], taken)
        wanted = _kept(drawing.readings, rings)
        exact.append(found.readings == wanted)
        good.append(found.readings is not None and _is_near(wanted, found.readings))
    assert np.mean(good) >= 0.95
    assert np.mean(exact) >= 0.85


def _is_near(wanted: Readings, found: Readings) -> bool:
    """Values within 1/16 of their range, certainties within 1/8."""
    values = ("past_speed", "future_speed", "temperature", "density")
    certainties = ("motion", "temperature_certainty", "density_certainty")
    headings = ("past_heading", "future_heading")
    return (
        all(abs(getattr(wanted, name) - getattr(found, name)) <= 16 for name in values)
        and all(abs(getattr(wanted, name) - getattr(found, name)) <= 32 for name in certainties)
        and all(_far(getattr(wanted, name), getattr(found, name)) <= 16 for name in headings)
    )


@given(drawings(), st.integers(0, 2**32 - 1))
def test_wrong_levels_are_outvoted_or_noticed(drawing: Drawing, seed: int) -> None:
    mosaic = draw_mosaic([drawing], SIZE, _taken())
    (before,) = read_mosaic(mosaic.levels, [drawing.outline], _taken())
    cells = np.argwhere(mosaic.where)
    row, column = cells[seed % len(cells)]
    mosaic.levels[row, column, seed % LEVELS] ^= 1
    (found,) = read_mosaic(mosaic.levels, [drawing.outline], _taken())
    assert (found.crc == mosaic.crcs[0]) == (found.readings == before.readings)


@given(drawings())
def test_rings_that_are_inverted_are_noticed(drawing: Drawing) -> None:
    mosaic = draw_mosaic([drawing], SIZE, _taken())
    (found,) = read_mosaic(mosaic.levels ^ np.uint8(1), [drawing.outline], _taken())
    assert found.readings is None or found.crc != mosaic.crcs[0]


def test_hidden_and_outside_objects_have_no_readings() -> None:
    near = Drawing(_outline((100, 100, 100, 100), track=2), Readings(temperature=9))
    hidden = Drawing(_outline((130, 130, 20, 20), track=1), Readings(temperature=200))
    equal = Drawing(replace(near.outline, track=1), Readings(temperature=100))
    outside = Drawing(_outline((2000, 100, 30, 30), track=3), Readings())
    shown = [hidden, near, equal, outside]
    mosaic = draw_mosaic(shown, SIZE, _taken())
    found = read_mosaic(mosaic.levels, [each.outline for each in shown], _taken())
    assert [each.readings for each in found] == [None, near.readings, None, None]
    assert [each.visible for each in found] == [0, 1, 0, 0]
    assert [each.crc for each in found] == list(mosaic.crcs)


def test_a_line_has_no_cells_and_no_values() -> None:
    line = Drawing(_outline((100, 100, 60, 60), Rings(0), Selector.EDGES), Readings())
    mosaic = draw_mosaic([line], SIZE, _taken())
    assert not mosaic.where.any()
    assert (mosaic.owner == 0).any()
    (found,) = read_mosaic(mosaic.levels, [line.outline], _taken())
    assert found == CellReading(line.outline, Readings(), 0.0, mosaic.crcs[0])


@given(
    st.lists(
        st.builds(
            lambda box, radii, shift, selector, axis, rings: Outline(
                1, "", 0, box, radii, shift, selector, axis, rings
            ),
            st.tuples(*[st.integers(-17000, 17000)] * 2, *[st.integers(1, 16384)] * 2),
            st.binary(min_size=32, max_size=32),
            st.integers(0, 6),
            st.sampled_from([Selector.RINGS, Selector.COMET]),
            st.integers(0, 255),
            st.sampled_from(RING_SETS),
        ),
        max_size=3,
    ),
    st.integers(0, 3),
    st.integers(0, 3),
)
@settings(max_examples=25)
def test_any_outlines_are_read_without_an_error(outlines: list[Outline], x: int, y: int) -> None:
    levels = np.random.default_rng(1).integers(0, 2, (20, 30, LEVELS), dtype=np.uint8)
    found = read_mosaic(levels, outlines, np.zeros((20, 30), np.bool_), (x, y))
    assert [each.outline for each in found] == outlines
    assert all(0 <= each.visible <= 1 for each in found)


def test_cells_of_a_region_state_all_digits_in_turn() -> None:
    regions = cell_regions(_outline((100, 80, 60, 60)), cell_grid(*SIZE))
    assert regions is not None
    for region in range(REGIONS):
        mine = regions.digit[regions.region == region]
        np.testing.assert_array_equal(mine, np.arange(len(mine)) % 8)
    counts = np.bincount(regions.region[regions.region >= 0], minlength=REGIONS)
    # Only the ring of the velocity has two halves.
    assert (counts[:4] > 20).all()
    assert (counts[4:] == 0).all()


def test_few_cells_are_dear() -> None:
    small, large = _outline((20, 20, 8, 8)), _outline((120, 60, 120, 120))
    costs = ring_costs([small, large], SIZE)
    assert costs[5, 9] > 4 * costs[costs > 0].min()
    assert costs.sum() == pytest.approx(8 * 16, rel=1e-4)
    assert not costs[30, 45]
