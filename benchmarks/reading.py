"""Values read from the pixels alone, compared with the drawn values.

``python benchmarks/reading.py CLIP [--boxes FILE] [--rate R] [--fidelity full|sparse]``

Every track gets its own temperature and density, with small to large sigmas. Objects count if they are larger
than 24x24 pixels, lie wholly in the picture, overlap no other box, and are drawn with certainty >= 0.3.
Errors are shares of the range; the bounds are 1/16 for values and 1/8 for certainty.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

import cssv
from cssv.scene import Ranges, Value
from cssv.template.certainty import planar_certainty, value_certainty
from cssv.template.state import ObjectState

LEAST_PX = 24
LEAST_CERTAINTY = 0.3
TRACKS = 400


def scene() -> dict[str, object]:
    """Scene with random temperatures and densities for tracks 0 to TRACKS; the same in every run."""
    draw = random.Random(1)
    entries = [
        {
            "match": {"track": track},
            "temperature_c": {"value": draw.uniform(-15, 55), "sigma": draw.uniform(0.5, 15)},
            "density_kg_m3": {"value": draw.uniform(50, 1950), "sigma": draw.uniform(10, 400)},
        }
        for track in range(TRACKS)
    ]
    ranges = {"temperature_c": [-20, 60], "density_kg_m3": [0, 2000]}
    return {"cssv_scene": 1, "objects": entries, "ranges": ranges}


def is_alone(state: ObjectState, others: Sequence[ObjectState], size: tuple[int, int]) -> bool:
    """Whether an object is large enough, wholly in the picture and not overlapped by another box."""
    x, y, w, h = state.box_px
    if min(w, h) <= LEAST_PX or x < 0 or y < 0 or x + w > size[0] or y + h > size[1]:
        return False
    boxes = (other.box_px for other in others if other is not state)
    return not any(x < a + c and a < x + w and y < b + d and b < y + h for a, b, c, d in boxes)


def errors(drawn: ObjectState, read: ObjectState | None, ranges: Ranges) -> dict[str, float]:
    """Error of each reading as a share of its range; absent if drawn too grey, 1 if there is no reading."""
    speed = ranges.speed_px_s
    span = speed[1] - speed[0]
    found: dict[str, float] = {}
    certainty = planar_certainty(drawn.sigma_px_s, speed)
    if certainty >= LEAST_CERTAINTY:
        away = 1.0 if read is None else np.hypot(*np.subtract(read.velocity_px_s, drawn.velocity_px_s)) / span
        found["velocity vector"] = float(away)
        found["speed"] = 1.0 if read is None else abs(read.speed_px_s - drawn.speed_px_s) / span
        found["certainty of velocity"] = (
            1.0 if read is None else abs(planar_certainty(read.sigma_px_s, speed) - certainty)
        )
    for name in ("temperature_c", "density_kg_m3"):
        low, high = getattr(ranges, name)
        before: Value | None = getattr(drawn, name)
        after: Value | None = getattr(read, name) if read is not None else None
        sure = value_certainty(before, (low, high))
        if before is None or sure < LEAST_CERTAINTY:
            continue
        word = name.split("_")[0]
        found[word] = 1.0 if after is None else abs(after.value - before.value) / (high - low)
        found[f"certainty of {word}"] = abs(value_certainty(after, (low, high)) - sure)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("--rate", type=Fraction)
    parser.add_argument("--fidelity", choices=["full", "sparse"], default="full")
    options = parser.parse_args()
    table: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.cssv"
        done = cssv.encode(
            options.clip,
            path,
            scene=scene(),
            boxes=options.boxes,
            rate=options.rate,
            fidelity=options.fidelity,
            lossless=True,
        )
        with cssv.open(path) as clip:
            size = clip.info.width, clip.info.height
            for moment in clip:
                seen = {state.track: state for state in moment.states_in_pixels}
                for state in moment.states:
                    if is_alone(state, moment.states, size):
                        for name, error in errors(state, seen.get(state.track), done.ranges).items():
                            table.setdefault(name, []).append(error)
    print("| reading | objects | median | 95 % | 99 % | within the bound |\n|---|---|---|---|---|---|")
    for name, values in table.items():
        bound = 1 / 8 if name.startswith("certainty") else 1 / 16
        median, most, nearly = np.quantile(values, [0.5, 0.95, 0.99])
        share = np.mean(np.array(values) <= bound)
        print(f"| {name} | {len(values)} | {median:.3f} | {most:.3f} | {nearly:.3f} | {100 * share:.2f} % |")


if __name__ == "__main__":
    main()
