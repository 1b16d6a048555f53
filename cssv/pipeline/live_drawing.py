"""Drawing of a stream: ranges that are learned from its first frames, then frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from cssv.carriers.base import AnyCarrier
from cssv.frames import Frame
from cssv.perception import FrameStates, Tracks
from cssv.pipeline.annotate import LiveAnnotator, perceived
from cssv.pipeline.embed import ClipEmbedder, EmbeddedFrame, Scheduled, WindowEmbedder
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.known_rings import known_rings
from cssv.pipeline.preparation import prepare_for_stream
from cssv.pipeline.saturation import Saturation
from cssv.pipeline.temperatures import ThermalView, take_temperatures
from cssv.pipeline.time_origin import TimeOrigin
from cssv.scene import Ranges
from cssv.scene.ranges import default_ranges, joined
from cssv.scene.shift import shift_times
from cssv.scene.thermal import Calibration

#: The speed range is this many times as wide as the first frames need, because faster objects can follow.
HEADROOM = 1.5
#: Speeds below this many standard deviations are not learned: those of objects that have just appeared.
SURE_SIGMAS = 3.0

Waiting = tuple[Frame, ThermalView | None]


class LiveDrawing:
    """Draws the frames of a stream whose objects are final.

    All frames of a file have the same ranges. They are chosen when the first frame is final, from the objects
    of all frames that wait at that time. They are never narrower than without these objects, because the
    objects of later frames are not known. Values that lie outside nevertheless are counted.

    Args:
        annotator: gives the scene's attributes to the objects.
        carrier: the way to hide the heat map.
        origin: time of the stream that is time 0 of the file.

    Attributes:
        ranges: values at the bottom and top of each ring; final after :meth:`begin`.
        carrier: the way to hide the heat map; prepared for the stream after :meth:`begin`.
        frames: number of frames drawn.
        newest: the newest of them, at its time in the file; None before the first.
    """

    def __init__(self, annotator: LiveAnnotator, carrier: AnyCarrier, origin: TimeOrigin) -> None:
        self._annotator = annotator
        self.carrier = carrier
        self._origin = origin
        self.ranges: Ranges = default_ranges(annotator.scene)
        self._saturation = Saturation(self.ranges)
        self._embedder: ClipEmbedder | None = None
        self.frames = 0
        self.newest: Scheduled | None = None

    @property
    def is_begun(self) -> bool:
        """Whether the ranges are final."""
        return self._embedder is not None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Values outside the ranges so far, and what payloads do not tell, one sentence for each kind."""
        lost = () if self._embedder is None else self._embedder.notes
        return (*self._saturation.notes, *lost)

    def begin(self, tracks: Tracks, waiting: Sequence[Waiting], rate: Fraction) -> None:
        """Choose the ranges, and prepare the carrier.

        Args:
            tracks: of the frames that wait, as far as they are known.
            waiting: these frames and their thermal pictures, at least one.
            rate: frames per second.
        """
        scene = self._annotator.scene
        fastest = _fastest_px_s(tracks)
        readings = [*_readings(tracks, waiting, self.ranges)]
        learned = default_ranges(scene, None if fastest is None else HEADROOM * fastest, readings)
        self.ranges = joined(self.ranges, learned)
        self._saturation = Saturation(self.ranges)
        moved = shift_times(scene, self._origin.seconds)
        self.carrier = prepare_for_stream(self.carrier, [frame for frame, _ in waiting], rate, scene)
        rings = known_rings(moved, has_thermal=any(view is not None for _, view in waiting))
        self._embedder = ClipEmbedder(WindowEmbedder(self.carrier, moved, self.ranges, rings))

    def draw(
        self, states: FrameStates, waiting: Waiting, calibration: Calibration | None
    ) -> list[EmbeddedFrame]:
        """Embed the objects of the next frame; returns the frames that are complete.

        Args:
            states: the objects.
            waiting: the frame and its thermal picture.
            calibration: of the thermal camera.
        """
        assert self._embedder is not None
        frame, view = waiting
        objects = self._annotator.annotate(states, frame.time)
        size = (frame.width, frame.height)
        objects, outlines = take_temperatures(objects, self.ranges, frame.luma(), size, view)
        self._saturation.add(objects.objects)
        moved = replace(frame, pts=frame.pts - self._origin.pts)
        scheduled = Scheduled(moved, objects, calibration, outlines)
        done = self._embedder.add(scheduled)
        # After an interrupt a frame is missing, and the caller must notice it.
        self.frames += 1
        self.newest = scheduled
        return done

    def finish(self) -> list[EmbeddedFrame]:
        """Embed the frames whose window is not full; returns them."""
        return [] if self._embedder is None else self._embedder.finish()


def _fastest_px_s(tracks: Tracks) -> float | None:
    """The typical speed of the fastest track; None without any that surely moves."""
    found = []
    for track in tracks:
        speeds = np.hypot(*track.velocity_px_s.T)
        sigmas = np.sqrt(np.trace(track.velocity_cov, axis1=1, axis2=2) / 2)
        sure = speeds[speeds >= SURE_SIGMAS * sigmas]
        # The median, because the speeds at both ends of a track are less certain.
        found += [float(np.median(sure))] if len(sure) else []
    return max(found, default=None)


def _readings(tracks: Tracks, waiting: Iterable[Waiting], ranges: Ranges) -> Iterator[float]:
    """The temperatures that the thermal camera reads in rounded boxes, which are nearly those of outlines."""
    for frame, view in waiting:
        if view is None:
            continue
        shown = FrameObjects(tuple(perceived(tracks.in_frame(frame.number))))
        shown, _ = take_temperatures(shown, ranges, None, (frame.width, frame.height), view)
        yield from (state.thermal_c.value for state in shown.objects if state.thermal_c is not None)
