"""Temperatures from a thermal file that was recorded with a clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from cssv.errors import ThermalError
from cssv.files.paths import Path_
from cssv.frames import U8
from cssv.perception.thermal.reader import ThermalPicture, ThermalReader
from cssv.perception.thermal.registration import ThermalRegistration
from cssv.perception.thermal.timeline import Clock, Stamps
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.temperatures import ThermalView, take_temperatures
from cssv.scene import Ranges, Thermal
from cssv.scene.ground import Size
from cssv.scene.thermal import Calibration, stated_unit
from cssv.template.drawing import Outline, OutlineKey

#: A frame takes the nearest thermal picture that is at most this many of the file's steps away. Files that
#: begin and end together may differ by this many of the longer steps.
STEPS_AWAY = 2
#: A file of another length that has a picture for each frame is paired with the frames in order if the mean
#: steps of the two differ by at most this share: converters write the nominal rate in place of the true one.
SAME_RATE_SHARE = Fraction(1, 10)
#: Colder objects give a warning: nothing on the ground is that cold, but counts in a wrong unit seem so.
COLDEST_C = -100.0
#: Frames that are read to find the range of temperatures.
RANGE_FRAMES = 200

#: Reads the objects of a frame at a time in the cover's brightness; see :func:`take_temperatures`.
Sampler = Callable[[FrameObjects, Fraction, U8 | None], tuple[FrameObjects, dict[OutlineKey, Outline]]]


@dataclass(slots=True)
class ThermalTally:
    """Tracks that a thermal camera has read.

    Attributes:
        tracks: all objects.
        read: those that were read.
        overruled: of these, those of which the scene gives another temperature as measured.
        frozen: of these, those that were read as colder than :data:`COLDEST_C`.
    """

    tracks: set[int] = field(default_factory=set)
    read: set[int] = field(default_factory=set)
    overruled: set[int] = field(default_factory=set)
    frozen: set[int] = field(default_factory=set)

    def add(self, shown: FrameObjects) -> None:
        """Count the objects of a frame."""
        for state in shown.objects:
            self.tracks.add(state.track)
            if state.thermal_c is not None:
                self.read.add(state.track)
                if state.thermal_c.value < COLDEST_C:
                    self.frozen.add(state.track)
                # What the scene gives as measured is drawn instead.
                if state.temperature_c != state.thermal_c:
                    self.overruled.add(state.track)

    def merge(self, other: ThermalTally) -> None:
        """Add the tracks of other frames."""
        self.tracks |= other.tracks
        self.read |= other.read
        self.overruled |= other.overruled
        self.frozen |= other.frozen


class ThermalReadings:
    """Temperatures from a thermal file that runs in step with a clip; one picture in memory at a time.

    Args:
        path: the thermal file or folder.
        thermal: registration, calibration and timing.
        size: width and height of the clip.
        part: times of the frames that are encoded.
        whole: times of all frames of the clip.

    Attributes:
        calibration: of all readings.

    Raises:
        ThermalError: the file cannot be used, has another length than the clip or shows another view.
        MissingExtraError: a FLIR still without flyr.
    """

    def __init__(self, path: Path_, thermal: Thermal, *, size: Size, part: Stamps, whole: Stamps) -> None:
        rate = None if thermal.rate is None else Fraction(str(thermal.rate))
        self._reader = ThermalReader(path, unit=stated_unit(thermal), rate=rate)
        self._registration = ThermalRegistration.from_homography(thermal.homography, self._reader.size, size)
        self.calibration = Calibration(self._reader.unit, thermal.sigma_c or 0.0)
        self._is_same_view = thermal.homography is None
        self._size, self._part = size, part
        self._stamps = None if self._reader.is_timed or self._reader.is_still else whole
        if self._stamps is not None and thermal.time_offset_s is not None:
            raise ThermalError(
                "a thermal file without times goes frame by frame with the clip",
                found=f"thermal.time_offset_s {thermal.time_offset_s}",
                remedy="Give thermal.rate too.",
            )
        clip, part_clock = (Clock(times[0], times[-1], len(times)) for times in (whole, part))
        clock = self._survey()
        offset_s = thermal.time_offset_s
        self._start_s = clip.first_s if offset_s is None else Fraction(str(offset_s))
        self._tolerance_s = STEPS_AWAY * clock.step_s
        self._is_paired = rate is None and offset_s is None and self._is_drifting(clock, clip)
        if self._is_paired:
            # By their times the last frames would get the pictures of other frames, or none.
            self._stamps, clock = whole, clip
        if not self._reader.is_still:
            self._check_length(clock, clip, part_clock, is_placed=offset_s is not None)

    def _is_drifting(self, clock: Clock, clip: Clock) -> bool:
        """Whether the file has a picture for each frame, but times that slowly move away from the frames'."""
        if self._reader.is_still or clock.count != clip.count:
            return False
        is_same_rate = abs(clock.step_s - clip.step_s) <= SAME_RATE_SHARE * clip.step_s
        return is_same_rate and abs(clock.length_s - clip.length_s) > _slack_s(clock, clip)

    def _survey(self) -> Clock:
        """Read the whole file, so that its errors appear before any work is done."""
        count, last_s = 0, Fraction(0)
        for picture in self._reader:
            count, last_s = count + 1, picture.time_s or last_s
        if not count:
            raise ThermalError("the thermal file holds no pictures", found=str(self._reader.path))
        if self._stamps is not None:
            if count != len(self._stamps):
                raise ThermalError(
                    "a thermal file without times must have a picture for every frame of the clip",
                    found=f"{self._reader.path}: {count} pictures",
                    bound=f"{len(self._stamps)}",
                    remedy="Give thermal.rate in the scene if it was recorded at another rate.",
                )
            last_s = self._stamps[-1] - self._stamps[0]
        return Clock(Fraction(0), last_s, count)

    def _check_length(self, clock: Clock, clip: Clock, part: Clock, *, is_placed: bool) -> None:
        slack_s = _slack_s(clock, clip)
        if not is_placed and abs(clock.length_s - clip.length_s) > slack_s:
            raise ThermalError(
                "the thermal file has another length than the clip",
                found=f"{self._reader.path}: {float(clock.length_s):.2f} s ({clock.count} pictures)",
                bound=f"{float(clip.length_s):.2f} s ({clip.count} frames) "
                f"give or take {float(slack_s):.2f} s",
                remedy="Give thermal.time_offset_s in the scene if it was recorded for longer, thermal.rate "
                "if its rate is another.",
            )
        begin, end = self._start_s, self._start_s + clock.last_s
        if begin > part.first_s + slack_s or end < part.last_s - slack_s:
            raise ThermalError(
                "the thermal file does not cover the clip",
                found=f"{self._reader.path}: from {float(begin):.2f} to {float(end):.2f} s",
                bound=f"{float(part.first_s):.2f} to {float(part.last_s):.2f} s of the clip",
                remedy="Check thermal.time_offset_s, or encode only what it covers by start and stop.",
            )

    def follow(self, ranges: Ranges) -> Sampler:
        """A function that reads the objects of one frame after another; times must not decrease.

        Without a picture near enough in time nothing is read, for example while a camera calibrates itself.
        """
        view_at = self._views()

        def sample(
            shown: FrameObjects, time_s: Fraction, luma: U8 | None
        ) -> tuple[FrameObjects, dict[OutlineKey, Outline]]:
            shown, outlines = take_temperatures(shown, ranges, luma, self._size, view_at(time_s))
            return shown, outlines

        return sample

    def notes(self, tally: ThermalTally) -> tuple[str, ...]:
        """Assumptions, and warnings about the objects that were read."""
        notes = [f"thermal pictures: {note}" for note in self._reader.notes]
        if self._is_same_view:
            notes.append("the thermal pictures are taken to show the same view as the clip")
        if self._is_paired:
            notes.append(
                "the thermal file has another length than the clip, but one picture for each frame: they are "
                "paired in order; thermal.rate or thermal.time_offset_s in the scene pair them by time"
            )
        if len(tally.read) < len(tally.tracks):
            notes.append(f"the thermal camera read {len(tally.read)} of {len(tally.tracks)} objects")
        if tally.frozen:
            notes.append(
                f"the thermal camera read {len(tally.frozen)} objects as colder than {COLDEST_C:g} °C: "
                "check thermal.scale and thermal.offset_c"
            )
        if tally.overruled:
            notes.append(
                f"the scene gives the temperature of {len(tally.overruled)} objects as measured; "
                "that is drawn, not what the thermal camera read"
            )
        return tuple(notes)

    def span(self, shown_at: Callable[[int, Fraction], FrameObjects], ranges: Ranges) -> tuple[float, ...]:
        """Lowest and highest reading that will be drawn; empty if nothing is read.

        For speed it reads rounded boxes, which give nearly the values of outlines, in at most RANGE_FRAMES
        frames.

        Args:
            shown_at: the objects of a frame of the part, by its number and time.
            ranges: any; outlines do not depend on them.
        """
        view_at = self._views()
        drawn: list[float] = []
        for number in range(0, len(self._part), -(-len(self._part) // RANGE_FRAMES)):
            time_s = self._part[number]
            shown, _ = take_temperatures(shown_at(number, time_s), ranges, None, self._size, view_at(time_s))
            readings = (s.thermal_c for s in shown.objects if s.temperature_c == s.thermal_c)
            drawn += [reading.value for reading in readings if reading is not None]
            drawn = [min(drawn), max(drawn)] if drawn else []
        return tuple(drawn)

    def _views(self) -> Callable[[Fraction], ThermalView | None]:
        """The thermal picture at a time; None if none is near enough. Times must not decrease."""
        pictures = self._timed()
        now_s, now = next(pictures)
        after = next(pictures, None)

        def at(time_s: Fraction) -> ThermalView | None:
            nonlocal now_s, now, after
            while after is not None and abs(after[0] - time_s) <= abs(now_s - time_s):
                (now_s, now), after = after, next(pictures, None)
            if not self._reader.is_still and abs(now_s - time_s) > self._tolerance_s:
                return None
            return ThermalView(now.celsius, self._registration, self.calibration)

        return at

    def _timed(self) -> Iterator[tuple[Fraction, ThermalPicture]]:
        """The pictures with their times in the clip."""
        for number, picture in enumerate(self._reader):
            time_s = self._start_s + (picture.time_s or 0)
            yield (time_s if self._stamps is None else self._stamps[number]), picture


def _slack_s(clock: Clock, clip: Clock) -> Fraction:
    """Largest difference of the lengths of a thermal file and a clip that begin and end together."""
    return STEPS_AWAY * max(clock.step_s, clip.step_s)
