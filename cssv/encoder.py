"""The one place where the stages meet, forwards: video, perception, scene, template, carrier, container."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import cv2
import numpy as np

from cssv.carriers.frame import DEFAULT_FIDELITY, FIDELITIES, Fidelity, FrameCarrier
from cssv.carriers.nibble import DEFAULT_MERGE, MERGES, Merge
from cssv.cast import Cast, LiveCast
from cssv.errors import ContainerError, FrameError, OptionError, VideoError
from cssv.frames import U8, Frame, Layout
from cssv.output import whole_file
from cssv.payload.mark import Miniature
from cssv.payload.sample import SceneSample, write_sample
from cssv.perception import Detections, Detector, LiveTracker, Tracks, perceive, track_boxes
from cssv.perception.detectors import detector as make_detector
from cssv.perception.detectors.boxes import BoxesDetector
from cssv.scene import Environment, Ranges, Scene, Value, default_ranges
from cssv.stego import StegoWriter
from cssv.template.render import render
from cssv.template.state import ObjectState, draw
from cssv.verification import Verification, verify
from cssv.video import CODECS, AudioCopy, Codec, VideoInfo, VideoReader

#: File name extension of the container.
EXTENSION = ".cssv"
DEFAULT_CODEC: Codec = "h264"
DEFAULT_DETECTOR = "motion"
Planes = Literal["native", "rgb"]
PLANES: tuple[Planes, ...] = ("native", "rgb")
DEFAULT_PLANES: Planes = "native"
VERSION = "0.1.0"

#: Called with the stage's name, the frames done and the frames in all (None when unknown).
Progress = Callable[[str, int, int | None], None]
Path_ = str | os.PathLike[str]
SceneLike = Scene | Path_ | dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a clip is drawn and carried; the options that encoding a file and a stream share.

    Attributes:
        codec: lossless codec of the video track: h264, ffv1 or vp9.
        merge: ``opap`` or ``plain``.
        fidelity: ``full`` or ``sparse``.
    """

    codec: Codec = DEFAULT_CODEC
    merge: Merge = DEFAULT_MERGE
    fidelity: Fidelity = DEFAULT_FIDELITY

    def __post_init__(self) -> None:
        check_choice("codec", self.codec, CODECS)
        check_choice("merge", self.merge, MERGES)
        check_choice("fidelity", self.fidelity, FIDELITIES)


@dataclass(frozen=True, slots=True)
class Encoded:
    """What :func:`encode` did.

    Attributes:
        path: the file written.
        frames: frames in it.
        tracks: tracks and given objects that the scene and the perception know of.
        ranges: what the bottoms and tops of the rings stand for.
        source_bytes, bytes: size of the clip and of the file.
        notes: what was done to the clip at the door, and scene entries that matched nothing.
        verification: of the file, done before it got its name.
    """

    path: Path
    frames: int
    tracks: int
    ranges: Ranges
    source_bytes: int
    bytes: int
    notes: tuple[str, ...]
    verification: Verification


