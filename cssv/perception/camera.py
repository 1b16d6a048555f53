"""How the camera moved between two frames, so that what is left is the motion of the objects.

The motion is a similarity of the picture plane (shift, rotation, zoom). It is fitted to a grid of optical
flow by random sample consensus (Fischler and Bolles, CACM 1981): the still scene fills more of a picture than
any object, so the largest set of points that agree is the camera's.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cssv.perception.detections import F64

#: Points agree that lie within this many pixels of the flow field of each other's motion.
AGREEMENT_PX = 0.5
#: Fewer points, or a smaller share of them that agree, say nothing about the camera.
FEWEST_POINTS = 24
SMALLEST_SHARE = 0.3
#: A picture whose corners move less than this, in pixels of the flow field, stands still.
STILL_PX = 0.08

_IDENTITY = np.eye(2, 3)
_IDENTITY.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class CameraMotion:
    """Where the still scene of the previous frame is in this frame. The array is read-only.

    Attributes:
        A: float64 (2, 3): takes pixel positions (x, y, 1) of the previous frame to this frame. Exactly the
            identity where the camera stands still, and where its motion is not known.
        is_known: False after a cut, in front of a bare wall, or when the flow has no common motion.
        share: share of the textured picture that moves so, 0 to 1.
        sigma_px: standard deviation of the motion about which its points agree, in pixels of the frame; NaN
            where it is not known.
    """

    A: F64
    is_known: bool = True
    share: float = 1.0
    sigma_px: float = 0.0

    def __post_init__(self) -> None:
        self.A.flags.writeable = False

    @property
    def is_still(self) -> bool:
        """True where the picture certainly did not move."""
        return self.is_known and bool(np.array_equal(self.A, _IDENTITY))

    @property
    def zoom(self) -> float:
        """How many times larger the still scene became."""
        return float(np.hypot(self.A[0, 0], self.A[1, 0]))

    def of_points(self, points_px: F64) -> F64:
        """(..., 2) positions in the previous frame -> where the camera's motion takes them in this frame."""
        moved: F64 = points_px @ self.A[:, :2].T + self.A[:, 2]
        return moved

    def of_boxes(self, boxes_px: F64) -> F64:
        """(..., 4) boxes x, y, w, h of the previous frame, moved and zoomed; they stay upright."""
        size = boxes_px[..., 2:] * self.zoom
        centres = self.of_points(boxes_px[..., :2] + boxes_px[..., 2:] / 2)
        return np.concatenate([centres - size / 2, size], axis=-1)


#: A camera at rest, and one of which nothing is known.
STILL = CameraMotion(_IDENTITY)
UNKNOWN = CameraMotion(_IDENTITY, is_known=False, share=0.0, sigma_px=float("nan"))


def fit_camera(before_px: F64, now_px: F64, size_px: tuple[int, int], scale: float) -> CameraMotion:
    """Motion that most points share.

    Args:
        before_px: (n, 2) positions in the previous flow picture.
        now_px: (n, 2) the same points in this one.
        size_px: width and height of the flow picture.
        scale: pixels of the frame per pixel of the flow picture.
    """
    if len(before_px) < FEWEST_POINTS:
        return UNKNOWN
    A, agree = cv2.estimateAffinePartial2D(
        before_px,
        now_px,
        method=cv2.RANSAC,
        ransacReprojThreshold=AGREEMENT_PX,
        maxIters=500,
        confidence=0.995,
    )
    if A is None or agree is None:
        return UNKNOWN
    within = agree.ravel() > 0
    share = float(within.mean())
    if share < SMALLEST_SHARE or not np.isfinite(A).all():
        return UNKNOWN
    A = np.asarray(A, dtype=np.float64)
    away = now_px[within] - before_px[within] @ A[:, :2].T - A[:, 2]
    sigma = float(np.sqrt(np.mean(away**2))) * scale
    width, height = size_px
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    if np.abs(corners @ A[:, :2].T + A[:, 2] - corners).max() < STILL_PX:
        return CameraMotion(_IDENTITY, True, share, sigma)
    # Centres of the flow picture's pixels lie at (x + 1/2) scale - 1/2 of the frame's.
    offset = (scale - 1) / 2
    shift = A[:, 2] * scale + offset - A[:, :2] @ np.full(2, offset)
    return CameraMotion(np.column_stack([A[:, :2], shift]), True, share, sigma)
