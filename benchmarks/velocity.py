"""Error of smoothed velocities, beside other methods; and the CPU time of smoothing.

    python benchmarks/velocity.py --data DIR [--sequence PETS09-S2L1] [--only boxes] [--only detector]
        [--only smoother]

DIR holds ``mot15/<sequence>/{gt/gt.txt,det/det.txt,seqinfo.ini}``, ``clips/vtest.avi`` (MOT15's PETS09-S2L1)
and ``models/yolox_nano_416.onnx``.

``boxes``: every method gets the same boxes in the same run: ``truth`` the annotated boxes, ``public`` the
public detections matched to them (IoU 0.5). The identities are those of the truth, except in the rows "own
association". ``detector``: vtest end to end, with boxes by YOLOX-nano, the association of each method, and
the results matched to the truth. Errors are root mean squares over all frames in which the object was
detected, in pixels per frame, for three definitions of the true velocity: central differences over +-1 and
+-3 frames, and a local parabola over +-5. NEES (ideal 2) and the share of errors inside the 95 % ellipse
(ideal 0.95) are for the first two. The number of rows is also given as a share of the rows of the truth.
``smoother``: CPU time of filter and smoother for the four channels of a track, beside filterpy.

Needs: pip install '.[bench,onnx]'
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from reference import (
    DEFINITIONS,
    ELLIPSE,
    F64,
    Path2D,
    Velocities,
    matched,
    named_by_truth,
    pairs,
    paths,
    read_truth,
    true_velocities,
)
from scipy.signal import savgol_filter

from cssv.interop.mot import MotRows
from cssv.perception import (
    BoxesDetector,
    ClipTracker,
    Detections,
    FlowMeter,
    LiveTracker,
    detections,
    detector,
)
from cssv.perception.kinematics import (
    Problem,
    States,
    kalman_filter,
    process_noise,
    rts_smoother,
    scatter,
    transition,
)
from cssv.video import VideoReader

with warnings.catch_warnings():
    # filterpy uses escapes and aliases that Python now deprecates.
    warnings.simplefilter("ignore")
    from filterpy.kalman import KalmanFilter

SECTIONS = ("boxes", "detector", "smoother")
#: The sequence shown by vtest.avi, and its true rate; the header states 10.
VTEST, VTEST_RATE = "PETS09-S2L1", 7
#: Tracks smoothed at once, and steps of each.
CROWDS, STEPS = (10, 100, 1000), 100


def box_differences(path: Path2D) -> list[tuple[F64, F64 | None]]:
    steps = np.diff(path.centres_px[:, :2], axis=0) / np.diff(path.numbers)[:, None]
    return [(v, None) for v in np.concatenate([steps[:1], steps])] if len(steps) else [(np.zeros(2), None)]


def sort_filter(path: Path2D) -> list[tuple[F64, F64 | None]]:
    """State of SORT's filter (Bewley et al., ICIP 2016): x, y, area, aspect; constants as published."""
    kf = KalmanFilter(dim_x=7, dim_z=4)
    kf.F = np.eye(7) + np.eye(7, k=4)
    kf.H = np.eye(4, 7)
    kf.R[2:, 2:] *= 10
    kf.P[4:, 4:] *= 1000
    kf.P *= 10
    kf.Q[-1, -1] *= 0.01
    kf.Q[4:, 4:] *= 0.01
    z = path.centres_px.copy()
    z[:, 2], z[:, 3] = z[:, 2] * z[:, 3], z[:, 2] / z[:, 3]
    kf.x[:4, 0] = z[0]
    found = [(kf.x[4:6, 0].copy(), kf.P[4:6, 4:6].copy())]
    for k in range(1, len(z)):
        for _ in range(path.numbers[k] - path.numbers[k - 1]):
            kf.predict()
        kf.update(z[k])
        found.append((kf.x[4:6, 0].copy(), kf.P[4:6, 4:6].copy()))
    return found


