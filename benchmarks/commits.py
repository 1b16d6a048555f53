"""Time, memory and bytes of two commits, beside each other in one run.

    python benchmarks/commits.py OLD NEW CLIP [--rate R] [--boxes FILE] [--stop SECONDS] [--runs 3]

OLD and NEW are names that git knows. Both are checked out into a temporary folder and use the packages of
this Python. The runs are interleaved, and the fastest counts. A bound is on the ratio of NEW to OLD.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Largest ratio of NEW to OLD. Times of equal code differ by about a tenth between runs.
BOUND = 1.15
#: What is measured, in this order: a later one reads what an earlier one wrote.
STEPS = ("encode, motion", "encode, boxes", "commit", "decode")
#: One step in a new process. It prints CPU seconds without imports and the peak resident size in KiB.
_CODE = """
import json, resource, sys, time
import av, cv2, numpy, scipy.signal, scipy.optimize, cssv, cssv.video
step, options = sys.argv[1], json.loads(sys.argv[2])
clip, file = options["clip"], options["file"]
more = {name: value for name, value in options["more"].items() if value is not None}
scene = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 12.5}]}
other = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 20.5}]}
start = time.process_time()
if step == "encode, motion":
    cssv.encode(clip, file, created_s=1000, scene=scene, **more)
elif step == "encode, boxes":
    cssv.encode(clip, file, created_s=1000, scene=scene, boxes=options["boxes"], **more)
elif step == "commit":
    cssv.commit(file, other, created_s=2000, message="second")
else:
    cssv.decode(file, file + ".mkv", objects=file + ".csv")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([time.process_time() - start, peak]))
"""


@dataclass(frozen=True)
class Run:
    """One run of one step: CPU seconds, peak MiB, and the sum of the bytes written."""

    cpu_s: float
    peak_mib: float
    sum: str


def check_out(commit: str, folder: Path) -> None:
    """Write the tree of a commit into a new folder."""
    folder.mkdir()
    tree = subprocess.run(["git", "archive", commit], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], check=True, input=tree)


def measure(tree: Path, step: str, options: Mapping[str, Any]) -> Run:
    """Run one step by the code of one tree. Its file is ``tree.cssv``."""
    file = tree.with_suffix(".cssv")
    outputs = [Path(f"{file}{end}") for end in ((".csv", ".mkv") if step == "decode" else ("",))]
    if step != "commit":
        for output in outputs:
            output.unlink(missing_ok=True)
    command = [sys.executable, "-c", _CODE, step, json.dumps({**options, "file": str(file)})]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
    cpu_s, peak_kib = json.loads(done.stdout)
    return Run(cpu_s, peak_kib / 1024, hashlib.sha256(outputs[0].read_bytes()).hexdigest())


def compare(step: str, old: Sequence[Run], new: Sequence[Run]) -> str:
    """A row of the table."""
    cpu = [min(run.cpu_s for run in side) for side in (old, new)]
    peak = [min(run.peak_mib for run in side) for side in (old, new)]
    same = "equal" if {run.sum for run in old} == {run.sum for run in new} else "differ"
    times = f"{cpu[0]:.2f} | {cpu[1]:.2f} | {cpu[1] / cpu[0]:.2f}"
    return f"| {step} | {times} | {peak[0]:.0f} | {peak[1]:.0f} | {peak[1] / peak[0]:.2f} | {same} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--rate")
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("--stop", type=float)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    given = {
        "clip": str(options.clip.resolve()),
        "boxes": options.boxes and str(options.boxes.resolve()),
        "more": {"rate": options.rate, "stop": options.stop},
    }
    runs: dict[str, tuple[list[Run], list[Run]]] = {
        step: ([], []) for step in STEPS if options.boxes or step != "encode, boxes"
    }
    with tempfile.TemporaryDirectory() as name:
        trees = [Path(name) / side for side in ("old", "new")]
        for tree, commit in zip(trees, (options.old, options.new), strict=True):
            check_out(commit, tree)
        for _ in range(options.runs):
            for step, sides in runs.items():
                for tree, side in zip(trees, sides, strict=True):
                    side.append(measure(tree, step, given))
    print("| what | CPU s, old | new | ratio | peak MiB, old | new | ratio | bytes |")
    print("|---|---|---|---|---|---|---|---|")
    for step, (old, new) in runs.items():
        print(compare(step, old, new))
    print(f"bound on each ratio: {BOUND}")


if __name__ == "__main__":
    main()
