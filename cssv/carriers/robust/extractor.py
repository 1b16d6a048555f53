"""Extraction: the windows of a received clip, and the content of each frame from them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from cssv.carriers.base import CarriedClip, FrameContent, Hint, Read
from cssv.carriers.carried_scene import CarriedScene
from cssv.carriers.robust.extract import RobustExtract
from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.lattice import SLOTS_OF_WINDOW
from cssv.carriers.robust.lock import Lock, find_lock
from cssv.carriers.robust.pilot import SLOT_S, slot_of
from cssv.carriers.robust.slot_search import SlotClock
from cssv.carriers.robust.slots import MOST_BYTES, WINDOW_S
from cssv.carriers.robust.window_reader import ReadWindow, WindowReader
from cssv.carriers.window_payload import window_content
from cssv.errors import FramingError, PasswordError
from cssv.frames import Frame
from cssv.payload.sealing import WINDOW_CONTEXT, PayloadKey
from cssv.payload.window import Window
from cssv.payload.window_bytes import read_window
from cssv.payload.window_states import window_states
from cssv.template.state import ObjectState

#: Seconds of frames after which the geometry is searched: they hold a whole window and its beginning.
SEARCH_S = Fraction(4)
#: Seconds of frames that wait for a window that can be read, before they are returned without content.
WAIT_S = Fraction(8)
#: Difference of the steps of a copy and of the clip, as a share, up to which their frames are the same.
_SAME_RATE = Fraction(1, 20)
#: A time that is less than this share of a step before a frame is that of the frame: containers such as WebM
#: round times to milliseconds.
_ROUNDING = Fraction(1, 4)


@dataclass(frozen=True, slots=True)
class _Content:
    """A window that was read.

    Attributes:
        number: of the window by the reader's clock.
        window: the payload.
        frames: objects of each frame.
        clip: what is known of the clip.
        begin: the sender's time at which the window begins, in seconds.
    """

    number: int
    window: Window
    frames: Sequence[tuple[ObjectState, ...]]
    clip: CarriedClip
    begin: Fraction

    def frame_at(self, time: Fraction) -> int:
        """The frame that is shown at a time of the sender; -1 before the first one."""
        pts = self.window.pts
        step = Fraction(pts[-1] - pts[0], max(len(pts) - 1, 1))
        return bisect_right(pts, time / self.window.time_base + _ROUNDING * step) - 1

    def content(self, at: int) -> FrameContent:
        """The content of a frame."""
        return window_content(self.window, at, self.frames[at], self.clip.scene)


class RobustExtractor:
    """Extractor of the robust carrier; implements :class:`cssv.carriers.base.Extractor`.

    Frames wait until geometry and slots are found, and then until the payload of their window is read. A
    frame whose window cannot be read is returned without objects when another window is known.

    Args:
        key: 32 bytes that choose dithers and masks.
        payload_key: opens the payloads; None if they are not sealed.
    """

    def __init__(self, key: bytes, payload_key: PayloadKey | None = None) -> None:
        self._key = key
        self._payload_key = payload_key
        self._waiting: deque[Frame] = deque()
        self._reader: WindowReader | None = None
        self._own: WindowReader | None = None
        self._is_given_up = False
        self._scene = CarriedScene()
        self._known: dict[int, _Content] = {}
        self._closed: int | None = None
        self._last: _Content | None = None
        # What is to be added to the sender's times by the clock, once it is known, and the clock it is for.
        self._shift_s: Fraction | None = None
        self._shifted: SlotClock | None = None

    @property
    def reach_s(self) -> Fraction:
        """The length of a window."""
        return Fraction(WINDOW_S)

    def feed(self, stego: Frame, hint: Hint) -> Iterator[Read]:  # noqa: ARG002 - it needs no hint
        """Take the next frame; returns the frames whose content is known now."""
        if self._is_given_up or stego.layout != "yuv420p":
            self._is_given_up = True
            yield from self._give_up()
            yield stego, None
            return
        self._waiting.append(stego)
        if self._reader is not None:
            self._note(self._reader.add(stego))
        elif not self._try_own(self._own_reader(stego).add(stego)) and self._is_enough():
            self._search()
        yield from self._release()

    def finish(self) -> Iterator[Read]:
        """Return the frames that still wait."""
        if self._reader is None and self._own is not None and not self._try_own(self._own.finish()):
            self._search()
        if self._reader is None:
            yield from self._give_up()
            return
        self._note(self._reader.finish())
        yield from self._release(everything=True)

    def _is_enough(self) -> bool:
        """Whether the waiting frames suffice for the search."""
        return self._waiting[-1].time - self._waiting[0].time >= SEARCH_S or self._is_full()

    def _is_full(self) -> bool:
        """Whether the waiting frames take as much memory as they may; a clip may claim any frame rate."""
        return len(self._waiting) * self._waiting[0].planes.nbytes >= MOST_BYTES

    def _own_reader(self, first: Frame) -> WindowReader:
        """A reader for a clip that was neither cut nor changed in size, such as a ``.cssv``."""
        if self._own is None:
            geometry = Geometry.identity(first.width, first.height)
            self._own = WindowReader(Lock(geometry, SlotClock(0, 0.0)), self._key)
        return self._own

    def _try_own(self, read: Sequence[ReadWindow]) -> bool:
        """Whether the source is such a clip: a window of it can be read."""
        if not any(each.payload is not None for each in read):
            return False
        self._reader, self._own = self._own, None
        self._note(read)
        return True

    def _search(self) -> None:
        """Find geometry and slots, and read the frames that wait."""
        frames, self._own = list(self._waiting), None
        lock = find_lock(
            [frame.luma() for frame in frames], [frame.time for frame in frames], self._key, full_search=True
        )
        if lock is None:
            self._is_given_up = True
            return
        self._reader = WindowReader(lock, self._key)
        for frame in frames:
            self._note(self._reader.add(frame))

    def _give_up(self) -> Iterator[Read]:
        while self._waiting:
            yield self._waiting.popleft(), None

    def _note(self, read: Sequence[ReadWindow]) -> None:
        for each in read:
            self._closed = each.number
            if each.payload is None:
                continue
            try:
                window = read_window(self._opened(each.payload))
                frames = window_states(window)
                clip = self._scene.add(window)
            except (FramingError, PasswordError):
                continue
            begin = slot_of(window.pts[0] * window.time_base) // SLOTS_OF_WINDOW * Fraction(WINDOW_S)
            self._last = self._known[each.number] = _Content(each.number, window, frames, clip, begin)
            clock = self._reader.lock.clock if self._reader is not None else None
            if clock is not self._shifted:
                # Each clock has an error of its own.
                self._shift_s = self._find_shift(self._last)
                self._shifted = clock if self._shift_s is not None else None

    def _find_shift(self, content: _Content) -> Fraction | None:
        """The error of the clock, from the first frame of the second slot of a window.

        The clock knows the beginning of a slot to one frame. If the copy has the frame rate of the clip, its
        frames are those of the clip, and so the first ones of the slot are the same.
        """
        assert self._reader is not None
        base, pts = content.window.time_base, content.window.pts
        half = content.begin + SLOT_S
        at = bisect_left(pts, half / base)
        places = [(self._reader.time_in_window(frame.time), frame) for frame in self._waiting]
        inside = [(since, frame.time) for (number, since), frame in places if number == content.number]
        after = next((i for i, (since, _) in enumerate(inside) if since >= SLOT_S), 0)
        if not (0 < at < len(pts) and 0 < after < len(inside)):
            return None
        sent = (pts[at] - pts[at - 1]) * base
        received = (inside[after][1] - inside[after - 1][1]) * self._reader.lock.clock.time_scale
        if abs(sent - received) > _SAME_RATE * sent:
            return Fraction(0)
        return pts[at] * base - content.begin - inside[after][0]

    def _opened(self, payload: bytes) -> bytes:
        return payload if self._payload_key is None else self._payload_key.open(payload, WINDOW_CONTEXT)

    def _release(self, *, everything: bool = False) -> Iterator[Read]:
        """Frames at the front whose content is known, or that have waited too long."""
        while self._waiting:
            if self._reader is None:
                if self._is_given_up:
                    yield from self._give_up()
                return
            frame = self._waiting[0]
            number, since = self._reader.time_in_window(frame.time)
            is_read = self._closed is not None and number <= self._closed
            waited = self._waiting[-1].time - frame.time
            is_due = is_read and (self._last is not None or waited >= WAIT_S)
            if not (is_due or everything or self._is_full()):
                return
            self._waiting.popleft()
            yield frame, self._extract(frame, number, since)
            for old in [known for known in self._known if known < number]:
                del self._known[old]

    def _extract(self, frame: Frame, number: int, since: Fraction) -> RobustExtract:
        assert self._reader is not None
        geometry = self._reader.lock.geometry
        found = self._known.get(number)
        near = found or self._last
        if near is None:
            # Marks are there, but no window of them can be read.
            return RobustExtract(frame, geometry, frame.number, frame.pts, None, None)
        if near.clip.size is not None:
            geometry = replace(geometry, sent=near.clip.size)
        time = near.begin + (number - near.number) * WINDOW_S + since + (self._shift_s or 0)
        at = near.frame_at(time)
        if found is not None:
            at = min(max(at, 0), len(found.frames) - 1)
            content = found.content(at)
            return RobustExtract(frame, geometry, content.number, content.pts, found.clip, content)
        # No window tells of this frame: times go on as in the nearest one.
        pts = near.window.pts
        step = pts[1] - pts[0] if len(pts) > 1 else 1
        steps = round((time / near.window.time_base - pts[0]) / step)
        first = near.window.number
        return RobustExtract(frame, geometry, max(first + steps, 0), pts[0] + steps * step, near.clip, None)
