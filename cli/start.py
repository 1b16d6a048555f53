"""The entry point: ends quietly at Ctrl-C even while the libraries are being loaded."""

from __future__ import annotations

from cssv_cli.interrupt import quiet_interrupt


def main() -> None:
    """Load the command line and run it."""
    with quiet_interrupt():
        from cssv_cli.main import main as command
    command(prog_name="cssv")
