"""Velocity of objects that the edge of the picture cuts: error, NEES and coverage beside those inside.

    python benchmarks/edges.py [--seeds 3] [--data DIR]

Synthetic objects leave and enter the picture on all four sides, at several speeds and sizes, some growing or
shrinking. Their boxes have errors like those of a detector, are cut off at the picture's edge, and are
reported while at least :data:`LEAST_VISIBLE` of the object is in the picture. ``inside`` are the frames in
which no side is cut. Speed error is the mean of the estimated less the true speed along the path, as a share
of the true one. NEES (ideal 2) and the share of errors inside the 95 % ellipse (ideal 0.95) are those of the
velocity. ``clip`` is the smoother over a whole clip, ``stream`` a stream with a lag of 1 s, and ``no size``
the first without the size of the picture, so that every box counts as whole.

With DIR, boxes of the truth of MOT15 are cut off at the edges of a smaller picture inside the real one. The
reference is the velocity of the whole boxes, central differences over +-3 frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from reference import ELLIPSE, F64, paths, read_size, read_truth, true_velocities

from cssv.perception import ClipTracker, Detections, LiveTracker, detections
from cssv.perception.cut_boxes import cut_sides

#: Size of the picture and frames per second of the synthetic clips.
SIZE, RATE = (640, 360), 25
#: Least visible share of an object that is reported.
LEAST_VISIBLE = 0.2
#: Speeds in px/s, and widths and heights: a person and a car.
SPEEDS = (40.0, 100.0, 200.0, 370.0)
SHAPES = ((36.0, 90.0), (110.0, 70.0), (160.0, 120.0))
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
#: Standard deviation of an error of a side in heights, and its correlation from frame to frame.
SIDE_SIGMA, PERSISTENCE = 0.03, 0.5
#: Boxes reach to this many pixels from the edge at most.
INSET_PX = 2.0
#: Objects of MOT15 are cut at edges moved inwards by this share of the picture.
INWARDS = 0.25


@dataclass(frozen=True)
class Scene:
    """Boxes of a clip frame by frame, with the true velocity of each box by (id, frame)."""

    size: tuple[int, int]
    rate: float
    frames: list[Detections]
    velocity_px_s: dict[tuple[int, int], F64]
    groups: dict[int, tuple[str, ...]]


def clipped(boxes: F64, size: tuple[int, int]) -> F64:
    """Boxes (n, 4) x, y, w, h cut off at the picture; sides can become negative outside it."""
    low = np.maximum(boxes[:, :2], 0)
    return np.concatenate([low, np.minimum(boxes[:, :2] + boxes[:, 2:], size) - low], axis=1)


def path(
    random: np.random.Generator,
    speed: float,
    shape: tuple[float, float],
    way: tuple[int, int],
    *,
    enters: bool,
) -> tuple[F64, F64]:
    """Whole boxes (T, 4) centre x, centre y, w, h of an object, and its velocity (T, 2) in px/s."""
    dt = 1 / RATE
    reach = min(2.5, 0.8 * min(SIZE) / speed)
    steps = round((reach + max(shape) / speed) / dt)
    h = shape[1]
    push = random.normal(0, np.sqrt(0.03 * h**2 * dt), (steps, 2))
    velocity = speed * np.array(way) + np.cumsum(push, axis=0) - push.sum(axis=0) / 2
    place = np.cumsum(velocity, axis=0) * dt
    growth = np.exp(random.uniform(-0.25, 0.25) * (np.arange(steps) - steps / 2)[:, None] * dt)
    sides = np.array(shape) * growth
    # The last position (the first, if it enters) is just outside of the picture.
    edge = np.where(np.array(way) > 0, SIZE, 0)
    across = random.uniform(0.35, 0.65, 2) * SIZE
    end = np.where(np.array(way) == 0, across, edge + np.array(way) * sides[-1] / 2)
    if enters:
        back = np.array(way) > 0
        begin = np.where(back, -sides[0] / 2, SIZE + sides[0] / 2)
        begin = np.where(np.array(way) == 0, across, begin)
        place += begin - place[0]
    else:
        place += end - place[-1]
    return np.concatenate([place, sides], axis=1), velocity


def synthetic(seed: int) -> Scene:
    """Objects of all kinds, one path after the other; ids separate them."""
    random = np.random.default_rng(seed)
    rows: dict[int, list[tuple[int, F64]]] = {}
    truth, groups, identity = {}, {}, 0
    for speed in SPEEDS:
        for shape in SHAPES:
            for name, way in DIRECTIONS.items():
                for enters in (False, True):
                    whole, velocity = path(random, speed, shape, way, enters=enters)
                    first = int(random.integers(0, 50))
                    groups[identity] = (
                        f"{speed:.0f} px/s", f"{shape[0]:.0f}x{shape[1]:.0f} px", name,
                        "entering" if enters else "leaving",
                    )  # fmt: skip
                    for n, box in enumerate(seen(random, whole)):
                        if box is not None:
                            rows.setdefault(first + n, []).append((identity, box))
                            truth[identity, first + n] = velocity[n]
                    identity += 1
    frames = [
        detections([box for _, box in found], ids=[k for k, _ in found])
        for found in (rows.get(n, []) for n in range(max(rows) + 1))
    ]
    return Scene(SIZE, RATE, frames, truth, groups)


def seen(random: np.random.Generator, whole: F64) -> list[F64 | None]:
    """The boxes x, y, w, h that a detector reports; None where too little is visible."""
    low, high = whole[:, :2] - whole[:, 2:] / 2, whole[:, :2] + whole[:, 2:] / 2
    error = np.empty((len(whole), 4))
    error[0] = random.normal(0, 1, 4)
    for n in range(1, len(whole)):
        fresh = np.sqrt(1 - PERSISTENCE**2) * random.normal(0, 1, 4)
        error[n] = PERSISTENCE * error[n - 1] + fresh
    error *= SIDE_SIGMA * whole[:, 3:]
    inset = random.uniform(0, INSET_PX, (len(whole), 4))
    a = np.maximum(low + error[:, :2], inset[:, :2])
    b = np.minimum(high + error[:, 2:], np.array(SIZE) - inset[:, 2:])
    visible = np.minimum(high, SIZE) - np.maximum(low, 0)
    share = np.prod(np.maximum(visible, 0) / whole[:, 2:], axis=1)
    is_reported = (share >= LEAST_VISIBLE) & ((b - a) > 1).all(axis=1)
    return [np.array([*a[n], *(b[n] - a[n])]) if is_reported[n] else None for n in range(len(whole))]


def real(folder: Path) -> Scene:
    """Boxes of a truth file, cut off at edges inside the real picture."""
    truth, rate = read_truth(folder)
    size = np.array(read_size(folder))
    low, high = INWARDS * size, (1 - INWARDS) * size
    inner = tuple(np.round(high - low).astype(int).tolist())
    frames, known = [], {}
    for number, found in enumerate(truth):
        moved = found.boxes_px - np.array([*low, 0, 0])
        boxes = clipped(moved, inner)
        share = np.prod(np.maximum(boxes[:, 2:], 0) / moved[:, 2:], axis=1)
        kept = np.flatnonzero((share >= LEAST_VISIBLE) & (boxes[:, 2:] > 2).all(axis=1))
        frames.append(detections(boxes[kept], ids=found.ids[kept]))
        known |= {(int(k), number): None for k in found.ids[kept]}
    velocity = {key: v * rate for key, v in true_velocities(paths(truth), 3, 1).items() if key in known}
    return Scene(inner, rate, frames, velocity, {})


def offline(scene: Scene, size: tuple[int, int] | None) -> dict[tuple[int, int], tuple[F64, F64]]:
    clip = ClipTracker(size=size)
    for number, found in enumerate(scene.frames):
        clip.add(number, number / scene.rate, found)
    return {
        (track.id, int(n)): (v, c)
        for track in clip.finish()
        for n, v, c in zip(track.numbers, track.velocity_px_s, track.velocity_cov, strict=True)
    }


def live(scene: Scene, size: tuple[int, int] | None) -> dict[tuple[int, int], tuple[F64, F64]]:
    tracker, found = LiveTracker(size=size), []
    for number, boxes in enumerate(scene.frames):
        found += tracker.update(number, number / scene.rate, boxes)
    return {
        (int(k), states.number): (v, c)
        for states in [*found, *tracker.finish()]
        for k, v, c in zip(states.ids, states.velocity_px_s, states.velocity_cov, strict=True)
    }


METHODS: dict[str, tuple[Callable, bool]] = {
    "clip": (offline, True),
    "stream": (live, True),
    "clip, no size": (offline, False),
}


@dataclass(frozen=True)
class Row:
    """Errors (n, 2), covariances (n, 2, 2) and true velocities (n, 2) of one row of the table."""

    errors: list[F64]
    covs: list[F64]
    truths: list[F64]

    @property
    def bias(self) -> float:
        """Mean error along the path, as a share of the mean speed."""
        error, true = np.array(self.errors), np.array(self.truths)
        speed = np.maximum(np.hypot(*true.T), 1e-9)
        return float(((error * true).sum(axis=1) / speed).sum() / speed.sum())

    @property
    def rmse(self) -> float:
        """Root mean square error, px/s."""
        return float(np.sqrt(np.square(self.errors).sum(axis=1).mean()))

    @property
    def squares(self) -> F64:
        """(n,) squared errors in units of the covariance."""
        error, cov = np.array(self.errors), np.array(self.covs)
        squares: F64 = (error[:, None] @ np.linalg.inv(cov) @ error[:, :, None])[:, 0, 0]
        return squares

    @property
    def nees(self) -> float:
        """Mean of :attr:`squares`; ideal 2."""
        return float(self.squares.mean())

    @property
    def coverage(self) -> float:
        """Share inside the 95 % ellipse."""
        return float((self.squares < ELLIPSE).mean())

    def text(self) -> str:
        """The cells of the row."""
        cells = (f"{self.bias:+.3f}", f"{self.rmse:.1f}", f"{self.nees:.2f}", f"{self.coverage:.3f}")
        return " | ".join(cells)


def judge(scenes: Sequence[Scene], run: Callable, *, knows_size: bool = True) -> dict[str, Row]:
    """Rows of the table: name -> errors."""
    rows: dict[str, Row] = {}
    for scene in scenes:
        found = run(scene, scene.size if knows_size else None)
        for number, boxes in enumerate(scene.frames):
            cut = cut_sides(boxes.boxes_px, scene.size).any(axis=1)
            for identity, is_cut in zip(boxes.ids.tolist(), cut.tolist(), strict=True):
                key = identity, number
                if key not in found or key not in scene.velocity_px_s:
                    continue
                true = scene.velocity_px_s[key]
                groups = (f"edge, {group}" for group in scene.groups.get(identity, ()))
                for name in ("edge", *groups) if is_cut else ("inside",):
                    row = rows.setdefault(name, Row([], [], []))
                    row.errors.append(found[key][0] - true)
                    row.covs.append(found[key][1])
                    row.truths.append(true)
    return rows


def table(title: str, scenes: Sequence[Scene]) -> Iterator[str]:
    """The table of some clips, all methods side by side."""
    found = {name: judge(scenes, run, knows_size=size) for name, (run, size) in METHODS.items()}
    cells = " | ".join(f"{name}: speed | RMSE | NEES | in 95 %" for name in METHODS)
    yield f"\n{title}\n\n| | frames | {cells} |\n|{'---|' * (2 + 4 * len(METHODS))}"
    first = found["clip"]
    groups = [
        f"edge, {g}" for kind in zip(*scenes[0].groups.values(), strict=True) for g in dict.fromkeys(kind)
    ]
    for name in ("inside", "edge", *groups):
        # In some sequences no object is whole.
        if not all(name in rows for rows in found.values()):
            continue
        rows = " | ".join(found[method][name].text() for method in METHODS)
        yield f"| {name} | {len(first[name].errors)} | {rows} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder that holds mot15/")
    parser.add_argument("--seeds", type=int, default=3, help="number of synthetic clips")
    options = parser.parse_args()
    print("\n".join(table("Synthetic objects", [synthetic(seed) for seed in range(options.seeds)])))
    for folder in sorted((options.data / "mot15").iterdir()) if options.data else ():
        print("\n".join(table(folder.name, [real(folder)])), flush=True)


if __name__ == "__main__":
    main()
