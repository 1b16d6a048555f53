"""Registration of thermal pictures to the clip, and the temperature reading of a set of pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssv.errors import ThermalError
from cssv.scene import Matrix, Value
from cssv.scene.thermal import F32, Calibration

#: A reading needs this many thermal pixels: a spot of three by three, the rule of thermography, because each
#: pixel also receives radiation from its surroundings.
LEAST_PIXELS = 9
#: Without a homography both pictures must show the same view: their aspect ratios agree within this share.
ASPECT_TOLERANCE = 0.05
#: Standard deviation of a Gaussian over its median absolute deviation.
MAD_SIGMA = 1.4826
#: Sample points along each side for the comparison of two views.
_GRID = 33

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class ThermalRegistration:
    """The map from pixels of a clip to pixels of a thermal picture.

    Attributes:
        to_thermal: float64 (3, 3), maps pixels (x, y, 1) of the clip to pixels of the thermal picture, up to
            a positive scale. The origin of both is the top left corner: the first pixel's centre is at
            (0.5, 0.5).
        size: width and height of the thermal picture.
    """

    to_thermal: NDArray[np.floating]
    size: tuple[int, int]

    @classmethod
    def from_homography(
        cls, homography: Matrix | None, size: tuple[int, int], clip_size: tuple[int, int]
    ) -> ThermalRegistration:
        """Make the registration from the homography in a scene.

        Args:
            homography: maps thermal pixels to clip pixels; None: the same view, stretched edge to edge.
            size: width and height of the thermal pictures.
            clip_size: width and height of the clip.

        Raises:
            ThermalError: there is no homography, and the aspect ratios differ; or the homography places the
                thermal pictures outside the clip.
        """
        if homography is None:
            return cls(_stretch(size, clip_size), size)
        forward = np.array(homography, np.float64)
        middle = forward @ (size[0] / 2, size[1] / 2, 1)
        # Points beyond the horizon of a camera get a scale of the opposite sign to the middle. The middle is
        # made positive, so that they can be rejected by sign.
        side = math.copysign(1, middle[2])
        registration = cls(np.linalg.inv(forward) * side, size)
        # A small thermal view may lie between the points of the clip's grid, so both directions are tested.
        clip_seen = registration.look_up(*_grid(clip_size))[0].size
        if not clip_seen and not cls(forward * side, clip_size).look_up(*_grid(size))[0].size:
            raise ThermalError(
                "thermal.homography places the thermal pictures outside the clip",
                found=f"their middle at {middle[0] / middle[2]:.0f}, {middle[1] / middle[2]:.0f} px",
                bound=f"within {clip_size[0]}x{clip_size[1]} px",
                remedy="Give the matrix that maps thermal pixels to pixels of the clip, not the reverse.",
            )
        return registration

    def look_up(self, x: NDArray[np.integer], y: NDArray[np.integer]) -> tuple[Indices, Indices]:
        """Rows and columns of the thermal pixels at the pixels ``x``, ``y`` of the clip, (n,) each.

        Pixels outside the thermal view are left out.
        """
        u, v, scale = self.to_thermal @ np.stack([x + 0.5, y + 0.5, np.ones(x.shape)])
        with np.errstate(divide="ignore", invalid="ignore"):
            # A scale of 0 is a point on the horizon; its infinite result is rejected below.
            column, row = np.floor(u / scale), np.floor(v / scale)
        seen = (scale > 0) & (column >= 0) & (column < self.size[0]) & (row >= 0) & (row < self.size[1])
        return row[seen].astype(np.intp), column[seen].astype(np.intp)


def _grid(size: tuple[int, int]) -> tuple[Indices, Indices]:
    """A grid of whole pixels over a picture, including its corners."""
    x, y = (np.linspace(0, side - 1, _GRID).astype(np.intp) for side in size)
    return np.tile(x, _GRID), np.repeat(y, _GRID)


def _stretch(size: tuple[int, int], clip_size: tuple[int, int]) -> NDArray[np.floating]:
    across, down = size[0] / clip_size[0], size[1] / clip_size[1]
    # A picture of another shape is cropped or from another lens: to stretch it would misplace every reading.
    if abs(across / down - 1) > ASPECT_TOLERANCE:
        raise ThermalError(
            "the thermal pictures do not have the aspect ratio of the clip, so they show another view",
            found=f"{size[0]}x{size[1]} for a clip of {clip_size[0]}x{clip_size[1]}",
            bound=f"aspect ratios within {ASPECT_TOLERANCE:.0%}, or a homography",
            remedy="Give thermal.homography in the scene: it maps thermal pixels to pixels of the clip.",
        )
    return np.diag([across, down, 1.0])


def take_reading(celsius: F32, rows: Indices, columns: Indices, calibration: Calibration) -> Value | None:
    """Measure the temperature of an object from the thermal pixels that it covers.

    Args:
        celsius: (H, W) thermal picture.
        rows: (n,) rows of the pixels; a pixel that covers more of the object occurs more often.
        columns: (n,) columns of the same pixels.
        calibration: size of a count, and the camera's stated accuracy.

    Returns:
        The median. Its sigma combines the robust spread of the pixels (1.4826 times the median absolute
        deviation) with the camera's accuracy, and is at least one count. None if fewer than LEAST_PIXELS
        different pixels are finite.
    """
    values = celsius[rows, columns]
    is_live = np.isfinite(values)
    # Repeated pixels are one measurement, so only different ones count.
    if np.unique(rows[is_live] * celsius.shape[1] + columns[is_live]).size < LEAST_PIXELS:
        return None
    live = values[is_live].astype(np.float64)
    median = float(np.median(live))
    spread = MAD_SIGMA * float(np.median(np.abs(live - median)))
    return calibration.reading(median, spread)
