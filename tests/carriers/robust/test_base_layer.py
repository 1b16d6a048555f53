"""The base layer: cells, writer, reader."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dctn

from cssv.carriers.robust.base_layer import (
    BASE_FREQUENCIES,
    BASE_STEP,
    BaseLayer,
    BaseReader,
    BaseWriter,
    base_strength,
    cell_area,
)
from cssv.carriers.robust.base_message import message_bytes
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.marks import marks_transform
from cssv.carriers.robust.qim import Strength
from cssv.errors import FrameError, FramingError, OptionError

KEY = bytes(range(32))
WHOLE = BlockArea(0, 0, 36, 48)
MESSAGE = b"identity"


def means_of(area=WHOLE, seed=0):
    """Multiples of 1 / 16, as the transform gives them."""
    values = np.random.default_rng(seed).integers(-20000, 20000, (area.rows, area.columns))
    return (values / 16).astype(np.float32)


def received(sigma, seed=0, message=MESSAGE, area=WHOLE):
    cover = means_of(area, seed)
    writer = BaseWriter(BaseLayer(area, KEY), message)
    noise = np.random.default_rng(seed + 1).normal(0, sigma, cover.shape)
    return (cover + writer.changes(cover) + noise).astype(np.float32)


def test_coefficients_are_those_of_the_dct():
    means = means_of()
    found = BaseLayer(WHOLE).coefficients(means)
    real = dctn(means.reshape(9, 4, 12, 4).astype(float), axes=(1, 3), norm="ortho")
    wanted = np.stack([real[:, v, :, h] for v, h in BASE_FREQUENCIES], axis=-1)
    np.testing.assert_allclose(found, wanted, atol=0.5)


def test_coefficients_are_exact():
    means = means_of()
    rows = np.array([[512] * 4, [669, 277, -277, -669]])
    cells = np.rint(means * 16).astype(np.int64).reshape(9, 4, 12, 4)
    whole = np.einsum("vk,rkch,jh->rcvj", rows, cells, rows)
    wanted = np.stack([whole[:, :, v, h] for v, h in BASE_FREQUENCIES], axis=-1) / 2**24
    np.testing.assert_array_equal(BaseLayer(WHOLE).coefficients(means), wanted.astype(np.float32))


@given(st.integers(0, 2**32 - 1))
def test_coefficients_return_what_spread_adds(seed):
    layer = BaseLayer(WHOLE)
    changes = np.random.default_rng(seed).uniform(-60, 60, layer.known.shape).astype(np.float32)
    spread = layer.spread(changes)
    np.testing.assert_allclose(layer.coefficients(spread), changes, atol=0.02)
    assert float((spread**2).sum()) == pytest.approx(float((changes**2).sum()), rel=0.001)


def test_blocks_outside_of_whole_cells_stay():
    area = BlockArea(3, 2, 14, 11)
    layer = BaseLayer(area, KEY)
    assert layer.cells == BlockArea(1, 1, 3, 2)
    spread = layer.spread(np.full(layer.known.shape, 50, np.float32))
    assert (spread[1:13, 2:10] != 0).all()
    spread[1:13, 2:10] = 0
    assert not spread.any()


@pytest.mark.parametrize(
    ("area", "cells"),
    [
        (BlockArea(0, 0, 4, 4), (0, 0, 1, 1)),
        (BlockArea(1, 1, 6, 6), (1, 1, 0, 0)),
        (BlockArea(1, 4, 2, 3), (1, 1, 0, 0)),
        (BlockArea(0, 0, 0, 0), (0, 0, 0, 0)),
        (BlockArea(1020, 1000, 4, 24), (255, 250, 1, 6)),
    ],
)
def test_whole_cells_of_areas(area, cells):
    assert cell_area(area) == BlockArea(*cells)


def test_a_piece_has_the_chips_of_the_whole():
    whole, piece = BaseLayer(WHOLE, KEY), BaseLayer(BlockArea(7, 9, 20, 30), KEY)
    rows, columns = slice(2, 6), slice(3, 9)
    assert piece.cells == BlockArea(2, 3, 4, 6)
    np.testing.assert_array_equal(piece.dithers, whole.dithers[rows, columns])
    np.testing.assert_array_equal(piece.known, whole.known[rows, columns])
    np.testing.assert_array_equal(piece.bits(512), whole.bits(512)[rows, columns])


@pytest.mark.parametrize("size", [(9, 12), (11, 20), (16, 30), (33, 60)])
def test_chips_cover_the_bits_evenly(size):
    layer = BaseLayer(BlockArea(0, 0, 4 * size[0], 4 * size[1]))
    for length in (512, 2048):
        count = np.bincount(layer.bits(length).ravel(), minlength=length + 1)
        assert count[length] == np.count_nonzero(layer.known)
        # Independent chips have this variance.
        assert count[:length].var() < 0.95 * count[:length].mean()


@pytest.mark.parametrize("message", [MESSAGE, bytes(8), bytes(range(32))])
def test_messages_come_back(message):
    area = WHOLE if len(message) == 8 else BlockArea(0, 0, 68, 120)
    reader = BaseReader(area, KEY)
    for seed in range(3):
        reader.add(received(8, seed, message, area))
    assert reader.read() == message
    assert reader.score > 4


def test_frames_add_up():
    """In each frame the noise is too strong."""
    reader, alone = BaseReader(WHOLE, KEY), []
    for seed in range(12):
        frame = received(22, 10 * seed)
        single = BaseReader(WHOLE, KEY)
        single.add(frame)
        alone.append(single.read())
        reader.add(frame)
    assert alone.count(MESSAGE) < 4
    assert reader.read() == MESSAGE


def test_a_piece_is_enough():
    area = BlockArea(0, 0, 68, 120)
    piece = BlockArea(9, 21, 50, 70)
    reader = BaseReader(piece, KEY)
    for seed in range(3):
        reader.add(received(6, seed, MESSAGE, area)[9:59, 21:91])
    assert reader.read() == MESSAGE


def test_wrong_arguments_read_nothing():
    frame = received(2)
    for reader in (BaseReader(WHOLE, PUBLIC_KEY), BaseReader(BlockArea(4, 0, 36, 48), KEY)):
        reader.add(frame)
        assert reader.read() is None
        assert reader.score < 4
    reader = BaseReader(WHOLE, KEY)
    reader.add(frame)
    assert reader.read((32,)) is None


@pytest.mark.parametrize("tries", [20, pytest.param(400, marks=pytest.mark.series)])
def test_nothing_is_read_from_pictures_that_carry_nothing(tries):
    """Each try decodes both lengths: only the checksum refuses noise."""
    rng = np.random.default_rng(tries)
    read, scores = [], []
    for seed in range(tries):
        reader = BaseReader(WHOLE, KEY)
        kind = seed % 3
        base = (
            means_of(seed=seed) if kind else rng.normal(0, 30, (36, 48)).cumsum(axis=kind).astype(np.float32)
        )
        for _ in range(2):
            reader.add((base + rng.normal(0, 4, base.shape)).astype(np.float32))
        read.append(reader.read())
        scores.append(reader.score)
    assert read == [None] * tries
    assert max(scores) < 5


@pytest.mark.parametrize("value", [-2048, 0, 2032])
def test_flat_pictures(value):
    reader = BaseReader(WHOLE, KEY)
    for _ in range(2):
        reader.add(np.full((36, 48), value, np.float32))
    assert reader.read() is None


@pytest.mark.parametrize("area", [BlockArea(0, 0, 0, 0), BlockArea(0, 0, 3, 3), BlockArea(0, 0, 8, 8)])
def test_small_areas(area):
    reader = BaseReader(area, KEY)
    assert reader.read() is None
    reader.add(np.zeros((area.rows, area.columns), np.float32))
    assert reader.read() is None
    assert abs(reader.score) <= 4
    changes = BaseWriter(BaseLayer(area, KEY), MESSAGE).changes(means_of(area))
    assert changes.shape == (area.rows, area.columns)


@pytest.mark.parametrize(
    ("width", "height", "alpha"),
    [
        (16, 16, 0.7),
        (768, 576, 0.7),
        (1280, 720, 0.48),
        (1600, 900, 0.4),
        (1920, 1080, 0.6),
        (3840, 2160, 0.4),
    ],
)
def test_the_strength_follows_the_chips_of_a_bit(width, height, alpha):
    cells = cell_area(BlockArea(0, 0, height // 16, width // 16))
    assert base_strength(cells, message_bytes(width, height)) == Strength(BASE_STEP, alpha)


def test_the_distortion_is_that_of_the_strength():
    cover, strength = means_of(), Strength(BASE_STEP, 0.6)
    changes = BaseWriter(BaseLayer(WHOLE, KEY), MESSAGE).changes(cover, strength)
    chips = 9 * 12 * len(BASE_FREQUENCIES)
    assert float((changes**2).sum()) == pytest.approx(chips * strength.distortion, rel=0.15)


def test_other_layers_are_not_disturbed():
    luma = np.random.default_rng(0).integers(60, 190, (576, 768), dtype=np.uint8)
    before = marks_transform().forward(luma)
    changes = np.zeros_like(before)
    changes[..., 0] = BaseWriter(BaseLayer(WHOLE, KEY), MESSAGE).changes(np.ascontiguousarray(before[..., 0]))
    after = marks_transform().forward(marks_transform().add(luma, changes))
    assert np.sqrt(((after - before)[..., 1:] ** 2).mean()) < 0.5
    reader = BaseReader(WHOLE, KEY)
    reader.add(np.ascontiguousarray(after[..., 0]))
    assert reader.read() == MESSAGE


def test_wrong_input():
    with pytest.raises(FrameError, match="means"):
        BaseReader(WHOLE, KEY).add(np.zeros((36, 47), np.float32))
    with pytest.raises(FramingError, match="8 or 32"):
        BaseWriter(BaseLayer(WHOLE, KEY), b"short")
    with pytest.raises(FramingError, match="8 or 32"):
        BaseReader(WHOLE, KEY).read((16,))
    with pytest.raises(OptionError, match="key"):
        BaseLayer(WHOLE, b"short")
