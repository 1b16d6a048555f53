"""The part of a clip that is read: its bounds, and which pts lie inside."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.errors import OptionError
from cssv.video import WHOLE_CLIP, Span

times = st.fractions(0, 1000, max_denominator=90_000)


@pytest.mark.parametrize(
    ("start", "stop"),
    [(Fraction(-1), None), (Fraction(2), Fraction(2)), (Fraction(2), Fraction(1)), (None, Fraction(0))],
)
def test_limits_out_of_order_are_refused(start, stop):
    with pytest.raises(OptionError):
        Span(start, stop)


def test_an_error_names_the_argument_to_change():
    with pytest.raises(OptionError, match="`stop=`"):
        Span(Fraction(2), Fraction(1))
    with pytest.raises(OptionError, match="`start=`"):
        Span(Fraction(-1))


def test_a_span_without_limits_contains_everything():
    assert Span() == WHOLE_CLIP
    assert WHOLE_CLIP.is_whole
    assert not Span(Fraction(0)).is_whole
    assert not Span(stop=Fraction(1)).is_whole
    assert all(WHOLE_CLIP.contains(pts, Fraction(1, 25)) for pts in (-(2**40), 0, 2**40))


@given(times, times, st.integers(-(10**6), 10**6), st.integers(1, 90_000))
def test_a_time_lies_inside_from_start_up_to_but_without_stop(one, other, pts, scale):
    start, stop = min(one, other), max(one, other) + 1
    time_base = Fraction(1, scale)
    assert Span(start, stop).contains(pts, time_base) == (start <= pts * time_base < stop)
    assert Span(start).contains(pts, time_base) == (start <= pts * time_base)
    assert Span(stop=stop).contains(pts, time_base) == (pts * time_base < stop)


@given(times, st.integers(1, 90_000))
def test_the_limits_in_pts_are_rounded_up(start, scale):
    first = Span(start).first_pts(Fraction(1, scale))
    assert first is not None
    assert Fraction(first - 1, scale) < start <= Fraction(first, scale)
    assert Span(stop=start + 1).stop_pts(Fraction(1, scale)) == first + scale
