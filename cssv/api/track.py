"""Track the objects of a clip or of a detection file, without encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from cssv.errors import BoxesError, OptionError, check_choice
from cssv.files.atomic import check_output
from cssv.files.paths import Path_, check_distinct, check_paths
from cssv.interop.mot import mot_text, write_mot
from cssv.perception import Detector, Track, Tracks, track_boxes
from cssv.perception.detectors import CheckedDetector, DetectorOptions
from cssv.perception.given_boxes import BoxesAre
from cssv.perception.tracks import to_mot_rows
from cssv.pipeline.arguments import Progress
from cssv.pipeline.calls import checked_call
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.exact_number import to_fraction
from cssv.pipeline.perceive import perceive_clip
from cssv.pipeline.source_check import check_source
from cssv.video import DAMAGED, DEFAULT_DAMAGED, Damaged

#: Frame rate of a detection file that comes without a clip.
DEFAULT_RATE = Fraction(25)
#: Frames of such a file at most: a day at 30 frames per second.
MOST_FRAMES = 3_000_000


@dataclass(frozen=True, slots=True)
class Tracked:
    """Result of :func:`track`.

    Attributes:
        tracks: the tracks.
        rows: lines of the MOT file.
        path: the file written; None without one.
        notes: what a user should know about the detector, such as the licence of its network, about how the
            clip was read, and about objects left out for their scores.
    """

    tracks: Tracks
    rows: int
    path: Path | None
    notes: tuple[str, ...] = ()

    @property
    def mot_text(self) -> str:
        """The tracks as MOT text: frame,id,x,y,w,h,score,-1,-1,-1, one line per object and frame."""
        return mot_text(to_mot_rows(self.tracks))

    def to_json(self) -> dict[str, Any]:
        """Return a summary of each track as plain JSON types; the boxes are in :attr:`mot_text`."""
        return {
            "path": None if self.path is None else str(self.path),
            "rows": self.rows,
            "tracks": [_summary(track) for track in self.tracks],
            "notes": list(self.notes),
        }


def _summary(track: Track) -> dict[str, Any]:
    return {
        "id": track.id,
        "label": track.label or None,
        "frames": len(track),
        "first_frame": int(track.numbers[0]),
        "last_frame": int(track.numbers[-1]),
        "start_s": float(track.times_s[0]),
        "end_s": float(track.times_s[-1]),
    }


@checked_call
def track(
    source: Path_ | None = None,
    output: Path_ | None = None,
    *,
    boxes: Path_ | None = None,
    boxes_from: int | None = None,
    boxes_are: BoxesAre | None = None,
    label: str | None = None,
    detector: str | Detector | None = None,
    weights: Path_ | None = None,
    classes: Sequence[str] | str | None = None,
    min_score: float | None = None,
    nms_iou: float | None = None,
    rate: Fraction | int | str | None = None,
    stream: int | None = None,
    damaged: Damaged = DEFAULT_DAMAGED,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Tracked:
    """Track the objects of a clip, or of a detection file alone.

    Args:
        source: a clip; None for a detector that needs none, such as a box file.
        output: a MOT file to write: frame,id,x,y,w,h,score,-1,-1,-1.
        boxes: a MOT detection file, for the ``boxes`` detector.
        detector: name of a detector, or a detector object; ``boxes`` by default where a box file is given,
            otherwise ``motion``.
        boxes_from: number of the clip's first frame in the box file; by default 0 if the file has boxes in
            frame 0, otherwise 1.
        boxes_are: ``"truth"`` keeps boxes with ids as given, ``"detections"`` smooths them; by default the
            truth if no score of the box file is below 1.
        label: label of all boxes of the box file; by default those of its class column, if it has one.
        weights: the network of a detector that needs one, a local file.
        classes: names of what to look for, as a sequence or a text with commas.
        min_score: detections of lower scores are left out, 0 to 1.
        nms_iou: two boxes with a larger intersection over union show one object; see :func:`cssv.encode`.
        rate: frames per second, where the clip's header is wrong or there is no clip (then 25 by default).
        stream: number of the video stream of a clip that holds several; see :func:`cssv.encode`.
        damaged: what is done at a damaged frame; see :func:`cssv.encode`.
        overwrite: replace an existing file.
        progress: called after every frame.

    Raises:
        VideoError, BoxesError, ModelError, OptionError: bad input.
        ChecksumError: the clip is a ``.cssv`` with damaged frames.
        OutputError: the file exists or cannot be written.
    """
    check_paths(source=source, output=output)
    check_choice("damaged", damaged, DAMAGED)
    options = DetectorOptions(
        detector, boxes, weights, classes, min_score, boxes_from, nms_iou, boxes_are, label
    )
    exact = to_fraction(rate)
    if output is not None:
        for given in (source, *options.files):
            if given is not None:
                check_distinct(given, output)
        # Tracking can take long, and the file is written at its end.
        check_output(output, overwrite=overwrite)
    chosen = options.make()
    if source is not None:
        plan = ClipPlan.open(Path(source), rate=exact, stream=stream, damaged=damaged)
        if chosen.needs_pixels:
            check_source(plan, has_audio=False)
        tracks, notes = perceive_clip(plan, chosen, progress=progress), plan.info.notes
    else:
        tracks, notes = _track_alone(chosen, exact or DEFAULT_RATE), ()
    rows = to_mot_rows(tracks)
    if output is not None:
        write_mot(output, rows, overwrite=overwrite)
    path = None if output is None else Path(output)
    return Tracked(tracks, len(rows), path, (*chosen.notes, *notes, *tracks.notes))


def _track_alone(detector: CheckedDetector, rate: Fraction) -> Tracks:
    """Tracks of a detector that needs no clip: it lists its detections by frame number, and ends."""
    count = detector.frame_count
    if detector.needs_pixels or count is None:
        raise OptionError("nothing to track", remedy="Give a clip, a box file, or both.")
    # A frame number far off would otherwise cost hours and gigabytes.
    if count > MOST_FRAMES:
        raise BoxesError(
            f"the {detector.name} detector lists too many frames", found=count, bound=f"up to {MOST_FRAMES}"
        )
    return track_boxes(detector, [number / rate for number in range(count)])
