"""The constructive carrier: the scene of each window in the lowest bits; the heat map is drawn from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np

from cssv.carriers.base import Embedded, FrameContent, WindowSpan
from cssv.carriers.constructive.extractor import ConstructiveExtractor
from cssv.carriers.constructive.keys import PUBLIC_KEY
from cssv.carriers.constructive.spans import WINDOW_S, WINDOW_S_RANGE, most_frames
from cssv.carriers.constructive.windows import (
    capacity,
    choose_mode,
    embed_window,
    expected_changes,
    is_too_small,
    read_windows,
    replace_window,
)
from cssv.carriers.window_payload import payloads_differ, window_payload
from cssv.errors import ContainerError, InputError, OptionError
from cssv.frames import LAYOUTS, U8, Frame, Layout
from cssv.payload.sealing import WINDOW_CONTEXT, PayloadKey
from cssv.template.drawing import Outline


@dataclass(frozen=True, slots=True)
class ConstructiveCarrier:
    """Hides the objects of each window as few bytes; implements :class:`cssv.carriers.base.WindowCarrier`.

    No byte changes by more than one, and no high nibble changes. So the decoder finds the same outlines and
    edges as the encoder, and draws the same heat map.

    Attributes:
        window_s: seconds of a window; every run of frames of twice this length holds a whole window.
        payload_key: seals the payloads and chooses their places in the pixels; None leaves them readable.

    Raises:
        OptionError: a window outside its bounds.
    """

    name: ClassVar[str] = "constructive"
    needs_lossless: ClassVar[bool] = True
    layouts: ClassVar[tuple[Layout, ...]] = LAYOUTS

    window_s: Fraction = Fraction(WINDOW_S)
    payload_key: PayloadKey | None = None

    def __post_init__(self) -> None:
        low, high = WINDOW_S_RANGE
        if not low <= self.window_s <= high:
            raise OptionError(
                "the length of a window is out of range",
                found=str(self.window_s),
                bound=f"{low} to {high} s",
                remedy="Change `window=`.",
            )

    @property
    def _positions(self) -> bytes:
        """The key that chooses the places."""
        return PUBLIC_KEY if self.payload_key is None else self.payload_key.positions

    def with_key(self, key: PayloadKey) -> ConstructiveCarrier:
        """The same carrier with the key of a password."""
        return replace(self, payload_key=key)

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> ConstructiveCarrier:
        """Create a carrier from the option ``window``, seconds of a window as a number or fraction."""
        text = options.get("window", str(WINDOW_S))
        try:
            return cls(Fraction(text))
        except (ValueError, ZeroDivisionError) as error:
            if isinstance(error, OptionError):
                raise
            raise OptionError("the length of a window is no number", found=text) from error

    def options(self) -> dict[str, str]:
        """The length of a window."""
        return {"window": str(self.window_s)}

    def span(self, layout: Layout, width: int, height: int) -> WindowSpan:
        """The longest window."""
        return WindowSpan(self.window_s, most_frames(layout, width, height))

    def payload(self, contents: Sequence[FrameContent], number: int, size: tuple[int, int]) -> bytes:
        """The objects and a part of the scene; sealed if there is a key."""
        payload = window_payload(contents, number, size)
        return payload if self.payload_key is None else self.payload_key.seal(payload, WINDOW_CONTEXT)

    def capacity_bytes(self, layout: Layout, width: int, height: int, frames: int) -> int:
        """Largest payload of a window; 0 if the frames are too small."""
        return 0 if is_too_small(width, height) else capacity(layout, frames)

    def expected_distortion(
        self, layout: Layout, width: int, height: int, frames: int, payload_bytes: int
    ) -> float:
        """Expected number of changed bytes, because each changes by one."""
        mode = choose_mode(layout, frames, payload_bytes)
        return expected_changes(mode, width, height, payload_bytes)

    def differs(
        self,
        old: Sequence[FrameContent],
        new: Sequence[FrameContent],
        number: int,
        size: tuple[int, int],
    ) -> bool:
        """Whether the payloads differ."""
        return payloads_differ(old, new, number, size)

    def embed_window(
        self, covers: Sequence[Frame], contents: Sequence[FrameContent], number: int
    ) -> list[Embedded]:
        """Hide the payload of a window in its frames."""
        first = covers[0]
        payload = self.payload(contents, number, (first.width, first.height))
        covered = [cover.planes for cover in covers]
        planes = embed_window(covered, first.layout, payload, number, self._positions)
        return _embedded(planes, covers, contents)

    def replace_window(
        self,
        stegos: Sequence[Frame],
        contents: Sequence[FrameContent],
        number: int,
        covers: Sequence[Frame] | None = None,
        unmarked: Sequence[Sequence[Outline]] = (),  # noqa: ARG002 - outlines are found again
    ) -> list[Embedded]:
        """Hide another payload in frames that carry one.

        Without the covers the stego frames serve as covers; each byte is at most 2 levels off.
        """
        if covers is not None:
            self._check_covers(stegos, covers)
            return self.embed_window(covers, contents, number)
        first, planes = stegos[0], [stego.planes for stego in stegos]
        found = read_windows(planes, first.layout, self._positions)
        if not found:
            raise ContainerError(
                f"frames {first.number} to {stegos[-1].number} carry no payload",
                remedy="Run `cssv.verify()` to find the damage.",
            )
        payload = self.payload(contents, number, (first.width, first.height))
        if found[0].payload != payload:
            planes = replace_window(planes, first.layout, payload, number, self._positions)
        return _embedded(planes, stegos, contents)

    def _check_covers(self, stegos: Sequence[Frame], covers: Sequence[Frame]) -> None:
        for stego, cover in zip(stegos, covers, strict=True):
            if not self.may_come_from(stego, cover):
                raise InputError(
                    "the cover is not the clip that was encoded",
                    found=f"another picture in frame {stego.number}",
                    remedy="Give the clip that was encoded.",
                )

    def replace_notes(self, stego: Frame, content: FrameContent) -> tuple[str, ...]:  # noqa: ARG002
        """Nothing stays unchanged: a payload holds the scene."""
        return ()

    def may_come_from(self, stego: Frame, cover: Frame) -> bool:
        """Whether no byte differs by more than one, and no high nibble differs."""
        if cover.layout != stego.layout or cover.planes.shape != stego.planes.shape:
            return False
        # The difference of unsigned bytes is 0, 1 or, for minus 1, 255.
        near = (cover.planes - stego.planes + 1) <= 2
        return bool(near.all() and ((cover.planes ^ stego.planes) < 16).all())

    def extractor(self) -> ConstructiveExtractor:
        """An extractor for one source."""
        return ConstructiveExtractor(self._positions, self.payload_key)


def _embedded(
    planes: Sequence[U8], frames: Sequence[Frame], contents: Sequence[FrameContent]
) -> list[Embedded]:
    """Stego frames with the numbers and times of their contents."""
    return [
        Embedded(
            replace(
                frame,
                planes=np.asarray(own),
                pts=content.pts,
                time_base=content.time_base,
                number=content.number,
            )
        )
        for own, frame, content in zip(planes, frames, contents, strict=True)
    ]
