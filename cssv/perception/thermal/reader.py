"""One reader for all thermal files: pictures in degrees Celsius with their times."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cssv.errors import ThermalError, VideoError
from cssv.perception.thermal.cptv import GZIP, RADIOMETRIC_MODELS, CptvVideo
from cssv.perception.thermal.flir import JPEG, FlirStill
from cssv.scene.thermal import CENTIKELVIN, F32, Unit, checked
from cssv.video import PNG_SIGNATURE, CountPictures, CountVideo

#: Pictures of this median or between, degrees Celsius, are what people point thermal cameras at.
LIKELY_C = (-80.0, 500.0)


@dataclass(frozen=True, slots=True, eq=False)
class ThermalPicture:
    """What a thermal camera saw at one moment.

    Attributes:
        celsius: (H, W) float32, degrees Celsius; NaN where a pixel is dead.
        time_s: seconds since the file's first picture, exact; None where the file has no times.
    """

    celsius: F32
    time_s: Fraction | None


class Pictures(Protocol):
    """What the readers of each kind of file have in common.

    Attributes:
        size: width and height in pixels.
    """

    size: tuple[int, int]

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint16] | F32, Fraction | None]]:
        """Yield counts or degrees Celsius, (H, W), with seconds since the first picture if known."""


class ThermalReader:
    """Reads a thermal file, one picture in memory at a time; every loop begins at the first picture.

    CPTV, FLIR radiometric JPEG, a video or a folder of PNGs of 16-bit counts, or one such PNG; which of
    them is found out from the file's first bytes. ::

        for picture in ThermalReader("thermal.mkv", unit=Unit(0.01, -273.15)):
            picture.celsius, picture.time_s

    Args:
        path: the file or folder.
        unit: what counts mean; None for files that say it themselves (FLIR stills; CPTV of radiometric
            cameras).
        rate: pictures per second, instead of the file's own times.

    Attributes:
        path: as given.
        size: width and height in pixels.
        unit: what counts mean; None for stills that hold degrees.
        notes: what was done to the pictures, in words.
        is_still: whether it is one picture for all times.
        is_timed: whether pictures have times.

    Raises:
        ThermalError: a file that cannot be used, or counts without a unit; while looping, a file that breaks
            off, or values that are no temperatures.
        MissingExtraError: FLIR stills without flyr.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, unit: Unit | None = None, rate: Fraction | None = None
    ) -> None:
        self.path = Path(path)
        with _as_thermal():
            self._source = _source(self.path)
        self.size = self._source.size
        own = self._source.unit if isinstance(self._source, CptvVideo) else None
        self.unit = unit or own
        self.notes = self._source.notes if isinstance(self._source, CountVideo) else ()
        self._check_unit(unit)
        self._rate = rate
        is_one = isinstance(self._source, CountPictures) and len(self._source) == 1
        self.is_still = is_one or isinstance(self._source, FlirStill)
        self.is_timed = rate is not None or isinstance(self._source, CountVideo)
        if isinstance(self._source, CptvVideo):
            self.is_timed |= next((time for _, time in self._source), None) is not None

    def _check_unit(self, given: Unit | None) -> None:
        if isinstance(self._source, FlirStill):
            if given is not None:
                raise ThermalError(
                    "a FLIR still holds temperatures, not counts", found=f"a scale for {self.path}",
                    remedy="Leave scale and offset_c out of the scene's thermal part.",
                )  # fmt: skip
        elif self.unit is None:
            found, bound = str(self.path), "a scale"
            if isinstance(self._source, CptvVideo):
                found += f", camera {self._source.model or 'not named'}"
                bound = f"a CPTV of {' or '.join(RADIOMETRIC_MODELS)}, or a scale"
            raise ThermalError(
                "the thermal file does not say what its counts mean", found=found, bound=bound,
                remedy=self._unit_remedy(),
            )  # fmt: skip

    def _unit_remedy(self) -> str:
        """How to say what counts mean; a usual unit is only named where it fits the first picture."""
        counts = next((float(np.median(values)) for values, _ in self._source), 0.0)
        kelvin = CENTIKELVIN.scale * counts + CENTIKELVIN.offset_c
        if LIKELY_C[0] <= kelvin <= LIKELY_C[1]:
            return (
                'Give it in the scene; hundredths of a kelvin are "thermal": {"scale": '
                f'{CENTIKELVIN.scale}, "offset_c": {CENTIKELVIN.offset_c}}}: {kelvin:.1f} °C in the middle.'
            )
        return (
            "Give thermal.scale and thermal.offset_c in the scene: the camera's manual tells them, or two "
            f"things of known temperature. The count in the middle is {counts:g}, which is not hundredths "
            "of a kelvin."
        )

    def __iter__(self) -> Iterator[ThermalPicture]:
        with _as_thermal():
            for number, (values, time_s) in enumerate(self._source):
                celsius = values.astype(np.float32) if self.unit is None else self.unit.celsius(values)
                time_s = time_s if self._rate is None else number / self._rate
                yield ThermalPicture(checked(celsius, str(self.path)), time_s)


_KINDS: tuple[tuple[bytes, Callable[[Path], Pictures]], ...] = (
    (PNG_SIGNATURE, CountPictures),
    (GZIP, CptvVideo),
    (JPEG, FlirStill),
)


def _source(path: Path) -> Pictures:
    """The reader for what the first bytes say."""
    if path.is_dir():
        return CountPictures(path)
    try:
        with path.open("rb") as file:
            start = file.read(len(PNG_SIGNATURE))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ThermalError("the thermal file cannot be read", found=f"{path}: {reason}") from error
    found = (kind for signature, kind in _KINDS if start.startswith(signature))
    return next(found, CountVideo)(path)


@contextmanager
def _as_thermal() -> Iterator[None]:
    """Say that it is the thermal file that the readers of video complain of."""
    try:
        yield
    except VideoError as error:
        raise ThermalError(
            f"the thermal file cannot be used: {error.what}",
            found=error.found, bound=error.bound, remedy=error.remedy,
        ) from error  # fmt: skip
