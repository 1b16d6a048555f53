"""Estimate, before a clip is encoded, of what each form of the file would cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from cssv.api.encode import DEFAULT_PLANES, Planes, check_clip
from cssv.api.temporary import temporary_folder
from cssv.carriers import DEFAULT_CARRIER
from cssv.carriers.base import AnyCarrier
from cssv.carriers.keyed import key_of
from cssv.carriers.nibble.forms import Fidelity
from cssv.carriers.nibble.merge import Merge
from cssv.errors import OptionError
from cssv.files.paths import Path_
from cssv.perception import Detector
from cssv.perception.detectors import DetectorOptions
from cssv.perception.given_boxes import BoxesAre
from cssv.pipeline.annotate import TrackAnnotator
from cssv.pipeline.arguments import Progress, SceneLike, counted
from cssv.pipeline.calls import checked_call
from cssv.pipeline.clip_parts import PartPlan, choose_places, widen
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.config import DEFAULT_CODEC, EncoderConfig, planes_for
from cssv.pipeline.exact_number import to_fraction
from cssv.pipeline.form_costs import FormCost, FormMeter, SampledPart, cost_of
from cssv.pipeline.forms import FORMS, Form, FormChoice, form_of
from cssv.pipeline.perceive import perceive_clip
from cssv.pipeline.source_check import check_source
from cssv.pipeline.stored_objects import take_over
from cssv.scene import Ranges, Scene
from cssv.scene.camera import plane_of
from cssv.scene.ranges import default_ranges
from cssv.video import DEFAULT_DAMAGED, Codec, Damaged, Effort, Span, bytes_of_clip
from cssv.video import Planes as AnyPlanes

#: Places of the clip from which frames are taken; frames of each, at least so many; pixels of all.
_PLACES, _FRAMES, _LEAST_FRAMES, _MOST_PIXELS = 3, 16, 4, 32_000_000
#: Seconds of the parts of lossy forms, their frames and pixels at most. Marks change every second, and lossy
#: codecs look ahead, so shorter parts would have too few bytes. They are the first and the last place.
_LOSSY_S, _MOST_LOSSY_FRAMES, _MOST_LOSSY_PIXELS = 2, 60, 48_000_000
#: Frames around each place in which objects are found: detectors and trackers need some time. Pixels of all.
_PERCEIVED_FRAMES, _MOST_PERCEIVED_PIXELS = 120, 160_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """The result of :func:`estimate`.

    Attributes:
        path: the clip.
        frames: number of frames that would be encoded.
        source_bytes: size of the clip.
        sampled_frames: number of frames from which the costs of lossless forms were computed.
        objects: mean number of objects in a sampled frame.
        forms: what each form of the file would cost.
        notes: for users.
    """

    path: Path
    frames: int
    source_bytes: int
    sampled_frames: int
    objects: float
    forms: tuple[FormCost, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "frames": self.frames,
            "source_bytes": self.source_bytes,
            "sampled_frames": self.sampled_frames,
            "objects": self.objects,
            "forms": [each.to_json() for each in self.forms],
            "notes": list(self.notes),
        }


@checked_call
def estimate(
    source: Path_,
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
    password: str | None = None,
    start: Fraction | int | str | None = None,
    stop: Fraction | int | str | None = None,
    stream: int | None = None,
    damaged: Damaged = DEFAULT_DAMAGED,
    progress: Progress | None = None,
) -> Estimate:
    """Estimate what each form of the file would cost: bytes, and the difference of its pictures to the clip.

    Up to 48 frames from three places of the clip are encoded in each form and decoded again; of lossy forms 2
    s from two places. Their objects are found as :func:`cssv.encode` finds them, within some frames around
    each place. No file is written.

    Args:
        source: any clip that :func:`cssv.encode` takes.
        scene: a Scene, the path of a ``scene.json``, or its JSON object.
        detector: name of a detector, or a detector object; see :func:`cssv.encode`.
        boxes: a MOT detection file, for the ``boxes`` detector.
        boxes_from: number of the clip's first frame in the box file.
        boxes_are: ``"truth"`` or ``"detections"``.
        label: label of all boxes of the box file.
        weights: the network of a detector that needs one, a local file.
        classes: names of the classes to detect.
        min_score: detections of lower scores are left out.
        nms_iou: two boxes with a larger intersection over union show one object.
        rate: the true frame rate of a clip whose header is wrong, frames per second.
        planes: ``"native"`` or ``"rgb"``.
        codec: of the file; a form that has no such codec takes its own.
        crf: quality of lossy coding; a form without this quality takes its own.
        effort: of lossless coding.
        carrier: with the following options it says which form is marked as chosen.
        merge: option of a carrier; holds for all forms that have it, as the following ones.
        fidelity: option of the nibble carrier.
        lossless: of the nibble carrier.
        window: option of the constructive carrier.
        strength: option of the robust carrier; by default a middle one, because trials take long.
        survive: option of the robust carrier.
        start: seconds; frames shown earlier are left out.
        stop: seconds; this frame and later ones are left out.
        stream: number of the video stream.
        damaged: what is done at a damaged frame.
        password: opens a ``.cssv`` as source.
        progress: called after every form.

    Raises:
        VideoError, SceneError, BoxesError, ModelError, OptionError: bad input, as in :func:`cssv.encode`.
        ChecksumError: the clip is a ``.cssv`` with damaged frames.
        PasswordError: the clip is a ``.cssv`` with a password, and none or another one is given.
    """
    clip = check_clip(source, None, None, planes, damaged)
    options = DetectorOptions(
        detector, boxes, weights, classes, min_score, boxes_from, nms_iou, boxes_are, label
    )
    given: dict[str, Any] = {
        "merge": merge, "fidelity": fidelity, "window": window, "strength": strength, "survive": survive,
        "lossless": lossless, "is_rgb": planes == "rgb",
    }  # fmt: skip
    config = EncoderConfig.from_arguments(codec, carrier, crf=crf, effort=effort, password=password, **given)
    choice = FormChoice(codec, crf, given, effort).for_sample()
    span = Span(to_fraction(start), to_fraction(stop))
    plan = ClipPlan.open(
        clip, planes=planes, rate=to_fraction(rate), span=span, stream=stream, damaged=damaged
    )
    check_source(plan, has_audio=False)
    found = _Sample.take(plan, options, scene, config)
    with temporary_folder() as folder:
        forms = tuple(_measure(found, config, choice, folder, progress))
    return found.to_estimate(forms)


@dataclass(slots=True)
class _Sample:
    """Places of a clip, and the objects around each.

    Attributes:
        plan: the whole clip.
        places: numbers of frames.
        found: of each place the frames in which objects were found, and these objects.
        scene: of the clip.
        ranges: values at the bottom and top of each ring.
        notes: for users.
    """

    plan: ClipPlan
    places: list[range]
    found: list[tuple[range, TrackAnnotator]]
    scene: Scene
    ranges: Ranges
    notes: tuple[str, ...]

    @classmethod
    def take(
        cls, plan: ClipPlan, options: DetectorOptions, scene: SceneLike, config: EncoderConfig
    ) -> _Sample:
        """Choose places of a clip and find the objects around them."""
        notes: dict[str, None] = {}
        found, loaded = list[tuple[range, TrackAnnotator]](), Scene()
        places = choose_places(plan, _PLACES, _FRAMES, _MOST_PIXELS, _LEAST_FRAMES)
        for place in places:
            around = widen(place, _perceived_frames(plan), len(plan))
            # Of a short clip all places have the same surroundings.
            if found and found[-1][0] == around:
                found.append(found[-1])
                continue
            # A detector can learn from the frames that it sees: each part gets a new one.
            loaded, detector, taken = take_over(plan.source, options, scene, key_of(config.carrier))
            plane = plane_of(loaded.camera, (plan.info.width, plan.info.height))
            tracks = perceive_clip(PartPlan.cut(plan, around), detector, plane)
            found.append((around, TrackAnnotator(loaded, tracks, plane)))
            notes |= dict.fromkeys((*taken, *detector.notes))
        speeds = [fastest for _, each in found if (fastest := each.fastest_px_s()) is not None]
        return cls(
            plan, places, found, loaded, default_ranges(loaded, max(speeds, default=None)), tuple(notes)
        )

    @property
    def objects(self) -> float:
        """Mean number of objects in a frame."""
        counts = [
            len(annotator.annotate(number - around.start, self.plan.part[number]).objects)
            for place, (around, annotator) in zip(self.places, self.found, strict=True)
            for number in place
        ]
        return sum(counts) / max(len(counts), 1)

    def to_estimate(self, forms: tuple[FormCost, ...]) -> Estimate:
        """The result, with what the forms cost."""
        source, sampled = self.plan.source, sum(map(len, self.places))
        notes = (*self.notes, *self.plan.info.notes)
        return Estimate(source, len(self.plan), bytes_of_clip(source), sampled, self.objects, forms, notes)

    def meter(self, planes: AnyPlanes, folder: Path, *, is_lossy: bool) -> FormMeter:
        """A meter for lossless or for lossy files in these planes."""
        plan = self.plan if planes == self.plan.planes else replace(self.plan, planes=planes)
        rows = list(zip(self.places, self.found, strict=True))
        if is_lossy:
            length = _lossy_frames(plan)
            rows = [(widen(place, length, len(plan)), found) for place, found in (rows[0], rows[-1])]
        parts = []
        for place, (around, annotator) in dict(rows).items():
            inside = range(max(place.start, around.start), min(place.stop, around.stop))
            sampled = PartPlan.cut(plan, inside).loaded()
            parts.append(SampledPart(sampled, annotator.from_frame(inside.start - around.start)))
        return FormMeter(plan, parts, self.scene, self.ranges, folder)


def _perceived_frames(plan: ClipPlan) -> int:
    """Frames around each place in which objects are found."""
    room = _MOST_PERCEIVED_PIXELS // (_PLACES * plan.info.width * plan.info.height)
    return min(_PERCEIVED_FRAMES, room)


def _lossy_frames(plan: ClipPlan) -> int:
    """Frames of each part of a lossy form."""
    room = _MOST_LOSSY_PIXELS // (2 * plan.info.width * plan.info.height)
    return max(min(round(_LOSSY_S * plan.info.rate), _MOST_LOSSY_FRAMES, room), _LEAST_FRAMES)


def _measure(
    sample: _Sample, config: EncoderConfig, choice: FormChoice, folder: Path, progress: Progress | None
) -> Iterator[FormCost]:
    """What each form costs; first the one that the arguments describe, if it is none of the known ones."""
    chosen = form_of(config, choice)
    rows: list[tuple[Form, EncoderConfig | None]] = [(form, None) for form in FORMS]
    if chosen is None:
        rows.insert(0, (Form(config.carrier.name, {"carrier": config.carrier.name}, "as given"), config))
    source = bytes_of_clip(sample.plan.source)
    source_bytes = source if len(sample.plan) == len(sample.plan.stamps) else None
    meters: dict[tuple[AnyPlanes, bool], FormMeter] = {}
    for form, known in counted(rows, "estimate", len(rows), progress):
        is_chosen = form is chosen or known is not None
        try:
            own = known or choice.config(form)
            planes = _planes(sample, own)
        except OptionError as error:
            yield FormCost(form.name, form.arguments, is_chosen, problem=str(error))
            continue
        kind = planes, own.crf is not None
        if kind not in meters:
            meters[kind] = sample.meter(planes, folder, is_lossy=own.crf is not None)
        yield cost_of(form, own, meters[kind], source_bytes, is_chosen=is_chosen)


def _planes(sample: _Sample, config: EncoderConfig) -> AnyPlanes:
    """The planes in which the clip is opened for a form; those of the sample if it takes them."""
    taken = sample.plan.planes
    asked = planes_for(config.carrier, taken)
    return taken if sample.plan.info.layout in config.carrier.layouts else asked
