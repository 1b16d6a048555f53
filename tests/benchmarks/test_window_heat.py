"""The script of drawings from a payload: what scores count, and which outlines it takes."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import window_heat

from cssv.carriers.base import FrameContent
from cssv.carriers.window_payload import payload_window, window_content
from cssv.payload.window_states import window_states
from cssv.scene import Ranges, Scene
from cssv.template.state import ObjectState


@pytest.fixture
def content():
    """The content of a frame as a payload without outlines tells it."""
    state = ObjectState(
        track=4,
        label="person",
        score=1.0,
        box_px=(20.0, 50.0, 30.0, 80.0),
        velocity_px_s=(50.0, 0.0),
        past_px_s=(50.0, 0.0),
        future_px_s=(50.0, 0.0),
        sigma_px_s=3.0,
    )
    given = FrameContent(0, 0, Fraction(1, 25), (state,), Ranges(), Scene())
    window = payload_window([given], 0, (320, 240)).window
    return window_content(window, 0, window_states(window)[0], Scene())


def test_plain_outlines_are_those_that_a_reader_draws_without_any(content):
    assert window_heat.plain(content) == content.outlines


def test_more_cosines_are_nearer_to_the_shares(content):
    shares = {4: 0.9 + 0.2 * np.cos(np.arange(32) * math.pi / 8)}

    def radii(count):
        (outline,) = window_heat.with_cosines(content, shares, count).values()
        return np.frombuffer(outline.radii, np.uint8).astype(int)

    few, many = (np.abs(radii(count) - radii(None)).sum() for count in (1, 8))
    assert few > 2 * many


def test_a_score_counts_the_support_alone():
    one, other = np.zeros((6, 4), np.uint8), np.zeros((6, 4), np.uint8)
    one[0, :2] = 16
    other[0, 1:3] = 16
    # In chroma 0xF0 is -16: the difference from 16 is 32.
    one[5, 0], other[5, 0] = 0xF0, 0x10
    score = window_heat.Score()
    score.add(one, other, 4)
    assert (score.count, score.equal, score.squares) == (4, 1, 2 * 16**2 + 32**2)
    assert score.db == pytest.approx(10 * math.log10(255**2 * 4 / score.squares))
