"""The report of trajectories as equations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cssv
from cssv_cli.words import count

#: The four numbers of a box, as formulas call them.
_SYMBOLS = {"centre_x": "x", "foot_y": "y", "width": "w", "height": "h"}


def equations_lines(trajectories: Sequence[cssv.Trajectory]) -> Iterator[str]:
    """The equations of each track, and the bytes by method."""
    if not trajectories:
        yield "  tracks    none"
        return
    bound = trajectories[0].bound_px
    yield (
        f"Equations of {count(len(trajectories), 'track')}. x: middle of the box, y: its lower edge, "
        "w: width, h: height, in pixels."
    )
    yield (
        "t: seconds since the first frame of the track. A stored track is within "
        f"{bound:g} px, by the method with the fewest bytes."
    )
    for each in trajectories:
        yield f"  {_title(each)}"
        yield from (f"    {_line(name, part, bound)}" for name, part in each.parts.items())
    yield from _table(trajectories)


def _title(found: cssv.Trajectory) -> str:
    """A track in words: who it is, when, and its size."""
    words = [f"track {found.track}"]
    if found.name is not None:
        words.append(found.name)
    if found.label:
        words.append(f"({found.label})")
    if found.is_given:
        words.append("given by the scene")
    time = f"{found.from_s:.6g} s to {found.to_s:.6g} s"
    return f"{' '.join(words)}: {time}, {count(found.frames, 'frame')}, {count(found.bytes, 'byte')}"


def _line(name: str, part: cssv.TrajectoryPart, bound: float) -> str:
    """One number: its formula with its error, and the shortest method."""
    symbol, size = _SYMBOLS[name], f"{part.bytes:g} bytes"
    if part.text is None or part.error_px is None:
        return f"{symbol}(t): no short formula; {part.method}, {size}"
    error = f"within {part.error_px:.2g} px" if part.error_px else "exactly"
    formula = f"{symbol}(t) = {part.text} px, {error}"
    if part.expression_method != part.method:
        return f"{formula}; stored as {part.method}, {size}"
    # Then a residual brings the stored values within the bound.
    rest = " with a residual" if part.error_px > bound else ""
    return f"{formula}; {size}{rest}"


def _table(trajectories: Sequence[cssv.Trajectory]) -> Iterator[str]:
    """How many numbers each method stores, and in how many bytes."""
    parts = [part for each in trajectories for part in each.parts.values()]
    yield "  method            numbers     bytes"
    for method in sorted({part.method for part in parts}):
        sizes = [part.bytes for part in parts if part.method == method]
        yield f"    {method:<16} {len(sizes):>6,} {sum(sizes):>9,.1f}"
    total, raw = (
        sum(sizes) for sizes in zip(*((each.bytes, 8 * each.frames) for each in trajectories), strict=True)
    )
    yield f"    {'all tracks':<16} {len(parts):>6,} {total:>9,}   {raw:,} as numbers of 16 bits"
