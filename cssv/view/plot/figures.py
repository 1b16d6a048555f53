"""Figures of each kind of plot, and their files."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from cssv.errors import InputError
from cssv.files.atomic import whole_file
from cssv.frames import U8
from cssv.scene.ground import Plane
from cssv.view.plot.paths import draw_paths
from cssv.view.plot.presence import draw_presence
from cssv.view.plot.speed import draw_speed
from cssv.view.plot.style import SETTINGS, Area, Figure, require_matplotlib
from cssv.view.plot.timeline import NAMED, draw_timeline
from cssv.view.plot.tracks import ObjectTrack
from cssv.view.plot.values import draw_values, plotted_values
from cssv.view.units import SpeedUnit

PlotKind = Literal["paths", "presence", "speed", "values", "timeline"]
#: Extension of a file -> metadata without the time at which it was made.
_NO_DATES: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
PLOT_EXTENSIONS = tuple(_NO_DATES)
#: Width of a figure, inches: both columns of a paper. Heights: of a panel of values, least and most of all.
_WIDTH, _PANEL, _LEAST, _MOST = 7.0, 1.9, 2.0, 9.0
#: Margin of a figure, inches.
_PAD = 0.04
#: Inches of a bar in a timeline, and of what is around the bars.
_ROW, _AROUND = 0.17, 0.8
#: The settings of matplotlib belong to the process, so one figure is made at a time.
_SETTINGS_LOCK = threading.Lock()


@dataclass(frozen=True, eq=False)
class PlotData:
    """What a plot shows.

    Attributes:
        tracks: the objects.
        unit: of speed.
        picture: (H, W, 3) uint8 RGB, the frame below; None for kinds that show none.
        area_px: the part of the clip that the picture shows.
        plane: the ground, for presence per square metre.
        is_by_speed: whether the bars of a timeline are coloured by speed, not by label.
    """

    tracks: Sequence[ObjectTrack]
    unit: SpeedUnit
    picture: U8 | None = None
    area_px: Area | None = None
    plane: Plane | None = None
    is_by_speed: bool = False


def write_figure(path: Path, kind: PlotKind, data: PlotData, *, overwrite: bool) -> None:
    """Draw a figure and write it as PNG, SVG or PDF; equal arguments give equal bytes.

    Raises:
        MissingExtraError: matplotlib is not installed. InputError: the values that it would show are unknown.
        OutputError: the file exists or cannot be written.
    """
    require_matplotlib()
    suffix = path.suffix.lower()
    with _own_settings(), whole_file(path, overwrite=overwrite) as temporary:
        figure = _FIGURES[kind](data)
        # The colour bar lies outside of its axes, which the layout does not count.
        figure.savefig(
            temporary,
            format=suffix[1:],
            metadata=_NO_DATES[suffix],
            bbox_inches="tight",
            pad_inches=_PAD,
        )


@contextmanager
def _own_settings() -> Iterator[None]:
    """The settings of this package in place of the user's, as long as a figure is made."""
    import matplotlib

    with _SETTINGS_LOCK, matplotlib.rc_context():
        known, settings = matplotlib.rcParamsDefault, cast(Any, matplotlib.rcParams)
        # The backend is chosen by the kind of file, and other programs in the process may use theirs.
        settings.update({key: known[key] for key in known if not key.startswith("backend")})
        settings.update(SETTINGS)
        yield


def _figure(height: float) -> Figure:
    import matplotlib.figure

    return matplotlib.figure.Figure(figsize=(_WIDTH, min(max(height, _LEAST), _MOST)), layout="constrained")


def _over_picture(data: PlotData) -> tuple[Figure, Any, U8]:
    """A figure with axes for a picture, in its shape."""
    assert data.picture is not None
    height, width = data.picture.shape[:2]
    # The bar and the labels take about a seventh of the width.
    figure = _figure(0.86 * _WIDTH * height / width + 0.5)
    return figure, figure.subplots(), data.picture


def _paths(data: PlotData) -> Figure:
    figure, axes, picture = _over_picture(data)
    draw_paths(axes, data.tracks, picture, data.unit, area_px=data.area_px)
    return figure


def _presence(data: PlotData) -> Figure:
    figure, axes, picture = _over_picture(data)
    draw_presence(axes, data.tracks, picture, data.plane, area_px=data.area_px)
    return figure


def _speed(data: PlotData) -> Figure:
    if not any(np.isfinite(each.speeds(data.unit)[0]).any() for each in data.tracks):
        raise InputError(f"no speed in {data.unit.name} is known of any object")
    figure, axes, picture = _over_picture(data)
    draw_speed(axes, data.tracks, picture, data.unit, area_px=data.area_px)
    return figure


def _values(data: PlotData) -> Figure:
    values = plotted_values(data.tracks, data.unit)
    if not values:
        raise InputError(
            "neither speed, temperature nor density is known of these objects", remedy="Give other tracks."
        )
    figure = _figure(_PANEL * len(values) + 0.4)
    panels = figure.subplots(len(values), 1, sharex=True, squeeze=False)[:, 0]
    for place, (axes, value) in enumerate(zip(panels, values, strict=True)):
        draw_values(axes, data.tracks, value, data.unit, has_legend=place == 0)
        if place < len(values) - 1:
            axes.set_xlabel("")
    figure.align_ylabels(panels)
    return figure


def _timeline(data: PlotData) -> Figure:
    figure = _figure(_AROUND + _ROW * len(data.tracks) if len(data.tracks) <= NAMED else _MOST / 2)
    axes = figure.subplots()
    draw_timeline(axes, data.tracks, data.unit if data.is_by_speed else None)
    return figure


_FIGURES = {
    "paths": _paths,
    "presence": _presence,
    "speed": _speed,
    "values": _values,
    "timeline": _timeline,
}
