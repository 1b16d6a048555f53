"""CPU time and memory against the size of the input: ten times the input should cost at most about ten times.

    python benchmarks/growth.py [--large]

Each row is a process of its own, and its memory is what it needs beyond the imports. ``--large`` adds one
million rows of boxes and a frame of 8192x4320.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_BEGIN = """
import json, resource, sys, time
import av, cv2, numpy as np, scipy.optimize, scipy.signal, cssv
from pathlib import Path
size = int(sys.argv[1])

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def write_boxes(path, frames, objects):
    with open(path, "w") as file:
        for frame in range(1, frames + 1):
            for number in range(objects):
                x, y = 12 * (number % 40) + 0.3 * frame % 50, 14 * (number // 40)
                file.write(f"{frame},-1,{x:.1f},{y},10,12,0.9,-1,-1,-1\\n")
"""
_END = """
before, start = peak(), time.process_time()
work()
print(json.dumps([time.process_time() - start, peak() - before]))
"""

#: What grows: the unit, the sizes, and a program that defines ``work()``.
ROWS: dict[str, tuple[str, tuple[int, ...], str]] = {
    "boxes tracked, 40 in a frame": (
        "rows",
        (4_000, 40_000, 1_000_000),
        """
write_boxes("boxes.txt", size // 40, 40)
def work():
    cssv.track(boxes="boxes.txt", rate=25)
""",
    ),
    "boxes in one frame, tracked for 5 frames": (
        "boxes",
        (100, 1_000),
        """
write_boxes("boxes.txt", 5, size)
def work():
    cssv.track(boxes="boxes.txt", rate=25)
""",
    ),
    "entries of a scene, 20 frames": (
        "entries",
        (500, 5_000),
        """
from cssv.testing.clips import write_clip, write_boxes as write_clip_boxes
write_clip(Path("clip.mkv"), count=20)
write_clip_boxes(Path("boxes.txt"), count=20)
entry = {"temperature_c": 20}
objects = [{"match": {"near_px": [n % 190, n % 150], "at_s": 0.1}, **entry} for n in range(size)]
def work():
    cssv.encode("clip.mkv", "x.cssv", boxes="boxes.txt", scene={"cssv_scene": 1, "objects": objects})
""",
    ),
    "objects of the size of a frame, 640x480": (
        "objects",
        (40, 400),
        """
def work():
    box = [[0, 0, 640, 480]] * size
    with cssv.Encoder("x.cssv", size=(640, 480), rate=25, layout="yuv420p") as encoder:
        for _ in range(3):
            encoder.write(np.full((480, 640, 3), 90, np.uint8), cssv.detections(box, [0.9] * size))
""",
    ),
    "one frame with one object, encoded": (
        "pixels",
        (1024 * 540, 4096 * 2160, 8192 * 4320),
        """
height = {1024 * 540: 540, 4096 * 2160: 2160, 8192 * 4320: 4320}[size]
width = size // height
def work():
    with cssv.Encoder("x.cssv", size=(width, height), rate=25) as encoder:
        planes = np.zeros((height * 3 // 2, width), np.uint8)
        planes[:] = (np.arange(width) // 64 % 160).astype(np.uint8)
        frame = cssv.Frame(planes, "yuv420p", 0, encoder_base)
        encoder.write(frame, cssv.detections([[width // 4, height // 4, width // 4, height // 4]], [0.9]))
from fractions import Fraction
encoder_base = Fraction(1, 25)
""",
    ),
    "a box file of 20 bytes": (
        "bytes",
        (20,),
        """
Path("boxes.txt").write_text("1,1,10,20,30,40,0.9\\n")
def work():
    cssv.track(boxes="boxes.txt", rate=25)
""",
    ),
}
#: Sizes from here on are measured only with ``--large``.
LARGE = {1_000_000, 8192 * 4320}


@dataclass(frozen=True)
class Cost:
    """CPU seconds and MiB of one process."""

    cpu_s: float
    mib: float


def measure(program: str, size: int) -> Cost:
    """Run a program for one size in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join(filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            [sys.executable, "-c", _BEGIN + program + _END, str(size)],
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
    return Cost(*json.loads(done.stdout))


def write_row(name: str, unit: str, sizes: Sequence[int], costs: Sequence[Cost]) -> None:
    """Print one row for each size; the ratio is that of the time for each unit to the row before."""
    for at, (size, cost) in enumerate(zip(sizes, costs, strict=True)):
        ratio = ""
        if at:
            before = costs[at - 1].cpu_s / sizes[at - 1]
            ratio = f"{cost.cpu_s / size / before:.2f}"
        print(f"| {name} | {size:,} {unit} | {cost.cpu_s:.2f} | {ratio} | {cost.mib:.0f} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    print("| what | size | CPU s | time of a unit, to the row before | MiB |\n|---|---|---|---|---|")
    for name, (unit, every, program) in ROWS.items():
        sizes = [size for size in every if options.large or size not in LARGE]
        write_row(name, unit, sizes, [measure(program, size) for size in sizes])


if __name__ == "__main__":
    main()
