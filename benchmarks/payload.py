"""Bytes of a scene in windows of 2 s, by method and beside general formats.

    python benchmarks/payload.py --data DIR [--sequence PETS09-S2L1] [--bound PX] [--detail]
    python benchmarks/payload.py --clip FILE [--rate FPS] [--bound PX] [--detail]

DIR holds ``mot15/<sequence>/{gt/gt.txt,seqinfo.ini}``. The annotated boxes are tracked as
``cssv encode --boxes`` tracks them; those of a clip are found by the ``motion`` detector. Every object gets
another temperature and density, with deviations. The priors were learnt by ``payload_priors.py`` on other
sequences. Each window is read back, and the largest errors are printed: of boxes in px, of all other values
as a share of their range. "A track" is a track within a window.

The rows by method hold the mean velocity, with a bound of 1 px or the first one given. Deltas are always
allowed. The other formats are those of ``payload_rivals.py``; two of them need ``pip install '.[parquet]'``.
``--detail`` adds the bytes of each group of symbols and the share of each method.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from payload_rivals import RIVALS
from payload_windows import Timed, motion_windows, true_windows

from cssv.payload.curves import Method
from cssv.payload.envelope import OVERHEAD, open_payload, seal_payload
from cssv.payload.head import write_head
from cssv.payload.models import Models
from cssv.payload.outlines import SHARE, outline_shares
from cssv.payload.range_coder import UNIT, LengthMeter
from cssv.payload.window import Window
from cssv.payload.window_bytes import put_window, read_window, write_window
from cssv.payload.window_states import window_states
from cssv.scene import Ranges
from cssv.template.certainty import planar_certainty, value_certainty
from cssv.template.state import ObjectState

#: Methods that curves may have, by the name of the row.
METHODS: dict[str, tuple[Method, ...]] = {
    "deltas": (Method.DELTAS,),
    "deltas, second differences": (Method.DELTAS, Method.BENDS),
    "deltas, constants, lines": (Method.DELTAS, Method.CONSTANT, Method.LINE),
    "these and piecewise": (Method.DELTAS, Method.CONSTANT, Method.LINE, Method.PIECEWISE),
    "these and splines": (Method.DELTAS, Method.CONSTANT, Method.LINE, Method.PIECEWISE, Method.SPLINE),
    "all": tuple(Method),
}


class GroupMeter:
    """Length of an encoding by group of symbols: the part of a model's name before the first point."""

    def __init__(self) -> None:
        self._meter = LengthMeter(Models())
        self.models = self._meter.models
        self.lengths = Counter[str]()
        self._group = "head"

    def put_bit(self, model: str, node: int, bit: int) -> None:
        self._group = model.partition(".")[0]
        self._count(lambda: self._meter.put_bit(model, node, bit))

    def put_raw(self, value: int, bits: int) -> None:
        # Raw bits belong to the symbol before them.
        self._count(lambda: self._meter.put_raw(value, bits))

    def _count(self, put: Callable[[], None]) -> None:
        before = self._meter.length
        put()
        self.lengths[self._group] += self._meter.length - before


def errors(wanted: ObjectState, got: ObjectState, ranges: Ranges) -> dict[str, float]:
    """Errors of one object in one frame."""
    (x, y, w, h), (left, top, wide, high) = wanted.box_px, got.box_px
    found = {
        "box, px": max(
            abs(x + w / 2 - left - wide / 2), abs(y + h - top - high), abs(w - wide), abs(h - high)
        )
    }
    speed = ranges.speed_px_s
    for name in ("velocity_px_s", "past_px_s", "future_px_s"):
        found[name] = math.dist(getattr(wanted, name), getattr(got, name)) / (speed[1] - speed[0])
    found["certainty of motion"] = abs(
        planar_certainty(wanted.sigma_px_s, speed) - planar_certainty(got.sigma_px_s, speed)
    )
    for name in ("temperature_c", "density_kg_m3"):
        span, true, value = getattr(ranges, name), getattr(wanted, name), getattr(got, name)
        found[name] = abs(true.value - value.value) / (span[1] - span[0])
        found[f"certainty of {name}"] = abs(value_certainty(true, span) - value_certainty(value, span))
    return found


def outline_errors(timed: Timed, window: Window) -> dict[str, float]:
    """Root mean square of the errors of shares: of the mean of a segment, and of every frame."""
    means, frames = [], []
    for segment in window.segments:
        shares = [
            each[segment.track]
            for each in (timed.outlines or ())[segment.start : segment.start + segment.count]
            if segment.track in each
        ]
        if segment.outline is not None:
            held = outline_shares(segment.outline) / SHARE
            means.append(np.mean((np.mean(shares, axis=0) - held) ** 2))
            frames.append(np.mean((np.array(shares) - held) ** 2))
    return {
        "outline, mean of a segment": math.sqrt(np.mean(means or [0.0])),
        "outline, every frame": math.sqrt(np.mean(frames or [0.0])),
    }


