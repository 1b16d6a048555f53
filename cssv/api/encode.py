"""The one place where the stages meet, forwards: video, perception, scene, template, carrier, container."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cssv.api.verify import Verification, check
from cssv.carriers.nibble.carrier import DEFAULT_FIDELITY, Fidelity
from cssv.carriers.nibble.merge import DEFAULT_MERGE, Merge
from cssv.errors import VideoError
from cssv.files.atomic import whole_file
from cssv.files.lock import replacing
from cssv.files.paths import Path_, check_distinct, check_paths
from cssv.frames import Frame
from cssv.perception import Detector
from cssv.perception.detectors import CheckedDetector, DetectorOptions
from cssv.perception.thermal.timeline import Stamps
from cssv.pipeline.annotate import TrackAnnotator
from cssv.pipeline.arguments import Progress, SceneLike, check_choice, counted, load_scene, to_fraction
from cssv.pipeline.config import DEFAULT_CODEC, EXTENSION, EncoderConfig, about
from cssv.pipeline.embed import FrameEmbedder
from cssv.pipeline.mux import StegoWriter
from cssv.pipeline.perceive import perceive_clip
from cssv.pipeline.temperatures import ThermalReadings
from cssv.scene import Ranges, Scene
from cssv.scene.camera import ground_note, plane_of
from cssv.scene.ground import Plane
from cssv.scene.ranges import default_ranges
from cssv.scene.shift import shift_times
from cssv.video import AudioCopy, Codec, Span, VideoReader, shown_stamps

Planes = Literal["native", "rgb"]
PLANES: tuple[Planes, ...] = ("native", "rgb")
DEFAULT_PLANES: Planes = "native"


@dataclass(frozen=True, slots=True)
class Encoded:
    """What :func:`encode` did.

    Attributes:
        path: the file written.
        frames: frames in it.
        tracks: tracks and given objects that the scene and the perception know of.
        ranges: what the bottoms and tops of the rings stand for.
        source_bytes, bytes: size of the clip and of the file.
        notes: whose network found the objects, what was done to the clip at the door, boxes beyond its end,
            scene entries without a match.
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

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "frames": self.frames,
            "tracks": self.tracks,
            "ranges": self.ranges.to_json(),
            "source_bytes": self.source_bytes,
            "bytes": self.bytes,
            "notes": list(self.notes),
            "verification": self.verification.to_json(),
        }


@dataclass(slots=True)
class _Job:
    """One run of :func:`encode`: the options, and what is learnt on the way."""

    source: Path
    scene: Scene
    style: EncoderConfig
    rate: Fraction | None
    planes: Planes
    span: Span
    progress: Progress | None
    notes: list[str] = field(default_factory=list)
    thermometer: ThermalReadings | None = None

    def reader(self) -> VideoReader:
        """The clip, opened anew."""
        return VideoReader(self.source, planes=self.planes, rate=self.rate, span=self.span)

    def opened(self) -> dict[str, str]:
        """How the clip was opened, as far as it was not by default."""
        options = {"rate": self.rate, "start": self.span.start, "stop": self.span.stop}
        return {"planes": self.planes} | {k: str(v) for k, v in options.items() if v is not None}

    def open_thermal(self, path: Path_ | None) -> None:
        """Open the thermal file, if any, and see that it belongs to the clip. Raises ThermalError."""
        if path is None:
            return
        with self.reader() as reader, VideoReader(self.source, rate=self.rate) as whole:
            size = (reader.info.width, reader.info.height)
            part, clip = (Stamps(np.array(shown_stamps(r)), r.info.time_base) for r in (reader, whole))
        self.thermometer = ThermalReadings(path, self.scene.thermal, size=size, part=part, whole=clip)

    def plane(self) -> Plane | None:
        """The ground, where the scene's camera tells it. Raises InputError for a camera of another size."""
        with self.reader() as reader:
            plane = plane_of(self.scene.camera, (reader.info.width, reader.info.height))
        self.notes += ground_note(self.scene.camera, plane)
        return plane

    def ranges(self, cast: TrackAnnotator) -> Ranges:
        """What the rings' bottoms and tops stand for."""
        ranges = default_ranges(self.scene, cast.fastest_px_s())
        if self.thermometer is None or self.scene.ranges.temperature_c is not None:
            return ranges
        return default_ranges(self.scene, cast.fastest_px_s(), self.thermometer.span(cast.at, ranges))

    def write(self, path: Path, cast: TrackAnnotator, ranges: Ranges, created_s: int) -> int:
        """Second pass: draw, merge and write; returns the number of frames."""
        with self.reader() as reader, ExitStack() as stack:
            info, total = reader.info, len(reader.timestamps())
            audio = AudioCopy(self.source, span=self.span) if info.has_audio else None
            file = stack.enter_context(path.open("wb"))
            writer: StegoWriter | None = None
            painter: FrameEmbedder | None = None
            shift = 0
            warm = None if self.thermometer is None else self.thermometer.follow(ranges)
            for frame in counted(reader, "encode", total, self.progress):
                if writer is None or painter is None:
                    shift = frame.pts if self.span.start is not None or frame.pts < 0 else 0
                    scene = shift_times(self.scene, shift * info.time_base)
                    painter = FrameEmbedder.of(scene, ranges, info, self.style)
                    painter.calibration = self.thermometer.calibration if self.thermometer else None
                    writer = stack.enter_context(
                        StegoWriter(
                            file, info, codec=self.style.codec, audio=audio, shift=shift * info.time_base
                        )
                    )
                moved = Frame(frame.planes, frame.layout, frame.pts - shift, frame.time_base, frame.number)
                shown = cast.at(frame.number, frame.time)
                read = (shown,) if warm is None else warm(shown, frame.time, frame.luma())
                writer.write(*painter.paint(moved, *read))
            if writer is None:
                raise VideoError("the clip holds no frames", found=str(self.source))
            # Some things only show once every frame has been read.
            self.notes += (*reader.info.notes, *(audio.notes if audio else ()))
            self.notes += self.thermometer.notes if self.thermometer else ()
            facts = about(info, self.style, ranges, self.notes, self.opened())
            writer.finish(facts, created_s=created_s)
            return writer.frames


