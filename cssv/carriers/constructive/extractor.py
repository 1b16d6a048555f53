"""Extraction: the windows of a source, and the content of each frame constructed from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from cssv.carriers.base import UNSCALED, CarriedClip, Hint, Read
from cssv.carriers.carried_scene import CarriedScene
from cssv.carriers.constructive.finder import CarriedWindow, WindowFinder
from cssv.carriers.constructive.search import SEARCH_FRAMES
from cssv.carriers.constructive.slot_reader import PictureOrigin
from cssv.carriers.constructive.slots import LONGEST_SLOT
from cssv.carriers.constructive.spans import MOST_FRAMES, most_frames
from cssv.errors import FramingError, PasswordError
from cssv.frames import U8, Frame, cut_planes, planes_shape
from cssv.payload.sealing import WINDOW_CONTEXT, PayloadKey
from cssv.payload.window import Window
from cssv.payload.window_bytes import read_window
from cssv.payload.window_states import window_states
from cssv.scene import Ranges
from cssv.template.draw import draw
from cssv.template.drawing import PixelBox
from cssv.template.render import empty_template, render
from cssv.template.state import ObjectState

#: Frames without any packet after which the source carries nothing: the longest window and slot, and no place
#: of the tiles was found in as many frames as a search looks at.
GIVE_UP_FRAMES = max(MOST_FRAMES, SEARCH_FRAMES) + LONGEST_SLOT


@dataclass(frozen=True, slots=True)
class FoundWindow:
    """A window whose payload was read.

    Attributes:
        start: its first frame, counted from the first frame of the source; below 0 if that was cut off.
        window: the payload.
        frames: objects of each of its frames.
        clip: what is known of the clip.
        origin: x, y of the picture's top left pixel in the whole frame; None if it is not known.
    """

    start: int
    window: Window
    frames: tuple[tuple[ObjectState, ...], ...]
    clip: CarriedClip
    origin: tuple[int, int] | None

    @property
    def stop(self) -> int:
        """The first frame after it."""
        return self.start + len(self.frames)


class ConstructiveExtract:
    """The content of one frame of a window; implements :class:`cssv.carriers.base.Extracted`.

    Args:
        stego: the frame.
        number: frame number in the encoded clip.
        pts: presentation time in the encoded clip.
        origin: x, y of the picture's top left pixel in the encoded clip; None if it is not known.
        size: width and height of the frames of the encoded clip.
        clip: what is known of the clip.
        objects: of the frame; None if the payload of its window cannot be read.
    """

    def __init__(
        self,
        stego: Frame,
        number: int,
        pts: int,
        origin: tuple[int, int] | None,
        size: tuple[int, int],
        clip: CarriedClip,
        objects: tuple[ObjectState, ...] | None,
    ) -> None:
        self._stego = stego
        self.number = number
        self.pts = pts
        self.origin = origin or (0, 0)
        self._is_placed = origin is not None
        self.clip = clip
        self._size = size
        self._objects = objects

    @property
    def scale(self) -> tuple[float, float]:
        """Always (1, 1): a scaled picture carries nothing."""
        return UNSCALED

    @property
    def is_intact(self) -> bool:
        """Whether the payload of the frame's window was read."""
        return self._objects is not None

    @property
    def is_missing(self) -> bool:
        """Whether the payload of the frame's window was not read."""
        return self._objects is None

    @property
    def damaged_cells(self) -> tuple[tuple[int, int], ...]:
        """Always empty: a payload is read completely or not at all."""
        return ()

    @cached_property
    def heat(self) -> U8:
        """The template, drawn from the payload and the high nibbles of the frame."""
        frame, objects = self._stego, self._objects or ()
        if not self._is_placed:
            return empty_template(frame.layout, frame.width, frame.height)
        if (frame.width, frame.height) == self._size:
            return _draw(objects, self.clip.ranges, frame)
        # A crop is drawn in its place, so that it gets the same bytes as the whole picture does there.
        left, top = self.origin
        whole = np.zeros(planes_shape(frame.layout, *self._size), np.uint8)
        window = (left, top, frame.width, frame.height)
        _paste(whole, frame, window)
        heat = _draw(objects, self.clip.ranges, Frame(whole, frame.layout, 0, frame.time_base))
        return cut_planes(heat, frame.layout, window)

    @property
    def clean_heat(self) -> U8:
        """The template: this carrier has no marks."""
        return self.heat

    def states(self, ranges: Ranges) -> tuple[ObjectState, ...]:  # noqa: ARG002 - values are in their units
        """Objects of the whole frame, also those outside of a crop."""
        return self._objects or ()


def _draw(objects: Sequence[ObjectState], ranges: Ranges, frame: Frame) -> U8:
    if not objects:
        return empty_template(frame.layout, frame.width, frame.height)
    luma, size = frame.luma() & np.uint8(0xF0), (frame.width, frame.height)
    explored: dict[PixelBox, tuple[bytes, int]] = {}
    drawings = (draw(state, ranges, luma, size, None, explored) for state in objects)
    return render([drawing for drawing in drawings if drawing is not None], luma, frame.layout)


