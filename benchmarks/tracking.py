"""Tracking scores of CSSV and of the package ``trackers``, by TrackEval in the same run.

    python benchmarks/tracking.py --data DIR [--only public] [--only left-out] [--only motion] [--only yolox]
        [--only speed] [--candidates N]

DIR holds ``mot15/<sequence>/{gt/gt.txt,det/det.txt,seqinfo.ini}``, ``clips/vtest.avi`` (MOT15's PETS09-S2L1)
and ``models/yolox_nano_416.onnx``. Every tracker runs with its own defaults, one set for all sequences, and
gets the same boxes. Several sequences are scored together, by counts.

``public``: the public boxes of the sequences, without pictures. ``left-out``: the same for CSSV, with every
constant chosen without the sequence it is scored on, from N candidates. ``motion``: vtest without weights;
rivals get the boxes of OpenCV's MOG2. ``yolox``: vtest with YOLOX-nano, all frames (7 per second) and every
third frame.
``speed``: frames per second of CPU time for association alone, with 200 objects.

Needs: pip install '.[bench,onnx]'
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from left_out import best, candidates, left_out, results
from rivals.followers import FOLLOWERS, follow
from scores import ADDED, SEQUENCES, Score, Sequence15, combined, measures

from cssv.interop.mot import MotRows
from cssv.perception import ClipTracker, Detections, Detector, LiveTracker, Tracker, detections, detector
from cssv.perception.detectors import CheckedDetector
from cssv.perception.tracks import to_mot_rows
from cssv.video import VideoReader

SECTIONS = ("public", "left-out", "motion", "yolox", "speed")
#: Candidates of the constants in the section ``left-out``.
CANDIDATES = 60
OURS = "cssv"
#: True rate of vtest; its header states 10.
VTEST_RATE = Fraction(7)
#: Objects and frames of the speed test.
CROWD, CROWD_FRAMES = 200, 300


def ours(frames: Sequence[Detections], rate: Fraction, size: tuple[int, int]) -> MotRows:
    """CSSV's tracks from boxes without pictures."""
    clip = ClipTracker(size=size)
    for number, seen in enumerate(frames):
        clip.add(number, number / rate, seen)
    return to_mot_rows(clip.finish())


def streamed(frames: Sequence[Detections], rate: Fraction, size: tuple[int, int]) -> MotRows:
    """CSSV's tracks as a stream, with the default lag."""
    live, out = LiveTracker(size=size), []
    for number, seen in enumerate(frames):
        out += live.update(number, number / rate, seen)
    out += live.finish()
    return MotRows(
        np.repeat([states.number for states in out], [len(states) for states in out]),
        np.concatenate([states.ids for states in out]),
        np.concatenate([states.boxes_px for states in out]),
        np.concatenate([states.scores for states in out]),
    )


def heading() -> str:
    return f"{'':32}{'HOTA':>8}{'MOTA':>8}{'IDF1':>8}{'switches':>10}{'recall':>9}{'precision':>11}"


def line(name: str, score: Score) -> str:
    return (
        f"{name:32}{score.hota:8.1f}{score.mota:8.1f}{score.idf1:8.1f}{score.switches:10d}"
        f"{score.recall:9.1f}{score.precision:11.1f}"
    )


def compare(sequences: Sequence[Sequence15]) -> dict[str, dict[str, MotRows]]:
    """Tracker -> sequence -> rows: every tracker on the ``public`` boxes of the sequences."""
    found = {name: {s.name: follow(name, s.public, s.rate) for s in sequences} for name in FOLLOWERS}
    return found | {OURS: {s.name: ours(s.public, s.rate, s.size) for s in sequences}}


def judged(sequences: Sequence[Sequence15], rows: dict[str, MotRows]) -> Score:
    return combined({s.name: measures(s.truth, rows[s.name]) for s in sequences})


def public(data: Path, _: int) -> Iterator[str]:
    sequences = [Sequence15.read(data / "mot15" / name) for name in SEQUENCES]
    yield f"{len(sequences)} MOT15 sequences, public boxes"
    yield heading()
    found = compare(sequences)
    for name, rows in found.items():
        yield line(name, judged(sequences, rows))
    live = {s.name: streamed(s.public, s.rate, s.size) for s in sequences}
    yield line(f"{OURS}, live", judged(sequences, live))
    for sequence in sequences:
        yield line(f"  {OURS}: {sequence.name}", judged([sequence], found[OURS]))
    for title, names in (("not the two added", set(SEQUENCES) - set(ADDED)), ("the two added", ADDED)):
        part = [sequence for sequence in sequences if sequence.name in names]
        for name, rows in found.items():
            yield line(f"  {name}: {title}", judged(part, rows))


def without_each(data: Path, count: int) -> Iterator[str]:
    sequences = [Sequence15.read(data / "mot15" / name) for name in SEQUENCES]
    tried = [results(sequences, values) for values in candidates(count)]
    yield f"{OURS}, {len(sequences)} MOT15 sequences, public boxes, best of {count} candidates"
    yield heading()
    yield line("defaults", combined(tried[0]))
    yield line("chosen on all", combined(best(tried, SEQUENCES)))
    found = left_out(tried)
    yield line("chosen without the sequence", combined(found))
    for name in SEQUENCES:
        yield line(f"  {name}", combined({name: found[name]}))
    spread = np.array([[s.hota, s.mota, s.idf1, s.switches] for s in map(combined, tried)])
    quantiles = np.quantile(spread, (0.1, 0.5, 0.9), axis=0)
    for share, (hota, mota, idf1, switches) in zip((10, 50, 90), quantiles, strict=True):
        name = f"{share} % of the candidates below"
        yield f"{name:32}{hota:8.1f}{mota:8.1f}{idf1:8.1f}{switches:10.0f}"


