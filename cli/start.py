"""The entry point: ends quietly at Ctrl-C even while the libraries are being loaded."""

import os
import sys

from cssv_cli.leaving import leave_at_interrupt

#: Commands that read or change only the table of versions.
_TABLE_ONLY = {"log", "tag", "checkout"}


def main() -> None:
    """Load the command line and run it."""
    # Until the command itself begins, see ``stopping_signals``.
    leave_at_interrupt()
    if _TABLE_ONLY.intersection(sys.argv[1:2]):
        # When it is loaded, NumPy's OpenBLAS starts a thread for each core. These commands use none.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from cssv_cli.main import main as command

    command(prog_name="cssv")
