"""The lossless codecs and their settings, in one table.

No codec here reorders frames or codes hidden ones: one frame in is one packet out, in order, and
groups of pictures are closed. The pixels that come back are the pixels that went in.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from cssv.errors import OptionError
from cssv.frames import Layout
from cssv.video.info import UNTAGGED, Colour

Codec = Literal["h264", "ffv1", "vp9"]

#: Seconds between frames at which decoding can start, and the bounds of that distance in frames.
GOP_S = 2
GOP_RANGE = (12, 50)

#: Highest number of an H.264 sequence parameter set (ITU-T H.264, 7.4.2.1.1).
VARIANT_MAX = 31

#: Above this many threads no codec here becomes faster.
THREADS_MAX = 16

# More slices cost bytes; they pay only where a frame keeps several cores busy.
_FFV1_LARGE_PX = 1280 * 720


@dataclass(frozen=True, slots=True)
class CodecSettings:
    """How FFmpeg is asked for one codec.

    Attributes:
        encoders: FFmpeg's encoder for each layout.
        pix_fmts: pixel format handed to it for each layout; converting to it changes no value.
        options: the encoder's private options.
        is_intra: every frame can be decoded by itself.
        is_lossless: what comes back is what went in.
    """

    encoders: dict[Layout, str]
    pix_fmts: dict[Layout, str]
    options: dict[str, str] = field(default_factory=dict)
    is_intra: bool = False
    is_lossless: bool = True


_X264 = {"bf": "0", "preset": "superfast"}

CODECS: dict[Codec, CodecSettings] = {
    "h264": CodecSettings(
        {"yuv420p": "libx264", "rgb24": "libx264rgb"},
        {"yuv420p": "yuv420p", "rgb24": "rgb24"},
        # annexb=0 asks for NAL units behind their lengths, as MP4 holds them. x264 itself turns off
        # its lossy early skip for qp=0, but FFmpeg sets x264 up anew with every frame whose pixel
        # aspect has a term above 4096, and that turns it on again.
        _X264 | {"qp": "0", "x264-params": "annexb=0:scenecut=0:open-gop=0:no-fast-pskip=1"},
    ),
    "ffv1": CodecSettings(
        {"yuv420p": "ffv1", "rgb24": "ffv1"},
        {"yuv420p": "yuv420p", "rgb24": "bgr0"},
        {"level": "3", "coder": "range_def", "slicecrc": "1"},
        is_intra=True,
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
    ),
}

#: For people's eyes only: small, and no nibble survives it.
LOSSY_H264 = CodecSettings(
    {"yuv420p": "libx264", "rgb24": "libx264rgb"},
    {"yuv420p": "yuv420p", "rgb24": "rgb24"},
    _X264 | {"preset": "veryfast", "crf": "18", "x264-params": "annexb=0"},
    is_lossless=False,
)


def gop_length(settings: CodecSettings, rate: Fraction) -> int:
    """Frames from one at which decoding can start to the next."""
    if settings.is_intra:
        return 1
    low, high = GOP_RANGE
    return min(high, max(low, round(GOP_S * rate)))


def default_threads() -> int:
    """Return the number of threads a codec gets when nobody says: one a core, within reason."""
    return min(THREADS_MAX, os.cpu_count() or 1)


def check_threads(threads: int | None) -> int:
    """Return ``threads``, or the default for None; OptionError when out of bounds."""
    if threads is None:
        return default_threads()
    if not 1 <= threads <= THREADS_MAX:
        raise OptionError("threads are out of range", found=threads, bound=f"1 to {THREADS_MAX}")
    return threads


@dataclass(frozen=True, slots=True)
class Picture:
    """What an encoder must know of its pictures.

    Attributes:
        width: pixels.
        height: pixels.
        layout: of the planes.
        rate: average frames per second.
        colour: tags to write into the stream.
        pixel_aspect: width of a pixel over its height.
    """

    width: int
    height: int
    layout: Layout
    rate: Fraction
    colour: Colour = UNTAGGED
    pixel_aspect: Fraction = Fraction(1)


def configure(
    stream: VideoStream,
    settings: CodecSettings,
    picture: Picture,
    time_base: Fraction,
    threads: int,
    variant: int = 0,
) -> None:
    """Set up PyAV's video stream for encoding, before its codec is opened."""
    context = stream.codec_context
    context.width, context.height = picture.width, picture.height
    context.pix_fmt = settings.pix_fmts[picture.layout]
    context.time_base = time_base
    context.framerate = picture.rate
    context.gop_size = gop_length(settings, picture.rate)
    context.sample_aspect_ratio = picture.pixel_aspect
    context.thread_count = threads
    options = dict(settings.options)
    if "slicecrc" in options:
        is_large = picture.width * picture.height >= _FFV1_LARGE_PX
        options["slices"] = "16" if is_large else "4"
    if variant and "x264-params" in options:
        options["x264-params"] += f":sps-id={variant}"
    context.options = options
    _tag(context, picture)


def _tag(context: VideoCodecContext, picture: Picture) -> None:
    colour = picture.colour
    is_rgb = picture.layout == "rgb24"
    # Without these two tags a browser takes coded G, B, R for Y, Cb, Cr.
    context.color_range = 2 if is_rgb else colour.range
    context.colorspace = 0 if is_rgb else colour.space
    context.color_primaries = colour.primaries
    context.color_trc = colour.transfer
