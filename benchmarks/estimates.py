"""Estimates of ``cssv encode --dry-run`` against the files that are then encoded.

    python benchmarks/estimates.py CLIP... [--rate R] [--scene FILE] [--boxes FILE] [--stop SECONDS]

A row for each clip and form: the bytes of the file, those of the estimate and of the line in the report of an
encoding in the first form, and the seconds that each took.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cssv
from cssv.pipeline.forms import FORMS


def rows(clip: Path, inputs: Mapping[str, Any], folder: Path) -> Iterator[dict[str, str]]:
    """Rows of one clip."""
    start = time.perf_counter()
    found = cssv.estimate(clip, **inputs)
    seconds, others = time.perf_counter() - start, None
    expected = {each.form: each for each in found.forms}
    for form in FORMS:
        cost = expected[form.name]
        if cost.bytes is None:
            continue
        fitting = {"fit": True} if form.name == "robust" else {}
        start = time.perf_counter()
        done = cssv.encode(clip, folder / f"{form.name}.cssv", **inputs, **form.arguments, **fitting)
        took, others = time.perf_counter() - start, done.others if others is None else others
        in_report = others.get(form.name)
        yield {
            "clip": clip.stem,
            "form": form.name,
            "file, kB": f"{done.bytes / 1000:.0f}",
            "estimate": difference(cost.bytes, done.bytes),
            "line of the report": "-" if in_report is None else difference(in_report, done.bytes),
            "encoding, s": f"{took:.1f}",
            "estimate of all, s": f"{seconds:.1f}",
        }


def difference(estimate: int, size: int) -> str:
    """By how much an estimate is off."""
    return f"{100 * (estimate / size - 1):+.1f} %"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--rate")
    parser.add_argument("--scene", type=Path)
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("--stop")
    options = parser.parse_args()
    inputs = {"rate": options.rate, "scene": options.scene, "boxes": options.boxes, "stop": options.stop}
    head = True
    for clip in options.clips:
        with TemporaryDirectory() as folder:
            for row in rows(clip, inputs, Path(folder)):
                if head:
                    print("| " + " | ".join(row) + " |\n|" + "---|" * len(row))
                    head = False
                print("| " + " | ".join(row.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
