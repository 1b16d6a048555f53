"""Channel of the robust carrier on aligned frames: windows recovered after H.264, information, and time.

``python benchmarks/robust_channel.py CLIP... [--rate R] [--seconds S] [--crf Q...] [--payload CLASS...]
[--step STEP...] [--alpha A]``

A row embeds random payloads of a class in the luma of all frames, encodes them with plain ``libx264 -crf Q``
(preset medium) and reads them back. A window is 2 s and counts if its payload comes back with its checksum.
Bits a chip is the information of the soft values, as the decoder uses them, in all chips that are not known:
the mean over all slots of 1 s, and that of the worst slot. Bytes are those of 2 s. The file is compared with
the encode of the clip without payload at the same CRF, and so is the PSNR of luma after it.

``--theory`` prints the information of one chip in normal noise as strong as its distortion, for shares alpha
of the quantisation, without any clip. ``--code`` prints which share of codewords decodes in normal noise.
"""

from __future__ import annotations

import argparse
import io
import time
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from cssv.carriers.robust.channel import ChannelReader, ChannelWriter
from cssv.carriers.robust.codewords import OVERHEAD, PAYLOAD_CLASSES, write_codeword
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.ldpc import code_of
from cssv.carriers.robust.qim import Strength
from cssv.frames import U8
from cssv.video import VideoReader

SLOTS_OF_WINDOW = 2


@dataclass(frozen=True)
class Source:
    """Planes of the frames of a clip (I420), in whole windows."""

    name: str
    planes: list[U8]
    rate: Fraction

    @property
    def height(self) -> int:
        return self.planes[0].shape[0] * 2 // 3

    def slot(self, number: int) -> int:
        """Slot of a frame."""
        return int(number / self.rate)


def load(clip: Path, seconds: float, rate: Fraction | None) -> Source:
    """Whole windows at the beginning of a clip."""
    with VideoReader(clip, rate=rate) as reader:
        found = Fraction(reader.info.rate)
        planes = [frame.planes for frame in islice(reader, int(seconds * found))]
    windows = int(len(planes) / (SLOTS_OF_WINDOW * found))
    return Source(clip.stem, planes[: int(windows * SLOTS_OF_WINDOW * found)], found)


