"""Calibration of the velocity covariance: NEES and coverage of the 95 % ellipse.

    python benchmarks/calibration.py --data DIR [--only public] [--only vtest] [--only traffic]
        [--reach FRAMES]

DIR holds ``mot15/<sequence>/{gt/gt.txt,det/det.txt,seqinfo.ini}``, ``clips/vtest.avi`` (MOT15's PETS09-S2L1),
``traffic/traffic.mp4`` and ``models/yolox_nano_416.onnx``.

``public``: the public boxes of every sequence, without pictures. ``vtest`` and ``traffic``: the clips with
boxes of ``motion`` and of YOLOX-nano. Each is tracked as a whole clip and as a stream with a lag of 1 s. The
identities are those of the trackers; a smoothed box is compared with the annotated box it overlaps by half.

The true velocity is the central difference of annotated boxes over +-0.3 s, of the sides that are not cut by
the edge of the picture (``clip_reference.py``). For traffic it is measured by template matching over 3
frames to both sides. Its own error is added to the stated covariance in the columns "with ref."; it is taken
from third differences of the annotation, so errors that persist for some frames, e.g. between key frames, are
not in it. "+-" is the standard error of the coverage over objects, as the errors within one object are not
independent.

The rival is SORT's filter with constants as published, on the same boxes with the identities of CSSV.

Needs: pip install '.[bench,onnx]'
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

import numpy as np
from clip_reference import AnnotatedReference, PictureReference, Reference, at_edge
from numpy.typing import NDArray
from reference import ELLIPSE, F64, named_by_truth, paths
from velocity import VTEST, VTEST_RATE, sort_filter

from cssv.perception import (
    BoxesDetector,
    ClipTracker,
    Detections,
    Detector,
    FrameStates,
    LiveTracker,
    detections,
    detector,
)
from cssv.perception.detectors import CheckedDetector
from cssv.video import VideoReader

Bools = NDArray[np.bool_]

SECTIONS = ("public", "vtest", "traffic")
#: Borders of the rows by speed in px/s, and by box height in pixels.
SPEEDS, HEIGHTS = (0, 10, 30, 100, 200), (0, 60, 120, 250)
#: First and last part of a track, seconds.
END_S = 0.5
VEHICLES = ("car", "truck", "bus", "motorcycle")


@dataclass(frozen=True)
class Samples:
    """Compared velocities.

    Attributes:
        errors: (n, 2) px/s.
        covs, reference_vars: (n, 2, 2) stated covariance, (n, 2) variance of the reference.
        speeds, heights: (n,) true speed in px/s and box height in pixels.
        at_edge, at_end, is_filled: (n,) whether the box reaches an edge of the picture, belongs to the first
            or last :data:`END_S` of its track, or stands in a frame without a detection.
        objects: (n,) number of the object, unique in a clip.
    """

    errors: F64
    covs: F64
    reference_vars: F64
    speeds: F64
    heights: F64
    at_edge: Bools
    at_end: Bools
    is_filled: Bools
    objects: NDArray[np.int64]

    def of(self, chosen: Bools) -> Samples:
        """Select some."""
        return Samples(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def __len__(self) -> int:
        return len(self.errors)

    def squares(self, *, with_reference: bool = False) -> F64:
        """(n,) squared errors in units of the covariance."""
        covs = self.covs.copy()
        if with_reference:
            covs[:, (0, 1), (0, 1)] += self.reference_vars
        squares: F64 = (self.errors[:, None] @ np.linalg.inv(covs) @ self.errors[:, :, None])[:, 0, 0]
        return squares

    def doubt(self) -> float:
        """Standard error of the coverage, if only objects are independent."""
        inside = self.squares() < ELLIPSE
        known, place = np.unique(self.objects, return_inverse=True)
        if len(known) < 2:
            return float("nan")
        apart = np.bincount(place, weights=inside - inside.mean())
        return float(np.sqrt((apart**2).sum() * len(known) / (len(known) - 1)) / len(self))


def joined(parts: Iterable[Samples]) -> Samples:
    """The samples of several clips."""
    parts = list(parts)
    shift = np.cumsum([0, *(int(part.objects.max(initial=0)) + 1 for part in parts)])
    rows = {field.name: np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Samples)}
    rows["objects"] = np.concatenate([p.objects + s for p, s in zip(parts, shift, strict=False)])
    return Samples(**rows)


@dataclass(frozen=True)
class Stated:
    """What a method states of the objects in one frame: ids, boxes, velocities, covariances, filled gaps."""

    number: int
    ids: NDArray[np.int64]
    boxes_px: F64
    velocity_px_s: F64
    covs: F64
    is_filled: Bools

    @classmethod
    def from_states(cls, states: FrameStates) -> Stated:
        return cls(
            states.number,
            states.ids,
            states.boxes_px,
            states.velocity_px_s,
            states.velocity_cov,
            states.scores == 0,
        )


def sampled(stated: list[Stated], reference: Reference) -> Samples:
    """Compare all frames with a reference."""
    frames: dict[int, list[int]] = {}
    for here in stated:
        for identity in here.ids.tolist():
            frames.setdefault(identity, []).append(here.number)
    ends = {identity: (numbers[0], numbers[-1]) for identity, numbers in frames.items()}
    rows: list[tuple] = []
    for here in stated:
        known = reference.at(here.number, here.boxes_px)
        edge = at_edge(here.boxes_px, reference.size)
        for k, velocity, variance, thing in zip(
            known.rows.tolist(), known.velocity_px_s, known.variance, known.objects.tolist(), strict=True
        ):
            identity = int(here.ids[k])
            first, last = ends[identity]
            is_end = min(here.number - first, last - here.number) < END_S * reference.rate
            rows.append(
                (
                    here.velocity_px_s[k] - velocity,
                    here.covs[k],
                    variance,
                    np.hypot(*velocity),
                    here.boxes_px[k, 3],
                    edge[k],
                    is_end,
                    here.is_filled[k],
                    thing if thing >= 0 else identity,
                )
            )
    return Samples(*(np.array(column) for column in zip(*rows, strict=True)))


def by_sort(frames: list[Detections], stated: list[Stated], rate: float) -> list[Stated]:
    """SORT's filter on the boxes, with the identities of the tracks that they belong to."""
    there = [detections(here.boxes_px, ids=here.ids) for here in stated]
    named = named_by_truth(frames, there)
    found = {
        (identity, number): own
        for identity, path in paths(named).items()
        for number, own in zip(path.numbers.tolist(), sort_filter(path), strict=True)
    }
    result = []
    for number, seen in enumerate(named):
        own = [found[identity, number] for identity in seen.ids.tolist()]
        velocity = np.array([v for v, _ in own]).reshape(-1, 2) * rate
        covs = np.array([c for _, c in own]).reshape(-1, 2, 2) * rate**2
        result.append(Stated(number, seen.ids, seen.boxes_px, velocity, covs, np.zeros(len(seen), np.bool_)))
    return result


