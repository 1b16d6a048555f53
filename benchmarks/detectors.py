"""Detection of people and of vehicles, each in a street: CSSV's detectors beside others.

    python benchmarks/detectors.py --data DIR [--only people] [--only vehicles] [--every K]

DIR holds ``clips/vtest.avi``, its truth ``mot15/PETS09-S2L1/gt/gt.txt``, ``traffic/traffic.mp4`` with
``traffic/truth.txt``, and the networks in ``models/``.
``people``: every K-th frame of vtest is scored. Detectors that learn from the clip get every frame, networks
only these. ``vehicles``: the five frames of traffic.mp4 with a truth are scored, and every detector gets
every frame, so that its tracks by CSSV can be counted, beside the number of vehicles by eye. Vehicles of
which less than half is visible may be missed: a box on one is neither a hit nor false. The recall of all
counts them too.
Boxes are compared in order of falling score. A box is a hit if its intersection over union with an object
that is not yet found is at least one half. Recall and precision count the boxes from the score in the column
beside them. AP is the area under precision over recall of all boxes of a detector. Milliseconds are processor
time from the planes of a frame to its boxes, mean over the scored frames; OpenCV and torch have one thread.

Needs: pip install '.[onnx]'. Rows with ultralytics (AGPL-3.0) also need '.[yolo]'; without it they are left
out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rivals.finders import OpenCvYolox, PlainKnn, PlainMog2, Ultralytics

from cssv.boxes import overlaps
from cssv.perception import BoxesDetector, ClipTracker, Detections, detector
from cssv.perception.detectors import CheckedDetector
from cssv.video import VideoReader

F64 = NDArray[np.float64]

SEQUENCE = "mot15/PETS09-S2L1"
HIT = 0.5
#: Vehicles in traffic.mp4, counted by eye, and the smallest visible share of one that has to be found.
VEHICLES = 31
VISIBLE = 0.5
SECTIONS = ("people", "vehicles")
#: Names and numbers in COCO of the classes of each section.
CLASSES = {"people": (("person",), (0,)), "vehicles": (("car", "truck", "bus"), (2, 7, 5))}
#: Lowest score asked of networks, and the one from which boxes count for their recall and precision.
LOWEST, FLOOR = 0.1, 0.3


@dataclass(frozen=True)
class Row:
    """One row: a detector, the score from which its boxes count, whether it needs every frame."""

    name: str
    make: Callable[[], Any]
    floor: float = 0.0
    learns: bool = False


@dataclass(frozen=True)
class Result:
    """Scores of all boxes in the scored frames, which of them are hits, number of people, time."""

    scores: F64
    hits: NDArray[np.bool_]
    people: int
    frame_ms: float

    def at(self, floor: float) -> tuple[float, float]:
        """Recall and precision of the boxes that score at least ``floor``."""
        chosen = self.hits[self.scores >= floor]
        return chosen.sum() / self.people, chosen.mean() if len(chosen) else 0.0

    @property
    def average_precision(self) -> float:
        """Area under the best precision at each recall or beyond."""
        hits = np.cumsum(self.hits[np.argsort(-self.scores, kind="stable")])
        precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
        return float((np.diff(hits, prepend=0) * precision).sum() / self.people)


def rows(data: Path, section: str) -> Iterator[Row]:
    """The rows of a table, CSSV's detectors and the others."""
    names, numbers = CLASSES[section]
    yolox, yolov8 = data / "models/yolox_nano_416.onnx", data / "models/yolov8n_320_exported.onnx"
    ours = partial(detector, "onnx", classes=list(names), min_score=LOWEST)
    repair = data.parent / "tools/torchvision_cpu.py"
    weights = data / "models/yolov8n.pt"
    torch = partial(Ultralytics, weights, min_score=LOWEST, classes=numbers, repair=repair)
    yield Row("cssv motion", partial(detector, "motion"), learns=True)
    yield Row(PlainMog2.name, PlainMog2, learns=True)
    yield Row(PlainKnn.name, PlainKnn, learns=True)
    if section == "people":
        yield Row("Faster R-CNN, public boxes", partial(BoxesDetector, data / SEQUENCE / "det/det.txt"))
    yield Row("cssv onnx, YOLOX-nano 416", partial(ours, weights=yolox), FLOOR)
    yield Row(OpenCvYolox.name, partial(OpenCvYolox, yolox, 416, LOWEST, numbers), FLOOR)
    yield Row("cssv onnx, YOLOv8n 320", partial(ours, weights=yolov8), FLOOR)
    yield Row("ultralytics, YOLOv8n.pt 320", partial(torch, side_px=320), FLOOR)
    yield Row("ultralytics, YOLOv8n.pt 640", partial(torch, side_px=640), FLOOR)
    yield Row("cssv yolo, YOLOv8n.pt 640", partial(our_yolo, weights, names, torch), FLOOR)


def our_yolo(weights: Path, names: Sequence[str], torch: Callable[..., object]) -> Any:
    """CSSV's yolo detector; creating the rival repairs torchvision and sets torch to one thread."""
    torch(side_px=640)
    return detector("yolo", weights=weights, classes=list(names), min_score=LOWEST)