def _paste(whole: U8, frame: Frame, window: tuple[int, int, int, int]) -> None:
    """Put a crop into the planes of the whole frame, in place."""
    left, top, width, _ = window
    target = Frame(whole, frame.layout, 0, frame.time_base)
    for plane, part in zip(target.split(), frame.split(), strict=True):
        step = width // part.shape[1]
        y, x = top // step, left // step
        plane[y : y + part.shape[0], x : x + part.shape[1]] = part


class ConstructiveExtractor:
    """Extractor of the constructive carrier; implements :class:`cssv.carriers.base.Extractor`.

    A frame waits until the payload of its window is read. A frame whose window cannot be read, because the
    source begins or ends inside of it, is returned without objects when a later window is known.

    Args:
        positions: 32 bytes that choose the places of the payloads.
        payload_key: opens the payloads; None if they are not sealed.
    """

    def __init__(self, positions: bytes, payload_key: PayloadKey | None = None) -> None:
        self._positions = positions
        self._payload_key = payload_key
        self._finder: WindowFinder | None = None
        self._size = (0, 0)
        self._waiting: deque[Frame] = deque()
        self._next = 0
        self._windows: deque[FoundWindow] = deque()
        self._last: FoundWindow | None = None
        self._scene = CarriedScene()
        self._reach_s = Fraction(0)

    @property
    def reach_s(self) -> Fraction:
        """The length of the longest window found so far."""
        return self._reach_s

    def feed(self, stego: Frame, hint: Hint) -> Iterator[Read]:  # noqa: ARG002 - it needs no hint
        """Take the next frame; returns the frames whose content is known now."""
        most = 2 * most_frames(stego.layout, stego.width, stego.height)
        if self._finder is None:
            # The search for the tiles of a crop must end while the first frame still waits.
            self._finder = WindowFinder(stego.layout, self._positions, search_after=min(most, SEARCH_FRAMES))
        self._size = stego.width, stego.height
        self._waiting.append(stego)
        self._note(self._finder.feed(stego.planes))
        # A window without any packet in so many frames is none; frames at the front of more than two windows
        # belong to none that is still to be read.
        limit = most if self._finder.begun is not None else min(most, GIVE_UP_FRAMES)
        yield from self._release(len(self._waiting) - limit)

    def finish(self) -> Iterator[Read]:
        """Return the frames that still wait."""
        if self._finder is not None:
            self._note(self._finder.finish())
        yield from self._release(len(self._waiting))

    def _note(self, found: Sequence[CarriedWindow]) -> None:
        for each in found:
            try:
                window = read_window(self._opened(each.payload))
                frames = window_states(window)
                clip = self._scene.add(window)
            except (FramingError, PasswordError):
                # Packets of different windows can be joined by chance where frames were removed.
                continue
            self._reach_s = max(self._reach_s, _length_s(window))
            origin = _origin(each.origin, window.size, self._size)
            self._last = FoundWindow(each.start, window, tuple(frames), clip, origin)
            self._windows.append(self._last)

    def _opened(self, payload: bytes) -> bytes:
        return payload if self._payload_key is None else self._payload_key.open(payload, WINDOW_CONTEXT)

    def _release(self, most: int) -> Iterator[Read]:
        """Frames at the front whose content is known, and in any case the first ``most`` ones."""
        done = 0
        while self._waiting:
            while self._windows and self._windows[0].stop <= self._next:
                self._windows.popleft()
            near = self._windows[0] if self._windows else None
            if near is None and done >= most:
                return
            frame = self._waiting.popleft()
            yield frame, self._extract(frame, near or self._last)
            self._next, done = self._next + 1, done + 1

    def _extract(self, frame: Frame, near: FoundWindow | None) -> ConstructiveExtract | None:
        if near is None:
            return None
        at, pts = self._next - near.start, near.window.pts
        is_inside = 0 <= at < len(pts)
        if is_inside:
            time = pts[at]
        else:
            # No window tells of this frame: times go on as in the nearest one.
            step = pts[1] - pts[0] if len(pts) > 1 else 1
            time = pts[0] + at * step
        number = max(near.window.number + at, 0)
        objects = near.frames[at] if is_inside else None
        return ConstructiveExtract(frame, number, time, near.origin, near.window.size, near.clip, objects)


def _length_s(window: Window) -> Fraction:
    """Seconds from the first frame of a window to the end of its last one."""
    pts = window.pts
    step = pts[-1] - pts[-2] if len(pts) > 1 else 1
    return (pts[-1] - pts[0] + step) * window.time_base


def _origin(
    stated: PictureOrigin | None, whole: tuple[int, int], size: tuple[int, int]
) -> tuple[int, int] | None:
    """Where a picture is in the whole frame; None if that is not stated, or impossible."""
    if size == whole:
        return 0, 0
    if stated is None:
        return None
    room = whole[0] - size[0], whole[1] - size[1]
    return (stated.x, stated.y) if 0 <= stated.x <= room[0] and 0 <= stated.y <= room[1] else None
