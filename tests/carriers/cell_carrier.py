"""A tiny carrier whose content decodes exactly under lossy coding: bits in the means of cells of 4x4 pixels.

The first row of macroblocks holds the number of the frame, its objects, and a check sum. The macroblock in
the middle of each object repeats its temperature. Only these macroblocks hold content.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np

from cssv.carriers.base import Embedded, Hint, WindowSpan
from cssv.errors import CarrierError, ContainerError, InputError
from cssv.frames import Layout, blocks_shape
from cssv.template.state import ObjectState

CELL, BLOCK = 4, 16
#: Bytes of one macroblock.
BYTES = (BLOCK // CELL) ** 2 // 8


def means(planes):
    """The mean brightness of each whole cell of a picture."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    rows, columns = height // CELL, width // CELL
    luma = planes[: rows * CELL, : columns * CELL]
    return luma.reshape(rows, CELL, columns, CELL).mean(axis=(1, 3))


def cells_of(blocks):
    """The same mask for cells."""
    return blocks.repeat(BLOCK // CELL, axis=0).repeat(BLOCK // CELL, axis=1)


@dataclass(frozen=True)
class CellContent:
    """The bits of the cells of one frame."""

    bits: np.ndarray
    blocks: np.ndarray
    step: float
    first: ClassVar[int] = 40

    @property
    def finer(self):
        return (self.blocks * self.first).astype(np.int16)

    def faults(self, planes):
        found = read_bits(planes, self.step)
        missed = np.zeros_like(self.bits)
        rows, columns = (min(pair) for pair in zip(found.shape, missed.shape, strict=True))
        missed[:rows, :columns] = found[:rows, :columns] != self.bits[:rows, :columns]
        rows, columns = self.blocks.shape
        missed = missed.reshape(rows, BLOCK // CELL, columns, BLOCK // CELL).any(axis=(1, 3))
        return (missed & self.blocks) * np.uint8(2)


def read_bits(planes, step):
    return np.floor(means(planes) / step).astype(int) & 1 == 1


def write_bits(planes, bits, where, step):
    """Move the mean of each of these cells into the middle of the next interval of its bit."""
    current = means(planes)
    wanted = bits[: current.shape[0], : current.shape[1]] * step + step / 2
    nearest = np.round((current - wanted) / (2 * step)) * (2 * step) + wanted
    # Inside the range with room for the texture of the cell.
    nearest = np.clip(nearest, wanted + 2 * step * np.ceil(24 / (2 * step)), None)
    nearest = np.where(nearest > 231, nearest - 2 * step * np.ceil((nearest - 231) / (2 * step)), nearest)
    for row, column in np.argwhere(where[: current.shape[0], : current.shape[1]]):
        cell = planes[CELL * row : CELL * row + CELL, CELL * column : CELL * column + CELL]
        # Texture is kept as far as it leaves room.
        deviation = np.clip(cell - current[row, column], -20, 20)
        deviation -= deviation.mean()
        cell[...] = np.rint(np.clip(nearest[row, column] + deviation, 0, 255))


@dataclass(frozen=True)
class CellExtract:
    """What one frame holds: its number, and the macroblock and temperature of each object."""

    stego: object
    found_number: int
    objects: tuple
    is_intact: bool
    clip: object = None
    is_missing: bool = False
    damaged_cells: tuple = ()
    origin: tuple = (0, 0)
    scale: tuple = (1.0, 1.0)

    @property
    def number(self):
        return self.stego.number

    @property
    def pts(self):
        return self.stego.pts

    @property
    def heat(self):
        return np.zeros_like(self.stego.planes)

    clean_heat = heat

    def states(self, _ranges):
        zero = (0.0, 0.0)
        return tuple(
            ObjectState(track, "", 1.0, (16.0 * column, 16.0 * row, 16.0, 16.0), zero, zero, zero, np.inf)
            for track, (column, row, _) in enumerate(self.objects, 1)
        )


class CellExtractor:
    reach_s = Fraction(0)

    def __init__(self, carrier):
        self.carrier = carrier

    def feed(self, stego, hint):
        return ((stego, self.carrier.extract(stego, hint)),)

    def finish(self):
        return ()


@dataclass(frozen=True)
class CellCarrier:
    """Bits in the parity of cell means; ``step`` is the width of an interval in levels of grey."""

    name: ClassVar[str] = "cells"
    needs_lossless: ClassVar[bool] = False
    layouts: ClassVar[tuple[Layout, ...]] = ("yuv420p",)
    step: float = 6.0
    window_s: Fraction = Fraction(1, 5)

    @classmethod
    def from_options(cls, options):
        return cls(float(options.get("cell_step", 6)), Fraction(options.get("cell_window", "1/5")))

    def options(self):
        return {"cell_step": str(self.step), "cell_window": str(self.window_s)}

    def span(self, _layout, _width, _height):
        return WindowSpan(self.window_s, 1000)

    def payload(self, *_):
        return None

    def capacity_bytes(self, *_):
        return None

    def expected_distortion(self, *_):
        return None

    def differs(self, old, new, _number, size):
        return any(self._data(a, size) != self._data(b, size) for a, b in zip(old, new, strict=True))

    def embed_window(self, covers, contents, _number):
        return [self._embed(*pair) for pair in zip(covers, contents, strict=True)]

    def replace_window(self, stegos, contents, _number, covers=None, _unmarked=()):
        done = []
        for at, (stego, content) in enumerate(zip(stegos, contents, strict=True)):
            if self.extract(stego) is None:
                raise ContainerError("the frame carries nothing")
            if covers is not None and not self.may_come_from(stego, covers[at]):
                raise InputError("the cover is another picture")
            done.append(self._embed(stego if covers is None else covers[at], content))
        return done

    def extractor(self):
        return CellExtractor(self)

    def replace_notes(self, _stego, _content):
        return ()

    def may_come_from(self, stego, cover):
        return bool(np.abs(means(stego.planes) - means(cover.planes)).mean() < 24)

    def copy_notes(self, lost):
        return tuple(lost)

    def exact_of(self, stego):
        found = self.extract(stego)
        if found is None:
            return None
        return self._exact(self._bytes(found.found_number, found.objects), found.objects, stego)

    def renew(self, stego):
        return Embedded(stego, exact=self.exact_of(stego))

    def extract(self, stego, hint=None):
        bits = read_bits(stego.planes, self.step)
        columns = stego.width // BLOCK
        data = b"".join(_block_bytes(bits, 0, column) for column in range(columns))
        count = data[2] if len(data) > 2 else 0
        head = data[: 3 + 3 * count]
        if len(data) < 4 + 3 * count or data[3 + 3 * count] != zlib.crc32(head) & 0xFF:
            return None
        objects = tuple(tuple(head[3 + 3 * at : 6 + 3 * at]) for at in range(count))
        intact = all(set(_block_bytes(bits, row, column)) == {warmth} for column, row, warmth in objects)
        clip = hint.clip if isinstance(hint, Hint) else None
        return CellExtract(stego, head[0] << 8 | head[1], objects, intact, clip)

    def _objects(self, content, size):
        """Column and row of a macroblock, and the temperature, of as many objects as there is room for."""
        width, height = size
        found = {}
        for state in content.objects[: (width // BLOCK * BYTES - 4) // 3]:
            x, y, w, h = state.box_px
            column = int(np.clip((x + w / 2) // BLOCK, 0, width // BLOCK - 1))
            row = int(np.clip((y + h / 2) // BLOCK, 1, height // BLOCK - 1))
            warmth = 0 if state.temperature_c is None else int(state.temperature_c.value) & 0xFF
            found.setdefault((column, row), warmth)
        return tuple((*place, warmth) for place, warmth in found.items())

    def _bytes(self, number, objects):
        head = bytes([number >> 8 & 0xFF, number & 0xFF, len(objects)]) + b"".join(map(bytes, objects))
        return head + bytes([zlib.crc32(head) & 0xFF])

    def _data(self, content, size):
        return self._bytes(content.number, self._objects(content, size))

    def _exact(self, data, objects, frame):
        blocks = np.zeros(blocks_shape(frame.width, frame.height), bool)
        blocks[0, : -(-len(data) // BYTES)] = True
        if blocks[0].sum() * BYTES < len(data):
            raise CarrierError("the frame is too small")
        bits = np.zeros((blocks.shape[0] * 4, blocks.shape[1] * 4), bool)
        padded = data.ljust(blocks.shape[1] * BYTES, b"\0")
        for column in range(blocks.shape[1]):
            _set_block(bits, 0, column, padded[BYTES * column : BYTES * column + BYTES])
        for column, row, warmth in objects:
            blocks[row, column] = True
            _set_block(bits, row, column, bytes([warmth] * BYTES))
        return CellContent(bits, blocks, self.step)

    def _embed(self, cover, content):
        size = (cover.width, cover.height)
        objects = self._objects(content, size)
        exact = self._exact(self._bytes(content.number, objects), objects, cover)
        planes = cover.planes.copy()
        write_bits(planes, exact.bits, cells_of(exact.blocks), self.step)
        stego = replace(
            cover, planes=planes, number=content.number, pts=content.pts, time_base=content.time_base
        )
        assert not exact.faults(planes).any()
        return Embedded(stego, exact=exact)


def _block_bytes(bits, row, column):
    cells = bits[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
    return np.packbits(cells.reshape(-1)).tobytes()


def _set_block(bits, row, column, data):
    bits[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = np.unpackbits(
        np.frombuffer(data, np.uint8)
    ).reshape(4, 4)
