"""The room of the mixed carrier: a window that has none says so."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from cssv.carriers.base import FrameContent
from cssv.carriers.nibble.mixed import MixedCarrier
from cssv.errors import CarrierError
from cssv.frames import Frame, planes_shape
from cssv.scene import Ranges, Scene
from cssv.template.state import ObjectState

WIDTH, HEIGHT = 160, 128


def test_a_window_too_short_for_a_room_tells_of_no_object_in_copies():
    """A last window of one frame. Its loss was empty, as if its room told everything."""
    planes = np.random.default_rng(4).integers(60, 120, planes_shape("yuv420p", WIDTH, HEIGHT), np.uint8)
    state = ObjectState(
        track=7,
        label="block",
        score=1.0,
        box_px=(60, 40, 40, 40),
        velocity_px_s=(10.0, 0.0),
        past_px_s=(10.0, 0.0),
        future_px_s=(10.0, 0.0),
        sigma_px_s=1.0,
    )
    cover = Frame(planes, "yuv420p", 90, Fraction(1, 25), 90)
    content = FrameContent(90, 90, Fraction(1, 25), (state,), Ranges(), Scene())
    carrier = MixedCarrier()
    with pytest.raises(CarrierError):
        carrier.room.embed_window([cover], [content], 3)
    (done,) = carrier.embed_window([cover], [content], 3)
    assert done.loss.left_out == (7,)
    assert done.loss.sentences() == (
        "no part of the scene in frames 90 to 90",
        "1 of 1 objects left out in frames 90 to 90: 7",
    )
    assert done.exact.rings.any()