def encode(
    source: Path_,
    output: Path_ | None = None,
    *,
    scene: SceneLike = None,
    detector: str | Detector | None = None,
    boxes: Path_ | None = None,
    weights: Path_ | None = None,
    classes: Sequence[str] | str | None = None,
    min_score: float | None = None,
    thermal: Path_ | None = None,
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
        detector: name of a detector, or a detector object; ``boxes`` by default where a box file is given,
            otherwise ``motion``.
        boxes: a MOT detection file, for the ``boxes`` detector.
        weights: the network of a detector that needs one, a local file; nothing is ever downloaded.
        classes: names of what to look for, as a sequence or a text with commas; all that the network knows
            by default.
        min_score: detections of lower scores are left out, 0 to 1; the detector's own default by default.
        thermal: what a thermal camera recorded beside the clip: CPTV, a FLIR radiometric JPEG, a video or a
            folder of PNGs of 16-bit counts. The scene's thermal part says how it belongs to the clip. What
            it reads inside an object's outline is the object's temperature, unless the scene gives one as
            measured.
        rate: the true frame rate of a clip whose header is wrong, frames per second.
        planes: ``"native"`` keeps the clip's planes; ``"rgb"`` converts once, so that ordinary PNG
            screenshots carry too.
        codec: ``"h264"``, ``"ffv1"`` or ``"vp9"``, all lossless.
        merge: ``"opap"`` or ``"plain"``.
        fidelity: ``"full"`` or ``"sparse"``.
        start: seconds; frames shown before are left out, and time starts anew.
        stop: seconds; this frame and later ones are left out.
        created_s: time of creation, seconds since 1970 UTC; now by default.
        progress: called after every frame.

    Raises:
        VideoError, SceneError, BoxesError, ModelError, ThermalError, OptionError: bad input; nothing is
            written.
        OutputError: the file cannot be written; what was there is as it was.
    """
    check_paths(source=source, output=output, thermal=thermal)
    check_choice("planes", planes, PLANES)
    options = DetectorOptions(detector, boxes, weights, classes, min_score)
    job = _Job(
        source=Path(source),
        scene=load_scene(scene),
        style=EncoderConfig(codec, merge, fidelity),
        rate=to_fraction(rate),
        planes=planes,
        span=Span(to_fraction(start), to_fraction(stop)),
        progress=progress,
    )
    target = Path(source).with_suffix(EXTENSION) if output is None else Path(output)
    for given in (source, *options.files, thermal, scene):
        if isinstance(given, str | os.PathLike):
            check_distinct(given, target)
    chosen = options.make()
    with replacing(target), whole_file(target) as temporary:
        job.open_thermal(thermal)
        plane = job.plane()
        found = perceive_clip(source, chosen, rate=job.rate, span=job.span, plane=plane, progress=progress)
        cast = TrackAnnotator(job.scene, found, plane)
        job.notes[:0] = chosen.notes
        ranges = job.ranges(cast)
        frames = job.write(temporary, cast, ranges, int(time.time()) if created_s is None else created_s)
        verification = check(temporary, progress)
        size = temporary.stat().st_size
    return Encoded(
        path=target,
        frames=frames,
        tracks=len(cast.facts),
        ranges=ranges,
        source_bytes=Path(source).stat().st_size,
        bytes=size,
        notes=(*job.notes, *_beyond(job, chosen, frames), *cast.warnings),
        verification=verification,
    )


def _beyond(job: _Job, detector: CheckedDetector, frames: int) -> tuple[str, ...]:
    """A note on a detector, such as a box file, whose detections go on after the end of the clip."""
    # Part of a clip always has fewer frames.
    if not job.span.is_whole or detector.frame_count is None or detector.frame_count <= frames:
        return ()
    return (
        f"the {detector.name} detector has detections up to frame {detector.frame_count}; "
        f"the clip has {frames} frames",
    )
