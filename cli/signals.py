"""Signals that end the process become exceptions, so that temporary files are deleted."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from cssv_cli.exits import HANGUP, INTERRUPTED, TERMINATED


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
    """Raise Stopped at SIGTERM and SIGHUP."""
    causes = {signal.SIGTERM: TERMINATED}
    # Windows has no SIGHUP.
    if hasattr(signal, "SIGHUP"):
        causes[signal.SIGHUP] = HANGUP

    def stop(number: int, _: FrameType | None) -> NoReturn:
        raise Stopped(causes[signal.Signals(number)])

    # An ignored signal stays ignored (nohup), and one that an embedding program handles stays with it.
    changed = [number for number in causes if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in changed:
            signal.signal(number, stop)
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)
