"""Robust carrier after random changes of the geometry: whole windows recovered, errors, time, false locks.

``python benchmarks/robust_geometry.py CLIP... [--seconds S] [--first I] [--trials N] [--crf N] [--step STEP]
[--payload CLASS] [--results FILE]``, ``--summary FILE...``, ``[--unmarked N [--own-size] [--first I]]``

A trial embeds all layers with random payloads, crops, scales, adds bars, cuts the beginning off and changes
the frame rate at random, encodes by x264 and reads as a reader does that knows nothing. A whole window is one
of which all frames were received. It counts if its payload comes back with its checksum. An error is that
of the worst side of what is seen of the original, in pixels of the original. Trials are independent of each
other; ``--first`` and ``--trials`` choose some of them, so that a table can be made in pieces: ``--results``
adds a line of JSON for each trial to a file, and ``--summary`` makes the table from such files.

``--unmarked`` searches in windows of 4 s that carry nothing for their reader: random pieces of the clips,
cropped, scaled, with bars and at other speeds, each with a key of its own; every fourth one carries the marks
of another key. ``synthetic`` in place of a clip makes noise, flicker, gradients, and pictures that stand
still or move. "Forced" is the score of the known chips at the best place of the pilot, however low its score,
after the climb: what the threshold of the known chips must exceed. Times are processor time.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cssv.carriers.robust.channel import ChannelReader
from cssv.carriers.robust.codewords import OVERHEAD, write_codeword
from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.lattice import SLOTS_OF_WINDOW
from cssv.carriers.robust.lock import Lock, confirm, find_lock, improve
from cssv.carriers.robust.marks import MarkWriter
from cssv.carriers.robust.pilot import slot_of
from cssv.carriers.robust.qim import SLOT_CLASSES, Strength
from cssv.carriers.robust.search import find_geometry
from cssv.frames import U8, split_planes
from cssv.testing.received import Edit, transcode
from cssv.video import VideoReader

KEY = bytes(range(32))
KINDS = ("scale", "crop", "crop, scale", "scale, bars", "rate", "crop, scale, rate")
#: Received pixels of the picture, without bars.
SIZES = ((100_000, 1 << 40), (60_000, 100_000), (0, 60_000))
UNMARKED_S = 4


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


def load(clip: Path, seconds: float, start: float = 0) -> Source:
    """Frames of a clip."""
    with VideoReader(clip) as reader:
        rate = Fraction(reader.info.rate)
        first = int(start * rate)
        frames = islice(reader, first, first + int(seconds * rate))
        return Source(clip.stem, [frame.planes for frame in frames], rate)


@dataclass(frozen=True)
class Marked:
    """A clip with all layers.

    Attributes:
        planes: of the frames.
        payloads: of the windows.
        decibels: PSNR of luma.
    """

    planes: list[U8]
    payloads: list[bytes]
    decibels: float


def embed(source: Source, step: int, class_bytes: int, key: bytes = KEY) -> Marked:
    """The clip with random payloads."""
    width, height = source.size
    writer, rng = MarkWriter(height, width, key), np.random.default_rng(class_bytes)
    marked = Marked([], [], 0.0)
    error = 0.0
    for number, planes in enumerate(source.planes):
        slot = slot_of(number / source.rate)
        while len(marked.payloads) <= slot // SLOTS_OF_WINDOW:
            marked.payloads.append(rng.bytes(class_bytes - OVERHEAD))
        codeword = write_codeword(marked.payloads[slot // SLOTS_OF_WINDOW], class_bytes, key)
        changed = planes.copy()
        changed[:height] = writer.embed(planes[:height], writer.chips(codeword, slot), slot, Strength(step))
        error += float(np.square(changed[:height].astype(np.float32) - planes[:height]).mean())
        marked.planes.append(changed)
    decibels = 10 * np.log10(255**2 * len(source.planes) / max(error, 1e-9))
    return Marked(marked.planes, marked.payloads, float(decibels))


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
    """One received clip.

    Attributes:
        clip: its name.
        setting: step, class and rate factor of the encode.
        kind: of the edit.
        pixels: received, without bars.
        seconds: received.
        error: of the geometry in pixels; infinite if there is no lock.
        slots: share of the frames with the right slot.
        sigmas: score of the known chips.
        right: whole windows that came back.
        whole: windows of which all frames were received.
        parts: other windows that came back.
        search_s: processor time of the search.
        number: of the trial.
    """

    clip: str
    setting: str
    number: int
    kind: str
    pixels: int
    seconds: float
    error: float
    slots: float
    sigmas: float
    right: int
    whole: int
    parts: int
    search_s: float


def read_windows(lock: Lock, lumas: Sequence[U8], times: Sequence[Fraction], class_bytes: int) -> set[bytes]:
    """Payloads of all windows that can be read."""
    reader = ChannelReader(lock.area, None, KEY)
    for luma, at in zip(lumas, times, strict=True):
        reader.add(lock.luma(luma), lock.slot(at))
    windows = sorted({lock.slot(at) // SLOTS_OF_WINDOW for at in times})
    found = (reader.read_window(window, (class_bytes,)) for window in windows)
    return {payload for payload in found if payload is not None}


def run_trial(
    source: Source, marked: Marked, number: int, arguments: argparse.Namespace
) -> tuple[str, Trial]:
    """One random edit, and what comes back."""
    rng = np.random.default_rng([11, zlib.crc32(source.name.encode()), number])
    kind = KINDS[number % len(KINDS)]
    edit = draw_edit(rng, source.size, kind, number)
    numbers, rate = retime(rng, len(marked.planes), source.rate, kind, number)
    received = transcode([edit.apply(marked.planes[i]) for i in numbers], rate, arguments.crf)
    lumas = [np.ascontiguousarray(split_planes(planes, "yuv420p")[0]) for planes in received]
    times = [Fraction(i) / rate for i in range(len(lumas))]
    began = time.process_time()
    lock = find_lock(lumas, times, KEY, full_search=True)
    seconds = time.process_time() - began
    # Windows whose first and last frame were received.
    sent = [number / source.rate for number in (numbers[0], numbers[-1] + 1)]
    whole = [w for w in range(len(marked.payloads)) if sent[0] <= 2 * w and 2 * (w + 1) <= sent[1]]
    error, slots, sigmas, found = np.inf, 0.0, 0.0, set[bytes]()
    if lock is not None:
        slots_sent = [slot_of(n / source.rate) for n in numbers]
        right = [
            (lock.slot(at) - slot) % SLOT_CLASSES == 0 for at, slot in zip(times, slots_sent, strict=True)
        ]
        error, slots, sigmas = edit.error(lock.geometry), float(np.mean(right)), lock.clock.sigmas
        found = read_windows(lock, lumas, times, arguments.payload)
    good = [w for w, payload in enumerate(marked.payloads) if payload in found]
    trial = Trial(
        source.name,
        f"step {arguments.step}, {arguments.payload} B, CRF {arguments.crf}",
        number,
        kind,
        edit.size[0] * edit.size[1],
        float(len(lumas) / rate),
        error,
        slots,
        sigmas,
        len(set(good) & set(whole)),
        len(whole),
        len(set(good) - set(whole)),
        seconds,
    )
    line = (
        f"{source.name} {number}, {kind} {edit.crop} to {edit.size[0]}x{edit.size[1]}, bars {edit.bars[0]}, "
        f"{trial.seconds:.1f} s: {error:.2f} px, slots {slots:.3f}, {sigmas:.0f} sigmas, "
        f"{trial.right} of {trial.whole} whole windows, {trial.parts} of others, {seconds:.2f} s"
    )
    return line, trial


def summarise(trials: Sequence[Trial]) -> None:
    """Print a table of trials by clip, setting and size."""
    print(
        "\n| clip | setting | pixels | locks | within .3 px | a payload | whole windows | "
        "s, median (most) |\n|---|---|---|---|---|---|---|---|"
    )
    groups = sorted({(each.clip, each.setting) for each in trials})
    for names in [*[[group] for group in groups], groups]:
        clip, setting = names[0] if len(names) == 1 else ("**all**", "")
        for low, high in SIZES:
            some = [t for t in trials if (t.clip, t.setting) in names and low <= t.pixels < high and t.whole]
            if not some:
                continue
            seconds = [each.search_s for each in some]
            sizes = f"{low:,} to {high:,}" if high < 1 << 40 else f"{low:,} or more"
            print(
                f"| {clip} | {setting} | {sizes} | "
                f"{sum(np.isfinite(t.error) for t in some)} of {len(some)} | "
                f"{sum(t.error <= 0.3 for t in some)} | "
                f"{sum(t.right + t.parts > 0 for t in some)} of {len(some)} | "
                f"{sum(t.right for t in some)} of {sum(t.whole for t in some)} | "
                f"{np.median(seconds):.2f} ({max(seconds):.2f}) |"
            )


# Clips that carry nothing


def draw_synthetic(number: int) -> Source:
    """A clip of a kind that might look like a carrier: 320x240 or larger, 5 s."""
    rng = np.random.default_rng([5, number])
    width, height = (320, 240) if number % 2 else (480, 272)
    rate, kind = Fraction((24, 25, 30, 10)[number // 6 % 4]), number % 6
    noise = rng.standard_normal((height + 64, width + 256)).astype(np.float32)
    texture = sum(s * cv2.GaussianBlur(noise, (0, 0), s) for s in (1, 3, 9))
    texture = 125 + 25 * texture / texture.std()
    ramp = np.add.outer(np.arange(height), np.arange(width)) * rng.uniform(0.05, 0.3)
    planes = []
    for i in range(int(5 * rate)):
        second = int(i / rate)
        still = texture[:height, :width]
        picture = {
            0: still,
            1: still + rng.normal(0, 3, (height, width)),
            2: still * (1 + 0.08 * (-1) ** second),
            3: rng.uniform(0, 255, (height, width)),
            4: ramp + 40 * np.sin(i / 9),
            5: texture[:height, (2 * i) % 200 : (2 * i) % 200 + width],
        }[kind]
        grey = np.full((height * 3 // 2, width), 128, np.uint8)
        grey[:height] = np.clip(np.rint(picture), 0, 255)
        planes.append(grey)
    return Source("synthetic", planes, rate)


def draw_unmarked(clips: Sequence[Source], number: int) -> tuple[list[U8], list[Fraction], bytes]:
    """Lumas, times and a key of a window that carries nothing for this key."""
    rng = np.random.default_rng([7, number])
    source = clips[number % len(clips)] if clips else draw_synthetic(number)
    count = min(int(UNMARKED_S * source.rate), len(source.planes))
    first = int(rng.integers(0, len(source.planes) - count + 1))
    piece = Source(source.name, source.planes[first : first + count], source.rate)
    if number % 4 == 3:
        piece = Source(source.name, embed(piece, 28, 64, rng.bytes(32)).planes, source.rate)
    kind = KINDS[number // max(len(clips), 1) % len(KINDS)]
    edit = draw_edit(rng, piece.size, kind, number)
    lumas = [np.ascontiguousarray(split_planes(edit.apply(each), "yuv420p")[0]) for each in piece.planes]
    rate = piece.rate * (Fraction(1), Fraction(25, 24), Fraction(24, 25))[number % 3]
    return lumas, [Fraction(k) / rate for k in range(count)], rng.bytes(32)


def search_unmarked(clips: Sequence[Source], number: int, *, full_search: bool) -> dict[str, Any]:
    """Scores of a window that carries nothing, and whether a reader finds a lock in it."""
    lumas, times, key = draw_unmarked(clips, number)
    began = time.process_time()
    lock = find_lock(lumas, times, key, full_search=full_search)
    result: dict[str, Any] = {
        "clip": clips[number % len(clips)].name if clips else "synthetic",
        "number": number,
        "false": int(lock is not None),
        "full_s" if full_search else "own_s": time.process_time() - began,
    }
    height, width = lumas[0].shape
    own = confirm(Geometry.identity(width, height), lumas, times, key, -np.inf)
    result["own"] = own.clock.sigmas if own else 0.0
    if not full_search:
        return result
    if number % 8 == 0:
        began = time.process_time()
        find_lock(lumas, times, key, full_search=False)
        result["own_s"] = time.process_time() - began
    if number % 4 == 0:
        found = find_geometry(lumas, times, key, least_score=0.0)
        result["pilot"] = found.score
        if found.geometry is not None:
            forced = confirm(improve(found.geometry, lumas, times, key), lumas, times, key, -np.inf)
            result["forced"] = forced.clock.sigmas if forced else 0.0
    return result


def summarise_unmarked(results: Sequence[dict[str, Any]]) -> None:
    """Print a table of windows that carry nothing."""
    print(
        "\n| clip | windows, full search | false locks | known chips, own place: 99 %, most | "
        "forced: windows, most | pilot, most | s own, most | s full, median (most) |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    names = sorted({each["clip"] for each in results})
    for group in [*[[name] for name in names], names]:
        some = [each for each in results if each["clip"] in group]
        own, forced, pilot, own_s, full_s = (
            np.array([each[key] for each in some if key in each])
            for key in ("own", "forced", "pilot", "own_s", "full_s")
        )
        print(
            f"| {group[0] if len(group) == 1 else '**all**'} | {len(some)}, {len(full_s)} | "
            f"{sum(each['false'] for each in some)} | {np.quantile(own, 0.99):.1f}, {own.max():.1f} | "
            f"{len(forced)}, {forced.max(initial=0):.1f} | {pilot.max(initial=0):.1f} | "
            f"{own_s.max(initial=0):.2f} | {np.median(full_s) if len(full_s) else 0:.2f} "
            f"({full_s.max(initial=0):.2f}) |"
        )


def read_results(files: Sequence[Path]) -> tuple[list[Trial], list[dict[str, Any]]]:
    """Trials, and windows that carry nothing, of earlier runs."""
    trials, unmarked = [], []
    for file in files:
        for line in file.read_text().splitlines():
            found = json.loads(line)
            if "false" in found:
                unmarked.append(found)
            else:
                trials.append(Trial(**found))
    return trials, unmarked


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=5.2)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--trials", type=int, default=15)
    parser.add_argument("--crf", type=int, default=23)
    parser.add_argument("--step", type=int, default=28)
    parser.add_argument("--payload", type=int, default=128)
    parser.add_argument("--unmarked", type=int, default=0, help="windows of 4 s that carry nothing")
    parser.add_argument("--own-size", action="store_true", help="search unmarked windows for no other size")
    parser.add_argument("--results", type=Path, help="file that a line of JSON is added to for each trial")
    parser.add_argument("--summary", nargs="+", type=Path, help="files of results to make the table from")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.summary:
        trials, unmarked = read_results(arguments.summary)
    else:
        trials, unmarked = run(arguments)
    if trials:
        summarise(trials)
    if unmarked:
        summarise_unmarked(unmarked)


def run(arguments: argparse.Namespace) -> tuple[list[Trial], list[dict[str, Any]]]:
    """All trials that the arguments ask for."""
    trials, unmarked = [], []
    chosen = range(arguments.first, arguments.first + (arguments.unmarked or arguments.trials))
    if arguments.unmarked:
        clips = [load(clip, 60) for clip in arguments.clips if clip.name != "synthetic"]
        for number in chosen:
            unmarked.append(search_unmarked(clips, number, full_search=not arguments.own_size))
            note(arguments.results, unmarked[-1])
        return [], unmarked
    for clip in arguments.clips:
        source = load(clip, arguments.seconds)
        marked = embed(source, arguments.step, arguments.payload)
        print(f"{source.name}, {marked.decibels:.1f} dB", flush=True)
        for number in chosen:
            line, trial = run_trial(source, marked, number, arguments)
            trials.append(trial)
            note(arguments.results, asdict(trial))
            print(line, flush=True)
    return trials, unmarked


def note(file: Path | None, found: dict[str, Any]) -> None:
    """Add a line to the results."""
    if file is not None:
        with file.open("a") as output:
            output.write(json.dumps(found, default=float) + "\n")


if __name__ == "__main__":
    main()