def looked_at(clip: Path, finder: Detector) -> tuple[tuple[Detections, ...], MotRows]:
    """Detections of a detector in a clip, and CSSV's tracks of them with the pictures."""
    checked, seen = CheckedDetector(finder), []
    meter = checked.flow
    with VideoReader(clip, rate=VTEST_RATE) as reader:
        size = (reader.info.width, reader.info.height)
        tracked = ClipTracker(size=size, only_moving=checked.only_moving)
        for frame in reader:
            flow = meter.measure(frame)
            seen.append(finder.detect(frame))
            tracked.add(frame.number, frame.time, seen[-1], flow)
    return tuple(seen), to_mot_rows(tracked.finish())


class Mog2:
    """Boxes by OpenCV's background subtraction, with the few lines of code usual in tutorials."""

    name = "mog2"

    def __init__(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2()

    def detect(self, frame) -> Detections:  # noqa: ANN001
        mask = self._model.apply(frame.luma())
        mask = cv2.morphologyEx((mask == 255).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((15, 7), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        blobs = stats[1:][stats[1:, 4] > 300]
        return detections(blobs[:, :4].astype(float), np.full(len(blobs), 0.9))


def motion(data: Path, _: int) -> Iterator[str]:
    vtest = Sequence15.read(data / "mot15/PETS09-S2L1")
    clip = data / "clips/vtest.avi"
    yield "vtest, no weights"
    yield heading()
    plain, _ = looked_at(clip, Mog2())
    for name, rows in compare([replace(vtest, public=plain)]).items():
        yield line(f"{name} on MOG2's boxes", judged([vtest], rows))
    seen, mine = looked_at(clip, detector("motion"))
    for name, rows in compare([replace(vtest, public=seen)]).items():
        if name != OURS:
            yield line(f"{name} on cssv's motion boxes", judged([vtest], rows))
    yield line(f"{OURS}: motion", judged([vtest], {vtest.name: mine}))


def yolox(data: Path, _: int) -> Iterator[str]:
    truth = Sequence15.read(data / "mot15/PETS09-S2L1")
    finder = detector("onnx", weights=data / "models/yolox_nano_416.onnx", classes=["person"])
    seen, mine = looked_at(data / "clips/vtest.avi", finder)
    vtest = replace(truth, public=seen)
    for step in (1, 3):
        thinned = vtest.thinned(step)
        yield f"vtest with YOLOX-nano, {float(thinned.rate):.1f} frames per second"
        yield heading()
        for name, rows in compare([thinned]).items():
            yield line(name, judged([thinned], rows))
        if step == 1:
            yield line(f"{OURS}, with pictures", judged([vtest], {vtest.name: mine}))


def crowd() -> list[Detections]:
    """Boxes of CROWD objects that cross a 1920 x 1080 picture; one box in twenty is missing."""
    random = np.random.default_rng(0)
    size = np.stack([random.uniform(25, 45, CROWD), random.uniform(60, 110, CROWD)], axis=1)
    place, velocity = random.uniform((0, 0), (1920, 1080), (CROWD, 2)), random.normal(0, 1.6, (CROWD, 2))
    frames = []
    for _ in range(CROWD_FRAMES):
        place = place + velocity
        velocity = np.where((place < 0) | (place > (1920, 1080)), -velocity, velocity)
        noisy = [place + random.normal(0, 1, (CROWD, 2)), size * random.normal(1, 0.02, (CROWD, 2))]
        seen = random.random(CROWD) > 0.05
        frames.append(detections(np.concatenate(noisy, axis=1)[seen], random.uniform(0.3, 1, seen.sum())))
    return frames


def rate_of(work: Callable[[], object]) -> float:
    """Frames per second of CPU time, best of three runs."""
    spent = []
    for _ in range(3):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return CROWD_FRAMES / min(spent)


def speed(_: Path, __: int) -> Iterator[str]:
    frames = crowd()

    def associate() -> None:
        tracker = Tracker()
        for number, seen in enumerate(frames):
            tracker.update(number / 25, seen)

    yield f"{'association at 200 objects':32}{'frames per second of CPU':>26}"
    for name in FOLLOWERS:
        yield f"{name:32}{rate_of(lambda name=name: follow(name, frames, Fraction(25))):26.0f}"
    yield f"{OURS:32}{rate_of(associate):26.0f}"


def tables(data: Path, only: Iterable[str] = SECTIONS, count: int = CANDIDATES) -> Iterator[str]:
    parts = (public, without_each, motion, yolox, speed)
    sections = dict(zip(SECTIONS, parts, strict=True))
    for name in only:
        yield from sections[name](data, count)
        yield ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds mot15/, clips/, models/")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="default: all; may be repeated")
    parser.add_argument("--candidates", type=int, default=CANDIDATES, help=f"default {CANDIDATES}")
    options = parser.parse_args()
    for text in tables(options.data, options.only or SECTIONS, options.candidates):
        print(text, flush=True)


if __name__ == "__main__":
    main()
