"""Pixel layer of the constructive carrier: PSNR, file size, crops that decode, and time.

``python benchmarks/constructive.py CLIP... [--size WxH] [--payload N...] [--crops N] [--seconds S]``

Every row hides random payloads in all windows of 2 s of a clip, in every part of the picture. PSNR is over
all planes and frames. Crops are 160x160 pixels over 4 s at random even offsets and frames; one counts if each
window that lies completely in it is read and nothing else. ``--once`` adds rows that hide a payload only once
a frame, without copies, as a bound: by LSB matching (k = 1) and by matrix embedding. ``--lossless`` adds the
size of the lossless H.264 file against that of the cover. ``--speed`` prints times alone, those of one window
beside the lossless transcode of the same frames. Times are processor time of all threads.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from psnr import Comparison
from scaling import scale

from cssv.carriers.constructive.keys import PUBLIC_KEY
from cssv.carriers.constructive.matching import choose_k, embed_bits
from cssv.carriers.constructive.search import Grid, find_grid
from cssv.carriers.constructive.tiles import WHOLE
from cssv.carriers.constructive.windows import choose_mode, embed_window, read_windows
from cssv.frames import Frame, cut_planes
from cssv.video import VideoReader, VideoWriter

WINDOW_S, CROP_S = 2, 4


@dataclass(frozen=True)
class Source:
    """Frames of a clip, and how many there are in a window and in a crop."""

    name: str
    frames: list[Frame]
    rate: Fraction

    @property
    def window(self) -> int:
        """Frames of a window."""
        return int(WINDOW_S * self.rate)


def load(clip: Path, seconds: float, size: tuple[int, int] | None, rate: Fraction | None) -> Source:
    """Whole windows of a clip."""
    with VideoReader(clip, rate=rate) as reader:
        found = Fraction(reader.info.rate)
        window = int(WINDOW_S * found)
        frames = [scale(frame, size) for frame in islice(reader, int(seconds * found))]
    return Source(clip.stem, frames[: len(frames) // window * window], found)


def psnr(source: Source, stego: list[np.ndarray]) -> float:
    """PSNR over all planes and frames."""
    found = Comparison()
    for frame, planes in zip(source.frames, stego, strict=True):
        found.add(frame, replace(frame, planes=planes))
    return found.psnr_db


def count_crops(
    source: Source, stego: list[np.ndarray], payloads: list[bytes], crops: int
) -> tuple[int, float]:
    """How many random crops decode, and the mean seconds of processor time for one."""
    rng = np.random.default_rng(0)
    layout, length = source.frames[0].layout, int(CROP_S * source.rate)
    width, height = source.frames[0].width, source.frames[0].height
    decoded, began = 0, time.process_time()
    for _ in range(crops):
        left, top = (2 * int(rng.integers(0, (side - WHOLE) // 2 + 1)) for side in (width, height))
        first = int(rng.integers(0, len(stego) - length + 1))
        part = [cut_planes(p, layout, (left, top, WHOLE, WHOLE)) for p in stego[first : first + length]]
        found = {window.payload for window in read_windows(part, layout)}
        last = first + length - source.window
        whole = {payload for i, payload in enumerate(payloads) if first <= i * source.window <= last}
        decoded += whole <= found <= set(payloads)
    return decoded, (time.process_time() - began) / max(crops, 1)


def lossless_bytes(source: Source, planes: list[np.ndarray], clip: Path, folder: Path) -> int:
    """Size of the lossless H.264 file."""
    path = folder / "x.mp4"
    path.unlink(missing_ok=True)
    with VideoReader(clip) as reader:
        info = replace(reader.info, width=source.frames[0].width, height=source.frames[0].height)
    with VideoWriter(path, info, codec="h264") as writer:
        for frame, changed in zip(source.frames, planes, strict=True):
            writer.write(replace(frame, planes=changed))
    return path.stat().st_size


def measure(source: Source, size: int, crops: int, clip: Path | None) -> str:
    """One row of the table."""
    rng = np.random.default_rng(size)
    covers = [frame.planes for frame in source.frames]
    layout, window = source.frames[0].layout, source.window
    payloads = [rng.bytes(size) for _ in range(len(covers) // window)]
    began = time.process_time()
    stego: list[np.ndarray] = []
    for i, payload in enumerate(payloads):
        stego += embed_window(covers[i * window : (i + 1) * window], layout, payload, i)
    embedded = (time.process_time() - began) / len(covers)
    changed = sum(np.count_nonzero(a != b) for a, b in zip(covers, stego, strict=True)) / len(covers)
    assert not any(((a ^ b) & 0xF0).any() for a, b in zip(covers, stego, strict=True))
    decoded, seconds = count_crops(source, stego, payloads, crops)
    grown = "-"
    if clip is not None:
        with tempfile.TemporaryDirectory() as name:
            before, after = (lossless_bytes(source, each, clip, Path(name)) for each in (covers, stego))
        grown = f"{100 * after / before - 100:+.3f} %"
    k = choose_mode(layout, window, size).k
    return (
        f"| {size} B, k = {k} | {psnr(source, stego):.2f} | {changed:.0f} | {decoded} of {crops} | "
        f"{1000 * embedded:.2f} | {seconds:.2f} | {grown} |"
    )


def fastest(work: Callable[[], object], repeats: int = 5) -> float:
    """Least processor time of some repeats."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def measure_speed(source: Source, clip: Path, sizes: list[int]) -> list[str]:
    """Rows with times of the pixel layer, and of the lossless transcode of the same frames."""
    covers = [frame.planes for frame in source.frames][: source.window]
    layout, count = source.frames[0].layout, len(covers)
    part = replace(source, frames=source.frames[:count])
    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.mp4"
        times["lossless H.264, write"] = fastest(lambda: lossless_bytes(part, covers, clip, Path(name)), 2)

        def decode() -> None:
            with VideoReader(path) as reader:
                for _ in reader:
                    pass

        times["lossless H.264, decode"] = fastest(decode, 2)
    for size in sizes:
        payload = np.random.default_rng(size).bytes(size)
        stego = embed_window(covers, layout, payload, 0)
        for where, in_place in (("", False), (", in place", True)):
            planes = [each.copy() for each in covers]
            name = f"embed {size} B{where}"
            times[name] = fastest(lambda: embed_window(planes, layout, payload, 0, in_place=in_place))  # noqa: B023
        times[f"read {size} B"] = fastest(lambda: read_windows(stego, layout, grid=Grid()))  # noqa: B023
    times["read a cover, known place"] = fastest(lambda: read_windows(covers, layout, grid=Grid()))
    times["search a cover, all places"] = fastest(lambda: find_grid(covers, layout, PUBLIC_KEY), 2)
    return [f"| {what} | {1000 * seconds / count:.2f} |" for what, seconds in times.items()]


