"""Reader of thermal files of all supported formats: pictures in degrees Celsius with their times."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cssv.errors import ClosedError, ThermalError, VideoError
from cssv.files.access import guarded
from cssv.files.inputs import check_regular
from cssv.perception.thermal.cptv import GZIP, RADIOMETRIC_MODELS, CptvVideo
from cssv.perception.thermal.flir import JPEG, FlirStill
from cssv.scene.thermal import CENTIKELVIN, F32, Unit, checked
from cssv.video import PNG_SIGNATURE, TIFF_SIGNATURES, CountPages, CountPictures, CountVideo

#: Plausible range of a picture's median temperature, degrees Celsius.
LIKELY_C = (-80.0, 500.0)


@dataclass(frozen=True, slots=True, eq=False)
class ThermalPicture:
    """One picture of a thermal camera.

    Attributes:
        celsius: (H, W) float32, degrees Celsius; NaN for dead pixels.
        time_s: seconds since the file's first picture, exact; None if the file has no times.
    """

    celsius: F32
    time_s: Fraction | None


class Pictures(Protocol):
    """Interface of the readers of the single file formats.

    Attributes:
        size: width and height in pixels.
    """

    size: tuple[int, int]

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint16] | F32, Fraction | None]]:
        """Yield counts or degrees Celsius, (H, W), with seconds since the first picture if known."""


class ThermalReader:
    """Reader of a thermal file, with one picture in memory at a time.

    Each iteration begins at the first picture. Formats: CPTV, FLIR radiometric JPEG, a video or a folder of
    PNGs of 16-bit counts, or one such PNG. The format is detected from the file's first bytes. ::

        for picture in ThermalReader("thermal.mkv", unit=Unit(0.01, -273.15)):
            picture.celsius, picture.time_s

    Args:
        path: the file or folder.
        unit: temperature scale of the counts; None for files that contain it (FLIR stills; CPTV of
            radiometric cameras).
        rate: pictures per second, in place of the file's own times.

    Attributes:
        path: as given.
        size: width and height in pixels.
        unit: temperature scale of the counts; None for stills in degrees.
        notes: changes made to the pictures on reading, as sentences.
        is_still: True if the file is one picture, valid at all times.
        is_timed: True if the pictures have times.

    Raises:
        ThermalError: the file cannot be used, or its counts have no unit; during iteration, the file is
            truncated, or values are not possible temperatures.
        MissingExtraError: the file is a FLIR still, and flyr is not installed.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, unit: Unit | None = None, rate: Fraction | None = None
    ) -> None:
        self.path = Path(path)
        with _as_thermal():
            self._source = _source(self.path)
        self.size = self._source.size
        own = self._source.unit if isinstance(self._source, CptvVideo) else None
        # The caller's unit comes first, so that a wrong header can be corrected.
        self.unit = unit or own
        self.notes = self._source.notes if isinstance(self._source, CountVideo) else ()
        self._check_unit(unit)
        self._rate = rate
        # Whether a file has times, and more than one picture, is known from its pictures only.
        with _as_thermal():
            times = [time for _, time in islice(self._source, 2)]
        self.is_still = times == [None]
        self.is_timed = rate is not None or times[:1] not in ([], [None])

    def _check_unit(self, given: Unit | None) -> None:
        if isinstance(self._source, FlirStill):
            # A scale for degrees is a mistake in the scene; ignoring it would hide the mistake.
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
                "the thermal file has no scale for its counts", found=found, bound=bound,
                remedy=self._unit_remedy(),
            )  # fmt: skip

    def _unit_remedy(self) -> str:
        """Word the remedy for a missing unit; centikelvin is proposed only if it fits the first picture."""
        counts = next((float(np.median(values)) for values, _ in self._source), 0.0)
        kelvin = CENTIKELVIN.scale * counts + CENTIKELVIN.offset_c
        # A proposal that gives impossible temperatures would be copied into the scene unnoticed.
        if LIKELY_C[0] <= kelvin <= LIKELY_C[1]:
            return (
                'Give it in the scene; hundredths of a kelvin are "thermal": {"scale": '
                f'{CENTIKELVIN.scale}, "offset_c": {CENTIKELVIN.offset_c}}}: median {kelvin:.1f} °C.'
            )
        return (
            "Give thermal.scale and thermal.offset_c in the scene: take them from the camera's manual, or "
            f"from two objects of known temperature. The median count is {counts:g}, which is not "
            "hundredths of a kelvin."
        )

    @guarded
    def __iter__(self) -> Iterator[ThermalPicture]:
        with _as_thermal():
            last_s: Fraction | None = None
            for number, (values, time_s) in enumerate(self._source):
                celsius = values.astype(np.float32) if self.unit is None else self.unit.celsius(values)
                time_s = time_s if self._rate is None else number / self._rate
                if self.is_timed:
                    self._check_time(number, time_s, last_s)
                    last_s = time_s
                yield ThermalPicture(checked(celsius, str(self.path)), time_s)

    def _check_time(self, number: int, time_s: Fraction | None, last_s: Fraction | None) -> None:
        """Raise ThermalError if a picture has no time or one before that of the picture before it."""
        # Pictures are paired with frames by time, so a wrong time would give wrong temperatures silently.
        if time_s is None or (last_s is not None and time_s < last_s):
            raise ThermalError(
                "the times of the thermal pictures do not increase",
                found=f"{self.path}: picture {number} {'without a time' if time_s is None else ''}"
                f"{'' if time_s is None or last_s is None else f'{float(last_s - time_s):g} s too early'}",
                remedy="Give thermal.rate in the scene: it replaces the times of the file.",
            )


_KINDS: tuple[tuple[bytes, Callable[[Path], Pictures]], ...] = (
    (PNG_SIGNATURE, CountPictures),
    (GZIP, CptvVideo),
    (JPEG, FlirStill),
    *((signature, CountPages) for signature in TIFF_SIGNATURES),
)


def _source(path: Path) -> Pictures:
    """Open the file with the reader of its format, detected from the first bytes."""
    check_regular(path, ThermalError, "the thermal file", folders=True)
    # First bytes are more reliable than suffixes, which users change.
    if path.is_dir():
        return CountPictures(path)
    try:
        with path.open("rb") as file:
            start = file.read(len(PNG_SIGNATURE))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ThermalError("the thermal file cannot be read", found=f"{path}: {reason}") from error
    found = (kind for signature, kind in _KINDS if start.startswith(signature))
    # Videos have no common first bytes, so the video reader takes all other files.
    return next(found, CountVideo)(path)


@contextmanager
def _as_thermal() -> Iterator[None]:
    """Turn a VideoError into a ThermalError.

    The count readers are shared with ordinary video; the error must name the thermal file.
    """
    try:
        yield
    except ClosedError:
        raise
    except VideoError as error:
        raise ThermalError(
            f"the thermal file cannot be used: {error.what}",
            found=error.found, bound=error.bound, remedy=error.remedy,
        ) from error  # fmt: skip
