"""The way back: container or any lossless copy, carrier, template, objects. Knows nothing of perception."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from cssv.carriers.frame import Extract, extract
from cssv.closing import Closing
from cssv.container import Reader, Revision, is_cssv
from cssv.errors import (
    ChecksumError,
    ContainerError,
    InputError,
    NibblesLostError,
    OptionError,
    VideoError,
)
from cssv.frames import U8, Frame, Layout
from cssv.ground import Plane, plane_of
from cssv.output import check_distinct, whole_file, whole_folder
from cssv.painter import Path_, Progress
from cssv.payload.mark import Miniature
from cssv.payload.sample import read_sample
from cssv.picture import heat_to_rgb, overlay
from cssv.relay import Relay
from cssv.rows import rows_of
from cssv.scene import Environment, GivenRanges, Ranges, Scene, Value
from cssv.stego import planes_crc
from cssv.table import ObjectRow, Origin, check_extension, write_rows
from cssv.template.read import VISIBLE_SHARE, read
from cssv.template.state import ObjectState, undraw
from cssv.video import VideoWriter, encode_picture, open_source, shown_stamps

#: What to do about lost nibbles.
_LOST_REMEDY = (
    "Decode the original .cssv or a lossless copy of it: any re-encoding, scaling or colour conversion "
    "of the pixels destroys nibbles."
)


def ranges_of(small: Miniature) -> Ranges:
    """The drawn ranges that a miniature tells of."""
    return Ranges(small.speed_px_s, small.temperature_c, small.density_kg_m3)


def scene_of(small: Miniature) -> Scene:
    """The scene as far as the pixels tell of it: environment and ranges."""

    def given(number: float) -> Value | None:
        return None if math.isnan(number) else Value(round(number, 3))

    environment = Environment(
        lighting_lux=given(small.lighting_lux),
        humidity_pct=given(small.humidity_pct),
        ambient_temperature_c=given(small.ambient_temperature_c),
        wind_m_s=given(small.wind_m_s),
        wind_deg=given(small.wind_deg),
        pressure_hpa=given(small.pressure_hpa),
    )
    ranges = GivenRanges(
        _decimal(small.speed_px_s), _decimal(small.temperature_c), _decimal(small.density_kg_m3)
    )
    return Scene(environment=environment, ranges=ranges)


def _decimal(span: tuple[float, float]) -> tuple[float, float]:
    """A range in the digits that single precision holds; as it is where those would make it empty."""
    low, high = (float(f"{end:.7g}") for end in span)
    return (low, high) if low < high else span


class Moment:
    """One frame of a decoded clip; what is asked for is worked out then.

    Attributes:
        frame: the stego frame, native planes; pts as in the source at hand.
        number: the frame's number in the encoded clip.
        time: its presentation time there, seconds, exact.
        origin: x, y of this picture's top left pixel in the encoded clip; not (0, 0) after a crop.
        miniature: the scene miniature of the clip.
        source: ``"metadata"`` or ``"pixels"``: where :attr:`states` come from.
        plane: the ground of the picture, where the scene's camera tells it; None elsewhere.
    """

    def __init__(
        self,
        frame: Frame,
        extract: Extract,
        miniature: Miniature,
        sample: bytes | ChecksumError | None,
        plane: Plane | None = None,
    ) -> None:
        self.frame = frame
        self.number = extract.marks.header.frame
        self.time = extract.marks.header.pts * miniature.time_base
        self.origin = extract.marks.origin
        self.source: Origin = "pixels" if sample is None else "metadata"
        self._extract = extract
        self.miniature = miniature
        self.plane = plane
        self._sample = sample

    @property
    def heat(self) -> U8:
        """The nibble planes as carried, shifted up by four, marks included; shape of the planes."""
        return self._extract.heat

    @property
    def damaged_cells(self) -> tuple[tuple[int, int], ...]:
        """Column and row of the 80x80 cells whose nibbles are not what was written."""
        return self._extract.damaged

    @cached_property
    def clean_heat(self) -> U8:
        """The heat without marks and tags."""
        return self._extract.clean(self.frame.layout)

    @property
    def picture(self) -> U8:
        """(H, W, 3) uint8 RGB: the cleaned heat map in colour."""
        return heat_to_rgb(self.clean_heat, self.frame.layout)

    @property
    def overlay(self) -> U8:
        """(H, W, 3) uint8 RGB: the frame with its heat map and its objects' readings."""
        return overlay(self.frame.planes, self.clean_heat, self.frame.layout, self.objects)

    @cached_property
    def states(self) -> tuple[ObjectState, ...]:
        """The objects of the frame, from the scene track where there is one, else from the pixels.

        Raises:
            ChecksumError: the scene track is damaged here; :attr:`states_in_pixels` may still be sound.
        """
        if isinstance(self._sample, ChecksumError):
            raise self._sample
        return self.states_in_pixels if self._sample is None else read_sample(self._sample).objects

    @cached_property
    def states_in_pixels(self) -> tuple[ObjectState, ...]:
        """The objects as their rings show them; those mostly hidden have no attributes."""
        found = self._extract
        sights = read(found.heat, self.frame.layout, found.outlines, found.marked, found.damaged_pixels())
        ranges = ranges_of(self.miniature)
        hidden = (
            replace(sight, readings=None) if sight.visible < VISIBLE_SHARE else sight for sight in sights
        )
        return tuple(undraw(sight, ranges) for sight in hidden)

    @property
    def objects(self) -> tuple[ObjectRow, ...]:
        """The rows of the objects table."""
        return rows_of(self.states, self.number, self.time, self.source, self.plane)

    @property
    def objects_in_pixels(self) -> tuple[ObjectRow, ...]:
        """The rows as read from the pixels alone."""
        return rows_of(self.states_in_pixels, self.number, self.time, "pixels", self.plane)


