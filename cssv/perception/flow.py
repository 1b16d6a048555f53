"""Dense optical flow per frame, for the motion of the camera, the motion of the objects and motion masks.

The field is computed by DIS, dense inverse search (Kroeger et al., ECCV 2016), at a reduced size. It points
from this frame to the previous one, so that it is defined at the objects of this frame.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64
from cssv.frames import U8, Frame
from cssv.perception.camera import (
    FEWEST_POINTS,
    STILL,
    STILL_PX,
    CameraMotion,
    checked,
    largest_agreement,
    register,
)
from cssv.perception.votes import followed_median, is_at_rest

F32 = NDArray[np.float32]

#: Pictures higher than 1.5 times this are halved repeatedly.
WORKING_HEIGHT_PX = 288
#: Finest level of the pyramid, and distance of adjacent patches there in pixels; patches are 8 pixels wide.
FINEST_LEVEL = 1
PATCH_STRIDE_PX = 6
#: Distance of adjacent grid points in working pixels.
GRID_PX = 8
#: Lower bound of the smaller eigenvalue of the structure tensor, (grey levels per pixel)². Above it a point
#: differs from its neighbours in every direction.
TEXTURE = 2.0

#: A camera counts as still only if the share of unexplained texture is below this.
TORN_SHARE = 0.3
#: Samples along each side of a box, over the first share of the side. At least the second share of the
#: samples must be inside the picture.
SAMPLES = 12
SAMPLED_SHARE = 0.8
SEEN_SHARE = 0.5
#: Margin around boxes for a local flow field, in working pixels.
AROUND_PX = 32
#: Samples belong to the object if their motion differs from the camera's by more working pixels than this,
#: and if they are more than this share of the samples.
OWN_MOTION_PX = 0.5
OWN_SHARE = 0.25
#: In grey levels: least standard deviation in a box for a measurable motion, and largest median difference of
#: the pixels at both ends of the flow.
LEAST_CONTRAST = 4.0
LARGEST_ERROR = 25.0
#: Standard deviation of the flow of a moving object in working pixels if all its samples agree.
FLOW_SIGMA_PX = 0.45
#: The same without own motion: the object can be at rest, or the box can contain mostly background.
REST_SIGMA_PX = 1.5
#: Factor from the median absolute deviation of the samples to an additional standard deviation.
SPREAD_TO_SIGMA = 2.5


def shrink(luma: U8) -> tuple[U8, int]:
    """Halve a picture to about the working height; returns it and the reduction factor."""
    scale = 1
    while luma.shape[0] // scale > 1.5 * WORKING_HEIGHT_PX:
        scale *= 2
    if scale == 1:
        return luma.copy(), 1
    size = (luma.shape[1] // scale, luma.shape[0] // scale)
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), scale


def halve(picture: U8) -> U8:
    """Reduce a picture to half its size in each direction."""
    height, width = picture.shape
    return np.asarray(
        cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


class FlowMeter:
    """Optical flow meter for the successive frames of one clip or stream.

    Attributes:
        picture: luma of the last frame at working size (:func:`shrink`).
        scale: pixels of the frame per working pixel.
    """

    def __init__(self) -> None:
        self.picture: U8 = np.empty((0, 0), dtype=np.uint8)
        self.scale = 1
        self._flow: Flow | None = None
        self._key: tuple[int, int] | None = None

    def measure(self, frame: Frame) -> Flow | None:
        """Create the flow since the previous frame; None for the first frame or after a change of size.

        Frames must be in order. A repeated call with the last frame returns the same object. The flow is
        computed on first use only.
        """
        key = (frame.number, frame.pts)
        # Detector and tracker both measure a frame; the second call must not compare it with itself.
        if key == self._key:
            return self._flow
        before, scene = self.picture, self._scene_before()
        self.picture, self.scale = shrink(frame.luma())
        same = before.shape == self.picture.shape
        self._flow = Flow(before, self.picture, self.scale, scene) if same else None
        self._key = key
        return self._flow

    def _scene_before(self) -> U8:
        """The still scene up to the last picture; that picture itself unless the camera was at rest."""
        camera = None if self._flow is None else self._flow.measured_camera
        if self._flow is None or camera is None or not camera.is_still:
            return self.picture
        return followed_median(self._flow.scene, self.picture)


class Flow:
    """Motion between two frames, computed on first use and cached.

    Attributes:
        scale: pixels of the frame per working pixel.
        scene: the still scene before this frame, at working size; the previous picture by default.
    """

    def __init__(self, before: U8, now: U8, scale: int, scene: U8 | None = None) -> None:
        self._before, self._now = before, now
        self.scale = scale
        self.scene = before if scene is None else scene

    @cached_property
    def field(self) -> F32:
        """float32 (h, w, 2): offset dx, dy from each working pixel to its position in the previous frame."""
        return self._search(slice(None), slice(None))

    def _search(self, rows: slice, columns: slice) -> F32:
        """Compute the field within a window of the picture."""
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        search.setFinestScale(FINEST_LEVEL if self._now.shape[0] >= WORKING_HEIGHT_PX / 2 else 0)
        search.setPatchStride(PATCH_STRIDE_PX)
        now, before = (np.ascontiguousarray(each[rows, columns]) for each in (self._now, self._before))
        field = np.zeros((*now.shape, 2), dtype=np.float32)
        return np.asarray(search.calc(now, before, field), dtype=np.float32)

    def _search_at(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> F32:
        """(n, 2) field at some pixels; computed only around them if that is cheaper than the whole field."""
        height, width = self._now.shape
        top, bottom = max(int(y.min()) - AROUND_PX, 0), min(int(y.max()) + AROUND_PX + 1, height)
        left, right = max(int(x.min()) - AROUND_PX, 0), min(int(x.max()) + AROUND_PX + 1, width)
        if "field" in vars(self) or (bottom - top) * (right - left) > width * height / 2:
            return np.asarray(self.field[y, x], dtype=np.float32)
        field = self._search(slice(top, bottom), slice(left, right))
        return np.asarray(field[y - top, x - left], dtype=np.float32)

    @cached_property
    def camera_of_picture(self) -> CameraMotion:
        """Camera motion in working pixels."""
        height, width = self._now.shape
        # The cheap registration is enough for a still camera; only a moving one needs the flow field.
        small = register(halve(self._before), halve(self._now))
        if small.points >= FEWEST_POINTS and small.torn < TORN_SHARE and 2 * small.moved_px < STILL_PX:
            return replace(STILL, share=1 - small.torn)
        points = np.stack(np.meshgrid(grid(width), grid(height)), axis=-1)[texture(self._now) > TEXTURE]
        now = points.astype(np.float64)
        before = now + self.field[points[:, 1], points[:, 0]]
        best = largest_agreement(before, now)
        # Most of the texture can be on objects that move together, such as vehicles on smooth asphalt.
        if best is not None and is_at_rest(best, self.scene, self._now):
            return replace(STILL, share=1 - small.torn)
        return checked(best, (width, height))

    @property
    def measured_camera(self) -> CameraMotion | None:
        """Camera motion in working pixels; None if it was not computed so far."""
        return self.camera_of_picture if "camera_of_picture" in vars(self) else None

    def camera(self) -> CameraMotion:
        """Camera motion in pixels of the frame."""
        return self.camera_of_picture.scaled(self.scale)

    def of_boxes(self, boxes_px: F64) -> F64:
        """Measure the motion of the object in each box since the previous frame, by the median of its flow.

        If enough of the samples move differently from the camera, only these belong to the object.

        Args:
            boxes_px: (n, 4) x, y, w, h in this frame, in pixels.

        Returns:
            float64 (n, 3): dx, dy in pixels and the standard deviation of each; NaN outside the picture,
            without texture, or if the pixels at both ends of the flow differ.
        """
        result = np.full((len(boxes_px), 3), np.nan)
        height, width = self._now.shape
        inner = boxes_px / self.scale
        shares = (np.arange(SAMPLES) + 0.5) / SAMPLES * SAMPLED_SHARE + (1 - SAMPLED_SHARE) / 2
        x = np.rint(inner[:, :1] + shares * inner[:, 2:3] - 0.5)
        y = np.rint(inner[:, 1:2] + shares * inner[:, 3:] - 0.5)
        inside = ((x >= 0) & (x < width))[:, None, :] & ((y >= 0) & (y < height))[:, :, None]
        inside &= (inside.mean(axis=(1, 2)) >= SEEN_SHARE)[:, None, None]
        box, rows, columns = np.nonzero(inside)
        if len(box):
            x_px, y_px = x[box, columns].astype(np.int64), y[box, rows].astype(np.int64)
            found = self._search_at(x_px, y_px)
            for k in np.unique(box).tolist():
                result[k] = self._of_samples(x_px[box == k], y_px[box == k], found[box == k])
        return result * self.scale

    def _of_samples(self, x: NDArray[np.int64], y: NDArray[np.int64], back: F32) -> F64:
        """(3,) motion of one object in working pixels and its standard deviation, from field samples."""
        height, width = self._now.shape
        now = np.stack([x, y], axis=1).astype(np.float64)
        before = now + back
        at = np.clip(np.rint(before), 0, (width - 1, height - 1)).astype(np.int64)
        values = self._now[y, x].astype(np.float64)
        wrong = np.median(np.abs(values - self._before[at[:, 1], at[:, 0]]))
        # Without contrast every offset fits; with a large difference the object was occluded before.
        if values.std() < LEAST_CONTRAST or wrong > LARGEST_ERROR:
            return np.full(3, np.nan)
        own = np.hypot(*(now - self.camera_of_picture.of_points(before)).T) > OWN_MOTION_PX
        # A few differing samples are background or noise, not the object.
        moves = own.mean() > OWN_SHARE
        moved = (now - before)[own] if moves else now - before
        middle = np.median(moved, axis=0)
        spread = float(np.median(np.abs(moved - middle))) * SPREAD_TO_SIGMA
        return np.array([*middle, np.hypot(FLOW_SIGMA_PX if moves else REST_SIGMA_PX, spread)])


def grid(length: int) -> NDArray[np.int64]:
    """Compute the positions of the grid points along a side."""
    return np.arange(GRID_PX // 2, length - GRID_PX // 2 + 1, GRID_PX)


def texture(picture: U8) -> F32:
    """Smaller eigenvalue of the structure tensor (Shi and Tomasi, CVPR 1994) around every grid point."""
    height, width = picture.shape
    columns, rows = len(grid(width)), len(grid(height))
    gx = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=1 / 8)[: rows * GRID_PX, : columns * GRID_PX]
    gy = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=1 / 8)[: rows * GRID_PX, : columns * GRID_PX]
    size = (columns, rows)
    xx, yy, xy = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (gx * gx, gy * gy, gx * gy))
    return np.asarray((xx + yy) / 2 - np.sqrt((xx - yy) ** 2 / 4 + xy * xy), dtype=np.float32)
