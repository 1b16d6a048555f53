"""The command ``cssv``: its subcommands, each loaded when it is used, and the handling of their errors."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

import cssv
from cssv.errors import SceneError, did_you_mean
from cssv_cli.console import AS_JSON, chooses_json, json_text, one_line, printable, write
from cssv_cli.exits import BROKEN_PIPE, EXITS, USAGE, exit_code
from cssv_cli.interrupt import quiet_interrupt
from cssv_cli.options import block
from cssv_cli.report import failed
from cssv_cli.signals import cause_of
from cssv_cli.standard_input import with_own_names
from cssv_cli.wording import to_command_line

#: Title in ``cssv --help`` -> commands. ``cssv NAME`` is the function NAME of the module ``cssv_cli.NAME``.
SECTIONS = {
    "Clips": (
        "encode",
        "decode",
        "info",
        "view",
        "identify",
        "verify",
        "export",
        "plot",
        "room",
        "track",
        "ground",
        "capacity",
        "artefacts",
        "recover",
    ),
    "Versions of a .cssv": ("commit", "log", "diff", "checkout", "tag", "gc"),
}
COMMANDS = tuple(name for names in SECTIONS.values() for name in names)
#: Command -> function of the library, where that has another name: ``cssv.view`` is a room.
FUNCTIONS = {"view": "page"}

_EPILOG = block(
    "Examples:",
    "cssv encode clip.mp4 --meta scene.json",
    "cssv decode clip.cssv -o heat.mp4 --objects objects.csv",
    "cssv info clip.cssv",
) + block("Exit codes:", *(f"{row.code:>3}  {row.meaning}" for row in EXITS))


class _Group(click.Group):
    """The group of commands. Each error of CSSV becomes one message and its exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        """The names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command; None for an unknown one."""
        if cmd_name not in COMMANDS:
            return None
        with quiet_interrupt():
            module = import_module(f"cssv_cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words name; a usage error for an unknown one suggests the most similar.

        The library's function of the same name is loaded too, unless the words ask for help.
        """
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = did_you_mean(args[0], COMMANDS)
            # Some releases of click suggest by themselves.
            if hint is None or "id you mean" in error.message:
                raise
            raise click.UsageError(f"{error.message} {hint}", ctx) from None
        if name is not None and command is not None and not set(rest) & set(ctx.help_option_names):
            # Not in the command, where the import could swallow Ctrl-C.
            with quiet_interrupt():
                getattr(cssv, FUNCTIONS.get(name, name))
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, one section per title."""
        # The same width in each section, so that the descriptions begin in one column.
        limit = formatter.width - 6 - max(map(len, COMMANDS))
        for title, names in SECTIONS.items():
            commands = [self.get_command(ctx, name) for name in names]
            rows = [
                (f"{c.name:<{max(map(len, COMMANDS))}}", c.get_short_help_str(limit)) for c in commands if c
            ]
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        # The command replaces this by what it reads; an unknown command reads nothing.
        ctx.meta[AS_JSON] = chooses_json(self, ctx.args)
        try:
            return super().invoke(ctx)
        except cssv.CssvError as error:
            faults = error.faults if isinstance(error, SceneError) else ()
            message = with_own_names(to_command_line(str(error)))
            _fail(ctx, error.kind, message, exit_code(error), faults)
        except click.UsageError as error:
            message = error.format_message()
            if ctx.meta[AS_JSON]:
                write(sys.stdout, json_text(failed(USAGE, message)))
            # click itself prints the usage and the message on stderr. A word in it may be the name of a file.
            if (shown := one_line(printable(message, None))) != message:
                raise click.UsageError(shown, error.ctx) from error
            raise
        except BrokenPipeError:
            ctx.exit(exit_code(BROKEN_PIPE))
        except KeyboardInterrupt as interrupt:
            cause = cause_of(interrupt)
            _fail(ctx, cause, "interrupted; no half-written file is left", exit_code(cause))


def _fail(ctx: click.Context, kind: str, message: str, code: int, faults: tuple[str, ...] = ()) -> NoReturn:
    # The faults of a scene stand in lines of their own, indented.
    shown = "\n  ".join(map(one_line, message.split("\n  ")))
    # With the streams closed, the exit code still tells.
    with suppress(OSError):
        write(sys.stderr, f"cssv: error: {shown}")
    if ctx.meta[AS_JSON]:
        with suppress(OSError):
            write(sys.stdout, json_text(failed(kind, message, faults)))
    ctx.exit(code)


@click.group(
    cls=_Group,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
)
@click.version_option(cssv.__version__, prog_name="cssv", message="%(prog)s %(version)s")
def main() -> None:
    """Video that carries its own heat map of velocity, temperature, density and uncertainty.

    'encode' finds the objects of a clip and embeds their heat map in its pixels; 'decode' reads it back.
    'cssv COMMAND --help' has examples and every option.
    """
