"""First pass over a clip: detect and track its objects."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from cssv.errors import OptionError
from cssv.files.paths import Path_, check_paths
from cssv.perception import Detector, Tracks, perceive, track_boxes
from cssv.perception.detectors import CheckedDetector
from cssv.perception.detectors import make as make_detector
from cssv.perception.detectors.boxes import BoxesDetector
from cssv.pipeline.arguments import Progress, counted
from cssv.scene.ground import Plane
from cssv.video import WHOLE_CLIP, Span, VideoReader, shown_stamps

DEFAULT_DETECTOR = "motion"


def perceive_clip(
    source: Path_,
    detector: Detector,
    *,
    rate: Fraction | None = None,
    span: Span = WHOLE_CLIP,
    plane: Plane | None = None,
    progress: Progress | None = None,
) -> Tracks:
    """First pass: who is where. A box file needs no pictures, only the frames' times."""
    with VideoReader(source, rate=rate, span=span) as reader:
        if not isinstance(detector, BoxesDetector):
            return perceive(counted(reader, "perceive", len(reader.timestamps()), progress), detector, plane)
        base, stamps = reader.info.time_base, shown_stamps(reader)
    skipped = 0
    if span.start is not None:
        # Box files count the frames of the whole clip.
        with VideoReader(source, rate=rate) as whole:
            skipped = sum(pts < stamps[0] for pts in shown_stamps(whole))
    return track_boxes(detector, [pts * base for pts in stamps], skipped, plane)


def choose_detector(
    detector: str | Detector,
    boxes: Path_ | None = None,
    *,
    weights: Path_ | None = None,
    classes: Sequence[str] | str | None = None,
    min_score: float | None = None,
) -> Detector:
    """A detector by name with the options that are given; a box file means the ``boxes`` detector.

    Raises:
        OptionError: no such detector, or it does not go with one of the options, or needs another.
    """
    options = {"boxes": boxes, "weights": weights, "classes": classes, "min_score": min_score}
    check_paths(boxes=boxes, weights=weights)
    if boxes is not None and detector not in ("boxes", DEFAULT_DETECTOR):
        raise OptionError(
            "a box file goes with the boxes detector",
            found=str(detector),
            remedy="Leave out the other detector, or the box file.",
        )
    if isinstance(detector, str):
        detector = make_detector(detector if boxes is None else "boxes", options, options)
    elif given := [name for name, value in options.items() if value is not None]:
        raise OptionError(
            "options go with the name of a detector", found=", ".join(given), remedy="Set them on your own."
        )
    return detector if isinstance(detector, BoxesDetector) else CheckedDetector.of(detector)
