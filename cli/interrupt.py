"""Ctrl-C while libraries are being loaded."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

#: Exit code after Ctrl-C. The table of exit codes has it too, but cannot be read before it is loaded.
INTERRUPTED_CODE = 130


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    # The library being loaded could swallow an exception. There is nothing to clean up yet.
    os._exit(INTERRUPTED_CODE)


@contextmanager
def quiet_interrupt() -> Iterator[None]:
    """End the process quietly at Ctrl-C, for code that only loads libraries."""
    # An ignored signal stays ignored, as for a job in the background.
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