def check_choice(what: str, value: str, allowed: Iterable[str]) -> None:
    """Raise OptionError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise OptionError(f"unknown {what}", found=value, bound=", ".join(allowed))


def load_scene(scene: SceneLike) -> Scene:
    """A Scene from what people have: a Scene, a path, a JSON object or nothing."""
    if scene is None:
        return Scene()
    if isinstance(scene, Scene):
        return scene
    return Scene.from_json(scene) if isinstance(scene, dict) else Scene.read(scene)


def _number(value: Value | None) -> float:
    return math.nan if value is None else value.value


def miniature(scene: Scene, ranges: Ranges, info: VideoInfo) -> Miniature:
    """The scene in the 64 bytes that every mark repeats."""
    air: Environment = scene.environment
    canonical = json.dumps(scene.to_json(), sort_keys=True, separators=(",", ":")).encode()
    return Miniature(
        speed_px_s=ranges.speed_px_s,
        temperature_c=ranges.temperature_c,
        density_kg_m3=ranges.density_kg_m3,
        width=info.width,
        height=info.height,
        time_base=info.time_base,
        lighting_lux=_number(air.lighting_lux),
        humidity_pct=_number(air.humidity_pct),
        ambient_temperature_c=_number(air.ambient_temperature_c),
        wind_m_s=_number(air.wind_m_s),
        wind_deg=_number(air.wind_deg),
        pressure_hpa=_number(air.pressure_hpa),
        digest=hashlib.sha256(canonical).digest()[:8],
    )


@dataclass(slots=True)
class Painter:
    """Turns frames and their objects into stego frames and scene samples, one after another."""

    scene: Scene
    ranges: Ranges
    carrier: FrameCarrier
    number: int = 0

    @classmethod
    def of(cls, scene: Scene, ranges: Ranges, info: VideoInfo, drawing: Drawing) -> Painter:
        """A painter for the frames that ``info`` describes."""
        small = miniature(scene, ranges, info).write()
        return cls(scene, ranges, FrameCarrier(info.layout, small, drawing.merge, drawing.fidelity))

    def paint(self, frame: Frame, states: Sequence[ObjectState]) -> tuple[Frame, bytes]:
        """The stego frame and its scene sample."""
        luma = frame.luma()
        size = (frame.width, frame.height)
        drawings = [d for state in states if (d := draw(state, self.ranges, luma, size)) is not None]
        template = render(drawings, luma, frame.layout)
        outlines = [drawing.outline for drawing in drawings]
        planes = self.carrier.embed(frame.planes, template, outlines, number=self.number, pts=frame.pts)
        first = self.number == 0
        sample = SceneSample(
            self.number, tuple(states), self.scene if first else None, self.ranges if first else None
        )
        stego = Frame(planes, frame.layout, frame.pts, frame.time_base, self.number)
        self.number += 1
        return stego, write_sample(sample)


def about(info: VideoInfo, drawing: Drawing, ranges: Ranges, notes: Sequence[str] = ()) -> dict[str, Any]:
    """The codec's own facts for the version index (SPEC, "Facts")."""
    return {
        "cssv": VERSION,
        "layout": info.layout,
        "codec": drawing.codec,
        "merge": drawing.merge,
        "fidelity": drawing.fidelity,
        "rate": str(info.rate),
        "ranges": {
            "speed_px_s": ranges.speed_px_s,
            "temperature_c": ranges.temperature_c,
            "density_kg_m3": ranges.density_kg_m3,
        },
        "source": {
            "codec": info.codec,
            "pix_fmt": info.pix_fmt,
            "width": info.source_width,
            "height": info.source_height,
            "rotation_deg": info.rotation_deg,
            "padding": list(info.padding),
        },
        "notes": list(notes),
    }


@dataclass(slots=True)
class _Job:
    """One run of :func:`encode`: the options, and what is learnt on the way."""

    source: Path
    scene: Scene
    drawing: Drawing
    rate: Fraction | None
    planes: Planes
    start: Fraction | None
    stop: Fraction | None
    progress: Progress
    notes: list[str] = field(default_factory=list)

    def reader(self) -> VideoReader:
        """The clip, opened anew."""
        return VideoReader(self.source, planes=self.planes, rate=self.rate, start=self.start, stop=self.stop)

    def write(self, path: Path, cast: Cast, ranges: Ranges, created_s: int) -> int:
        """Second pass: draw, merge and write; returns the number of frames."""
        with self.reader() as reader, ExitStack() as stack:
            info, total = reader.info, reader.info.frame_count
            self.notes += info.notes
            audio = AudioCopy(self.source, start=self.start, stop=self.stop) if info.has_audio else None
            self.notes += audio.notes if audio else ()
            painter = Painter.of(self.scene, ranges, info, self.drawing)
            file = stack.enter_context(path.open("wb"))
            writer: StegoWriter | None = None
            shift = 0
            for frame in _counted(reader, "encode", total, self.progress):
                if writer is None:
                    shift = frame.pts if self.start is not None or frame.pts < 0 else 0
                    writer = stack.enter_context(
                        StegoWriter(
                            file, info, codec=self.drawing.codec, audio=audio, shift=shift * info.time_base
                        )
                    )
                moved = Frame(frame.planes, frame.layout, frame.pts - shift, frame.time_base, frame.number)
                writer.write(*painter.paint(moved, cast.at(frame.number, frame.time)))
            if writer is None:
                raise VideoError("the clip holds no frames", found=str(self.source))
            facts = about(info, self.drawing, ranges, self.notes)
            writer.finish(facts, created_s=created_s)
            return writer.frames


