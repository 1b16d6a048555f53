"""Where the pixels of a thermal picture lie in the clip, and the reading of a set of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssv.errors import ThermalError
from cssv.scene import Matrix, Value
from cssv.scene.thermal import F32, Calibration

#: A reading needs this many thermal pixels: a spot of three by three, the rule of thermography, because a
#: pixel's surroundings shine into it.
LEAST_PIXELS = 9
#: Without a homography both pictures show the same view if their aspect ratios agree within this share.
ASPECT_TOLERANCE = 0.05
#: Standard deviation of a Gaussian over its median absolute deviation.
MAD_SIGMA = 1.4826
#: Places along each side at which two views are compared.
_GRID = 33

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class ThermalRegistration:
    """The view of a thermal camera on a clip.

    Attributes:
        to_thermal: float64 (3, 3), takes pixels (x, y, 1) of the clip to pixels of the thermal picture up to
            a positive scale, both counted from the top left corner: the first pixel's centre is (0.5, 0.5).
        size: width and height of the thermal picture.
    """

    to_thermal: NDArray[np.floating]
    size: tuple[int, int]

    @classmethod
    def from_homography(
        cls, homography: Matrix | None, size: tuple[int, int], clip_size: tuple[int, int]
    ) -> ThermalRegistration:
        """Make the mount that a scene tells of.

        Args:
            homography: takes thermal pixels to clip pixels; None: the same view, stretched edge to edge.
            size: width and height of the thermal pictures.
            clip_size: those of the clip.

        Raises:
            ThermalError: no homography, and pictures of another shape than the clip's; a homography by which
                they show nothing of the clip.
        """
        if homography is None:
            return cls(_stretch(size, clip_size), size)
        forward = np.array(homography, np.float64)
        middle = forward @ (size[0] / 2, size[1] / 2, 1)
        # What lies beyond the horizon of either camera gets a scale of the other sign than the middle.
        side = math.copysign(1, middle[2])
        mount = cls(np.linalg.inv(forward) * side, size)
        clip_seen = mount.look_up(*_grid(clip_size))[0].size
        if not clip_seen and not cls(forward * side, clip_size).look_up(*_grid(size))[0].size:
            raise ThermalError(
                "by thermal.homography the thermal pictures show nothing of the clip",
                found=f"their middle at {middle[0] / middle[2]:.0f}, {middle[1] / middle[2]:.0f} px",
                bound=f"within {clip_size[0]}x{clip_size[1]} px",
                remedy="It takes pixels of the thermal picture to pixels of the clip, not the reverse.",
            )
        return mount

    def look_up(self, x: NDArray[np.integer], y: NDArray[np.integer]) -> tuple[Indices, Indices]:
        """Rows and columns of the thermal pixels in which the pixels ``x``, ``y`` of the clip lie, (n,) each.

        Those outside the thermal view are left out.
        """
        u, v, scale = self.to_thermal @ np.stack([x + 0.5, y + 0.5, np.ones(x.shape)])
        with np.errstate(divide="ignore", invalid="ignore"):
            column, row = np.floor(u / scale), np.floor(v / scale)
        seen = (scale > 0) & (column >= 0) & (column < self.size[0]) & (row >= 0) & (row < self.size[1])
        return row[seen].astype(np.intp), column[seen].astype(np.intp)


def _grid(size: tuple[int, int]) -> tuple[Indices, Indices]:
    """Whole pixels all over a picture, its corners among them."""
    x, y = (np.linspace(0, side - 1, _GRID).astype(np.intp) for side in size)
    return np.tile(x, _GRID), np.repeat(y, _GRID)


def _stretch(size: tuple[int, int], clip_size: tuple[int, int]) -> NDArray[np.floating]:
    across, down = size[0] / clip_size[0], size[1] / clip_size[1]
    if abs(across / down - 1) > ASPECT_TOLERANCE:
        raise ThermalError(
            "the thermal pictures have another shape than the clip, so they show another view",
            found=f"{size[0]}x{size[1]} for a clip of {clip_size[0]}x{clip_size[1]}",
            bound=f"aspect ratios within {ASPECT_TOLERANCE:.0%}, or a homography",
            remedy="Give thermal.homography in the scene: it takes thermal pixels to pixels of the clip.",
        )
    return np.diag([across, down, 1.0])


def take_reading(celsius: F32, rows: Indices, columns: Indices, calibration: Calibration) -> Value | None:
    """The temperature of an object from the thermal pixels that it covers.

    Args:
        celsius: (H, W) the picture.
        rows: (n,) of the pixels; one that covers more of the object comes more often.
        columns: (n,) of the same pixels.
        calibration: what a count is, and the camera's stated accuracy.

    Returns:
        The median. Its sigma is the robust spread of the pixels (1.4826 times the median absolute deviation)
        and the camera's accuracy together, at least one count. None of fewer than LEAST_PIXELS live pixels.
    """
    values = celsius[rows, columns]
    is_live = np.isfinite(values)
    if np.unique(rows[is_live] * celsius.shape[1] + columns[is_live]).size < LEAST_PIXELS:
        return None
    live = values[is_live].astype(np.float64)
    median = float(np.median(live))
    spread = MAD_SIGMA * float(np.median(np.abs(live - median)))
    return calibration.reading(median, spread)
