"""Which chip has which bit: by coordinates alone, and evenly in every piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.robust.codewords import codeword_length
from cssv.carriers.robust.lattice import KNOWN_PERIOD, MOST_BLOCKS, BlockArea, chip_bits, known_chips
from cssv.errors import OptionError


def spread(area, length):
    """Standard deviation of the number of chips of a bit, as a share of that of chips at random."""
    counts = np.zeros(length + 1, int)
    for slot in (0, 1):
        counts += np.bincount(chip_bits(area, 5, slot, length).ravel(), minlength=length + 1)
    return float(counts[:-1].std() / np.sqrt(counts[:-1].mean()))


@given(st.integers(0, 900), st.integers(0, 900), st.integers(0, 40), st.integers(0, 40), st.integers(0, 1))
def test_a_piece_has_the_bits_of_the_whole(top, left, rows, columns, slot):
    whole = BlockArea(0, 0, top + rows, left + columns)
    piece = BlockArea(top, left, rows, columns)
    found = chip_bits(piece, 5, slot, 1536)
    np.testing.assert_array_equal(found, chip_bits(whole, 5, slot, 1536)[top:, left:])
    np.testing.assert_array_equal(known_chips(piece, 5), known_chips(whole, 5)[top:, left:])
    assert ((found == 1536) == known_chips(piece, 5)).all()


def test_bits_are_those_of_the_formula():
    area = BlockArea(0, 0, MOST_BLOCKS, MOST_BLOCKS)
    found = chip_bits(area, 5, 1, 4608)
    for row, column, coefficient in ((0, 1, 0), (3, 5, 4), (1023, 1022, 2), (1023, 1023, 4)):
        t = ((2 * row + 1) * 3242174889 + (5 * column + coefficient) * 2447445413) % 2**32
        is_known = (5 * row + 3 * column + 7 * coefficient) % 16 == 0
        assert found[row, column, coefficient] == (4608 if is_known else t * 4608 >> 32)


@pytest.mark.parametrize("class_bytes", [64, 192, 640])
@pytest.mark.parametrize("shape", [(36, 48), (22, 29), (17, 40), (45, 80)])
def test_chips_are_spread_evenly(class_bytes, shape):
    """The prototype's lattice reaches .6 to 1.2 here."""
    found = [spread(BlockArea(top, 2 * top + 1, *shape), codeword_length(class_bytes)) for top in (0, 7, 31)]
    assert np.mean(found) < 0.85


def test_known_chips_are_a_constant_share_of_each_coefficient():
    known = known_chips(BlockArea(3, 5, 32, 48), 5)
    shares = known.mean(axis=(0, 1))
    np.testing.assert_allclose(shares, 1 / KNOWN_PERIOD, atol=0.001)


@pytest.mark.parametrize("values", [(-1, 0, 1, 1), (0, 0, -1, 1), (1000, 0, 25, 1), (0, 1, 1, MOST_BLOCKS)])
def test_areas_out_of_range(values):
    with pytest.raises(OptionError, match="out of range"):
        BlockArea(*values)
