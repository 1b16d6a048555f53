"""Learn the priors of the payload: the states of its models at the beginning of a window.

    python benchmarks/payload_priors.py --data DIR [-o cssv/payload/priors.json]

DIR holds ``mot15/<sequence>/{gt/gt.txt,det/det.txt,seqinfo.ini}`` and CLIPS. The annotated boxes and the
public detections of SEQUENCES are tracked, the ``motion`` detector finds the objects of CLIPS, and all are
cut into windows. What ``payload.py`` measures is not among them. At most WINDOWS windows of each are used, so
that long ones do not decide alone. Every second window carries a part of one of SCENES, every fourth both
velocities, two thirds of those of CLIPS outlines. For each decision the probability is the mean of its bits,
and the number of observations is the one with the fewest bits over all windows. Priors decide which curves
are shortest, so both steps are repeated ROUNDS times. The result is part of the format: it changes together
with SPEC.md.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from payload_windows import Timed, detected_windows, motion_windows, true_windows

from cssv.payload.channels import BOX, DENSITY, MOTION, TEMPERATURE, TURN
from cssv.payload.models import (
    LEAST,
    SATURATED,
    SCALE,
    STATIC,
    Models,
    State,
    Table,
    adapt,
    write_priors,
)
from cssv.payload.window import Window
from cssv.payload.window_bytes import put_window, write_window
from cssv.scene import Scene

#: Scenes of different kinds, whose parts every second window carries.
SCENES = tuple(
    Scene.from_json({"cssv_scene": 1} | parts)
    for parts in (
        {
            "camera": {"position_m": [0, 0, 6.5], "pan_deg": 12, "tilt_deg": -18.5, "hfov_deg": 62},
            "environment": {"lighting_lux": 450, "weather": "overcast", "ambient_temperature_c": 11.5},
            "textures": {"ground": "asphalt", "walls": "brick"},
        },
        {
            "camera": {
                "homography": [[0.031, 0.0042, -9.8], [-0.0011, -0.052, 31.4], [1.2e-5, 0.0061, -0.94]]
            },
            "environment": {
                "lighting_lux": 21000,
                "weather": "clear",
                "humidity_pct": {"value": 48, "sigma": 5},
                "ambient_temperature_c": {"value": 24.0, "sigma": 1.0, "source": "estimated"},
                "wind_m_s": 3.2,
                "wind_deg": 240,
                "pressure_hpa": 1009,
            },
        },
        {
            "camera": {
                "tsai": {
                    "size_px": [1280, 720],
                    "centre_px": [655.2, 348.9],
                    "pixel_mm": [0.0037, 0.0037],
                    "focal_mm": 4.1,
                    "translation_mm": [-1520.0, 830.0, 11200.0],
                    "rotation_rad": [1.87, 0.21, -0.06],
                    "kappa1_per_mm2": 0.013,
                }
            }
        },
    )
)
SEQUENCES = (
    "TUD-Campus",
    "TUD-Stadtmitte",
    "KITTI-13",
    "KITTI-17",
    "ADL-Rundle-6",
    "ETH-Bahnhof",
    "ETH-Pedcross2",
    "Venice-2",
)
CLIPS = ("clips/bikes.mp4", "clips/carphone_pristine.mp4", "traffic/traffic.mp4")
WINDOWS, ROUNDS = 12, 3
#: Numbers of observations that are tried.
_TRIED = (0, 1, 2, 3, 5, 8, 13, 21, SATURATED, STATIC)
#: The bits of one decision in one window.
Bits = list[int]


class Recorder:
    """Records the bits of every decision of a window."""

    def __init__(self) -> None:
        self.models = Models({})
        self.bits: dict[tuple[str, int], Bits] = {}

    def put_bit(self, model: str, node: int, bit: int) -> None:
        self.bits.setdefault((model, node), []).append(bit)

    def put_raw(self, value: int, bits: int) -> None:
        """Raw bits have no model."""


def length(state: State, bits: Iterable[int]) -> float:
    """Bits that the decisions of one window cost from this state on."""
    total = 0.0
    for bit in bits:
        total -= math.log2((state[0] if bit else SCALE - state[0]) / SCALE)
        state = adapt(state, bit)
    return total


def best_state(windows: Sequence[Bits]) -> State:
    """The state from which the bits of all windows cost least."""
    ones, count = sum(map(sum, windows)), sum(map(len, windows))
    one = round(SCALE * (ones + 0.4) / (count + 0.8))
    one = min(max(one, LEAST), SCALE - LEAST)
    # A static state cannot follow other clips, so it needs many observations.
    tried = [seen for seen in _TRIED if seen != STATIC or count >= 1000]
    return min(((one, seen) for seen in tried), key=lambda state: sum(length(state, w) for w in windows))


def learn(windows: Iterable[Window]) -> dict[str, dict[int, State]]:
    """The table with which these windows are shortest."""
    found: dict[tuple[str, int], list[Bits]] = {}
    for window in windows:
        recorder = Recorder()
        put_window(recorder, window)
        for key, bits in recorder.bits.items():
            found.setdefault(key, []).append(bits)
    table: dict[str, dict[int, State]] = {}
    for (model, node), bits in found.items():
        table.setdefault(model, {})[node] = best_state(bits)
    return table


def unbiased() -> dict[str, dict[int, State]]:
    """Priors in which every method is equally likely, whatever was chosen before.

    With adaptive ones the method that is tried first would stay the most likely one.
    """
    nodes = dict.fromkeys(range(1, 8), (SCALE // 2, STATIC))
    return {f"{channel}.method": nodes for channel in BOX + MOTION + TURN + TEMPERATURE + DENSITY}


def chosen(windows: Sequence[Timed]) -> list[Timed]:
    """At most WINDOWS of the windows, at equal distances."""
    count = min(WINDOWS, len(windows))
    return [windows[at * len(windows) // count] for at in range(count)]


def scene_of(window: int) -> Scene | None:
    """The scene of a window: one of SCENES for every second one."""
    return SCENES[window // 2 % len(SCENES)] if window % 2 else None


def training_windows(data: Path) -> list[Timed]:
    """The windows of all sequences and clips."""
    kinds = [kind(data / "mot15" / name) for kind in (true_windows, detected_windows) for name in SEQUENCES]
    return [
        window
        for each in [*kinds, *(motion_windows(data / clip) for clip in CLIPS)]
        for window in chosen(each)
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path("cssv/payload/priors.json"))
    options = parser.parse_args(arguments)
    timed = training_windows(options.data)
    table: Table = unbiased()
    for _ in range(ROUNDS):
        windows = [
            each.fit(table, halves=at % 4 == 0, scene=scene_of(at), turn=at // 6, outlines=at % 3 > 0)
            for at, each in enumerate(timed)
        ]
        table = learn(windows)
        total = sum(len(write_window(each, table)) for each in windows)
        print(f"{len(windows)} windows, {total / len(windows):.1f} bytes a window", flush=True)
    options.output.write_text(write_priors(table), encoding="utf-8")


if __name__ == "__main__":
    main()
