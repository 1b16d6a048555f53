"""Plot of the times at which objects are present: a bar per object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from cssv.boxes import F64
from cssv.view.plot.style import COLOURS, GREY, Axes, add_bar, add_legend, legible, scale_of, speed_colours
from cssv.view.plot.tracks import ObjectTrack
from cssv.view.units import SpeedUnit

#: Objects whose names fit beside their bars.
NAMED = 50
#: Height of a bar, of a distance of 1.
_BAR = 0.72
#: Parts of the whole time, in each of which a bar has one speed.
_PARTS = 240


def draw_timeline(
    axes: Axes,
    tracks: Sequence[ObjectTrack],
    unit: SpeedUnit | None = None,
    *,
    has_bar: bool = True,
) -> None:
    """Draw one bar for each object, from the earliest at the top, while it is in the clip.

    Args:
        axes: of matplotlib.
        tracks: the objects (:func:`cssv.view.plot.group_tracks`).
        unit: of speed, which colours the bars; None to colour them by label.
        has_bar: whether to add a legend or a colour bar.
    """
    from matplotlib.collections import PolyCollection

    rows = sorted(tracks, key=lambda each: (each.times_s[0], each.track))
    drawn = PolyCollection([], zorder=2, linewidths=0)
    # Thousands of bars would make a vector file of megabytes.
    drawn.set_rasterized(len(rows) > 10 * NAMED)
    if unit is None:
        _by_label(axes, drawn, rows, has_legend=has_bar)
    else:
        _by_speed(axes, drawn, rows, unit, has_bar=has_bar)
    axes.add_collection(drawn, autolim=False)
    ends = [each.times_s[-1] + each.stays_s[-1] for each in rows]
    first = min((float(each.times_s[0]) for each in rows), default=0.0)
    last = max(ends, default=1.0)
    pad = 0.01 * (last - first) or 0.5
    axes.set_xlim(first - pad, last + pad)
    axes.set_ylim(len(rows) - 0.3 if len(rows) <= NAMED else len(rows), -0.7)
    axes.set_xlabel("Time (s)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="x", color="#E4E4E4", linewidth=0.5)
    if len(rows) <= NAMED:
        axes.set_yticks(range(len(rows)), [legible(each.name) for each in rows], parse_math=False)
        axes.tick_params(axis="y", length=0)
    else:
        axes.set_ylabel(f"Objects by first appearance ({len(rows):,})")


def _quad(first: float, last: float, row: int) -> list[tuple[float, float]]:
    low, high = row - _BAR / 2, row + _BAR / 2
    return [(first, low), (last, low), (last, high), (first, high)]


def _by_label(axes: Axes, drawn: Any, rows: Sequence[ObjectTrack], *, has_legend: bool) -> None:  # noqa: ANN401
    """Bars in the colour of the label; labels beyond the colours are grey together."""
    from matplotlib.patches import Patch

    counts = Counter(each.label for each in rows if each.label)
    colours = {label: COLOURS[place] for place, (label, _) in enumerate(counts.most_common(len(COLOURS)))}
    quads, inks = [], []
    for row, each in enumerate(rows):
        for run in each.runs:
            last = each.times_s[run][-1] + each.stays_s[run][-1]
            quads.append(_quad(float(each.times_s[run][0]), float(last), row))
            inks.append(colours.get(each.label, GREY))
    drawn.set_verts(quads)
    drawn.set_facecolor(inks)
    if not has_legend:
        return
    entries = [(colour, legible(label)) for label, colour in colours.items()]
    if len(counts) > len(colours):
        entries.append((GREY, f"{len(counts) - len(colours)} other labels"))
    elif any(not each.label for each in rows):
        entries.append((GREY, "no label"))
    handles = [Patch(color=colour) for colour, _ in entries]
    names = [name for _, name in entries]
    add_legend(axes, handles, names, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def _by_speed(
    axes: Axes,
    drawn: Any,  # noqa: ANN401 - of matplotlib
    rows: Sequence[ObjectTrack],
    unit: SpeedUnit,
    *,
    has_bar: bool,
) -> None:
    """Bars in the colour of the speed at each time."""
    ends = [float(each.times_s[-1] + each.stays_s[-1]) for each in rows]
    begins = [float(each.times_s[0]) for each in rows]
    step = (max(ends, default=1.0) - min(begins, default=0.0)) / _PARTS
    quads, values = [], []
    for row, each in enumerate(rows):
        speeds, _ = each.speeds(unit)
        for run in each.runs:
            for first, last, speed in _parts(each.times_s[run], each.stays_s[run], speeds[run], step):
                quads.append(_quad(first, last, row))
                values.append(speed)
    found = np.array(values)
    end, is_cut = scale_of(found)
    drawn.set_verts(quads)
    drawn.set_cmap(speed_colours())
    drawn.set_array(np.ma.masked_invalid(found))
    drawn.set_clim(0, end)
    if has_bar:
        add_bar(axes, drawn, f"Speed ({unit.name})", is_cut=is_cut)


def _parts(times: F64, stays: F64, speeds: F64, step_s: float) -> list[tuple[float, float, float]]:
    """First time, last time and mean speed of the parts of a run, about ``step_s`` long."""
    last = float(times[-1] + stays[-1])
    places = ((times - times[0]) / step_s).astype(int) if step_s > 0 else np.zeros(len(times), dtype=int)
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    borders = [*times[starts].tolist(), last]
    parts = np.split(speeds, starts[1:])
    means = [float(np.mean(part[np.isfinite(part)])) if np.isfinite(part).any() else np.nan for part in parts]
    return list(zip(borders, borders[1:], means, strict=False))
