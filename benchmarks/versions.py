"""Versions of one clip in a CSSV file and in other stores, in one run.

``python benchmarks/versions.py [--data DATA | --clip CLIP --boxes BOXES [--rate R]] [--frames N] ...``

The clip is encoded and its scenes are committed once. Then every store keeps the same finished versions, so
that only the storing is timed. The stores take turns at every commit, so that a busy machine slows all of
them equally. Each opens its files again for every commit and every reading, as a command does. Stores of
coded frames get coded frames. Stores of arrays get planes; compressing them is part of their time, because it
is their coding. The time of drawing and coding has its own column: for CSSV a commit, for stores of whole
files a complete encoding.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

from rivals import STORES, Corpus, Store, size_of
from rivals.corpus import Source, timed
from rivals.store import View
from versions_kill import Killed, kill_runs

ROOT = Path(__file__).resolve().parent.parent
#: Packages that a store needs beyond the dependencies of CSSV.
NEEDS = {"IcechunkStore": ("zarr", "icechunk"), "ZarrZip": ("zarr",)}
#: Kinds of commit, in order.
KINDS = ("one object", "text", "another object", "all objects", "the first object back")
#: Rounds of the five kinds of commit in the runs with kills.
KILL_ROUNDS = 2


@dataclass(slots=True)
class Row:
    """Measurements of one store.

    Attributes:
        name: name of the store.
        first_bytes, bytes: size after the first version and after all versions.
        added_bytes: bytes that each commit adds.
        commit_s: mean time to keep a version, for each repeat.
        made_s: mean time to draw, code and keep one, for each repeat; empty if the store cannot.
        open_s, seek_s: for each repeat the median time to open a version and read a frame, and to read
            another frame.
        plays, is_one_file: as in the table.
        killed: results of the kills; None if none were tried.
    """

    name: str
    is_one_file: bool
    first_bytes: int = 0
    bytes: int = 0
    added_bytes: list[int] = field(default_factory=list)
    commit_s: list[float] = field(default_factory=list)
    made_s: list[float] = field(default_factory=list)
    open_s: list[float] = field(default_factory=list)
    seek_s: list[float] = field(default_factory=list)
    plays: bool = False
    killed: Killed | None = None


def source_of(options: argparse.Namespace) -> Source:
    """The clip given; the sample of the project if neither clip nor data is given."""
    if options.clip is not None:
        return Source(options.clip, options.boxes, options.rate, options.frames)
    clip = options.data / "clips" / "vtest.avi"
    if clip.exists():
        boxes = options.data / "mot15" / "PETS09-S2L1" / "gt" / "gt.txt"
        return Source(clip, boxes, Fraction(7), options.frames)
    samples = ROOT / "samples"
    return Source(samples / "harbour.mp4", samples / "boxes.txt", None, options.frames)


def stores_at_hand(wanted: list[str]) -> list[type[Store]]:
    """The requested stores whose packages are installed; prints which are left out."""
    found = []
    for kind in STORES:
        missing = [n for n in NEEDS.get(kind.__name__, ()) if importlib.util.find_spec(n) is None]
        if missing:
            print(f'{kind.name} is left out without {" and ".join(missing)}: pip install ".[bench]"')
        elif not wanted or kind.__name__ in wanted:
            found.append(kind)
    return found


def keep_all(kinds: list[type[Store]], corpus: Corpus, folder: Path, rows: dict[str, Row]) -> list[Store]:
    """One repeat: keep every version in every store, in turns."""
    stores = []
    for kind in kinds:
        (folder / kind.__name__).mkdir(parents=True)
        stores.append(kind(folder / kind.__name__))
    taken: dict[str, list[float]] = {store.name: [] for store in stores}
    sizes: dict[str, list[int]] = {store.name: [] for store in stores}
    for number in range(1, corpus.count + 1):
        new = corpus.finished(number)
        for store in stores[number % len(stores) :] + stores[: number % len(stores)]:
            # Otherwise the disk could still be busy with the data of another store.
            os.sync()
            if number == 1:
                store.begin(new)
            else:
                taken[store.name].append(timed(lambda: store.commit(new)))  # noqa: B023
            sizes[store.name].append(size_of(store.folder))
    for store in stores:
        row, after = rows[store.name], sizes[store.name]
        row.commit_s.append(mean(taken[store.name]))
        row.first_bytes, row.bytes = after[0], after[-1]
        row.added_bytes = [new - old for old, new in pairwise(after)]
    return stores


def read_some(stores: list[Store], corpus: Corpus, rows: dict[str, Row], pairs: int, seed: int) -> None:
    """One repeat: read the same random frames of random versions from every store, in turns."""
    dice = random.Random(seed)
    opens: dict[str, list[float]] = {store.name: [] for store in stores}
    seeks: dict[str, list[float]] = {store.name: [] for store in stores}
    for _ in range(pairs):
        version = dice.randrange(1, corpus.count + 1)
        first, second = dice.sample(range(corpus.frames), 2)
        for store in stores:
            views: list[View] = []

            def begin() -> None:
                views.append(store.open(version))  # noqa: B023
                views[0].frame(first)  # noqa: B023

            opens[store.name].append(timed(begin))
            with views[0] as view:
                seeks[store.name].append(timed(lambda: view.frame(second)))  # noqa: B023
                if not all(corpus.is_right(version, n, view.frame(n)) for n in (first, second)):
                    raise SystemExit(f"{store.name}: version {version} reads wrong")
    for store in stores:
        rows[store.name].open_s.append(median(opens[store.name]))
        rows[store.name].seek_s.append(median(seeks[store.name]))


def plays(path: Path, frames: int) -> bool:
    """Whether ffmpeg decodes all frames of the file without a message."""
    command = ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-map", "0:v:0", "-f", "framecrc", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    shown = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    return done.returncode == 0 and not done.stderr and len(shown) == frames


def measure(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Row], Corpus]:
    """Run all measurements; one row for each store."""
    source, kinds = source_of(options), stores_at_hand(options.only)
    rows = {kind.name: Row(kind.name, kind.is_one_file) for kind in kinds}
    corpus = Corpus.make(folder / "corpus", source, options.commits)
    encodes, commits = [corpus.encode_seconds], [mean(corpus.commit_seconds)]
    for repeat in range(options.repeats):
        if repeat:
            encodes.append(corpus.encode(source, folder / "again.cssv"))
            commits.append(mean(corpus.commit(folder / "again.cssv")))
        stores = keep_all(kinds, corpus, folder / "stores", rows)
        read_some(stores, corpus, rows, options.pairs, repeat)
        if repeat == options.repeats - 1:
            for store in stores:
                rows[store.name].plays = plays(store.playable(), corpus.frames)
        shutil.rmtree(folder / "stores")
    for name, row in rows.items():
        row.made_s = {"cssv": commits, "whole copies": encodes, "content-addressed": encodes}.get(name, [])
    if options.kills:
        frames = min(options.kill_frames, corpus.frames)
        short = Source(source.clip, source.boxes, source.rate, frames)
        small = Corpus.make(folder / "small", short, KILL_ROUNDS * 5)
        for kind in kinds:
            place = folder / "kills" / kind.__name__
            rows[kind.name].killed = kill_runs(kind, small, place, options.kills, options.seed)
            shutil.rmtree(place)
    return rows, corpus


def report(rows: dict[str, Row], corpus: Corpus) -> None:
    """Print the table."""
    print(f"{corpus.frames} frames, {corpus.count - 1} commits; medians of the repeats, lowest to highest")
    print(
        "| store | MB after all | of its first | keep a version, ms | draw, code, keep, s | open + frame, ms"
        " | next frame, ms | survives SIGKILL | plays | one file |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for row in rows.values():
        killed = row.killed
        cells = [
            row.name,
            f"{row.bytes / 1e6:.1f}",
            f"{row.bytes / row.first_bytes:.2f}",
            spread(row.commit_s, 1e3),
            spread(row.made_s, 1, ".1f"),
            spread(row.open_s, 1e3),
            spread(row.seek_s, 1e3),
            f"{killed.survived}/{killed.runs}" if killed else "-",
            "yes" if row.plays else "no",
            "yes" if row.is_one_file else "no",
        ]
        print(f"| {' | '.join(cells)} |")
    print("\nWhat each commit adds, MB:")
    print(f"| store | {' | '.join(KINDS[n % 5] for n in range(corpus.count - 1))} |")
    print("|---" * corpus.count + "|")
    for row in rows.values():
        print(f"| {row.name} | {' | '.join(f'{added / 1e6:.2f}' for added in row.added_bytes)} |")
    print()
    for row in rows.values():
        if row.killed:
            faults = "; ".join(row.killed.faults)
            print(f"{row.name}: {row.killed.acknowledged} acknowledged before the kills. {faults}")


def spread(seconds: list[float], scale: float, form: str = ".0f") -> str:
    """Median, lowest and highest value as text."""
    if not seconds:
        return "-"
    low, middle, high = (format(scale * f(seconds), form) for f in (min, median, max))
    return f"{middle} ({low} to {high})" if len(seconds) > 1 else middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--boxes", type=Path, help="detections in MOT form; goes with --clip")
    parser.add_argument("--rate", type=Fraction)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--commits", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=50, help="random frames read")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kill-frames", type=int, default=40, help="length of the clip in runs killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], choices=[kind.__name__ for kind in STORES])
    parser.add_argument("--json", type=Path, help="write what was measured here, too")
    options = parser.parse_args()
    if (options.clip is None) != (options.boxes is None):
        parser.error("--clip and --boxes go together")
    with tempfile.TemporaryDirectory() as name:
        rows, corpus = measure(options, Path(name))
        report(rows, corpus)
        if options.json:
            tree: dict[str, Any] = {"frames": corpus.frames, "commits": corpus.count - 1}
            tree["stores"] = [asdict(row) for row in rows.values()]
            options.json.write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
