"""Decode: recover the heat map, the objects and the scene of a clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from cssv.api.trajectories import equations_of
from cssv.carriers.base import PictureView
from cssv.container import Revision
from cssv.errors import OptionError
from cssv.files.atomic import whole_file
from cssv.files.paths import Path_, check_distinct
from cssv.files.worker import SerialWorker
from cssv.frames import U8, Frame
from cssv.interop.rows import ObjectRow, Origin
from cssv.interop.table import check_extension, fill_table
from cssv.pipeline.arguments import Progress
from cssv.pipeline.calls import checked_call
from cssv.pipeline.decoder import Decoder
from cssv.pipeline.moment import Moment
from cssv.pipeline.overlay_cover import CoverPictures
from cssv.pipeline.track_paths import TrackPaths
from cssv.video import VideoInfo, VideoWriter, encode_picture, picture_folder, picture_name
from cssv.view.units import speed_unit


@dataclass(frozen=True, slots=True)
class Decoded:
    """The result of :func:`decode`.

    Attributes:
        frames: number of frames decoded.
        rows: number of rows of the objects table.
        source: ``"metadata"``, ``"pixels"`` or ``"robust"``, as :attr:`Moment.source`.
        written: the files and folders written.
        damaged_frames: number of frames with damaged cells; the objects there count as hidden.
        missing_frames: number of frames without a heat map, because the source does not hold all frames of
            their window.
        torn_bytes: bytes after the versions of a ``.cssv``: an append that is incomplete or in progress.
        notes: what is not known of a ``.cssv`` because of damage outside of the frames.
        view: the part of the encoded picture that the source shows.
    """

    frames: int
    rows: int
    source: Origin
    written: tuple[Path, ...]
    damaged_frames: int = 0
    missing_frames: int = 0
    torn_bytes: int = 0
    notes: tuple[str, ...] = ()
    view: PictureView | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "frames": self.frames,
            "rows": self.rows,
            "source": self.source,
            "damaged_frames": self.damaged_frames,
            "missing_frames": self.missing_frames,
            "torn_bytes": self.torn_bytes,
            "written": [str(path) for path in self.written],
            "notes": list(self.notes),
            "view": None if self.view is None else self.view.to_json(),
        }


class _Pictures:
    """Output of pictures: a video by extension, or a folder of PNGs."""

    def __init__(
        self,
        path: Path,
        decoder: Decoder,
        stack: ExitStack,
        *,
        exact: bool,
        audio: Path | None,
        overwrite: bool,
    ) -> None:
        self._video: VideoWriter | None = None
        self._folder: Path | None = None
        if not path.suffix:
            self._folder = stack.enter_context(picture_folder(path, overwrite=overwrite))
            return
        # The colour tags of the clip do not describe a heat map, so they are left out.
        info, layout = decoder.info, decoder.info.layout if exact else "rgb24"
        self._video = stack.enter_context(
            VideoWriter(
                path,
                VideoInfo(info.width, info.height, layout, info.time_base, info.rate),
                codec="ffv1" if exact else "h264-lossy",
                audio=audio,
                overwrite=overwrite,
            )
        )

    def write(self, frame: Frame) -> None:
        """Append a picture."""
        if self._video is not None:
            self._video.write(frame)
        elif self._folder is not None:
            # The folder is flushed to disk as a whole; picture by picture would take far longer.
            (self._folder / picture_name(frame.number)).write_bytes(encode_picture(frame))


def _check_picture_path(path: Path, allowed: tuple[str, ...]) -> None:
    if path.suffix.lower() not in allowed:
        words = ", ".join(suffix or "a folder (no extension)" for suffix in allowed)
        raise OptionError("cannot write pictures into this kind of file", found=str(path), bound=words)


def _check_outputs(
    heat: Path_ | None, objects: Path_ | None, scene: Path_ | None, overlay: Path_ | None, *, equations: bool
) -> None:
    """Raise OptionError for outputs of an unknown kind."""
    if heat is not None:
        _check_picture_path(Path(heat), (".mkv", ".mp4", ""))
    if overlay is not None:
        _check_picture_path(Path(overlay), (".mp4", ""))
    if objects is not None:
        check_extension(objects)
    if equations and scene is None:
        raise OptionError("equations belong into a scene", remedy="Give `scene=` the path of a file.")


@checked_call
def decode(
    source: Path_,
    heat: Path_ | None = None,
    *,
    objects: Path_ | None = None,
    scene: Path_ | None = None,
    equations: bool = False,
    overlay: Path_ | None = None,
    cover: Path_ | None = None,
    units: str | None = None,
    version: Revision = None,
    stream: int | None = None,
    password: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Decoded:
    """Recover the heat map, the objects and the scene of a clip.

    Args:
        source: a ``.cssv``, a copy of its video, a PNG or a folder of PNGs.
        heat: ``.mkv``: FFV1 with exactly the template planes as carried; ``.mp4`` or a folder of PNGs: the
            heat map in colour.
        objects: the objects table, in the format of its extension (:data:`cssv.interop.table.EXPORTERS`).
        scene: the scene, JSON.
        equations: add the equations of the perceived tracks to the scene, each with its bound
            (:class:`cssv.Trajectory`), under ``tracks``. They take memory and time that grow with the clip.
        overlay: ``.mp4`` or a folder of PNGs: frames with heat map, boxes, values, trails, time and legend.
        cover: the clip that was encoded: the overlay is drawn over its frames, matched by exact time.
        units: of the speeds in the overlay: ``"px/s"``, ``"m/s"``, ``"km/h"`` or ``"mph"``; by default m/s
            where the ground is known, else px/s.
        version: of a ``.cssv``: number or tag; None for the version that plays.
        stream: number of the video stream of a copy that holds several; None for the first that carries.
        password: that of the source; ignored if the source has none.
        overwrite: replace existing files, and folders that hold nothing but pictures of CSSV.
        progress: called after every frame.

    Raises:
        PasswordError: the source has a password, and none or another one is given; nothing is written.
        NibblesLostError: the pixels carry nothing; nothing is written.
        ChecksumError: a frame is damaged, or the audio that an overlay would have; nothing is written.
        OptionError: an output of an unknown kind, equations without a scene, a cover or a unit without an
            overlay, or a unit of the ground for a clip whose ground is unknown.
        InputError: the cover does not fit the source.
        OutputError: an output exists or cannot be written; existing files are unchanged.
    """
    _check_outputs(heat, objects, scene, overlay, equations=equations)
    _check_overlay(overlay, cover, units, (heat, objects, scene))
    check_distinct(source, heat, objects, scene, overlay)
    tally = _Tally()
    with Decoder(source, version, stream=stream, password=password) as decoder, ExitStack() as stack:
        # All outputs get their names together, when everything else is done.
        whole = partial(whole_file, overwrite=overwrite)
        table = None if objects is None else stack.enter_context(whole(objects))
        scene_file = None if scene is None else stack.enter_context(whole(scene))
        writers: list[Callable[[Moment], None]] = []
        if overlay is not None:
            cover_path = None if cover is None else Path(cover)
            writers.append(
                _overlay_writer(Path(overlay), decoder, stack, cover_path, units, overwrite=overwrite)
            )
        if heat is not None:
            writers.append(_heat_writer(Path(heat), decoder, stack, overwrite=overwrite))
        # Entered last, so that its thread has ended when the writers are closed.
        worker = stack.enter_context(SerialWorker())
        paths = TrackPaths() if equations else None
        flow = _flow(decoder, writers, tally, progress, worker, paths, with_rows=table is not None)
        if table is not None:
            fill_table(table, flow)
        else:
            for _ in flow:
                pass
        if scene_file is not None:
            found = decoder.scene
            if paths is not None:
                found = replace(found, tracks=tuple(equations_of(paths, found)))
            scene_file.write_text(found.dumps(), encoding="utf-8")
    written = tuple(Path(p) for p in (heat, objects, scene, overlay) if p is not None)
    return Decoded(
        tally.frames,
        tally.rows,
        tally.source,
        written,
        tally.damaged_frames,
        tally.missing_frames,
        decoder.torn_bytes,
        decoder.notes,
        tally.view,
    )


@dataclass(slots=True)
class _Tally:
    frames: int = 0
    rows: int = 0
    source: Origin = "metadata"
    damaged_frames: int = 0
    missing_frames: int = 0
    view: PictureView | None = None


def _flow(
    decoder: Decoder,
    writers: list[Callable[[Moment], None]],
    tally: _Tally,
    progress: Progress | None,
    worker: SerialWorker,
    paths: TrackPaths | None,
    *,
    with_rows: bool,
) -> Iterator[ObjectRow]:
    """Submit every moment to the writers, add its objects to the paths, and yield its rows."""
    total = len(decoder)
    for moment in decoder:
        for write in writers:
            worker.submit(partial(write, moment))
        tally.frames += 1
        tally.source, tally.view = moment.source, moment.view
        tally.damaged_frames += bool(moment.damaged_cells)
        tally.missing_frames += moment.is_missing
        if paths is not None:
            paths.add(moment.time, moment.states)
        if with_rows:
            tally.rows += len(moment.objects)
            yield from moment.objects
        if progress is not None:
            progress("decode", tally.frames, total)
    worker.drain()


def _colour_frame(moment: Moment, picture: U8) -> Frame:
    frame = moment.frame
    return Frame(picture, "rgb24", frame.pts, frame.time_base, moment.number, frame.duration)


def _check_overlay(
    overlay: Path_ | None, cover: Path_ | None, units: str | None, others: tuple[Path_ | None, ...]
) -> None:
    """Raise OptionError for options of an overlay without one, an unknown unit, or outputs on the cover."""
    if cover is not None:
        check_distinct(cover, overlay, *others)
    if units is not None:
        speed_unit(units, has_ground=True)
    for name, value in (("cover", cover), ("units", units)):
        if overlay is None and value is not None:
            raise OptionError(
                f"{name} belongs to an overlay",
                found=str(value),
                remedy="Give `overlay=` the path of a file or folder.",
            )


def _overlay_writer(
    path: Path,
    decoder: Decoder,
    stack: ExitStack,
    cover: Path | None,
    units: str | None,
    *,
    overwrite: bool,
) -> Callable[[Moment], None]:
    """A function that writes the overlay of a moment to ``path``."""
    unit = None if units is None else speed_unit(units, has_ground=True)
    if unit is not None and not unit.is_of_picture and decoder.plane is None:
        raise OptionError(
            "speeds on the ground are not known in this clip",
            found=units,
            bound="px/s",
            remedy="Encode it with a scene that gives the camera, or leave out `units=`.",
        )
    covers = None if cover is None else stack.enter_context(CoverPictures(cover, decoder))
    audio = Path(decoder.path) if decoder.info.has_audio and path.suffix else None
    if audio is not None:
        decoder.check_audio()
    pictures = _Pictures(path, decoder, stack, exact=False, audio=audio, overwrite=overwrite)

    def write(moment: Moment) -> None:
        picture = None if covers is None else covers.picture_of(moment)
        pictures.write(_colour_frame(moment, moment.draw_overlay(units=units, picture=picture)))

    return write


def _heat_writer(
    path: Path, decoder: Decoder, stack: ExitStack, *, overwrite: bool
) -> Callable[[Moment], None]:
    """A function that writes the heat map of a moment to ``path``."""
    exact = path.suffix.lower() == ".mkv"
    pictures = _Pictures(path, decoder, stack, exact=exact, audio=None, overwrite=overwrite)
    if exact:
        return lambda moment: pictures.write(replace(moment.frame, planes=moment.heat))
    return lambda moment: pictures.write(_colour_frame(moment, moment.picture))
