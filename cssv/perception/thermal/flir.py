"""FLIR radiometric stills: JPEG files that hold the camera's counts and how to make temperatures of them."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from cssv.errors import MissingExtraError, ThermalError
from cssv.scene.thermal import F32

#: First bytes of a JPEG file.
JPEG = b"\xff\xd8"
#: What the reader of a damaged file may raise. SyntaxError is what Pillow says of a broken PNG, ImportError
#: what it says beside ultralytics, which has it ask a further package about what it cannot read.
_DAMAGE = (
    *(ValueError, LookupError, OSError, EOFError, TypeError, ArithmeticError, AttributeError),
    *(AssertionError, ImportError, SyntaxError, struct.error, zlib.error),
)


class FlirStill:
    """The temperatures of a FLIR radiometric JPEG, read by the package ``flyr`` (an extra, EUPL-1.2).

    Every loop yields the one picture, (H, W) float32 degrees Celsius, without a time. Pixels that stand for
    no temperature are NaN.

    Raises:
        ThermalError: a JPEG without temperatures, or a damaged one.
        MissingExtraError: flyr is not installed.
    """

    def __init__(self, path: Path) -> None:
        unpack = _flyr()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._celsius: F32 = np.asarray(unpack(BytesIO(path.read_bytes())).celsius, np.float32)
        except _DAMAGE as error:
            raise ThermalError(
                "the picture holds no temperatures that can be read",
                found=f"{path}: {error or type(error).__name__}",
                bound="a FLIR radiometric JPEG as the camera wrote it",
                remedy="Editors and messengers drop the temperatures: use the camera's own file.",
            ) from error
        if self._celsius.ndim != 2 or not self._celsius.size:
            raise ThermalError("the picture holds no temperatures", found=f"{path}: {self._celsius.shape}")
        self.size = (self._celsius.shape[1], self._celsius.shape[0])

    def __iter__(self) -> Iterator[tuple[F32, None]]:
        yield self._celsius, None


def _flyr() -> Callable[[BytesIO], Any]:
    try:
        import flyr
    except ImportError as error:
        remedy = "Install it with: pip install 'cssv[thermal]'"
        raise MissingExtraError("FLIR stills need flyr", remedy=remedy) from error
    unpack: Callable[[BytesIO], Any] = flyr.unpack
    return unpack
