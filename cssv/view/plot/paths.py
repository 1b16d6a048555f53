"""Plot of trajectories over a frame, coloured by speed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.frames import U8
from cssv.view.plot.style import (
    GREY,
    SPEED_MAP,
    Area,
    Axes,
    add_bar,
    area_of,
    draw_picture,
    legible,
    scale_of,
)
from cssv.view.plot.tracks import ObjectTrack, most_present
from cssv.view.units import SpeedUnit

#: Objects with a name at their path: the most present ones.
_NAMED = 12
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
    width = 1.6 if len(tracks) <= _MANY else 0.9
    is_heavy = len(lines) > _MANY_POINTS
    # A white edge separates a line from the picture and from lines below it.
    edge = LineCollection(list(lines), colors="white", linewidths=width + 1.2, capstyle="round", zorder=2)
    drawn = LineCollection(list(lines), cmap=SPEED_MAP, linewidths=width, capstyle="round", zorder=3)
    drawn.set_array(np.ma.masked_invalid(values))
    drawn.set_clim(0, end)
    drawn.get_cmap().set_bad(GREY)
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
    from matplotlib.patheffects import withStroke

    places, rates = [], []
    for each in tracks:
        known = np.flatnonzero(np.isfinite(each.feet_px).all(axis=1))
        if known.size:
            places.append(each.feet_px[known[-1]])
            rates.append(each.speeds(unit)[0][known[-1]])
    if not places:
        return
    x, y = np.array(places).T
    is_few = len(tracks) <= _MANY
    axes.scatter(
        x,
        y,
        c=np.ma.masked_invalid(rates),
        s=26 if is_few else 8,
        cmap=axes.collections[-1].get_cmap(),
        vmin=0,
        vmax=end,
        plotnonfinite=True,
        edgecolors="white",
        linewidths=0.8 if is_few else 0.4,
        zorder=4,
        clip_on=True,
    )
    halo = [withStroke(linewidth=2.2, foreground="white")]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for each in most_present(tracks, _NAMED):
        known = np.flatnonzero(np.isfinite(each.feet_px).all(axis=1))
        if not known.size:
            continue
        place = np.clip(each.feet_px[known[-1]], (left, top), (right, bottom))
        is_right = place[0] > left + 0.8 * (right - left)
        axes.annotate(
            legible(each.name),
            place,
            xytext=(-5 if is_right else 5, 4),
            textcoords="offset points",
            ha="right" if is_right else "left",
            fontsize=7,
            path_effects=halo,
            parse_math=False,
            zorder=5,
        )
