from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.robust.geometry import Geometry
from cssv.errors import OptionError

offsets = st.floats(-500, 1500)
lengths = st.floats(40, 3000)
sizes = st.integers(32, 2000)


@st.composite
def geometries(draw):
    width, height = draw(sizes), draw(sizes)
    left, top = draw(offsets), draw(offsets)
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    content = x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y))
    sides = left, top, left + draw(lengths), top + draw(lengths)
    return Geometry((width, height), sides, content)


@given(geometries(), st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_to_received_is_the_inverse_of_to_sent(geometry, x, y):
    back = geometry.to_received(*geometry.to_sent(x, y))
    assert back == pytest.approx((x, y), abs=1e-6)


@given(geometries())
def test_the_sides_are_those_of_the_received_picture(geometry):
    width, height = geometry.received
    assert geometry.to_sent(0, 0) == pytest.approx(geometry.sides[:2])
    assert geometry.to_sent(width, height) == pytest.approx(geometry.sides[2:])


@given(geometries(), offsets, offsets, lengths, lengths)
def test_the_content_goes_where_it_is_put(geometry, left, top, width, height):
    sides = left, top, left + width, top + height
    moved = geometry.with_content_sides(sides)
    assert moved.content_sides == pytest.approx(sides, abs=1e-6)
    assert moved.content == geometry.content


@given(geometries(), st.sampled_from((16, 64)))
def test_blocks_lie_within_the_content(geometry, side):
    left, top, columns, rows = geometry.blocks(side)
    sides = geometry.content_sides
    assert min(left, top, columns, rows) >= 0
    if columns:
        assert left * side >= sides[0] - 0.011
        assert (left + columns) * side <= sides[2] + 0.011
    if rows:
        assert top * side >= sides[1] - 0.011
        assert (top + rows) * side <= sides[3] + 0.011


def test_blocks_end_where_the_sender_ends():
    geometry = Geometry((100, 100), (0, 0, 100, 100), (0, 0, 100, 100), sent=(40, 70))
    assert geometry.blocks(16) == (0, 0, 2, 4)


def test_the_identity_is_whole():
    geometry = Geometry.identity(640, 360)
    assert geometry.is_whole
    assert geometry.scale == (1, 1)
    assert geometry.blocks(16) == (0, 0, 40, 22)


def test_a_crop_at_whole_pixels_with_bars_is_whole():
    geometry = Geometry((100, 120), (0, 0, 100, 120), (0, 10, 100, 100))
    moved = geometry.with_content_sides((7, 9, 107, 109))
    assert moved.is_whole
    assert moved.sides == (7, -1, 107, 119)
    assert not geometry.with_content_sides((7, 9.5, 107, 109.5)).is_whole


def test_times_of_another_speed():
    geometry = Geometry((64, 64), (0, 0, 64, 64), (0, 0, 64, 64), time_scale=Fraction(25, 24), phase_s=0.5)
    assert geometry.sent_time(Fraction(24)) == pytest.approx(25.5)
    assert geometry.slot_of(Fraction(24)) == 25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sides": (0, 0, 0, 10)}, "out of order"),
        ({"sides": (0, 0, float("inf"), 10)}, "out of order"),
        ({"content": (0, 0, 65, 64)}, "outside of its picture"),
        ({"content": (10, 10, 0, 5)}, "outside of its picture"),
        ({"time_scale": Fraction(0)}, "time scale"),
    ],
)
def test_a_geometry_that_cannot_be_is_an_error(changes, message):
    right = {"received": (64, 64), "sides": (0, 0, 64, 64), "content": (0, 0, 64, 64)}
    with pytest.raises(OptionError, match=message):
        Geometry(**(right | changes))
