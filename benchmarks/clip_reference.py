"""References for velocities in a clip: annotated boxes, or the pictures themselves.

Both give, for the boxes of one frame, the true velocity of some of them, the variance of its error, and the
number of the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from reference import F64, pairs, read_size, read_truth

from cssv.boxes import I64
from cssv.perception import Detections
from cssv.video import VideoReader

#: Seconds on each side of the central difference. Shorter ones measure the errors of the annotation, longer
#: ones average over the motion.
REACH_S = 0.3
#: Frames on each side of the displacement of the picture.
REACH = 3
#: A side of a box this near to the edge of the picture is cut there, pixels.
CUT_PX = 2.5
#: Variance of a third difference of independent errors of variance 1.
_THIRD = 20.0
_NORMAL_MEDIAN = 0.6745


@dataclass(frozen=True)
class Known:
    """True velocities of some boxes of a frame.

    Attributes:
        rows: (n,) which boxes.
        velocity_px_s: (n, 2).
        variance: (n, 2) of the error of each axis, px²/s².
        objects: (n,) number of the object.
    """

    rows: I64
    velocity_px_s: F64
    variance: F64
    objects: I64


class Reference(Protocol):
    """A source of true velocities."""

    #: Width and height of the pictures.
    size: tuple[int, int]
    #: Frames per second.
    rate: float
    #: Number of frames.
    frames: int

    def at(self, number: int, boxes_px: F64) -> Known:
        """The true velocities of the boxes in frame ``number``."""
        ...


def cut_sides(boxes_px: F64, size: tuple[int, int]) -> F64:
    """(n, 4) True for the left, top, right and bottom sides at the edge of the picture, none beyond it."""
    # A box that reaches beyond the picture is annotated as a whole, so that nothing of it is cut.
    low, high = boxes_px[:, :2], boxes_px[:, :2] + boxes_px[:, 2:]
    return np.concatenate([np.abs(low) <= CUT_PX, np.abs(high - np.array(size)) <= CUT_PX], axis=1)


def at_edge(boxes_px: F64, size: tuple[int, int]) -> F64:
    """(n,) True for boxes that reach an edge of the picture."""
    low, high = boxes_px[:, :2], boxes_px[:, :2] + boxes_px[:, 2:]
    return ((low <= CUT_PX) | (high >= np.array(size) - CUT_PX)).any(axis=1)


class AnnotatedReference:
    """Central differences of annotated boxes over +-:data:`REACH_S`, rounded to frames.

    Where a side is cut by the edge of the picture in one of the two frames, the difference is that of the
    opposite side; if both are cut, there is none. The error of the annotation is estimated from the third
    differences of each coordinate in successive frames, which hardly contain motion; errors that persist for
    longer remain hidden.
    """

    def __init__(self, folder: Path, reach: int | None = None) -> None:
        truth, self.rate = read_truth(folder)
        self.reach = max(1, round(REACH_S * self.rate)) if reach is None else reach
        self.size = read_size(folder)
        self.truth: list[Detections] = truth
        self.frames = len(truth)
        rows: dict[int, list[tuple[int, F64]]] = {}
        for number, seen in enumerate(truth):
            for identity, box in zip(seen.ids.tolist(), seen.boxes_px, strict=True):
                rows.setdefault(identity, []).append((number, box))
        paths = {
            identity: (np.array([n for n, _ in own]), np.array([box for _, box in own]))
            for identity, own in rows.items()
        }
        scatter = _annotation_scatter(paths)
        self._known: dict[tuple[int, int], tuple[F64, F64]] = {}
        for identity, (numbers, boxes) in paths.items():
            self._add(identity, numbers, boxes, scatter)

    def _add(self, identity: int, numbers: I64, boxes: F64, scatter: F64) -> None:
        """Store the velocities of one object; ``scatter`` (2,) are deviations of its centre in heights."""
        low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
        cut, reach = cut_sides(boxes, self.size), self.reach
        for k in range(reach, len(boxes) - reach):
            a, b = k - reach, k + reach
            if numbers[b] - numbers[a] != 2 * reach:
                continue
            low_cut, high_cut = cut[[a, k, b], :2].any(axis=0), cut[[a, k, b], 2:].any(axis=0)
            if (low_cut & high_cut).any():
                continue
            step_low, step_high = low[b] - low[a], high[b] - high[a]
            moved = np.where(low_cut, step_high, np.where(high_cut, step_low, (step_low + step_high) / 2))
            velocity = moved * self.rate / (2 * reach)
            # A single side has twice the variance of the centre.
            sides = np.where(low_cut | high_cut, 2.0, 1.0)
            variance = 2 * sides * (scatter * boxes[k, 3] * self.rate / (2 * reach)) ** 2
            self._known[identity, int(numbers[k])] = velocity, variance

    def at(self, number: int, boxes_px: F64) -> Known:
        true = self.truth[number]
        found = [
            (i, *self._known[int(true.ids[j]), number], int(true.ids[j]))
            for i, j in pairs(boxes_px, true.boxes_px)
            if (int(true.ids[j]), number) in self._known
        ]
        return _known(found)


def _known(found: list[tuple[int, F64, F64, int]]) -> Known:
    return Known(
        np.array([row for row, *_ in found], dtype=np.int64),
        np.array([velocity for _, velocity, *_ in found]).reshape(-1, 2),
        np.array([variance for *_, variance, _ in found]).reshape(-1, 2),
        np.array([identity for *_, identity in found], dtype=np.int64),
    )


def _annotation_scatter(paths: dict[int, tuple[I64, F64]]) -> F64:
    """(2,) standard deviation of the annotated centre x and y in box heights."""
    thirds = []
    for numbers, boxes in paths.values():
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        third = np.diff(centres, 3, axis=0) / boxes[1:-2, 3:] if len(boxes) > 3 else np.empty((0, 2))
        thirds.append(third[numbers[3:] - numbers[:-3] == 3] if len(third) else third)
    third = np.concatenate(thirds)
    scatter: F64 = np.sqrt((third**2).mean(axis=0) / _THIRD)
    return scatter


class PictureReference:
    """Velocities by template matching, for a still camera.

    The background is the median of the clip. The part of the picture in the box, less the background, is
    searched :data:`REACH` frames earlier and later by normalised correlation, to a fraction of a pixel. The
    velocity is the mean of both displacements, or one of them near the edge of the picture, where the other
    is not found. Boxes with little contrast, or whose displacements contradict each other, have no reference.
    """

    #: Least correlation, least contrast in grey levels, least side of a template and largest displacement.
    CORRELATION, CONTRAST, SIDE_PX, FURTHEST_PX = 0.85, 6.0, 12, 60
    #: Largest difference of the two displacements, pixels.
    DIFFERENT_PX = 3.0
    #: Variances of the mean displacement x and y in pixels², a quarter of the mean square of the differences
    #: of two displacements in traffic.mp4.
    VARIANCE_PX2 = (0.05, 0.002)

    def __init__(self, clip: Path) -> None:
        pictures, times = [], []
        with VideoReader(clip) as reader:
            for frame in reader:
                pictures.append(frame.luma().copy())
                times.append(float(frame.time))
        self.frames = len(pictures)
        self.rate = 1 / float(np.median(np.diff(times)))
        self.size = pictures[0].shape[1], pictures[0].shape[0]
        background = np.median(np.array(pictures[::8]), axis=0).astype(np.float32)
        self._pictures = [cv2.GaussianBlur(p - background, (3, 3), 0) for p in pictures]

    def at(self, number: int, boxes_px: F64) -> Known:
        found = []
        for row, box in enumerate(boxes_px):
            moved = self.moved(number, box)
            if moved is not None:
                variance = np.array(self.VARIANCE_PX2) * (self.rate / REACH) ** 2
                found.append((row, moved * self.rate / REACH, variance, -1))
        return _known(found)

    def moved(self, number: int, box: F64) -> F64 | None:
        """Displacement over :data:`REACH` frames, pixels; None if it is not known."""
        width, height = self.size
        left, top = np.maximum(np.ceil(box[:2]).astype(int), 0)
        right, bottom = np.minimum(np.floor(box[:2] + box[2:]).astype(int), (width, height))
        if min(right - left, bottom - top) < self.SIDE_PX:
            return None
        template = self._pictures[number][top:bottom, left:right]
        if template.std() < self.CONTRAST:
            return None
        steps = [
            None if step is None else sign * step
            for sign in (-1, 1)
            for step in [self._search(number + sign * REACH, template, left, top)]
        ]
        known = [step for step in steps if step is not None]
        if len(known) == 2 and np.abs(known[0] - known[1]).max() > self.DIFFERENT_PX:
            return None
        return np.mean(known, axis=0) if known else None

    def _search(self, number: int, template: F64, left: int, top: int) -> F64 | None:
        if not 0 <= number < self.frames:
            return None
        far, (h, w) = self.FURTHEST_PX, template.shape
        x0, y0 = max(left - far, 0), max(top - far, 0)
        window = self._pictures[number][y0 : top + h + far, x0 : left + w + far]
        match = cv2.matchTemplate(window, template, cv2.TM_CCORR_NORMED)
        _, best, _, (x, y) = cv2.minMaxLoc(match)
        inside = 0 < x < match.shape[1] - 1 and 0 < y < match.shape[0] - 1
        if best < self.CORRELATION or not inside:
            return None
        return np.array(
            [
                x0 + x + _vertex(match[y, x - 1 : x + 2]) - left,
                y0 + y + _vertex(match[y - 1 : y + 2, x]) - top,
            ]
        )


def _vertex(values: F64) -> float:
    """Place of the maximum of a parabola through three values at -1, 0 and 1."""
    before, middle, after = values.tolist()
    bend = before - 2 * middle + after
    return (before - after) / (2 * bend) if bend < 0 else 0.0
