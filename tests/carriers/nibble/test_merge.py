"""merge and split: an inverse pair for every shape, and no merge is nearer to the cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cssv.carriers.nibble.merge import MERGES, merge, merge_sparse, split
from cssv.errors import CarrierError

SHAPES = npst.array_shapes(min_dims=1, max_dims=3, max_side=9)


@st.composite
def pairs(draw):
    """Two uint8 arrays of one shape, contiguous or not."""
    shape = draw(SHAPES)
    cover, template = (draw(npst.arrays(np.uint8, shape)) for _ in range(2))
    how = draw(st.sampled_from(["plain", "fortran", "reversed", "strided", "transposed"]))
    if how == "fortran":
        cover = np.asfortranarray(cover)
    elif how == "reversed":
        cover, template = cover[::-1], template[..., ::-1]
    elif how == "strided":
        wide = np.zeros((*shape[:-1], 2 * shape[-1]), np.uint8)
        wide[..., ::2] = template
        template = wide[..., ::2]
    elif how == "transposed":
        cover, template = cover.T, template.T
    return cover, template


def table():
    """All covers with all nibbles: (256, 16) each."""
    cover = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 16, axis=1)
    return cover, np.repeat(np.arange(16, dtype=np.uint8)[None] << 4, 256, axis=0)


@given(pairs(), st.sampled_from(MERGES))
def test_split_undoes_merge(pair, method):
    cover, template = pair
    before = cover.copy(), template.copy()
    stego = merge(cover, template, method)
    assert stego.dtype == np.uint8
    assert stego.shape == cover.shape
    assert np.array_equal(split(stego), template & 0xF0)
    assert np.array_equal(cover, before[0])
    assert np.array_equal(template, before[1])


@pytest.mark.parametrize(
    "shape", [(1, 4), (4, 1), (4,), (1, 1), (1,), (2, 2), (1, 1, 4), (4, 4, 1), (1, 3), (0, 4)]
)
def test_tiny_arrays_are_arrays(shape):
    """Four numbers in a row are what array libraries like to take for one colour."""
    rng = np.random.default_rng(1)
    cover, template = (rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2))
    one_by_one = [
        merge(np.array([c]), np.array([t]))[0] for c, t in zip(cover.flat, template.flat, strict=True)
    ]
    assert merge(cover, template).ravel().tolist() == one_by_one


def test_opap_is_the_nearest_byte_for_every_pair():
    cover, template = table()
    stego = merge(cover, template)
    for c in range(256):
        for t in range(16):
            fitting = range(t, 256, 16)
            best = min(fitting, key=lambda s: (abs(s - c), s & 16))
            assert stego[c, t] == best


def test_opap_moves_no_byte_far():
    cover, template = table()
    error = merge(cover, template).astype(int) - cover
    assert error.min() >= -15
    assert error.max() <= 15
    middle = error[8:-8]
    assert middle.min() >= -8
    assert middle.max() <= 8


def test_opap_errs_to_both_sides_alike():
    """Ties go to the even high nibble, so up and down alike."""
    cover, template = table()
    error = (merge(cover, template).astype(int) - cover)[16:-16]
    values, counts = np.unique(error, return_counts=True)
    count = dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert set(count) == set(range(-8, 9))
    assert all(count[k] == count[-k] for k in range(1, 9))
    assert error.mean() == 0


def test_plain_replaces_the_low_nibble_only():
    cover, template = table()
    assert np.array_equal(merge(cover, template, "plain") >> 4, cover >> 4)


def test_opap_beats_plain_replacement():
    cover = np.random.default_rng(2).integers(16, 240, (200, 200), dtype=np.uint8)
    empty = np.zeros_like(cover)

    def psnr(method):
        return 10 * np.log10(255**2 / np.mean((merge(cover, empty, method).astype(float) - cover) ** 2))

    assert psnr("opap") > 34.6
    assert psnr("plain") < 29.5


@given(pairs(), st.sampled_from(MERGES), st.randoms(use_true_random=False))
def test_sparse_merge_leaves_the_rest_alone(pair, method, random):
    cover, template = pair
    support = np.array([random.random() < 0.5 for _ in range(cover.size)]).reshape(cover.shape)
    stego = merge_sparse(cover, template, support, method)
    assert np.array_equal(stego[~support], cover[~support])
    assert np.array_equal(split(stego)[support], template[support] & 0xF0)


@pytest.mark.parametrize(
    ("cover", "template"),
    [
        (np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8)),
        (np.zeros((2, 2), np.uint8), np.zeros((1, 2), np.uint8)),
        (np.zeros((2, 2), np.int16), np.zeros((2, 2), np.uint8)),
        (np.zeros((2, 2), np.uint8), np.zeros((2, 2))),
    ],
)
def test_what_does_not_fit_is_refused(cover, template):
    with pytest.raises(CarrierError, match="do not fit"):
        merge(cover, template)


def test_only_bytes_are_split():
    with pytest.raises(CarrierError, match="uint8"):
        split(np.zeros((2, 2), np.uint16))
