"""Base layer of the robust carrier on aligned frames: messages recovered after H.264, and information.

``python benchmarks/robust_base.py CLIP... [--size WxH] [--seconds S] [--every S] [--window S] [--keys N]
[--crf Q...] [--gop S] [--step D] [--alpha A]``

A row embeds a random message, below payloads and pilot as in a stego clip, encodes the clip with plain
``libx264 -crf Q`` (preset medium) and reads each window of ``--window`` seconds by itself. It does so with
several keys, because each has its own dithers. Bits are the information of the soft values of a window, at
their best scale, in all chips that are not known: mean, and worst window. A message has 96 or 288 information
bits.

``--code`` prints which share of messages decodes in normal noise: the code of the base layer, shorter
codes, shorter lists, and a tail-biting convolutional code of rate 1/3 with 256 states. All have the same
number of chips, whose bits are evenly spread, and need a right CRC-32.
"""

from __future__ import annotations

import argparse
import hashlib
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from robust_channel import psnr

from cssv.carriers.robust import base_layer
from cssv.carriers.robust.base_layer import BASE_STEP, BaseReader, base_strength
from cssv.carriers.robust.base_message import CODEWORD_BITS, message_bytes, write_base_codeword
from cssv.carriers.robust.codewords import OVERHEAD, write_codeword
from cssv.carriers.robust.identity import IDENTITY_BYTES, shorten
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.marks import MarkWriter, marks_transform
from cssv.carriers.robust.pilot import slot_of
from cssv.carriers.robust.polar import PolarCode
from cssv.carriers.robust.qim import Strength
from cssv.frames import U8
from cssv.testing.received import transcode
from cssv.video import VideoReader

DATA_CLASS = 128
#: Factors of soft values; the best one counts.
SCALES = np.geomspace(0.3, 3, 11)


@dataclass(frozen=True)
class Source:
    """Planes of the frames of a clip (I420)."""

    name: str
    planes: list[U8]
    rate: Fraction

    @property
    def height(self) -> int:
        return self.planes[0].shape[0] * 2 // 3

    @property
    def width(self) -> int:
        return self.planes[0].shape[1]


def load(clip: Path, seconds: float, size: str | None) -> Source:
    """The beginning of a clip, scaled."""
    with VideoReader(clip) as reader:
        rate = Fraction(reader.info.rate)
        planes = [frame.planes for frame in islice(reader, int(seconds * rate))]
    if size:
        width, height = map(int, size.split("x"))
        planes = [resize(each, width, height) for each in planes]
    return Source(f"{clip.stem} {size or ''}".strip(), planes, rate)