class Decoder(Closing):
    """Iterates over the moments of a source whose pixels carry.

    The source is a ``.cssv``, any lossless copy of its video in any container (remuxed, trimmed,
    cropped), a PNG of one of its frames or a folder of them. One loop at a time; :class:`Clip` takes
    several. ::

        with cssv.Decoder("clip.cssv") as decoder:
            for moment in decoder:
                moment.heat, moment.objects

    Args:
        source: as above.
        version: of a ``.cssv``: number or tag; None for the version that plays.

    Raises:
        VideoError: not a video. NibblesLostError: the pixels do not carry (any more).
        ChecksumError: a frame of a ``.cssv`` is damaged.
        ContainerError: no such version. OptionError: a version of something that has none.
    """

    def __init__(self, source: Path_, version: Revision = None) -> None:
        self._path = Path(source)
        self._version = version
        self._stack = ExitStack()
        self.reader: Reader | None = None
        try:
            if self._path.is_file() and is_cssv(self._path):
                self.reader = self._stack.enter_context(Reader(self._path, version=version))
            else:
                _check_no_version(source, version)
            with self._as_damage():
                place = self._path if self.reader is None else self.reader.source
                self._frames = self._stack.enter_context(open_source(place))
        except BaseException:
            self._stack.close()
            raise
        self.info = self._frames.info
        self._origin = (0, 0)
        self._miniature: Miniature | None = None

    def __len__(self) -> int:
        """Frames of the source."""
        return len(self._stamps) if self.reader is None else len(self.reader)

    @cached_property
    def _stamps(self) -> list[int]:
        """Pts of a copy's frames; found by a reading of its own, so that a loop that goes on is not lost."""
        with open_source(self._path) as frames:
            return shown_stamps(frames)

    @property
    def layout(self) -> Layout:
        """Layout of the planes."""
        return self.info.layout

    @cached_property
    def scene(self) -> Scene:
        """The scene: whole from a ``.cssv``, its environment and ranges from the pixels of a copy."""
        if self.reader is not None:
            return read_sample(self.reader.scene_sample(0)).scene or Scene()
        if self._miniature is not None:
            return scene_of(self._miniature)
        # A reading of its own, so that a seek or a loop that goes on stays where it is.
        with Decoder(self._path, self._version) as other:
            return scene_of(next(iter(other)).miniature)

    @cached_property
    def plane(self) -> Plane | None:
        """The ground of the picture, where the scene of a ``.cssv`` tells it; None elsewhere."""
        if self.reader is None:
            return None
        # Without the scene, or with one that nobody can use, all else is still there.
        with suppress(ContainerError, InputError):
            return plane_of(self.scene.camera, (self.info.width, self.info.height))
        return None

    def seek(self, number: int) -> None:
        """Let the next loop start at the source's frame ``number``, counted from 0."""
        reader, count = self.reader, len(self)
        if not 0 <= number < count:
            raise VideoError("the clip has no such frame", found=number, bound=f"0 to {count - 1}")
        pts = self._stamps[number] if reader is None else reader.pts(reader.video.number, number)
        with self._as_damage():
            self._frames.seek(number, pts)

    def __iter__(self) -> Iterator[Moment]:
        frames = iter(self._frames)
        while True:
            with self._as_damage():
                frame = next(frames, None)
            if frame is None:
                return
            yield self._moment(frame)

    @contextmanager
    def _as_damage(self) -> Iterator[None]:
        """Turn a video error into what it is in a ``.cssv``: damage."""
        try:
            yield
        except VideoError as error:
            if self.reader is None:
                raise
            raise self._damaged(str(error)) from error

    def _damaged(self, what: str) -> ChecksumError:
        return ChecksumError(
            f"{self._path} is not what was written: {what}",
            remedy="Run 'cssv verify' to see what is damaged.",
        )

    def _moment(self, frame: Frame) -> Moment:
        reader = self.reader
        sample: bytes | ChecksumError | None = None
        if reader is not None:
            number = frame.number
            if number >= len(reader) or planes_crc(frame.planes) != int(reader.frames.stegos[number]):
                raise self._damaged(f"frame {number} decodes to other pixels")
            try:
                sample = reader.scene_sample(number)
            except ChecksumError as error:
                # The pixels are whole: only who asks for the scene track's objects need know.
                sample = error

        found = extract(frame.planes, frame.layout, self._origin, is_sound=reader is not None)
        if found is None:
            raise self._lost(frame)
        self._origin = found.marks.origin
        self._miniature = self._miniature or found.marks.miniature
        if self._miniature is None:
            raise self._lost(frame)
        return Moment(frame, found, self._miniature, sample, self.plane)

    def _lost(self, frame: Frame) -> NibblesLostError:
        seen = f"{self.info.width}x{self.info.height} {self.info.pix_fmt} coded with {self.info.codec}"
        return NibblesLostError(
            f"the low nibbles of frame {frame.number} of {self._path} carry no heat map: it was never "
            "there, or a lossy codec or a colour conversion has destroyed it",
            found=seen,
            remedy=_LOST_REMEDY,
        )

    def close(self) -> None:
        """Close the files; may be called twice."""
        self._stack.close()


