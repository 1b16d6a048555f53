"""Settings of the codecs, lossless and lossy.

All are set up with closed groups of pictures, and so that each frame gives one packet. The same frames give
the same bytes each time. The lossless codecs do not reorder frames, and decoding returns exactly the pixels
that were encoded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

import cv2
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from cssv.errors import OptionError, check_choice
from cssv.frames import Layout
from cssv.video.fields import FieldOrder
from cssv.video.info import VideoInfo
from cssv.video.packet import PacketForm
from cssv.video.timing import REORDER_WINDOW

Codec = Literal["h264", "ffv1", "vp9", "hevc", "av1"]
#: How much work lossless coding takes: ``fast``, or ``small`` for a smaller file.
Effort = Literal["fast", "small"]
EFFORTS: tuple[Effort, ...] = ("fast", "small")
DEFAULT_EFFORT: Effort = "fast"

#: Seconds from one key frame to the next where no effort is stated, and the bounds of that distance in
#: frames.
GOP_S = 2
GOP_RANGE = (12, 50)
#: Frames from one key frame to the next in lossless files of a stated effort. Below 25 frames per second
#: files become smaller than with one every 2 s, and a player decodes no more frames to seek than at 25
#: (`benchmarks/full_form.py`).
LOSSLESS_GOP = 50
#: Frames from one key frame to the next, at most, in lossy files: the default of x264 and x265. With a key
#: frame every 2 s files are a fifth to two fifths larger (`benchmarks/reordered_frames.py`).
LOSSY_GOP = 250

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
        encoders: name of FFmpeg's encoder for each layout that it codes.
        pix_fmts: pixel format of its input for each layout; converting to it changes no value.
        options: the encoder's private options.
        is_intra: whether every frame is a key frame.
        gop: frames from one key frame to the next at most; 0 for about ``GOP_S``.
        in_browsers: whether browsers play it.
        field_lines: for each layout: frames can be marked as interlaced if their height is a multiple of
            this; empty if never.
        needs_matrix: empty if players agree on the colour matrix of a stream without tags. For VP9 and AV1
            Chromium takes BT.709 or BT.601, which depends on its way to the screen and not on the size of the
            picture, and for H.264 Firefox takes BT.709 for all sizes. For AV1 Chromium ignores the tag of the
            matrix unless primaries and transfer are stated too.
        threads_key: option inside one of ``options`` that takes the number of threads, as ``option:key``;
            empty if FFmpeg passes its own setting on.
        packets: form of the encoder's packets.
        least_side: least width and height in pixels.
        tag: type of the sample entry in an MP4; empty for FFmpeg's choice.
        reorders: whether frames may be decoded in another order than they are shown (B-frames).
        threads: number of threads on which the bytes depend, so that it is always the same; 0 for any number.
        references: from so many frames before it a frame is predicted, at most, and nothing else of it
            depends on other frames; 0 if that is unknown.
    """

    encoders: dict[Layout, str]
    pix_fmts: dict[Layout, str]
    options: dict[str, str] = field(default_factory=dict)
    is_intra: bool = False
    gop: int = 0
    in_browsers: bool = True
    field_lines: dict[Layout, int] = field(default_factory=dict)
    needs_matrix: Literal["", "alone", "with primaries"] = ""
    threads_key: str = ""
    packets: PacketForm = "as_stored"
    least_side: int = 0
    tag: str = ""
    reorders: bool = False
    threads: int = 0
    references: int = 0


_X264 = {"bf": "0", "preset": "superfast"}
# x264 refuses other heights of interlaced frames: each of the two fields has halved chroma in 4:2:0.
_X264_FIELD_LINES: dict[Layout, int] = {"yuv420p": 4, "rgb24": 2}


#: Number of AVX-512 in OpenCV's list of features (cv::CpuFeatures), which its Python module does not name.
_AVX_512F = 13