def resize(planes: U8, width: int, height: int) -> U8:
    """The scaled luma, with grey colours: they have no part in this."""
    changed = np.full((height * 3 // 2, width), 128, np.uint8)
    luma = planes[: planes.shape[0] * 2 // 3]
    changed[:height] = cv2.resize(luma, (width, height), interpolation=cv2.INTER_CUBIC)
    return changed


def mark(source: Source, key: bytes, identity: bytes, strength: Strength) -> list[U8]:
    """The clip with random payloads and a message."""
    rng = np.random.default_rng(0)
    writer = MarkWriter(source.height, source.width, key, identity)
    stego, chips = [], {}
    for number, cover in enumerate(source.planes):
        slot = slot_of(number / source.rate)
        if slot not in chips:
            codeword = write_codeword(rng.bytes(DATA_CLASS - OVERHEAD), DATA_CLASS, key)
            chips[slot] = writer.chips(codeword, slot)
        planes = cover.copy()
        planes[: source.height] = writer.embed(cover[: source.height], chips[slot], slot, strength)
        stego.append(planes)
    return stego


def information(reader: BaseReader, message: bytes) -> float:
    """Bits of information in the chips that are not known."""
    codeword = np.append(write_base_codeword(message, reader.layer.key), 0)
    unknown = ~reader.layer.known
    bits = codeword[reader.layer.bits(CODEWORD_BITS[len(message)])][unknown]
    right = (1.0 - 2 * bits) * reader.ratios(len(message))[unknown]
    return max(float((1 - np.logaddexp(0, -scale * right) / np.log(2)).sum()) for scale in SCALES)


@dataclass(frozen=True)
class Row:
    """Results of a clip.

    Attributes:
        right: of each window.
        bits: of each window.
        scores: of each window.
        cover_db: PSNR of the stego frames.
        read_s: processor time of reading a message.
    """

    right: list[bool]
    bits: list[float]
    scores: list[float]
    cover_db: float
    read_s: float


def measure(source: Source, crf: int, options: argparse.Namespace) -> Row:
    """All windows with all keys."""
    area = BlockArea(0, 0, *marks_transform().grid(source.height, source.width))
    right, bits, scores, qualities, spent = [], [], [], [], 0.0
    for number in range(options.keys):
        key = hashlib.sha256(bytes([number])).digest()
        identity = np.random.default_rng(number).bytes(IDENTITY_BYTES)
        message = shorten(identity, message_bytes(source.width, source.height))
        stego = mark(source, key, identity, Strength(options.step))
        qualities.append(psnr(source.planes, stego, source.height))
        group = int(options.gop * source.rate) if options.gop else None
        means = [
            np.ascontiguousarray(marks_transform().forward(planes[: source.height])[..., 0])
            for planes in transcode(stego, source.rate, crf, group=group)
        ]
        count, step = int(options.window * source.rate), int(options.every * source.rate)
        for first in range(0, max(len(means) - count, 0) + 1, step):
            reader = BaseReader(area, key)
            for each in means[first : first + count]:
                reader.add(each)
            began = time.process_time()
            right.append(reader.read() == message)
            spent += time.process_time() - began
            bits.append(information(reader, message))
            scores.append(reader.score)
    return Row(right, bits, scores, float(np.mean(qualities)), spent / len(right))


def print_rows(options: argparse.Namespace) -> None:
    print(
        "| clip | CRF | cover PSNR dB | base layer, squared change of a pixel | messages | bits, mean | "
        "worst | score, least | ms to read |\n|---|---|---|---|---|---|---|---|---|"
    )
    for clip in options.clips:
        source = load(clip, options.seconds, options.size)
        cells = base_layer.cell_area(BlockArea(0, 0, *marks_transform().grid(source.height, source.width)))
        size = message_bytes(source.width, source.height)
        change = 3 * base_strength(cells, size).distortion / 64**2
        for crf in options.crf:
            row = measure(source, crf, options)
            seconds = float(len(source.planes) / source.rate)
            print(
                f"| {source.name}, {seconds:.0f} s | {crf} | {row.cover_db:.2f} | "
                f"{change:.2f} | {sum(row.right)} of {len(row.right)} | {np.mean(row.bits):.0f} | "
                f"{min(row.bits):.0f} | {min(row.scores):.1f} | {1000 * row.read_s:.0f} |",
                flush=True,
            )


GENERATORS = (0o557, 0o663, 0o711)
STATES = 256


def convolve(bits: U8) -> U8:
    """Codeword of the tail-biting convolutional code, three bits for each information bit."""
    word = np.zeros((len(bits), len(GENERATORS)), np.uint8)
    for tap in range(9):
        for out, generator in enumerate(GENERATORS):
            word[:, out] ^= np.roll(bits, tap) * (generator >> (8 - tap) & 1)
    return word.ravel()


def viterbi(soft: np.ndarray) -> U8:
    """Information bits of the likeliest path, by three turns around the circle."""
    steps = soft.reshape(-1, len(GENERATORS))
    # The register holds the newest bit on top: state s comes from (s << 1 | b) & 255, with bit s >> 7.
    state = np.arange(STATES)
    before = np.stack([(state << 1 | last) & (STATES - 1) for last in (0, 1)])
    register = (state >> 7)[None] << 8 | before
    outputs = np.stack(
        [
            np.array([bin(r & g).count("1") % 2 for r in register.ravel()]).reshape(2, STATES)
            for g in GENERATORS
        ],
        axis=-1,
    )
    metric, choices = np.zeros(STATES), []
    turns = 3
    for step in range(turns * len(steps)):
        both = metric[before] + (1 - 2.0 * outputs) @ steps[step % len(steps)]
        choice = both.argmax(axis=0)
        choices.append(choice)
        metric = both[choice, state]
    at, bits = int(metric.argmax()), []
    for choice in reversed(choices):
        bits.append(at >> 7)
        at = int(before[choice[at], at])
    found = np.array(bits[::-1], np.uint8).reshape(turns, -1)
    return found[1]


def share_right(
    encode: Callable[[U8], U8],
    decode: Callable[[np.ndarray], np.ndarray],
    size: int,
    chips: int,
    sigma: float,
    trials: int,
) -> float:
    """Share of messages that come back from normal noise."""
    rng, right = np.random.default_rng(0), 0
    for _ in range(trials):
        message = rng.bytes(size)
        whole = message + zlib.crc32(message).to_bytes(4, "big")
        word = encode(np.unpackbits(np.frombuffer(whole, np.uint8)))
        place = rng.permutation(max(chips, len(word)))[:chips] % len(word)
        received = 1 - 2.0 * word[place] + rng.normal(0, sigma, chips)
        soft = np.bincount(place, 2 * received / sigma**2, minlength=len(word)).astype(np.float32)
        for bits in np.atleast_2d(decode(soft)):
            found = np.packbits(bits).tobytes()
            if zlib.crc32(found[:size]) == int.from_bytes(found[size:], "big"):
                right += found == whole
                break
    return right / trials


def available(sigma: float) -> float:
    """Bits of information of a chip in normal noise."""
    noise = np.random.default_rng(0).normal(0, sigma, 100_000)
    return float(1 - np.logaddexp(0, -2 * (1 + noise) / sigma**2).mean() / np.log(2))


def print_code(trials: int) -> None:
    shares = (1.05, 1.15, 1.25, 1.35)
    columns = " | ".join(f"{share:g}" for share in shares)
    print(f"| code | chips | bits left / information bits {columns} | ms |")
    print("|---|---|" + "---|" * (len(shares) + 1))
    sigmas = np.geomspace(0.4, 5, 200)
    left = np.array([available(sigma) for sigma in sigmas])
    for size, chips, lengths in ((8, 304, (256, 512)), (8, 618, (256, 512)), (32, 1350, (1024, 2048))):
        bits = 8 * size + 32
        codes: dict[str, tuple[Callable[[U8], U8], Callable[[np.ndarray], np.ndarray]]] = {}
        for length in lengths:
            code = PolarCode(bits, length)
            for paths in (1, 8, 32, 256):
                codes[f"polar, {length} bits, {paths} paths"] = (
                    code.encode,
                    lambda soft, code=code, paths=paths: code.decode(soft, paths),
                )
        codes["convolutional"] = convolve, viterbi
        for name, (encode, decode) in codes.items():
            began = time.process_time()
            found = [
                share_right(
                    encode,
                    decode,
                    size,
                    chips,
                    float(sigmas[np.abs(left * chips - share * bits).argmin()]),
                    trials,
                )
                for share in shares
            ]
            spent = 1000 * (time.process_time() - began) / (trials * len(shares))
            cells = " | ".join(f"{each:.2f}" for each in found)
            print(f"| {name}, {size} B | {chips} | {cells} | {spent:.0f} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, nargs="*")
    parser.add_argument("--size", help="scale the clips to WxH")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--window", type=float, default=10, help="seconds that are read")
    parser.add_argument("--every", type=float, default=5, help="seconds between windows")
    parser.add_argument("--keys", type=int, default=3)
    parser.add_argument("--crf", type=int, nargs="*", default=[40])
    parser.add_argument(
        "--gop", type=float, help="seconds of a group of pictures; x264's default is 250 frames"
    )
    parser.add_argument("--step", type=int, default=24, help="of the data layer")
    parser.add_argument("--alpha", type=float, help="of the base layer")
    parser.add_argument("--code", action="store_true")
    parser.add_argument("--trials", type=int, default=100)
    options = parser.parse_args()
    if options.alpha:
        base_layer.BASE_ALPHAS = ((float("inf"), options.alpha),)
    if options.code:
        print_code(options.trials)
    if options.clips:
        print(f"step of the base layer {BASE_STEP}, of the data layer {options.step}\n")
        print_rows(options)


if __name__ == "__main__":
    main()