def transcode(planes: list[U8], crf: int, rate: Fraction) -> tuple[list[U8], int]:
    """Planes after plain H.264, and the bytes of the file."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "medium"})
        stream.height, stream.width, stream.pix_fmt = (
            planes[0].shape[0] * 2 // 3,
            planes[0].shape[1],
            "yuv420p",
        )
        stream.thread_count = 1
        for each in planes:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(each, format="yuv420p")))
        container.mux(stream.encode(None))
    size = file.tell()
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)], size


def psnr(first: list[U8], second: list[U8], height: int) -> float:
    """PSNR of luma over all frames."""
    errors = [
        np.mean((a[:height].astype(np.float32) - b[:height]) ** 2) for a, b in zip(first, second, strict=True)
    ]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def information(ratios: np.ndarray, bits: np.ndarray) -> float:
    """Bits of information that ratios have about equally likely bits, as a decoder uses them."""
    return float(1 - np.logaddexp(0, -(1 - 2.0 * bits) * ratios).mean() / np.log(2))


@dataclass(frozen=True)
class Marked:
    """A clip with payloads.

    Attributes:
        planes: of its frames.
        payloads: of its windows.
        chips: of its slots.
        seconds: processor time of embedding, a frame.
    """

    planes: list[U8]
    payloads: list[bytes]
    chips: list[U8]
    seconds: float


def mark(source: Source, class_bytes: int, strength: Strength) -> Marked:
    """Embed random payloads."""
    rng = np.random.default_rng(class_bytes)
    writer = ChannelWriter(source.height, source.planes[0].shape[1])
    slots = source.slot(len(source.planes) - 1) + 1
    payloads = [rng.bytes(class_bytes - OVERHEAD) for _ in range(-(-slots // SLOTS_OF_WINDOW))]
    words = [write_codeword(payload, class_bytes, PUBLIC_KEY) for payload in payloads]
    chips = [writer.chips(words[slot // SLOTS_OF_WINDOW], slot) for slot in range(slots)]
    planes, spent = [], 0.0
    for number, cover in enumerate(source.planes):
        stego, slot = cover.copy(), source.slot(number)
        began = time.process_time()
        stego[: source.height] = writer.embed(cover[: source.height], chips[slot], slot, strength)
        spent += time.process_time() - began
        planes.append(stego)
    return Marked(planes, payloads, chips, spent / len(planes))


def measure(
    source: Source, plain: dict[int, tuple[float, int]], crf: int, class_bytes: int, strength: Strength
) -> str:
    """One row of the table."""
    marked = mark(source, class_bytes, strength)
    received, size = transcode(marked.planes, crf, source.rate)
    writer = ChannelWriter(source.height, source.planes[0].shape[1])
    reader = ChannelReader(writer.layer.area, strength.step)
    began = time.process_time()
    for number, planes in enumerate(received):
        reader.add(planes[: source.height], source.slot(number))
    read = time.process_time() - began
    right = sum(
        reader.read_window(window, (class_bytes,)) == payload
        for window, payload in enumerate(marked.payloads)
    )
    unknown = ~writer.layer.known
    found = [
        information(reader.ratios(slot)[unknown], chips[unknown]) for slot, chips in enumerate(marked.chips)
    ]
    per_window = np.mean(found) * np.count_nonzero(unknown) * SLOTS_OF_WINDOW / 8
    quality, plain_size = plain[crf]
    cover = psnr(source.planes, marked.planes, source.height)
    lost = quality - psnr(source.planes, received, source.height)
    return (
        f"| {crf} | {class_bytes} B | {strength.step}, {strength.alpha:g} | "
        f"{cover:.2f} | {right} of {len(marked.payloads)} | "
        f"{np.mean(found):.3f}, {min(found):.3f} | {per_window:.0f} | "
        f"{100 * size / plain_size - 100:+.1f} % | {lost:.2f} | "
        f"{1000 * marked.seconds:.1f}, {1000 * read / len(received):.1f} |"
    )


def theory(alpha: float, ratio_db: float, points: int = 2048) -> float:
    """Bits of information of a chip whose distortion is ``ratio_db`` above normal noise."""
    step = 12**0.5 / alpha
    frequency = np.fft.fftfreq(points, 1 / points)
    # Of the phase: what is left of the uniform error, and the noise.
    characteristic = np.sinc(frequency * (1 - alpha)) * np.exp(
        -2 * (np.pi * frequency * 10 ** (-ratio_db / 20) / step) ** 2
    )
    density = np.maximum(np.fft.ifft(characteristic).real, 1e-15)
    density /= density.sum()
    both = (density + np.roll(density, points // 2)) / 2
    return float((density * np.log2(density / both)).sum())


def print_theory() -> None:
    print("| distortion / noise, dB | alpha .5 | .6 | .7 | .8 | 1 |\n|---|---|---|---|---|---|")
    for ratio in (6, 3, 0, -3, -6):
        found = " | ".join(f"{theory(alpha, ratio):.3f}" for alpha in (0.5, 0.6, 0.7, 0.8, 1.0))
        print(f"| {ratio} | {found} |")


def print_code(trials: int) -> None:
    print("| class | Eb/N0 0 dB | .4 | .8 | 1.2 | ms a codeword |\n|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for class_bytes in PAYLOAD_CLASSES:
        code, shares, began = code_of(8 * class_bytes), [], time.process_time()
        for ratio in (0, 0.4, 0.8, 1.2):
            sigma, right = (2 / 3 * 10 ** (ratio / 10)) ** -0.5, 0
            for _ in range(trials):
                bits = rng.integers(0, 2, code.bits, dtype=np.uint8)
                received = 1 - 2.0 * code.encode(bits) + rng.normal(0, sigma, code.length)
                found = code.decode((2 * received / sigma**2).astype(np.float32))
                right += found.is_codeword and bool((found.bits == bits).all())
            shares.append(f"{right / trials:.2f}")
        spent = 1000 * (time.process_time() - began) / (4 * trials)
        print(f"| {class_bytes} B | {' | '.join(shares)} | {spent:.1f} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="*")
    parser.add_argument("--rate", type=Fraction, help="frames a second of the clip")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--crf", type=int, nargs="+", default=[23, 28, 33])
    parser.add_argument("--payload", type=int, nargs="+", default=[128, 192], choices=PAYLOAD_CLASSES)
    parser.add_argument("--step", type=int, nargs="+", default=[28])
    parser.add_argument("--alpha", type=float, default=Strength(28).alpha)
    parser.add_argument("--theory", action="store_true")
    parser.add_argument("--code", action="store_true")
    options = parser.parse_args()
    if options.theory:
        print_theory()
    if options.code:
        print_code(40)
    for clip in options.clips:
        source = load(clip, options.seconds, options.rate)
        plain = {}
        for crf in options.crf:
            received, size = transcode(source.planes, crf, source.rate)
            plain[crf] = psnr(source.planes, received, source.height), size
        print(f"\n{source.name}, {len(source.planes)} frames at {source.rate} a second\n")
        print(
            "| CRF | payload | step, alpha | cover dB | windows | bits a chip: mean, worst | bytes | file | "
            "PSNR lost dB | ms a frame: embed, read |\n|---|---|---|---|---|---|---|---|---|---|"
        )
        for step in options.step:
            for crf in options.crf:
                for class_bytes in options.payload:
                    row = measure(source, plain, crf, class_bytes, Strength(step, options.alpha))
                    print(row, flush=True)


if __name__ == "__main__":
    main()
