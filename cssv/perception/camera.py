"""Camera motion between two frames: the motion of the still scene, to separate it from that of the objects.

The motion is a similarity transform of the picture plane (shift, rotation, zoom). It is fitted to a grid of
optical flow by random sample consensus (Fischler and Bolles, CACM 1981). The still scene covers more of a
picture than any object, so the largest set of points with a common motion belongs to the camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cssv.boxes import F64
from cssv.frames import U8

#: Largest distance of a point from the common motion in pixels of the flow field.
AGREEMENT_PX = 0.5
#: With fewer points, or a smaller share of agreeing points, the camera motion is unknown.
FEWEST_POINTS = 24
SMALLEST_SHARE = 0.3
#: A camera is still if the picture corners move less than this, in pixels of the flow field.
STILL_PX = 0.06
#: Registration: least gradient in grey levels per pixel, largest difference explained by motion in grey
#: levels, and distance of adjacent points in pixels.
STEEP = 4.0
TORN_LEVELS = 12.0
REGISTER_STEP_PX = 2
#: Differences within this many standard deviations of the picture's noise, and at least within these grey
#: levels, take part in the fit. The noise is that of the quietest quarter of the points, because objects can
#: cover most of the steep points where the ground has no texture.
NEAR_SIGMA = 4.0
NEAR_LEVELS = 3.0
QUIETEST = 0.25
NOISE_STEP = 5
#: The quantile :data:`QUIETEST` of |e| in standard deviations of a normal distribution.
_QUIETEST_SIGMA = 0.3186

_IDENTITY = np.eye(2, 3)
_IDENTITY.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class CameraMotion:
    """Motion of the still scene from the previous frame to this frame. The array is read-only.

    Attributes:
        A: float64 (2, 3) transform of pixel positions (x, y, 1) in the previous frame to this frame. Exactly
            the identity if the camera is still or its motion is not known.
        is_known: False after a cut, without texture, or if the flow has no common motion.
        share: share of the textured picture with this motion, 0 to 1.
        sigma_px: standard deviation of the agreeing points from this motion, in pixels of the frame; NaN if
            it is not known.
    """

    A: F64
    is_known: bool = True
    share: float = 1.0
    sigma_px: float = 0.0

    def __post_init__(self) -> None:
        self.A.flags.writeable = False

    @property
    def is_still(self) -> bool:
        """True if the camera is known to be still."""
        return self.is_known and bool(np.array_equal(self.A, _IDENTITY))

    @property
    def zoom(self) -> float:
        """Scale factor of the still scene since the previous frame."""
        return float(np.hypot(self.A[0, 0], self.A[1, 0]))

    def of_points(self, points_px: F64) -> F64:
        """Transform (..., 2) positions of the previous frame to this frame."""
        moved: F64 = points_px @ self.A[:, :2].T + self.A[:, 2]
        return moved

    def of_boxes(self, boxes_px: F64) -> F64:
        """Transform (..., 4) boxes x, y, w, h of the previous frame to this frame, without rotating them."""
        size = boxes_px[..., 2:] * self.zoom
        centres = self.of_points(boxes_px[..., :2] + boxes_px[..., 2:] / 2)
        return np.concatenate([centres - size / 2, size], axis=-1)

    def scaled(self, scale: float) -> CameraMotion:
        """Convert to pixels ``scale`` times smaller: the centre of pixel x is at scale (x + 1/2) - 1/2."""
        # The exact identity must stay exact, because is_still compares for equality.
        if scale == 1 or not self.is_known or self.is_still:
            return self
        linear, offset = self.A[:, :2], np.full(2, (scale - 1) / 2)
        shift = self.A[:, 2] * scale + offset - linear @ offset
        return CameraMotion(np.column_stack([linear, shift]), True, self.share, self.sigma_px * scale)


#: Motion of a still camera, and an unknown motion.
STILL = CameraMotion(_IDENTITY)
UNKNOWN = CameraMotion(_IDENTITY, is_known=False, share=0.0, sigma_px=float("nan"))


def fit_camera(before_px: F64, now_px: F64, size_px: tuple[int, int]) -> CameraMotion:
    """Fit the motion of the largest set of agreeing points.

    Args:
        before_px: (n, 2) positions in the previous flow picture.
        now_px: (n, 2) positions of the same points in the current one.
        size_px: width and height of the flow picture.
    """
    return checked(largest_agreement(before_px, now_px), size_px)


def checked(best: CameraMotion | None, size_px: tuple[int, int]) -> CameraMotion:
    """Return a motion that enough points agree on; unknown if they are few, and exact rest if it is tiny."""
    # A small set can be an object, or chance.
    if best is None or best.share < SMALLEST_SHARE:
        return UNKNOWN
    # Noise of the flow must not make a still camera drift over many frames.
    return replace(best, A=_IDENTITY) if corner_motion(best.A, size_px) < STILL_PX else best


def largest_agreement(before_px: F64, now_px: F64) -> CameraMotion | None:
    """Fit the motion of the largest set of agreeing points, however small; None without a fit.

    Args:
        before_px: (n, 2) positions in the previous flow picture.
        now_px: (n, 2) positions of the same points in the current one.
    """
    if len(before_px) < FEWEST_POINTS:
        return None
    A, agree = cv2.estimateAffinePartial2D(
        before_px,
        now_px,
        method=cv2.RANSAC,
        ransacReprojThreshold=AGREEMENT_PX,
        maxIters=500,
        confidence=0.995,
    )
    if A is None or agree is None or not np.isfinite(A).all() or not agree.any():
        return None
    within = agree.ravel() > 0
    fitted: F64 = np.asarray(A, dtype=np.float64)
    away = now_px[within] - before_px[within] @ fitted[:, :2].T - fitted[:, 2]
    return CameraMotion(fitted, True, float(within.mean()), float(np.sqrt(np.mean(away**2))))


def corner_motion(A: F64, size_px: tuple[int, int]) -> float:
    """Compute the largest motion along one axis of a corner of a picture of this width and height."""
    width, height = size_px
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    return float(np.abs(corners @ A[:, :2].T + A[:, 2] - corners).max())


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Small motion between two pictures of one scene.

    Attributes:
        A: float64 (2, 3) transform of positions in the first picture to the second.
        moved_px: largest motion of a corner.
        torn: share of the steep pixels not explained by a small motion: objects, or all after a large motion.
        points: number of steep pixels.
    """

    A: F64
    moved_px: float
    torn: float
    points: int


