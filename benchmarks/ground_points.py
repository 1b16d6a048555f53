"""Speeds with the ground of ``cssv ground`` from a few points, compared with those of the full calibration.

    python benchmarks/ground_points.py --data DATA

DATA holds ``clips/vtest.avi`` and ``calibration/PETS09_View_001.xml``. The tracks are those of the detector
``motion``; the reference is their speed in metres per second with the published Tsai calibration. The points
are places of the picture with the ground that this calibration gives them, rounded to 1 cm: the corners of
the rectangle that holds nine tenths of the feet in x and in y, or a grid in it. Without noise the lens is the
difference: a homography cannot bend lines. With noise, each point is moved by a normal error of so many
pixels in x and in y; the figures are the medians of many draws, and "worst" is the largest median of a draw.
"predicted" is the standard error that ``cssv ground`` reports, for errors of at least 1 px.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cssv.boxes import F64
from cssv.perception import ClipTracker, Tracks
from cssv.perception.detectors import CheckedDetector
from cssv.perception.detectors.motion import MotionDetector
from cssv.scene import Scene
from cssv.scene.camera import plane_of
from cssv.scene.ground import Plane, feet_of
from cssv.scene.ground_fit import fit_plane
from cssv.scene.tsai import read_tsai
from cssv.video import open_clip

CLIP, CALIBRATION = "vtest.avi", "PETS09_View_001.xml"
#: The points hold this share of the feet between them, in x and in y.
SHARE = 0.9
#: Slower objects are left out: they stand, and a share of nothing says nothing.
SLOWEST_M_S = 0.3
#: Points across and down, and pixels of noise.
GRIDS, NOISES_PX = ((2, 2), (3, 3), (4, 4)), (0.0, 1.0, 2.0)
#: What the item asks for.
BOUND = 0.03


@dataclass(frozen=True, slots=True)
class Differences:
    """Relative differences of speeds: median, 95th percentile, and the share within the bound."""

    median: float
    high: float
    within: float


def read_clip(path: Path) -> tuple[ClipTracker, tuple[int, int]]:
    """Detect the objects of a clip once; the tracker can be finished with any ground."""
    checked = CheckedDetector.from_detector(MotionDetector())
    with open_clip(path) as reader:
        size = (reader.info.width, reader.info.height)
        clip = ClipTracker(size=size, boxes_are=checked.boxes_are, only_moving=checked.only_moving)
        for frame in reader:
            flow = checked.flow.measure(frame)
            clip.add(frame.number, frame.time, checked.detect(frame), flow)
    return clip, size


def speeds(tracks: Tracks) -> dict[int, F64]:
    """Speed in metres per second in each frame of each track; NaN where it is not known."""
    return {track.id: np.hypot(*track.velocity_m_s.T) for track in tracks}


def compare(reference: dict[int, F64], found: dict[int, F64]) -> Differences:
    """Differences over all frames in which the object moves."""
    every = []
    for identity, expected in reference.items():
        moving = expected >= SLOWEST_M_S
        every.append(np.abs(found[identity][moving] / expected[moving] - 1))
    shares = np.concatenate(every)
    shares = shares[np.isfinite(shares)]
    median, high = np.percentile(shares, [50, 95])
    return Differences(float(median), float(high), float((shares <= BOUND).mean()))


def corners(tracks: Tracks) -> tuple[F64, F64]:
    """The rectangle of the feet: lowest and highest x, y."""
    feet = np.concatenate([feet_of(track.boxes_px) for track in tracks])
    rest = 50 * (1 - SHARE)
    low, high = np.percentile(feet, [rest, 100 - rest], axis=0)
    return low, high


def grid(low: F64, high: F64, across: int, down: int) -> F64:
    """Points (n, 2) of a grid in a rectangle, with its corners."""
    x, y = (np.linspace(low[k], high[k], count) for k, count in enumerate((across, down)))
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).round()


def measure(data: Path, draws: int, seed: int) -> str:
    """The table."""
    clip, size = read_clip(data / "clips" / CLIP)
    camera = {"tsai": read_tsai(data / "calibration" / CALIBRATION)}
    plane = plane_of(Scene.from_json({"cssv_scene": 1, "camera": camera}).camera, size)
    assert plane is not None
    tracks = clip.finish(plane=plane)
    reference, (low, high) = speeds(tracks), corners(tracks)
    random = np.random.default_rng(seed)
    lines = [
        f"{CLIP}: {len(tracks)} tracks, points in x {low[0]:.0f} to {high[0]:.0f}, y {low[1]:.0f} to "
        f"{high[1]:.0f}, speeds from {SLOWEST_M_S} m/s",
        f"{'points':>6} {'noise':>6} {'median':>8} {'95 %':>8} {'within 3 %':>11} {'worst':>8} "
        f"{'predicted':>10}",
    ]
    for across, down in GRIDS:
        points = grid(low, high, across, down)
        places = plane.to_ground(points).round(2)
        for noise in NOISES_PX:
            results, predicted = [], []
            for _ in range(draws if noise else 1):
                fit = fit_plane(points + random.normal(size=points.shape) * noise, places)
                results.append(compare(reference, speeds(clip.finish(plane=Plane(fit.matrix, size)))))
                predicted.append(float(np.median(fit.speeds_sigma)))
            lines.append(_line(len(points), noise, results, predicted))
    return "\n".join(lines)


def _line(count: int, noise: float, results: Sequence[Differences], predicted: Sequence[float]) -> str:
    median, high, within = (
        float(np.median([getattr(each, name) for each in results])) for name in ("median", "high", "within")
    )
    worst = max(each.median for each in results)
    return (
        f"{count:6d} {noise:4.0f} px {median:8.2%} {high:8.2%} {within:11.1%} {worst:8.2%} "
        f"{float(np.median(predicted)):10.2%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds clips/ and calibration/")
    parser.add_argument("--draws", type=int, default=20, help="draws of noise (20)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(measure(options.data, options.draws, options.seed))


if __name__ == "__main__":
    main()
