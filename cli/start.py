"""The entry point: ends quietly at Ctrl-C even while the libraries are being loaded."""

from cssv_cli.leaving import leave_at_interrupt


def main() -> None:
    """Load the command line and run it."""
    # Until the command itself begins, see ``stopping_signals``.
    leave_at_interrupt()
    from cssv_cli.main import main as command

    command(prog_name="cssv")
