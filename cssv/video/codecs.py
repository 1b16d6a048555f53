"""Settings of the lossless codecs.

All are set up without reordered and hidden frames and with closed groups of pictures: each frame
gives one packet, in order. Decoding returns exactly the pixels that were encoded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from cssv.errors import OptionError, did_you_mean
from cssv.frames import Layout
from cssv.video.fields import FieldOrder
from cssv.video.info import UNTAGGED, VideoInfo

Codec = Literal["h264", "ffv1", "vp9", "h264-lossy"]

#: Seconds from one key frame to the next, and the bounds of that distance in frames.
GOP_S = 2
GOP_RANGE = (12, 50)

#: Highest number of an H.264 sequence parameter set (ITU-T H.264, 7.4.2.1.1).
VARIANT_MAX = 31

#: Most threads of one codec; more do not make any of them faster.
THREADS_MAX = 16

# Slices let several cores work on one frame, but cost bytes: small frames get few of them.
_FFV1_LARGE_PX = 1280 * 720


@dataclass(frozen=True, slots=True)
class CodecSettings:
    """FFmpeg's settings for one codec.

    Attributes:
        encoders: name of FFmpeg's encoder for each layout.
        pix_fmts: pixel format of its input for each layout; converting to it changes no value.
        options: the encoder's private options.
        is_intra: whether every frame is a key frame.
        in_browsers: whether browsers play it.
        field_lines: for each layout: frames can be marked as interlaced if their height is a multiple of
            this; empty if never.
        needs_matrix: whether players disagree on the colour matrix of a stream without tags. For VP9 Chromium
            takes BT.709 or BT.601, which depends on its way to the screen and not on the size of the picture.
    """

    encoders: dict[Layout, str]
    pix_fmts: dict[Layout, str]
    options: dict[str, str] = field(default_factory=dict)
    is_intra: bool = False
    in_browsers: bool = True
    field_lines: dict[Layout, int] = field(default_factory=dict)
    needs_matrix: bool = False


_X264 = {"bf": "0", "preset": "superfast"}
# x264 refuses other heights of interlaced frames: each of the two fields has halved chroma in 4:2:0.
_X264_FIELD_LINES: dict[Layout, int] = {"yuv420p": 4, "rgb24": 2}

CODECS: dict[Codec, CodecSettings] = {
    "h264": CodecSettings(
        {"yuv420p": "libx264", "rgb24": "libx264rgb"},
        {"yuv420p": "yuv420p", "rgb24": "rgb24"},
        # annexb=0: NAL units follow their lengths, as in MP4. x264 turns its lossy early skip off for
        # qp=0, but FFmpeg configures x264 again with every frame whose pixel aspect has a term above
        # 4096, which turns the skip on again: no-fast-pskip keeps it off.
        _X264 | {"qp": "0", "x264-params": "annexb=0:scenecut=0:open-gop=0:no-fast-pskip=1"},
        field_lines=_X264_FIELD_LINES,
    ),
    "ffv1": CodecSettings(
        {"yuv420p": "ffv1", "rgb24": "ffv1"},
        {"yuv420p": "yuv420p", "rgb24": "bgr0"},
        {"level": "3", "coder": "range_def", "slicecrc": "1"},
        is_intra=True,
        in_browsers=False,
        field_lines={"yuv420p": 1, "rgb24": 1},
    ),
    "vp9": CodecSettings(
        {"yuv420p": "libvpx-vp9", "rgb24": "libvpx-vp9"},
        {"yuv420p": "yuv420p", "rgb24": "gbrp"},
        {
            "lossless": "1",
            "deadline": "realtime",
            "cpu-used": "8",
            "lag-in-frames": "0",
            "auto-alt-ref": "0",
            "row-mt": "1",
            "tile-columns": "2",
        },
        needs_matrix=True,
    ),
}

#: Small files for viewing; the pixels change.
LOSSY_H264 = CodecSettings(
    {"yuv420p": "libx264", "rgb24": "libx264rgb"},
    {"yuv420p": "yuv420p", "rgb24": "rgb24"},
    _X264 | {"preset": "veryfast", "crf": "18", "x264-params": "annexb=0"},
    field_lines=_X264_FIELD_LINES,
)

#: For carriers whose content survives lossy coding. The stream has the properties of the lossless ones: no
#: reordered frames and closed groups of pictures.
LOSSY_CODECS: dict[Codec, CodecSettings] = {
    "h264-lossy": replace(
        LOSSY_H264,
        options=LOSSY_H264.options | {"x264-params": "annexb=0:scenecut=0:open-gop=0"},
    ),
}


def settings_of(codec: Codec) -> CodecSettings:
    """Settings of a codec by its name. Raises OptionError for an unknown one."""
    known = CODECS | LOSSY_CODECS
    if codec not in known:
        raise OptionError(
            "unknown codec", found=codec, bound=", ".join(known), remedy=did_you_mean(codec, known)
        )
    return known[codec]


#: Pictures from this width or above this height are BT.709 in players that find no tags, smaller ones BT.601.
_HD_WIDTH, _SD_HEIGHT = 1280, 576


def state_colour(info: VideoInfo, settings: CodecSettings) -> VideoInfo:
    """Add the colour tags without which players show different colours. No pixel changes."""
    colour = info.colour
    if info.layout == "rgb24":
        # Chromium takes the G, B, R of H.264 for Y, Cb, Cr unless primaries and transfer are stated too.
        primaries = 1 if colour.primaries == UNTAGGED.primaries else colour.primaries
        transfer = 13 if colour.transfer == UNTAGGED.transfer else colour.transfer
        return replace(info, colour=replace(colour, primaries=primaries, transfer=transfer))
    if not settings.needs_matrix or colour.space != UNTAGGED.space:
        return info
    is_hd = info.width >= _HD_WIDTH or info.height > _SD_HEIGHT
    return replace(info, colour=replace(colour, space=1 if is_hd else 6))


def browser_notes(codec: Codec) -> tuple[str, ...]:
    """A sentence for a codec that browsers do not play; otherwise none."""
    if settings_of(codec).in_browsers:
        return ()
    played = " and ".join(name for name, known in CODECS.items() if known.in_browsers)
    return (f"browsers do not play {codec}; they play {played}",)


def field_notes(info: VideoInfo, codec: Codec) -> tuple[str, ...]:
    """A sentence on interlaced frames that a codec cannot mark, for users."""
    if not info.fields or marked_fields(info, settings_of(codec)):
        return ()
    marking = " and ".join(name for name, known in CODECS.items() if marked_fields(info, known))
    return (
        f"the clip is interlaced, which {codec} cannot mark at this height, so players show both fields at "
        f"once; {marking} can",
    )


def marked_fields(info: VideoInfo, settings: CodecSettings) -> FieldOrder:
    """The order of fields with which coded frames are marked; empty for none."""
    lines = settings.field_lines.get(info.layout, 0)
    return info.fields if lines and info.height % lines == 0 else ""


def gop_length(settings: CodecSettings, rate: Fraction) -> int:
    """Frames from one key frame to the next."""
    if settings.is_intra:
        return 1
    low, high = GOP_RANGE
    return min(high, max(low, round(GOP_S * rate)))


def default_threads() -> int:
    """Default number of threads of a codec: one per core, at most ``THREADS_MAX``."""
    return min(THREADS_MAX, os.cpu_count() or 1)


def check_threads(threads: int | None) -> int:
    """Return ``threads``, or the default for None. Raises OptionError when out of range."""
    if threads is None:
        return default_threads()
    if not 1 <= threads <= THREADS_MAX:
        raise OptionError(
            "the number of threads is out of range",
            found=threads,
            bound=f"1 to {THREADS_MAX}",
            remedy="Give `threads=` a number in this range.",
        )
    return threads


def configure(
    stream: VideoStream,
    settings: CodecSettings,
    info: VideoInfo,
    time_base: Fraction,
    threads: int,
    variant: int = 0,
) -> None:
    """Set up PyAV's video stream for encoding, before its codec is opened.

    ``time_base`` is that of the packets, in seconds; ``variant`` numbers the parameter sets of H.264.
    """
    context = stream.codec_context
    context.width, context.height = info.width, info.height
    context.pix_fmt = settings.pix_fmts[info.layout]
    context.time_base = time_base
    context.framerate = info.rate
    context.gop_size = gop_length(settings, info.rate)
    context.sample_aspect_ratio = info.pixel_aspect
    context.thread_count = threads
    options = dict(settings.options)
    if "slicecrc" in options:
        is_large = info.width * info.height >= _FFV1_LARGE_PX
        options["slices"] = "16" if is_large else "4"
    if variant and "x264-params" in options:
        options["x264-params"] += f":sps-id={variant}"
    if marked_fields(info, settings):
        # x264 codes the two fields apart; the order comes with each picture.
        context.flags |= int(Flags.interlaced_dct)
    context.options = options
    _tag(context, info)


def _tag(context: VideoCodecContext, info: VideoInfo) -> None:
    """Write the colour tags."""
    colour = info.colour
    is_rgb = info.layout == "rgb24"
    # Without these two tags players show coded G, B, R as Y, Cb, Cr.
    context.color_range = 2 if is_rgb else colour.range
    context.colorspace = 0 if is_rgb else colour.space
    context.color_primaries = colour.primaries
    context.color_trc = colour.transfer
