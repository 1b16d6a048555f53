"""Temporal pinching: what a byte carries is exact, and it stays near its cover."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cssv.carriers.nibble.merge import merge, split
from cssv.carriers.nibble.pinching import (
    MOST_SHIFT,
    empty_bytes,
    is_empty,
    pinch_drawn,
    pinch_empty,
    pinch_plane,
)

PLANES = hnp.arrays(np.uint8, (6, 10))
BITS, REACHES = st.integers(1, 4), st.integers(8, 12)


def distance(one, other):
    return np.abs(one.astype(int) - other)


@given(PLANES, PLANES, PLANES | st.none(), REACHES)
def test_splitting_is_the_inverse_of_pinching(cover, template, previous, reach):
    stego = pinch_drawn(cover, template, previous, reach)
    assert np.array_equal(split(stego), template & 0xF0)
    nearest = merge(cover, template)
    assert np.all((stego == nearest) | (distance(stego, cover) <= reach))
    assert previous is not None or np.array_equal(stego, nearest)


@given(PLANES, BITS, PLANES | st.none(), REACHES)
def test_empty_bytes_have_zeros_and_stay_near(cover, bits, previous, reach):
    stego = pinch_empty(cover, bits, previous, reach)
    assert is_empty(stego, bits).all()
    nearest = empty_bytes(bits)[cover]
    assert np.all((stego == nearest) | (distance(stego, cover) <= reach))
    assert previous is not None or np.array_equal(stego, nearest)


@given(PLANES, PLANES, st.integers(-1, 1), BITS, REACHES)
def test_a_byte_that_can_stay_stays(cover, template, noise, bits, reach):
    """Noise of one level changes no byte: the nearest byte is at most eight levels off, but at the ends."""
    later = np.clip(cover.astype(int) + noise, 0, 255).astype(np.uint8)
    drawn = pinch_drawn(cover, template, None, reach)
    inner = (cover >= 16) & (cover <= 239)
    same = pinch_drawn(later, template, drawn, max(reach, 9)) == drawn
    assert same[inner].all()
    empty = pinch_empty(cover, bits, None, reach)
    assert (pinch_empty(later, bits, empty, max(reach, 9)) == empty)[inner].all()


@given(PLANES, PLANES, hnp.arrays(np.bool_, (6, 10)), PLANES | st.none(), BITS, REACHES)
def test_a_plane_says_what_it_shall_and_its_mean_is_near_where_it_can_be(
    cover, template, drawn, previous, bits, reach
):
    stego = pinch_plane(cover, template, drawn, previous, bits, (reach, reach))
    assert is_empty(stego[~drawn], bits).all()
    assert np.array_equal(split(stego[drawn]), template[drawn] & 0xF0)
    nearest = pinch_plane(cover, template, drawn, None, bits, (reach, reach))
    assert np.all((stego == nearest) | (distance(stego, cover) <= reach))
    shifts = [abs(int(each.sum()) - int(cover.sum())) for each in (nearest, stego)]
    assert shifts[0] > MOST_SHIFT * cover.size or shifts[1] <= MOST_SHIFT * cover.size


def test_a_picture_that_becomes_darker_is_followed():
    """Its bytes kept their values together, and the picture was up to nine levels too bright."""
    rng = np.random.default_rng(1)
    scene, nothing = rng.integers(60, 200, (60, 80)), np.zeros((60, 80), np.bool_)
    stego, most = None, 0.0
    for step in range(30):
        cover = (scene - step // 2).astype(np.uint8)
        stego = pinch_plane(cover, cover, nothing, stego, 4, (9, 9))
        most = max(most, abs(stego.mean() - cover.mean()))
    assert most <= MOST_SHIFT


def test_noise_changes_no_byte_of_a_flat_picture():
    """Its mean cannot be near that of the cover."""
    cover, nothing = np.full((6, 10), 40, np.uint8), np.zeros((6, 10), np.bool_)
    first = pinch_plane(cover, cover, nothing, None, 4, (9, 9))
    for luma in (41, 39, 40):
        later = np.full_like(cover, luma)
        assert np.array_equal(pinch_plane(later, cover, nothing, first, 4, (9, 9)), first)


@given(BITS)
def test_the_nearest_empty_byte_is_the_nearest(bits):
    """Of two equally near ones the even multiple, so that neither brightness nor tint drifts."""
    step = 1 << bits
    multiples = np.arange(0, 256, step)
    for byte, found in enumerate(empty_bytes(bits).tolist()):
        far = np.abs(multiples - byte)
        best = multiples[far == far.min()].tolist()
        assert found in best
        assert len(best) == 1 or found // step % 2 == 0


def test_an_empty_byte_of_four_bits_is_that_of_version_1():
    """Nibble 0, by optimal pixel adjustment."""
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(empty_bytes(4), merge(every, np.zeros_like(every)))