def head_size(window: Window) -> float:
    """Bytes of the head: frame number, times, size of the frames, ranges."""
    meter = LengthMeter(Models())
    write_head(meter, window)
    return meter.length / UNIT / 8


def measure(
    windows: Sequence[Timed], bound_px: float, *, halves: bool, outlines: bool = False
) -> tuple[list[int], list[float], Counter[str]]:
    """Bytes of the content of each window and of its head, and the largest errors after reading it back."""
    sizes, heads, worst = [], [], Counter[str]()
    for timed in windows:
        window = timed.fit(bound_px=bound_px, halves=halves, outlines=outlines)
        if outlines:
            worst |= Counter(outline_errors(timed, window))
        content = write_window(window)
        sizes.append(len(content))
        heads.append(head_size(window))
        read: Window = read_window(open_payload(seal_payload(content)))
        for wanted, got in zip(timed.objects, window_states(read), strict=True):
            for one, other in zip(sorted(wanted, key=lambda state: state.track), got, strict=True):
                worst |= Counter(errors(one, other, read.ranges))
    return sizes, heads, worst


def tracks_of(timed: Timed) -> int:
    """Number of different tracks of a window."""
    return len({state.track for states in timed.objects for state in states})


def print_methods(windows: Sequence[Timed], bound_px: float) -> None:
    """Print the rows by method and those of the other formats."""
    tracks = sum(map(tracks_of, windows))
    print("\n| methods | bytes a window | bytes a track |\n|---|---|---|")
    for name, methods in METHODS.items():
        sizes = [
            len(write_window(each.fit(bound_px=bound_px, halves=False, methods=methods))) for each in windows
        ]
        print(f"| {name} | {np.mean(sizes):.1f} | {sum(sizes) / tracks:.1f} |", flush=True)
    for name, size in RIVALS.items():
        found = [size(timed) for timed in windows]
        print(f"| {name} | {np.mean(found):.1f} | {sum(found) / tracks:.1f} |", flush=True)


def print_detail(windows: Sequence[Timed], bound_px: float) -> None:
    """Print the bytes of each group of symbols, the share of each method, and the times."""
    groups, methods = Counter[str](), Counter[str]()
    began = time.process_time()
    fitted = [each.fit(bound_px=bound_px, halves=False) for each in windows]
    fit_s = time.process_time() - began
    contents = [write_window(window) for window in fitted]
    began = time.process_time()
    for content in contents:
        window_states(read_window(content))
    read_s = time.process_time() - began
    for window in fitted:
        meter = GroupMeter()
        put_window(meter, window)
        groups.update(meter.lengths)
        methods.update(curve.method.name.lower() for segment in window.segments for curve in segment.curves)
    scale = UNIT * 8 * len(windows)
    print("  bytes a window: " + ", ".join(f"{name} {n / scale:.1f}" for name, n in groups.most_common()))
    total = methods.total()
    print("  curves: " + ", ".join(f"{name} {n / total:.0%}" for name, n in methods.most_common()))
    print(
        f"  ms of processor time a window: fit {1e3 * fit_s / len(windows):.1f}, "
        f"read {1e3 * read_s / len(windows):.1f}",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--clip", type=Path, help="in place of a sequence")
    parser.add_argument("--rate", type=Fraction, help="of the clip, if its header is wrong")
    parser.add_argument("--sequence", default="PETS09-S2L1")
    parser.add_argument("--bound", type=float, action="append", help="px, default 1 and 2; may be repeated")
    parser.add_argument("--detail", action="store_true")
    options = parser.parse_args(arguments)
    if (options.data is None) == (options.clip is None):
        parser.error("give either --data or --clip")
    if options.clip:
        windows, name = motion_windows(options.clip, options.rate), options.clip.name
    else:
        windows, name = true_windows(options.data / "mot15" / options.sequence), options.sequence
    objects = [len(states) for timed in windows for states in timed.objects]
    crowd = f"{np.mean(objects):.1f} objects a frame, up to {max(objects)}"
    print(f"{name}: {len(windows)} windows, {crowd}")
    print("| what | objects alone | bytes a window | most | with envelope |")
    print("|---|---|---|---|---|")
    kinds = [("mean velocity", False, False), ("both velocities", True, False)]
    if windows[0].outlines is not None:
        kinds.append(("mean velocity, outlines", False, True))
    for bound_px in options.bound or (1.0, 2.0):
        for kind, halves, outlines in kinds:
            sizes, heads, worst = measure(windows, bound_px, halves=halves, outlines=outlines)
            name = f"boxes {bound_px:g} px, attributes, {kind}"
            mean = np.mean(sizes)
            without, sealed = mean - np.mean(heads), mean + OVERHEAD
            print(f"| {name} | {without:.1f} | {mean:.1f} | {max(sizes)} | {sealed:.1f} |")
            largest = ", ".join(f"{key} {value:.3f}" for key, value in sorted(worst.items()))
            print(f"  errors: {largest}", flush=True)
    bound_px = options.bound[0] if options.bound else 1.0
    if options.detail:
        print_detail(windows, bound_px)
    print_methods(windows, bound_px)


if __name__ == "__main__":
    main()
