"""Capacity: what the scene of a clip needs in bytes, and what each carrier offers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from cssv.api.encode import DEFAULT_PLANES, PLANES, Planes
from cssv.carriers import CARRIERS, make_carrier
from cssv.carriers.base import AnyCarrier, FrameContent
from cssv.carriers.keyed import KeyedCarrier, give_key
from cssv.carriers.nibble.forms import FORM_NAMES
from cssv.carriers.prepared import Offer
from cssv.carriers.windows import window_codec
from cssv.container import is_cssv
from cssv.errors import VideoError, check_choice
from cssv.files.inputs import check_regular
from cssv.files.paths import Path_, check_paths
from cssv.frames import Layout, planes_shape
from cssv.payload.sealing import PayloadKey
from cssv.perception import Detector
from cssv.perception.detectors import DetectorOptions
from cssv.perception.given_boxes import BoxesAre
from cssv.pipeline.annotate import TrackAnnotator
from cssv.pipeline.arguments import Progress, SceneLike, to_key
from cssv.pipeline.calls import checked_call
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.decoder import Decoder
from cssv.pipeline.exact_number import to_fraction
from cssv.pipeline.perceive import perceive_clip
from cssv.pipeline.preparation import offers_for_clip, prepare_for_clip
from cssv.pipeline.sealed_track import read_stored_sample
from cssv.pipeline.source_check import check_source
from cssv.pipeline.stored_objects import take_over
from cssv.pipeline.time_origin import TimeOrigin
from cssv.pipeline.window_check import windows_of
from cssv.scene import Ranges, Scene
from cssv.scene.camera import ground_note, plane_of
from cssv.scene.ranges import default_ranges
from cssv.scene.shift import shift_times
from cssv.video import DAMAGED, DEFAULT_DAMAGED, Damaged, VideoInfo

_PEAK = 255


@dataclass(frozen=True, slots=True)
class CarrierCapacity:
    """What a clip needs with one carrier, and what the carrier offers.

    A carrier that hides the heat map itself, such as ``nibble``, has no payload and always fits: all numbers
    but :attr:`unfit_windows` are None.

    Attributes:
        carrier: its name.
        window_s: seconds of a window.
        windows: number of windows in the clip.
        mean_bytes: mean payload of a window.
        largest_bytes: largest payload of a window.
        bytes_per_s: bytes of all payloads per second of the clip.
        offered_bytes: largest payload that a window could have; of windows with fewer frames it is less. 0 if
            the frames are too small.
        unfit_windows: number of windows whose payload does not fit.
        psnr_db: expected PSNR of the stego frames over all planes, against the clip; None also if a payload
            does not fit.
        offers: of a carrier whose content survives re-encoding: what a window can hold, by re-encoding and
            strength.
    """

    carrier: str
    window_s: float | None = None
    windows: int | None = None
    mean_bytes: float | None = None
    largest_bytes: int | None = None
    bytes_per_s: float | None = None
    offered_bytes: int | None = None
    unfit_windows: int = 0
    psnr_db: float | None = None
    offers: tuple[Offer, ...] = ()

    @property
    def has_payload(self) -> bool:
        """Whether the carrier hides bytes, and not the heat map itself."""
        return self.offered_bytes is not None

    @property
    def fits(self) -> bool:
        """Whether every window has room for its payload."""
        return not self.unfit_windows

    def to_json(self) -> dict[str, Any]:
        """Return the values as plain JSON types."""
        offers = [offer.to_json() for offer in self.offers]
        return {**asdict(self), "offers": offers, "fits": self.fits}


@dataclass(frozen=True, slots=True)
class Capacity:
    """The result of :func:`capacity`.

    Attributes:
        path: the clip.
        width, height: of its frames in pixels.
        layout: of its planes.
        rate: frames per second.
        frames: number of frames.
        duration_s: seconds of all frames.
        objects: number of objects in the whole clip.
        carriers: one entry for each carrier.
        notes: what a user should know about the detector, the clip and the scene.
    """

    path: Path
    width: int
    height: int
    layout: Layout
    rate: Fraction
    frames: int
    duration_s: Fraction
    objects: int
    carriers: tuple[CarrierCapacity, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "width": self.width,
            "height": self.height,
            "layout": self.layout,
            "rate": str(self.rate),
            "frames": self.frames,
            "duration_s": float(self.duration_s),
            "objects": self.objects,
            "carriers": [each.to_json() for each in self.carriers],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class _Clip:
    """Contents of the frames of a clip, without its pixels.

    Attributes:
        info: size, layout, time base and rate of the frames.
        pts: presentation times in the file, from frame 0 on, in units of the time base.
        content: what a carrier hides in a frame, by the frame's number.
        objects: number of objects.
        notes: for users.
        carrier: that of a ``.cssv``, with its options.
        plan: how its frames are read.
    """

    info: VideoInfo
    pts: Sequence[int]
    content: Callable[[int], FrameContent]
    objects: int
    notes: tuple[str, ...]
    plan: ClipPlan
    carrier: AnyCarrier | None = None

    def time(self, number: int) -> Fraction:
        """Presentation time of a frame in seconds."""
        return self.pts[number] * self.info.time_base

    def carrier_like(self, carrier: AnyCarrier) -> AnyCarrier:
        """The carrier of the clip itself if it has the name of ``carrier``, otherwise ``carrier``."""
        return self.carrier if self.carrier and self.carrier.name == carrier.name else carrier

    @property
    def duration_s(self) -> Fraction:
        """Seconds of all frames; the last one lasts as long as the rate says."""
        return self.time(len(self.pts) - 1) - self.time(0) + 1 / self.info.rate


@checked_call
def capacity(
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
    window: Fraction | int | str | None = None,
    strength: float | str | None = None,
    survive: str | None = None,
    stream: int | None = None,
    damaged: Damaged = DEFAULT_DAMAGED,
    password: str | None = None,
    progress: Progress | None = None,
) -> Capacity:
    """Find out how many bytes the scene of a clip needs, and whether it fits in each carrier.

    Nothing is written. The numbers are those that :func:`cssv.encode` would reach with the same arguments;
    readings of a thermal camera are not included.

    Args:
        source: any clip that :func:`cssv.encode` takes. Of a ``.cssv`` the objects and the scene of the
            version that plays are used, unless others are given.
        scene: a Scene, the path of a ``scene.json``, or its JSON object.
        detector: name of a detector, or a detector object; ``boxes`` by default where a box file is given,
            otherwise ``motion``.
        boxes: a MOT detection file, for the ``boxes`` detector.
        boxes_from: number of the clip's first frame in the box file; see :func:`cssv.encode`.
        boxes_are: ``"truth"`` or ``"detections"``; see :func:`cssv.encode`.
        label: label of all boxes of the box file; by default those of its class column, if it has one.
        weights: the network of a detector that needs one, a local file.
        classes: names of the classes to detect, as a sequence or a text with commas.
        min_score: detections of lower scores are left out, 0 to 1.
        nms_iou: two boxes with a larger intersection over union show one object; see :func:`cssv.encode`.
        rate: the true frame rate of a clip whose header is wrong, or of pictures, frames per second.
        planes: ``"native"`` or ``"rgb"``; see :func:`cssv.encode`.
        window: seconds of a window, of carriers with this option; see :func:`cssv.encode`.
        strength: PSNR in dB or ``"auto"``, of carriers with this option; see :func:`cssv.encode`.
        survive: re-encodings, of carriers with this option; see :func:`cssv.encode`.
        stream: number of the video stream of a clip that holds several; see :func:`cssv.encode`.
        damaged: what is done at a damaged frame; see :func:`cssv.encode`.
        password: that of the source, if it has one, and of what would be embedded; carriers that cannot hide
            with a password are left out.
        progress: called after every frame of perception and after every window.

    Raises:
        VideoError, SceneError, BoxesError, ModelError, OptionError: bad input.
        ContainerError, ChecksumError: the clip is a damaged ``.cssv``.
        PasswordError: the clip is a ``.cssv`` with a password, and none or another one is given.
        FramingError: a window holds more objects than any payload can.
    """
    check_paths(source=source)
    path = Path(source)
    check_regular(source, VideoError, "the clip", folders=True)
    check_choice("planes", planes, PLANES)
    check_choice("damaged", damaged, DAMAGED)
    options = DetectorOptions(
        detector, boxes, weights, classes, min_score, boxes_from, nms_iou, boxes_are, label
    )
    exact_rate, key = to_fraction(rate), to_key(password)
    seconds = to_fraction(window)
    wanted = {
        "window": None if seconds is None else str(seconds),
        "strength": None if strength is None else str(strength),
        "survive": survive,
    }
    carriers = _carriers({name: text for name, text in wanted.items() if text is not None}, key)
    # What a .cssv holds is exact; anything that changes its frames or objects needs the way of encoding.
    is_as_stored = scene is None and options.is_default and exact_rate is None and planes == DEFAULT_PLANES
    if is_as_stored and path.is_file() and is_cssv(path):
        with _stored(path, password, key) as clip:
            if not any(wanted.values()):
                carriers = [clip.carrier_like(each) for each in carriers]
            return _measure_all(path, clip, carriers, progress)
    plan = ClipPlan.open(path, planes=planes, rate=exact_rate, stream=stream, damaged=damaged)
    clip = _perceived(plan, options, scene, key, progress)
    return _measure_all(path, clip, carriers, progress)


def _carriers(wanted: Mapping[str, str], key: PayloadKey | None) -> list[AnyCarrier]:
    """A carrier of each name, as far as it can have the key, with those of the options that it has."""
    made = []
    for name in CARRIERS:
        # The forms of the nibble carrier have room for the same.
        if name in FORM_NAMES:
            continue
        known = make_carrier(name, {}).options()
        carrier = make_carrier(name, {option: text for option, text in wanted.items() if option in known})
        if key is None or isinstance(carrier, KeyedCarrier):
            made.append(give_key(carrier, key))
    return made


@contextmanager
def _stored(path: Path, password: str | None, key: PayloadKey | None) -> Iterator[_Clip]:
    """The version of a ``.cssv`` that plays."""
    with Decoder(path, password=password) as decoder:
        reader, info = decoder.reader, decoder.info
        # The file may have been replaced by another one in this moment.
        if reader is None:
            raise VideoError("the clip is no longer a .cssv", found=str(path), remedy="Try again.")
        first = read_stored_sample(reader, 0, key)
        scene, ranges = first.scene or Scene(), first.ranges or default_ranges(first.scene or Scene(), None)
        tracks = {
            state.track for n in range(len(reader)) for state in read_stored_sample(reader, n, key).objects
        }
        pts: list[int] = reader.video.pts().tolist()

        def content(number: int) -> FrameContent:
            objects = read_stored_sample(reader, number, key).objects
            return FrameContent(number, pts[number], reader.video.time_base, objects, ranges, scene)

        carrier = decoder.carrier
        # A key is also for what would be embedded, where the file itself has none.
        if isinstance(carrier, KeyedCarrier):
            carrier = give_key(carrier, key)
        yield _Clip(info, pts, content, len(tracks), reader.index.notes, ClipPlan.open(path), carrier)


def _perceived(
    plan: ClipPlan,
    options: DetectorOptions,
    scene: SceneLike,
    key: PayloadKey | None,
    progress: Progress | None,
) -> _Clip:
    """A clip whose objects are detected and tracked, as encoding does it."""
    loaded, detector, taken = take_over(plan.source, options, scene, key)
    if detector.needs_pixels:
        check_source(plan, has_audio=False)
    info = plan.info
    plane = plane_of(loaded.camera, (info.width, info.height))
    annotator = TrackAnnotator(loaded, perceive_clip(plan, detector, plane, progress), plane)
    ranges: Ranges = default_ranges(loaded, annotator.fastest_px_s())
    # Windows are counted from time 0 of the file.
    origin = TimeOrigin.from_plan(plan, plan.audio())
    shifted, part = shift_times(loaded, origin.seconds), plan.part

    pts: list[int] = (part.pts - origin.pts).tolist()

    def content(number: int) -> FrameContent:
        objects = annotator.annotate(number, part[number]).objects
        return FrameContent(number, pts[number], info.time_base, objects, ranges, shifted)

    notes = (*taken, *detector.notes, *info.notes, *ground_note(loaded.camera, plane), *annotator.warnings)
    return _Clip(info, pts, content, len(annotator.facts), notes, plan)


def _measure_all(
    path: Path, clip: _Clip, carriers: Sequence[AnyCarrier], progress: Progress | None
) -> Capacity:
    info = clip.info
    return Capacity(
        path=path,
        width=info.width,
        height=info.height,
        layout=info.layout,
        rate=info.rate,
        frames=len(clip.pts),
        duration_s=clip.duration_s,
        objects=clip.objects,
        carriers=tuple(_measure(carrier, clip, progress) for carrier in carriers),
        notes=clip.notes,
    )


def _measure(carrier: AnyCarrier, clip: _Clip, progress: Progress | None) -> CarrierCapacity:
    """What the clip needs with a carrier."""
    # The scene has no effect on the numbers.
    offers = offers_for_clip(carrier, clip.plan, Scene())
    # That of a .cssv was prepared for the original clip.
    carrier = carrier if carrier is clip.carrier else prepare_for_clip(carrier, clip.plan, Scene())
    codec, info = window_codec(carrier), clip.info
    # A clip in other planes is converted.
    layout = info.layout if info.layout in carrier.layouts else carrier.layouts[0]
    form, size = (layout, info.width, info.height), (info.width, info.height)
    if codec.capacity_bytes(*form, codec.span(*form).frames) is None:
        return CarrierCapacity(carrier.name)
    windows = windows_of(carrier, map(clip.time, range(len(clip.pts))), layout, size)
    lengths, unfit, offered, distortion = list[int](), 0, 0, 0.0
    for number, window in enumerate(windows):
        length = len(codec.payload([clip.content(each) for each in window], number, size) or b"")
        room = codec.capacity_bytes(*form, len(window)) or 0
        if length > room:
            unfit += 1
        else:
            distortion += codec.expected_distortion(*form, len(window), length) or 0.0
        lengths.append(length)
        offered = max(offered, room)
        if progress is not None:
            progress("measure", window.stop, len(clip.pts))
    seconds = codec.span(*form).seconds
    return CarrierCapacity(
        carrier.name,
        window_s=None if seconds is None else float(seconds),
        windows=len(windows),
        mean_bytes=sum(lengths) / len(lengths),
        largest_bytes=max(lengths),
        bytes_per_s=float(sum(lengths) / clip.duration_s),
        offered_bytes=offered,
        unfit_windows=unfit,
        psnr_db=None if unfit or not distortion else _psnr_db(distortion, form, len(clip.pts)),
        offers=offers,
    )


def _psnr_db(distortion: float, form: tuple[Layout, int, int], frames: int) -> float:
    """PSNR over all planes of all frames."""
    samples = frames * math.prod(planes_shape(*form))
    return 10 * math.log10(_PEAK**2 * samples / distortion)
