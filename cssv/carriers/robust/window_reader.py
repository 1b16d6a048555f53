"""Reader of the windows of a received clip whose geometry and slots are known."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from cssv.carriers.robust.channel import ChannelReader
from cssv.carriers.robust.follow import ClockFollower
from cssv.carriers.robust.lattice import SLOTS_OF_WINDOW
from cssv.carriers.robust.lock import Lock
from cssv.carriers.robust.pilot import SLOT_S
from cssv.carriers.robust.slot_search import PHASES
from cssv.frames import Frame


@dataclass(frozen=True, slots=True)
class ReadWindow:
    """A window of which all frames were received.

    Attributes:
        number: of the window by the clock of the lock; only its remainder modulo 2 is that of the sender.
        payload: None if it cannot be read.
    """

    number: int
    payload: bytes | None


class WindowReader:
    """Reads the payload of each window as soon as a frame of the next one arrives.

    Args:
        lock: geometry and slots. The slots are followed while frames arrive.
        key: 32 bytes.
    """

    def __init__(self, lock: Lock, key: bytes) -> None:
        self.lock = lock
        self._reader = ChannelReader(lock.area, None, key)
        self._follower = ClockFollower(lock.clock, self._reader.layer)
        self._slots: set[int] = set()
        self._window: int | None = None

    def time_in_window(self, time: Fraction) -> tuple[int, Fraction]:
        """The window of a received time by the clock of the lock, and the sender's seconds since it began."""
        clock = self.lock.clock
        window = clock.slot(time) // SLOTS_OF_WINDOW
        sent = time * clock.time_scale + Fraction(clock.phase, PHASES) * SLOT_S
        return window, sent - window * SLOTS_OF_WINDOW * SLOT_S

    def add(self, frame: Frame) -> list[ReadWindow]:
        """Add the next frame; returns the window that ended before it, if one did."""
        found = self._reader.layer.coefficients(self.lock.luma(frame.luma()))
        clock = self._follower.add(frame.time, found)
        if clock is not self.lock.clock:
            self.lock = self.lock.with_clock(clock)
        slot = self.lock.slot(frame.time)
        window = slot // SLOTS_OF_WINDOW
        done = self.finish() if self._window not in (None, window) else []
        self._window = window
        self._slots.add(slot)
        self._reader.add_coefficients(found, slot)
        return done

    def finish(self) -> list[ReadWindow]:
        """Read the window of the last frames."""
        if self._window is None:
            return []
        read = ReadWindow(self._window, self._reader.read_window(self._window))
        for slot in self._slots:
            self._reader.forget(slot)
        self._slots.clear()
        self._window = None
        return [read]
