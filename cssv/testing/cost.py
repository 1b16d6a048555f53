"""Cost of a piece of work in calls: the same number on every machine, busy or not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType


def count_calls(work: Callable[[], object]) -> int:
    """Number of calls, of Python and of built-in functions, while ``work()`` runs.

    Compare it between two sizes of the same work: it doubles with the size where the cost is linear, and
    stays where the work is done by arrays.
    """
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
