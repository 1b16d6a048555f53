"""Lossy copies of frames in memory: what remains of them when somebody encodes them again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np

from cssv.errors import OptionError, VideoError, check_choice
from cssv.frames import U8
from cssv.video.codecs import same_bytes
from cssv.video.ffmpeg import AV_ERRORS, reason

#: FFmpeg's encoder of each codec, its options, and its largest quality number. Settings are the usual ones;
#: slow encoders get a faster preset.
COPY_CODECS: dict[str, tuple[str, dict[str, str], int]] = {
    "h264": ("libx264", {"preset": "medium", "x264-params": "open-gop=0" + same_bytes()}, 51),
    "hevc": ("libx265", {"preset": "fast", "x265-params": "log-level=none:pools=1:frame-threads=1"}, 51),
    "vp9": ("libvpx-vp9", {"b": "0", "deadline": "good", "cpu-used": "5"}, 63),
    "av1": ("libsvtav1", {"preset": "9", "svtav1-params": "lp=1"}, 63),
}


def check_copy(codec: str, crf: int) -> None:
    """Raise OptionError unless there is such a codec and quality."""
    check_choice("codec of a copy", codec, COPY_CODECS)
    most = COPY_CODECS[codec][2]
    if not 0 <= crf <= most:
        raise OptionError(f"the quality of {codec} is out of range", found=crf, bound=f"0 to {most}")


def lossy_copy(planes: Sequence[U8], rate: Fraction, codec: str, crf: int) -> list[U8]:
    """Planes of yuv420p frames after a lossy codec.

    Args:
        planes: of each frame, (3/2 H, W) uint8, all of one size.
        rate: frames per second.
        codec: a key of :data:`COPY_CODECS`.
        crf: quality number of the codec; the larger, the worse.

    Raises:
        OptionError: no such codec or quality.
        VideoError: FFmpeg refuses.
    """
    check_copy(codec, crf)
    name, options, _ = COPY_CODECS[codec]
    buffer = io.BytesIO()
    try:
        with av.open(buffer, mode="w", format="matroska") as output:
            stream: Any = output.add_stream(name, rate=rate, options=options | {"crf": str(crf)})
            rows, width = planes[0].shape
            stream.width, stream.height, stream.pix_fmt = width, rows * 2 // 3, "yuv420p"
            # Several threads can change the bytes.
            stream.thread_count = 1
            for each in planes:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(each, format="yuv420p")))
            output.mux(stream.encode(None))
        buffer.seek(0)
        with av.open(buffer, mode="r") as source:
            return [
                np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8) for frame in source.decode(video=0)
            ]
    except (*AV_ERRORS, ValueError) as error:
        raise VideoError(f"FFmpeg cannot make a copy with {codec}", found=reason(error)) from error