def register(first: U8, second: U8) -> Registration:
    """Fit a small similarity transform to the difference of two pictures (Lucas and Kanade, IJCAI 1981).

    The single linear step is accurate to a hundredth of a pixel for motions below half a pixel. For larger
    motions the result is too small and ``torn`` is large. The cost is a twentieth of that of a flow field.
    """
    height, width = second.shape
    mean = cv2.addWeighted(first, 0.5, second, 0.5, 0)
    step = REGISTER_STEP_PX
    gx = cv2.Sobel(mean, cv2.CV_32F, 1, 0, scale=1 / 8)[2:-2:step, 2:-2:step]
    gy = cv2.Sobel(mean, cv2.CV_32F, 0, 1, scale=1 / 8)[2:-2:step, 2:-2:step]
    y, x = np.nonzero(gx * gx + gy * gy > STEEP**2)
    if len(y) < FEWEST_POINTS:
        return Registration(np.eye(2, 3), 0.0, 0.0, len(y))
    gx, gy = gx[y, x], gy[y, x]
    y, x = y * step + 2, x * step + 2
    away = second[y, x].astype(np.float32) - first[y, x]
    across, down = (x - width / 2).astype(np.float32), (y - height / 2).astype(np.float32)
    J = np.stack([gx, gy, (gx * across + gy * down) / width, (gy * across - gx * down) / width])
    p, left = np.zeros(4), np.abs(away)
    # Pixels of moving objects are excluded, and the fit is repeated without them.
    for _ in range(3):
        left = np.abs(away + p @ J)
        # A sample of the points is enough for a quantile.
        sample = left[::NOISE_STEP]
        quiet = float(np.partition(sample, int(QUIETEST * len(sample)))[int(QUIETEST * len(sample))])
        near = left < min(max(NEAR_SIGMA * quiet / _QUIETEST_SIGMA, NEAR_LEVELS), TORN_LEVELS)
        inner = J[:, near]
        p = np.linalg.lstsq(inner @ inner.T, -(inner @ away[near]), rcond=None)[0].astype(np.float64)
    zoom, turn = p[2] / width, p[3] / width
    linear = np.array([[1 + zoom, -turn], [turn, 1 + zoom]])
    middle = np.array([width / 2, height / 2])
    A = np.column_stack([linear, p[:2] + middle - linear @ middle])
    moved = corner_motion(A, (width, height))
    torn = float(np.count_nonzero(left >= TORN_LEVELS)) / len(left)
    return Registration(A, moved, torn, len(y))
