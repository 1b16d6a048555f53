"""Bytes of a scene in windows of 2 s, beside general formats.

    python benchmarks/payload.py --data DIR [--sequence PETS09-S2L1] [--bound PX]
    python benchmarks/payload.py --clip FILE [--rate FPS] [--bound PX]

DIR holds ``mot15/<sequence>/{gt/gt.txt,seqinfo.ini}``. The annotated boxes are tracked as
``cssv encode --boxes`` tracks them; those of a clip are found by the ``motion`` detector. Every object gets
another temperature and density, with deviations. The priors were learnt by ``payload_priors.py`` on other
sequences. Each window is read back, and the largest errors are printed: of boxes in px, of all other values
as a share of their range.

The other formats hold the same numbers, rounded to the same bounds, each window on its own: ``deltas,
deflated`` the differences of successive frames in columns of 16 bits, ``JSON, deflated`` one list for each
frame and object, both at level 9; ``raw`` thirteen numbers of 16 bits an object and frame.
"""

from __future__ import annotations

import argparse
import json
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from payload_windows import Timed, motion_windows, true_windows

from cssv.payload.envelope import OVERHEAD, open_payload, seal_payload
from cssv.payload.head import write_head
from cssv.payload.models import Models
from cssv.payload.range_coder import UNIT, LengthMeter
from cssv.payload.window import Window
from cssv.payload.window_bytes import read_window, write_window
from cssv.payload.window_states import window_states
from cssv.scene import Ranges
from cssv.template.certainty import planar_certainty, value_certainty
from cssv.template.state import ObjectState

Row = list[int]


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


def rows(timed: Timed) -> list[tuple[int, int, Row]]:
    """Frame, track and whole numbers of every object, rounded to the bounds of the payload."""
    found = []
    for at, states in enumerate(timed.objects):
        for state in states:
            x, y, w, h = state.box_px
            spans = timed.ranges
            speed, warm, dense = (span[1] - span[0] for span in spans.to_json().values())
            box = [round((x + w / 2) / 2), round((y + h) / 2), round(w / 2), round(h / 2)]
            motion = [round(v / speed * 16) for v in (*state.past_px_s, *state.future_px_s)]
            sigma = round(planar_certainty(state.sigma_px_s, spans.speed_px_s) * 16)
            temperature, density = state.temperature_c, state.density_kg_m3
            assert temperature is not None
            assert density is not None
            sensed = [
                round((temperature.value - spans.temperature_c[0]) / warm * 16),
                round(value_certainty(temperature, spans.temperature_c) * 16),
                round((density.value - spans.density_kg_m3[0]) / dense * 16),
                round(value_certainty(density, spans.density_kg_m3) * 16),
            ]
            found.append((at, state.track, [*box, *motion, sigma, *sensed]))
    return found


def deflated_deltas(timed: Timed) -> int:
    """Bytes of the differences within each track, column by column."""
    tracks: dict[int, list[Row]] = {}
    for at, track, numbers in rows(timed):
        tracks.setdefault(track, []).append([at, *numbers])
    columns = []
    for track, table in sorted(tracks.items()):
        values = np.array(table)
        steps = np.diff(values, axis=0, prepend=np.zeros((1, values.shape[1]), int))
        columns.append(np.array([track], np.int16).tobytes() + steps.T.astype(np.int16).tobytes())
    return len(zlib.compress(b"".join(columns), 9))


def deflated_json(timed: Timed) -> int:
    """Bytes of the numbers as compact JSON."""
    text = json.dumps([[at, track, *numbers] for at, track, numbers in rows(timed)], separators=(",", ":"))
    return len(zlib.compress(text.encode(), 9))


def head_size(window: Window) -> float:
    """Bytes of the head: frame number, times, size of the frames, ranges."""
    meter = LengthMeter(Models())
    write_head(meter, window)
    return meter.length / UNIT / 8


def measure(
    windows: Sequence[Timed], bound_px: float, *, halves: bool
) -> tuple[list[int], list[float], Counter[str]]:
    """Bytes of the content of each window and of its head, and the largest errors after reading it back."""
    sizes, heads, worst = [], [], Counter[str]()
    for timed in windows:
        window = timed.fit(bound_px=bound_px, halves=halves)
        content = write_window(window)
        sizes.append(len(content))
        heads.append(head_size(window))
        read: Window = read_window(open_payload(seal_payload(content)))
        for wanted, got in zip(timed.objects, window_states(read), strict=True):
            for one, other in zip(sorted(wanted, key=lambda state: state.track), got, strict=True):
                worst |= Counter(errors(one, other, read.ranges))
    return sizes, heads, worst


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--clip", type=Path, help="in place of a sequence")
    parser.add_argument("--rate", type=Fraction, help="of the clip, if its header is wrong")
    parser.add_argument("--sequence", default="PETS09-S2L1")
    parser.add_argument("--bound", type=float, action="append", help="px, default 1 and 2; may be repeated")
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
    for bound_px in options.bound or (1.0, 2.0):
        for halves in (False, True):
            sizes, heads, worst = measure(windows, bound_px, halves=halves)
            name = f"boxes {bound_px:g} px, attributes, {'both velocities' if halves else 'mean velocity'}"
            mean = np.mean(sizes)
            without, sealed = mean - np.mean(heads), mean + OVERHEAD
            print(f"| {name} | {without:.1f} | {mean:.1f} | {max(sizes)} | {sealed:.1f} |")
            largest = ", ".join(f"{key} {value:.3f}" for key, value in sorted(worst.items()))
            print(f"  errors: {largest}", flush=True)
    for name, size in (("deltas, deflated", deflated_deltas), ("JSON, deflated", deflated_json)):
        found = [size(timed) for timed in windows]
        print(f"| {name} | | {np.mean(found):.1f} | {max(found)} | |")
    raw = [26 * sum(map(len, timed.objects)) for timed in windows]
    print(f"| raw | | {np.mean(raw):.1f} | {max(raw)} | |")


if __name__ == "__main__":
    main()
