"""Background model with compensation of camera motion.

The background is shifted by whole pixels, which does not blur it. The rest, less than a pixel and a small
rotation, is removed from each picture. Errors of the camera motion between frames would accumulate, so
pictures are also registered to the background itself.
"""

from __future__ import annotations

import cv2
import numpy as np

from cssv.boxes import F64
from cssv.frames import U8
from cssv.perception.camera import CameraMotion, register
from cssv.perception.detectors.background import Background
from cssv.perception.flow import halve
from cssv.perception.votes import is_at_rest

#: Motion in more than this share of the picture is a cut, or a camera too fast to follow; the second bound is
#: for unknown camera motion.
LARGEST_SHARE = 0.5
LARGEST_SHARE_UNKNOWN = 0.25
#: For this time after camera motion, the background may be misaligned by a pixel.
SETTLING_S = 1.0
#: With the camera at rest, the background learns from pictures at least this far apart.
LEARN_S = 0.06
#: The picture is registered to the background while the camera moves, and once in this many frames at rest.
REGISTER_FRAMES = 8
#: Limits of alignment, in working pixels. Below ALIGNED_PX nothing is corrected. With more than TORN_SHARE of
#: the picture torn, registration is rejected. If rotation and zoom move a corner by more than BENT_PX, the
#: background is resampled.
ALIGNED_PX = 0.1
TORN_SHARE = 0.4
BENT_PX = 2.0


