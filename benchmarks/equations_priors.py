"""Learn the priors of whole tracks: the states of their models at the beginning.

    python benchmarks/equations_priors.py --data DIR [-o cssv/payload/track_priors.json]

DIR holds ``mot15/<sequence>/{gt/gt.txt,seqinfo.ini}``. The annotated tracks of SEQUENCES are used as they are
and smoothed; ``equations.py`` measures other sequences. All methods stay equally likely, so
that the contest is fair on other motions. The models of each method are learnt from the encodings that are
not much longer than the shortest. Priors decide which these are, so this is repeated ROUNDS times.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from equations_tracks import Sample, tracks_of
from payload_priors import Bits, Recorder, best_state

from cssv.payload.channels import UNITS_A_PX
from cssv.payload.models import SCALE, STATIC, State, Table, write_priors
from cssv.payload.track_code import CHANNELS, write_code
from cssv.payload.track_fit import Contest, fit_track

SEQUENCES, ROUNDS = ("TUD-Campus", "TUD-Stadtmitte", "KITTI-17"), 3
#: An encoding teaches the models of its method if it is at most this many times the shortest, plus bits.
TIMES, BITS = 1.3, 24


def unbiased() -> dict[str, dict[int, State]]:
    """Priors in which every method is equally likely."""
    return {f"{channel}.method": dict.fromkeys(range(1, 8), (SCALE // 2, STATIC)) for channel in CHANNELS}


def learn(contests: Sequence[tuple[str, Contest]]) -> dict[str, dict[int, State]]:
    """The table with which these encodings are shortest."""
    found: dict[tuple[str, int], list[Bits]] = {}
    for channel, contest in contests:
        shortest = contest.shortest
        for method, code in contest.codes.items():
            if contest.bits[method] > TIMES * contest.bits[shortest] + BITS:
                continue
            recorder = Recorder()
            write_code(recorder, channel, code)
            for key, bits in recorder.bits.items():
                found.setdefault(key, []).append(bits)
    table: dict[str, dict[int, State]] = {}
    for (model, node), windows in found.items():
        table.setdefault(model, {})[node] = best_state(windows)
    return table | unbiased()


def fit_all(tracks: Sequence[Sample], table: Table) -> list[tuple[str, Contest]]:
    """The contests of all numbers of all tracks."""
    return [
        (channel, fit_track(track.values[channel], track.frames, channel, UNITS_A_PX, priors=table))
        for track in tracks
        for channel in CHANNELS
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path("cssv/payload/track_priors.json"))
    options = parser.parse_args(arguments)
    tracks = [
        track
        for name in SEQUENCES
        for boxes_are in ("truth", "detections")
        for track in tracks_of(options.data / "mot15" / name, boxes_are)
    ]
    table: Table = unbiased()
    for _ in range(ROUNDS):
        contests = fit_all(tracks, table)
        total = sum(contest.bits[contest.shortest] for _, contest in contests) / 8
        print(f"{len(tracks)} tracks, {total / len(tracks):.1f} bytes a track", flush=True)
        table = learn(contests)
    options.output.write_text(write_priors(table), encoding="utf-8")


if __name__ == "__main__":
    main()