def same_bytes() -> str:
    """Parameter by which lossy x264 gives the same bytes each time; empty where none is needed.

    Its macroblock tree, in the code for AVX-512, gives other bytes from run to run for some clips. The code
    for AVX2 does not, and codes equally well. Nothing is stated for other processors, because x264 believes
    what it is told.
    """
    return ":asm=AVX2" if cv2.checkHardwareSupport(_AVX_512F) else ""


CODECS: dict[Codec, CodecSettings] = {
    "h264": CodecSettings(
        {"yuv420p": "libx264", "rgb24": "libx264rgb"},
        {"yuv420p": "yuv420p", "rgb24": "rgb24"},
        # annexb=0: NAL units follow their lengths, as in MP4. x264 turns its lossy early skip off for
        # qp=0, but FFmpeg configures x264 again with every frame whose pixel aspect has a term above
        # 4096, which turns the skip on again: no-fast-pskip keeps it off.
        _X264 | {"qp": "0", "x264-params": "annexb=0:scenecut=0:open-gop=0:no-fast-pskip=1"},
        field_lines=_X264_FIELD_LINES,
        needs_matrix="alone",
        # Those of the preset.
        references=1,
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
        needs_matrix="alone",
    ),
}

#: Settings beside those of :data:`CODECS` for each effort, of the codecs that have efforts: options, and the
#: references of the preset. Older versions of this package stated none, and their files are recoded without.
_EFFORTS: dict[Codec, dict[Effort, tuple[dict[str, str], int]]] = {
    "h264": {"fast": ({}, 1), "small": ({"preset": "fast"}, 2)}
}

#: Small files for viewing; the pixels change.
LOSSY_H264 = CodecSettings(
    {"yuv420p": "libx264", "rgb24": "libx264rgb"},
    {"yuv420p": "yuv420p", "rgb24": "rgb24"},
    _X264 | {"preset": "veryfast", "crf": "18", "x264-params": "annexb=0"},
    field_lines=_X264_FIELD_LINES,
    needs_matrix="alone",
)


@dataclass(frozen=True, slots=True)
class LossyCodec:
    """A codec of constant quality.

    Attributes:
        settings: all but the quality.
        crf: the default, and the least and the most, where more means a smaller file and a worse picture. The
            scale is the codec's own.
    """

    settings: CodecSettings
    crf: int
    crf_range: tuple[int, int]


#: For carriers whose content survives lossy coding. The defaults give the PSNR of h264 at 20 in the mean of
#: three clips (`benchmarks/lossy_codecs.py`).
LOSSY_CODECS: dict[Codec, LossyCodec] = {
    "h264": LossyCodec(
        CodecSettings(
            {"yuv420p": "libx264"},
            {"yuv420p": "yuv420p"},
            # PyAV asks for slices, which cost bytes; threads for whole frames give the same bytes each time.
            {"preset": "medium", "x264-params": f"annexb=0:open-gop=0:sliced-threads=0{same_bytes()}"},
            gop=LOSSY_GOP,
            field_lines=_X264_FIELD_LINES,
            needs_matrix="alone",
            reorders=True,
        ),
        20,
        (0, 51),
    ),
    "hevc": LossyCodec(
        CodecSettings(
            {"yuv420p": "libx265"},
            {"yuv420p": "yuv420p"},
            {
                "preset": "medium",
                # Each key frame repeats the parameter sets: runs of frames that another release has coded
                # can follow it. With one frame at a time, and without the settings in the stream, the bytes
                # do not depend on the number of threads.
                "x265-params": "log-level=none:open-gop=0:repeat-headers=1:frame-threads=1:info=0",
            },
            gop=LOSSY_GOP,
            in_browsers=False,
            needs_matrix="alone",
            threads_key="x265-params:pools",
            packets="start_codes",
            # x265 writes beyond its memory for some smaller pictures, such as 34x66.
            least_side=64,
            # Apple's players show no hev1, which is FFmpeg's choice.
            tag="hvc1",
            reorders=True,
        ),
        20,
        (0, 51),
    ),
    "vp9": LossyCodec(
        CodecSettings(
            {"yuv420p": "libvpx-vp9"},
            {"yuv420p": "yuv420p"},
            # Without row-mt, whose threads libvpx does not make exact.
            {"b": "0", "deadline": "good", "cpu-used": "4", "tile-columns": "2"},
            gop=LOSSY_GOP,
            needs_matrix="alone",
        ),
        23,
        (0, 63),
    ),
    "av1": LossyCodec(
        CodecSettings(
            {"yuv420p": "libsvtav1"},
            {"yuv420p": "yuv420p"},
            {"preset": "8", "svtav1-params": "irefresh-type=2:scd=0"},
            gop=LOSSY_GOP,
            needs_matrix="with primaries",
            threads_key="svtav1-params:lp",
            packets="delimited",
        ),
        19,
        (1, 63),
    ),
}

