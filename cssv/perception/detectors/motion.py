"""What moves in front of a still background. No weights, no labels; the camera stands still.

Background: a mixture of Gaussians per pixel with shadow detection (Zivkovic, ICPR 2004; OpenCV's MOG2).
Blobs of moving pixels become boxes with the help of a perspective prior learned on the way: objects of one
kind standing at the same image row have about the same size, and that size is linear in the row.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8, Frame
from cssv.overlap import overlaps
from cssv.perception.detections import EMPTY, F64, Detections, detections
from cssv.perception.detectors.options import check_share

#: Frames the background model remembers, and its threshold in squared standard deviations.
HISTORY_FRAMES = 500
VARIANCE_THRESHOLD = 16.0
#: A new model learns as if it had seen this many frames: faster, and slow walkers become background.
HEAD_START_FRAMES = 50
#: A pixel darkened to no less than this share of the background is its shadow.
SHADOW_SHARE = 0.7
#: Blobs smaller than this share of the picture are noise.
SMALLEST_SHARE = 0.0006
#: More moving pixels than this share mean a cut or a moving camera: the background is learned anew.
LARGEST_SHARE = 0.5
#: Motion in more than this share of the cells of a coarse grid (columns, rows) is the camera's. Objects fill
#: part of a picture: in clips of still cameras at most a quarter of the cells was seen to move.
SPREAD_SHARE = 0.6
SPREAD_GRID = (8, 6)
#: A cell of that grid moves when more than this share of its pixels does.
SPREAD_FILL = 0.05
#: Pictures higher than 1.5 times this are halved until they are not.
WORKING_HEIGHT_PX = 288
#: Gaps closed inside a blob at that height: width, height in pixels.
CLOSING_PX = (3, 9)

I32 = NDArray[np.int32]


@dataclass(slots=True)
class SizePrior:
    """Width and height of an object as linear functions of the row of its lower edge.

    Learned from the blobs seen so far, by least absolute deviations; silent until they agree.
    """

    #: Blobs remembered; blobs needed; frames between two fits.
    memory: int = 3000
    fewest: int = 150
    interval: int = 20
    #: Relative scatter of the heights above which the scene holds objects of different kinds.
    agreement: float = 0.3
    _seen: list[F64] = field(default_factory=list)
    _frames: int = 0
    _weights: F64 | None = None

    def learn(self, boxes_px: F64) -> None:
        """Take in the boxes of one frame."""
        self._seen.extend(boxes_px)
        self._frames += 1
        if self._frames % self.interval == 0 and len(self._seen) >= self.fewest:
            del self._seen[: -self.memory]
            self._fit(np.array(self._seen))

    def _fit(self, boxes_px: F64) -> None:
        A = np.stack([np.ones(len(boxes_px)), boxes_px[:, 1] + boxes_px[:, 3]], axis=1)
        sizes = boxes_px[:, 2:]
        weights = np.linalg.lstsq(A, sizes, rcond=None)[0]
        for _ in range(8):
            root = np.maximum(np.abs(A @ weights - sizes), 1.0) ** -0.5
            columns = [
                np.linalg.lstsq(A * root[:, [k]], sizes[:, k] * root[:, k], rcond=None)[0] for k in (0, 1)
            ]
            weights = np.stack(columns, axis=1)
        expected = np.asarray(A @ weights, dtype=np.float64)
        scatter = np.median(np.abs(expected[:, 1] - sizes[:, 1]) / np.maximum(sizes[:, 1], 1.0))
        self._weights = (
            np.asarray(weights, dtype=np.float64) if scatter < self.agreement and expected.min() > 0 else None
        )

    def __call__(self, foot_px: float) -> tuple[float, float] | None:
        """Width and height expected of an object whose lower edge is at row ``foot_px``."""
        if self._weights is None:
            return None
        width, height = self._weights[0] + foot_px * self._weights[1]
        return (float(width), float(height)) if width > 1 and height > 1 else None


class MotionDetector:
    """Boxes around what moves; label ``"object"``. While everything moves it is the camera, and no box.

    The score of a box is its share of moving pixels, over that of a typical silhouette, times how long
    something was there: 0.6 where nothing was in the frame before, towards 1 as it stays.

    Args:
        min_score: boxes of lower scores are left out; 0 to 1.

    Raises:
        OptionError: ``min_score`` is out of range.
    """

    name = "motion"

    def __init__(self, *, min_score: float = 0.0) -> None:
        self._min_score = check_share("min_score", min_score)
        self._prior = SizePrior()
        self._forget()

    def _forget(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(HISTORY_FRAMES, VARIANCE_THRESHOLD, True)
        self._model.setShadowThreshold(SHADOW_SHARE)
        self._frames = 0
        self._boxes_px: F64 = np.empty((0, 4))
        self._persistence: F64 = np.empty(0)

    def detect(self, frame: Frame) -> Detections:
        """Find what moves in ``frame``: nothing in the first one, nor while the camera moves."""
        picture, scale = shrink(frame.luma())
        mask = (self._apply(picture) == 255).view(np.uint8)
        if np.count_nonzero(mask) > LARGEST_SHARE * mask.size:
            self._forget()
            self._apply(picture)
            return EMPTY
        if spread(mask) > SPREAD_SHARE:
            return EMPTY
        mask = cv2.morphologyEx(cv2.medianBlur(mask, 3), cv2.MORPH_CLOSE, np.ones(CLOSING_PX[::-1], np.uint8))
        boxes, areas = self._objects(np.asarray(mask, dtype=np.uint8))
        if not len(boxes):
            return EMPTY
        # A silhouette fills about two thirds of its box.
        fill = np.minimum(areas / boxes[:, 2:].prod(axis=1) / 0.66, 1.0)
        self._remember(boxes)
        scores = fill * (0.6 + 0.4 * self._persistence)
        return detections(boxes * scale, scores).at_least(self._min_score)

    def _apply(self, picture: U8) -> U8:
        """Compare with the background and learn from it: 255 moving, 127 shadow, 0 still."""
        self._frames += 1
        rate = max(1 / HISTORY_FRAMES, 0.5 / (HEAD_START_FRAMES + self._frames))
        return np.asarray(self._model.apply(picture, learningRate=rate), dtype=np.uint8)

    def _remember(self, boxes_px: F64) -> None:
        persistence = np.zeros(len(boxes_px))
        if len(self._boxes_px):
            shared = overlaps(boxes_px, self._boxes_px)
            nearest = shared.argmax(axis=1)
            stayed = shared[np.arange(len(boxes_px)), nearest] > 0.2
            persistence = stayed * (0.5 + 0.5 * self._persistence[nearest])
        self._boxes_px, self._persistence = boxes_px, persistence

    def _objects(self, mask: U8) -> tuple[F64, F64]:
        """(n, 4) boxes and (n,) moving pixels in each, in working pixels."""
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        blobs = np.asarray(stats[1:], dtype=np.int32)
        blobs = blobs[blobs[:, 4] >= 0.3 * SMALLEST_SHARE * mask.size]
        blobs = join_fragments(blobs, self._prior)
        self._prior.learn(blobs[blobs[:, 4] >= SMALLEST_SHARE * mask.size, :4].astype(np.float64))
        parts = [part for blob in blobs for part in split_blob(mask, blob, self._prior)]
        found = np.array(parts, dtype=np.float64).reshape(-1, 5)
        found = found[found[:, 4] >= SMALLEST_SHARE * mask.size]
        return found[:, :4], found[:, 4]


def spread(mask: U8) -> float:
    """Share of a coarse grid's cells in which pixels move; ``mask`` is 1 where they do."""
    fill = cv2.resize(mask.astype(np.float32), SPREAD_GRID, interpolation=cv2.INTER_AREA)
    return float(np.mean(np.asarray(fill) > SPREAD_FILL))


