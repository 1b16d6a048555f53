"""Bytes of a whole track by method: centre x, foot y, width and height within 1 px of every frame.

    python benchmarks/equations.py --data DIR [--sequence NAME ...]   annotated tracks, also smoothed
    python benchmarks/equations.py --clip FILE [--rate N]             tracks of the motion detector
    python benchmarks/equations.py --periodic                         made tracks on circles, 60 s

Every encoding is real: it is written with one range coder a track, read back, and compared with the track.
"One method" encodes all four numbers by it; where it cannot encode one, by deltas. An expression is kept for
people if it costs at most 8 bytes more than the shortest encoding. The priors were learnt on other sequences.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from equations_priors import SEQUENCES
from equations_tracks import Sample, motion_tracks, periodic_tracks, tracks_of

from cssv.payload.channels import UNITS_A_PX
from cssv.payload.track_code import CHANNELS, Code, TrackMethod, read_track, values_of, write_track
from cssv.payload.track_fit import Contest, fit_track
from cssv.payload.track_text import readable

#: The error bound, in 1/16 px.
BOUND = UNITS_A_PX


def size_of(track: Sample, codes: Sequence[Code]) -> int:
    """Bytes of a track, after it was read back and found within the bound."""
    data = write_track(codes)
    for channel, code in zip(CHANNELS, read_track(data, track.frames), strict=True):
        error = values_of(code, track.frames, BOUND) - track.values[channel] * UNITS_A_PX
        assert np.abs(error).max() <= BOUND, (channel, code.method)
    return len(data)


def deflated(track: Sample) -> int:
    """Bytes of the deflated differences of the rounded numbers."""
    columns = [np.diff(np.rint(track.values[name] / 2), prepend=0).astype(np.int16) for name in CHANNELS]
    return len(zlib.compress(np.concatenate(columns).tobytes(), 9))


def by_method(track: Sample, contests: Mapping[str, Contest]) -> dict[str, int]:
    """Bytes of a track by each method alone, and by the shortest ones."""
    deltas = TrackMethod.DELTAS
    sizes = {
        method.value: size_of(
            track, [contests[name].codes.get(method, contests[name].codes[deltas]) for name in CHANNELS]
        )
        for method in TrackMethod
    }
    shortest = [contests[name].codes[contests[name].shortest] for name in CHANNELS]
    return sizes | {"shortest of all": size_of(track, shortest)}


def report(name: str, tracks: Sequence[Sample]) -> None:
    frames = [len(track.frames) for track in tracks]
    contests = [
        {
            channel: fit_track(track.values[channel], track.frames, channel, BOUND, complete=True)
            for channel in CHANNELS
        }
        for track in tracks
    ]
    tables = [by_method(track, each) for track, each in zip(tracks, contests, strict=True)]
    others = {
        "deltas, deflated": [deflated(track) for track in tracks],
        "raw, 16 bits a number": [track.raw_bytes for track in tracks],
    }
    found = [one for each in contests for one in each.values()]
    won = Counter(contest.shortest.value for contest in found)
    start = time.process_time()
    for track in tracks:
        for channel in CHANNELS:
            fit_track(track.values[channel], track.frames, channel, BOUND)
    pace = 1000 * (time.process_time() - start) / sum(frames)
    kept = sum(readable(contest) is not None for contest in found)
    print(f"{name}: {len(tracks)} tracks of {np.median(frames):g} frames (median)")
    print(f"{kept} of {len(found)} numbers have a readable expression; {pace:.2f} ms a frame of a track")
    print("| method | bytes a track, mean | median | shortest for |")
    print("|---|---|---|---|")
    for method in tables[0]:
        sizes = [table[method] for table in tables]
        share = f"{100 * won[method] / len(found):.0f} %" if method in won else ""
        print(f"| {method} | {np.mean(sizes):.1f} | {np.median(sizes):g} | {share} |")
    for method, sizes in others.items():
        print(f"| {method} | {np.mean(sizes):.1f} | {np.median(sizes):g} | |", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sequence", action="append", help="default: all but those of the priors")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--rate", type=Fraction, help="of the clip, if its header is wrong")
    parser.add_argument("--periodic", action="store_true")
    options = parser.parse_args(arguments)
    if (options.data is not None) + (options.clip is not None) + options.periodic != 1:
        parser.error("give one of --data, --clip and --periodic")
    if options.periodic:
        report("made, periodic", periodic_tracks())
        return
    if options.clip:
        report(f"{options.clip.name}, motion detector", motion_tracks(options.clip, options.rate))
        return
    folder = options.data / "mot15"
    names = options.sequence or sorted({path.name for path in folder.iterdir()} - set(SEQUENCES))
    for boxes_are, words in (("truth", "annotated"), ("detections", "smoothed")):
        tracks = [track for name in names for track in tracks_of(folder / name, boxes_are)]
        report(f"{', '.join(names)}, {words}", tracks)


if __name__ == "__main__":
    main()