#: For frames in which some macroblocks are coded finer, because their content must decode exactly. Each group
#: of pictures is a session of its own. So there is a key frame at its beginning only, also at cuts.
#: Psychovisual optimisation trades exactness for looks: without it, far fewer macroblocks need finer steps.
#: Quality 0 is lossless in x264, and of another profile.
REGION_H264 = LossyCodec(
    CodecSettings(
        {"yuv420p": "libx264"},
        {"yuv420p": "yuv420p"},
        {
            "preset": "medium",
            "x264-params": "annexb=0:open-gop=0:sliced-threads=0:keyint=infinite:min-keyint=infinite"
            f":psy-rd=0,0{same_bytes()}",
        },
        gop=LOSSY_GOP,
        # FFmpeg passes no regions on with interlaced frames.
        field_lines={},
        needs_matrix="alone",
        reorders=True,
        # The number of threads bounds how far x264 looks for motion.
        threads=4,
    ),
    23,
    (1, 51),
)

#: Names of all codecs of a ``.cssv``.
CODEC_NAMES: tuple[Codec, ...] = tuple(CODECS | LOSSY_CODECS)


def settings_of(
    codec: Codec, crf: int | None = None, effort: Effort | None = None, *, regions: bool = False
) -> CodecSettings:
    """Settings of a codec by its name; lossless without a quality.

    Args:
        codec: its name.
        crf: quality of lossy coding.
        effort: of lossless coding; None for the settings of files that state none.
        regions: whether some macroblocks are coded finer.

    Raises:
        OptionError: an unknown codec, one without this kind of coding, a quality out of range, or an effort
            that it does not have.
    """
    check_crf(codec, crf, regions=regions)
    check_effort(codec, crf, effort)
    if crf is None:
        settings = CODECS[codec]
        if effort is None:
            return settings
        options, references = _EFFORTS[codec][effort]
        return replace(settings, options=settings.options | options, gop=LOSSLESS_GOP, references=references)
    settings = REGION_H264.settings if regions else LOSSY_CODECS[codec].settings
    return replace(settings, options=settings.options | {"crf": str(crf)})


def check_crf(codec: Codec, crf: int | None, *, regions: bool = False) -> None:
    """Raise OptionError unless this codec can code with this quality, lossless for None.

    With ``regions``: and can code some macroblocks finer.
    """
    check_choice("codec", codec, CODEC_NAMES)
    if regions and (codec != "h264" or crf is None):
        raise OptionError(
            "only lossy h264 codes some macroblocks finer",
            found=codec if crf is None else f"{codec} at crf {crf}",
            remedy="Choose `codec='h264'` and a quality `crf=`.",
        )
    if crf is None:
        if codec not in CODECS:
            raise OptionError(f"{codec} is not lossless here", found=codec, bound=", ".join(CODECS))
        return
    if codec not in LOSSY_CODECS:
        raise OptionError(
            f"{codec} is lossless and has no quality",
            found=f"crf {crf}",
            bound=", ".join(LOSSY_CODECS),
            remedy="Leave out `crf=`, or choose another `codec=`.",
        )
    low, high = (REGION_H264 if regions else LOSSY_CODECS[codec]).crf_range
    if isinstance(crf, bool) or not isinstance(crf, int) or not low <= crf <= high:
        raise OptionError(
            f"the quality of {codec} is out of range",
            found=f"crf {crf!r}",
            bound=f"a whole number from {low} to {high}",
            remedy="Give `crf=` a number in this range.",
        )


