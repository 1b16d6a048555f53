"""Peak memory of encoding and decoding against the clip's length.

``python benchmarks/memory.py CLIP [--rate R] [--frames SHORT LONG]``

Each run is a separate process. Its peak is the maximum resident size that the system reports (ru_maxrss).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

from cssv.video import VideoReader

#: Bound on the difference between the two lengths, MiB.
BOUND_MIB = 60
_CODE = """
import resource, sys, cssv
clip, output, stop, rate, what = sys.argv[1:]
if what == "encode":
    cssv.encode(clip, output, stop=stop or None, rate=rate or None, overwrite=True)
else:
    cssv.decode(output, output + ".mkv", objects=output + ".csv", overwrite=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_mib(clip: Path, output: Path, stop: str, rate: str, what: str) -> float:
    """Peak resident memory of one run, MiB."""
    command = [sys.executable, "-c", _CODE, str(clip), str(output), stop, rate, what]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--rate", type=Fraction)
    parser.add_argument("--frames", type=int, nargs=2, default=(200, 795))
    options = parser.parse_args()
    with VideoReader(options.clip, rate=options.rate) as reader:
        stamps, base = reader.timestamps(), reader.info.time_base
    print("| what | frames | peak MiB |\n|---|---|---|")
    peaks: dict[str, list[float]] = {"encode": [], "decode": []}
    with tempfile.TemporaryDirectory() as folder:
        for frames in options.frames:
            stop = str(stamps[frames] * base) if frames < len(stamps) else ""
            for what, found in peaks.items():
                found.append(
                    peak_mib(options.clip, Path(folder) / "x.cssv", stop, str(options.rate or ""), what)
                )
                print(f"| {what} | {frames} | {found[-1]:.0f} |")
    for what, (short, long) in peaks.items():
        print(f"{what}: {long - short:+.0f} MiB more for the long one (bound {BOUND_MIB})")


if __name__ == "__main__":
    main()
