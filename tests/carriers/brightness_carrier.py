"""A tiny carrier whose content survives a lossy codec: one byte a frame, in the brightness of fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from cssv.carriers.base import Embedded, Hint
from cssv.errors import ContainerError, InputError
from cssv.frames import Layout, split_planes
from cssv.template.state import ObjectState

#: Fields of the picture, two rows of eight: the byte, and its complement as a check.
ROWS, COLUMNS = 2, 8
#: Distance of the brightness levels that stand for 0 and 1; a lossy codec moves the mean of a field far less.
STEP = 12


def fields(frame):
    """The fields of a frame, as views on its first plane."""
    plane = split_planes(frame.planes, frame.layout)[0]
    height, width = plane.shape
    h, w = height // ROWS, width // COLUMNS
    return [plane[r * h : (r + 1) * h, c * w : (c + 1) * w] for r in range(ROWS) for c in range(COLUMNS)]


def bits_of(byte):
    return [byte >> k & 1 for k in range(COLUMNS)] + [1 - (byte >> k & 1) for k in range(COLUMNS)]


@dataclass(frozen=True)
class BrightnessExtract:
    """The byte of one frame: its number of objects."""

    stego: object
    count: int
    clip: object = None
    is_intact: bool = True
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
            ObjectState(track + 1, "", 1.0, (0.0, 0.0, 1.0, 1.0), zero, zero, zero, np.inf)
            for track in range(self.count)
        )


@dataclass(frozen=True)
class BrightnessCarrier:
    """Moves the mean brightness of each field to the next multiple of STEP whose parity is the bit."""

    name: ClassVar[str] = "brightness"
    needs_lossless: ClassVar[bool] = False
    layouts: ClassVar[tuple[Layout, ...]] = ("yuv420p",)

    @classmethod
    def from_options(cls, _options):
        return cls()

    def options(self):
        return {}

    def embed(self, cover, content):
        planes = cover.planes.copy()
        stego = replace(
            cover, planes=planes, number=content.number, pts=content.pts, time_base=content.time_base
        )
        for field, bit in zip(fields(stego), bits_of(len(content.objects) & 0xFF), strict=True):
            mean = field.mean(dtype=float)
            level = 2 * round((mean / STEP - bit) / 2) + bit
            # A field that cannot become darker or brighter takes the nearest level inside.
            level = min(max(level, 2 + bit), int(255 / STEP) - 2 + bit)
            moved = field.astype(float) + (level * STEP - mean)
            for _ in range(4):
                moved = np.clip(moved, 0, 255)
                moved += level * STEP - moved.mean()
            field[...] = np.clip(np.rint(moved), 0, 255)
        return Embedded(stego)

    def extract(self, stego, hint=None):
        levels = [round(field.mean(dtype=float) / STEP) for field in fields(stego)]
        bits = [level & 1 for level in levels]
        byte = sum(bit << k for k, bit in enumerate(bits[:COLUMNS]))
        if bits != bits_of(byte):
            return None
        return BrightnessExtract(stego, byte, (hint or Hint()).clip)

    def replace(self, stego, content, cover=None, unmarked=()):  # noqa: ARG002
        if self.extract(stego) is None:
            raise ContainerError("the frame carries nothing")
        if cover is None:
            same = self.extract(stego).count == len(content.objects)
            return Embedded(stego) if same else self.embed(stego, content)
        if not self.may_come_from(stego, cover):
            raise InputError("the cover is another picture")
        return self.embed(cover, content)

    def replace_notes(self, stego, content):  # noqa: ARG002
        return ()

    def may_come_from(self, stego, cover):
        pairs = zip(fields(stego), fields(cover), strict=True)
        return all(abs(a.mean(dtype=float) - b.mean(dtype=float)) <= 2 * STEP for a, b in pairs)
