"""Geometry of the robust carrier: pilots found, errors, time, and scores where nothing is hidden.

``python benchmarks/robust_geometry.py CLIP... [--seconds S] [--trials N] [--crf N] [--unmarked N]``

The pilot is embedded together with a stand-in for the other layers: dithered quantisation of the five lowest
coefficients, every sixteenth of them with a known bit. Each trial crops, scales, adds bars, cuts the
beginning off and changes the frame rate at random, and encodes by x264. An error is that of the worst side
of what is seen of the original, in pixels of the original: after the fit of tiles, and after a climb on the
known bits. ``--unmarked`` searches in random windows of the unmarked clips, cropped and scaled too, each with
a key of its own. Times are processor time.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from cssv.carriers.robust.climb import climb
from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.pilot import BLOCK, F32, pilot_pattern, slot_of, slot_sign
from cssv.carriers.robust.resampling import resample
from cssv.carriers.robust.search import Found, find_geometry
from cssv.frames import U8, split_planes
from cssv.testing.received import Edit, transcode
from cssv.video import VideoReader

KEY = bytes(range(32))
KINDS = ("scale", "crop", "crop, scale", "scale, bars", "rate", "crop, scale, rate")
#: Step of the stand-in, share of the way to the lattice point, and coefficients.
STEP, WAY = np.float32(43), np.float32(0.6)
LOWEST = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
LUMA_FRAMES = 8


@dataclass(frozen=True)
class Source:
    """A clip in native planes."""

    name: str
    planes: list[U8]
    rate: Fraction

    @property
    def size(self) -> tuple[int, int]:
        rows, width = self.planes[0].shape
        return width, rows * 2 // 3


def load(clip: Path, seconds: float) -> Source:
    with VideoReader(clip) as reader:
        rate = Fraction(reader.info.rate)
        return Source(clip.stem, [frame.planes for frame in islice(reader, int(seconds * rate))], rate)


# The stand-in for the other layers


def waves() -> F32:
    n = np.arange(BLOCK)
    rows = [np.sqrt((1 if k == 0 else 2) / BLOCK) * np.cos(np.pi * (2 * n + 1) * k / 32) for k in range(3)]
    return np.stack(rows).astype(np.float32)


def basis() -> F32:
    return np.stack([np.outer(waves()[v], waves()[h]) for v, h in LOWEST])


def coefficients(luma: F32) -> F32:
    rows, columns = luma.shape[0] // BLOCK, luma.shape[1] // BLOCK
    lines = luma[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, -1)
    down = np.matmul(waves(), lines).reshape(rows, 3, columns, BLOCK)
    both = down @ waves().T
    return np.stack([both[:, v, :, h] for v, h in LOWEST], axis=2)


def dithers(slot: int, rows: int, columns: int) -> F32:
    """Dithers of the blocks from the top left of the sender's picture."""
    return dither_plane(slot % 4)[:rows, :columns]


@lru_cache
def dither_plane(slot_class: int) -> F32:
    return np.random.default_rng(slot_class).random((128, 128, len(LOWEST)), dtype=np.float32) * STEP


@lru_cache
def known(rows: int, columns: int) -> np.ndarray:
    y, x, k = np.meshgrid(np.arange(rows), np.arange(columns), np.arange(len(LOWEST)), indexing="ij")
    return (3 * x + 5 * y + 7 * k) % 16 == 0


def embed(source: Source) -> list[U8]:
    """Stego planes: the pilot, and random bits."""
    width, height = source.size
    pattern, stego = pilot_pattern(KEY, width, height), []
    rows, columns = height // BLOCK, width // BLOCK
    for number, planes in enumerate(source.planes):
        slot = slot_of(number / source.rate)
        bits = np.random.default_rng(100 + slot).integers(0, 2, (rows, columns, len(LOWEST)))
        bits[known(rows, columns)] = 0
        luma = planes[:height].astype(np.float32)
        off = coefficients(luma) - dithers(slot, rows, columns) - bits * np.float32(STEP / 2)
        change = np.rint(off / STEP) * STEP - off
        drawn = np.einsum("rck,kyx->rycx", WAY * change, basis(), optimize=True)
        luma += pattern * slot_sign(slot)
        luma[: rows * BLOCK, : columns * BLOCK] += drawn.reshape(rows * BLOCK, columns * BLOCK)
        changed = planes.copy()
        changed[:height] = np.clip(np.rint(luma), 0, 255)
        stego.append(changed)
    return stego


