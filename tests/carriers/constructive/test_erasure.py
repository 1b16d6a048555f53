"""Erasure code over GF(256)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.constructive.erasure import decode, encode, evaluate, multiply
from cssv.errors import FramingError


def slow_product(a, b):
    """Multiply as polynomials, and reduce."""
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(15, 7, -1):
        if product >> bit & 1:
            product ^= 0x11D << (bit - 8)
    return product


def test_products_are_those_of_the_field():
    a, b = (grid.astype(np.uint8) for grid in np.mgrid[:256, :256])
    wanted = [[slow_product(x, y) for y in range(256)] for x in range(0, 256, 5)]
    assert np.array_equal(multiply(a, b)[::5], wanted)
    assert np.array_equal(multiply(a, b), multiply(b, a))


@settings(max_examples=60)
@given(st.data())
def test_any_symbols_give_the_data(data):
    needed = data.draw(st.integers(1, 12))
    count = data.draw(st.integers(needed, 40))
    size = data.draw(st.integers(0, 9))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    wanted = [rng.bytes(size) for _ in range(needed)]
    symbols = encode(wanted, count)
    assert symbols[:needed] == wanted
    kept = data.draw(st.permutations(range(count)))[: data.draw(st.integers(needed, count))]
    assert decode({i: symbols[i] for i in kept}, needed) == wanted


def test_the_largest_code():
    rng = np.random.default_rng(5)
    wanted = [rng.bytes(3) for _ in range(128)]
    symbols = encode(wanted, 255)
    assert decode({i: symbols[i] for i in range(127, 255)}, 128) == wanted


def test_one_symbol_is_repeated():
    assert encode([b"room"], 4) == [b"room"] * 4


@pytest.mark.parametrize(
    ("symbols", "needed", "message"),
    [
        ({}, 1, "too few symbols"),
        ({0: b"a"}, 2, "too few symbols: found 1; allowed: at least 2"),
        ({0: b"a", 1: b"bc"}, 2, "different lengths"),
        ({0: b"a", 255: b"b"}, 2, "out of range"),
    ],
)
def test_symbols_that_do_not_fit(symbols, needed, message):
    with pytest.raises(FramingError, match=message):
        decode(symbols, needed)


def test_no_symbols_at_all():
    with pytest.raises(FramingError, match="out of range"):
        evaluate({}, [0])
