"""Plot of the seconds of stay per place, over a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.frames import U8
from cssv.scene.ground import Plane
from cssv.view.plot.places import LEAST_SHARE, measure_places
from cssv.view.plot.style import PRESENCE_MAP, Area, Axes, add_bar, area_of, draw_picture
from cssv.view.plot.tracks import ObjectTrack
from cssv.view.units import SPEED_UNITS

#: Opacity of colours over the frame.
ALPHA = 0.8


def draw_presence(
    axes: Axes,
    tracks: Sequence[ObjectTrack],
    picture: U8,
    plane: Plane | None = None,
    *,
    area_px: Area | None = None,
    has_bar: bool = True,
) -> None:
    """Draw the seconds that objects stay at each place, as a heat map over a frame.

    The scale of colours grows with the square root, because some objects stand still and most pass.

    Args:
        axes: of matplotlib.
        tracks: the objects (:func:`cssv.view.plot.group_tracks`).
        picture: (H, W, 3) uint8 RGB.
        plane: the ground; with it the unit is seconds per square metre, else seconds per cell of the picture.
        area_px: the part of the clip that the picture shows, if it is a crop.
        has_bar: whether to add a colour bar.
    """
    from matplotlib.colors import PowerNorm

    area = area_px or area_of(picture)
    draw_picture(axes, picture, area)
    places = measure_places(tracks, area, SPEED_UNITS["px/s"])
    values = places.stay_s if plane is None else places.stay_s / places.areas_m2(plane)
    is_visited = places.stay_s > LEAST_SHARE * max(float(places.stay_s.max()), 1e-300)
    shown = np.ma.masked_where(~is_visited | ~np.isfinite(values), values)
    end = float(shown.max()) if shown.count() else 1.0
    left, top, right, bottom = area
    drawn = axes.imshow(
        shown,
        cmap=PRESENCE_MAP,
        norm=PowerNorm(0.5, vmin=0, vmax=end),
        alpha=ALPHA,
        extent=(left, right, bottom, top),
        interpolation="nearest",
        zorder=1,
    )
    if has_bar:
        width, height = places.cell_px
        per = f"s per {width:.3g} \N{MULTIPLICATION SIGN} {height:.3g} px" if plane is None else "s/m²"
        add_bar(axes, drawn, f"Presence ({per})")