def shrink(luma: U8) -> tuple[U8, int]:
    """Halve a picture until it is near the working height; also how many of its pixels make one."""
    scale = 1
    while luma.shape[0] // scale > 1.5 * WORKING_HEIGHT_PX:
        scale *= 2
    if scale == 1:
        return np.ascontiguousarray(luma), 1
    size = (luma.shape[1] // scale, luma.shape[0] // scale)
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), scale


def join_fragments(blobs: I32, prior: SizePrior) -> I32:
    """Join blobs above one another that together are no larger than an object there.

    Args:
        blobs: int32 (n, 5): x, y, w, h, area.
        prior: sizes to expect.
    """
    rows = [blob.tolist() for blob in blobs[np.argsort(-(blobs[:, 1] + blobs[:, 3]))]]
    k = 0
    while k < len(rows):
        x, y, w, h, area = rows[k]
        expected = prior(y + h)
        for other in rows[k + 1 :] if expected else ():
            left, right = max(x, other[0]), min(x + w, other[0] + other[2])
            low_x, low_y = min(x, other[0]), min(y, other[1])
            width = max(x + w, other[0] + other[2]) - low_x
            together = y + h - low_y
            fits = expected and width <= 1.3 * expected[0] and together <= 1.15 * expected[1]
            if fits and right - left >= 0.4 * min(w, other[2]):
                rows[k] = [low_x, low_y, width, together, area + other[4]]
                rows.remove(other)
                break
        else:
            k += 1
    return np.array(rows, dtype=np.int32).reshape(-1, 5)


def split_blob(mask: U8, blob: I32, prior: SizePrior) -> list[tuple[float, ...]]:
    """Cut a blob that is wider or higher than one object into objects: (x, y, w, h, area) each."""
    x, y, w, h, area = blob.tolist()
    expected = prior(y + h)
    if expected is None or (w < 1.6 * expected[0] and h < 1.5 * expected[1]):
        return [(x, y, w, h, area)]
    count = max(1, round(w / (1.1 * expected[0])))
    inside = mask[y : y + h, x : x + w]
    cuts = _valleys(np.count_nonzero(inside, axis=0), count)
    parts: list[tuple[float, ...]] = []
    for left, right in itertools.pairwise(cuts):
        rows = np.flatnonzero(inside[:, left:right].any(axis=1))
        if len(rows):
            parts += _stack(inside[:, left:right], x + left, y, int(rows[0]), int(rows[-1]) + 1, prior)
    return parts


def _valleys(profile: NDArray[np.intp], count: int) -> list[int]:
    """``count`` + 1 columns that cut a profile near equal parts, each where it is lowest."""
    width = len(profile)
    reach = max(1, width // (4 * count))
    cuts = [0]
    for k in range(1, count):
        centre = width * k // count
        window = profile[centre - reach : centre + reach + 1]
        cuts.append(centre - reach + int(window.argmin()))
    return [*cuts, width]


def _stack(inside: U8, x: int, y: int, top: int, bottom: int, prior: SizePrior) -> list[tuple[float, ...]]:
    """Objects above one another in one column of a blob, from the nearest up."""
    parts: list[tuple[float, ...]] = []
    width = inside.shape[1]
    while bottom > top:
        expected = prior(y + bottom)
        height = bottom - top
        if expected and height > 1.5 * expected[1]:
            height = round(expected[1])
        area = int(np.count_nonzero(inside[bottom - height : bottom]))
        parts.append((x, y + bottom - height, width, height, area))
        bottom -= height
    return parts
