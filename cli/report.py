"""A report, and the parts that the reports of several commands share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import cssv
from cssv_cli.wording import to_command_line
from cssv_cli.words import count, span_text


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a command.

    Attributes:
        lines: for people. A line break within a line is shown escaped, so that a name, author or label that
            somebody else gave cannot begin a line.
        data: the same for programs, plain JSON types.
        is_result: the text itself was asked for, so --quiet prints it too.
        is_remark: the result is on stdout already, so the text goes to stderr.
    """

    lines: Sequence[str]
    data: dict[str, Any]
    is_result: bool = False
    is_remark: bool = False


#: Attribute of the ranges -> name and unit of its ring, from the inside out.
_RINGS = {
    "speed_px_s": ("speed", "px/s"),
    "temperature_c": ("temperature", "°C"),
    "density_kg_m3": ("density", "kg/m³"),
}


def range_texts(ranges: dict[str, list[float]]) -> list[tuple[str, str]]:
    """Name and span of each ring, from the inside out; ``ranges`` as in JSON."""
    return [(name, span_text(ranges[key], unit)) for key, (name, unit) in _RINGS.items()]


def marks_of(version: cssv.Version) -> list[str]:
    """Whether a version plays, and its tags."""
    return [*(["playing"] if version.is_playing else []), *(f"tag {name}" for name in version.tags)]


def time_text(created_s: int) -> str:
    """A time as people read it."""
    # 0 stands for unknown in the file format.
    return (
        f"{datetime.fromtimestamp(created_s, UTC):%Y-%m-%d %H:%M} UTC" if created_s else "at an unknown time"
    )


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table with columns as wide as their longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def notes_text(notes: Iterable[str]) -> list[str]:
    """One line per note."""
    return [f"Note: {to_command_line(note)}" for note in notes]


def torn_text(torn_bytes: int) -> list[str]:
    """A note on bytes after the last version, if there are any."""
    if not torn_bytes:
        return []
    return notes_text(
        [
            f"{count(torn_bytes, 'byte')} of an unfinished append lie after the last version: a process is "
            "writing now, or was interrupted. All versions are intact; 'cssv verify --repair' removes "
            "these bytes"
        ]
    )


def failed(kind: str, message: str, faults: Iterable[str] = ()) -> dict[str, Any]:
    """The JSON object of an error."""
    listed = {"faults": list(faults)} if faults else {}
    return {"error": {"kind": kind, "message": message, **listed}}
