"""Coefficients of blocks: the DCT, its inverse, its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dctn

from cssv.carriers.robust.data_layer import FREQUENCIES
from cssv.carriers.robust.pilot import PILOT_COEFFICIENTS
from cssv.carriers.robust.transform import MOST_CHANGE, BlockTransform
from cssv.errors import OptionError

TRANSFORM = BlockTransform(16, FREQUENCIES)
#: The means of blocks, the data layer, the pilot.
ALL_LAYERS = ((0, 0), *FREQUENCIES, *PILOT_COEFFICIENTS)


def real_dct(luma, side, frequencies):
    rows, columns = luma.shape[0] // side, luma.shape[1] // side
    blocks = luma[: rows * side, : columns * side].reshape(rows, side, columns, side).astype(float)
    found = dctn(blocks, axes=(1, 3), norm="ortho")
    return np.stack([found[:, v, :, h] for v, h in frequencies], axis=-1)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize(("side", "frequencies"), [(16, ALL_LAYERS), (64, ((0, 1), (1, 0), (1, 1)))])
def test_coefficients_are_those_of_the_dct(side, frequencies):
    luma = noise(150, 333)
    found = BlockTransform(side, frequencies).forward(luma)
    assert found.dtype == np.float32
    # The mean of noise is that of its plane, so the worst case of the module's page is far away.
    np.testing.assert_allclose(found, real_dct(luma - 128.0, side, frequencies), atol=1.5)


def test_frequency_zero_is_the_mean_without_error():
    luma = noise(96, 160)
    means = luma.reshape(6, 16, 10, 16).mean(axis=(1, 3))
    for frequencies in (((0, 0),), ALL_LAYERS):
        found = BlockTransform(16, frequencies).forward(luma)[..., 0]
        np.testing.assert_array_equal(found, 16 * (means - 128))


def test_frequencies_beside_each_other_do_not_change_their_coefficients():
    luma = noise(96, 160)
    np.testing.assert_array_equal(
        BlockTransform(16, ALL_LAYERS).forward(luma)[..., 1:6], TRANSFORM.forward(luma)
    )


def test_the_worst_deviation_from_the_real_dct_is_that_of_the_page():
    """A linear form is worst where each pixel has the sign of its deviation."""
    count = 16
    exact = np.stack(
        [
            np.sqrt((1 if k == 0 else 2) / count) * np.cos(np.pi * (2 * np.arange(count) + 1) * k / 32)
            for k in range(3)
        ]
    )
    rounded = np.rint(1024 * exact) / 1024
    for v, h in FREQUENCIES:
        off = np.outer(rounded[v], rounded[h]) - np.outer(exact[v], exact[h])
        assert 128 * np.abs(off).sum() < 4
        assert off.sum() == pytest.approx(0, abs=1e-12)


def integer_rows():
    k, at = np.arange(3)[:, None], np.pi * (2 * np.arange(16) + 1) / 32
    return np.rint(1024 * np.sqrt(np.where(k == 0, 1, 2) / 16) * np.cos(k * at)).astype(int)


@pytest.mark.parametrize("frequencies", [FREQUENCIES, ALL_LAYERS])
@pytest.mark.parametrize("low", [0, 255])
def test_coefficients_are_exact(frequencies, low):
    """No sum is rounded, so the order of the sums in a matrix product has no effect."""
    luma = np.where(noise(64, 64, 3) > 127, 255, low).astype(np.uint8)
    rows = integer_rows()
    blocks = (luma.astype(int) - 128).reshape(4, 16, 4, 16)
    whole = np.einsum("va,radb,hb->rdvh", rows, blocks, rows)
    wanted = np.stack([whole[:, :, v, h] for v, h in frequencies], axis=-1) / 2**20
    found = BlockTransform(16, frequencies).forward(luma)
    np.testing.assert_array_equal(found, wanted.astype(np.float32))


@pytest.mark.parametrize("frequencies", [FREQUENCIES, ALL_LAYERS])
@pytest.mark.parametrize("size", [3, 40, 2 * MOST_CHANGE, 1e6])
def test_changes_of_pixels_are_exact(frequencies, size):
    shape = (4, 4, len(frequencies))
    changes = np.random.default_rng(0).uniform(-size, size, shape).astype(np.float32)
    rows = integer_rows()
    steps = np.rint(np.clip(changes, -MOST_CHANGE, MOST_CHANGE).astype(float) * 64).astype(int)
    spectrum = np.zeros((4, 4, 3, 3), int)
    for i, (v, h) in enumerate(frequencies):
        spectrum[:, :, v, h] = steps[..., i]
    across = np.rint(np.einsum("rdvh,hb->rvdb", spectrum, rows) / 1024).astype(int)
    down = np.einsum("rvdb,va->radb", across, rows)
    transform = BlockTransform(16, frequencies)
    np.testing.assert_array_equal(transform.inverse(changes), down.reshape(64, 64) / 65536)


@given(st.integers(0, 2**32 - 1), st.floats(1, MOST_CHANGE))
def test_forward_returns_what_inverse_adds(seed, size):
    changes = np.random.default_rng(seed).uniform(-size, size, (3, 4, 8)).astype(np.float32)
    transform = BlockTransform(16, ALL_LAYERS)
    moved = transform.inverse(changes)
    assert moved.shape == (48, 64)
    found = transform.forward(moved + np.float32(128))
    np.testing.assert_allclose(found, changes, atol=0.05 + 0.002 * size)
    # Orthonormal: the sums of squares are equal.
    assert float((moved**2).sum()) == pytest.approx(float((changes**2).sum()), rel=0.02, abs=1)


def test_rounding_of_pixels_is_noise_of_the_stated_size():
    luma = noise(480, 640) // 2 + 64
    changes = np.random.default_rng(1).uniform(-15, 15, (30, 40, 5)).astype(np.float32)
    error = TRANSFORM.forward(TRANSFORM.add(luma, changes)) - TRANSFORM.forward(luma) - changes
    assert np.sqrt((error**2).mean()) == pytest.approx(0.4, abs=0.1)


def test_pixels_outside_of_whole_blocks_stay():
    luma = noise(40, 50)
    changed = TRANSFORM.add(luma, np.full((2, 3, 5), 20, np.float32))
    np.testing.assert_array_equal(changed[32:], luma[32:])
    np.testing.assert_array_equal(changed[:, 48:], luma[:, 48:])
    assert (changed[:32, :48] != luma[:32, :48]).any()


def test_pixels_stay_in_their_range():
    changes = np.full((1, 1, 5), MOST_CHANGE, np.float32)
    for value in (0, 255):
        flat = np.full((16, 16), value, np.uint8)
        moved = TRANSFORM.inverse(changes) + value
        np.testing.assert_array_equal(TRANSFORM.add(flat, changes), np.clip(np.rint(moved), 0, 255))


@pytest.mark.parametrize("shape", [(15, 100), (100, 15), (0, 0)])
def test_planes_without_a_whole_block(shape):
    luma = np.zeros(shape, np.uint8)
    found = TRANSFORM.forward(luma)
    assert found.shape == (shape[0] // 16, shape[1] // 16, 5)
    np.testing.assert_array_equal(TRANSFORM.add(luma, found), luma)


@pytest.mark.parametrize("frequencies", [((0, 1), (0, 1)), ((0, 0), (0, 0)), ((0, 7),)])
def test_frequencies_that_cannot_be_used(frequencies):
    with pytest.raises(OptionError, match="frequencies"):
        BlockTransform(16, frequencies)
