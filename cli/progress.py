"""How far the work is, on stderr, stage by stage."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import TextIO

from cssv.files.closing import Closing
from cssv_cli.words import clock, count

#: Seconds between two drawings of the bar.
INTERVAL_S = 0.1
BAR_CHARS = 24


class ProgressBar(Closing):
    """One line per stage: bar, percentage, frames per second, time left.

    Called as the library calls its ``progress``: stage, frames done, frames in all (None when unknown).

    Args:
        stream: the terminal; None shows nothing.
        now: the time in seconds.
    """

    def __init__(self, stream: TextIO | None, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._stage: str | None = None
        self._done = 0
        self._total: int | None = None
        self._begun = self._drawn = 0.0
        self._width = 0

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Take note of one more frame; draw when enough time has passed."""
        if self._stream is None:
            return
        now = self._now()
        if stage != self._stage:
            self.close()
            self._stage, self._begun, self._drawn = stage, now, 0.0
        self._done, self._total = done, total
        if now - self._drawn >= INTERVAL_S:
            self._drawn = now
            self._draw(self._line(now))

    def _line(self, now: float) -> str:
        # The first call comes when the first frame is done, so the clock saw one frame less.
        speed = (self._done - 1) / (now - self._begun) if now > self._begun else 0.0
        parts = [f"{self._stage:<9}"]
        if self._total:
            share = min(1.0, self._done / self._total)
            filled = round(share * BAR_CHARS)
            parts.append(f"[{'#' * filled}{'-' * (BAR_CHARS - filled)}] {share:4.0%}")
        else:
            parts.append(count(self._done, "frame"))
        if speed > 0:
            parts.append(f"{speed:.1f} frames/s")
            if self._total and self._total > self._done:
                parts.append(f"{clock((self._total - self._done) / speed)} left")
        return "  ".join(parts)

    def _draw(self, line: str) -> None:
        assert self._stream is not None
        line = line[: shutil.get_terminal_size().columns - 1]
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)

    def close(self) -> None:
        """End the stage's line with what was done and how long it took; may be called twice."""
        if self._stream is None or self._stage is None:
            return
        self._draw(f"{self._stage:<9}  {count(self._done, 'frame')} in {clock(self._now() - self._begun)}")
        self._stream.write("\n")
        self._stream.flush()
        self._stage, self._width = None, 0
