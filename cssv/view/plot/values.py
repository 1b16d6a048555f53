"""Plot of values over time with their uncertainty, one panel per value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cssv.boxes import F64
from cssv.view.plot.style import COLOURS, LINES, Axes, add_legend, legible
from cssv.view.plot.tracks import ObjectTrack
from cssv.view.units import SpeedUnit

#: Lines that are still told apart without effort.
SHOWN = 6
#: Opacity of a band.
_BAND = 0.18


@dataclass(frozen=True, slots=True)
class PlottedValue:
    """A value that has a panel.

    Attributes:
        title: label of the axis, with the unit.
        column, sigma_column: of the objects table; empty for the speed, which has a unit of its own.
    """

    title: str
    column: str = ""
    sigma_column: str = ""

    def of(self, track: ObjectTrack, unit: SpeedUnit) -> tuple[F64, F64]:
        """Values of an object and their standard deviations, (n,) each; NaN where unknown."""
        if not self.column:
            return track.speeds(unit)
        return track.column(self.column), track.column(self.sigma_column)

    def is_known(self, tracks: Sequence[ObjectTrack], unit: SpeedUnit) -> bool:
        """Whether any object has the value."""
        return any(bool(np.isfinite(self.of(each, unit)[0]).any()) for each in tracks)


def plotted_values(tracks: Sequence[ObjectTrack], unit: SpeedUnit) -> tuple[PlottedValue, ...]:
    """The values that at least one of the objects has, in the order of the rings."""
    every = (
        PlottedValue(f"Speed ({unit.name})"),
        PlottedValue("Temperature (°C)", "temperature_c", "temperature_sigma_c"),
        PlottedValue("Density (kg/m³)", "density_kg_m3", "density_sigma_kg_m3"),
    )
    return tuple(value for value in every if value.is_known(tracks, unit))


def draw_values(
    axes: Axes,
    tracks: Sequence[ObjectTrack],
    value: PlottedValue,
    unit: SpeedUnit,
    *,
    has_legend: bool = True,
) -> None:
    """Draw one value of some objects over time, each with a band of one standard deviation.

    Args:
        axes: of matplotlib.
        tracks: the objects (:func:`cssv.view.plot.group_tracks`); few, such as :func:`most_present` gives.
        value: one of :func:`cssv.view.plot.plotted_values`.
        unit: of speed.
        has_legend: whether to add a legend.
    """
    from matplotlib.lines import Line2D

    handles = []
    for place, each in enumerate(tracks):
        colour = COLOURS[place % len(COLOURS)]
        line = LINES[place // len(COLOURS) % len(LINES)]
        values, sigmas = value.of(each, unit)
        for run in each.runs:
            times, own, sigma = each.times_s[run], values[run], sigmas[run]
            low = own - sigma
            # Neither a speed nor a density is below 0.
            low = low if value.column == "temperature_c" else np.maximum(low, 0)
            if len(times) > 1:
                axes.plot(times, own, line, color=colour, linewidth=1.2)
                axes.fill_between(times, low, own + sigma, color=colour, alpha=_BAND, linewidth=0)
            else:
                # Of a single frame, neither a line nor a band can be seen.
                axes.plot(times, own, ".", color=colour)
                axes.vlines(times, low, own + sigma, color=colour, alpha=0.5, linewidth=1.2)
        handles.append(Line2D([], [], color=colour, linestyle=line, linewidth=1.2))
    axes.set_ylabel(value.title)
    axes.set_xlabel("Time (s)")
    axes.grid(visible=True, color="#E4E4E4", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    if value.column != "temperature_c":
        axes.set_ylim(bottom=0)
    if has_legend:
        names = [legible(each.name) for each in tracks]
        add_legend(axes, handles, names, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
