"""Whether short expressions would shorten the curves of a window of 2 s.

    python benchmarks/payload_expressions.py --data DIR

A curve of a window is a constant, a line, piecewise linear, a spline or a value for every frame. This script
looks for expressions that could replace the dear ones, those above DEAR_BITS: with least squares on fixed
rates, over 1, t, t^2, t^3; over 1, t and e^(at); over 1, t, sin and cos of one frequency; and over two
frequencies. An expression counts if its largest error is within the bound, before its numbers are rounded.
Its assumed length is favourable: BITS_A_NUMBER for each number, rates included, and 4 for the method.

The first table is of objects that swing exactly, 25 frames a second, beside noise of 0.3 px. The second is of
annotated and detected boxes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from payload_windows import Timed, detected_windows, motion_windows, true_windows

from cssv.payload.channels import F64, bound_of
from cssv.payload.curves import I64, evaluate, time_axis, write_curve
from cssv.payload.expectation import Expectation
from cssv.payload.fitting import fit_curve
from cssv.payload.models import Models
from cssv.payload.range_coder import UNIT, LengthMeter
from cssv.payload.window import Window

DEAR_BITS, BITS_A_NUMBER, BITS_OF_METHOD = 64, 8, 4
RATES = (-16.0, -8.0, -4.0, -2.0, 2.0, 4.0, 8.0, 16.0)
WINDOWS, CURVES = 15, 200


def families(frames: int, axis: I64) -> Iterator[tuple[str, int, F64]]:
    """Name, number of numbers and matrix of each family and rate."""
    t = axis / 65536
    one = np.ones_like(t)
    yield "cubic", 4, np.stack([one, t, t**2, t**3], axis=1)
    for rate in RATES:
        yield "exponential", 4, np.stack([one, t, np.exp(rate * t)], axis=1)
    for cycles in np.arange(0.5, min(frames / 3, 16), 0.05):
        turn = 2 * np.pi * cycles * t
        wave = [one, t, np.sin(turn), np.cos(turn)]
        yield "one frequency", 5, np.stack(wave, axis=1)
        yield "two frequencies", 7, np.stack([*wave, np.sin(2 * turn), np.cos(2 * turn)], axis=1)


def shortest(values: F64, axis: I64, bound: int) -> tuple[str, int] | None:
    """Name and bits of the shortest expression within the bound; None if there is none."""
    found = []
    for name, numbers, matrix in families(len(values), axis):
        solved = np.linalg.lstsq(matrix, values, rcond=None)[0]
        if np.abs(matrix @ solved - values).max() <= bound:
            found.append((BITS_A_NUMBER * numbers + BITS_OF_METHOD, name))
    return (min(found)[1], min(found)[0]) if found else None


def curves(timed: Timed) -> Iterator[tuple[F64, I64, int, float]]:
    """Decoded values, abscissae, bound and bits of every curve of a window."""
    window: Window = timed.fit(halves=False)
    meter, expectation = LengthMeter(Models()), Expectation()
    for segment in window.segments:
        axis = window.axis_of(segment)
        expectation.begin(segment.track)
        for channel, curve in zip(segment.channels, segment.curves, strict=True):
            bound, before = bound_of(channel, window.bound), meter.length
            write_curve(meter, channel, curve, bound, expectation.of(channel))
            values = evaluate(curve, axis, bound)
            expectation.note(channel, values)
            yield values.astype(float), axis, bound, (meter.length - before) / UNIT


def swinging() -> None:
    """The table of objects that swing."""
    axis, noise = time_axis(range(50)), np.random.default_rng(1).uniform(-0.3, 0.3, 50)
    print("| swings a second | amplitude, px | curve of the payload, bytes | expression, bytes |")
    print("|---|---|---|---|")
    for hertz in (0.5, 1.0, 2.0, 4.0):
        for amplitude in (3, 10, 40):
            values = 16 * (300 + noise + amplitude * np.sin(2 * np.pi * hertz * np.arange(50) / 25 + 1))
            models = Models()
            meter, curve = LengthMeter(models), fit_curve(values, axis, 16, models, "centre")
            write_curve(meter, "centre", curve, 16)
            found = shortest(values, axis, 16)
            length = f"{found[1] / 8:.1f}" if found else "none"
            print(f"| {hertz:g} | {amplitude} | {meter.length / UNIT / 8:.1f} | {length} |", flush=True)


def row(name: str, windows: Sequence[Timed]) -> str:
    """The row of real boxes."""
    found = [each for timed in windows[:WINDOWS] for each in curves(timed)]
    dear = [each for each in found if each[3] > DEAR_BITS][:CURVES]
    saved, won = 0.0, 0
    for values, axis, bound, bits in dear:
        # An expression within the bound of the truth is within twice the bound of what was decoded.
        expression = shortest(values, axis, 2 * bound)
        if expression and expression[1] < bits:
            saved, won = saved + bits - expression[1], won + 1
    total = sum(each[3] for each in found) / 8
    return f"| {name} | {len(found)} | {total:.0f} | {len(dear)} | {won} | {saved / 8:.1f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args(arguments)
    swinging()
    print("\n| boxes | curves | bytes | dear ones | of them shorter as expressions | saved, bytes |")
    print("|---|---|---|---|---|---|")
    for kind, windows in (("annotated", true_windows), ("detected", detected_windows)):
        for name in ("PETS09-S2L1", "TUD-Stadtmitte", "KITTI-17", "Venice-2"):
            print(row(f"{name}, {kind}", windows(options.data / "mot15" / name)), flush=True)
    for clip in ("clips/bigbuckbunny.mp4", "clips/bikes.mp4", "traffic/traffic.mp4"):
        print(row(f"{Path(clip).stem}, motion", motion_windows(options.data / clip)), flush=True)


if __name__ == "__main__":
    main()