METHODS = ("clip", "stream", "SORT")
#: Method -> samples of one clip.
Compared = dict[str, Samples]


def compared(
    frames: list[Detections],
    clip: ClipTracker,
    live: list[FrameStates],
    reference: Reference,
) -> Compared:
    """Samples of the clip, the stream and the rival."""
    tracks = clip.finish()
    stated = [Stated.from_states(tracks.in_frame(number)) for number in range(reference.frames)]
    return {
        "clip": sampled(stated, reference),
        "stream": sampled([Stated.from_states(states) for states in live], reference),
        "SORT": sampled(by_sort(frames, stated, reference.rate), reference),
    }


def from_boxes(folder: Path, reach: int | None = None) -> Compared:
    """Track the public boxes of a sequence; ``reach`` are the frames of the reference."""
    reference = AnnotatedReference(folder, reach)
    boxes = BoxesDetector(folder / "det/det.txt")
    clip, tracker = ClipTracker(size=reference.size), LiveTracker(size=reference.size)
    frames, live = [], []
    for number in range(reference.frames):
        frames.append(boxes.in_frame(number))
        clip.add(number, number / reference.rate, frames[-1])
        live += tracker.update(number, number / reference.rate, frames[-1])
    return compared(frames, clip, live + tracker.finish(), reference)


def from_pictures(path: Path, finder: Detector, reference: Reference, rate: Fraction | None) -> Compared:
    """Track what a detector finds in the pictures of a clip."""
    checked = CheckedDetector.from_detector(finder)
    clip, tracker = ClipTracker(size=reference.size), LiveTracker(size=reference.size)
    frames, live = [], []
    with VideoReader(path, rate=rate) as reader:
        for frame in reader:
            flow = checked.flow.measure(frame)
            frames.append(checked.detect(frame))
            clip.add(frame.number, frame.time, frames[-1], flow)
            live += tracker.update(frame.number, frame.time, frames[-1], flow)
    return compared(frames, clip, live + tracker.finish(), reference)


