"""Ctrl-C while libraries are being loaded."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from cssv_cli.leaving import leave


@contextmanager
def quiet_interrupt() -> Iterator[None]:
    """End the process quietly at Ctrl-C, for code that only loads libraries."""
    # An ignored signal stays ignored, as for a job in the background.
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
