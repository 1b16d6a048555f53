"""Quantisation index modulation: bits in coefficients and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.robust.keys import PUBLIC_KEY, keystream
from cssv.carriers.robust.qim import STEP_RANGE, Strength, dither_bytes, embed_bits, soft_bits
from cssv.errors import OptionError

SHAPE = (30, 40, 5)
strengths = st.builds(Strength, st.integers(*STEP_RANGE), st.floats(0.55, 1.0))


def material(seed, shape=SHAPE):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, shape, dtype=np.uint8)
    dithers = rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.normal(0, 300, shape).astype(np.float32), bits, dithers


@given(st.integers(0, 2**32 - 1), strengths)
def test_soft_values_have_the_sign_of_the_bits(seed, strength):
    coefficients, bits, dithers = material(seed, (4, 5, 5))
    changes = embed_bits(coefficients, bits, dithers, strength)
    assert np.abs(changes).max() <= strength.alpha * strength.step / 2 * (1 + 1e-4)
    soft = soft_bits(coefficients + changes, dithers, strength.step)
    assert np.abs(soft).max() <= 1
    # A share alpha of the way leaves at most half of what remains of a step.
    assert ((1 - 2.0 * bits) * soft).min() >= np.cos(np.pi * (1 - strength.alpha)) - 0.01


@given(st.integers(0, 2**32 - 1), strengths)
def test_distortion_is_the_stated_one(seed, strength):
    coefficients, bits, dithers = material(seed)
    changes = embed_bits(coefficients, bits, dithers, strength)
    # 6000 uniform errors: the mean square is within 6 % at five sigma.
    assert float((changes**2).mean()) == pytest.approx(strength.distortion, rel=0.06)


def test_another_dither_says_nothing():
    coefficients, bits, dithers = material(1, (80, 80, 5))
    marked = coefficients + embed_bits(coefficients, bits, dithers, Strength(30))
    other = material(2, (80, 80, 5))[2]
    agreement = (1 - 2.0 * bits) * soft_bits(marked, other, 30)
    # The cosine of a random phase has variance 1/2.
    assert abs(agreement.mean()) < 5 * np.sqrt(0.5 / agreement.size)


def test_arguments_are_not_changed():
    coefficients, bits, dithers = material(3)
    copies = coefficients.copy(), bits.copy(), dithers.copy()
    embed_bits(coefficients, bits, dithers, Strength(30))
    soft_bits(coefficients, dithers, 30)
    for left, right in zip((coefficients, bits, dithers), copies, strict=True):
        np.testing.assert_array_equal(left, right)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 8), st.integers(1, 8))
def test_dithers_depend_on_the_place_alone(top, left, rows, columns):
    whole = dither_bytes(PUBLIC_KEY, b"data", 28, (0, 0, top + rows, left + columns + 3), 5)
    part = dither_bytes(PUBLIC_KEY, b"data", 28, (top, left, rows, columns), 5)
    np.testing.assert_array_equal(part, whole[top:, left : left + columns])


def test_dithers_are_those_of_the_formula():
    found = dither_bytes(PUBLIC_KEY, b"data\x03", 28, (7, 2, 1, 4), 5)
    stream = keystream(PUBLIC_KEY, b"dither" + b"data\x03" + b"\x1c" + b"\0\0\0\x07", 30)
    assert found.tobytes() == stream[10:]


def test_dithers_of_other_keys_classes_steps_and_layers_differ():
    made = [
        dither_bytes(key, label, step, (0, 0, 20, 20), 5).astype(float)
        for key, label, step in (
            (PUBLIC_KEY, b"data\0", 28),
            (PUBLIC_KEY, b"data\1", 28),
            (PUBLIC_KEY, b"data\0", 34),
            (PUBLIC_KEY, b"base\0", 28),
            (bytes(32), b"data\0", 28),
        )
    ]
    for i, first in enumerate(made):
        for second in made[i + 1 :]:
            assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.12


@pytest.mark.parametrize("values", [(3, 0.6), (255, 0.6), (30, 0.0), (30, 1.1), (30, float("nan"))])
def test_strengths_out_of_range(values):
    with pytest.raises(OptionError, match="quantisation is out of range"):
        Strength(*values)


def test_a_key_of_the_wrong_length():
    with pytest.raises(OptionError, match="wrong length"):
        keystream(b"short", b"label", 4)
