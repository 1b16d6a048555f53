"""Objects of each frame of an encoded clip, under another scene."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import numpy as np

from cssv.errors import ChecksumError
from cssv.pipeline.frame_objects import (
    FIRST_GIVEN_TRACK,
    FrameObjects,
    GivenObjects,
    merge_objects,
    with_reading,
)
from cssv.pipeline.known_rings import known_rings
from cssv.pipeline.scene_track import SceneSample, quantise, read_sample
from cssv.scene import Scene, Thermal
from cssv.scene.attributes import NOTHING_CARRIED, RINGS
from cssv.scene.camera import ground_note, plane_of
from cssv.scene.ground import Plane, Size, is_same_ground
from cssv.scene.matching import Sighting, given_sightings, resolve, unmatched
from cssv.scene.thermal import Calibration, stated_unit
from cssv.template.drawing import Rings
from cssv.template.state import ObjectState, grounded


class Reannotator:
    """Annotates the frames of an encoded clip under another scene; the perceived objects stay.

    Args:
        scene: the other scene, in the file's own time.
        frames: the samples of all frames with their times in seconds, in order; read once.
        size: width and height of the picture.
        on_ground: finds an older version whose camera has this ground; returns its scene samples by frame.

    Velocities on the ground stay as long as the scene's camera has the same ground. Under another camera they
    are those of an older version with that camera, or else they are computed from those in the picture; the
    feet are not filtered again.

    Readings of a thermal camera are converted to the scene's ``scale``, ``offset_c`` and ``sigma_c``. Without
    a scale they keep theirs; without any of the three they stay.

    Attributes:
        calibration: of the readings from now on.
        is_recalibrated: whether readings change.

    Raises:
        InputError: the scene's camera is calibrated for pictures of another size.
    """

    def __init__(
        self,
        scene: Scene,
        frames: Iterable[tuple[SceneSample, Fraction]],
        size: Size,
        on_ground: Callable[[Plane], Callable[[int], bytes] | None] = lambda _: None,
    ) -> None:
        self.scene = scene
        self._plane = plane_of(scene.camera, size)
        before: Plane | None = None
        seen: dict[int, _Record] = {}
        stated, has_readings = Thermal(), False
        self._before: Calibration | None = None
        for sample, time in frames:
            if sample.scene is not None:
                before, stated = plane_of(sample.scene.camera, size), sample.scene.thermal
                self._before = sample.calibration
            has_readings |= any(state.thermal_c is not None for state in (*sample.objects, *sample.replaced))
            for state in perceived_in(sample):
                seen.setdefault(state.track, _Record(state.label)).add(float(time), state.box_px)
        self._is_same_ground = is_same_ground(before, self._plane)
        self._older: Callable[[int], bytes] | None = None
        if self._plane is not None and not self._is_same_ground:
            self._older = on_ground(self._plane)
        self.calibration = _recalibrated(self._before, scene.thermal)
        self._has_readings = has_readings or self._before is not None
        self.is_recalibrated = has_readings and self.calibration != self._before
        self._notes = _thermal_notes(scene.thermal, stated, self._before) if has_readings else ()
        given = given_sightings(scene, max(FIRST_GIVEN_TRACK, max(seen, default=0) + 1))
        sightings = [record.sighting(track) for track, record in sorted(seen.items())]
        self.facts = resolve(scene, [*sightings, *given])
        self._given = GivenObjects(scene, [sighting.track for sighting in given], self._plane)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about parts of the scene without effect.

        These are entries that match no track, a camera that determines no ground, and changes of the thermal
        camera that readings on file cannot follow.
        """
        ground = ground_note(self.scene.camera, self._plane)
        return (*unmatched(self.scene, self.facts), *ground, *self._notes)

    def rings_of(self, scene: Scene) -> Rings:
        """The rings of the clip's heat map under a scene."""
        return known_rings(scene, has_thermal=self._has_readings)

    def drawn(self, frames: Iterable[tuple[SceneSample, Fraction]]) -> dict[str, list[float]]:
        """Lowest and highest drawn value of each attribute with a ring, under the names of the ranges."""
        found: dict[str, list[float]] = {name: [] for name in RINGS}
        for sample, time in frames:
            for state in self.annotate(sample, time).objects:
                for name, extremes in found.items():
                    value = getattr(state, name)
                    if value is not None:
                        both = (*extremes, value.value)
                        extremes[:] = min(both), max(both)
        return found

    def annotate(self, sample: SceneSample, time: Fraction) -> FrameObjects:
        """The objects of the frame of ``sample``, shown at ``time`` seconds.

        Raises:
            ThermalError: under the scene's calibration a reading is no temperature.
        """
        sample = self._read_again(sample)
        given = self._given.states(time, self.facts.__getitem__)
        # A reading stays valid for an object that the other scene gives with the same box.
        readings = {state.box_px: state.thermal_c for state in sample.objects if _is_given(state)}
        given = [with_reading(state, readings.get(state.box_px)) for state in given]
        perceived = perceived_in(sample)
        if not self._is_same_ground:
            perceived = self._on_ground(perceived, sample.frame)
        return merge_objects(perceived, given, self.facts.__getitem__)

    def _on_ground(self, perceived: Iterable[ObjectState], number: int) -> list[ObjectState]:
        """The perceived objects of a frame, with velocities on the scene's ground."""
        known: dict[int, ObjectState] = {}
        if self._older is not None:
            # A damaged old sample only costs filtered velocities.
            with suppress(ChecksumError):
                known = {state.track: state for state in perceived_in(read_sample(self._older(number)))}
        return [
            replace(state, velocity_m_s=old.velocity_m_s, sigma_m_s=old.sigma_m_s)
            if (old := known.get(state.track)) is not None
            else quantise(grounded(state, self._plane))
            for state in perceived
        ]

    def _read_again(self, sample: SceneSample) -> SceneSample:
        """The sample with readings under the scene's calibration."""
        before, now = self._before, self.calibration
        if not self.is_recalibrated or before is None or now is None:
            return sample

        def again(states: tuple[ObjectState, ...]) -> tuple[ObjectState, ...]:
            return tuple(
                s if s.thermal_c is None else replace(s, thermal_c=before.convert(s.thermal_c, now))
                for s in states
            )

        return replace(sample, objects=again(sample.objects), replaced=again(sample.replaced))


