"""Lossy codecs of equal PSNR: which crf of each codec gives the picture of H.264 at its default.

    python benchmarks/lossy_codecs.py CLIP... [--seconds S] [--start T]

PSNR is that of luma over all frames. For each codec the crf is found between two neighbouring even ones by
linear interpolation, and bytes at it likewise. Times are those of encoding at the upper one.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from cssv.frames import Frame
from cssv.video import LOSSY_CODECS, Codec, FrameEncoder, Span, VideoInfo, VideoReader


class Coded(NamedTuple):
    """Result of one encoding."""

    decibel: float
    bytes: float
    ms: float


def code(frames: Sequence[Frame], info: VideoInfo, codec: Codec, crf: int) -> Coded:
    """Encode and decode the frames."""
    began = time.perf_counter()
    with FrameEncoder(info, codec, crf=crf) as encoder:
        packets = [packet for frame in frames for packet in encoder.encode(frame)] + encoder.flush()
        head = encoder.mp4_head()
    ms = (time.perf_counter() - began) * 1000 / len(frames)
    with av.open(io.BytesIO(head)) as container:
        context = container.streams.video[0].codec_context
        pictures = [p for packet in packets for p in context.decode(av.Packet(packet.data))]
        pictures += context.decode(None)
    errors = [
        np.mean((picture.to_ndarray(format="yuv420p")[: frame.height].astype(float) - frame.luma()) ** 2)
        for picture, frame in zip(pictures, frames, strict=True)
    ]
    # Without an error PSNR is infinite; the crf between two needs a number.
    return Coded(10 * np.log10(255**2 / max(np.mean(errors), 1e-6)), sum(len(p.data) for p in packets), ms)


def equal(frames: Sequence[Frame], info: VideoInfo, codec: Codec, wanted: float) -> tuple[float, Coded]:
    """The crf that gives the PSNR, and the result there; PSNR falls as crf rises."""
    low, high = LOSSY_CODECS[codec].crf_range
    low, high = low + low % 2, high - high % 2
    ends = {crf: code(frames, info, codec, crf) for crf in (low, high)}
    while high - low > 2:
        middle = (low + high) // 4 * 2
        ends[middle] = code(frames, info, codec, middle)
        low, high = (middle, high) if ends[middle].decibel >= wanted else (low, middle)
    a, b = ends[low], ends[high]
    share = (a.decibel - wanted) / (a.decibel - b.decibel)
    return low + share * (high - low), Coded(wanted, a.bytes + share * (b.bytes - a.bytes), b.ms)


def main() -> None:
    """Print a row for each clip and codec."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--seconds", type=Fraction, default=Fraction(2))
    parser.add_argument("--start", type=Fraction, default=Fraction(1))
    given = parser.parse_args()
    print("| clip | codec | crf of equal PSNR | dB | kB | share of h264 | ms a frame |")
    print("|" + "---|" * 7)
    for clip in given.clips:
        with VideoReader(clip, span=Span(given.start, given.start + given.seconds)) as reader:
            frames, info = list(reader), reader.info
        reference = code(frames, info, "h264", LOSSY_CODECS["h264"].crf)
        for codec in LOSSY_CODECS:
            crf, found = float(LOSSY_CODECS["h264"].crf), reference
            if codec != "h264":
                crf, found = equal(frames, info, codec, reference.decibel)
            print(
                f"| {clip.stem} | {codec} | {crf:.1f} | {found.decibel:.2f} | {found.bytes / 1000:.0f} "
                f"| {found.bytes / reference.bytes:.2f} | {found.ms:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
