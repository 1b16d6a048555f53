"""What B-frames save and what key frames every 2 s cost, for the lossy codecs that reorder frames.

    python benchmarks/reordered_frames.py CLIP... [--seconds S] [--crf N] [--codecs CODEC...]

"As written" is what a ``.cssv`` holds, and the other rows change it. The last row is FFmpeg's own file with
the defaults of its encoder, on the same frames. Bytes are those of the video samples; PSNR is that of luma.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from cssv.frames import Frame
from cssv.video import LOSSY_CODECS, Codec, FrameEncoder, Span, VideoInfo, VideoReader
from cssv.video.codecs import gop_length
from cssv.video.encoder import to_picture

#: Whether each variant has B-frames, and whether it has a key frame every 2 s.
VARIANTS = {
    "without B-frames": (False, False),
    "key frame every 2 s": (True, True),
    "both": (False, True),
}


def code(
    frames: Sequence[Frame], info: VideoInfo, codec: Codec, options: dict[str, str]
) -> tuple[int, float]:
    """Bytes of FFmpeg's packets of the frames, and PSNR of luma."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        name = LOSSY_CODECS[codec].settings.encoders["yuv420p"]
        stream = container.add_stream(name, rate=info.rate, options=options)
        stream.width, stream.height, stream.pix_fmt = info.width, info.height, "yuv420p"
        stream.codec_context.thread_type = "FRAME"
        for frame in frames:
            picture = to_picture(frame, "yuv420p")
            picture.pts, picture.time_base = frame.number, 1 / info.rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return measure(file, frames)


def written(frames: Sequence[Frame], info: VideoInfo, codec: Codec, crf: int) -> tuple[int, float]:
    """The same for the packets of a ``.cssv``."""
    with FrameEncoder(info, codec, crf=crf) as encoder:
        packets = [packet for frame in frames for packet in encoder.encode(frame)] + encoder.flush()
        head = encoder.mp4_head()
    with av.open(io.BytesIO(head)) as container:
        context = container.streams.video[0].codec_context
        pictures = [p for packet in packets for p in context.decode(av.Packet(packet.data))]
        pictures += context.decode(None)
    return sum(len(packet.data) for packet in packets), psnr(pictures, frames)


def measure(file: io.BytesIO, frames: Sequence[Frame]) -> tuple[int, float]:
    """Bytes of the packets of a file, and PSNR of its luma."""
    file.seek(0)
    with av.open(file) as container:
        size = sum(packet.size for packet in container.demux(video=0))
    file.seek(0)
    with av.open(file) as container:
        return size, psnr(list(container.decode(video=0)), frames)


def psnr(pictures: Sequence[av.VideoFrame], frames: Sequence[Frame]) -> float:
    """PSNR of luma over all frames, dB."""
    errors = [
        np.mean((picture.to_ndarray(format="yuv420p")[: frame.height].astype(float) - frame.luma()) ** 2)
        for picture, frame in zip(pictures, frames, strict=True)
    ]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def main() -> None:
    """Print a row for each clip, codec and variant."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--seconds", type=Fraction, default=Fraction(10))
    parser.add_argument("--crf", type=int, default=23)
    parser.add_argument("--codecs", nargs="+", default=["h264", "hevc"])
    given = parser.parse_args()
    print("| clip | codec | variant | kB | bytes | PSNR, dB |")
    print("|" + "---|" * 6)
    for clip in given.clips:
        with VideoReader(clip, span=Span(stop=given.seconds)) as reader:
            frames, info = list(reader), reader.info
        for codec in given.codecs:
            settings = LOSSY_CODECS[codec].settings
            crf = {"crf": str(given.crf)}
            rows = {"as written": written(frames, info, codec, given.crf)}
            for name, (reorders, is_short) in VARIANTS.items():
                gop = round(2 * info.rate) if is_short else gop_length(settings, info.rate)
                change = {"g": str(gop)} | ({} if reorders else {"bf": "0"})
                rows[name] = code(frames, info, codec, settings.options | crf | change)
            quiet = {"x265-params": "log-level=none"} if codec == "hevc" else {}
            rows["FFmpeg's defaults"] = code(frames, info, codec, crf | quiet)
            base = rows["as written"][0]
            for name, (size, decibel) in rows.items():
                share = f"{100 * (size / base - 1):+.1f} %"
                print(
                    f"| {clip.stem} | {codec} | {name} | {size / 1000:.0f} | {share} | {decibel:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
