"""Plot of the mean speed per place, over a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.frames import U8
from cssv.view.plot.places import measure_places
from cssv.view.plot.presence import ALPHA
from cssv.view.plot.style import SPEED_MAP, Area, Axes, add_bar, area_of, draw_picture, scale_of
from cssv.view.plot.tracks import ObjectTrack
from cssv.view.units import SpeedUnit


def draw_speed(
    axes: Axes,
    tracks: Sequence[ObjectTrack],
    picture: U8,
    unit: SpeedUnit,
    *,
    area_px: Area | None = None,
    has_bar: bool = True,
) -> None:
    """Draw the mean speed of objects at each place, as a heat map over a frame.

    Args:
        axes: of matplotlib.
        tracks: the objects (:func:`cssv.view.plot.group_tracks`).
        picture: (H, W, 3) uint8 RGB.
        unit: of speed.
        area_px: the part of the clip that the picture shows, if it is a crop.
        has_bar: whether to add a colour bar.
    """
    area = area_px or area_of(picture)
    draw_picture(axes, picture, area)
    values = measure_places(tracks, area, unit).speed
    end, is_cut = scale_of(values)
    left, top, right, bottom = area
    drawn = axes.imshow(
        np.ma.masked_invalid(values),
        cmap=SPEED_MAP,
        vmin=0,
        vmax=end,
        alpha=ALPHA,
        extent=(left, right, bottom, top),
        interpolation="nearest",
        zorder=1,
    )
    if has_bar:
        add_bar(axes, drawn, f"Mean speed ({unit.name})", is_cut=is_cut)
