"""The handler of Ctrl-C while there is nothing to clean up.

This module loads nothing, so that as little time as possible passes before the handler is set: not even
``signal``, whose enumerations take milliseconds, but the built-in module below it.
"""

import _signal  # type: ignore[import-not-found]
import os

#: Exit code after Ctrl-C. The table of exit codes has it too, but cannot be read before it is loaded.
INTERRUPTED_CODE = 130


def leave(_number: int, _frame: object) -> None:
    """End the process at once."""
    # A library that is being loaded could swallow an exception, and click makes exit code 1 of it.
    os._exit(INTERRUPTED_CODE)


def leave_at_interrupt() -> None:
    """Set the handler, unless Ctrl-C is ignored, as for a job in the background, or handled by others."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, leave)
