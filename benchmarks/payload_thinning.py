"""Windows thinned step by step: bytes after each step, and the share of windows that fit a payload class.

    python benchmarks/payload_thinning.py --data DATA [--sequence PETS09-S2L1 [--clip FILE --rate FPS]]
    python benchmarks/payload_thinning.py --clip FILE [--rate FPS]

DATA holds ``mot15/<sequence>/{gt/gt.txt,seqinfo.ini}``: the annotated boxes are tracked as ``cssv encode
--boxes`` tracks them. The boxes of a clip alone are found by the ``motion`` detector. Every object gets
another temperature and density, with deviations, and every window tells a part of a scene. Outlines are found
in the frames of the clip; without a clip there are none.

A row has the windows after a step and all steps before it; a step that does not shorten a window is not taken
there. A class of the robust carrier holds 5 bytes less than its name says. Each window is read back.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from payload_windows import Timed, motion_windows, true_windows, with_outlines

from cssv.carriers.robust.codewords import OVERHEAD
from cssv.carriers.window_payload import HALVES_ABOVE
from cssv.payload.loss import Loss
from cssv.payload.thinning import thinning_ladder
from cssv.payload.window import Window
from cssv.payload.window_bytes import read_window
from cssv.scene import Scene
from cssv.template.state import ObjectState

#: Payload classes of the table.
CLASSES = (64, 96, 128, 192)
SCENE = Scene.from_json(
    {
        "cssv_scene": 1,
        "camera": {"position_m": [0, 0, 3.2], "pan_deg": 12, "tilt_deg": -25, "roll_deg": 0, "hfov_deg": 60},
        "environment": {"ambient_temperature_c": 17.5, "humidity_pct": 61, "weather": "light rain"},
        "textures": {"ground": "asphalt"},
    }
)
#: The names of the steps.
STEPS = (
    "whole",
    "outlines of 4 cosines",
    "no outlines",
    "boxes within 2 px",
    "attributes as means, velocities from the boxes",
    "boxes within 4 px",
    "mean velocities",
    "no part of the scene",
    "places alone",
    "boxes within 8 px",
    "no objects",
)


def last_step(loss: Loss) -> int:
    """The step that a loss ends with."""
    taken = (
        True,
        loss.cosines is not None,
        loss.cosines == 0,
        loss.box_px > loss.given_box_px,
        loss.means,
        loss.box_px > 2,
        loss.halves,
        loss.part,
        bool(loss.places_alone),
        loss.box_px > 4,
        bool(loss.left_out),
    )
    return max(at for at, is_taken in enumerate(taken) if is_taken)


def ladder(timed: Timed, turn: int) -> list[int]:
    """Bytes of a window after each step."""

    def fit(bound_px: float, objects: Sequence[Sequence[ObjectState]]) -> Window:
        return timed.fit(
            bound_px=bound_px,
            objects=objects,
            halves_above=HALVES_ABOVE,
            scene=SCENE,
            turn=turn,
            outlines=timed.outlines is not None,
        )

    sizes = [0] * len(STEPS)
    for each in thinning_ladder(fit, timed.objects):
        assert read_window(each.data) == each.window
        # Steps that are not taken leave the window as it is.
        sizes[last_step(each.loss) :] = [len(each.data)] * (len(STEPS) - last_step(each.loss))
    return sizes


def rows(ladders: Sequence[Sequence[int]]) -> Iterator[str]:
    """Rows of the table from the bytes of each window after each step."""
    for name, column in zip(STEPS, np.array(ladders).T, strict=True):
        shares = (float(np.mean(column + OVERHEAD <= size)) for size in CLASSES)
        cells = [f"{column.mean():.1f}", str(column.max()), *(f"{share:.0%}" for share in shares)]
        yield f"| {name} | " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sequence", default="PETS09-S2L1")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--rate", type=Fraction, help="of the clip, if its header is wrong")
    options = parser.parse_args(arguments)
    if options.data is None:
        if options.clip is None:
            parser.error("give --data or --clip")
        windows = motion_windows(options.clip, options.rate)
    else:
        windows = true_windows(options.data / "mot15" / options.sequence)
        if options.clip is not None:
            windows = with_outlines(windows, options.clip, options.rate)
    began = time.process_time()
    ladders = [ladder(timed, turn) for turn, timed in enumerate(windows)]
    spent_ms = 1e3 * (time.process_time() - began) / len(windows)
    objects = np.mean([len(states) for timed in windows for states in timed.objects])
    print(
        f"{len(windows)} windows, {objects:.1f} objects a frame; {spent_ms:.0f} ms a window for all steps\n"
    )
    print("| step | bytes, mean | most | " + " | ".join(f"{size} B" for size in CLASSES) + " |")
    print("|---|---|---|" + "---|" * len(CLASSES))
    for row in rows(ladders):
        print(row)


if __name__ == "__main__":
    main()
