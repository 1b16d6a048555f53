"""Properties of a clip: size, time base, colour tags, and the conversions done while reading."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from cssv.errors import FrameError, OptionError
from cssv.frames import Frame, Layout, check_size
from cssv.video.fields import FieldOrder

#: Bounds of the average frame rate in frames per second.
RATE_RANGE = (Fraction(1, 3600), Fraction(1000))
# Pauses of a recording change its average rate a little; a stated rate may differ by less than this factor.
_RATE_SLACK = Fraction(3, 2)


#: A clip that begins later than this by its own clock begins late, in seconds; it begins at 0 once encoded.
#: Smaller starts are common: transport streams begin after 1.4 s, and edit lists delay pictures a little.
LATE_S = 5


@dataclass(frozen=True, slots=True)
class Colour:
    """Colour tags of a stream. They are passed on to players; no pixel is converted by them.

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


#: Tags of a stream without any: the player guesses.
UNTAGGED = Colour()
#: Tags of RGB that was converted to ordinary video: BT.709, limited range; and FFmpeg's number of its matrix.
BT709 = Colour(range=1, space=1, primaries=1, transfer=1)
SWS_BT709 = 1


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Properties of the frames that a reader returns, or that a writer takes.

    Attributes:
        width: pixels, after rotation and padding.
        height: pixels, after rotation and padding.
        layout: of the planes, ``"yuv420p"`` or ``"rgb24"``.
        time_base: seconds per unit of ``Frame.pts``, exact.
        rate: average frames per second, exact; the caller's ``rate=`` where one was given.
        frame_count: frames of the whole file by its header; None when unknown.
        duration_s: length of the whole file in seconds; None when unknown.
        start_s: time of the first frame in seconds; above 0 for clips that begin late by their own clock.
        codec: FFmpeg's name of the file's codec, for example ``"h264"``.
        pix_fmt: FFmpeg's name of the file's pixel format.
        colour: tags of the planes.
        source_width: width in the file in pixels, before rotation and padding.
        source_height: height in the file in pixels.
        rotation_deg: clockwise rotation applied by the reader: 0, 90, 180 or 270.
        padding: columns and rows added at the (right, bottom) to make the sides even.
        has_audio: whether the file holds an audio stream.
        pixel_aspect: width of a pixel over its height, after rotation; 1 when unknown.
        fields: order of the fields of interlaced frames; empty for progressive ones.
        stream: number of the video stream in a file that holds several; None for the only one.
        left_out: what the file holds beside frames and sound, each in words.
        notes: one sentence for each conversion done by the reader.

    Raises:
        FrameError: a size that a frame cannot have.
        OptionError: a time base or a rate out of range.
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
    fields: FieldOrder = ""
    left_out: tuple[str, ...] = ()
    stream: int | None = None
    start_s: Fraction = Fraction(0)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_size(self.layout, self.width, self.height)
        check_time(self.time_base, self.rate)

    @property
    def left_out_notes(self) -> tuple[str, ...]:
        """A sentence on what a copy of the frames and the sound does not hold."""
        if not self.left_out:
            return ()
        return (f"not taken over from the clip: {', '.join(self.left_out)}",)

    def check_frame(self, frame: Frame, last_pts: int | None = None) -> None:
        """Raise FrameError unless a frame fits the clip and follows the frame at ``last_pts``."""
        given = (frame.width, frame.height, frame.layout, frame.time_base)
        wanted = (self.width, self.height, self.layout, self.time_base)
        if given != wanted:
            raise FrameError(
                "the frame does not fit the clip",
                found="{}x{} {} in {} s".format(*given),
                bound="{}x{} {} in {} s".format(*wanted),
            )
        if last_pts is not None and frame.pts <= last_pts:
            raise FrameError("pts must grow", found=frame.pts, bound=f"above {last_pts}")


def check_time(time_base: Fraction, rate: Fraction) -> None:
    """Raise OptionError unless the time base is positive and the rate is in range."""
    if time_base <= 0:
        raise OptionError("a time base must be positive", found=str(time_base))
    check_rate(rate)


def check_rate(rate: Fraction) -> None:
    """Raise OptionError unless a frame rate lies in ``RATE_RANGE``."""
    low, high = RATE_RANGE
    if not low <= rate <= high:
        raise OptionError(
            "frame rate is out of range",
            found=str(rate),
            bound=f"{low} to {high} frames per second",
            remedy="Give `rate=` the true frames per second.",
        )


def plausible_rate(stated: Fraction, measured: Fraction) -> Fraction:
    """The rate that a file states, or the measured one if the file is far off, as H.264 in AVI is by two."""
    low, high = RATE_RANGE
    if 1 / _RATE_SLACK < stated / measured < _RATE_SLACK:
        return stated
    return min(high, max(low, measured))


def nominal_step(time_base: Fraction, rate: Fraction) -> int:
    """Duration of one frame at ``rate`` in units of ``time_base``, at least 1."""
    return max(1, round(1 / (rate * time_base)))