def savitzky_golay(path: Path2D, window: int = 15, degree: int = 2) -> list[tuple[F64, F64 | None]]:
    frames = np.arange(path.numbers[0], path.numbers[-1] + 1)
    if len(frames) <= degree + 1:
        return box_differences(path)
    window = min(window, len(frames) - (len(frames) + 1) % 2)
    filled = np.stack([np.interp(frames, path.numbers, c) for c in path.centres_px[:, :2].T], axis=1)
    smooth = savgol_filter(filled, window, min(degree, window - 1), deriv=1, axis=0)
    return [(v, None) for v in smooth[path.numbers - frames[0]]]


def per_object(
    method: Callable[[Path2D], list[tuple[F64, F64 | None]]], frames: list[Detections]
) -> Velocities:
    return {
        (identity, number): found
        for identity, path in paths(frames).items()
        for number, found in zip(path.numbers.tolist(), method(path), strict=True)
    }


def ours(frames: list[Detections], rate: float, field: str = "velocity_px_s") -> Velocities:
    """Smooth the whole clip at once; ids are those of the boxes."""
    clip = ClipTracker()
    for number, seen in enumerate(frames):
        clip.add(number, number / rate, seen)
    tracks = clip.finish()
    known = paths(frames)
    return {
        (track.id, int(n)): (v / rate, c / rate**2 if field == "velocity_px_s" else None)
        for track in tracks
        for n, v, c in zip(track.numbers, getattr(track, field), track.velocity_cov, strict=True)
        if n in known[track.id].numbers
    }


def own_association(frames: list[Detections], truth: list[Detections], rate: float) -> Velocities:
    """Process without ids; smoothed boxes are matched to the truth afterwards."""
    clip = ClipTracker()
    for number, seen in enumerate(frames):
        clip.add(number, number / rate, detections(seen.boxes_px, seen.scores))
    return matched(clip.finish().in_frame, truth, rate)


def live(frames: list[Detections], rate: float, lag_s: float = 1.0) -> Velocities:
    """Process as a stream; of the future only the fixed lag is known."""
    tracker, found = LiveTracker(lag_s=lag_s), []
    for number, seen in enumerate(frames):
        found += tracker.update(number, number / rate, seen)
    known = paths(frames)
    return {
        (int(k), states.number): (v / rate, c / rate**2)
        for states in [*found, *tracker.finish()]
        for k, v, c in zip(states.ids, states.velocity_px_s, states.velocity_cov, strict=True)
        if states.number in known[int(k)].numbers
    }


@dataclass(frozen=True)
class Result:
    """One row of the table: RMSE, NEES, coverage (NaN without covariance) per definition; rows."""

    rmse: tuple[float, ...]
    squared: tuple[float, ...]
    inside: tuple[float, ...]
    count: int
    share: float

    @property
    def nees(self) -> float:
        """NEES for central differences over +-3 frames."""
        return self.squared[1]

    @property
    def coverage(self) -> float:
        """Coverage for central differences over +-3 frames."""
        return self.inside[1]


def judge(found: Velocities, truth: dict[int, Path2D]) -> Result:
    rmse, nees, coverage = [], [], []
    for _, reach, degree in DEFINITIONS:
        true = true_velocities(truth, reach, degree)
        keys = [key for key in found if key in true]
        errors = np.array([found[key][0] - true[key] for key in keys])
        rmse.append(float(np.sqrt((errors**2).sum(axis=1).mean())))
        covs = [found[key][1] for key in keys]
        squared = np.full(1, np.nan)
        if covs[0] is not None:
            squared = (errors[:, None] @ np.linalg.inv(np.array(covs)) @ errors[:, :, None])[:, 0, 0]
        nees.append(float(squared.mean()))
        coverage.append(float((squared < ELLIPSE).mean()) if np.isfinite(squared).all() else float("nan"))
    rows = sum(len(path.numbers) for path in truth.values())
    return Result(tuple(rmse), tuple(nees), tuple(coverage), len(found), len(found) / rows)