def parts(all_: Samples) -> Iterator[tuple[str, Bools]]:
    """Rows of the table for one set of samples: name and which samples."""
    yield "all", np.ones(len(all_), np.bool_)
    yield "inside the picture", ~all_.at_edge
    yield "at its edge", all_.at_edge
    for name, values, borders, unit in (
        ("speed", all_.speeds, SPEEDS, "px/s"),
        ("height", all_.heights, HEIGHTS, "px"),
    ):
        for low, high in zip(borders, (*borders[1:], np.inf), strict=True):
            span = f"{low} to {high}" if high < np.inf else f"from {low}"
            yield f"{name} {span} {unit}", (values >= low) & (values < high)
    yield f"first and last {END_S} s of a track", all_.at_end
    yield "without a detection", all_.is_filled


#: Rows with fewer samples than this are left out.
FEWEST = 30


def cells(found: Samples) -> list[str]:
    """Root mean square error, NEES, coverage and its standard error, coverage with the reference's error."""
    if not len(found):
        return ["-"] * 5
    squares, with_reference = found.squares(), found.squares(with_reference=True)
    return [
        f"{np.sqrt((found.errors**2).sum(axis=1).mean()):.1f}",
        f"{squares.mean():.2f}",
        f"{(squares < ELLIPSE).mean():.3f}",
        f"{found.doubt():.3f}",
        f"{(with_reference < ELLIPSE).mean():.3f}",
    ]


def line(name: str, found: Compared) -> str:
    """One row of the table."""
    clip = found["clip"]
    counts = [f"{len(clip)}", f"{len(np.unique(clip.objects))}"]
    _, nees, coverage, *_ = cells(found["SORT"])
    return f"| {' | '.join([name, *counts, *cells(clip), *cells(found['stream']), nees, coverage])} |"


_CELLS = "RMSE px/s | NEES | in 95 % | +- | with ref."
HEADING = f"| | rows | objects | {_CELLS} | stream: {_CELLS} | SORT: NEES | in 95 % |\n|{'---|' * 15}"


def table(title: str, clips: Mapping[str, Compared]) -> Iterator[str]:
    """The rows of one source: its clips one by one, then all of them by kinds."""
    yield f"\n{title}\n\n{HEADING}"
    if len(clips) > 1:
        for name, found in clips.items():
            yield line(name, found)
    whole = {method: joined(found[method] for found in clips.values()) for method in METHODS}
    kinds = {method: dict(parts(samples)) for method, samples in whole.items()}
    for name, chosen in kinds["clip"].items():
        if chosen.sum() >= FEWEST:
            yield line(name, {method: whole[method].of(kinds[method][name]) for method in METHODS})


def sequences(data: Path) -> list[Path]:
    """The folders of the sequences with truth."""
    return sorted(folder for folder in (data / "mot15").iterdir() if (folder / "gt/gt.txt").is_file())


def public(data: Path, reach: int | None) -> Iterator[str]:
    yield from table("Public boxes", {folder.name: from_boxes(folder, reach) for folder in sequences(data)})


def finders(data: Path, classes: Iterable[str]) -> dict[str, Callable[[], Detector]]:
    """The detectors of the clips, by name."""
    weights = data / "models/yolox_nano_416.onnx"
    return {
        "motion": lambda: detector("motion"),
        "YOLOX": lambda: detector("onnx", weights=weights, classes=list(classes)),
    }


def vtest(data: Path, reach: int | None) -> Iterator[str]:
    reference = AnnotatedReference(data / "mot15" / VTEST, reach)
    for name, make in finders(data, ["person"]).items():
        found = from_pictures(data / "clips/vtest.avi", make(), reference, Fraction(VTEST_RATE))
        yield from table(f"vtest, {name}", {name: found})


def traffic(data: Path, _: int | None) -> Iterator[str]:
    clip = data / "traffic/traffic.mp4"
    reference = PictureReference(clip)
    for name, make in finders(data, VEHICLES).items():
        yield from table(f"traffic, {name}", {name: from_pictures(clip, make(), reference, None)})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="default: all; may be repeated")
    parser.add_argument(
        "--reach", type=int, metavar="FRAMES", help="frames of the true velocity, instead of 0.3 s"
    )
    options = parser.parse_args()
    sections = {"public": public, "vtest": vtest, "traffic": traffic}
    for name in options.only or SECTIONS:
        for row in sections[name](options.data, options.reach):
            print(row, flush=True)


if __name__ == "__main__":
    main()
