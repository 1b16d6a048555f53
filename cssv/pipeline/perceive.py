"""First pass over a clip: detect and track its objects."""

from __future__ import annotations

from fractions import Fraction

from cssv.files.paths import Path_
from cssv.perception import Tracks, perceive, track_boxes
from cssv.perception.detectors import CheckedDetector
from cssv.pipeline.arguments import Progress, counted
from cssv.scene.ground import Plane
from cssv.video import WHOLE_CLIP, Span, VideoReader, shown_stamps


def perceive_clip(
    source: Path_,
    detector: CheckedDetector,
    *,
    rate: Fraction | None = None,
    span: Span = WHOLE_CLIP,
    plane: Plane | None = None,
    progress: Progress | None = None,
) -> Tracks:
    """Detect and track the objects of a clip; frames are decoded only where the detector needs pixels."""
    with VideoReader(source, rate=rate, span=span) as reader:
        if detector.needs_pixels:
            return perceive(counted(reader, "perceive", len(reader.timestamps()), progress), detector, plane)
        base, stamps = reader.info.time_base, shown_stamps(reader)
    skipped = 0
    if span.start is not None:
        # Detectors without pixels count the frames of the whole clip, as box files do.
        with VideoReader(source, rate=rate) as whole:
            skipped = sum(pts < stamps[0] for pts in shown_stamps(whole))
    return track_boxes(detector, [pts * base for pts in stamps], skipped, plane)
