"""Detector of moving objects by background subtraction, for a static or moving camera.

It needs no weights and gives no class labels. A background model with camera compensation
(:mod:`compensated_background`) gives the moving pixels. Their blobs are converted to boxes with a perspective
prior learned from the clip: objects of one kind at the same image row have about the same size, which is
linear in the row.
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
SMALLEST_SHARE = 0.00062
#: Motion in more than this share of the cells of a coarse grid (columns, rows) is camera motion. Objects fill
#: part of a picture: in clips of static cameras at most a quarter of the cells had motion.
SPREAD_SHARE = 0.6
SPREAD_GRID = (8, 6)
#: After this time without a match, the background is learned again.
LOST_S = 0.5
#: A cell of that grid has motion if more than this share of its pixels moves.
SPREAD_FILL = 0.05
#: Gaps closed inside a blob at working size in pixels: across and along an expected object.
CLOSING_PX = (3, 9)
#: Boxes of consecutive frames with a larger overlap belong to one object.
CONTINUED = 0.2
#: A blob is a ghost if a smaller share of its outline is in the picture; from the larger share on it is
#: surely an object. Measured: objects 0.45 and more, ghosts 0.3 and less.
GHOST_PRESENCE = 0.35
FIRM_PRESENCE = 0.6
#: Score of a complete silhouette that persists.
SUREST = 0.9
#: Boxes of lower scores are left out by default: most of them are false.
MIN_SCORE = 0.4
#: Longest time step between two frames; a longer gap counts as this.
LONGEST_STEP_S = 1.0


class MotionDetector:
    """Detector of moving objects; label ``"object"``.

    The score of a box is about the probability that it is one whole object. It rises with the share of moving
    pixels, relative to a typical silhouette, and with the persistence of the box.

    Args:
        min_score: boxes of lower scores are left out; 0 to 1.

    Attributes:
        flow: the meter of optical flow, with the flow of the last frame.

    Raises:
        OptionError: ``min_score`` is out of range.
    """

    name = "motion"
    only_moving = True

    def __init__(self, *, min_score: float = MIN_SCORE) -> None:
        self._min_score = check_share("min_score", min_score)
        self.flow = FlowMeter()
        self._prior = SizePrior()
        self._background: CompensatedBackground | None = None
        self._time_s = self._lost_s = 0.0
        self._boxes_px: F64 = np.empty((0, 4))
        self._persistence: F64 = np.empty(0)

    def detect(self, frame: Frame) -> Detections:
        """Find the moving objects in ``frame``; none in the first one."""
        flow = self.flow.measure(frame)
        picture, scale = self.flow.picture, self.flow.scale
        step_s = min(max(float(frame.time) - self._time_s, 0.0), LONGEST_STEP_S)
        self._time_s = float(frame.time)
        # The first frame has nothing to be compared with.
        if flow is None or self._background is None:
            self._background = CompensatedBackground(picture)
            return EMPTY
        camera = flow.camera_of_picture
        moving = self._background.subtract(picture, camera, step_s)
        if self._background.is_new:
            # After a cut the objects have other sizes.
            self._prior = SizePrior()
            return EMPTY
        # Motion everywhere means a misaligned background and wrong boxes. It may recover by itself.
        if spread(moving) > SPREAD_SHARE:
            self._lost_s += step_s
            if self._lost_s > LOST_S:
                self._background, self._lost_s = CompensatedBackground(picture), 0.0
            return EMPTY
        self._lost_s = 0.0
        kernel = np.ones(self._prior.along(CLOSING_PX), np.uint8)
        mask = np.asarray(
            cv2.morphologyEx(cv2.medianBlur(moving, 3), cv2.MORPH_CLOSE, kernel), dtype=np.uint8
        )
        boxes, areas, presence = self._objects(mask, self._background)
        real = presence >= GHOST_PRESENCE
        # Ghosts become background at once, else they would stay for seconds.
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
        """Raise the persistence of boxes that overlap those of the frame before, moved with the camera."""
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
        # Without a prior only nested blobs can be joined safely.
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
        # Only whole objects teach the prior: those at the border are cut off, and ghosts have no size.
        self._prior.learn(wholes[inside & (presence[: len(wholes)] >= FIRM_PRESENCE)])
        return found[:, :4], found[:, 4], presence[len(wholes) :]


def spread(mask: U8) -> float:
    """Share of a coarse grid's cells in which pixels move; ``mask`` is 255 where they do."""
    fill = np.asarray(cv2.resize(mask, SPREAD_GRID, interpolation=cv2.INTER_AREA))
    return float(np.mean(fill > 255 * SPREAD_FILL))
