"""The command ``cssv``: its commands, and what becomes of their errors."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

import click

import cssv
from cssv.errors import SceneError
from cssv_cli.artefacts import artefacts
from cssv_cli.checkout import checkout
from cssv_cli.commit import commit
from cssv_cli.console import json_text, write
from cssv_cli.decode import decode
from cssv_cli.diff import diff
from cssv_cli.encode import encode
from cssv_cli.exits import BROKEN_PIPE, EXITS, HANGUP, INTERRUPTED, TERMINATED, USAGE, exit_code
from cssv_cli.export import export
from cssv_cli.gc import gc
from cssv_cli.info import info
from cssv_cli.log import log
from cssv_cli.options import block, examples
from cssv_cli.report import failed
from cssv_cli.tag import tag
from cssv_cli.track import track
from cssv_cli.verify import verify

_EPILOG = examples(
    "cssv encode clip.mp4 --meta scene.json",
    "cssv decode clip.cssv -o heat.mp4 --objects objects.csv",
    "cssv info clip.cssv",
) + block("Exit codes:", *(f"{row.code:>3}  {row.meaning}" for row in EXITS))


class _Stopped(KeyboardInterrupt):
    """A signal asked the process to end; cleaned up after like Ctrl-C."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


@contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an exception, so that temporary files are deleted."""
    kinds = {signal.SIGTERM: TERMINATED}
    if hasattr(signal, "SIGHUP"):
        kinds[signal.SIGHUP] = HANGUP

    def stop(number: int, _: FrameType | None) -> NoReturn:
        raise _Stopped(kinds[signal.Signals(number)])

    # What is ignored stays ignored (nohup), and what an embedding program handles stays its own.
    changed = [number for number in kinds if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in changed:
            signal.signal(number, stop)
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


class _Group(click.Group):
    """The group of commands; every error that CSSV knows of ends in one message and its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        as_json = "--json" in ctx.args
        try:
            with _signals():
                return super().invoke(ctx)
        except cssv.CssvError as error:
            faults = error.faults if isinstance(error, SceneError) else ()
            _fail(ctx, error.kind, str(error), faults, as_json=as_json)
        except click.UsageError as error:
            if as_json:
                write(sys.stdout, json_text(failed(USAGE, error.format_message())))
            raise
        except BrokenPipeError:
            ctx.exit(exit_code(BROKEN_PIPE))
        except KeyboardInterrupt as error:
            kind = error.kind if isinstance(error, _Stopped) else INTERRUPTED
            _fail(ctx, kind, "interrupted; no half-written file is left", as_json=as_json)


def _fail(
    ctx: click.Context, kind: str, message: str, faults: tuple[str, ...] = (), *, as_json: bool
) -> NoReturn:
    # The exit code still tells when nobody listens.
    with suppress(OSError):
        write(sys.stderr, f"cssv: error: {message}")
    if as_json:
        with suppress(OSError):
            write(sys.stdout, json_text(failed(kind, message, faults)))
    ctx.exit(exit_code(kind))


@click.group(
    cls=_Group,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
)
@click.version_option(cssv.__version__, prog_name="cssv", message="%(prog)s %(version)s")
def main() -> None:
    """Video that carries its own heat map of velocity, temperature, density and uncertainty.

    'encode' finds the objects of a clip and hides their heat map in its pixels; 'decode' gets it
    back. 'cssv COMMAND --help' has examples and every option.
    """


_MEDIA = (encode, decode, info, verify, export, track, artefacts)
_VERSIONS = (commit, log, diff, checkout, tag, gc)
for _command in _MEDIA + _VERSIONS:
    main.add_command(_command)
