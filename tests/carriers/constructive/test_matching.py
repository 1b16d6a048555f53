"""LSB matching with matrix embedding, in one plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.constructive.matching import (
    bits_to_columns,
    choose_k,
    columns_to_bits,
    embed_bits,
    extract_bits,
    step_within_nibble,
    syndromes,
)
from cssv.errors import FramingError

KEY = bytes(range(32))


def test_a_step_never_leaves_the_nibble():
    values = np.arange(256, dtype=np.uint8)
    for up in (np.zeros(256, bool), np.ones(256, bool)):
        moved = step_within_nibble(values, up)
        assert np.array_equal(moved & 0xF0, values & 0xF0)
        assert set(np.abs(moved.astype(int) - values)) == {1}
    inside = (values & 15 > 0) & (values & 15 < 15)
    rises = step_within_nibble(values, np.ones(256, bool)) > values
    assert rises[inside].all()
    assert not (step_within_nibble(values, np.zeros(256, bool)) > values)[inside].any()


@given(st.integers(1, 16).flatmap(lambda k: st.tuples(st.just(k), st.integers(0, (1 << k) - 1))))
def test_columns_and_bits_are_an_inverse_pair(case):
    k, column = case
    bits = columns_to_bits(np.array(column), k)
    assert bits.shape == (k,)
    assert bits_to_columns(bits) == column == int("".join(map(str, bits)), 2)


@settings(max_examples=60)
@given(st.data())
def test_extract_is_the_inverse_of_embed(data):
    seed = data.draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    shape = data.draw(st.sampled_from([(1000,), (48, 32), (16, 20, 3)]))
    plane = rng.integers(0, 256, shape, dtype=np.uint8)
    k = data.draw(st.integers(1, 9))
    bits = rng.integers(0, 2, data.draw(st.integers(0, (plane.size >> k) * k)), dtype=np.uint8)
    before = plane.copy()
    stego = embed_bits(plane, bits, KEY, k)
    assert np.array_equal(plane, before)
    assert np.array_equal(extract_bits(stego, len(bits), KEY, k), bits)
    assert np.array_equal(stego & 0xF0, plane & 0xF0)
    changed = stego.astype(int) - plane
    assert np.abs(changed).max() <= 1
    assert np.count_nonzero(changed) <= -(-len(bits) // k)


def test_flat_planes_carry_as_well():
    for value in (0, 15, 16, 240, 255):
        plane = np.full((32, 32), value, np.uint8)
        bits = np.random.default_rng(value).integers(0, 2, 200, dtype=np.uint8)
        stego = embed_bits(plane, bits, KEY, 4)
        assert np.array_equal(extract_bits(stego, 200, KEY, 4), bits)
        assert np.array_equal(stego & 0xF0, plane & 0xF0)


def test_another_key_reads_noise():
    plane = np.random.default_rng(1).integers(0, 256, 1 << 16, dtype=np.uint8)
    bits = np.zeros(2000, np.uint8)
    stego = embed_bits(plane, bits, KEY, 4)
    assert 0.45 < extract_bits(stego, 2000, bytes(32), 4).mean() < 0.55


def test_changes_are_spread_evenly_over_columns_and_signs():
    plane = np.random.default_rng(2).integers(0, 256, 1 << 18, dtype=np.uint8)
    bits = np.random.default_rng(3).integers(0, 2, (1 << 14) * 4, dtype=np.uint8)
    change = embed_bits(plane, bits, KEY, 4).astype(int) - plane
    up, down = np.count_nonzero(change > 0), np.count_nonzero(change < 0)
    blocks = 1 << 14
    assert up + down == pytest.approx(blocks * 15 / 16, rel=0.02)
    assert up == pytest.approx(down, rel=0.05)
    halves = np.abs(change).reshape(8, -1).sum(axis=1)
    assert halves.min() > 0.9 * halves.mean()


def test_a_syndrome_is_the_exclusive_or_of_odd_columns():
    assert syndromes(np.array([[1, 0, 2, 255, 4, 7, 0, 0]], np.uint8)).tolist() == [0 ^ 3 ^ 5]


def test_k_is_as_large_as_the_bits_allow():
    assert choose_k(1 << 16, 16) == 16
    assert choose_k(1 << 16, 17) == 15
    for bits in (1, 100, 2000, 30000):
        k = choose_k(1 << 16, bits)
        assert (1 << 16 >> k) * k >= bits
        assert k == 16 or (1 << 16 >> k + 1) * (k + 1) < bits
    with pytest.raises(FramingError, match="allowed: at most 32768 bits"):
        choose_k(1 << 16, 1 << 16)


def test_too_many_bits_are_refused():
    with pytest.raises(FramingError, match="Use a smaller k"):
        embed_bits(np.zeros(100, np.uint8), np.zeros(30, np.uint8), KEY, 4)
