"""Pictures of a stream to stego frames: detection, tracking with a fixed lag, embedding window by window."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.carriers.base import AnyCarrier
from cssv.errors import FrameError, OutputError
from cssv.frames import U8, Frame, Layout
from cssv.perception import Detections, FrameStates, LiveTracker
from cssv.perception.detectors import check_found
from cssv.perception.detectors.nms import DuplicateFilter
from cssv.perception.flow import Flow
from cssv.perception.given_boxes import check_ids
from cssv.pipeline.annotate import LiveAnnotator
from cssv.pipeline.config import layout_for
from cssv.pipeline.embed import EmbeddedFrame
from cssv.pipeline.final_frame import FinalFrame, OnFrame, Written, final_frame
from cssv.pipeline.live_drawing import LiveDrawing
from cssv.pipeline.live_options import LiveOptions
from cssv.pipeline.stream_bounds import StreamBounds
from cssv.pipeline.temperatures import ThermalView
from cssv.pipeline.thermal_stream import LiveThermalReadings
from cssv.pipeline.time_origin import TimeOrigin
from cssv.scene import Ranges
from cssv.scene.camera import ground_note, plane_of
from cssv.scene.ranges import default_ranges
from cssv.video import Colour, VideoInfo

#: Tags of RGB arrays that were converted by OpenCV: BT.601 in limited range, of sRGB.
_CONVERTED = Colour(range=1, space=6, primaries=1, transfer=13)


@dataclass(frozen=True, slots=True)
class Received:
    """A picture that fits the stream.

    Attributes:
        frame: a copy of the picture.
        detections: given with it; None if the detector has to find the objects.
        view: the thermal picture of the same time.
    """

    frame: Frame
    detections: Detections | None
    view: ThermalView | None


@dataclass(frozen=True, slots=True)
class Detected:
    """A picture and its objects.

    Attributes:
        received: the picture.
        found: its objects, without duplicates.
        flow: optical flow since the picture before.
    """

    received: Received
    found: Detections
    flow: Flow | None


class LiveStream:
    """The stages of a stream from its pictures to its stego frames.

    Each picture passes :meth:`receive`, which checks it, :meth:`detect`, and :meth:`embed`, which returns the
    stego frames that are complete. A picture for which one of the first two raises an error is no part of the
    stream. After an error of :meth:`embed` nothing can follow, because the tracker may have half of a frame.

    Frames wait for the lag and for the end of their window; no more is held.

    Args:
        options: what to detect, track and embed.
        size: width and height in pixels.
        layout: of the frames; None takes that of the first frame, or else the only one of the carrier.
        time_base: seconds per unit of the frames' pts; None is one frame.
        on_final: called with each frame when its objects are final, in order.

    Attributes:
        info: properties of the frames; its layout is final after the first :meth:`receive`.

    Raises:
        OptionError: an option outside its bounds. FrameError: a size that no frame has.
    """

    def __init__(
        self,
        options: LiveOptions,
        size: tuple[int, int],
        *,
        layout: Layout | None = None,
        time_base: Fraction | None = None,
        on_final: OnFrame | None = None,
    ) -> None:
        self._options = options
        self._on_final = on_final
        self._layout = layout_for(options.carrier, layout)
        self.info = _info(size, self._layout, options.rate, time_base)
        self._bounds = StreamBounds(self.info.time_base, self.info.rate)
        self._plane = plane = plane_of(options.scene.camera, size)
        self._annotator = LiveAnnotator(options.scene, plane)
        self._ground_note = ground_note(options.scene.camera, plane)
        self._detector = options.detector
        self._is_detector_used = False
        self._duplicates = DuplicateFilter(options.nms_iou)
        meaning = self._detector.boxes_are if options.boxes_are is None else options.boxes_are
        self._tracker = LiveTracker(lag_s=options.lag_s, plane=plane, size=size, boxes_are=meaning)
        self._thermal = LiveThermalReadings(options.scene.thermal, size)
        self._waiting: deque[tuple[Frame, ThermalView | None]] = deque()
        self._count = 0
        self._last: Frame | None = None
        self._origin: TimeOrigin | None = None
        self._drawing: LiveDrawing | None = None
        self._newest: FinalFrame | None = None

    @property
    def is_begun(self) -> bool:
        """Whether the stream has a picture."""
        return self._drawing is not None

    @property
    def origin(self) -> TimeOrigin:
        """Time of the stream that is time 0 of the stego frames; known from the first picture on."""
        return TimeOrigin(0, Fraction(0)) if self._origin is None else self._origin

    @property
    def received(self) -> int:
        """Number of frames that it has taken."""
        return self._count

    @property
    def carrier(self) -> AnyCarrier:
        """The carrier; prepared for the stream from the first stego frame on."""
        return self._options.carrier if self._drawing is None else self._drawing.carrier

    @property
    def ranges(self) -> Ranges:
        """Values at the bottom and top of each ring; final from the first stego frame on."""
        return default_ranges(self._options.scene) if self._drawing is None else self._drawing.ranges

    @property
    def warnings(self) -> tuple[str, ...]:
        """Scene entries that have matched no track so far, and what the stego frames do not show."""
        return (*self._annotator.warnings, *self._drawing_warnings)

    @property
    def _drawing_warnings(self) -> tuple[str, ...]:
        return () if self._drawing is None else self._drawing.warnings

    @property
    def known_notes(self) -> tuple[str, ...]:
        """Those of :attr:`notes` that are complete from the first picture on."""
        return (*self._ground_note, *self.origin.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for users so far; those of the detector only if it was used."""
        own = self._detector.notes if self._is_detector_used else ()
        notes = (*own, *self._duplicates.notes, *self._ground_note, *self._tracker.given_notes)
        return (*notes, *self._drawing_warnings, *self.origin.notes)

    @property
    def left_out_notes(self) -> tuple[str, ...]:
        """What tracking has left out so far."""
        return self._tracker.notes

    @property
    def written(self) -> Written:
        """What is known of the stream so far."""
        return Written(self._count, 0 if self._drawing is None else self._drawing.frames, self._newest)

    def receive(
        self,
        picture: U8 | Frame,
        detections: Detections | None = None,
        thermal: NDArray[np.number] | None = None,
    ) -> Received:
        """Check the next picture and copy it. The arguments and errors are those of ``Encoder.write``."""
        frame = self._frame(picture)
        if detections is not None:
            check_ids(check_found(detections, "detections="), self._options.boxes_are)
        view = None if thermal is None else self._thermal.view(_array(thermal))
        if not self.is_begun:
            self._layout = frame.layout
            self.info = replace(self.info, layout=frame.layout)
        return Received(frame, detections, view)

    def detect(self, received: Received) -> Detected:
        """Find the objects of a picture, unless it came with them, and remove duplicates."""
        frame = received.frame
        flow = self._detector.flow.measure(frame)
        if received.detections is not None:
            return Detected(received, self._duplicates.apply(received.detections), flow)
        self._is_detector_used = True
        found = self._detector.detect(frame)
        check_ids(found, self._options.boxes_are)
        return Detected(received, found, flow)

    def embed(self, detected: Detected) -> Iterator[EmbeddedFrame]:
        """Add a picture to the stream; returns the frames that are complete.

        All of them must be taken before the next call.
        """
        frame = detected.received.frame
        if self._drawing is None:
            self._origin = TimeOrigin.from_first(frame)
            self._drawing = LiveDrawing(self._annotator, self._options.carrier, self._origin)
        self._count += 1
        self._last = frame
        self._waiting.append((frame, detected.received.view))
        # Boxes given by the caller may be of objects that stand still.
        only_moving = detected.received.detections is None and self._detector.only_moving
        yield from self._draw(
            self._drawing,
            self._tracker.update(
                frame.number, frame.time, detected.found, detected.flow, only_moving=only_moving
            ),
        )

    def with_own_time(self, stego: Frame) -> Frame:
        """A stego frame at the time that its picture has in the stream."""
        return replace(stego, pts=stego.pts + self.origin.pts)

    def finish(self) -> Iterator[EmbeddedFrame]:
        """Return the frames that still wait."""
        if self._drawing is not None:
            yield from self._draw(self._drawing, self._tracker.finish())
            yield from self._drawing.finish()

    def _draw(self, drawing: LiveDrawing, ready: Sequence[FrameStates]) -> Iterator[EmbeddedFrame]:
        """Draw the frames whose objects are final."""
        if ready and not drawing.is_begun:
            drawing.begin(self._tracker.window, self._waiting, self.info.rate)
        for states in ready:
            frame, view = self._waiting.popleft()
            # After an interrupt a frame can be missing; the next one would get its number.
            if not states.number == frame.number == drawing.frames:
                raise OutputError("frames of the stream were lost", found=f"no frame {drawing.frames}")
            done = drawing.draw(states, (frame, view), self._thermal.calibration)
            assert drawing.newest is not None
            self._newest = final_frame(drawing.newest, self._plane, self.info)
            if self._on_final is not None:
                self._on_final(self._newest)
            yield from done

    def _frame(self, picture: U8 | Frame) -> Frame:
        """The picture as a frame of this stream."""
        time_base, number = self.info.time_base, self._count
        if not isinstance(picture, Frame | np.ndarray):
            raise FrameError("not a picture", found=type(picture).__name__, bound="an array or a Frame")
        if isinstance(picture, Frame):
            if picture.time_base != time_base:
                raise FrameError(
                    "the frame has another time base", found=str(picture.time_base), bound=str(time_base),
                    remedy="Give all frames, and an `Encoder`, the same `time_base=`.",
                )  # fmt: skip
            pts = int(picture.pts)
            frame = replace(picture, planes=picture.planes.copy(), pts=pts, number=number)
        else:
            pts = round(number / (self.info.rate * time_base))
            frame = Frame(self._planes(np.array(picture)), self._layout or "rgb24", pts, time_base, number)
        origin = self._origin or TimeOrigin.from_first(frame)
        self._bounds.check(frame, self._last, self._count, origin)
        self._check_like(frame.width, frame.height, frame.layout)
        return frame

    def _planes(self, picture: U8) -> U8:
        """Convert RGB to the planes of the stream if they differ."""
        if self._layout != "yuv420p" or picture.ndim != 3 or picture.shape[2] != 3:
            return picture
        if picture.dtype != np.uint8:
            raise FrameError("planes must be uint8", found=str(picture.dtype))
        self._check_like(picture.shape[1], picture.shape[0], "yuv420p")
        if not self.is_begun:
            self.info = replace(self.info, colour=_CONVERTED)
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)

    def _check_like(self, width: int, height: int, layout: Layout) -> None:
        info, wanted = self.info, self._layout or layout
        if (width, height, layout) != (info.width, info.height, wanted):
            raise FrameError(
                "the frame is not like the stream",
                found=f"{width}x{height} {layout}",
                bound=f"{info.width}x{info.height} {wanted}",
                remedy=None if layout == wanted else f'Give `layout="{layout}"` or another carrier.',
            )


def _array(values: object) -> NDArray[np.number]:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise FrameError("not a thermal picture", found=type(values).__name__, bound="an array") from error


def _info(
    size: tuple[int, int], layout: Layout | None, rate: Fraction, time_base: Fraction | None
) -> VideoInfo:
    """Size, time base and rate of a stream before its first frame; rgb24 stands for an unknown layout."""
    width, height = map(int, size)
    return VideoInfo(
        width,
        height,
        layout or "rgb24",
        1 / rate if time_base is None else time_base,
        rate,
        source_width=width,
        source_height=height,
    )
