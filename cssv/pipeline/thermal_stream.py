"""Thermal pictures of a stream: arrays that come with its frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssv.errors import FrameError
from cssv.perception.thermal.registration import ThermalRegistration
from cssv.pipeline.temperatures import ThermalView
from cssv.scene import Thermal
from cssv.scene.ground import Size
from cssv.scene.thermal import Calibration, checked, stated_unit


class LiveThermalReadings:
    """Thermal pictures of a stream, given as arrays, one with each frame.

    Args:
        thermal: registration and calibration; its times are not used.
        size: width and height of the stream's frames.

    Attributes:
        calibration: of all readings; None before the first picture.
    """

    def __init__(self, thermal: Thermal, size: Size) -> None:
        self._thermal = thermal
        self._size = size
        self.calibration: Calibration | None = None
        self._registration: ThermalRegistration | None = None

    def view(self, picture: NDArray[np.number]) -> ThermalView:
        """The thermal picture of a frame; the array is copied.

        Args:
            picture: (H, W), floats in degrees Celsius (NaN at dead pixels), or uint16 counts, which the
                scene's thermal part converts to degrees.

        Raises:
            FrameError: another kind of array, counts without a scale, or another size or kind than before.
            ThermalError: it shows another view than the stream, or most pixels are no temperatures.
        """
        unit = stated_unit(self._thermal)
        is_float = np.issubdtype(picture.dtype, np.floating)
        if picture.ndim != 2 or not picture.size or not (is_float or (picture.dtype == np.uint16 and unit)):
            raise FrameError(
                "not a thermal picture",
                found=f"shape {picture.shape}, {picture.dtype}",
                bound="(H, W), floats in degrees Celsius, or uint16 counts with a scale in the scene",
            )
        size, kind = (picture.shape[1], picture.shape[0]), "degrees" if is_float else "counts"
        calibration = Calibration(None if is_float else unit, self._thermal.sigma_c or 0.0)
        registration = self._registration or ThermalRegistration.from_homography(
            self._thermal.homography, size, self._size
        )
        # One calibration is written for all frames, so it must not change on the way.
        if size != registration.size or calibration != (self.calibration or calibration):
            before = "counts" if (self.calibration or calibration).unit else "degrees"
            raise FrameError(
                "the thermal picture has another size or kind than those before",
                found="{}x{} {}".format(*size, kind),
                bound="{}x{} {}".format(*registration.size, before),
            )
        if is_float or unit is None:
            remedy = "Floats are degrees Celsius. Give counts as uint16, and what they mean in the scene."
            celsius = checked(np.array(picture, np.float32), "an array of floats", remedy)
        else:
            celsius = checked(unit.celsius(picture), "an array of counts")
        self._registration, self.calibration = registration, calibration
        return ThermalView(celsius, registration, calibration)
