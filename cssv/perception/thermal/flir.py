"""Reader of FLIR radiometric stills: JPEG files with the camera's counts and their calibration."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import DecompressionBombError

from cssv.errors import MissingExtraError, ThermalError
from cssv.scene.thermal import F32

#: First bytes of a JPEG file.
JPEG = b"\xff\xd8"
#: Errors raised for a damaged file. Pillow raises SyntaxError for a broken PNG, and an error of its own for
#: one that claims gigabytes. It raises ImportError if ultralytics is installed, which makes it import a
#: further package for files it cannot read.
_DAMAGE = (
    *(ValueError, LookupError, OSError, EOFError, TypeError, ArithmeticError, AttributeError, NameError),
    *(AssertionError, ImportError, SyntaxError, RuntimeError, MemoryError, struct.error, zlib.error),
    DecompressionBombError,
)


class FlirStill:
    """The temperatures of a FLIR radiometric JPEG, read by the package ``flyr`` (an extra, EUPL-1.2).

    Each iteration yields the one picture, (H, W) float32 degrees Celsius, without a time. Pixels without a
    valid temperature are NaN.

    Raises:
        ThermalError: the JPEG has no temperatures, or is damaged.
        MissingExtraError: flyr is not installed.
    """

    def __init__(self, path: Path) -> None:
        unpack = _flyr()
        try:
            # Warnings of the package would reach the terminal; what matters is raised as an error below.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._celsius: F32 = np.asarray(unpack(BytesIO(path.read_bytes())).celsius, np.float32)
        except _DAMAGE as error:
            raise ThermalError(
                "the picture has no readable temperatures",
                found=f"{path}: {error or type(error).__name__}",
                bound="a FLIR radiometric JPEG as the camera wrote it",
                remedy="Editors and messengers remove the temperatures: use the camera's original file.",
            ) from error
        if self._celsius.ndim != 2 or not self._celsius.size:
            raise ThermalError("the picture has no temperatures", found=f"{path}: {self._celsius.shape}")
        self.size = (self._celsius.shape[1], self._celsius.shape[0])

    def __iter__(self) -> Iterator[tuple[F32, None]]:
        yield self._celsius, None


def _flyr() -> Callable[[BytesIO], Any]:
    # Imported on use: flyr is an extra, and the other thermal formats work without it.
    try:
        import flyr
    except ImportError as error:
        remedy = "Install it with: pip install '.[thermal]'"
        raise MissingExtraError("FLIR stills need flyr", remedy=remedy) from error
    unpack: Callable[[BytesIO], Any] = flyr.unpack
    return unpack
