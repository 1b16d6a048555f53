"""Draw the objects of a clip as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, get_args

from cssv.container import Revision
from cssv.errors import InputError, OptionError, OptionTypeError, check_choice, did_you_mean
from cssv.files.atomic import check_output
from cssv.files.paths import Path_, check_distinct
from cssv.pipeline.arguments import Progress
from cssv.pipeline.calls import checked_call
from cssv.pipeline.clip_rows import read_picture_at, read_rows
from cssv.pipeline.decoder import Decoder
from cssv.view.plot.figures import PLOT_EXTENSIONS, PlotData, PlotKind, write_figure
from cssv.view.plot.style import require_matplotlib
from cssv.view.plot.tracks import ObjectTrack, choose_tracks, group_tracks, most_present
from cssv.view.plot.values import SHOWN
from cssv.view.units import SpeedUnit, speed_unit

PlotColour = Literal["label", "speed"]
PLOT_KINDS: tuple[str, ...] = get_args(PlotKind)
PLOT_COLOURS: tuple[str, ...] = get_args(PlotColour)
DEFAULT_PLOT_KIND, DEFAULT_PLOT_COLOUR = "paths", "label"
#: Kinds that lie over a frame.
_OVER_FRAME = ("paths", "presence", "speed")


@dataclass(frozen=True, slots=True)
class Plotted:
    """Result of :func:`plot`.

    Attributes:
        path: the file.
        kind: of the plot.
        tracks: ids of the objects in it.
        objects: number of objects of the clip.
        unit: of speed.
        notes: remarks for users: what is not shown, and what is not known of a damaged ``.cssv``.
    """

    path: Path
    kind: str
    tracks: tuple[int, ...]
    objects: int
    unit: str
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "tracks": list(self.tracks),
            "objects": self.objects,
            "unit": self.unit,
            "notes": list(self.notes),
        }


@checked_call
def plot(
    source: Path_,
    output: Path_,
    *,
    kind: PlotKind = "paths",
    colour: PlotColour = "label",
    units: str | None = None,
    tracks: Sequence[int] | None = None,
    version: Revision = None,
    stream: int | None = None,
    password: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Plotted:
    """Draw the objects of a clip as a plot for a paper: PNG, SVG or PDF.

    Of a ``.cssv`` the objects come from the scene track, and one frame at most is decoded. Of a copy all
    frames are decoded. Equal files give equal plots, byte by byte.

    Args:
        source: a ``.cssv`` or a copy of one.
        output: the ``.png``, ``.svg`` or ``.pdf`` to write.
        kind: ``"paths"``: trajectories over a frame, coloured by speed. ``"presence"``: seconds of stay per
            place over the whole clip. ``"speed"``: mean speed per place. ``"values"``: speed, temperature and
            density over time, with bands of one standard deviation. ``"timeline"``: a bar per object.
        colour: of the bars of a timeline: by ``"label"`` or by ``"speed"``.
        units: of speed: px/s, m/s, km/h or mph; None for m/s where the ground is known, else px/s. With px/s,
            presence is per cell of the picture, else per square metre of the ground.
        tracks: ids of the objects to show; None for all, and for the most present ones with ``"values"``.
        version: of a ``.cssv``: number or tag; None for the version that plays.
        stream: number of the video stream of a copy that holds several; None for the first that carries.
        password: that of the source; ignored if the source has none.
        overwrite: replace an existing file.
        progress: called after every frame.

    Raises:
        OptionError: another extension, kind or unit; no such track; a unit of the ground where none is known.
        MissingExtraError: matplotlib is not installed.
        InputError: the clip has no objects, or none with the values of this kind.
        PasswordError: the source has a password, and none or another one is given.
        NibblesLostError: the pixels of the source carry nothing.
        OutputError: the output exists or cannot be written; no part of it is left.
        ChecksumError: the source is damaged.
    """
    path = Path(output)
    check_choice("kind of plot", kind, PLOT_KINDS)
    check_choice("colour of a timeline", colour, PLOT_COLOURS)
    _check_extension(path)
    _check_tracks(tracks)
    speed_unit(units, has_ground=False)
    check_distinct(source, path)
    check_output(path, overwrite=overwrite)
    # Found out before the clip is read, which may take minutes.
    require_matplotlib()
    with Decoder(source, version, stream=stream, password=password) as decoder:
        found = read_rows(decoder, progress)
        every = group_tracks(found.rows, found.times_s)
        unit = _unit(units, every, has_ground=decoder.plane is not None)
        shown, left_out = _chosen(every, kind, tracks)
        picture, area = None, None
        if kind in _OVER_FRAME:
            picture, area = read_picture_at(decoder, len(decoder) // 2)
        plane = None if unit.is_of_picture else decoder.plane
        notes = (*left_out, *decoder.notes)
    data = PlotData(shown, unit, picture, area, plane, is_by_speed=colour == "speed")
    write_figure(path, kind, data, overwrite=overwrite)
    return Plotted(path, kind, tuple(each.track for each in shown), len(every), unit.name, notes)


def _check_extension(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix not in PLOT_EXTENSIONS:
        raise OptionError(
            "cannot write a plot into this kind of file",
            found=str(path),
            bound=", ".join(PLOT_EXTENSIONS),
            remedy=did_you_mean(suffix, PLOT_EXTENSIONS),
        )


def _check_tracks(tracks: Sequence[int] | None) -> None:
    if tracks is None:
        return
    is_list = isinstance(tracks, Sequence) and not isinstance(tracks, str | bytes)
    if not is_list or not all(isinstance(each, Integral) for each in tracks):
        raise OptionTypeError("`tracks=` is no list of ids", found=repr(tracks), bound="whole numbers")
    if not tracks:
        raise OptionError("`tracks=` names no object", remedy="Leave it out to show all.")


def _unit(name: str | None, tracks: Sequence[ObjectTrack], *, has_ground: bool) -> SpeedUnit:
    """The unit of speed; an OptionError for one of the ground where none is known."""
    is_known = has_ground or any(row.speed_m_s is not None for each in tracks for row in each.rows)
    unit = speed_unit(name, has_ground=is_known)
    if not unit.is_of_picture and not is_known:
        raise OptionError(
            f"speeds in {unit.name} need the ground, which the scene of this clip does not determine",
            found=unit.name,
            bound="px/s",
            remedy="Commit a scene with a camera, or give `units='px/s'`.",
        )
    return unit


def _chosen(
    every: Sequence[ObjectTrack], kind: str, wanted: Sequence[int] | None
) -> tuple[tuple[ObjectTrack, ...], tuple[str, ...]]:
    """The objects to show, and a note if some are left out."""
    if not every:
        raise InputError("the clip has no objects, so there is nothing to plot")
    if wanted is not None:
        return choose_tracks(every, wanted), ()
    if kind != "values" or len(every) <= SHOWN:
        return tuple(every), ()
    note = f"the {SHOWN} most present of {len(every):,} objects are shown; give `tracks=` to choose others"
    return most_present(every, SHOWN), (note,)
