"""Bytes that frames take in a lossless file, for trials."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from cssv.frames import U8, Frame, Layout
from cssv.video.codecs import DEFAULT_EFFORT
from cssv.video.encoder import FrameEncoder
from cssv.video.info import VideoInfo


def coded_sizes(planes: Sequence[U8], layout: Layout, rate: Fraction) -> list[int]:
    """Bytes of each of successive frames in lossless H.264; the first one is a key frame.

    Args:
        planes: of the frames, all of one size.
        layout: of the planes.
        rate: frames per second.

    Raises:
        VideoError: FFmpeg refuses to encode.
    """
    if not planes:
        return []
    frames = [Frame(each, layout, number, 1 / rate, number) for number, each in enumerate(planes)]
    info = VideoInfo(frames[0].width, frames[0].height, layout, 1 / rate, rate)
    with FrameEncoder(info, effort=DEFAULT_EFFORT) as encoder:
        packets = [packet for frame in frames for packet in encoder.encode(frame)]
        packets += encoder.flush()
    return [len(packet.data) for packet in packets]