def encode(
    source: Path_,
    output: Path_ | None = None,
    *,
    scene: SceneLike = None,
    detector: str | Detector = DEFAULT_DETECTOR,
    boxes: Path_ | None = None,
    rate: Fraction | int | str | None = None,
    planes: Planes = DEFAULT_PLANES,
    codec: Codec = DEFAULT_CODEC,
    merge: Merge = DEFAULT_MERGE,
    fidelity: Fidelity = DEFAULT_FIDELITY,
    start: Fraction | int | str | None = None,
    stop: Fraction | int | str | None = None,
    created_s: int | None = None,
    progress: Progress | None = None,
) -> Encoded:
    """Encode a clip: detect and track its objects, draw them, merge, write one playable file.

    Args:
        source: any video that FFmpeg reads.
        output: the file to write; by default the clip's name with ``.cssv``. It appears only when it is
            whole and verified.
        scene: what is known of the scene: a Scene, the path of a ``scene.json``, or its JSON object.
        detector: name of a detector, or one of your own.
        boxes: a MOT detection file; implies the ``boxes`` detector.
        rate: the true frame rate of a clip whose header is wrong, frames per second.
        planes: ``"native"`` keeps the clip's planes; ``"rgb"`` converts once, so that ordinary PNG
            screenshots carry too.
        codec: ``"h264"``, ``"ffv1"`` or ``"vp9"``, all lossless.
        merge: ``"opap"`` or ``"plain"``.
        fidelity: ``"full"`` or ``"sparse"``.
        start, stop: seconds; only frames shown in [start, stop) are encoded, and time starts anew.
        created_s: time of creation, seconds since 1970 UTC; now by default.
        progress: called after every frame.

    Raises:
        VideoError, SceneError, BoxesError, OptionError: bad input; nothing is written.
        OutputError: the file cannot be written; what was there is as it was.
    """
    drawing = Drawing(codec, merge, fidelity)
    check_choice("planes", planes, PLANES)
    job = _Job(
        Path(source), load_scene(scene), drawing, to_fraction(rate), planes, to_fraction(start), to_fraction(stop),
        progress or (lambda stage, done, total: None),
    )  # fmt: skip
    target = Path(source).with_suffix(EXTENSION) if output is None else Path(output)
    found = perceive_clip(
        source, choose_detector(detector, boxes), rate=job.rate, start=job.start, stop=job.stop, progress=progress
    )
    cast = Cast(job.scene, found)
    ranges = default_ranges(job.scene, cast.fastest_px_s())
    with whole_file(target) as temporary:
        frames = job.write(temporary, cast, ranges, int(time.time()) if created_s is None else created_s)
        verification = verify(temporary, progress=job.progress)
        if not verification.is_sound:
            fault = verification.faults[0]
            raise ContainerError("the file written does not read back", found=fault.text, remedy="Try --codec ffv1.")
        size = temporary.stat().st_size
    return Encoded(
        path=target,
        frames=frames,
        tracks=len(cast.facts),
        ranges=ranges,
        source_bytes=Path(source).stat().st_size,
        bytes=size,
        notes=(*job.notes, *cast.warnings),
        verification=verification,
    )


def _counted(
    frames: Iterable[Frame], stage: str, total: int | None, progress: Progress | None
) -> Iterator[Frame]:
    for count, frame in enumerate(frames, 1):
        yield frame
        if progress is not None:
            progress(stage, count, total)


def perceive_clip(
    source: Path_,
    detector: Detector,
    *,
    rate: Fraction | None = None,
    start: Fraction | None = None,
    stop: Fraction | None = None,
    progress: Progress | None = None,
) -> Tracks:
    """First pass: who is where. A box file needs no pictures, only the frames' times."""
    with VideoReader(source, rate=rate, start=start, stop=stop) as reader:
        if not isinstance(detector, BoxesDetector):
            return perceive(_counted(reader, "perceive", reader.info.frame_count, progress), detector)
        base, stamps = reader.info.time_base, reader.timestamps()
    skipped = 0
    if start is not None and stamps:
        # Box files count the frames of the whole clip.
        with VideoReader(source, rate=rate) as whole:
            skipped = sum(pts < stamps[0] for pts in whole.timestamps())
    return track_boxes(detector, [pts * base for pts in stamps], skipped)


def choose_detector(detector: str | Detector, boxes: Path_ | None = None) -> Detector:
    """A detector by name; a box file means the ``boxes`` detector."""
    if boxes is not None:
        if detector not in ("boxes", DEFAULT_DETECTOR):
            raise OptionError("a box file goes with the boxes detector", found=str(detector))
        return make_detector("boxes", boxes)
    if not isinstance(detector, str):
        return detector
    if detector == "boxes":
        raise OptionError("the boxes detector needs a file", remedy="Give --boxes FILE in MOT format.")
    return make_detector(detector)


def to_fraction(value: Fraction | float | str | None) -> Fraction | None:
    """An exact number from what people type: 7, "29.97", "30000/1001". Raises OptionError."""
    if value is None:
        return None
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise OptionError("not a number", found=str(value), bound="like 7, 29.97 or 30000/1001") from error


