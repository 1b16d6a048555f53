"""What is known of a clip before its frames: size, time, colour, and what the door did to it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from cssv.errors import OptionError
from cssv.frames import Layout, check_size

#: Bounds of the average frame rate in frames per second.
RATE_RANGE = (Fraction(1, 3600), Fraction(1000))


@dataclass(frozen=True, slots=True)
class Colour:
    """How the numbers in the planes mean colours; tags only, nothing is converted by them.

    Attributes:
        range: 0 unknown, 1 limited (16 to 235), 2 full (0 to 255), as FFmpeg counts them.
        space: MatrixCoefficients of ISO/IEC 23091-2; 0 RGB, 1 BT.709, 2 unknown, 5 and 6 BT.601.
        primaries: ColourPrimaries of ISO/IEC 23091-2; 2 unknown.
        transfer: TransferCharacteristics of ISO/IEC 23091-2; 2 unknown.
    """

    range: int = 0
    space: int = 2
    primaries: int = 2
    transfer: int = 2


#: Nothing is known of the colours; players guess.
UNTAGGED = Colour()


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A clip as it is delivered.

    Attributes:
        width: of the frames delivered, in pixels, after rotation and padding.
        height: as ``width``.
        layout: planes delivered, ``"yuv420p"`` or ``"rgb24"``.
        time_base: seconds per unit of ``Frame.pts``, exact.
        rate: average frames per second, exact; the rate given where one was given.
        frame_count: of the whole file, as its header says; None when it does not.
        duration_s: of the whole file in seconds; None when unknown.
        codec: FFmpeg's name of the source's codec, for example ``"h264"``.
        pix_fmt: FFmpeg's name of the source's pixel format.
        colour: tags of the planes delivered.
        source_width: of the file, in pixels.
        source_height: as ``source_width``.
        rotation_deg: clockwise turn that was done at the door: 0, 90, 180 or 270.
        padding: pixels repeated at the (right, bottom) to make the sides even.
        has_audio: whether the file holds an audio stream.
        pixel_aspect: width of a pixel over its height, after rotation; 1 when unknown.
        notes: one sentence for each thing done to the frames at the door.
    """

    width: int
    height: int
    layout: Layout
    time_base: Fraction
    rate: Fraction
    frame_count: int | None = None
    duration_s: Fraction | None = None
    codec: str = ""
    pix_fmt: str = ""
    colour: Colour = UNTAGGED
    source_width: int = 0
    source_height: int = 0
    rotation_deg: int = 0
    padding: tuple[int, int] = (0, 0)
    has_audio: bool = False
    pixel_aspect: Fraction = Fraction(1)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_size(self.layout, self.width, self.height)
        check_time(self.time_base, self.rate)


def check_time(time_base: Fraction, rate: Fraction) -> None:
    """Raise OptionError unless both are positive and the rate is one a clip can have."""
    if time_base <= 0:
        raise OptionError("a time base must be positive", found=str(time_base))
    check_rate(rate)


def check_rate(rate: Fraction) -> None:
    """Raise OptionError unless a clip can have this many frames per second."""
    low, high = RATE_RANGE
    if not low <= rate <= high:
        raise OptionError(
            "frame rate is out of range", found=str(rate), bound=f"{low} to {high} frames per second"
        )


def nominal_step(time_base: Fraction, rate: Fraction) -> int:
    """Length of one frame at ``rate`` in units of ``time_base``, at least 1."""
    return max(1, round(1 / (rate * time_base)))
