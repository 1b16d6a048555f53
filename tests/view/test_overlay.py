"""Overlays: boxes, labels, trails, time and legend over a frame."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.interop.rows import ObjectRow
from cssv.scene import Ranges
from cssv.template.drawing import Rings
from cssv.view.colour_difference import ciede2000, lab_to_linear, rgb_to_lab
from cssv.view.overlay import FONT_PX, OverlayContent, draw_overlay, font_size
from cssv.view.overlay_labels import LABELS_MAX, label_text, place_labels, value_text
from cssv.view.overlay_legend import Corner, Legend, choose_corner, legend_picture, time_text
from cssv.view.overlay_trails import Trail
from cssv.view.track_colours import track_colour
from cssv.view.units import SPEED_UNITS

GREY = np.full((576, 768, 3), 128, np.uint8)
KM_H = SPEED_UNITS["km/h"]


def row(track, x, y, w=30.0, h=60.0, **values):
    return ObjectRow(0, 0.0, track, values.pop("label", "dog"), x, y, w, h, **values)


@pytest.mark.parametrize(
    ("values", "unit", "lines"),
    [
        ({}, None, ("object 7",)),
        ({"label": "café"}, None, ("café 7",)),
        ({"speed_px_s": 12.4}, None, ("object 7  12 px/s",)),
        ({"speed_px_s": 12.4, "sigma_px_s": 2.0}, None, ("object 7  12 ± 2 px/s",)),
        ({"speed_px_s": 12.4, "speed_m_s": 1.26}, None, ("object 7  1.3 m/s",)),
        ({"speed_m_s": 10.0, "sigma_m_s": 0.5}, KM_H, ("object 7  36.0 ± 1.8 km/h",)),
        ({"speed_px_s": 12.4}, KM_H, ("object 7  12 px/s",)),
        ({"temperature_c": -3.04}, None, ("object 7", "-3.0 °C")),
        (
            {"label": "dog", "speed_px_s": 0.0, "temperature_c": 38.5, "temperature_sigma_c": 0.2,
             "density_kg_m3": 985.0, "density_sigma_kg_m3": 25.0},
            None,
            ("dog 7  0 px/s", "38.5 ± 0.2 °C  985 ± 25 kg/m³"),
        ),
    ],
)  # fmt: skip
def test_a_label_names_what_is_known(values, unit, lines):
    assert label_text(ObjectRow(0, 0.0, 7, **values), unit).levels()[0] == lines


@pytest.mark.parametrize(
    ("sigma", "text"),
    [(None, "2.0 m/s"), (0.0, "2.0 m/s"), (0.5, "2.0 ± 0.5 m/s"), (0.04, "2.00 ± 0.04 m/s"),
     (1e-9, "2.0000 ± 0.0000 m/s"), (float("inf"), "2.0 m/s")],
)  # fmt: skip
def test_a_small_deviation_gets_the_digits_that_it_needs(sigma, text):
    assert value_text(2.0, sigma, "m/s", 1) == text


def test_colours_of_tracks_are_fixed_and_apart():
    assert track_colour(1) == track_colour(1)
    colours = rgb_to_lab(np.array([track_colour(track) for track in range(30)], np.uint8))
    differences = ciede2000(colours[:, None], colours[None])
    differences[np.diag_indices(30)] = 100
    assert differences.min() > 4
    # Objects that are in a picture together have ids near to each other.
    near = [differences[at, at + by] for by in (1, 2, 3, 4) for at in range(30 - by)]
    assert min(near) > 12
    for track in (0, 2**32 - 1, 10**6):
        assert max(track_colour(track)) > 120


def test_lab_and_linear_light_are_inverse():
    codes = np.random.default_rng(1).integers(0, 256, (50, 3)).astype(np.uint8)
    share = codes / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(lab_to_linear(rgb_to_lab(codes)), linear, atol=1e-9)


boxes = st.tuples(st.integers(-40, 400), st.integers(-40, 300), st.integers(1, 120), st.integers(1, 120))


def rectangles_overlap(one, other):
    return not (
        one[0] + one[2] <= other[0]
        or other[0] + other[2] <= one[0]
        or one[1] + one[3] <= other[1]
        or other[1] + other[3] <= one[1]
    )


@settings(max_examples=60)
@given(st.lists(boxes, max_size=12), st.randoms())
def test_labels_do_not_cover_each_other_and_lie_in_the_picture(found, random):
    rows = [
        row(track, *map(float, box), temperature_c=36.0 if track % 2 else None)
        for track, box in enumerate(found)
    ]
    taken = [(0, 0, 90, 20)]
    plates = place_labels(rows, (384, 288), 10, taken=taken)
    places = [(plate.left, plate.top, plate.width, plate.height) for plate in plates]
    for at, place in enumerate(places):
        assert 0 <= place[0] <= place[0] + place[2] <= 384
        assert 0 <= place[1] <= place[1] + place[3] <= 288
        assert not any(rectangles_overlap(place, other) for other in (*places[:at], *taken))
    # The order of the objects is of no effect.
    mixed = list(rows)
    random.shuffle(mixed)
    assert place_labels(mixed, (384, 288), 10, taken=taken) == plates


def test_labels_stay_while_objects_move():
    places, slots = {}, {}
    for frame in range(60):
        rows = [row(1, 100.0 + 3 * frame, 200.0), row(2, 280.0 - 3 * frame, 210.0), row(3, 190.0, 320.0)]
        plates = place_labels(rows, (768, 576), 14, before=places, gap_px=6)
        assert len(plates) == 3
        places = {plate.track: plate.place for plate in plates}
        for track, place in places.items():
            slots.setdefault(track, []).append(place)
    for kept in slots.values():
        assert sum(one != other for one, other in pairwise(kept)) <= 3


@pytest.mark.parametrize("x", [-20.0, 0.0, 400.0, 760.0])
@pytest.mark.parametrize("y", [-50.0, 0.0, 3.0, 300.0, 570.0])
def test_a_label_is_drawn_whole_wherever_its_box_is(x, y):
    drawn = draw_overlay(GREY, OverlayContent(objects=[row(7, x, y)]))
    (plate,) = drawn.plates
    place = drawn.picture[plate.top : plate.top + plate.height, plate.left : plate.left + plate.width]
    assert place.shape == (plate.height, plate.width, 3)
    # White letters on a dark plate.
    assert place.max() > 230
    assert np.median(place) < 70
    assert plate.lines == ("dog 7",)


def test_a_label_wider_than_the_picture_is_cut():
    drawn = draw_overlay(GREY, OverlayContent(objects=[row(1, 10.0, 90.0, label="word " * 100)]))
    assert drawn.plates[0].width <= 768
    assert drawn.plates[0].lines[0].endswith(("...", " 1"))


@pytest.mark.parametrize(
    ("size", "font_px"), [((160, 160), 10), ((854, 480), 11), ((768, 576), 14), ((1920, 1080), 26),
                          ((1080, 1920), 26), ((16384, 16384), FONT_PX[1])],
)  # fmt: skip
def test_letters_grow_with_the_picture(size, font_px):
    assert font_size(*size) == font_px


def test_a_box_is_in_the_colour_of_its_track():
    drawn = draw_overlay(GREY, OverlayContent(objects=[row(5, 100.0, 200.0, 80.0, 90.0)])).picture
    for spot in ((200, 140), (289, 140), (240, 100), (240, 178)):
        assert tuple(drawn[spot]) == track_colour(5)
    assert (drawn[245, 140] == 128).all()


def test_trails_fade_and_have_gaps():
    points = tuple((100.0 + 20 * at, 300.0, 1.9 - 0.2 * at) for at in range(10))
    picture = draw_overlay(GREY, OverlayContent(trails=[Trail(1, points)])).picture
    change = np.abs(picture.astype(int) - 128).sum(axis=2)
    assert 0 < change[300, 115] < change[300, 200] < change[300, 270]
    torn = tuple((x, y, age) for x, y, age in points if not 0.6 < age < 1.4)
    picture = draw_overlay(GREY, OverlayContent(trails=[Trail(1, torn)])).picture
    assert (picture[300, 190] == 128).all()


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(Fraction(0), "0:00.000"), (Fraction(500, 7), "1:11.429"), (Fraction(3600), "1:00:00.000"),
     (Fraction(-1, 4), "-0:00.250"), (Fraction(59_9999, 10_000), "1:00.000")],
)  # fmt: skip
def test_times(time_s, text):
    assert time_text(time_s) == text


def test_the_legend_has_the_rings_that_are_known():
    heights = [
        legend_picture(Legend(Ranges(), rings), 14).shape[0]
        for rings in (Rings.VELOCITY, Rings.VELOCITY | Rings.DENSITY, Rings.ALL)
    ]
    assert heights[1] - heights[0] == heights[2] - heights[1] > 10
    assert legend_picture(Legend(Ranges(), Rings(0)), 14) is None


def test_the_legend_stands_where_it_hides_least():
    legend = Legend(Ranges(), Rings.ALL)
    assert choose_corner(legend, (768, 576), 14, []) is Corner.BOTTOM_LEFT
    assert choose_corner(legend, (768, 576), 14, [(0, 500, 90, 70)]) is Corner.BOTTOM_RIGHT
    low = [(0, 500, 90, 70), (700, 500, 60, 60)]
    assert choose_corner(legend, (768, 576), 14, low) is Corner.TOP_RIGHT
    assert choose_corner(legend, (768, 576), 14, [*low, (700, 0, 60, 60), (9, 560, 9, 9)]) in Corner


def test_a_small_picture_has_no_legend():
    content = OverlayContent(
        legend=Legend(Ranges(), Rings.ALL), time_s=Fraction(1), objects=[row(1, 5.0, 5.0)]
    )
    drawn = draw_overlay(np.zeros((64, 64, 3), np.uint8), content)
    assert drawn.legend is None
    assert drawn.time is None


far = st.floats(-1e15, 1e15)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(far, far, far.map(abs), far.map(abs), st.text(min_size=1, max_size=30)), max_size=4),
    st.sampled_from([(32, 32), (33, 41), (200, 120)]),
)
def test_any_objects_can_be_drawn(found, size):
    rows = [
        ObjectRow(0, 0.0, track, text, x, y, w, h, speed_px_s=abs(x), temperature_c=y)
        for track, (x, y, w, h, text) in enumerate(found)
    ]
    trails = [Trail(each.track, ((each.x_px, each.y_px, 0.4), (1.0, 2.0, 0.0))) for each in rows]
    before = np.full((size[1], size[0], 3), 90, np.uint8)
    content = OverlayContent(
        objects=rows, trails=trails, time_s=Fraction(0), legend=Legend(Ranges(), Rings.ALL)
    )
    drawn = draw_overlay(before, content)
    assert drawn.picture.shape == before.shape
    assert (before == 90).all()


def test_crowds_get_as_many_labels_as_there_is_room_for():
    rng = np.random.default_rng(2)
    rows = [row(track, *place) for track, place in enumerate(rng.uniform(0, 700, (2000, 2)).tolist())]
    plates = place_labels(rows, (768, 576), 14)
    assert 20 < len(plates) <= LABELS_MAX