def _check_no_version(source: Path_, version: Revision) -> None:
    if version is not None:
        raise OptionError("only a .cssv holds versions", found=str(source), remedy="Leave the version out.")


@dataclass(frozen=True, slots=True)
class Decoded:
    """What :func:`decode` did.

    Attributes:
        frames: frames decoded.
        rows: rows of the objects table.
        source: ``"metadata"`` or ``"pixels"``.
        written: the files and folders written.
        damaged_frames: frames in which less than half of the cells have other nibbles than were written;
            what lies there counts as hidden.
        torn_bytes: behind the versions of a ``.cssv``: an append that broke off, or is under way.
    """

    frames: int
    rows: int
    source: Origin
    written: tuple[Path, ...]
    damaged_frames: int = 0
    torn_bytes: int = 0


class _Pictures:
    """A sink of pictures: a video by extension, or a folder of PNGs."""

    def __init__(
        self, path: Path, decoder: Decoder, stack: ExitStack, *, exact: bool, audio: Path | None
    ) -> None:
        self._video: VideoWriter | None = None
        self._folder: Path | None = None
        if not path.suffix:
            self._folder = stack.enter_context(whole_folder(path))
            return
        info = decoder.info
        self._video = stack.enter_context(
            VideoWriter(
                path,
                width=info.width,
                height=info.height,
                layout=info.layout if exact else "rgb24",
                time_base=info.time_base,
                rate=info.rate,
                codec="ffv1" if exact else "h264-lossy",
                audio=audio,
            )
        )

    def write(self, frame: Frame) -> None:
        """Append a picture."""
        if self._video is not None:
            self._video.write(frame)
        elif self._folder is not None:
            # The folder is flushed to disk as a whole; picture by picture would take far longer.
            (self._folder / f"{frame.number:06d}.png").write_bytes(encode_picture(frame))


def _check_picture_path(path: Path, allowed: tuple[str, ...]) -> None:
    if path.suffix.lower() not in allowed:
        words = ", ".join(suffix or "a folder (no extension)" for suffix in allowed)
        raise OptionError("cannot write pictures into this kind of file", found=str(path), bound=words)


