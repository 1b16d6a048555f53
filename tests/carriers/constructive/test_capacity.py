"""What a window offers, and how much a payload changes in it, as stated before anything is embedded."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers import make_carrier
from cssv.carriers.constructive.carrier import ConstructiveCarrier
from cssv.carriers.constructive.windows import embed_window
from cssv.carriers.windows import window_codec
from cssv.errors import CarrierError

SIZE = (160, 160)
LAYOUTS = ["yuv420p", "rgb24"]


@settings(max_examples=8)
@given(layout=st.sampled_from(LAYOUTS), frames=st.integers(1, 4), seed=st.integers(0, 99))
def test_the_capacity_is_the_largest_payload_that_fits(studio, layout, frames, seed):
    carrier = ConstructiveCarrier()
    most = carrier.capacity_bytes(layout, *SIZE, frames)
    covers = studio.covers(frames, layout, SIZE, seed)
    embed_window(covers, layout, studio.payload(most, seed), 0)
    with pytest.raises(CarrierError, match="does not fit"):
        embed_window(covers, layout, studio.payload(most + 1, seed), 0)
    with pytest.raises(CarrierError, match="does not fit"):
        carrier.expected_distortion(layout, *SIZE, frames, most + 1)


@pytest.mark.parametrize("size", [(139, 400), (400, 139)])
def test_frames_that_are_too_small_offer_nothing(studio, size):
    assert ConstructiveCarrier().capacity_bytes("rgb24", *size, 50) == 0
    assert ConstructiveCarrier().capacity_bytes("rgb24", 140, 140, 50) > 0
    with pytest.raises(CarrierError, match="too small"):
        embed_window(studio.covers(2, "rgb24", size), "rgb24", b"x", 0)


@settings(max_examples=25)
@given(
    layout=st.sampled_from(LAYOUTS),
    frames=st.integers(1, 12),
    size=st.sampled_from([(160, 160), (192, 144), (320, 240)]),
    length=st.integers(0, 400),
    seed=st.integers(0, 99),
)
def test_the_expected_distortion_is_the_measured_one(studio, layout, frames, size, length, seed):
    expected = ConstructiveCarrier().expected_distortion(layout, *size, frames, length)
    covers = studio.covers(frames, layout, size, seed)
    stego = embed_window(covers, layout, studio.payload(length, seed), seed)
    measured = sum(
        int(np.sum((after.astype(int) - before) ** 2)) for before, after in zip(covers, stego, strict=True)
    )
    # Blocks change independently, each with a probability near 1: six deviations of their number.
    assert measured == pytest.approx(expected, abs=6 * np.sqrt(expected / 16) + 1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_longer_payloads_never_change_fewer_bytes(layout):
    carrier, frames = ConstructiveCarrier(), 20
    most = carrier.capacity_bytes(layout, *SIZE, frames)
    changes = [
        carrier.expected_distortion(layout, *SIZE, frames, length) for length in range(0, most, most // 97)
    ]
    assert changes == sorted(changes)
    assert changes[0] > 0


def test_longer_windows_offer_more():
    offers = [ConstructiveCarrier(Fraction(2)).capacity_bytes("yuv420p", *SIZE, n) for n in (1, 10, 50, 240)]
    assert offers == sorted(set(offers))


@pytest.mark.parametrize("fidelity", ["sparse", "full"])
def test_a_carrier_of_pictures_has_no_capacity_in_bytes(fidelity):
    codec = window_codec(make_carrier("nibble", {"fidelity": fidelity}))
    assert codec.capacity_bytes("yuv420p", *SIZE, 1) is None
    assert codec.expected_distortion("yuv420p", *SIZE, 1, 0) is None
    assert codec.payload([], 0, SIZE) is None
