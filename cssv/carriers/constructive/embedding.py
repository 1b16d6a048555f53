"""Packets into the frames of a slot, by one change of one byte in each block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.carriers.constructive.keys import keystream, place_order, sign_bits
from cssv.carriers.constructive.matching import Ints, bits_to_columns, step_within_nibble
from cssv.carriers.constructive.slots import (
    POSITION_BITS,
    POSITION_KIND,
    Mode,
    packet_to_tiles,
    position_bits,
)
from cssv.carriers.constructive.syndromes import Room, slot_syndromes
from cssv.carriers.constructive.tiles import (
    KINDS,
    PLACE_BITS,
    PLACES,
    REPEAT,
    flat_index,
    picture_size,
    tile_grid,
    tile_kinds,
)  # fmt: skip
from cssv.frames import U8


def embed_slot(
    stego: Sequence[U8],
    mode: Mode,
    packet: bytes,
    key: bytes,
    turn: tuple[int, int],
    room: Room | None = None,
) -> None:
    """Write a packet into the frames of a slot, in place. Inverse of :func:`read_slot`.

    Args:
        stego: planes of :attr:`Mode.frames` consecutive frames of one size.
        mode: how dense the bits are.
        packet: up to :attr:`Mode.packet_bytes` bytes; blocks behind them are not changed.
        key: 32 bytes.
        turn: numbers of window and slot; they choose between plus and minus one. The first slot of a window
            also states the positions of tiles.
        room: memory that the slots of a window share; None makes one.
    """
    wanted = bits_to_columns(packet_to_tiles(packet, key, mode).reshape(KINDS, mode.blocks, mode.k))
    found = slot_syndromes(stego, mode, key, room)
    kinds = tile_kinds(*found.shape[:2])
    change = found ^ wanted[kinds]
    used = np.arange(KINDS * mode.blocks).reshape(KINDS, mode.blocks) < packet_blocks(len(packet), mode)
    change[~used[kinds]] = 0
    if turn[1] == 0:
        row, column = np.nonzero(kinds == POSITION_KIND)
        bits = position_bits(column // REPEAT, row // REPEAT, key, mode)
        placed = bits_to_columns(bits.reshape(len(row), mode.blocks, mode.k))
        few = position_blocks(mode)
        change[row, column, :few] = (found[row, column] ^ placed)[:, :few]
    _flip(stego, mode, change, key, turn)


def position_blocks(mode: Mode) -> int:
    """Blocks of a tile that state its position."""
    return min(-(-POSITION_BITS // mode.k), mode.blocks)


def packet_blocks(length: int, mode: Mode) -> int:
    """Blocks that the bits of a packet of ``length`` bytes lie in."""
    return -(-8 * length // mode.k)


def erase_slot(stego: Sequence[U8], mode: Mode, key: bytes, turn: tuple[int, int]) -> None:
    """Make the packet of a slot unreadable, in place, by one change in each tile of the first kind.

    The arguments are those of :func:`embed_slot`, without the packet.
    """
    rows, columns = tile_grid(*picture_size(stego[0], mode.layout))
    change = np.zeros((rows, columns, mode.blocks), np.int64)
    first = tile_kinds(rows, columns) == 0
    label = b"erase" + b"".join(number.to_bytes(8, "big") for number in turn)
    word = int.from_bytes(keystream(key, label, 4), "big")
    # The same bits change in every copy, so that no majority restores them.
    change[first, 0] = word % ((1 << mode.k) - 1) + 1
    _flip(stego, mode, change, key, turn)


def _flip(stego: Sequence[U8], mode: Mode, change: Ints, key: bytes, turn: tuple[int, int]) -> None:
    """Change the lowest bit of one byte of each block, in place.

    Args:
        stego: planes of the frames of a slot.
        mode: that of the slot.
        change: (rows, columns, blocks): the column of the byte in its block; 0 changes nothing.
        key: 32 bytes.
        turn: numbers of window and slot.
    """
    layout, size = mode.layout, PLACE_BITS[mode.layout]
    row, column, block = np.nonzero(change)
    number = change[row, column, block]
    # Within one frame the blocks of a tile follow each other; else the high bits are the frame.
    frame = number >> size
    number = (number & ((1 << size) - 1)) | (block << mode.k if mode.frames == 1 else 0)
    place = place_order(key, PLACES[layout], 1 << size)[number]
    up = sign_bits(key, *turn, change.size).reshape(change.shape)[row, column, block] == 1
    at = flat_index(layout, *picture_size(stego[0], layout), row, column, place)
    for i, planes in enumerate(stego):
        here = frame == i
        flat = planes.reshape(-1)
        flat[at[here]] = step_within_nibble(flat[at[here]], up[here])
