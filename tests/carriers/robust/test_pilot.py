from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
import pytest
from scipy.fft import dctn, idctn

from cssv.carriers.robust.pilot import (
    BLOCK,
    PILOT_AMPLITUDE,
    PILOT_COEFFICIENTS,
    PLANE,
    pilot_pattern,
    pilot_plane,
    pilot_signs,
    slot_of,
    slot_sign,
)
from cssv.errors import OptionError


def coefficients(pattern):
    rows, columns = pattern.shape[0] // BLOCK, pattern.shape[1] // BLOCK
    blocks = pattern.reshape(rows, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3)
    return dctn(blocks, axes=(2, 3), norm="ortho")


def test_only_the_two_coefficients_change(studio):
    found = coefficients(pilot_pattern(studio.key, 64, 48))
    for k, (vertical, horizontal) in enumerate(PILOT_COEFFICIENTS):
        wanted = PILOT_AMPLITUDE * pilot_signs(studio.key)[:3, :4, k]
        assert found[..., vertical, horizontal] == pytest.approx(wanted, abs=0.06)
        found[..., vertical, horizontal] = 0
    assert np.abs(found).max() < 0.12


def test_the_pattern_is_that_of_the_description(studio):
    # Written from the docstrings, without the functions of the module.
    stream = hashlib.shake_256(studio.key + b"pilot").digest(128 * 128 * 2 // 8)
    bits = np.unpackbits(np.frombuffer(stream, np.uint8)).reshape(128, 128, 2)
    pattern = pilot_pattern(studio.key, 16 * 5, 16 * 4)
    for row in range(4):
        for column in range(5):
            block = np.zeros((16, 16))
            block[1, 2], block[2, 1] = 5 - 10.0 * bits[row, column]
            found = pattern[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            # Both of its pictures are rounded to 64ths.
            assert np.abs(found - idctn(block, norm="ortho")).max() <= 1 / 64


def test_the_format_does_not_change(studio):
    steps = (pilot_pattern(studio.key, 320, 240) * 64).astype(np.int8)
    assert hashlib.sha256(steps.tobytes()).hexdigest()[:16] == "651341241f49f172"


def test_a_larger_picture_begins_with_the_smaller_one(studio):
    small, large = pilot_pattern(studio.key, 64, 48), pilot_pattern(studio.key, 192, 160)
    assert np.array_equal(small, large[:48, :64])


def test_what_is_no_whole_block_is_left_alone(studio):
    pattern = pilot_pattern(studio.key, 70, 50)
    assert pattern.shape == (50, 70)
    assert not pattern[48:].any()
    assert not pattern[:, 64:].any()


def test_the_pattern_repeats(studio):
    pattern = pilot_pattern(studio.key, PLANE + 32, 32)
    assert np.array_equal(pattern[:, :32], pattern[:, PLANE:])


def test_the_pattern_is_exact_in_64ths(studio):
    pattern = pilot_pattern(studio.key, 64, 48) * 64
    assert np.array_equal(pattern, np.rint(pattern))


def test_the_plane_is_the_mean_of_its_cells(studio):
    pattern = pilot_pattern(studio.key, 256, 256, 64)
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


def test_a_wrong_key_or_amplitude_is_an_error(studio):
    with pytest.raises(OptionError, match="wrong length"):
        pilot_pattern(b"short", 64, 64)
    with pytest.raises(OptionError, match="amplitude"):
        pilot_pattern(studio.key, 64, 64, -1)