def decode(
    source: Path_,
    heat: Path_ | None = None,
    *,
    objects: Path_ | None = None,
    scene: Path_ | None = None,
    overlay: Path_ | None = None,
    version: Revision = None,
    progress: Progress | None = None,
) -> Decoded:
    """Recover what a clip carries.

    Args:
        source: a ``.cssv``, a lossless copy of its video, a PNG or a folder of PNGs.
        heat: ``.mkv`` gets FFV1 with exactly the nibble planes as carried; ``.mp4`` and a folder of PNGs
            the cleaned heat map in colour.
        objects: the objects table, ``.csv``, ``.jsonl`` or ``.parquet``.
        scene: the scene, JSON.
        overlay: ``.mp4`` or a folder of PNGs: frames with heat map and readings.
        version: of a ``.cssv``: number or tag; None for the version that plays.
        progress: called after every frame.

    Raises:
        NibblesLostError: the pixels do not carry; nothing is written.
        OptionError: an output of an unknown kind.
        OutputError: an output cannot be written; what was there is as it was.
    """
    if heat is not None:
        _check_picture_path(Path(heat), (".mkv", ".mp4", ""))
    if overlay is not None:
        _check_picture_path(Path(overlay), (".mp4", ""))
    if objects is not None:
        check_extension(objects)
    check_distinct(source, heat, objects, scene, overlay)
    tally = _Tally()
    with Decoder(source, version) as decoder, ExitStack() as stack:
        # All outputs get their names together, when everything else is done.
        table = None if objects is None else stack.enter_context(whole_file(objects))
        story = None if scene is None else stack.enter_context(whole_file(scene))
        sinks: list[Callable[[Moment], None]] = []
        if overlay is not None:
            audio = Path(source) if decoder.info.has_audio and Path(overlay).suffix else None
            pictures = _Pictures(Path(overlay), decoder, stack, exact=False, audio=audio)
            sinks.append(lambda moment: pictures.write(_colour_frame(moment, moment.overlay)))
        if heat is not None:
            sinks.append(_heat_sink(Path(heat), decoder, stack))
        # Entered last, so that its thread has ended when the sinks are closed.
        relay = stack.enter_context(Relay())
        flow = _flow(decoder, sinks, tally, progress, relay, with_rows=table is not None)
        if table is not None:
            write_rows(table, flow)
        else:
            for _ in flow:
                pass
        if story is not None:
            decoder.scene.write(story)
    written = tuple(Path(p) for p in (heat, objects, scene, overlay) if p is not None)
    torn_bytes = 0 if decoder.reader is None else decoder.reader.torn_bytes
    return Decoded(tally.frames, tally.rows, tally.source, written, tally.damaged_frames, torn_bytes)


@dataclass(slots=True)
class _Tally:
    frames: int = 0
    rows: int = 0
    source: Origin = "metadata"
    damaged_frames: int = 0


def _flow(
    decoder: Decoder,
    sinks: list[Callable[[Moment], None]],
    tally: _Tally,
    progress: Progress | None,
    relay: Relay,
    *,
    with_rows: bool,
) -> Iterator[ObjectRow]:
    """Push every moment into the sinks and yield its rows."""
    total = len(decoder)
    for moment in decoder:
        for sink in sinks:
            relay.hand(partial(sink, moment))
        tally.frames += 1
        tally.source = moment.source
        tally.damaged_frames += bool(moment.damaged_cells)
        if with_rows:
            tally.rows += len(moment.objects)
            yield from moment.objects
        if progress is not None:
            progress("decode", tally.frames, total)
    relay.drain()


def _colour_frame(moment: Moment, picture: U8) -> Frame:
    frame = moment.frame
    return Frame(picture, "rgb24", frame.pts, frame.time_base, moment.number)


def _heat_sink(path: Path, decoder: Decoder, stack: ExitStack) -> Callable[[Moment], None]:
    """What takes the heat of every moment to ``path``."""
    exact = path.suffix.lower() == ".mkv"
    pictures = _Pictures(path, decoder, stack, exact=exact, audio=None)
    if exact:
        return lambda moment: pictures.write(replace(moment.frame, planes=moment.heat))
    return lambda moment: pictures.write(_colour_frame(moment, moment.picture))
