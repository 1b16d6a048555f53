"""Smoothed velocity against the truth, beside other people's ways to get one.

    python benchmarks/velocity.py --data DIR [--sequence PETS09-S2L1]

DIR holds ``mot15/<sequence>/{gt/gt.txt,det/det.txt,seqinfo.ini}``. Every method sees the same boxes in the
same run: ``truth`` the annotated boxes, ``public`` the public detections matched to them (IoU 0.5). The truth
says which box is whose, except in the rows "own association", where nothing does. Errors are root mean
squares over all frames in which the object was seen, in pixels per frame, against three definitions of the
true velocity: central differences over +-1 and +-3 frames, and a local parabola over +-5. NEES (ideal 2) and
the share of errors inside the 95 % ellipse (ideal 0.95) are against +-3.
"""

from __future__ import annotations

import argparse
import configparser
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.signal import savgol_filter

from cssv.overlap import overlaps
from cssv.perception import BoxesDetector, Clip, Detections, LiveTracker, Tracks, detections
from cssv.perception.detections import to_centres

with warnings.catch_warnings():
    # filterpy spells some escapes and aliases in ways Python now deprecates.
    warnings.simplefilter("ignore")
    from filterpy.kalman import KalmanFilter

F64 = NDArray[np.float64]

#: Truth definitions: name, frames either side, degree of the local polynomial.
DEFINITIONS = (("+-1", 1, 1), ("+-3", 3, 1), ("parabola +-5", 5, 2))
MATCH_IOU = 0.5
#: 95 % of the chi-square distribution with two degrees of freedom.
ELLIPSE = 5.991


@dataclass(frozen=True)
class Path2D:
    """One object's boxes: frame numbers (n,) and centres, w, h (n, 4) in pixels."""

    numbers: NDArray[np.int64]
    centres_px: F64


#: (object, frame) -> velocity in px/frame and its covariance, or None.
Velocities = dict[tuple[int, int], tuple[F64, F64 | None]]


def true_velocities(truth: dict[int, Path2D], reach: int, degree: int) -> dict[tuple[int, int], F64]:
    """Slope of a polynomial fitted to 2 * reach + 1 successive centres."""
    slope = np.linalg.pinv(np.vander(np.arange(-reach, reach + 1), degree + 1))[-2]
    if degree == 1:
        slope = np.zeros(2 * reach + 1)
        slope[[0, -1]] = -0.5 / reach, 0.5 / reach
    found = {}
    for identity, path in truth.items():
        for k in range(reach, len(path.numbers) - reach):
            if path.numbers[k + reach] - path.numbers[k - reach] == 2 * reach:
                found[identity, int(path.numbers[k])] = slope @ path.centres_px[k - reach : k + reach + 1, :2]
    return found


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


def paths(frames: list[Detections]) -> dict[int, Path2D]:
    """Boxes by their ids."""
    rows: dict[int, list[tuple[int, F64]]] = {}
    for number, seen in enumerate(frames):
        for identity, box in zip(seen.ids.tolist(), to_centres(seen.boxes_px), strict=True):
            rows.setdefault(identity, []).append((number, box))
    return {
        k: Path2D(np.array([n for n, _ in r], dtype=np.int64), np.array([b for _, b in r]))
        for k, r in rows.items()
    }


def pairs(a: F64, b: F64) -> list[tuple[int, int]]:
    """One-to-one pairs of overlapping boxes."""
    if not (len(a) and len(b)):
        return []
    shared = overlaps(a, b)
    rows, columns = linear_sum_assignment(-shared)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if shared[i, j] >= MATCH_IOU]


def named_by_truth(seen: list[Detections], truth: list[Detections]) -> list[Detections]:
    """Only the boxes that match the truth, with its ids."""
    named = []
    for mine, true in zip(seen, truth, strict=True):
        found = pairs(mine.boxes_px, true.boxes_px)
        i, j = [p for p, _ in found], [p for _, p in found]
        named.append(detections(mine.boxes_px[i], mine.scores[i], ids=true.ids[j]))
    return named


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
    clip = Clip()
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
    """Do the same without ids; smoothed boxes are matched to the truth afterwards."""
    clip = Clip()
    for number, seen in enumerate(frames):
        clip.add(number, number / rate, detections(seen.boxes_px, seen.scores))
    return matched(clip.finish(), truth, rate)


def matched(tracks: Tracks, truth: list[Detections], rate: float) -> Velocities:
    found: Velocities = {}
    for number, true in enumerate(truth):
        states = tracks.at(number)
        for i, j in pairs(states.boxes_px, true.boxes_px):
            if states.scores[i] > 0:
                velocity, cov = states.velocity_px_s[i] / rate, states.velocity_cov[i] / rate**2
                found[int(true.ids[j]), number] = velocity, cov
    return found


def live(frames: list[Detections], rate: float, lag_s: float = 1.0) -> Velocities:
    """As a stream; only the fixed lag's future is known."""
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
    """One line of the table: RMSE per definition, NEES, coverage (NaN without covariance), rows."""

    rmse: tuple[float, ...]
    nees: float
    coverage: float
    count: int


def judge(found: Velocities, truth: dict[int, Path2D]) -> Result:
    rmse, nees = [], np.full(1, np.nan)
    for name, reach, degree in DEFINITIONS:
        true = true_velocities(truth, reach, degree)
        keys = [key for key in found if key in true]
        errors = np.array([found[key][0] - true[key] for key in keys])
        rmse.append(float(np.sqrt((errors**2).sum(axis=1).mean())))
        covs = [found[key][1] for key in keys]
        if name == "+-3" and covs[0] is not None:
            P = np.array(covs)
            nees = (errors[:, None] @ np.linalg.inv(P) @ errors[:, :, None])[:, 0, 0]
    inside = float((nees < ELLIPSE).mean()) if np.isfinite(nees).all() else float("nan")
    return Result(tuple(rmse), float(nees.mean()), inside, len(found))


def measure(folder: Path) -> dict[str, Result]:
    """Every method on one sequence: line of the table -> result."""
    info = configparser.ConfigParser()
    info.read(folder / "seqinfo.ini")
    rate, count = info.getfloat("Sequence", "frameRate"), info.getint("Sequence", "seqLength")
    annotated, public = (BoxesDetector(folder / name) for name in ("gt/gt.txt", "det/det.txt"))
    truth = [annotated.in_frame(number) for number in range(count)]
    seen = [public.in_frame(number) for number in range(count)]
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


def table(results: dict[str, Result]) -> str:
    heads = "".join(f"{name:>14}" for name, _, _ in DEFINITIONS)
    rows = [f"{'px per frame':32}{heads}{'NEES':>8}{'in 95 %':>9}{'rows':>7}"]
    for name, result in results.items():
        errors = "".join(f"{value:14.2f}" for value in result.rmse)
        rows.append(f"{name:32}{errors}{result.nees:8.2f}{result.coverage:9.2f}{result.count:7d}")
    return "\n".join(rows).replace(" nan", "   -")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds mot15/")
    parser.add_argument("--sequence", action="append", help="default: PETS09-S2L1; may be repeated")
    options = parser.parse_args()
    for sequence in options.sequence or ["PETS09-S2L1"]:
        print(f"{sequence}\n{table(measure(options.data / 'mot15' / sequence))}\n")


if __name__ == "__main__":
    main()