def measure_once(source: Source, size: int, matrix: bool) -> str:
    """A row without copies: the bits of each frame once, in the whole planes."""
    rng = np.random.default_rng(size)
    bits = rng.integers(0, 2, 8 * -(-size // source.window), dtype=np.uint8)
    covers = [frame.planes for frame in source.frames[: source.window]]
    k = choose_k(covers[0].size, len(bits)) if matrix else 1
    stego = [embed_bits(planes, bits, PUBLIC_KEY, k) for planes in covers]
    part = replace(source, frames=source.frames[: source.window])
    changed = sum(np.count_nonzero(a != b) for a, b in zip(covers, stego, strict=True)) / len(covers)
    return f"| {size} B once, k = {k} | {psnr(part, stego):.2f} | {changed:.0f} | - | - | - | - |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--size", help="scale to WxH")
    parser.add_argument("--rate", type=Fraction, help="frames a second of the clip")
    parser.add_argument("--payload", type=int, nargs="+", default=[69, 80, 118, 500])
    parser.add_argument("--crops", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--lossless", action="store_true")
    parser.add_argument("--speed", action="store_true", help="times alone")
    options = parser.parse_args()
    size = tuple(map(int, options.size.split("x"))) if options.size else None
    for clip in options.clips:
        source = load(clip, options.seconds, size, options.rate)
        first = source.frames[0]
        print(
            f"{source.name}, {first.width}x{first.height}, {float(source.rate):g} frames a second, "
            f"{len(source.frames)} frames\n"
        )
        if options.speed:
            print("| what | ms a frame |")
            print("|---|---|")
            print("\n".join(measure_speed(source, clip, options.payload)) + "\n", flush=True)
            continue
        print("| payload of 2 s | PSNR dB | bytes changed a frame | crops | ms a frame | s a crop | file |")
        print("|---|---|---|---|---|---|---|")
        for payload in options.payload:
            print(measure(source, payload, options.crops, clip if options.lossless else None), flush=True)
        for payload in options.payload[:1] if options.once else ():
            for matrix in (False, True):
                print(measure_once(source, payload, matrix), flush=True)
        print()


if __name__ == "__main__":
    main()
