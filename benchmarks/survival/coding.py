"""Re-encodings of frames: planes, and the sizes of files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np

from cssv.carriers.robust.recoding import read_recodings
from cssv.frames import U8, Frame
from cssv.video import VideoInfo
from cssv.video.encoder import FrameEncoder
from cssv.video.lossy_copy import COPY_CODECS


def code(planes: Sequence[U8], rate: Fraction, recoding: str) -> tuple[list[U8], int]:
    """Planes after a re-encoding, and the bytes of the file.

    Args:
        planes: of each frame (I420).
        rate: frames per second.
        recoding: codec and quality, such as ``h264-28``; the settings are those of
            :data:`cssv.video.lossy_copy.COPY_CODECS`.
    """
    (found,) = read_recodings(recoding)
    name, options, _ = COPY_CODECS[found.codec]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as output:
        stream: Any = output.add_stream(name, rate=rate, options=options | {"crf": str(found.crf)})
        rows, stream.width = planes[0].shape
        stream.height, stream.pix_fmt = rows * 2 // 3, "yuv420p"
        # With one thread the result does not depend on the machine.
        stream.thread_count = 1
        for each in planes:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(each, format="yuv420p")))
        output.mux(stream.encode(None))
    size = buffer.tell()
    buffer.seek(0)
    with av.open(buffer) as source:
        return [np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8) for frame in source.decode(0)], size


def coded_bytes(planes: Sequence[U8], info: VideoInfo, crf: int) -> int:
    """Bytes of the H.264 stream that CSSV writes for a carrier that survives lossy coding."""
    size = 0
    with FrameEncoder(info, "h264", crf=crf, threads=1) as encoder:
        step = int(1 / (info.rate * info.time_base))
        for number, each in enumerate(planes):
            frame = Frame(each, "yuv420p", number * step, info.time_base)
            size += sum(len(packet.data) for packet in encoder.encode(frame))
        size += sum(len(packet.data) for packet in encoder.flush())
    return size


def psnr_of_luma(first: Sequence[U8], second: Sequence[U8]) -> float:
    """PSNR of luma in dB over all frames of two clips."""
    height = first[0].shape[0] * 2 // 3
    errors = [
        np.mean(np.square(one[:height].astype(np.float32) - other[:height]))
        for one, other in zip(first, second, strict=True)
    ]
    mean = float(np.mean(errors))
    return 10 * float(np.log10(255**2 / mean)) if mean else float("inf")