def measure(folder: Path) -> dict[str, Result]:
    """Run every method on one sequence: row of the table -> result."""
    truth, rate = read_truth(folder)
    public = BoxesDetector(folder / "det/det.txt")
    seen = [public.in_frame(number) for number in range(len(truth))]
    true_paths = paths(truth)
    lines: dict[str, Velocities] = {}
    for source, frames in (("truth", truth), ("public", named_by_truth(seen, truth))):
        lines[f"{source}: box differences"] = per_object(box_differences, frames)
        lines[f"{source}: SORT's filter"] = per_object(sort_filter, frames)
        lines[f"{source}: Savitzky-Golay 15/2"] = per_object(savitzky_golay, frames)
        lines[f"{source}: cssv, past only"] = ours(frames, rate, "velocity_past_px_s")
        lines[f"{source}: cssv, live, 1 s lag"] = live(frames, rate)
        lines[f"{source}: cssv"] = ours(frames, rate)
    lines["truth: cssv, own association"] = own_association(truth, truth, rate)
    lines["public: cssv, own association"] = own_association(seen, truth, rate)
    return {name: judge(found, true_paths) for name, found in lines.items()}


def rival(rows: MotRows, truth: list[Detections], method: Callable[[Path2D], list]) -> Velocities:
    """Apply ``method`` to each track of a rival, then match to the truth frame by frame."""
    frames = []
    for number in range(len(truth)):
        here = rows.numbers == number
        frames.append(detections(rows.boxes_px[here], rows.scores[here], ids=rows.ids[here]))
    velocities = per_object(method, frames)
    found: Velocities = {}
    for number, (mine, true) in enumerate(zip(frames, truth, strict=True)):
        for i, j in pairs(mine.boxes_px, true.boxes_px):
            found[int(true.ids[j]), number] = velocities[int(mine.ids[i]), number]
    return found


def end_to_end(data: Path, count: int | None = None) -> dict[str, Result]:
    """Row of the table -> result, from pictures to velocities; for the first ``count`` frames if given."""
    from rivals.followers import FOLLOWERS, follow

    truth = read_truth(data / "mot15" / VTEST)[0][:count]
    finder = detector("onnx", weights=data / "models/yolox_nano_416.onnx", classes=["person"])
    seen, clip, live_tracker, states, meter = [], ClipTracker(), LiveTracker(), [], FlowMeter()
    with VideoReader(data / "clips/vtest.avi", rate=Fraction(VTEST_RATE)) as reader:
        for frame in islice(reader, count):
            flow = meter.measure(frame)
            seen.append(finder.detect(frame))
            clip.add(frame.number, frame.time, seen[-1], flow)
            states += live_tracker.update(frame.number, frame.time, seen[-1], flow)
    states += live_tracker.finish()
    lines: dict[str, Velocities] = {}
    for name in FOLLOWERS:
        rows = follow(name, seen, Fraction(VTEST_RATE))
        lines[f"{name}: box differences"] = rival(rows, truth, box_differences)
        lines[f"{name}: SORT's filter"] = rival(rows, truth, sort_filter)
    lines["cssv, live, 1 s lag"] = matched({s.number: s for s in states}.__getitem__, truth, VTEST_RATE)
    lines["cssv"] = matched(clip.finish().in_frame, truth, VTEST_RATE)
    true_paths = paths(truth)
    return {name: judge(found, true_paths) for name, found in lines.items()}


def crowd(tracks: int) -> tuple[Problem, F64]:
    """Boxes of walkers over :data:`STEPS` steps, a tenth missing; also the density of acceleration."""
    random = np.random.default_rng(tracks)
    shape = STEPS, 4 * tracks
    dt = np.full(shape, 0.04)
    dt[0] = 0
    z = random.normal(0, 2, shape).cumsum(axis=0) + random.normal(0, 4, shape)
    weight = (random.random(shape) > 0.1) / 16.0
    q = np.full(shape, 150.0)
    still = np.zeros(shape[1])
    start = States(z[0], still, np.full(shape[1], 1e4), still, np.full(shape[1], 1e4))
    return Problem(z, weight, dt, scatter(dt, q), start), q


