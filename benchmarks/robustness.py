"""Bad input, interrupted work and wrong use, by classes and with counts.

    python benchmarks/robustness.py [--seconds 300] [--trials 200] [--seed 1] [--only CLASS ...] [--show]

Each class repeats trials with random input until its share of the time, or the number of trials, is used up.
A trial is right if nothing is lost, no value is silently wrong, and each error is one of CSSV's. The exit
status is 1 if one trial was not right; ``--show`` prints these.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hostile import Lab, Trial
from hostile.damage import flipped_bits, flips_in_the_last_index, torn_ends
from hostile.kills import killed_recording, killed_work
from hostile.misuse import native_resources, wrong_arguments
from hostile.names import appearing_outputs, existing_outputs, links_at_the_lock
from hostile.readers import fuzzed_readers

CLASSES: dict[str, Callable[[Lab], Iterator[Trial]]] = {
    "kills": killed_work,
    "killed recordings": killed_recording,
    "torn ends": torn_ends,
    "flipped bits": flipped_bits,
    "flips in the last index": flips_in_the_last_index,
    "fuzzed input": fuzzed_readers,
    "wrong arguments": wrong_arguments,
    "closed, shared, forked": native_resources,
    "existing outputs": existing_outputs,
    "appearing outputs": appearing_outputs,
    "links at the lock": links_at_the_lock,
}


def run(name: str, lab: Lab, seconds: float, most: int) -> list[Trial]:
    """The trials of one class."""
    trials: list[Trial] = []
    end = time.monotonic() + seconds
    for trial in CLASSES[name](lab):
        trials.append(trial)
        if len(trials) >= most or time.monotonic() > end:
            break
    return trials


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=CLASSES, default=list(CLASSES))
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    print("| class | trials | right | wrong |\n|---|---|---|---|")
    wrong: list[str] = []
    start = Path.cwd()
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab(Path(folder), random.Random(f"{options.seed} {name}"))
            # Wrong names are also written to, so they must not lie in the reader's folder.
            os.chdir(folder)
            trials = run(name, lab, options.seconds / len(options.only), options.trials)
            os.chdir(start)
        faults = [f"{name}: {trial.what}: {trial.fault}" for trial in trials if trial.fault]
        print(f"| {name} | {len(trials)} | {len(trials) - len(faults)} | {len(faults)} |", flush=True)
        wrong += faults
    if options.show:
        print("\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
