"""Outlines: integers that come back, shares within the stated error, radii of the superellipse."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import FramingError
from cssv.payload.models import Models
from cssv.payload.outlines import (
    COEFFICIENTS,
    LARGEST,
    SHARE,
    UNITS,
    fit_outline,
    outline_radii,
    outline_shares,
    radii_to_shares,
    read_outline,
    write_outline,
)
from cssv.payload.range_coder import RangeDecoder, RangeEncoder
from cssv.payload.window_bytes import read_window, write_window
from cssv.payload.window_fit import fit_window
from cssv.scene import Ranges
from cssv.template.outline import superellipse
from cssv.template.state import ObjectState

outlines = st.tuples(*[st.integers(-LARGEST, LARGEST)] * COEFFICIENTS)
#: Exact coefficients of outlines whose shares are never limited.
exact = st.tuples(st.floats(13, 17), *[st.floats(-1.0, 1.0)] * (COEFFICIENTS - 1))


def shares_of(coefficients):
    angles = np.pi * (2 * np.arange(32) + 1) / 64
    return sum(number / UNITS * np.cos(k * angles) for k, number in enumerate(coefficients))


@given(st.none() | outlines, st.integers(0, 2))
def test_an_outline_reads_back(outline, before):
    encoder = RangeEncoder(Models())
    write_outline(encoder, outline, before)
    decoder = RangeDecoder(encoder.finish(), Models())
    assert read_outline(decoder, before) == outline


@given(exact)
def test_shares_are_within_a_quarter(coefficients):
    shares = shares_of(coefficients)
    found = outline_shares(fit_outline([shares])) / SHARE
    assert np.abs(found - shares).max() <= 1 / 4
    assert math.sqrt(np.mean((found - shares) ** 2)) <= 1 / 8


@given(outlines, st.integers(1, 16384), st.integers(1, 16384))
def test_radii_are_the_shares_of_the_superellipse(outline, width, height):
    radii, shares = outline_radii(outline, width, height), outline_shares(outline) / SHARE
    assert np.allclose(radii, superellipse(width, height) * shares, rtol=1e-6)
    assert np.allclose(radii_to_shares(radii, width, height), shares, rtol=1e-6)
    assert (shares >= 1 / 4).all()
    assert (shares <= 2).all()


def test_a_round_outline_has_one_coefficient():
    assert fit_outline([np.full(32, 0.93)]) == (15, 0, 0, 0, 0, 0, 0, 0)


def test_the_mean_of_a_segment_is_held():
    assert fit_outline([np.full(32, 0.5), np.full(32, 1.0)])[0] == 12


@pytest.mark.parametrize("outline", [(1, 2, 3), (33, 0, 0, 0, 0, 0, 0, 0), (0,) * 9])
def test_an_outline_that_does_not_fit_is_refused(outline):
    with pytest.raises(FramingError, match="does not fit"):
        write_outline(RangeEncoder(Models()), outline, 2)


def standing(track):
    return ObjectState(
        track=track,
        label="person",
        score=1.0,
        box_px=(10.0 * track, 20.0, 30.0, 80.0),
        velocity_px_s=(0.0, 0.0),
        past_px_s=(0.0, 0.0),
        future_px_s=(0.0, 0.0),
        sigma_px_s=math.inf,
    )


@settings(max_examples=20)
@given(exact)
def test_windows_hold_the_outlines_of_their_tracks(coefficients):
    objects = [[standing(1), standing(2)]] * 5
    frames = [{1: shares_of(coefficients)} if at < 3 else {} for at in range(5)]
    window = fit_window(0, range(5), Fraction(1, 25), (320, 240), Ranges(), objects, outlines=frames)
    again = read_window(write_window(window))
    assert again == window
    assert again.segments[0].outline == fit_outline([shares_of(coefficients)])
    assert again.segments[1].outline is None
    bare = fit_window(0, range(5), Fraction(1, 25), (320, 240), Ranges(), objects)
    assert bare.segments == tuple(replace(each, outline=None) for each in window.segments)
