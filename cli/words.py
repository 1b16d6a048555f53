"""Numbers and paths as people read them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path


def clock(seconds: float) -> str:
    """A duration as people read it: 0:07, 12:34, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size_text(size: int) -> str:
    """Bytes as people read them."""
    for unit, bytes_ in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}"
    return f"{size} bytes"


def times_text(size: int, other: int) -> str:
    """How many times one size is another."""
    return f"{size / max(other, 1):.2g} times"


def rate_text(rate: float) -> str:
    """A frame rate."""
    return f"{rate:.5g} frames/s"


def span_text(span: Sequence[float], unit: str) -> str:
    """A range with its unit."""
    return f"{span[0]:g} to {span[1]:g} {unit}"


def quoted(path: Path) -> str:
    """A path as a shell takes it."""
    return shlex.quote(str(path))
