"""Where the command begins: quiet under Ctrl-C even while the libraries are still being loaded."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

#: Exit code after Ctrl-C. The table of exit codes has it too, but reading that takes the libraries.
INTERRUPTED_CODE = 130


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    # An exception could be swallowed by the library being loaded. There is nothing to clean up yet.
    os._exit(INTERRUPTED_CODE)


def main() -> None:
    """Load the commands and run the one asked for."""
    # What is ignored stays ignored: a job in the background.
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, _leave)
    from cssv_cli.main import main as command

    if is_ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command(prog_name="cssv")
