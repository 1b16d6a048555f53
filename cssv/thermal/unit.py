"""What counts mean in degrees Celsius."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

ABSOLUTE_ZERO_C = -273.15


@dataclass(frozen=True, slots=True)
class Unit:
    """Degrees Celsius = ``scale`` * counts + ``offset_c``."""

    scale: float
    offset_c: float

    def celsius(self, counts: NDArray[np.number]) -> F32:
        """Temperatures, float32, of an array of counts."""
        # A scene's whole numbers times 16-bit counts would wrap around.
        return np.asarray(counts * float(self.scale) + float(self.offset_c), np.float32)


#: Hundredths of a kelvin.
CENTIKELVIN = Unit(0.01, ABSOLUTE_ZERO_C)
