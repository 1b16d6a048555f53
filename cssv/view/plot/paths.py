"""Plot of trajectories over a frame, coloured by speed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.frames import U8
from cssv.view.plot.style import (
    Area,
    Axes,
    add_bar,
    area_of,
    draw_picture,
    legible,
    scale_of,
    speed_colours,
)
from cssv.view.plot.tracks import ObjectTrack, most_present
from cssv.view.units import SpeedUnit

#: Objects with a name at their path: the most present ones.
_NAMED = 12
#: Size of a name, points, and where its lower end may be, points to the right of the dot and above it.
_NAME_SIZE = 7
_OFFSETS = [(dx, dy) for dy in (3, -12, 12, -21, 21, -30) for dx in (5, -5)]
#: Width of a line, points, and its least share with many objects.
_LINE, _LEAST_SHARE = 1.6, 0.25
#: Objects from which on lines are thinner, and points from which on vector files hold a picture of them.
_MANY, _MANY_POINTS = 40, 20_000


def draw_paths(
    axes: Axes,
    tracks: Sequence[ObjectTrack],
    picture: U8,
    unit: SpeedUnit,
    *,
    area_px: Area | None = None,
    has_bar: bool = True,
) -> None:
    """Draw the paths of the objects' feet over a frame, coloured by speed; a dot marks each end.

    Parts with an unknown speed are grey.

    Args:
        axes: of matplotlib.
        tracks: the objects (:func:`cssv.view.plot.group_tracks`).
        picture: (H, W, 3) uint8 RGB.
        unit: of speed.
        area_px: the part of the clip that the picture shows, if it is a crop.
        has_bar: whether to add a colour bar.
    """
    from matplotlib.collections import LineCollection

    draw_picture(axes, picture, area_px or area_of(picture))
    lines, values = _segments(tracks, unit)
    end, is_cut = scale_of(values)
    share = _share(tracks)
    width = _LINE * share
    is_heavy = len(lines) > _MANY_POINTS
    # A white edge separates a line from the picture and from lines below it.
    edge = LineCollection(
        list(lines), colors="white", linewidths=width + 1.2 * share, capstyle="round", zorder=2
    )
    drawn = LineCollection(list(lines), cmap=speed_colours(), linewidths=width, capstyle="round", zorder=3)
    drawn.set_array(np.ma.masked_invalid(values))
    drawn.set_clim(0, end)
    for each in (edge, drawn):
        each.set_rasterized(is_heavy)
        axes.add_collection(each, autolim=False)
    _mark_ends(axes, tracks, unit, end)
    if has_bar:
        add_bar(axes, drawn, f"Speed ({unit.name})", is_cut=is_cut)


def _segments(tracks: Sequence[ObjectTrack], unit: SpeedUnit) -> tuple[np.ndarray, np.ndarray]:
    """Lines between successive feet, (n, 2, 2), and their mean speeds, (n,)."""
    lines, values = [np.empty((0, 2, 2))], [np.empty(0)]
    for each in tracks:
        speeds, _ = each.speeds(unit)
        feet = each.feet_px
        for run in each.runs:
            own, rate = feet[run], speeds[run]
            lines.append(np.stack([own[:-1], own[1:]], axis=1))
            values.append((rate[:-1] + rate[1:]) / 2)
    joined, rates = np.concatenate(lines), np.concatenate(values)
    known = np.isfinite(joined).all(axis=(1, 2))
    return joined[known], rates[known]


def _mark_ends(axes: Axes, tracks: Sequence[ObjectTrack], unit: SpeedUnit, end: float) -> None:
    """Draw a dot at the last place of each object, and the names of the most present ones."""
    places, rates = [], []
    for each in tracks:
        known = np.flatnonzero(np.isfinite(each.feet_px).all(axis=1))
        if known.size:
            places.append(each.feet_px[known[-1]])
            rates.append(each.speeds(unit)[0][known[-1]])
    if not places:
        return
    x, y = np.array(places).T
    share = _share(tracks)
    axes.scatter(
        x,
        y,
        c=np.ma.masked_invalid(rates),
        s=26 * share**2,
        cmap=speed_colours(),
        vmin=0,
        vmax=end,
        plotnonfinite=True,
        edgecolors="white",
        linewidths=0.8 * share,
        zorder=4,
        clip_on=True,
    )
    # Among so many, a few names would help nobody.
    if len(tracks) <= _MANY:
        _write_names(axes, most_present(tracks, _NAMED))


def _share(tracks: Sequence[ObjectTrack]) -> float:
    """Share of their size that lines and dots have, so that many objects leave something of the picture."""
    return float(np.clip((_MANY / max(len(tracks), 1)) ** 0.5, _LEAST_SHARE, 1))


def _write_names(axes: Axes, tracks: Sequence[ObjectTrack]) -> None:
    """Write the names of objects beside their last places, so that none covers another."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.2, foreground="white")]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    # Pixels of the picture in a point of print, as far as it is known before the layout.
    in_point = (right - left) / (72 * axes.figure.get_figwidth() * axes.get_position().width)
    gap = 2 * in_point
    taken: list[tuple[float, float, float, float]] = []
    known = [(each, each.feet_px[np.isfinite(each.feet_px).all(axis=1)]) for each in tracks]
    lasts = [(np.clip(feet[-1], (left, top), (right, bottom)), each) for each, feet in known if len(feet)]
    # From the right: at that edge, names have the fewest places.
    for (x, y), each in sorted(lasts, key=lambda last: -last[0][0]):
        name = legible(each.name)
        width, height = (size * _NAME_SIZE * in_point for size in (0.68 * len(name), 1.2))
        for dx, dy in _OFFSETS:
            is_left = dx < 0
            begin = x + dx * in_point - (width if is_left else 0)
            end_y = y - dy * in_point
            box = (begin - gap, end_y - height, begin + width + gap, end_y)
            is_inside = box[0] >= left and box[2] <= right and box[1] >= top and box[3] <= bottom
            if is_inside and not any(_overlap(box, other) for other in taken):
                break
        else:
            # A path without a name is better than two names that nobody can read.
            continue
        taken.append(box)
        axes.annotate(
            name,
            (x, y),
            xytext=(dx, dy),
            textcoords="offset points",
            ha="right" if is_left else "left",
            va="bottom",
            fontsize=_NAME_SIZE,
            path_effects=halo,
            parse_math=False,
            zorder=5,
        )


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