class Encoder:
    """Encodes a stream frame by frame, in memory that does not grow with its length.

    Frames wait ``lag_s`` seconds for their future, so that velocity is relative to past and future
    frames; then they are drawn and written. ::

        with cssv.Encoder("live.cssv", size=(768, 576), rate=25) as encoder:
            for picture in camera:                # (H, W, 3) uint8 RGB
                encoder.write(picture)

    Args:
        output: the file to write; it appears when the encoder is closed.
        size: width and height in pixels.
        rate: frames per second.
        layout: ``"rgb24"`` or ``"yuv420p"``; None takes that of the first frame, and RGB for arrays. RGB arrays
            given to a yuv420p encoder are converted once, here.
        scene: as for :func:`encode`. Ranges that the scene does not give take fixed defaults, because a
            stream's fastest object is not known beforehand.
        detector: as for :func:`encode`; unused for frames that come with detections.
        lag_s: seconds of future that a frame waits for.
        time_base: seconds per unit of the frames' pts; 1 / rate by default.
        codec, merge, fidelity, created_s: as for :func:`encode`.
    """

    def __init__(
        self,
        output: Path_,
        *,
        size: tuple[int, int],
        rate: Fraction | int | str,
        layout: Layout | None = None,
        scene: SceneLike = None,
        detector: str | Detector = DEFAULT_DETECTOR,
        lag_s: float = 1.0,
        time_base: Fraction | None = None,
        codec: Codec = DEFAULT_CODEC,
        merge: Merge = DEFAULT_MERGE,
        fidelity: Fidelity = DEFAULT_FIDELITY,
        created_s: int | None = None,
    ) -> None:
        self._size = size
        self._rate = to_fraction(rate) or Fraction(25)
        self._time_base = time_base or 1 / self._rate
        self._layout = layout
        self._drawing = Drawing(codec, merge, fidelity)
        self._cast = LiveCast(load_scene(scene))
        self._detector = choose_detector(detector)
        self._tracker = LiveTracker(lag_s=lag_s)
        self._created_s = created_s
        self._waiting: deque[Frame] = deque()
        self._count = 0
        self._stack = ExitStack()
        self._path = self._stack.enter_context(whole_file(output))
        self._writer: StegoWriter | None = None
        self._painter: Painter | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Scene entries that have spoken of no track so far, in words."""
        return self._cast.warnings

    def write(self, picture: U8 | Frame, detections: Detections | None = None) -> None:
        """Take the next frame.

        Args:
            picture: (H, W, 3) uint8 RGB, or a Frame of native planes.
            detections: its objects; None asks the detector.

        Raises:
            FrameError: another size, layout or time base than the stream's.
        """
        frame = self._frame(picture)
        if self._writer is None:
            self._begin(frame.layout)
        found = self._detector.detect(frame) if detections is None else detections
        self._count += 1
        self._waiting.append(frame)
        self._draw(self._tracker.update(frame.number, frame.time, found))

    def _frame(self, picture: U8 | Frame) -> Frame:
        """The picture as a frame of this stream."""
        if isinstance(picture, Frame):
            frame = Frame(picture.planes, picture.layout, picture.pts, picture.time_base, self._count)
            if frame.time_base != self._time_base:
                raise FrameError(
                    "the frame has another time base", found=str(frame.time_base), bound=str(self._time_base),
                    remedy="Give the encoder time_base=.",
                )  # fmt: skip
        else:
            planes, layout = np.ascontiguousarray(picture), self._layout or "rgb24"
            if layout == "yuv420p" and planes.ndim == 3 and planes.shape[2] == 3:
                planes = np.asarray(cv2.cvtColor(planes, cv2.COLOR_RGB2YUV_I420), np.uint8)
            pts = round(self._count / (self._rate * self._time_base))
            frame = Frame(planes, layout, pts, self._time_base, self._count)
        if (frame.width, frame.height) != tuple(self._size) or frame.layout != (self._layout or frame.layout):
            raise FrameError(
                "the frame is not like the stream",
                found=f"{frame.width}x{frame.height} {frame.layout}",
                bound=f"{self._size[0]}x{self._size[1]} {self._layout or ''}".strip(),
            )
        return frame

    def _begin(self, layout: Layout) -> None:
        self._layout = layout
        self._info = VideoInfo(
            *self._size, layout, self._time_base, self._rate, source_width=self._size[0], source_height=self._size[1]
        )
        self._ranges = default_ranges(self._cast.scene)
        self._painter = Painter.of(self._cast.scene, self._ranges, self._info, self._drawing)
        file = self._stack.enter_context(self._path.open("wb"))
        self._writer = self._stack.enter_context(StegoWriter(file, self._info, codec=self._drawing.codec))

    def _draw(self, ready: Sequence[Any]) -> None:
        """Draw and write the frames whose objects are settled."""
        assert self._painter is not None and self._writer is not None
        for states in ready:
            frame = self._waiting.popleft()
            self._writer.write(*self._painter.paint(frame, self._cast.at(states, frame.time)))

    def close(self) -> None:
        """Draw what waits, finish the file, verify it and give it its name; may be called twice."""
        with self._stack:
            if self._writer is None:
                raise VideoError("no frame was written to the encoder")
            if self._painter is None:
                return
            self._draw(self._tracker.finish())
            created = int(time.time()) if self._created_s is None else self._created_s
            self._writer.finish(about(self._info, self._drawing, self._ranges), created_s=created)
            self._painter = None

    def abort(self) -> None:
        """Give up; nothing is left behind."""
        self._stack.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stack.__exit__(kind, error, trace)
