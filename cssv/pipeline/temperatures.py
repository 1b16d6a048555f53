"""Where objects, their outlines and a thermal camera meet: temperatures read inside outlines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cssv.errors import FrameError, ThermalError
from cssv.files.paths import Path_
from cssv.frames import U8
from cssv.perception.thermal.reader import ThermalPicture, ThermalReader
from cssv.perception.thermal.registration import ThermalRegistration, take_reading
from cssv.perception.thermal.timeline import Clock, Stamps
from cssv.pipeline.frame_objects import FrameObjects, with_reading
from cssv.scene import Ranges, Thermal
from cssv.scene.thermal import Calibration, Unit, checked
from cssv.template.draw import draw
from cssv.template.drawing import Outline, OutlineKey, drawing_order
from cssv.template.outline import inside_outline
from cssv.template.state import ObjectState

Size = tuple[int, int]
#: Of a camera that gives degrees and states no accuracy.
DEGREES = Calibration()

#: An object is read where the thermal camera sees at least this share of its outline ...
SEEN_SHARE = 0.5
#: ... in at most about this many of its pixels.
SAMPLES = 4096
#: A frame takes the nearest thermal picture that is at most this many of the file's steps away, and files
#: that begin and end together may differ by this many of the longer steps.
STEPS_AWAY = 2
#: Objects colder than this are told of: nothing on the ground is, but counts in a wrong unit seem so.
COLDEST_C = -100.0
#: Frames that are looked at to find the range of temperatures.
RANGE_FRAMES = 200


@dataclass(frozen=True, slots=True, eq=False)
class ThermalView:
    """What a thermal camera sees of one frame.

    Attributes:
        celsius: (H, W) float32, degrees Celsius; NaN where a pixel is dead.
        mount: where its pixels lie in the frame.
        calibration: what a count is, and the camera's stated accuracy.
    """

    celsius: NDArray[np.float32]
    mount: ThermalRegistration
    calibration: Calibration = DEGREES


def take_temperatures(
    shown: FrameObjects, ranges: Ranges, luma: U8 | None, size: Size, view: ThermalView | None
) -> tuple[FrameObjects, dict[OutlineKey, Outline]]:
    """Read the temperature of every object of a frame inside its outline.

    Args:
        shown: the objects.
        ranges: what the rings' bottoms and tops stand for.
        luma: (H, W) uint8, the cover's brightness to find outlines in; None takes rounded boxes.
        size: width and height of the frame.
        view: what the thermal camera sees; None: nothing.

    Returns:
        The objects with their readings, None for those that are too small, mostly hidden behind nearer ones
        or outside the thermal view; and the outlines, so that they need not be found again.
    """
    if view is None:
        return shown, {}
    objects, outlines = _read(shown.objects, ranges, luma, size, view)
    replaced, _ = _read(shown.replaced, ranges, luma, size, view)
    # What is not drawn has no temperature of its own, only a reading.
    kept = tuple(replace(state, temperature_c=None) for state in replaced)
    return FrameObjects(objects, kept), outlines


def _read(
    states: tuple[ObjectState, ...], ranges: Ranges, luma: U8 | None, size: Size, view: ThermalView
) -> tuple[tuple[ObjectState, ...], dict[OutlineKey, Outline]]:
    drawn = [(index, draw(state, ranges, luma, size)) for index, state in enumerate(states)]
    found = [(index, drawing.outline) for index, drawing in drawn if drawing is not None]
    hidden = np.zeros(size[::-1], np.bool_)
    warm = list(states)
    # The nearest first: it hides what is behind it.
    for index, outline in sorted(found, key=lambda pair: drawing_order(pair[1]), reverse=True):
        x, y, share = _visible(outline, hidden)
        rows, columns = view.mount.look_up(x, y)
        if share * rows.size >= SEEN_SHARE * x.size:
            reading = take_reading(view.celsius, rows, columns, view.calibration)
            warm[index] = with_reading(states[index], reading)
    return tuple(warm), {(outline.track, outline.box): outline for _, outline in found}


def _visible(outline: Outline, hidden: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp], float]:
    """Pixels x and y inside an outline that nothing hides yet, a sample of many, and their share of it.

    From now on they are hidden.
    """
    height, width = hidden.shape
    (x, y), reach = outline.centre, max(outline.radii) << outline.shift
    rows, columns = (
        range(max(y - reach, 0), min(y + reach + 1, height)),
        range(max(x - reach, 0), min(x + reach + 1, width)),
    )
    inside = inside_outline(
        outline.radii,
        outline.shift,
        range(rows.start - y, rows.stop - y),
        range(columns.start - x, columns.stop - x),
    ).astype(np.bool_)
    window = hidden[rows.start : rows.stop, columns.start : columns.stop]
    down, across = np.nonzero(inside & ~window)
    window |= inside
    share = down.size / max(int(inside.sum()), 1)
    step = max(-(-down.size // SAMPLES), 1)
    return across[::step] + columns.start, down[::step] + rows.start, share


#: Reads the objects of a frame, shown at a time, in the cover's brightness; see :func:`take_temperatures`.
Sampler = Callable[[FrameObjects, Fraction, U8 | None], tuple[FrameObjects, dict[OutlineKey, Outline]]]


class ThermalReadings:
    """Reads a thermal file in step with a clip, one picture in memory at a time.

    Args:
        path: the thermal file or folder.
        thermal: how it belongs to the clip.
        size: width and height of the clip.
        part: the clip's frames, as far as it is encoded.
        whole: those of the whole clip.

    Attributes:
        calibration: what its readings are made with.

    Raises:
        ThermalError: a file that cannot be used, has another length than the clip or shows another view.
        MissingExtraError: a FLIR still without flyr.
    """

    def __init__(self, path: Path_, thermal: Thermal, *, size: Size, part: Stamps, whole: Stamps) -> None:
        rate = None if thermal.rate is None else Fraction(str(thermal.rate))
        self._reader = ThermalReader(path, unit=unit_of(thermal), rate=rate)
        self._mount = ThermalRegistration.from_homography(thermal.homography, self._reader.size, size)
        self.calibration = Calibration(self._reader.unit, thermal.sigma_c or 0.0)
        self._is_same_view = thermal.homography is None
        self._size, self._part = size, part
        self._tracks: set[int] = set()
        self._read: set[int] = set()
        self._overruled: set[int] = set()
        self._frozen: set[int] = set()
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
        if not self._reader.is_still:
            self._check_length(clock, clip, part_clock, is_placed=offset_s is not None)

    def _survey(self) -> Clock:
        """Read the file to its end, so that what is wrong with it shows before any work is done."""
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
        slack_s = STEPS_AWAY * max(clock.step_s, clip.step_s)
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
        """A function that reads the objects of one frame after another; times must not fall.

        Where no picture is near enough in time, as while a camera calibrates itself, nothing is read.
        """
        view_at = self._views()

        def warm(
            shown: FrameObjects, time_s: Fraction, luma: U8 | None
        ) -> tuple[FrameObjects, dict[OutlineKey, Outline]]:
            shown, outlines = take_temperatures(shown, ranges, luma, self._size, view_at(time_s))
            self._tally(shown)
            return shown, outlines

        return warm

    def _tally(self, shown: FrameObjects) -> None:
        for state in shown.objects:
            self._tracks.add(state.track)
            if state.thermal_c is not None:
                self._read.add(state.track)
                if state.thermal_c.value < COLDEST_C:
                    self._frozen.add(state.track)
                if state.temperature_c != state.thermal_c:
                    self._overruled.add(state.track)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for granted, and whom the camera has seen so far, in words."""
        notes = [f"thermal pictures: {note}" for note in self._reader.notes]
        if self._is_same_view:
            notes.append("the thermal pictures are taken to show the same view as the clip")
        if len(self._read) < len(self._tracks):
            notes.append(f"the thermal camera read {len(self._read)} of {len(self._tracks)} objects")
        if self._frozen:
            notes.append(
                f"the thermal camera read {len(self._frozen)} objects as colder than {COLDEST_C:g} °C: "
                "check thermal.scale and thermal.offset_c"
            )
        if self._overruled:
            notes.append(
                f"the scene gives the temperature of {len(self._overruled)} objects as measured; "
                "that is drawn, not what the thermal camera read"
            )
        return tuple(notes)

    def span(self, shown_at: Callable[[int, Fraction], FrameObjects], ranges: Ranges) -> tuple[float, ...]:
        """Lowest and highest reading that will be drawn; empty where nothing is read.

        It reads rounded boxes, which is nearly what outlines hold, in RANGE_FRAMES frames at most.

        Args:
            shown_at: the objects of a frame of the part by its number and time.
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
        """What the camera sees at a time; None where no picture is near enough. Times must not fall."""
        pictures = self._timed()
        now_s, now = next(pictures)
        after = next(pictures, None)

        def at(time_s: Fraction) -> ThermalView | None:
            nonlocal now_s, now, after
            while after is not None and abs(after[0] - time_s) <= abs(now_s - time_s):
                (now_s, now), after = after, next(pictures, None)
            if not self._reader.is_still and abs(now_s - time_s) > self._tolerance_s:
                return None
            return ThermalView(now.celsius, self._mount, self.calibration)

        return at

    def _timed(self) -> Iterator[tuple[Fraction, ThermalPicture]]:
        """Pictures with their times in the clip."""
        for number, picture in enumerate(self._reader):
            time_s = self._start_s + (picture.time_s or 0)
            yield (time_s if self._stamps is None else self._stamps[number]), picture


class LiveThermalReadings:
    """Takes the thermal pictures of a stream as arrays, one beside each frame.

    Args:
        thermal: how they belong to the stream; its times are not needed.
        size: width and height of the stream's frames.

    Attributes:
        calibration: what readings are made with; None before the first picture.
    """

    def __init__(self, thermal: Thermal, size: Size) -> None:
        self._thermal = thermal
        self._size = size
        self.calibration: Calibration | None = None
        self._mount: ThermalRegistration | None = None

    def view(self, picture: NDArray[np.number]) -> ThermalView:
        """What the camera sees of a frame; the array is copied.

        Args:
            picture: (H, W), floats in degrees Celsius (NaN where a pixel is dead), or uint16 counts, which
                the scene's thermal part turns into degrees.

        Raises:
            FrameError: another kind of array, counts without a scale, or another size or kind than before.
            ThermalError: it shows another view than the stream, or most of it is no temperature.
        """
        unit = unit_of(self._thermal)
        is_float = np.issubdtype(picture.dtype, np.floating)
        if picture.ndim != 2 or not picture.size or not (is_float or (picture.dtype == np.uint16 and unit)):
            raise FrameError(
                "not a thermal picture",
                found=f"shape {picture.shape}, {picture.dtype}",
                bound="(H, W), floats in degrees Celsius, or uint16 counts with a scale in the scene",
            )
        size, kind = (picture.shape[1], picture.shape[0]), "degrees" if is_float else "counts"
        calibration = Calibration(None if is_float else unit, self._thermal.sigma_c or 0.0)
        mount = self._mount or ThermalRegistration.from_homography(self._thermal.homography, size, self._size)
        if size != mount.size or calibration != (self.calibration or calibration):
            before = "counts" if (self.calibration or calibration).unit else "degrees"
            raise FrameError(
                "the thermal picture is not like those before",
                found="{}x{} {}".format(*size, kind),
                bound="{}x{} {}".format(*mount.size, before),
            )
        if is_float or unit is None:
            remedy = "Floats are degrees Celsius. Give counts as uint16, and what they mean in the scene."
            celsius = checked(np.array(picture, np.float32), "an array of floats", remedy)
        else:
            celsius = checked(unit.celsius(picture), "an array of counts")
        self._mount, self.calibration = mount, calibration
        return ThermalView(celsius, mount, calibration)


def unit_of(thermal: Thermal) -> Unit | None:
    """What counts mean, if the scene says it."""
    if thermal.scale is None or thermal.offset_c is None:
        return None
    return Unit(thermal.scale, thermal.offset_c)
