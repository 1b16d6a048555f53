"""True velocities of annotated objects, and the annotated counterparts of other boxes."""

from __future__ import annotations

import configparser
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from cssv.boxes import overlaps, to_centres
from cssv.perception import BoxesDetector, Detections, FrameStates, detections

F64 = NDArray[np.float64]

#: Definitions of the truth: name, frames on each side, degree of the local polynomial.
DEFINITIONS = (("+-1", 1, 1), ("+-3", 3, 1), ("parabola +-5", 5, 2))
MATCH_IOU = 0.5
#: 95 % of the chi-square distribution with two degrees of freedom.
ELLIPSE = 5.991


@dataclass(frozen=True)
class Path2D:
    """One object's boxes: frame numbers (n,) and centres, w, h (n, 4) in pixels."""

    numbers: NDArray[np.int64]
    centres_px: F64


#: (object, frame) -> velocity in px/frame and its covariance, or None.
Velocities = dict[tuple[int, int], tuple[F64, F64 | None]]


def true_velocities(truth: dict[int, Path2D], reach: int, degree: int) -> dict[tuple[int, int], F64]:
    """Slope of a polynomial fitted to 2 * reach + 1 successive centres."""
    slope = np.linalg.pinv(np.vander(np.arange(-reach, reach + 1), degree + 1))[-2]
    if degree == 1:
        slope = np.zeros(2 * reach + 1)
        slope[[0, -1]] = -0.5 / reach, 0.5 / reach
    found = {}
    for identity, path in truth.items():
        for k in range(reach, len(path.numbers) - reach):
            if path.numbers[k + reach] - path.numbers[k - reach] == 2 * reach:
                found[identity, int(path.numbers[k])] = slope @ path.centres_px[k - reach : k + reach + 1, :2]
    return found


def paths(frames: Iterable[Detections]) -> dict[int, Path2D]:
    """Paths of the boxes, by id."""
    rows: dict[int, list[tuple[int, F64]]] = {}
    for number, seen in enumerate(frames):
        for identity, box in zip(seen.ids.tolist(), to_centres(seen.boxes_px), strict=True):
            rows.setdefault(identity, []).append((number, box))
    return {
        k: Path2D(np.array([n for n, _ in r], dtype=np.int64), np.array([b for _, b in r]))
        for k, r in rows.items()
    }


def pairs(a: F64, b: F64) -> list[tuple[int, int]]:
    """One-to-one pairs of overlapping boxes."""
    if not (len(a) and len(b)):
        return []
    shared = overlaps(a, b)
    rows, columns = linear_sum_assignment(-shared)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if shared[i, j] >= MATCH_IOU]


def named_by_truth(seen: list[Detections], truth: list[Detections]) -> list[Detections]:
    """The boxes that match the truth, with the ids of the truth."""
    named = []
    for mine, true in zip(seen, truth, strict=True):
        found = pairs(mine.boxes_px, true.boxes_px)
        i, j = [p for p, _ in found], [p for _, p in found]
        named.append(detections(mine.boxes_px[i], mine.scores[i], ids=true.ids[j]))
    return named


def matched(at: Callable[[int], FrameStates], truth: list[Detections], rate: float) -> Velocities:
    """The states of each frame, matched to its truth; filled gaps do not count."""
    found: Velocities = {}
    for number, true in enumerate(truth):
        states = at(number)
        for i, j in pairs(states.boxes_px, true.boxes_px):
            if states.scores[i] > 0:
                velocity, cov = states.velocity_px_s[i] / rate, states.velocity_cov[i] / rate**2
                found[int(true.ids[j]), number] = velocity, cov
    return found


def read_truth(folder: Path) -> tuple[list[Detections], float]:
    """The annotated boxes frame by frame, and the frame rate."""
    info = configparser.ConfigParser()
    info.read(folder / "seqinfo.ini")
    rate, count = info.getfloat("Sequence", "frameRate"), info.getint("Sequence", "seqLength")
    annotated = BoxesDetector(folder / "gt/gt.txt")
    return [annotated.in_frame(number) for number in range(count)], rate


def read_size(folder: Path) -> tuple[int, int]:
    """Width and height of the pictures of a sequence."""
    info = configparser.ConfigParser()
    info.read(folder / "seqinfo.ini")
    return info.getint("Sequence", "imWidth"), info.getint("Sequence", "imHeight")
