"""Detection of people in a street scene: CSSV's detectors beside others.

    python benchmarks/detectors.py --data DIR [--every K]

DIR holds ``clips/vtest.avi``, its truth ``mot15/PETS09-S2L1/gt/gt.txt`` and the networks in ``models/``.
Detectors that learn from the clip get every frame. Every K-th frame is scored, and networks get only these.
Boxes are compared in order of falling score. A box is a hit if its intersection over union with a person that
is not yet found is at least one half. Recall and precision count the boxes from the score in the column
beside them. AP is the area under precision over recall of all boxes of a detector. Milliseconds are processor
time from the planes of a frame to its boxes, mean over the scored frames; OpenCV and torch have one thread.

Needs: pip install '.[onnx]'. Rows with ultralytics (AGPL-3.0) also need '.[yolo]'; without it they are left
out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rivals.finders import OpenCvYolox, PlainMog2, Ultralytics

from cssv.boxes import overlaps
from cssv.perception import BoxesDetector, Detections, detector
from cssv.video import VideoReader

F64 = NDArray[np.float64]

SEQUENCE = "mot15/PETS09-S2L1"
HIT = 0.5
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


def rows(data: Path) -> Iterator[Row]:
    """The rows of the table, CSSV's detectors and the others."""
    yolox, yolov8 = data / "models/yolox_nano_416.onnx", data / "models/yolov8n_320_exported.onnx"
    ours = partial(detector, "onnx", classes="person", min_score=LOWEST)
    repair = data.parent / "tools/torchvision_cpu.py"
    torch = partial(Ultralytics, data / "models/yolov8n.pt", min_score=LOWEST, repair=repair)
    yield Row("cssv motion", partial(detector, "motion"), learns=True)
    yield Row(PlainMog2.name, PlainMog2, learns=True)
    yield Row("Faster R-CNN, public boxes", partial(BoxesDetector, data / SEQUENCE / "det/det.txt"))
    yield Row("cssv onnx, YOLOX-nano 416", partial(ours, weights=yolox), FLOOR)
    yield Row(OpenCvYolox.name, partial(OpenCvYolox, yolox, 416, LOWEST), FLOOR)
    yield Row("cssv onnx, YOLOv8n 320", partial(ours, weights=yolov8), FLOOR)
    yield Row("ultralytics, YOLOv8n.pt 320", partial(torch, side_px=320), FLOOR)
    yield Row("ultralytics, YOLOv8n.pt 640", partial(torch, side_px=640), FLOOR)
    yield Row("cssv yolo, YOLOv8n.pt 640", partial(our_yolo, data, torch), FLOOR)


def our_yolo(data: Path, torch: Callable[..., object]) -> Any:
    """CSSV's yolo detector; creating the rival repairs torchvision and sets torch to one thread."""
    torch(side_px=640)
    return detector("yolo", weights=data / "models/yolov8n.pt", classes="person", min_score=LOWEST)


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
                hits.append(matched(found, there))
                people += len(there)
    return Result(np.concatenate(scores), np.concatenate(hits), people, 1000 * spent_s / len(scores))


def matched(found: Detections, there: Detections) -> NDArray[np.bool_]:
    """(n,) which boxes are hits: by falling score, each with the nearest person that is still free."""
    hit = np.zeros(len(found), dtype=np.bool_)
    shared = overlaps(found.boxes_px, there.boxes_px)
    for k in np.argsort(-found.scores, kind="stable") if len(there) else ():
        best = int(shared[k].argmax())
        hit[k] = shared[k, best] >= HIT
        if hit[k]:
            shared[:, best] = 0
    return hit


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--every", type=int, default=4, metavar="K", help="score every K-th frame [default: 4]"
    )
    parser.add_argument("--stop", type=int, metavar="N", help="use the first N frames only")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print("| detector | score from | recall | precision | AP | CPU ms a frame |\n|---|---|---|---|---|---|")
    for row in rows(options.data):
        try:
            result = measure(row, options.data, options.every, options.stop)
        except ImportError as error:
            print(f"| {row.name} | not run: {error} | | | | |")
            continue
        recall, precision = result.at(row.floor)
        cells = [f"{recall:.3f}", f"{precision:.3f}", f"{result.average_precision:.3f}"]
        print("|", " | ".join([row.name, str(row.floor), *cells, f"{result.frame_ms:.1f}"]), "|", flush=True)


if __name__ == "__main__":
    main()
