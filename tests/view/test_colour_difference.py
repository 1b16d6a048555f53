"""CIEDE2000 against the pairs that its implementers publish, and its properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.view.colour_difference import ciede2000, rgb_to_lab

#: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test
#: data, and mathematical observations", Color Research and Application 30 (2005), table 1: L, a, b of both
#: colours and their difference.
PAIRS = (
    (50.0, 2.6772, -79.7751, 50.0, 0.0, -82.7485, 2.0425),
    (50.0, 3.1571, -77.2803, 50.0, 0.0, -82.7485, 2.8615),
    (50.0, 2.8361, -74.0200, 50.0, 0.0, -82.7485, 3.4412),
    (50.0, -1.3802, -84.2814, 50.0, 0.0, -82.7485, 1.0000),
    (50.0, -1.1848, -84.8006, 50.0, 0.0, -82.7485, 1.0000),
    (50.0, -0.9009, -85.5211, 50.0, 0.0, -82.7485, 1.0000),
    (50.0, 0.0, 0.0, 50.0, -1.0, 2.0, 2.3669),
    (50.0, -1.0, 2.0, 50.0, 0.0, 0.0, 2.3669),
    (50.0, 2.4900, -0.0010, 50.0, -2.4900, 0.0009, 7.1792),
    (50.0, 2.4900, -0.0010, 50.0, -2.4900, 0.0010, 7.1792),
    (50.0, 2.4900, -0.0010, 50.0, -2.4900, 0.0011, 7.2195),
    (50.0, 2.4900, -0.0010, 50.0, -2.4900, 0.0012, 7.2195),
    (50.0, -0.0010, 2.4900, 50.0, 0.0009, -2.4900, 4.8045),
    (50.0, -0.0010, 2.4900, 50.0, 0.0010, -2.4900, 4.8045),
    (50.0, -0.0010, 2.4900, 50.0, 0.0011, -2.4900, 4.7461),
    (50.0, 2.5, 0.0, 50.0, 0.0, -2.5, 4.3065),
    (50.0, 2.5, 0.0, 73.0, 25.0, -18.0, 27.1492),
    (50.0, 2.5, 0.0, 61.0, -5.0, 29.0, 22.8977),
    (50.0, 2.5, 0.0, 56.0, -27.0, -3.0, 31.9030),
    (50.0, 2.5, 0.0, 58.0, 24.0, 15.0, 19.4535),
    (50.0, 2.5, 0.0, 50.0, 3.1736, 0.5854, 1.0000),
    (50.0, 2.5, 0.0, 50.0, 3.2972, 0.0, 1.0000),
    (50.0, 2.5, 0.0, 50.0, 1.8634, 0.5757, 1.0000),
    (50.0, 2.5, 0.0, 50.0, 3.2592, 0.3350, 1.0000),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
    (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
    (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
    (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
    (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
)

colours = st.tuples(st.floats(0, 100, allow_nan=False), st.floats(-100, 100), st.floats(-100, 100)).map(
    np.array
)


@pytest.mark.parametrize("pair", PAIRS)
def test_published_pairs(pair: tuple[float, ...]) -> None:
    numbers = np.array(pair)
    assert ciede2000(numbers[:3], numbers[3:6]) == pytest.approx(pair[6], abs=5e-5)


def test_all_pairs_at_once_give_the_same() -> None:
    table = np.array(PAIRS)
    assert ciede2000(table[:, :3], table[:, 3:6]) == pytest.approx(table[:, 6], abs=5e-5)


@given(colours, colours)
def test_symmetric_and_zero_only_for_equal_colours(one: np.ndarray, other: np.ndarray) -> None:
    there, back = ciede2000(one, other), ciede2000(other, one)
    assert there == pytest.approx(back, rel=1e-9, abs=1e-9)
    assert ciede2000(one, one) == 0
    assert there > 0 or np.allclose(one, other, atol=1e-3)


def test_lab_of_known_colours() -> None:
    # White, black, mid grey, and the red primary of sRGB (IEC 61966-2-1, D65).
    rgb = np.array([[255, 255, 255], [0, 0, 0], [119, 119, 119], [255, 0, 0]], np.uint8)
    lab = rgb_to_lab(rgb)
    expected = [[100, 0, 0], [0, 0, 0], [50.03, 0, 0], [53.24, 80.09, 67.20]]
    assert lab == pytest.approx(np.array(expected), abs=0.1)
    assert rgb_to_lab(rgb.reshape(2, 2, 3)).shape == (2, 2, 3)
