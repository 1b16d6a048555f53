"""Plots of the objects of a clip, as figures for papers. They need matplotlib, the extra ``plot``.

Each ``draw_`` function takes an ``Axes`` of matplotlib, so that a notebook composes its own figures::

    from cssv.view.plot import draw_paths, group_tracks
    from cssv.view.units import speed_unit

    tracks = group_tracks(row for moment in clip for row in moment.objects)
    draw_paths(axes, tracks, picture, speed_unit("px/s", has_ground=False))
"""

from cssv.view.plot.paths import draw_paths
from cssv.view.plot.presence import draw_presence
from cssv.view.plot.speed import draw_speed
from cssv.view.plot.timeline import draw_timeline
from cssv.view.plot.tracks import ObjectTrack, choose_tracks, group_tracks, most_present
from cssv.view.plot.values import PlottedValue, draw_values, plotted_values

__all__ = [
    "ObjectTrack",
    "PlottedValue",
    "choose_tracks",
    "draw_paths",
    "draw_presence",
    "draw_speed",
    "draw_timeline",
    "draw_values",
    "group_tracks",
    "most_present",
    "plotted_values",
]