def measure(row: Row, data: Path, every: int, stop: int | None = None) -> Result:
    """Run one detector over the clip."""
    truth, finder = BoxesDetector(data / SEQUENCE / "gt/gt.txt"), row.make()
    scores: list[F64] = []
    hits: list[NDArray[np.bool_]] = []
    people, spent_s = 0, 0.0
    with VideoReader(data / "clips/vtest.avi") as reader:
        for frame in reader:
            if frame.number == stop:
                break
            is_scored = frame.number % every == 0
            if not (is_scored or row.learns):
                continue
            began = time.process_time()
            found = finder.detect(frame)
            if is_scored:
                spent_s += time.process_time() - began
                there = truth.in_frame(frame.number)
                scores.append(found.scores)
                hits.append(matches(found, there.boxes_px) >= 0)
                people += len(there)
    return Result(np.concatenate(scores), np.concatenate(hits), people, 1000 * spent_s / len(scores))


def matches(found: Detections, boxes_px: F64) -> NDArray[np.int64]:
    """(n,) object of each found box or -1: by falling score, each the nearest object that is still free."""
    owner = np.full(len(found), -1, dtype=np.int64)
    shared = overlaps(found.boxes_px, boxes_px)
    for k in np.argsort(-found.scores, kind="stable") if len(boxes_px) else ():
        best = int(shared[k].argmax())
        if shared[k, best] >= HIT:
            owner[k] = best
            shared[:, best] = 0
    return owner


@dataclass(frozen=True)
class StreetResult:
    """Hits and false boxes on vehicles, found and all ones, number of tracks, time."""

    found: int
    vehicles: int
    found_of_all: int
    of_all: int
    false: int
    tracks: int
    frame_ms: float


def vehicles_of(path: Path) -> dict[int, tuple[F64, F64]]:
    """Boxes (n, 4) and visible shares (n,) in each frame of the truth, frames counted from 0."""
    lines = np.loadtxt(path, delimiter=",", ndmin=2)
    return {
        int(number) - 1: (lines[lines[:, 0] == number, 2:6], lines[lines[:, 0] == number, 8])
        for number in np.unique(lines[:, 0])
    }


def measure_street(row: Row, data: Path) -> StreetResult:
    """Run one detector over all frames of the street with vehicles, and CSSV's tracker over its boxes."""
    truth, finder = vehicles_of(data / "traffic/truth.txt"), CheckedDetector.from_detector(row.make())
    found = vehicles = found_of_all = of_all = false = frames = 0
    spent_s, clip = 0.0, None
    with VideoReader(data / "traffic/traffic.mp4") as reader:
        for frame in reader:
            if clip is None:
                clip = ClipTracker(size=(frame.width, frame.height), only_moving=finder.only_moving)
            began = time.process_time()
            seen = finder.detect(frame)
            spent_s, frames = spent_s + time.process_time() - began, frames + 1
            clip.add(frame.number, frame.time, seen.at_least(row.floor), finder.flow.measure(frame))
            if frame.number not in truth:
                continue
            boxes, shares = truth[frame.number]
            owner = matches(seen.at_least(row.floor), boxes)
            is_found = np.isin(np.arange(len(boxes)), owner)
            found += int(is_found[shares >= VISIBLE].sum())
            vehicles += int((shares >= VISIBLE).sum())
            found_of_all, of_all = found_of_all + int(is_found.sum()), of_all + len(boxes)
            false += int((owner < 0).sum())
    assert clip is not None
    tracks = len(clip.finish())
    return StreetResult(found, vehicles, found_of_all, of_all, false, tracks, 1000 * spent_s / frames)


def people_table(options: argparse.Namespace) -> Iterator[list[str]]:
    """Cells of the table of people, its heading first."""
    yield ["detector", "score from", "recall", "precision", "AP", "CPU ms a frame"]
    for row in rows(options.data, "people"):
        try:
            result = measure(row, options.data, options.every, options.stop)
        except ImportError as error:
            yield [row.name, f"not run: {error}", "", "", "", ""]
            continue
        recall, precision = result.at(row.floor)
        cells = [f"{recall:.3f}", f"{precision:.3f}", f"{result.average_precision:.3f}"]
        yield [row.name, str(row.floor), *cells, f"{result.frame_ms:.1f}"]


def vehicles_table(options: argparse.Namespace) -> Iterator[list[str]]:
    """Cells of the table of vehicles, its heading first."""
    names = ["detector", "score from", "recall", "precision", "recall of all", "tracks"]
    yield [*names, "tracks per vehicle", "CPU ms a frame"]
    for row in rows(options.data, "vehicles"):
        try:
            result = measure_street(row, options.data)
        except ImportError as error:
            yield [row.name, f"not run: {error}", *[""] * 6]
            continue
        recall, precision = result.found / result.vehicles, result.found / max(result.found + result.false, 1)
        cells = [f"{recall:.2f}", f"{precision:.2f}", f"{result.found_of_all / result.of_all:.2f}"]
        cells += [str(result.tracks), f"{result.tracks / VEHICLES:.2f}", f"{result.frame_ms:.1f}"]
        yield [row.name, str(row.floor), *cells]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--every", type=int, default=4, metavar="K", help="score every K-th frame [default: 4]"
    )
    parser.add_argument("--only", action="append", choices=SECTIONS, help="one table [default: both]")
    parser.add_argument("--stop", type=int, metavar="N", help="use the first N frames only")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    tables = {"people": people_table, "vehicles": vehicles_table}
    for section in options.only or SECTIONS:
        print(f"\n{section}\n")
        for number, cells in enumerate(tables[section](options)):
            print("|", " | ".join(cells), "|", flush=True)
            if not number:
                print("|" + "---|" * len(cells))


if __name__ == "__main__":
    main()
