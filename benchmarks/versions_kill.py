"""Kill a process repeatedly while it commits, and check the state of the store.

``python benchmarks/versions_kill.py STORE FOLDER CORPUS`` is the process that is killed. It prints ``ready``,
waits for a line, commits the versions of the corpus one after the other, and prints the number of each
after its store has returned. ``versions.py`` starts it.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from rivals import STORES, Corpus, Store

#: A kill after the end of the child is tried again, at most this many times in one run.
TRIES = 8


@dataclass(slots=True)
class Killed:
    """Results of the kills.

    Attributes:
        runs, survived: number of killed runs, and of those in which every acknowledged version was read back
            correctly and the next version could be committed.
        acknowledged: versions acknowledged in all runs.
        faults: faults of the other runs, each once.
    """

    runs: int = 0
    survived: int = 0
    acknowledged: int = 0
    faults: list[str] = field(default_factory=list)


def kill_runs(kind: type[Store], corpus: Corpus, folder: Path, runs: int, seed: int) -> Killed:
    """Kill child processes at moments spread evenly over the time of all commits."""
    dice, result = random.Random(f"{kind.name} {seed}"), Killed()
    begun = folder / "begun"
    begun.mkdir(parents=True)
    kind(begun).begin(corpus.finished(1))
    whole = _run(kind, corpus, _copy(begun, folder / "whole"), None)[1]
    for number in range(runs):
        for _ in range(TRIES):
            place = _copy(begun, folder / f"{number}")
            delay = dice.uniform(0, whole)
            acknowledged, _, was_alive = _run(kind, corpus, place, delay)
            if was_alive:
                break
            # The commits take less time than that. On a busy machine the first measurement is often too long.
            whole = delay
            shutil.rmtree(place)
        else:
            continue
        result.runs += 1
        result.acknowledged += len(acknowledged)
        fault = _fault(kind(place), corpus, [1, *acknowledged])
        result.survived += fault is None
        if fault is not None and fault not in result.faults:
            result.faults.append(fault)
        shutil.rmtree(place)
    return result


def _copy(begun: Path, place: Path) -> Path:
    shutil.copytree(begun, place)
    return place


def _run(
    kind: type[Store], corpus: Corpus, place: Path, delay: float | None
) -> tuple[list[int], float, bool]:
    """Acknowledged numbers, seconds until the last of them, and whether the kill came before the end."""
    command = [sys.executable, __file__, kind.__name__, str(place), str(corpus.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        if child.stdout.readline() != "ready\n":
            raise SystemExit(f"{kind.name}: the child did not start")
        begin = time.perf_counter()
        child.stdin.write("go\n")
        child.stdin.flush()
        if delay is not None:
            time.sleep(delay)
            child.kill()
        numbers, seconds = [], 0.0
        for line in child.stdout:
            # An incomplete line, cut off by the kill, acknowledges nothing.
            if line.endswith("\n"):
                numbers.append(int(line))
                seconds = time.perf_counter() - begin
    return numbers, seconds, child.returncode < 0 and len(numbers) < corpus.count - 1


def _fault(store: Store, corpus: Corpus, acknowledged: list[int]) -> str | None:
    """Fault of a store; None if every acknowledged version is correct and the next one can be committed."""
    try:
        numbers = store.numbers()
        lost = sorted(set(acknowledged) - set(numbers))
        if lost:
            return "an acknowledged version is gone"
        if numbers[-1] < corpus.count:
            store.commit(corpus.finished(numbers[-1] + 1))
            acknowledged = [*acknowledged, numbers[-1] + 1]
        for number in acknowledged:
            if not reads_right(store, corpus, number):
                return "an acknowledged version reads wrong"
    except Exception as error:
        return f"{type(error).__name__}: {error}".split("\n")[0][:100]
    return None


def reads_right(store: Store, corpus: Corpus, number: int) -> bool:
    """Whether every frame and every scene sample of a version is as committed."""
    samples = corpus.samples(number)
    with store.open(number) as view:
        return all(
            corpus.is_right(number, frame, view.frame(frame)) and view.scene(frame) == samples[frame]
            for frame in range(corpus.frames)
        )


def commit_all(name: str, folder: Path, corpus: Corpus) -> None:
    """Run as the child process."""
    (kind,) = (kind for kind in STORES if kind.__name__ == name)
    store = kind(folder)
    waiting = [corpus.finished(number) for number in range(2, corpus.count + 1)]
    # Imports at the first use of a store are done first, so that the kill hits a commit.
    store.numbers()
    print("ready", flush=True)
    sys.stdin.readline()
    for new in waiting:
        store.commit(new)
        print(new.number, flush=True)


if __name__ == "__main__":
    commit_all(sys.argv[1], Path(sys.argv[2]), Corpus(Path(sys.argv[3])))
