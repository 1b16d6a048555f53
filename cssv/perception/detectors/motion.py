"""What moves in front of a still scene, with a camera at rest or in motion. No weights, no labels.

A background model that follows the camera (:mod:`compensated_background`) gives moving pixels. Blobs of them
become boxes with the help of a perspective prior that is learned from the clip: objects of one kind standing
at the same image row have about the same size, and that size is linear in the row.
"""

from __future__ import annotations

import cv2
import numpy as np

from cssv.boxes import F64, overlaps
from cssv.frames import U8, Frame
from cssv.perception.camera import CameraMotion
from cssv.perception.detections import EMPTY, Detections, detections
from cssv.perception.detectors.blobs import find_blobs, join_fragments, join_nested, split_blob
from cssv.perception.detectors.compensated_background import CompensatedBackground
from cssv.perception.detectors.options import check_share
from cssv.perception.detectors.size_prior import SizePrior
from cssv.perception.flow import FlowMeter

#: Blobs smaller than this share of the picture are noise.
SMALLEST_SHARE = 0.0006
#: Motion in more than this share of the cells of a coarse grid (columns, rows) is the camera's. Objects fill
#: part of a picture: in clips of still cameras at most a quarter of the cells was seen to move.
SPREAD_SHARE = 0.6
SPREAD_GRID = (8, 6)
#: A background lost for so long is learned anew.
LOST_S = 0.5
#: A cell of that grid moves when more than this share of its pixels does.
SPREAD_FILL = 0.05
#: Gaps closed inside a blob at working size: width, height in pixels.
CLOSING_PX = (3, 9)
#: Boxes that overlap by more than this are of one object.
CONTINUED = 0.2
#: Blobs of which a smaller share of the outline is in the picture are ghosts; from the larger share on they
#: certainly are not. Objects were seen to have 0.45 and more, ghosts 0.3 and less.
GHOST_PRESENCE = 0.35
FIRM_PRESENCE = 0.6
#: Score of a whole silhouette that has been there for long.
SUREST = 0.9
#: Longest time between two frames that counts as seen.
LONGEST_STEP_S = 1.0


class MotionDetector:
    """Boxes around what moves by itself; label ``"object"``.

    The score of a box is about the probability that it is one whole object: it rises with its share of moving
    pixels, over that of a typical silhouette, and with the time that something was there.

    Args:
        min_score: boxes of lower scores are left out; 0 to 1.

    Attributes:
        flow: the flow of the frame given last.

    Raises:
        OptionError: ``min_score`` is out of range.
    """

    name = "motion"

    def __init__(self, *, min_score: float = 0.0) -> None:
        self._min_score = check_share("min_score", min_score)
        self.flow = FlowMeter()
        self._prior = SizePrior()
        self._background: CompensatedBackground | None = None
        self._time_s = self._lost_s = 0.0
        self._boxes_px: F64 = np.empty((0, 4))
        self._persistence: F64 = np.empty(0)

    def detect(self, frame: Frame) -> Detections:
        """Find what moves in ``frame``: nothing in the first one."""
        flow = self.flow.measure(frame)
        picture, scale = self.flow.picture, self.flow.scale
        step_s = min(max(float(frame.time) - self._time_s, 0.0), LONGEST_STEP_S)
        self._time_s = float(frame.time)
        if flow is None or self._background is None:
            self._background = CompensatedBackground(picture)
            return EMPTY
        camera = flow.camera_of_picture
        moving = self._background.subtract(picture, camera, step_s)
        if self._background.is_new:
            # Behind a cut there are objects of other sizes.
            self._prior = SizePrior()
            return EMPTY
        if spread(moving) > SPREAD_SHARE:
            self._lost_s += step_s
            if self._lost_s > LOST_S:
                self._background, self._lost_s = CompensatedBackground(picture), 0.0
            return EMPTY
        self._lost_s = 0.0
        kernel = np.ones(CLOSING_PX[::-1], np.uint8)
        mask = np.asarray(
            cv2.morphologyEx(cv2.medianBlur(moving, 3), cv2.MORPH_CLOSE, kernel), dtype=np.uint8
        )
        boxes, areas, presence = self._objects(mask, self._background)
        real = presence >= GHOST_PRESENCE
        self._background.accept(boxes[~real], mask)
        boxes, areas, presence = boxes[real], areas[real], presence[real]
        if not len(boxes):
            return EMPTY
        boxes_px = self._background.to_picture(boxes)
        self._remember(boxes_px, camera)
        # A silhouette fills about two thirds of its box.
        fill = np.minimum(areas / boxes[:, 2:].prod(axis=1) / 0.66, 1.0)
        firm = np.minimum((presence - GHOST_PRESENCE / 2) / (FIRM_PRESENCE - GHOST_PRESENCE / 2), 1.0)
        scores = SUREST * np.sqrt(fill * firm * (0.6 + 0.4 * self._persistence))
        return detections(boxes_px * scale, scores).at_least(self._min_score)

    def _remember(self, boxes_px: F64, camera: CameraMotion) -> None:
        """Raise the persistence of boxes that continue those of the frame before."""
        persistence = np.zeros(len(boxes_px))
        if len(self._boxes_px):
            shared = overlaps(boxes_px, camera.of_boxes(self._boxes_px))
            nearest = shared.argmax(axis=1)
            stayed = shared[np.arange(len(boxes_px)), nearest] > CONTINUED
            persistence = stayed * (0.5 + 0.5 * self._persistence[nearest])
        self._boxes_px, self._persistence = boxes_px, persistence

    def _objects(self, mask: U8, background: CompensatedBackground) -> tuple[F64, F64, F64]:
        """(n, 4) boxes, (n,) moving pixels in each and (n,) presence, in working pixels."""
        blobs = find_blobs(mask)
        blobs = blobs[blobs[:, 4] >= 0.3 * SMALLEST_SHARE * mask.size]
        blobs = join_fragments(blobs, self._prior) if self._prior.is_known else join_nested(blobs)
        parts = [part for blob in blobs for part in split_blob(mask, blob, self._prior)]
        found = np.array(parts, dtype=np.float64).reshape(-1, 5)
        found = found[found[:, 4] >= SMALLEST_SHARE * mask.size]
        wholes = blobs[blobs[:, 4] >= SMALLEST_SHARE * mask.size, :4].astype(np.float64)
        presence = background.presence(mask, np.concatenate([wholes, found[:, :4]]))
        height, width = mask.shape
        inside = (wholes[:, :2] > 0).all(axis=1) & (wholes[:, :2] + wholes[:, 2:] < (width, height)).all(
            axis=1
        )
        self._prior.learn(wholes[inside & (presence[: len(wholes)] >= FIRM_PRESENCE)])
        return found[:, :4], found[:, 4], presence[len(wholes) :]


def spread(mask: U8) -> float:
    """Share of a coarse grid's cells in which pixels move; ``mask`` is 255 where they do."""
    fill = np.asarray(cv2.resize(mask, SPREAD_GRID, interpolation=cv2.INTER_AREA))
    return float(np.mean(fill > 255 * SPREAD_FILL))
