"""The exit codes, and which kind of error ends with which: the one table."""

from __future__ import annotations

from dataclasses import dataclass

from cssv.errors import (
    BoxesError,
    CarrierError,
    ChecksumError,
    ContainerError,
    CssvError,
    FrameError,
    FramingError,
    InputError,
    LimitError,
    LockedError,
    MissingExtraError,
    ModelError,
    NibblesLostError,
    OptionError,
    OutputError,
    RevisionError,
    SceneError,
    ThermalError,
    VideoError,
)

# Kinds that no error of the library has.
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
        kinds: kinds of error that end with it.
    """

    code: int
    meaning: str
    kinds: tuple[str, ...] = ()


EXITS = (
    Exit(0, "done"),
    Exit(1, "something unexpected: a fault of cssv itself", (CssvError.kind,)),
    Exit(2, "wrong use: an unknown option, or a value that it does not take", (USAGE, OptionError.kind)),
    Exit(
        3,
        "bad input: a clip, scene, box, thermal or weights file that cannot be used, or no such version",
        (
            *(InputError.kind, VideoError.kind, SceneError.kind),
            *(BoxesError.kind, FrameError.kind, ModelError.kind, RevisionError.kind, ThermalError.kind),
        ),
    ),
    Exit(
        4,
        "nibbles lost: the pixels do not carry, or no longer",
        (NibblesLostError.kind, FramingError.kind, CarrierError.kind),
    ),
    Exit(
        5,
        "a damaged .cssv, or one that verify finds faults in",
        (ContainerError.kind, ChecksumError.kind, LimitError.kind, UNSOUND),
    ),
    Exit(
        6,
        "the output cannot be written, or somebody else is writing to it",
        (OutputError.kind, LockedError.kind),
    ),
    Exit(7, "an optional package is missing", (MissingExtraError.kind,)),
    Exit(129, "ended because the terminal went away", (HANGUP,)),
    Exit(130, "interrupted by Ctrl-C", (INTERRUPTED,)),
    Exit(141, "the reader of the output went away", (BROKEN_PIPE,)),
    Exit(143, "ended by SIGTERM", (TERMINATED,)),
)

_CODES = {kind: row.code for row in EXITS for kind in row.kinds}


def exit_code(kind: str) -> int:
    """The exit code for a kind of error; that of the unexpected for a kind that is not in the table."""
    return _CODES.get(kind, _CODES[CssvError.kind])