def check_effort(codec: Codec, crf: int | None, effort: Effort | None) -> None:
    """Raise OptionError unless this coding has this effort; None suits all."""
    if effort is None:
        return
    check_choice("effort", effort, EFFORTS)
    if crf is not None or codec not in _EFFORTS:
        raise OptionError(
            "only lossless coding has an effort",
            found=f"{codec} at crf {crf}" if crf is not None else codec,
            bound=f"lossless {', '.join(_EFFORTS)}",
            remedy="Leave out `effort=`.",
        )


def default_effort(codec: Codec, crf: int | None) -> Effort | None:
    """The effort of new files; None if their coding has none."""
    return DEFAULT_EFFORT if crf is None and codec in _EFFORTS else None


def check_form(info: VideoInfo, codec: Codec, settings: CodecSettings) -> None:
    """Raise OptionError unless a codec codes the planes of the frames in their size."""
    if info.layout not in settings.encoders:
        raise OptionError(
            f"{codec} of this quality does not code these planes",
            found=info.layout,
            bound=", ".join(settings.encoders),
            remedy="Choose `codec='ffv1'`, or give yuv420p frames.",
        )
    if min(info.width, info.height) < settings.least_side:
        raise OptionError(
            f"the frames are too small for {codec}",
            found=f"{info.width}x{info.height}",
            bound=f"at least {settings.least_side} pixels a side",
            remedy="Choose another `codec=`.",
        )


def marked_fields(info: VideoInfo, settings: CodecSettings) -> FieldOrder:
    """The order of fields with which coded frames are marked; empty for none."""
    lines = settings.field_lines.get(info.layout, 0)
    return info.fields if lines and info.height % lines == 0 else ""


def gop_length(settings: CodecSettings, rate: Fraction) -> int:
    """Frames from one key frame to the next; codecs may place more key frames, as at cuts."""
    if settings.is_intra:
        return 1
    if settings.gop:
        return settings.gop
    low, high = GOP_RANGE
    return min(high, max(low, round(GOP_S * rate)))


# MP4 states in 31 bits how much later than it is decoded a frame is shown, counted from the frame that is
# shown earliest after its decoding.
_SHIFT_MAX = ((1 << 31) - 1) // 2
# In finer units frames at low rates are too far apart for that.
_REORDERING_SCALE_MAX = (1 << 31) // 60


def longest_gap(settings: CodecSettings, time_base: Fraction) -> int | None:
    """Most units between two frames that may be reordered; None if no frames are reordered.

    ``time_base``: seconds per unit.
    """
    if not settings.reorders or time_base.denominator > _REORDERING_SCALE_MAX:
        return None
    return _SHIFT_MAX // REORDER_WINDOW // time_base.numerator


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
    context.thread_count = settings.threads or threads
    options = dict(settings.options)
    if "slicecrc" in options:
        is_large = info.width * info.height >= _FFV1_LARGE_PX
        options["slices"] = "16" if is_large else "4"
    if settings.reorders:
        # A key frame that the caller asks for then begins a group of pictures.
        options["forced-idr"] = "1"
        if longest_gap(settings, info.time_base) is None:
            options["bf"] = "0"
    if variant and "x264-params" in options:
        options["x264-params"] += f":sps-id={variant}"
    if marked_fields(info, settings):
        # x264 codes the two fields apart; the order comes with each picture.
        context.flags |= int(Flags.interlaced_dct)
    if settings.tag:
        context.codec_tag = settings.tag
    if settings.threads_key:
        option, key = settings.threads_key.split(":")
        options[option] += f":{key}={threads}"
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
