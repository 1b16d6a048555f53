"""Progress on the terminal, one bar per stage."""

from __future__ import annotations

import shutil
from itertools import repeat
from typing import Any, Self, TextIO

import click

#: Narrower terminals show no speed.
SPEED_COLUMNS = 60


class StageProgress:
    """Shows one progress bar per stage: share, time left, frames per second.

    Called as the library calls its ``progress``: stage, frames done, frames in all (None if not known).

    Args:
        stream: the terminal; None shows nothing.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._stage: str | None = None
        self._bar: Any = None

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Show that ``done`` frames of a stage are done."""
        if self._stream is None:
            return
        if stage != self._stage:
            self.close()
            self._stage, self._bar = stage, _open_bar(self._stream, stage, total)
        self._bar.update(done - self._bar.pos)

    def close(self) -> None:
        """End the line of the current stage; may be called twice."""
        if self._bar is not None:
            self._bar.render_finish()
        self._stage = self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_bar(stream: TextIO, stage: str, total: int | None) -> Any:  # noqa: ANN401 - click does not export it
    bar: Any = click.progressbar(
        # Without a length, click shows a moving mark and needs something endless to count.
        repeat(None) if total is None else None,
        length=total,
        label=f"{stage:<9}",
        show_pos=True,
        show_percent=total is not None,
        width=0,
        file=stream,
    )
    bar.item_show_func = lambda _item: _speed_text(bar.time_per_iteration)
    return bar


def _speed_text(seconds: float) -> str | None:
    # click measures for a second before it knows the time per frame, and lets a long line wrap.
    is_wide = shutil.get_terminal_size().columns >= SPEED_COLUMNS
    return f"{1 / seconds:.1f} frames/s" if seconds and is_wide else None
