"""A toy carrier: the number of objects of a frame in the lowest bits of its first sixteen samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from cssv.carriers.base import CarriedClip, Embedded, FrameContent, Hint
from cssv.errors import ContainerError, InputError
from cssv.frames import U8, Frame
from cssv.scene import Ranges
from cssv.template.drawing import Outline
from cssv.template.state import ObjectState


@dataclass(frozen=True)
class ParityExtract:
    """The count of one frame."""

    stego: Frame
    count: int
    clip: CarriedClip | None = None
    is_intact: bool = True
    damaged_cells: tuple[tuple[int, int], ...] = ()
    origin: tuple[int, int] = (0, 0)

    @property
    def number(self) -> int:
        """As the frame's."""
        return self.stego.number

    @property
    def pts(self) -> int:
        """As the frame's."""
        return self.stego.pts

    @property
    def heat(self) -> U8:
        """Nothing is drawn."""
        return np.zeros_like(self.stego.planes)

    clean_heat = heat

    def states(self, ranges: Ranges) -> tuple[ObjectState, ...]:
        """The pixels hold no objects."""
        return ()


@dataclass(frozen=True)
class ParityCarrier:
    """Count and its complement, one bit a sample."""

    name: ClassVar[str] = "parity"
    needs_lossless: ClassVar[bool] = True

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> ParityCarrier:
        """No options."""
        return cls()

    def options(self) -> dict[str, str]:
        """No options."""
        return {}

    def embed(self, cover: Frame, content: FrameContent) -> Embedded:
        """Set sixteen bits."""
        planes = cover.planes.copy()
        count = len(content.objects) & 0xFF
        bits = np.unpackbits(np.array([count, 255 - count], np.uint8))
        flat = planes.reshape(-1)
        flat[:16] = flat[:16] & 0xFE | bits
        frame = replace(
            cover, planes=planes, number=content.number, pts=content.pts, time_base=content.time_base
        )
        return Embedded(frame)

    def extract(self, stego: Frame, hint: Hint | None = None) -> ParityExtract | None:
        """Read sixteen bits."""
        count, check = np.packbits(stego.planes.reshape(-1)[:16] & 1).tolist()
        return ParityExtract(stego, count) if count + check == 255 else None

    def replace(
        self, stego: Frame, content: FrameContent, cover: Frame | None = None, unmarked: Sequence[Outline] = ()
    ) -> Embedded:
        """Set them again."""
        if self.extract(stego) is None:
            raise ContainerError("the frame carries nothing")
        if cover is not None and not self.may_come_from(stego, cover):
            raise InputError("the cover is another picture")
        return self.embed(cover or stego, content)

    def replace_notes(self, stego: Frame, content: FrameContent) -> tuple[str, ...]:
        """Nothing stays."""
        return ()

    def may_come_from(self, stego: Frame, cover: Frame) -> bool:
        """All other bits are the same."""
        return bool(((stego.planes ^ cover.planes) <= 1).all())