class CompensatedBackground:
    """A background model, its alignment to the picture, and the time since the camera moved.

    Args:
        picture: the first picture, (h, w) uint8 at working size.
    """

    def __init__(self, picture: U8) -> None:
        self._start(picture)
        self._rest_s = np.inf

    def _start(self, picture: U8) -> None:
        self._background = Background(picture)
        self._aligned = self._behind = picture
        #: Maps positions in the picture to the background, (3, 3).
        self._to_background: F64 = np.eye(3)
        self._unlearned_s = 0.0
        self._frames = 0

    @property
    def is_new(self) -> bool:
        """True if the last picture did not match the background, and replaced it."""
        return self._frames == 0

    @property
    def is_settled(self) -> bool:
        """True if the camera was at rest long enough for the background to be exact to the pixel."""
        return self._rest_s > SETTLING_S

    def subtract(self, picture: U8, camera: CameraMotion, step_s: float) -> U8:
        """Process the next picture: mask of moving pixels (255), in the background's coordinates.

        Args:
            picture: (h, w) uint8 at working size.
            camera: camera motion since the last picture, in working pixels.
            step_s: seconds since the last picture.
        """
        self._rest_s += step_s
        self._frames += 1
        aligned = self._align(picture)
        # The background knows the scene for longer than two pictures do.
        if not camera.is_still and camera.is_known and not self._is_in_place(camera, aligned):
            self._follow(camera, picture)
            aligned = self._align(picture)
        # Registration is expensive; at rest it only has to correct slow drift.
        if not self.is_settled or self._frames % REGISTER_FRAMES == 0:
            aligned = self._register(picture, aligned)
        self._background.follow_light(aligned)
        # Just after motion a pixel of misalignment would mark every edge as moving.
        slack_px = 0 if self.is_settled else 1
        mask = self._background.compare(aligned, slack_px=slack_px)
        largest = LARGEST_SHARE if camera.is_known else LARGEST_SHARE_UNKNOWN
        # So much motion means that the background shows another scene: begin again with this picture.
        if np.count_nonzero(mask) > largest * mask.size:
            self._start(picture)
            return np.zeros_like(mask)
        self._behind = self._background.picture
        self._unlearned_s += step_s
        # Pictures close in time add cost but no information; a moving camera uncovers new pixels at once.
        if self._unlearned_s >= LEARN_S or not self.is_settled:
            self._background.learn(aligned, self._unlearned_s, slack_px=slack_px)
            self._unlearned_s = 0.0
        self._aligned = aligned
        return mask

    def presence(self, mask: U8, boxes_px: F64) -> F64:
        """(n,) share of the edges along the mask's boundary in each box that belong to the last picture.

        The other edges belong to the background. Near 1: an object in front of the background. Near 0: a
        ghost, the outline of an object that was learned as background and has left.

        Args:
            mask: 255 for moving pixels, in the background's coordinates.
            boxes_px: (n, 4) x, y, w, h in the same coordinates.
        """
        kernel = np.ones((3, 3), np.uint8)
        border = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, kernel)
        here = cv2.bitwise_and(cv2.morphologyEx(self._aligned, cv2.MORPH_GRADIENT, kernel), border)
        behind = cv2.bitwise_and(cv2.morphologyEx(self._behind, cv2.MORPH_GRADIENT, kernel), border)
        found = []
        for x, y, w, h in boxes_px.astype(int).tolist():
            inside = slice(max(y - 1, 0), y + h + 1), slice(max(x - 1, 0), x + w + 1)
            edges, lost = int(here[inside].sum(dtype=np.int64)), int(behind[inside].sum(dtype=np.int64))
            found.append(edges / max(edges + lost, 1))
        return np.array(found, dtype=np.float64)

    def accept(self, boxes_px: F64, mask: U8) -> None:
        """Make the last picture the background at the mask's pixels within boxes."""
        if len(boxes_px):
            where = np.zeros(mask.shape, dtype=np.bool_)
            for x, y, w, h in boxes_px.astype(int).tolist():
                inside = slice(max(y, 0), y + h), slice(max(x, 0), x + w)
                where[inside] = mask[inside] > 0
            self._background.accept(self._aligned, where)

    def to_picture(self, boxes_px: F64) -> F64:
        """Convert boxes from the background's coordinates to the picture's; their sizes stay."""
        if np.array_equal(self._to_background, np.eye(3)):
            return boxes_px
        back = _inverse(self._to_background)
        moved = boxes_px.copy()
        middle = boxes_px[:, :2] + boxes_px[:, 2:] / 2
        moved[:, :2] += middle @ back[:2, :2].T + back[:2, 2] - middle
        return moved

    def _is_in_place(self, camera: CameraMotion, aligned: U8) -> bool:
        """True if the camera was at rest and the picture still matches the background where it was."""
        return self.is_settled and is_at_rest(camera, self._background.picture, aligned)

    def _follow(self, camera: CameraMotion, picture: U8) -> None:
        self._rest_s = 0.0
        now_to_before = _inverse(np.vstack([camera.A, [0, 0, 1]]))
        self._to_background = self._to_background @ now_to_before
        height, width = picture.shape
        middle = np.array([width / 2, height / 2, 1])
        dx, dy = np.rint(self._to_background[:2] @ middle - middle[:2]).astype(int).tolist()
        # With little overlap left there is no background to keep.
        if max(abs(dx) / width, abs(dy) / height) > LARGEST_SHARE:
            self._start(picture)
            return
        if dx or dy:
            self._to_background[:2, 2] -= dx, dy
            self._background.shift(-dx, -dy, self._align(picture))
        # A shift cannot follow rotation and zoom; resampling blurs, so it waits until they are visible.
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], dtype=np.float64)
        if np.abs(corners @ self._to_background[:2].T - corners[:, :2]).max() > BENT_PX:
            self._background.warp(_inverse(self._to_background)[:2], picture)
            self._to_background = np.eye(3)

    def _align(self, picture: U8) -> U8:
        """Warp the picture to the background's coordinates."""
        # An exact copy is sharper and faster than a resampled one.
        if np.abs(self._to_background - np.eye(3))[:2].max() < 1e-9:
            return picture
        size = picture.shape[::-1]
        how = cv2.INTER_LINEAR
        return np.asarray(
            cv2.warpAffine(
                picture, self._to_background[:2], size, flags=how, borderMode=cv2.BORDER_REPLICATE
            ),
            dtype=np.uint8,
        )

    def _register(self, picture: U8, aligned: U8) -> U8:
        # The first pass corrects the misalignment, the second what its resampling left.
        for _ in range(2):
            small = halve(self._background.picture)
            found = register(small, halve(aligned))
            # A torn registration follows objects, not the camera; a tiny one is noise.
            if found.torn > TORN_SHARE or 2 * found.moved_px < ALIGNED_PX:
                break
            self._rest_s = min(self._rest_s, 0.0) if 2 * found.moved_px > 5 * ALIGNED_PX else self._rest_s
            # From half size to the working size: centres of pixels lie at 2x + 1/2.
            A = np.vstack([found.A, [0, 0, 1]])
            A[:2, 2] = 2 * A[:2, 2] + 0.5 - A[:2, :2] @ (0.5, 0.5)
            self._to_background = _inverse(A) @ self._to_background
            aligned = self._align(picture)
        return aligned


def _inverse(A: F64) -> F64:
    return np.asarray(np.linalg.inv(A), dtype=np.float64)
