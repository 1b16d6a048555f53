"""Encode a clip: video, perception, scene, template, carrier, container."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from cssv.api.temporary import temporary_folder
from cssv.api.verify import Verification, check
from cssv.carriers import DEFAULT_CARRIER
from cssv.carriers.base import AnyCarrier
from cssv.carriers.keyed import key_of
from cssv.carriers.nibble.forms import Fidelity
from cssv.carriers.nibble.merge import Merge
from cssv.container import created_or_now
from cssv.errors import OptionError, VideoError, check_choice
from cssv.files.inputs import check_regular
from cssv.files.locked_file import locked_file
from cssv.files.paths import Path_, check_distinct, check_paths
from cssv.perception import Detector
from cssv.perception.detectors import CheckedDetector, DetectorOptions
from cssv.perception.given_boxes import BoxesAre
from cssv.pipeline.annotate import TrackAnnotator
from cssv.pipeline.arguments import Progress, SceneLike
from cssv.pipeline.calls import checked_call
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.config import DEFAULT_CODEC, EXTENSION, EncoderConfig, planes_for
from cssv.pipeline.exact_number import to_fraction
from cssv.pipeline.form_costs import count_others
from cssv.pipeline.forms import FormChoice
from cssv.pipeline.perceive import perceive_clip
from cssv.pipeline.preparation import Recoder, prepare_for_clip
from cssv.pipeline.second_pass import write_clip
from cssv.pipeline.segment_processes import check_workers, start_early
from cssv.pipeline.segments import ClipContent
from cssv.pipeline.source_check import check_source
from cssv.pipeline.stored_objects import take_over
from cssv.pipeline.thermal_file import ThermalReadings
from cssv.scene import Ranges, Scene
from cssv.scene.camera import ground_note, plane_of
from cssv.scene.ranges import default_ranges
from cssv.video import (
    DAMAGED,
    DEFAULT_DAMAGED,
    Codec,
    Damaged,
    Effort,
    Span,
    browser_notes,
    bytes_of_clip,
    field_notes,
    is_sequence,
)

Planes = Literal["native", "rgb"]
PLANES: tuple[Planes, ...] = ("native", "rgb")
DEFAULT_PLANES: Planes = "native"


@dataclass(frozen=True, slots=True)
class Encoded:
    """The result of :func:`encode`.

    Attributes:
        path: the file written.
        frames: number of frames in it.
        tracks: number of tracks and of objects that the scene gives outright.
        ranges: values at the bottom and top of each ring.
        source_bytes, bytes: size of the clip and of the file.
        notes: licence of the network that found the objects, conversions of the clip, a codec that browsers
            do not play, boxes beyond its end, objects left out for their scores, scene entries without a
            match.
        verification: of the file, done before it got its name.
        clip_frames: number of frames of the whole clip, of which the file may hold a part.
        others: expected bytes of the other forms of the file, by name (:class:`cssv.FormCost`), from a few
            frames; empty for clips of less than 200 frames, where this would take too long.
        has_ground: whether the scene's camera determines the ground, so that speeds are known in metres.
    """

    path: Path
    frames: int
    tracks: int
    ranges: Ranges
    source_bytes: int
    bytes: int
    notes: tuple[str, ...]
    verification: Verification
    clip_frames: int
    others: Mapping[str, int] = field(default_factory=dict)
    has_ground: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "frames": self.frames,
            "clip_frames": self.clip_frames,
            "tracks": self.tracks,
            "has_ground": self.has_ground,
            "ranges": self.ranges.to_json(),
            "source_bytes": self.source_bytes,
            "bytes": self.bytes,
            "others": dict(self.others),
            "notes": list(self.notes),
            "verification": self.verification.to_json(),
        }


@checked_call
def encode(
    source: Path_,
    output: Path_ | None = None,
    *,
    scene: SceneLike = None,
    detector: str | Detector | None = None,
    boxes: Path_ | None = None,
    boxes_from: int | None = None,
    boxes_are: BoxesAre | None = None,
    label: str | None = None,
    weights: Path_ | None = None,
    classes: Sequence[str] | str | None = None,
    min_score: float | None = None,
    nms_iou: float | None = None,
    thermal: Path_ | None = None,
    rate: Fraction | int | str | None = None,
    planes: Planes = DEFAULT_PLANES,
    codec: Codec = DEFAULT_CODEC,
    crf: int | None = None,
    effort: Effort | None = None,
    carrier: str | AnyCarrier = DEFAULT_CARRIER,
    merge: Merge | None = None,
    fidelity: Fidelity | None = None,
    lossless: bool = False,
    window: Fraction | int | str | None = None,
    strength: float | str | None = None,
    survive: str | None = None,
    fit: bool = False,
    password: str | None = None,
    start: Fraction | int | str | None = None,
    stop: Fraction | int | str | None = None,
    stream: int | None = None,
    damaged: Damaged = DEFAULT_DAMAGED,
    created_s: int | None = None,
    overwrite: bool = False,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> Encoded:
    """Encode a clip: detect and track its objects, hide their heat map, write one playable file.

    Args:
        source: any video that FFmpeg reads, a folder of numbered pictures, or a pattern such as
            ``frame_%04d.png``. From a ``.cssv`` the objects of the version that plays are taken over with
            their boxes and ids, unless options of a detector are given, and so is its scene, unless one is
            given.
        output: the file to write; by default the clip's name with ``.cssv``. It gets its name only when it is
            complete and verified.
        scene: a Scene, the path of a ``scene.json``, or its JSON object.
        detector: name of a detector, or a detector object; ``boxes`` by default where a box file is given,
            otherwise ``motion``.
        boxes: a MOT detection file, for the ``boxes`` detector.
        boxes_from: number of the clip's first frame in the box file; by default 0 if the file has boxes in
            frame 0, otherwise 1.
        boxes_are: ``"truth"`` keeps boxes with ids as given, ``"detections"`` smooths them; by default the
            truth if no score of the box file is below 1.
        label: label of all boxes of the box file; by default those of its class column, if it has one.
        weights: the network of a detector that needs one, a local file; nothing is downloaded.
        classes: names of the classes to detect, as a sequence or a text with commas; by default all that the
            network knows.
        min_score: detections of lower scores are left out, 0 to 1; by default the detector's own bound.
        nms_iou: two boxes with a larger intersection over union show one object, and the weaker is left out;
            0 to 1. By default 0.55 for boxes of one class in the network detectors, 0.8 for all others. Boxes
            with ids are always kept.
        thermal: the record of a thermal camera: CPTV, a FLIR radiometric JPEG, a video or a folder of PNGs of
            16-bit counts. The scene's thermal part states its calibration and its place in the clip. The
            median inside an object's outline is the object's temperature, unless the scene gives one as
            measured.
        rate: the true frame rate of a clip whose header is wrong, or of pictures, frames per second.
        planes: ``"native"`` keeps the clip's planes; ``"rgb"`` converts once, so that ordinary PNG
            screenshots carry too. A carrier of luma has RGB clips converted to yuv420p, and refuses
            ``"rgb"``.
        codec: ``"h264"``; ``"ffv1"`` and ``"vp9"`` are lossless. For a carrier that survives lossy coding,
            ``"ffv1"`` is lossless, and ``"h264"``, ``"hevc"``, ``"vp9"`` and ``"av1"`` are lossy.
        crf: quality of lossy coding, on the codec's own scale: 0 to 51 for H.264 and HEVC, 0 to 63 for VP9,
            1 to 63 for AV1; more means a smaller file. By default 20, 20, 23 and 19; 23 for the nibble
            carrier, which takes H.264 only.
        effort: of lossless H.264: ``"fast"`` (default), or ``"small"`` for a file that is smaller by about a
            tenth and takes about twice the time to code.
        carrier: ``"nibble"``, name of another carrier (a key of :data:`cssv.CARRIERS`), or a carrier object.
        merge: option of the nibble carrier, ``"opap"`` or ``"plain"``.
        fidelity: option of the nibble carrier. ``"sparse"`` draws rings around the objects only, and is the
            default. ``"full"`` embeds in every byte; it is lossless.
        lossless: whether all pixels that do not carry stay as they are. By default the nibble carrier writes
            H.264 that is exact where rings are drawn, and of quality ``crf`` elsewhere. Other codecs, RGB
            planes, ``merge`` and ``effort`` make it lossless as well.
        window: option of the constructive carrier: seconds of frames that have a payload of their own, 1 to
            60; 2 by default. Any part of a copy that is twice as long holds a whole window.
        strength: option of the robust and the nibble carrier: PSNR of luma in dB between clip and file before
            coding, or ``"auto"``, the default: the weakest marks by which payloads survive, found by trial.
        survive: option of the robust and the nibble carrier: re-encodings that payloads must survive, such as
            ``"h264-28,vp9-36"``: codec and CRF; by default ``"h264-28"``.
        fit: option of the robust carrier: whether a scene that does not fit is thinned. Notes say what is
            lost. By default it is an error.
        password: seals what pixels and scene track hold (``cssv/pipeline/SPEC.md`` lists what stays public).
            The carrier must hide it; that of ``nibble`` can be seen. A ``.cssv`` as source is opened with it.
        start: seconds; frames shown earlier are left out, and time starts again at 0.
        stop: seconds; this frame and later ones are left out.
        stream: number of the video stream of a clip that holds several, as ffprobe counts; by default the one
            that moves, is flagged as default, and is the largest.
        damaged: at a damaged frame ``"error"`` refuses the clip, ``"skip"`` leaves the frame out, and
            ``"stop"`` ends the clip before it; a note counts them.
        created_s: time of creation, seconds since 1970 UTC; by default that of the environment variable
            ``SOURCE_DATE_EPOCH``, now without it.
        overwrite: replace an existing file, with all versions in it.
        workers: number of processes that embed and code; None for one per core. The file has the same bytes
            for any number. A program that gives more than 1 needs ``if __name__ == "__main__":``, as for all
            of Python's processes.
        progress: called after every frame.

    Raises:
        VideoError, SceneError, BoxesError, ModelError, ThermalError, OptionError: bad input; nothing is
            written.
        ChecksumError: the clip is a ``.cssv`` with damaged audio or frames.
        PasswordError: the clip is a ``.cssv`` with a password, and none or another one is given.
        OutputError: the file exists or cannot be written; an existing file is unchanged.
    """
    created_s, clip = created_or_now(created_s), check_clip(source, output, thermal, planes, damaged)
    detection = (detector, boxes, weights, classes, min_score, boxes_from, nms_iou, boxes_are, label)
    options, workers = DetectorOptions(*detection), check_workers(workers)
    given: dict[str, Any] = {
        "merge": merge, "fidelity": fidelity, "window": window, "strength": strength, "survive": survive,
        "fit": fit, "lossless": lossless, "is_rgb": planes == "rgb",
    }  # fmt: skip
    config = EncoderConfig.from_arguments(codec, carrier, crf=crf, effort=effort, password=password, **given)
    shown, true_rate, span = planes_for(config.carrier, planes), to_fraction(rate), _span(start, stop)
    target = _target_of(output, clip, *options.files, thermal, scene)
    loaded, chosen, taken = take_over(clip, options, scene, key_of(config.carrier))
    with locked_file(target, overwrite=overwrite) as temporary:
        plan = ClipPlan.open(clip, planes=shown, rate=true_rate, span=span, stream=stream, damaged=damaged)
        content, notes = _perceive(plan, loaded, config, chosen, thermal, workers, progress)
        written, frames = write_clip(temporary, plan, content, (*taken, *notes), created_s, progress, workers)
        verified = check(temporary, key=key_of(config.carrier), pixels_known=True)
    others = _others(plan, content, FormChoice(codec, crf, given, effort), target.stat().st_size)
    notes = (*written, *_notes_on_output(plan, config, chosen), *content.annotator.warnings)
    return Encoded(
        target, frames, len(content.annotator.facts), content.ranges, bytes_of_clip(clip),
        target.stat().st_size, notes, verified, len(plan.stamps), others, _has_ground(loaded, plan),
    )  # fmt: skip


def check_clip(
    source: Path_, output: Path_ | None, thermal: Path_ | None, planes: Planes, damaged: Damaged
) -> Path:
    """The path of a clip. Raises an error for arguments that no clip can have."""
    check_paths(source=source, output=output, thermal=thermal)
    # Before the output: of an address, the default name of the output would be refused, not the address.
    check_regular(source, VideoError, "the clip", folders=True)
    check_choice("planes", planes, PLANES)
    check_choice("damaged", damaged, DAMAGED)
    return Path(source)


def _span(start: Fraction | int | str | None, stop: Fraction | int | str | None) -> Span:
    """The part of a clip between two times."""
    return Span(to_fraction(start), to_fraction(stop))


def _target_of(output: Path_ | None, source: Path, *others: object) -> Path:
    """The file to write. Raises OptionError if it is one of the inputs."""
    target = _default_output(source) if output is None else Path(output)
    for given in (source, *others):
        if isinstance(given, str | os.PathLike):
            check_distinct(given, target)
    return target


def _default_output(source: Path) -> Path:
    """The file beside a clip that is written if none is named."""
    if is_sequence(source) and not source.is_dir():
        # The name of a pattern would be a poor name of a file.
        raise OptionError("a pattern of pictures gives no name", found=str(source), remedy="Give `output=`.")
    return source.with_suffix(EXTENSION)


def _perceive(
    plan: ClipPlan,
    scene: Scene,
    config: EncoderConfig,
    detector: CheckedDetector,
    thermal: Path_ | None,
    workers: int,
    progress: Progress | None,
) -> tuple[ClipContent, tuple[str, ...]]:
    """First pass: tracks, thermal readings, ranges and carrier; and notes on the scene and the detector."""
    check_source(plan, has_audio=plan.info.has_audio)
    # Meanwhile the processes of the second pass load what they need.
    start_early(plan, workers)
    size = (plan.info.width, plan.info.height)
    # The thermal file first: it is checked in a moment, the clip takes long.
    readings = None
    if thermal is not None:
        readings = ThermalReadings(thermal, scene.thermal, size=size, part=plan.part, whole=plan.stamps)
    plane = plane_of(scene.camera, size)
    annotator = TrackAnnotator(scene, perceive_clip(plan, detector, plane, progress), plane)
    ranges = default_ranges(scene, annotator.fastest_px_s())
    if readings is not None and scene.ranges.temperature_c is None:
        ranges = default_ranges(scene, annotator.fastest_px_s(), readings.span(annotator.annotate, ranges))
    notes = (*detector.notes, *ground_note(scene.camera, plane))
    recoder = Recoder(config.codec, config.crf)
    prepared = replace(config, carrier=prepare_for_clip(config.carrier, plan, scene, recoder, progress))
    return ClipContent(scene, prepared, annotator, readings, ranges), notes


def _has_ground(scene: Scene, plan: ClipPlan) -> bool:
    return plane_of(scene.camera, (plan.info.width, plan.info.height)) is not None


def _others(plan: ClipPlan, content: ClipContent, choice: FormChoice, size: int) -> dict[str, int]:
    """Expected bytes of the other forms of a file of this size."""
    with temporary_folder() as folder:
        return count_others(plan, content, choice, size, folder)


def _notes_on_output(plan: ClipPlan, config: EncoderConfig, detector: CheckedDetector) -> tuple[str, ...]:
    """Notes on the file as a whole, beside those that it holds itself."""
    fields = field_notes(plan.info, config.codec, config.settings)
    return (*browser_notes(config.codec), *fields, *_beyond(plan, detector))


def _beyond(plan: ClipPlan, detector: CheckedDetector) -> tuple[str, ...]:
    """A note on a detector, such as a box file, whose detections go on after the end of the clip."""
    # Part of a clip always has fewer frames.
    if not plan.span.is_whole or detector.frame_count is None or detector.frame_count <= len(plan):
        return ()
    return (
        f"the {detector.name} detector has detections up to frame {detector.frame_count}; "
        f"the clip has {len(plan)} frames",
    )
