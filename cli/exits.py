"""The table of exit codes, and which error ends with which code."""

from __future__ import annotations

from dataclasses import dataclass

from cssv.errors import (
    CarrierError,
    ClosedError,
    ContainerError,
    CssvError,
    InputError,
    MissingExtraError,
    OptionError,
    OutputError,
    PasswordError,
    RevisionError,
)

# Causes that are no error of the library.
USAGE = "usage"
UNSOUND = "unsound"
INTERRUPTED = "interrupted"
HANGUP = "hangup"
BROKEN_PIPE = "broken_pipe"
TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class Exit:
    """One exit code.

    Attributes:
        code: of the process.
        meaning: in words, for ``cssv --help``.
        errors: classes of errors that end with it; so do their subclasses without a row of their own.
        causes: other causes that end with it.
    """

    code: int
    meaning: str
    errors: tuple[type[CssvError], ...] = ()
    causes: tuple[str, ...] = ()


EXITS = (
    Exit(0, "done"),
    Exit(1, "an unexpected error: a fault of cssv itself", (CssvError, ClosedError)),
    Exit(2, "wrong use: an unknown option, or a value out of its bounds", (OptionError,), (USAGE,)),
    Exit(
        3,
        "bad input: a clip, scene, box, thermal or weights file that cannot be used, or no such version",
        (InputError, RevisionError),
    ),
    Exit(4, "nibbles lost: the pixels carry no heat map, or no longer", (CarrierError,)),
    Exit(5, "a damaged .cssv, or one in which verify found faults", (ContainerError,), (UNSOUND,)),
    Exit(6, "the output cannot be written, or another process is writing to it", (OutputError,)),
    Exit(7, "an optional package is missing", (MissingExtraError,)),
    Exit(8, "a password is missing or wrong", (PasswordError,)),
    Exit(129, "ended because the terminal was closed", causes=(HANGUP,)),
    Exit(130, "interrupted by Ctrl-C", causes=(INTERRUPTED,)),
    Exit(141, "the reader of the output was closed", causes=(BROKEN_PIPE,)),
    Exit(143, "ended by SIGTERM", causes=(TERMINATED,)),
)

_OF_ERRORS = {error: row.code for row in EXITS for error in row.errors}
_OF_CAUSES = {cause: row.code for row in EXITS for cause in row.causes}


def exit_code(cause: CssvError | str) -> int:
    """The exit code of an error of the library, or of one of the causes above."""
    if isinstance(cause, str):
        return _OF_CAUSES[cause]
    # The bases are in order from the special to the general, so the first one with a row is the nearest.
    return next(_OF_ERRORS[base] for base in type(cause).__mro__ if base in _OF_ERRORS)
