"""Slots of every mode."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.carriers.constructive.embedding import embed_slot
from cssv.carriers.constructive.matching import columns_to_bits
from cssv.carriers.constructive.slots import (
    Mode,
    frame_bits,
    frame_columns,
    modes,
    read_slot,
    slot_bits,
)
from cssv.carriers.constructive.syndromes import slot_syndromes, tile_words
from cssv.carriers.constructive.tiles import tile_kinds, tile_samples

ALL = [mode for layout in ("yuv420p", "rgb24") for mode in modes(layout)]


def read(clip, mode, key, corner=(0, 0)):
    samples = np.stack([tile_samples(planes, mode.layout) for planes in clip])
    bits = slot_bits(frame_bits(samples, key, mode), mode)[0]
    return read_slot(bits, tile_kinds(*bits.shape[:2], corner), key, mode)


@pytest.mark.parametrize("mode", ALL, ids=lambda mode: f"{mode.layout}-{mode.k}")
def test_read_is_the_inverse_of_embed(studio, mode):
    covers = studio.covers(mode.frames, mode.layout, (184, 168), seed=mode.k)
    stego = [cover.copy() for cover in covers]
    packet = studio.payload(mode.packet_bytes)
    embed_slot(stego, mode, packet, studio.key, (0, 0))
    assert read(stego, mode, studio.key) == packet
    assert read(stego, mode, bytes(32)) != packet
    difference = np.stack(stego).astype(int) - np.stack(covers)
    assert np.abs(difference).max() == 1
    assert not ((np.stack(stego) ^ np.stack(covers)) & 0xF0).any()
    # At most one change a block.
    assert np.count_nonzero(difference) <= 9 * 8 * mode.blocks
    assert len(difference) == mode.frames


def test_what_modes_hold():
    table = {mode.k: (mode.frames, mode.blocks, mode.packet_bytes) for mode in modes("yuv420p")}
    assert table == {
        14: (32, 1, 85), 13: (16, 1, 79), 12: (8, 1, 73), 11: (4, 1, 67), 10: (2, 1, 61), 9: (1, 1, 55),
        8: (1, 2, 98), 7: (1, 4, 171), 6: (1, 8, 294), 5: (1, 16, 490), 4: (1, 32, 784),
    }  # fmt: skip
    rgb = {mode.k: (mode.frames, mode.blocks) for mode in modes("rgb24")}
    assert rgb[15] == (32, 1)
    assert rgb[10] == (1, 1)
    assert rgb[4] == (1, 64)


@pytest.mark.parametrize("k", [7, 9, 11])
def test_slots_may_begin_at_every_frame(studio, k):
    mode = Mode("yuv420p", k)
    clip = studio.covers(mode.frames + 5, size=(140, 140))
    samples = np.stack([tile_samples(planes, mode.layout) for planes in clip])
    together = slot_bits(frame_bits(samples, studio.key, mode), mode)
    assert len(together) == 6
    for start in range(6):
        part = frame_bits(samples[start : start + mode.frames], studio.key, mode)
        assert np.array_equal(together[start], slot_bits(part, mode)[0])


def test_too_few_frames_hold_no_slot(studio):
    mode = Mode("yuv420p", 11)
    samples = np.stack([tile_samples(planes, mode.layout) for planes in studio.covers(3, size=(140, 140))])
    assert len(slot_bits(frame_bits(samples, studio.key, mode), mode)) == 0


def test_the_first_bits_are_those_of_the_whole(studio):
    mode = Mode("yuv420p", 5)
    samples = tile_samples(studio.covers(1)[0], mode.layout)
    whole = frame_bits(samples, studio.key, mode)
    assert np.array_equal(frame_bits(samples, studio.key, mode, 16), whole[..., :16])


def test_copies_outvote_a_part_that_was_painted_over(studio):
    mode = Mode("yuv420p", 10)
    stego = studio.covers(2, size=(560, 440))
    packet = studio.payload(mode.packet_bytes)
    embed_slot(stego, mode, packet, studio.key, (0, 0))
    for planes in stego:
        planes[30:150, 40:300] = 16
    assert read(stego, mode, studio.key) == packet


def test_a_picture_without_all_tiles_reads_as_nothing(studio):
    mode = Mode("yuv420p", 9)
    assert read(studio.covers(1, size=(160, 120)), mode, studio.key) is None


@pytest.mark.parametrize("mode", ALL, ids=lambda mode: f"{mode.layout}-{mode.k}")
@pytest.mark.parametrize("size", [(160, 140), (186, 178)])
def test_writer_and_reader_compute_the_same_syndromes(studio, mode, size):
    """One adds whole frames, the other reads tile by tile."""
    clip = studio.covers(mode.frames, mode.layout, size, seed=mode.k)
    before = [planes.copy() for planes in clip]
    found = slot_syndromes(clip, mode, studio.key)
    samples = np.stack([tile_samples(planes, mode.layout) for planes in clip])
    bits = slot_bits(frame_bits(samples, studio.key, mode), mode)[0]
    assert np.array_equal(columns_to_bits(found, mode.k).reshape(bits.shape), bits)
    assert all(np.array_equal(a, b) for a, b in zip(clip, before, strict=True))
    if mode.frames > 1:
        room = np.full(np.stack(clip).shape, 7, np.uint16)
        columns = frame_columns(tile_words(np.stack(clip), mode.layout, studio.key, room), mode.layout)
        assert np.array_equal(np.bitwise_xor.reduce(columns, axis=0), found[..., 0])
