"""What is known of a stream while it runs: frames whose objects are final."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from cssv.frames import U8, Frame
from cssv.interop.rows import ObjectRow
from cssv.interop.supervision_detections import rows_to_supervision
from cssv.pipeline.embed import Scheduled
from cssv.pipeline.overlay_memory import colour_of
from cssv.pipeline.rows import rows_of
from cssv.scene.ground import Plane
from cssv.template.state import ObjectState
from cssv.video import VideoInfo
from cssv.view.heat import to_rgb
from cssv.view.plane_colour import PlaneColour


@dataclass(frozen=True, eq=False)
class FinalFrame:
    """A frame of a stream whose objects are final: the file will hold the same.

    Attributes:
        number: number of the frame in the stream and in the file, from 0.
        time: presentation time in the file, seconds, exact.
        frame: the picture that was given, without a heat map: native planes, read-only; pts as in the file.
        states: its objects, with the scene's attributes.
        plane: the ground plane of the picture; None if the scene's camera does not determine one.
        colour: how the planes become RGB.
    """

    number: int
    time: Fraction
    frame: Frame
    states: tuple[ObjectState, ...]
    plane: Plane | None
    colour: PlaneColour

    def __repr__(self) -> str:
        return f"<cssv.FinalFrame {self.number} at {float(self.time):.3f} s: {len(self.states)} objects>"

    @cached_property
    def objects(self) -> tuple[ObjectRow, ...]:
        """Rows of the objects table."""
        return rows_of(self.states, self.number, self.time, "metadata", self.plane)

    @property
    def ids(self) -> tuple[int, ...]:
        """The track of each object."""
        return tuple(state.track for state in self.states)

    @property
    def rgb(self) -> U8:
        """(H, W, 3) uint8 RGB: the picture, as a copy that can be drawn over."""
        return to_rgb(self.frame.planes, self.frame.layout, self.colour).copy()

    def to_supervision(self) -> Any:  # noqa: ANN401 - a supervision.Detections, of an extra
        """The objects as ``supervision.Detections``, as ``Moment.to_supervision`` gives them of a file.

        Raises:
            MissingExtraError: supervision is not installed.
        """
        return rows_to_supervision(self.objects)


#: What a caller gives to see frames while a stream runs.
OnFrame = Callable[[FinalFrame], object]


def final_frame(scheduled: Scheduled, plane: Plane | None, info: VideoInfo) -> FinalFrame:
    """The final frame of what is embedded, of a stream with this ground and these properties."""
    frame = scheduled.frame
    # A view: the frame waits for the end of its window, and a caller that drew into it would change the file.
    planes = frame.planes.view()
    planes.flags.writeable = False
    return FinalFrame(
        frame.number,
        frame.time,
        replace(frame, planes=planes),
        scheduled.objects.objects,
        plane,
        colour_of(info),
    )


class FrameDelivery:
    """Hands the final frames of a stream to a function of the caller, in order.

    Frames are collected while the stream is at work, and delivered when it is in order again: an exception of
    the function changes nothing in the stream. The frame that the function has failed on is not delivered
    again; the frames after it are, by the next :meth:`deliver`.

    Args:
        function: gets each frame; None for none.
    """

    def __init__(self, function: OnFrame | None) -> None:
        self._function = function
        self._waiting: deque[FinalFrame] = deque()
        self._is_busy = False

    @property
    def collect(self) -> OnFrame | None:
        """Keeps a frame for :meth:`deliver`; None where nobody wants it."""
        return None if self._function is None else self._waiting.append

    def deliver(self) -> None:
        """Call the function with the frames that wait; what it raises is passed on."""
        # The function may itself use the encoder; its frames then come after the one that it is at.
        if self._is_busy or self._function is None:
            return
        self._is_busy = True
        try:
            while self._waiting:
                self._function(self._waiting.popleft())
        finally:
            self._is_busy = False

    def stop(self) -> None:
        """Deliver nothing any more."""
        self._function = None
        self._waiting.clear()


@dataclass(frozen=True, slots=True)
class Written:
    """What an encoder knows of its stream when it has taken a frame.

    The objects of a frame are final when the frames of the next ``lag_s`` seconds are known. Frames become
    final in groups of about a quarter of that time, so :attr:`newest` is behind by ``lag_s`` and up to a
    quarter more. The frames of the last ``lag_s`` seconds become final in ``close``.

    Attributes:
        frames: number of frames taken so far.
        final_frames: number of frames whose objects are final.
        newest: the newest frame whose objects are final; None before there is one.
    """

    frames: int
    final_frames: int
    newest: FinalFrame | None

    @property
    def objects(self) -> tuple[ObjectRow, ...]:
        """Rows of the objects table of the newest final frame; empty before there is one."""
        return () if self.newest is None else self.newest.objects

    @property
    def ids(self) -> tuple[int, ...]:
        """Tracks of the objects of the newest final frame; empty before there is one."""
        return () if self.newest is None else self.newest.ids
