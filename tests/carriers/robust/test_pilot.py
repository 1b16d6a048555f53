from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
import pytest
from scipy.fft import dctn

from cssv.carriers.robust.marks import MarkWriter, pilot_amplitude
from cssv.carriers.robust.pilot import (
    BLOCK,
    PILOT_COEFFICIENTS,
    PLANE,
    pilot_plane,
    pilot_signs,
    slot_of,
    slot_sign,
)
from cssv.carriers.robust.qim import Strength
from cssv.errors import OptionError


def test_the_signs_are_those_of_the_description(studio):
    # Written from the docstrings, without the functions of the module.
    stream = hashlib.shake_256(studio.key + b"pilot").digest(128 * 128 * 2 // 8)
    bits = [byte >> shift & 1 for byte in stream for shift in range(7, -1, -1)]
    signs = pilot_signs(studio.key)
    for row, column, k in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (5, 77, 1), (127, 127, 1)):
        assert signs[row, column, k] == 1 - 2 * bits[(row * 128 + column) * 2 + k]


def test_the_writer_adds_the_pilot_of_the_description(studio):
    """Slot by slot, whatever the size of the picture is."""
    writer = MarkWriter(80, PLANE + 32, studio.key)
    grey, chips = np.full((80, PLANE + 32), 128, np.uint8), np.zeros((5, 130, 5), np.uint8)
    strength = Strength(86)
    for slot, sign in ((0, 1), (1, -1), (2, 1)):
        stego = writer.embed(grey, chips, slot, strength).astype(float)
        blocks = stego.reshape(5, BLOCK, 130, BLOCK).transpose(0, 2, 1, 3)
        found = dctn(blocks, axes=(2, 3), norm="ortho")
        for k, (vertical, horizontal) in enumerate(PILOT_COEFFICIENTS):
            signs = pilot_signs(studio.key)[np.ix_(np.arange(5), np.arange(130) % 128)][..., k]
            wanted = sign * pilot_amplitude(strength) * signs
            # Pixels are rounded.
            assert found[..., vertical, horizontal] == pytest.approx(wanted, abs=2.5)


def test_the_plane_is_the_mean_of_its_cells(studio):
    pattern = studio.pattern(studio.key, 256, 256, 64)
    means = pattern.reshape(64, 4, 64, 4).mean((1, 3))
    plane = pilot_plane(studio.key, 4)[:64, :64]
    assert np.corrcoef(means.ravel(), plane.ravel())[0, 1] > 0.9999
    assert np.square(pilot_plane(studio.key, 4)).mean() == pytest.approx(1, abs=1e-4)


def test_keys_give_unrelated_patterns(studio):
    one, other = pilot_plane(studio.key, 4), pilot_plane(bytes(32), 4)
    assert abs(np.mean(one * other)) < 0.02


def test_signs_are_balanced(studio):
    assert abs(pilot_signs(studio.key).mean()) < 0.02


def test_slots_of_exact_times():
    assert [slot_of(Fraction(n, 25)) for n in (0, 24, 25, 49, 50)] == [0, 0, 1, 1, 2]
    assert [slot_sign(slot) for slot in range(4)] == [1, -1, 1, -1]


def test_a_wrong_key_is_an_error():
    with pytest.raises(OptionError, match="wrong length"):
        pilot_signs(b"short")