def _recalibrated(before: Calibration | None, thermal: Thermal) -> Calibration | None:
    """The calibration under another scene; None if the old one is unknown."""
    # Without the old calibration nothing is known about the counts.
    if before is None:
        return None
    unit = stated_unit(thermal)
    # A scale converts counts, so it has no effect on a camera that gave degrees.
    if before.unit is not None and unit is not None:
        return Calibration(unit, thermal.sigma_c or 0.0)
    return Calibration(before.unit, before.sigma_c if thermal.sigma_c is None else thermal.sigma_c)


def _thermal_notes(now: Thermal, stated: Thermal, before: Calibration | None) -> tuple[str, ...]:
    """Warnings about changes of the thermal part that readings on file cannot follow."""
    names = ["homography", "time_offset_s", "rate"]
    if before is None:
        names.append("sigma_c")
    if before is None or before.unit is None:
        names += ["scale", "offset_c"]
    changed = [n for n in names if getattr(now, n) not in (None, getattr(stated, n))]
    if not changed:
        return ()
    words = ", ".join(f"thermal.{name}" for name in changed)
    return (f"{words}: no effect on what the thermal camera has read; for that encode the clip again",)


class _Record:
    """Times and boxes of a track, packed: 40 bytes a frame."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._times, self._boxes = array("d"), array("d")

    def add(self, time_s: float, box_px: Iterable[float]) -> None:
        self._times.append(time_s)
        self._boxes.extend(box_px)

    def sighting(self, track: int) -> Sighting:
        boxes = np.array(self._boxes).reshape(-1, 4)
        return Sighting(track, self._label or None, np.array(self._times), boxes)


def perceived_in(sample: SceneSample) -> list[ObjectState]:
    """The perceived objects of a frame by id, without facts of the scene."""
    plain = [_without_facts(state) for state in (*sample.objects, *sample.replaced) if not _is_given(state)]
    return sorted(plain, key=lambda state: state.track)


def _is_given(state: ObjectState) -> bool:
    # Files of index format 1 have no such flag, but no perceived object is known this well.
    return state.is_given or (state.track >= FIRST_GIVEN_TRACK and state.score == 1 and state.sigma_px_s == 0)


def _without_facts(state: ObjectState) -> ObjectState:
    return replace(
        state,
        label=state.label if state.detected is None else state.detected,
        **NOTHING_CARRIED,
        name=None,
        selector=None,
        detected=None,
    )
