"""The page of ``cssv view`` and the tables of a clip: exactness, size, pace and memory in Chromium.

``python -m benchmarks.viewer FILE.cssv [...] [--loops 3] [--rows heat page table]``, from the root of the
project. ``heat`` compares the heat map that the modules of the page read in node with that of the package,
byte by byte, for every frame; ``page`` plays the page in headless Chromium, over and over; ``table`` is the
processor time of ``clip.to_pandas()`` in a new process, imports left out.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import cssv
from tests.devtools import Browser, Tab
from tests.view.heat_in_node import Job, job_of_file, read_in_node, unlike

#: Frames that node reads in one call: all of a long clip would need gigabytes.
_PART = 100
#: Remembers which frame was shown when.
_WATCH = """{
  const stage = document.getElementById('stage');
  window.seen = [];
  new MutationObserver(() => {
    const number = Number(stage.dataset.frame);
    if (window.seen.at(-1)?.[0] !== number) window.seen.push([number, performance.now()]);
  }).observe(stage, { attributes: true, attributeFilter: ['data-frame'] });
  document.getElementById('loop').click();
}"""
_TABLE = """
import sys, time, cssv, pandas
with cssv.open(sys.argv[1]) as clip:
    start = time.process_time()
    table = clip.to_pandas()
    print(time.process_time() - start, len(clip), len(table))
"""


def parts_of(job: Job) -> Iterator[Job]:
    """The job in parts of so many frames."""
    for first in range(0, len(job.numbers), _PART):
        part = slice(first, first + _PART)
        yield replace(job, planes=job.planes[part], heats=job.heats[part], numbers=job.numbers[part])


def compare_heat(path: Path, node: str) -> str:
    """Frames read in node, those that differ from the package, and the time of a frame."""
    job, wrong, times = job_of_file(path), list[int](), list[float]()
    for part in parts_of(job):
        with tempfile.TemporaryDirectory() as folder:
            (found,) = read_in_node(node, Path(folder), [part])
        wrong += unlike(part, found)
        # The first frames are those in which the engine compiles.
        times += [frame["read_ms"] + frame["colour_ms"] for frame in found.report["frames"][3:]]
    return f"{len(job.numbers)} frames, {len(wrong)} unlike, {median(times):.1f} ms a frame"


def play_page(path: Path, program: str, loops: int) -> str:
    """Size of the page, time until it is ready, checks, the interval of frames, and memory over the loops."""
    with cssv.open(path) as clip:
        length_s = float(len(clip) / clip.rate)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = cssv.page(path, Path(folder, "page.html"))
        with Browser(program, Path(folder, "profile")) as browser:
            tab = browser.open(made.path.as_uri(), width=1400, height=1000)
            tab.wait("document.documentElement?.dataset.state === 'ready'")
            ready_ms = float(tab.run("document.documentElement.dataset.readyMs"))
            tab.run("document.getElementById('check-all').click()")
            checks = tab.wait(
                "document.getElementById('check-result').textContent.match(/.* as written.*/)?.[0]"
            )
            tab.run(_WATCH)
            tab.press(" ")
            memory = []
            for _ in range(loops):
                time.sleep(length_s)
                memory.append(_heap_mb(tab))
            seen = tab.run("window.seen")
            faults = len(tab.faults()) + len(tab.requests())
    steps = [after[1] - before[1] for before, after in pairwise(seen)]
    skipped = sum(max(after[0] - before[0] - 1, 0) for before, after in pairwise(seen))
    heaps = ", ".join(f"{each:.1f}" for each in memory)
    return (
        f"{made.bytes / 1e6:.2f} MB, ready in {ready_ms / 1000:.2f} s, {checks}; {len(seen)} frames shown, "
        f"{skipped} skipped, {median(steps):.0f} ms from one to the next ({length_s:.1f} s a loop); "
        f"heap after each loop {heaps} MB; {faults} errors and requests"
    )


def _heap_mb(tab: Tab) -> float:
    tab.send("HeapProfiler.collectGarbage")
    return float(tab.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def time_table(path: Path) -> str:
    """Processor time of ``clip.to_pandas()``."""
    done = subprocess.run(
        [sys.executable, "-c", _TABLE, str(path)], check=True, capture_output=True, text=True
    )
    seconds, frames, rows = done.stdout.split()
    return f"{rows} rows of {frames} frames in {float(seconds):.2f} s of processor time"


def main() -> None:
    """Print a line for each file and row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--loops", type=int, default=3)
    parser.add_argument("--rows", nargs="+", default=["heat", "page", "table"])
    options = parser.parse_args()
    for path in options.files:
        if "heat" in options.rows:
            print(path.name, "heat:", compare_heat(path, shutil.which("node") or "node"))
        if "page" in options.rows:
            print(path.name, "page:", play_page(path, shutil.which("chromium") or "chromium", options.loops))
        if "table" in options.rows:
            print(path.name, "table:", time_table(path))


if __name__ == "__main__":
    main()