class KnownBits:
    """Agreement of the known bits in some frames, as a score of geometries."""

    def __init__(self, lumas: list[U8], times: list[Fraction]) -> None:
        some = np.linspace(0, len(lumas) - 1, LUMA_FRAMES).astype(int)
        self.frames = [(lumas[i], times[i]) for i in some]
        self.calls = 0

    def __call__(self, geometry: Geometry) -> float:
        self.calls += 1
        left, top, columns, rows = geometry.blocks(BLOCK)
        if min(columns, rows) < 1:
            return -1.0
        places = known(top + rows, left + columns)[top:, left:]
        scores = np.zeros((len(self.frames), 2))
        for i, (luma, at) in enumerate(self.frames):
            region = left * BLOCK, top * BLOCK, columns * BLOCK, rows * BLOCK
            found = coefficients(resample(luma, geometry, region))
            for half in (0, 1):
                # The pilot tells slots modulo 2, the dithers repeat after 4.
                dither = dithers(geometry.slot_of(at) + 2 * half, top + rows, left + columns)[top:, left:]
                scores[i, half] = np.cos(2 * np.pi / STEP * (found - dither))[places].mean()
        return float(scores.mean(0).max())


# Trials


def draw_edit(rng: np.random.Generator, size: tuple[int, int], kind: str, trial: int) -> Edit:
    """A random edit of a kind."""
    width, height = size
    share = (0.6 if trial % 12 in (1, 2) else rng.uniform(0.6, 0.95)) if "crop" in kind else 1.0
    scale = {0: 0.75, 6: 0.5, 12: 2 / 3}.get(trial, rng.uniform(0.5, 1)) if "scale" in kind else 1.0
    stretch = rng.choice([1, 1, 1.002, 0.998])
    w, h = (int(side * share) // 2 * 2 for side in size)
    left, top = (int(rng.integers(0, (side - part) // 2 + 1)) * 2 for side, part in ((width, w), (height, h)))
    if "scale" not in kind:
        return Edit((left, top, w, h), (w, h))
    to = int(w * scale) // 2 * 2, int(h * scale * stretch) // 2 * 2
    bars = (int(rng.integers(4, 30)) * 4, 0) if "bars" in kind else (0, 0)
    how = (cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LINEAR)[trial % 3]
    return Edit((left, top, w, h), to, bars, how)


def retime(
    rng: np.random.Generator, count: int, rate: Fraction, kind: str, trial: int
) -> tuple[np.ndarray, Fraction]:
    """Numbers of the frames that are received, and their rate."""
    first = int(rng.integers(0, int(rate) + 1))
    if "rate" not in kind:
        return np.arange(first, count), rate
    if trial % 12 < 6:
        faster = rate * Fraction(6, 5)
        number = np.floor(np.arange(int((count - first) * 1.2)) / 1.2 + 0.01).astype(int)
        return first + number, faster
    return np.arange(first, count), rate * Fraction(25, 24)


@dataclass(frozen=True)
class Trial:
    """One received clip."""

    pixels: int
    found: bool
    fitted: float = np.inf
    climbed: float = np.inf
    bits: float = 0.0
    seconds: float = 0.0
    calls: int = 0
    timing: bool = False


def run_trial(
    source: Source, stego: list[U8], trial: int, crf: int, rng: np.random.Generator
) -> tuple[str, Trial]:
    kind = KINDS[trial % len(KINDS)]
    edit = draw_edit(rng, source.size, kind, trial)
    numbers, rate = retime(rng, len(stego), source.rate, kind, trial)
    received = transcode([edit.apply(stego[i]) for i in numbers], rate, crf)
    lumas = [split_planes(planes, "yuv420p")[0] for planes in received]
    times = [Fraction(i) / rate for i in range(len(lumas))]
    width, height = edit.received
    title = f"{kind} {edit.crop} to {width}x{height}, bars {edit.bars[0]}"
    began = time.process_time()
    found = find_geometry(lumas, times, KEY)
    seconds = time.process_time() - began
    if found.geometry is None:
        return f"{title}: not found, score {found.score:.1f}", Trial(width * height, False, seconds=seconds)
    bits = KnownBits(lumas, times)
    climbed, score = climb(found.geometry, bits)
    errors = [edit.error(each) for each in (found.geometry, climbed)]
    sent = [slot_of(number / source.rate) % 2 for number in numbers]
    right = np.mean([found.geometry.slot_of(at) % 2 == slot for at, slot in zip(times, sent, strict=True)])
    result = Trial(width * height, True, *errors, score, seconds, bits.calls, bool(right > 0.98))
    line = (
        f"{title}: score {found.score:.1f}, {errors[0]:.2f} then {errors[1]:.2f} px, known bits {score:.2f}, "
        f"slots {right:.3f}, speed {found.geometry.time_scale}, {seconds:.2f} s, {bits.calls} calls"
    )
    return line, result


def summarise(name: str, trials: list[Trial]) -> None:
    print(
        f"\n| {name} | found | fit, median | within 1 px | climbed, within .3 px | slots | s, median (most) |"
    )
    print("|---|---|---|---|---|---|---|")
    for low, high in ((0, 60_000), (60_000, 100_000), (100_000, 1 << 40)):
        some = [each for each in trials if low <= each.pixels < high]
        if not some:
            continue
        got = [each for each in some if each.found]
        fitted, climbed = ([getattr(each, key) for each in got] for key in ("fitted", "climbed"))
        seconds = [each.seconds for each in some]
        print(
            f"| {low:,} pixels or more | {len(got)} of {len(some)} | {np.median(fitted or [np.inf]):.2f} | "
            f"{sum(each <= 1 for each in fitted)} | {sum(each <= 0.3 for each in climbed)} | "
            f"{sum(each.timing for each in got)} | {np.median(seconds):.2f} ({max(seconds):.2f}) |"
        )


def search_unmarked(
    source: Source, windows: int, seconds: float, rng: np.random.Generator
) -> list[tuple[float, float, float]]:
    """Score, seconds, and seconds for the own size alone of random windows."""
    results = []
    count = min(int(seconds * source.rate), len(source.planes))
    for i in range(windows):
        first = int(rng.integers(0, len(source.planes) - count + 1))
        edit = draw_edit(rng, source.size, KINDS[i % len(KINDS)], i)
        planes = [edit.apply(each) for each in source.planes[first : first + count]]
        lumas = [split_planes(each, "yuv420p")[0] for each in planes]
        times = [Fraction(k) / source.rate for k in range(count)]
        # Each window has a key of its own: what is measured is chance.
        key = rng.bytes(32)
        took = []
        found = Found(None, 0.0)
        for own in (True, False):
            began = time.process_time()
            found = find_geometry(lumas, times, key, own_size_only=own)
            took.append(time.process_time() - began)
        results.append((found.score, took[1], took[0]))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=5.2)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--crf", type=int, default=23)
    parser.add_argument(
        "--unmarked", type=int, default=0, help="windows of 4 s to search in the unmarked clip"
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for clip in arguments.clips:
        rng = np.random.default_rng(11)
        if arguments.trials:
            source = load(clip, arguments.seconds)
            stego, trials = embed(source), []
            for trial in range(arguments.trials):
                line, result = run_trial(source, stego, trial, arguments.crf, rng)
                trials.append(result)
                print(f"{source.name}, {line}", flush=True)
            summarise(f"{source.name}, CRF {arguments.crf}", trials)
        if arguments.unmarked:
            results = np.array(search_unmarked(load(clip, 60), arguments.unmarked, 4, rng))
            scores, full, own = results.T
            high = np.quantile(scores, 0.99)
            print(
                f"\n{clip.stem}, {len(scores)} unmarked windows: scores up to {scores.max():.2f}, "
                f"99 % {high:.2f}, mean {scores.mean():.2f}; s, median (most): full {np.median(full):.2f} "
                f"({full.max():.2f}), own size {np.median(own):.2f} ({own.max():.2f})"
            )


if __name__ == "__main__":
    main()
