"""Tiles and their places."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.carriers.constructive.tiles import (
    KINDS,
    PERIOD,
    PLACES,
    REPEAT,
    TILE,
    WHOLE,
    flat_index,
    tile_grid,
    tile_kinds,
    tile_samples,
)
from cssv.frames import planes_shape


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("size", [(140, 140), (162, 150), (200, 178)])
def test_samples_and_indexes_agree(layout, size):
    shape = planes_shape(layout, *size)
    numbered = np.arange(np.prod(shape)).reshape(shape)
    samples = tile_samples(numbered, layout)
    rows, columns = tile_grid(*size)
    assert samples.shape == (rows, columns, PLACES[layout])
    row, column, place = np.mgrid[:rows, :columns, : PLACES[layout]]
    assert np.array_equal(flat_index(layout, *size, row, column, place), samples)
    assert len(np.unique(samples)) == samples.size


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
def test_several_frames_at_once(layout):
    clip = np.random.default_rng(0).integers(0, 256, (3, *planes_shape(layout, 160, 142)), dtype=np.uint8)
    together = tile_samples(clip, layout)
    assert all(np.array_equal(together[i], tile_samples(clip[i], layout)) for i in range(3))


def test_places_of_a_tile_are_in_the_documented_order():
    shape = planes_shape("yuv420p", 160, 160)
    planes = np.zeros(shape, np.int64)
    planes[20 + 3, 40 + 5] = 1  # luma of tile (1, 2), row 3, column 5
    planes[160 + 40 + 5, 80 + 20] = 2  # Cr, stacked: rows of Cr begin at 160 + 40
    samples = tile_samples(planes, "yuv420p")
    assert samples[1, 2, 3 * 20 + 5] == 1
    # The stacked row holds two chroma rows of 80: sample 5 * 160 + 100 is row 11, column 20.
    assert samples[1, 2, 500 + 1 * 10 + 0] == 2
    assert np.count_nonzero(samples) == 2


@pytest.mark.parametrize("left", range(TILE + 1))
def test_every_square_of_160_pixels_holds_each_kind_once(left):
    first = -left % TILE
    whole = (WHOLE - first) // TILE
    assert whole >= REPEAT
    kinds = tile_kinds(REPEAT, REPEAT, (-(-left // TILE), 3))
    assert sorted(kinds.reshape(-1)) == list(range(KINDS))
    assert PERIOD == REPEAT * TILE