def filterpy_run(given: Problem, q: F64, channels: int) -> States:
    """Smooth with filterpy, channel by channel: (STEPS, channels)."""
    out = States.empty((STEPS, channels))
    for c in range(channels):
        kf = KalmanFilter(dim_x=2, dim_z=1)
        kf.x, kf.P = given.start.vector()[c, :, None], given.start.covariance()[c]
        kf.H = np.array([[1.0, 0.0]])
        F, Q = list(transition(given.dt_s[:, c])), list(process_noise(given.dt_s[:, c], q[:, c]))
        xs, Ps = [], []
        for t in range(STEPS):
            kf.predict(F=F[t], Q=Q[t])
            kf.update(given.z[t, c] if given.weight[t, c] else None, R=16.0)
            xs.append(kf.x.copy())
            Ps.append(kf.P.copy())
        x, P, _, _ = kf.rts_smoother(np.array(xs), np.array(Ps), Fs=F, Qs=Q)
        out.x[:, c], out.v[:, c] = x[:, 0, 0], x[:, 1, 0]
        out.xx[:, c], out.xv[:, c], out.vv[:, c] = P[:, 0, 0], P[:, 0, 1], P[:, 1, 1]
    return out


def timed(work: Callable[[], States], runs: int) -> tuple[States, float]:
    """Result of a job and its CPU time in seconds, best of some runs."""
    spent = []
    for _ in range(runs):
        start = time.process_time()
        found = work()
        spent.append(time.process_time() - start)
    return found, min(spent)


def smoother() -> Iterator[str]:
    yield f"{'µs CPU per track and frame':32}" + "".join(f"{f'{n} tracks':>14}" for n in CROWDS)
    costs, apart = [], 0.0
    for tracks in CROWDS:
        given, q = crowd(tracks)
        mine, spent = timed(lambda given=given: rts_smoother(kalman_filter(given), given), 5)
        costs.append(spent / tracks / STEPS)
        theirs, slow = timed(lambda given=given, q=q: filterpy_run(given, q, 4), 1)
        for a, b in zip(mine.numbers(), theirs.numbers(), strict=True):
            apart = max(apart, float(np.abs(a[:, :4] - b).max() / np.abs(b).max()))
    yield f"{'cssv':32}" + "".join(f"{1e6 * cost:14.2f}" for cost in costs)
    yield f"{'filterpy, one track':32}{1e6 * slow / STEPS:14.1f}"
    yield f"largest difference, relative: {apart:.0e}"


def table(results: dict[str, Result]) -> str:
    heads = "".join(f"{name:>14}" for name, _, _ in DEFINITIONS)
    honest = "".join(f"{f'NEES {name}':>10}{'in 95 %':>9}" for name, _, _ in DEFINITIONS[:2])
    rows = [f"{'px per frame':32}{heads}{honest}{'rows':>7}{'of truth':>9}"]
    for name, result in results.items():
        errors = "".join(f"{value:14.2f}" for value in result.rmse)
        covered = zip(result.squared[:2], result.inside[:2], strict=True)
        honest = "".join(f"{nees:10.2f}{inside:9.2f}" for nees, inside in covered)
        rows.append(f"{name:32}{errors}{honest}{result.count:7d}{result.share:9.1%}")
    return "\n".join(rows).replace(" nan", "   -")


def sections(data: Path, sequences: Iterable[str], only: Iterable[str]) -> Iterator[str]:
    for name in only:
        if name == "boxes":
            for sequence in sequences:
                yield f"{sequence}\n{table(measure(data / 'mot15' / sequence))}"
        elif name == "detector":
            yield f"vtest end to end, YOLOX-nano\n{table(end_to_end(data))}"
        else:
            yield "\n".join(smoother())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds mot15/, clips/, models/")
    parser.add_argument("--sequence", action="append", help="default: PETS09-S2L1; may be repeated")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="default: all; may be repeated")
    options = parser.parse_args()
    for text in sections(options.data, options.sequence or ["PETS09-S2L1"], options.only or SECTIONS):
        print(text, end="\n\n", flush=True)


if __name__ == "__main__":
    main()
