"""Encode a stream: frame by frame, with a fixed lag, in constant memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.api.verify import check
from cssv.carriers import DEFAULT_CARRIER, make_carrier
from cssv.carriers.base import Carrier
from cssv.carriers.nibble.merge import Merge
from cssv.carriers.nibble.planes import Fidelity
from cssv.errors import ClosedOutputError, CssvError, FrameError, OptionError, VideoError
from cssv.files.access import Access
from cssv.files.closing import Finishing
from cssv.files.locked_file import locked_file
from cssv.files.paths import Path_
from cssv.frames import LAYOUTS, U8, Frame, Layout
from cssv.perception import LAG_S, Detections, Detector, FrameStates, LiveTracker
from cssv.perception.detectors import DetectorOptions, check_found
from cssv.pipeline.annotate import LiveAnnotator
from cssv.pipeline.arguments import SceneLike, check_choice, load_scene, to_fraction
from cssv.pipeline.config import DEFAULT_CODEC, EncoderConfig, config_to_facts
from cssv.pipeline.embed import FrameEmbedder
from cssv.pipeline.mux import StegoWriter
from cssv.pipeline.temperatures import ThermalView, take_temperatures
from cssv.pipeline.thermal_stream import LiveThermalReadings
from cssv.scene.camera import ground_note, plane_of
from cssv.scene.ranges import default_ranges
from cssv.video import Codec, Colour, VideoInfo, browser_notes

#: Tags of RGB arrays that were converted by OpenCV: BT.601 in limited range, of sRGB.
_CONVERTED = Colour(range=1, space=6, primaries=1, transfer=13)


@dataclass(frozen=True, slots=True)
class _Output:
    """The parts that need the layout of the first frame."""

    embedder: FrameEmbedder
    writer: StegoWriter


class Encoder(Finishing):
    """Encoder of a stream, frame by frame, in memory that does not grow with its length.

    A frame waits ``lag_s`` seconds for later frames, so that velocity is relative to past and future
    frames. Then it is embedded and written. ::

        with cssv.Encoder("live.cssv", size=(768, 576), rate=25) as encoder:
            for picture in camera:                # (H, W, 3) uint8 RGB
                encoder.write(picture)

    Args:
        output: the file to write; it gets its name when the encoder is closed.
        size: width and height in pixels.
        rate: frames per second.
        layout: ``"rgb24"`` or ``"yuv420p"``; None takes that of the first frame, and RGB for arrays. A
            yuv420p encoder converts RGB arrays once, by BT.601; more players show its files.
        scene: as for :func:`encode`. Ranges that the scene does not give have fixed defaults, because the
            fastest object of a stream is not known beforehand.
        detector: as for :func:`encode`; unused for frames that come with detections.
        weights, classes, min_score: of the detector, as for :func:`encode`.
        lag_s: seconds that a frame waits for later frames.
        time_base: seconds per unit of the frames' pts; 1 / rate by default.
        codec, carrier, merge, fidelity, created_s, overwrite: as for :func:`encode`. If the name is taken
            while the stream is encoded, the file gets another name, which the error states.

    Raises:
        OptionError: an option outside its bounds. FrameError: a size that cannot carry.
        OutputError: the file exists or cannot be written.
    """

    def __init__(
        self,
        output: Path_,
        *,
        size: tuple[int, int],
        rate: Fraction | int | str,
        layout: Layout | None = None,
        scene: SceneLike = None,
        detector: str | Detector | None = None,
        weights: Path_ | None = None,
        classes: Sequence[str] | str | None = None,
        min_score: float | None = None,
        lag_s: float = LAG_S,
        time_base: Fraction | None = None,
        codec: Codec = DEFAULT_CODEC,
        carrier: str | Carrier = DEFAULT_CARRIER,
        merge: Merge | None = None,
        fidelity: Fidelity | None = None,
        created_s: int | None = None,
        overwrite: bool = False,
    ) -> None:
        if layout is not None:
            check_choice("layout", layout, LAYOUTS)
        self._layout = layout
        self._config = EncoderConfig(codec, make_carrier(carrier, {"merge": merge, "fidelity": fidelity}))
        self._info = _info(size, layout, to_fraction(rate), time_base)
        loaded = load_scene(scene)
        plane = plane_of(loaded.camera, size)
        self._annotator = LiveAnnotator(loaded, plane)
        self._ground_note = ground_note(loaded.camera, plane)
        self._detector = DetectorOptions(
            detector, weights=weights, classes=classes, min_score=min_score
        ).make()
        self._is_detector_used = False
        self._tracker = LiveTracker(lag_s=lag_s, plane=plane)
        self._created_s = created_s
        self._thermal = LiveThermalReadings(self._annotator.scene.thermal, size)
        self._waiting: deque[tuple[Frame, ThermalView | None]] = deque()
        self._count = 0
        self._last_pts: int | None = None
        self._output = ExitStack()
        self._path = self._output.enter_context(locked_file(output, overwrite=overwrite, is_unique=True))
        self._inside = self._output.enter_context(ExitStack())
        self._begun: _Output | None = None
        self._access = Access(self, "the encoder", ClosedOutputError)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Scene entries that have matched no track so far, one sentence each."""
        return self._annotator.warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for users so far, such as the licence of the network that found the objects.

        Without notes of the detector if all frames came with their detections.
        """
        return (*self._recorded_notes, *browser_notes(self._config.codec), *self._tracker.notes)

    @property
    def _recorded_notes(self) -> tuple[str, ...]:
        """The notes that the file records when the encoder is closed."""
        own = self._detector.notes if self._is_detector_used else ()
        return (*own, *self._ground_note)

    def write(
        self,
        picture: U8 | Frame,
        detections: Detections | None = None,
        thermal: NDArray[np.number] | None = None,
    ) -> None:
        """Append the next frame.

        The picture is copied, so its memory can be used again at once. A picture that is refused leaves the
        stream unchanged.

        Args:
            picture: (H, W, 3) uint8 RGB, or a Frame of native planes.
            detections: objects of the frame; with None the detector finds them.
            thermal: picture of a thermal camera at the same time, (H, W): floats in degrees Celsius, or
                uint16 counts, for which the scene's thermal part gives scale and offset.

        Raises:
            FrameError: another size, layout or time base than the stream's, or a pts that does not grow.
            ThermalError: a thermal picture that shows another view, or holds no temperatures.
            OptionError: detections, given or found, of another type.
            OutputError: the encoder is closed.
        """
        with self._access:
            self._write(picture, detections, thermal)

    def _write(
        self, picture: U8 | Frame, detections: Detections | None, thermal: NDArray[np.number] | None
    ) -> None:
        frame = self._frame(picture)
        if detections is not None:
            check_found(detections, "detections=")
        begun = self._begun or self._begin(frame.layout)
        view = None if thermal is None else self._thermal.view(np.asarray(thermal))
        flow = self._detector.flow.measure(frame)
        found = self._detect(frame) if detections is None else detections
        self._count += 1
        self._last_pts = frame.pts
        self._waiting.append((frame, view))
        self._draw(begun, self._tracker.update(frame.number, frame.time, found, flow))

    def _detect(self, frame: Frame) -> Detections:
        self._is_detector_used = True
        return self._detector.detect(frame)

    def _frame(self, picture: U8 | Frame) -> Frame:
        """The picture as a frame of this stream."""
        time_base, number = self._info.time_base, self._count
        if isinstance(picture, Frame):
            if picture.time_base != time_base:
                raise FrameError(
                    "the frame has another time base", found=str(picture.time_base), bound=str(time_base),
                    remedy="Give the encoder `time_base=`.",
                )  # fmt: skip
            frame = replace(picture, planes=picture.planes.copy(), number=number)
        else:
            pts = round(number / (self._info.rate * time_base))
            frame = Frame(self._planes(np.array(picture)), self._layout or "rgb24", pts, time_base, number)
        if self._last_pts is not None and frame.pts <= self._last_pts:
            raise FrameError("pts must grow", found=frame.pts, bound=f"above {self._last_pts}")
        self._check_like(frame.width, frame.height, frame.layout)
        return frame

    def _planes(self, picture: U8) -> U8:
        """Convert RGB to the planes of the stream if they differ."""
        if self._layout != "yuv420p" or picture.ndim != 3 or picture.shape[2] != 3:
            return picture
        if picture.dtype != np.uint8:
            raise FrameError("planes must be uint8", found=str(picture.dtype))
        self._check_like(picture.shape[1], picture.shape[0], "yuv420p")
        if self._begun is None:
            self._info = replace(self._info, colour=_CONVERTED)
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)

    def _check_like(self, width: int, height: int, layout: Layout) -> None:
        info, wanted = self._info, self._layout or layout
        if (width, height, layout) != (info.width, info.height, wanted):
            raise FrameError(
                "the frame is not like the stream",
                found=f"{width}x{height} {layout}",
                bound=f"{info.width}x{info.height} {wanted}",
            )

    def _begin(self, layout: Layout) -> _Output:
        """Open the codec and the file; the layout is known now."""
        self._layout = layout
        self._info = info = replace(self._info, layout=layout)
        scene = self._annotator.scene
        ranges = default_ranges(scene)
        file = self._inside.enter_context(self._path.open("wb"))
        writer = self._inside.enter_context(StegoWriter(file, info, codec=self._config.codec))
        self._begun = _Output(FrameEmbedder(self._config.carrier, scene, ranges), writer)
        return self._begun

    def _draw(self, begun: _Output, ready: Sequence[FrameStates]) -> None:
        """Draw and write the frames whose objects are final."""
        embedder = begun.embedder
        for states in ready:
            frame, view = self._waiting.popleft()
            objects = self._annotator.annotate(states, frame.time)
            size = (frame.width, frame.height)
            objects, outlines = take_temperatures(objects, embedder.ranges, frame.luma(), size, view)
            calibration = self._thermal.calibration
            begun.writer.write(*embedder.embed(frame, objects, calibration, outlines))

    def close(self) -> None:
        """Write the waiting frames, finish the file, verify it and give it its name; may be called twice.

        Raises:
            VideoError: no frame was written.
            ChecksumError: the file does not read back; it does not get its name.
        """
        with self._access.closing() as is_held:
            if is_held:
                self._finish()

    def _finish(self) -> None:
        with self._output:
            if self._begun is None:
                raise VideoError("no frame was written to the encoder")
            self._draw(self._begun, self._tracker.finish())
            created_s = int(time.time()) if self._created_s is None else self._created_s
            facts = config_to_facts(
                self._info, self._config, self._begun.embedder.ranges, self._recorded_notes
            )
            self._begun.writer.finish(facts, created_s=created_s)
            self._inside.close()
            check(self._path)

    def abort(self) -> None:
        """Stop and remove everything written; may be called twice."""
        reason = CssvError("encoding was given up")
        # An error of the codec that is stopped halfway has no meaning for the caller.
        with self._access.closing() as is_held, suppress(CssvError):
            if is_held:
                self._output.__exit__(CssvError, reason, None)


def _info(
    size: tuple[int, int], layout: Layout | None, rate: Fraction | None, time_base: Fraction | None
) -> VideoInfo:
    """Size, time base and rate of a stream before its first frame; rgb24 stands for an unknown layout."""
    width, height = size
    if not rate or rate < 0:
        raise OptionError("a stream needs a frame rate", found=str(rate), bound="above 0")
    return VideoInfo(
        width,
        height,
        layout or "rgb24",
        1 / rate if time_base is None else time_base,
        rate,
        source_width=width,
        source_height=height,
    )
