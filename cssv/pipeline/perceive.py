"""First pass over a clip: detect and track its objects."""

from __future__ import annotations

from cssv.perception import Tracks, perceive, track_boxes
from cssv.perception.detectors import CheckedDetector
from cssv.pipeline.arguments import Progress, counted
from cssv.pipeline.clip_plan import ClipPlan
from cssv.scene.ground import Plane


def perceive_clip(
    plan: ClipPlan, detector: CheckedDetector, plane: Plane | None = None, progress: Progress | None = None
) -> Tracks:
    """Detect and track the objects of a clip; frames are decoded only where the detector needs pixels."""
    if not detector.needs_pixels:
        part, info = plan.part, plan.info
        # Of the picture itself, without the columns and rows that make its sides even.
        size = (info.width - info.padding[0], info.height - info.padding[1])
        detector.set_size(*size)
        # Detectors without pixels count the frames of the whole clip, as box files do.
        times = [part[number] for number in range(len(part))]
        # At another rate all velocities are others.
        if plan.rate is None and (tracks := detector.known_tracks(plan.first, times)) is not None:
            return tracks
        return track_boxes(detector, times, plan.first, plane, size)
    # Perception works on the clip's own planes, so that other planes in the file give the same tracks.
    with plan.reader("native") as reader:
        return perceive(counted(reader, "perceive", len(plan), progress), detector, plane)
