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
    position_bits,
    read_position,
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
        14: (32, 1, 84), 13: (16, 1, 78), 12: (8, 1, 72), 11: (4, 1, 66), 10: (2, 1, 60), 9: (1, 1, 54),
        8: (1, 2, 96), 7: (1, 4, 168), 6: (1, 8, 288), 5: (1, 16, 480), 4: (1, 32, 768),
    }  # fmt: skip
    rgb = {mode.k: (mode.frames, mode.blocks) for mode in modes("rgb24")}
    assert rgb[15] == (32, 1)
    assert rgb[10] == (1, 1)
    assert rgb[4] == (1, 64)


@pytest.mark.parametrize("mode", ALL, ids=lambda mode: f"{mode.layout}-{mode.k}")
def test_nothing_changes_behind_a_packet(studio, mode):
    """A short packet changes fewer bytes; the first slot of a window also states the position of tiles."""
    covers = studio.covers(mode.frames, mode.layout, (280, 280), seed=mode.k)
    packet = studio.payload(10)
    changed = {}
    for index in (0, 1):
        stego = [cover.copy() for cover in covers]
        embed_slot(stego, mode, packet, studio.key, (0, index))
        assert read(stego, mode, studio.key)[:10] == packet
        samples = [tile_samples(np.stack([a, b]), mode.layout) for a, b in zip(stego, covers, strict=True)]
        changed[index] = np.sum([np.count_nonzero(s[0] != s[1], axis=-1) for s in samples], axis=0)
    kinds = tile_kinds(14, 14)
    used = -(-8 * 10 // mode.tile_bits)
    assert not changed[1][kinds >= used].any()
    assert changed[1][kinds < used].any()
    assert changed[0][kinds == 48].any()
    assert not changed[0][(kinds >= used) & (kinds != 48)].any()


@pytest.mark.parametrize("mode", ALL, ids=lambda mode: f"{mode.layout}-{mode.k}")
def test_positions_are_read_as_they_were_written(studio, mode):
    columns, rows = np.array([0, 3, 13, 70]), np.array([1, 0, 12, 65])
    bits = position_bits(columns, rows, studio.key, mode)
    for tile, column, row in zip(bits, columns, rows, strict=True):
        found, counts = read_position(tile, studio.key, mode)
        assert found == (column % counts[0], row % counts[1])
        # Pictures of 4480 x 2240 pixels have no two periods that state the same.
        assert counts[0] * 140 >= 4480
        assert counts[1] * 140 >= 2240


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
