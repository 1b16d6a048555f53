"""Velocity in metres per second on the ground, compared with the truth.

    python benchmarks/metres.py --data DIR

DIR holds ``mot15/PETS09-S2L1/{gt/gt.txt,det/det.txt,seqinfo.ini}`` and ``calibration/PETS09_View_001.xml``.
The true velocity is that of the feet of the annotated boxes, projected to the ground by the calibration, with
the definitions of ``velocity.py``. Every method gets the same boxes: ``truth`` the annotated ones, ``public``
the public detections matched to them (IoU 0.5). The identities are those of the truth, except in the rows
"own association". Errors are root mean squares in m/s. NEES (ideal 2) and the share of errors inside the 95 %
ellipse (ideal 0.95) are for +-3 frames.
"""

from __future__ import annotations

import argparse
import configparser
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from reference import DEFINITIONS, F64, Path2D, Velocities, named_by_truth, pairs, paths
from velocity import box_differences, judge

from cssv.boxes import from_centres
from cssv.perception import BoxesDetector, ClipTracker, Detections, LiveTracker, Tracks, detections
from cssv.scene import Scene
from cssv.scene.camera import plane_of
from cssv.scene.ground import Plane, feet_of
from cssv.scene.tsai import read_tsai

SEQUENCE, CALIBRATION = "PETS09-S2L1", "PETS09_View_001.xml"


def on_ground(frames: list[Detections], plane: Plane) -> dict[int, Path2D]:
    """Path of each object's foot on the ground, metres."""
    return {
        identity: Path2D(path.numbers, plane.to_ground(feet_of(from_centres(path.centres_px))))
        for identity, path in paths(frames).items()
    }


def foot_differences(frames: list[Detections], plane: Plane) -> Velocities:
    """Differences of successive feet: the simplest velocity from boxes and a homography."""
    return {
        (identity, number): found
        for identity, path in on_ground(frames, plane).items()
        for number, found in zip(path.numbers.tolist(), box_differences(path), strict=True)
    }


def _velocities(tracks: Tracks, frames: list[Detections], rate: float) -> Velocities:
    """Velocities in metres per frame, for the frames in which the object was detected."""
    return dict(_each(tracks, [set(seen.ids.tolist()) for seen in frames], rate))


def _each(
    tracks: Tracks, seen: list[set[int]], rate: float
) -> Iterator[tuple[tuple[int, int], tuple[F64, F64]]]:
    for track in tracks:
        rows = zip(track.numbers.tolist(), track.velocity_m_s, track.velocity_m_cov, strict=True)
        for number, velocity, cov in rows:
            if track.id in seen[number] and np.isfinite(velocity).all():
                yield (track.id, number), (velocity / rate, cov / rate**2)


def ours(frames: list[Detections], plane: Plane, rate: float) -> Velocities:
    """Filter and smooth on the ground; ids are those of the boxes."""
    clip = ClipTracker()
    for number, seen in enumerate(frames):
        clip.add(number, number / rate, seen)
    return _velocities(clip.finish(plane=plane), frames, rate)


def live(frames: list[Detections], plane: Plane, rate: float) -> Velocities:
    """Process as a stream with a lag of 1 s."""
    tracker, found = LiveTracker(plane=plane), []
    for number, seen in enumerate(frames):
        found += tracker.update(number, number / rate, seen)
    seen_ids = [set(seen.ids.tolist()) for seen in frames]
    return {
        (identity, states.number): (velocity / rate, cov / rate**2)
        for states in [*found, *tracker.finish()]
        for identity, velocity, cov in zip(
            states.ids.tolist(), states.velocity_m_s, states.velocity_m_cov, strict=True
        )
        if identity in seen_ids[states.number] and np.isfinite(velocity).all()
    }


def own_association(
    frames: list[Detections], truth: list[Detections], plane: Plane, rate: float
) -> Velocities:
    """Process without ids; smoothed boxes are matched to the truth afterwards."""
    clip = ClipTracker()
    for number, seen in enumerate(frames):
        clip.add(number, number / rate, detections(seen.boxes_px, seen.scores))
    tracks = clip.finish(plane=plane)
    found: Velocities = {}
    for number, true in enumerate(truth):
        states = tracks.in_frame(number)
        for i, j in pairs(states.boxes_px, true.boxes_px):
            if states.scores[i] > 0 and np.isfinite(states.velocity_m_s[i]).all():
                velocity, cov = states.velocity_m_s[i] / rate, states.velocity_m_cov[i] / rate**2
                found[int(true.ids[j]), number] = velocity, cov
    return found


def measure(data: Path) -> str:
    """Run every method on the sequence; returns the table."""
    folder, info = data / "mot15" / SEQUENCE, configparser.ConfigParser()
    info.read(folder / "seqinfo.ini")
    rate, count = info.getfloat("Sequence", "frameRate"), info.getint("Sequence", "seqLength")
    size = info.getint("Sequence", "imWidth"), info.getint("Sequence", "imHeight")
    camera = {"tsai": read_tsai(data / "calibration" / CALIBRATION)}
    plane = plane_of(Scene.from_json({"cssv_scene": 1, "camera": camera}).camera, size)
    assert plane is not None
    annotated, public = (BoxesDetector(folder / name) for name in ("gt/gt.txt", "det/det.txt"))
    truth = [annotated.in_frame(number) for number in range(count)]
    seen = [public.in_frame(number) for number in range(count)]
    lines: dict[str, Velocities] = {}
    for source, frames in (("truth", truth), ("public", named_by_truth(seen, truth))):
        lines[f"{source}: foot differences"] = foot_differences(frames, plane)
        lines[f"{source}: cssv, live, 1 s lag"] = live(frames, plane, rate)
        lines[f"{source}: cssv"] = ours(frames, plane, rate)
    lines["public: cssv, own association"] = own_association(seen, truth, plane, rate)
    feet = on_ground(truth, plane)
    heads = "".join(f"{name:>14}" for name, _, _ in DEFINITIONS)
    rows = [f"{'metres per second':32}{heads}{'NEES':>8}{'in 95 %':>9}{'rows':>7}"]
    for name, found in lines.items():
        result = judge(found, feet)
        errors = "".join(f"{value * rate:14.3f}" for value in result.rmse)
        rows.append(f"{name:32}{errors}{result.nees:8.2f}{result.coverage:9.2f}{result.count:7d}")
    return "\n".join(rows).replace(" nan", "   -")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds mot15/ and calibration/")
    print(f"{SEQUENCE}\n{measure(parser.parse_args().data)}")


if __name__ == "__main__":
    main()
