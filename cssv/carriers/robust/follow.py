"""Clock of a long clip: the slots are followed while the clip is read.

A lock sees the first seconds only. Over these, a copy at 25/24 of the speed differs from the usual one by a
few frames, but after half a minute by more than a slot. Copies may also be joined from pieces, or lose
frames. So the known chips of the latest seconds are compared with the clock again and again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from cssv.carriers.robust.data_layer import DataLayer
from cssv.carriers.robust.qim import SLOT_CLASSES
from cssv.carriers.robust.slot_search import PHASES, TIME_SCALES, SlotClock, find_clock
from cssv.carriers.robust.steps import score_known_chips
from cssv.carriers.robust.transform import F32, F64

#: Seconds between two frames that are looked at, and between two comparisons.
SAMPLE_S, COMPARE_S = Fraction(1, 6), Fraction(2)
#: Seconds that the speed is found from, and those that tell whether the clip goes on at another place.
MEMORY_S, RECENT_S = Fraction(16), Fraction(6)
#: Phases that a clock may go back. Otherwise a clock that jumps goes forward.
_BACK = PHASES * 3 // 4
_PERIOD = SLOT_CLASSES * PHASES


class ClockFollower:
    """Follows the slots of a clip.

    Memory does not depend on the length of the clip.

    Args:
        clock: that of the lock.
        layer: of the received blocks.
    """

    def __init__(self, clock: SlotClock, layer: DataLayer) -> None:
        self.clock = clock
        self._layer = layer
        self._known = int(layer.known.sum())
        self._memory: deque[tuple[Fraction, F64]] = deque()
        self._compared: Fraction | None = None

    def add(self, time: Fraction, coefficients: F32) -> SlotClock:
        """Take a received frame; returns the clock for it and those behind it.

        Args:
            time: of the frame in seconds.
            coefficients: of its blocks.
        """
        if self._memory and 0 <= time - self._memory[-1][0] < SAMPLE_S:
            return self.clock
        if self._memory and time < self._memory[-1][0]:
            # Times that go back are another clip.
            self._memory.clear()
            self._compared = None
        self._memory.append((time, score_known_chips(self._layer, coefficients)))
        while time - self._memory[0][0] > MEMORY_S:
            self._memory.popleft()
        if self._compared is None:
            self._compared = time + RECENT_S - COMPARE_S
        if time - self._compared >= COMPARE_S:
            self._compared = time
            self._compare(time)
        return self.clock

    def _compare(self, now: Fraction) -> None:
        """Choose another clock if it is clearly better."""
        recent = [each for each in self._memory if now - each[0] <= RECENT_S]
        found = self._find(self._memory, self.clock)
        if found is None or self._find(recent, found, ()) is None:
            # The clip may go on at another place. What was before it says nothing about it.
            found = self._find(recent, self.clock)
            if found is None:
                return
            self._memory = deque(recent)
        if (found.phase, found.time_scale) != (self.clock.phase, self.clock.time_scale):
            self.clock = self._continued(found, now)

    def _find(
        self,
        frames: Iterable[tuple[Fraction, F64]],
        current: SlotClock,
        time_scales: Sequence[Fraction] = TIME_SCALES,
    ) -> SlotClock | None:
        times, scores = zip(*frames, strict=True)
        return find_clock(times, scores, self._known, time_scales=time_scales, current=current)

    def _continued(self, found: SlotClock, now: Fraction) -> SlotClock:
        """The same clock with numbers that go on from those so far."""
        ahead = (found.tick(now) - self.clock.tick(now)) % _PERIOD
        if ahead >= _PERIOD - _BACK:
            ahead -= _PERIOD
        return replace(found, phase=found.phase + self.clock.tick(now) + ahead - found.tick(now))
