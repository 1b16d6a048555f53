"""Signals that end the process become exceptions, so that temporary files are deleted."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from cssv_cli.exits import HANGUP, INTERRUPTED, TERMINATED
from cssv_cli.leaving import leave


class Stopped(KeyboardInterrupt):
    """A signal that ends the process; cleaned up after like Ctrl-C.

    Attributes:
        cause: in the table of exit codes.
    """

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(cause)


def cause_of(interrupt: KeyboardInterrupt) -> str:
    """The cause in the table of exit codes."""
    return interrupt.cause if isinstance(interrupt, Stopped) else INTERRUPTED


@contextmanager
def stopping_signals() -> Iterator[None]:
    """Raise Stopped at SIGTERM and SIGHUP, and KeyboardInterrupt at Ctrl-C, for code that cleans up."""
    causes = {signal.SIGTERM: TERMINATED}
    # Windows has no SIGHUP.
    if hasattr(signal, "SIGHUP"):
        causes[signal.SIGHUP] = HANGUP

    def stop(number: int, _: FrameType | None) -> NoReturn:
        raise Stopped(causes[signal.Signals(number)])

    # An ignored signal stays ignored (nohup), and one that an embedding program handles stays with it.
    changed = [number for number in causes if signal.getsignal(number) is signal.SIG_DFL]
    is_leaving = signal.getsignal(signal.SIGINT) is leave
    try:
        for number in changed:
            signal.signal(number, stop)
        if is_leaving:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
    finally:
        if is_leaving:
            signal.signal(signal.SIGINT, leave)
        for number in changed:
            signal.signal(number, signal.SIG_DFL)
