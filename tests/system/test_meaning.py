"""Values of the heat map: velocities against the truth, attributes from the pixels alone."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest

import cssv
from cssv.interop.table import read_rows
from cssv.template.certainty import planar_certainty, value_certainty

FRAMES, RATE = 795, 7


def truth_velocities(path: Path) -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
    """(frame, id) -> box, velocity in px/frame of the ground truth, by differences of its box centres
    over three frames to either side (the annotation itself jitters by a pixel)."""
    rows = np.loadtxt(path, delimiter=",")
    found = {}
    for identity in np.unique(rows[:, 1]):
        track = rows[rows[:, 1] == identity]
        centres = {
            int(f) - 1: xywh[:2] + xywh[2:] / 2 for f, xywh in zip(track[:, 0], track[:, 2:6], strict=True)
        }
        boxes = {int(f) - 1: xywh for f, xywh in zip(track[:, 0], track[:, 2:6], strict=True)}
        for frame, box in boxes.items():
            if frame - 3 in centres and frame + 3 in centres:
                found[frame, int(identity)] = box, (centres[frame + 3] - centres[frame - 3]) / 6
    return found


@pytest.fixture(scope="module")
def truth(truth_boxes):
    return truth_velocities(truth_boxes)


def rmse_px_frame(rows, truth) -> tuple[float, int]:
    """RMSE of the velocity over rows matched to the truth by overlap, and the number of matches."""
    by_frame: dict[int, list] = {}
    for (frame, _), value in truth.items():
        by_frame.setdefault(frame, []).append(value)
    errors = []
    for row in rows:
        if row.vx_px_s is None or row.frame not in by_frame:
            continue
        box, velocity = min(
            by_frame[row.frame],
            key=lambda item: math.hypot(item[0][0] - row.x_px, item[0][1] - row.y_px),
        )
        if math.hypot(box[0] - row.x_px, box[1] - row.y_px) < 0.25 * box[3]:
            found = np.array([row.vx_px_s, row.vy_px_s]) / RATE
            errors.append(np.sum((found - velocity) ** 2))
    return float(np.sqrt(np.mean(errors))), len(errors)


def test_velocities_in_the_objects_table(encoded, truth, tmp_path):
    table = tmp_path / "objects.csv"
    cssv.decode(encoded("vtest"), objects=table)
    error, count = rmse_px_frame(list(read_rows(table)), truth)
    assert count > 0.9 * len(truth)
    assert error <= 0.9


def test_velocities_read_from_the_pixels_of_a_copy(encoded, truth, tool, tmp_path):
    """Without the scene track, speed and heading come from the rings."""
    copy, table = tmp_path / "copy.mkv", tmp_path / "objects.csv"
    command = [tool("ffmpeg"), "-v", "error", "-i", str(encoded("vtest")), "-c", "copy", str(copy)]
    subprocess.run(command, check=True)
    cssv.decode(copy, objects=table)
    rows = list(read_rows(table))
    # The room tells of objects that the picture does not show.
    assert {row.source for row in rows} <= {"pixels", "room"}
    rows = [row for row in rows if row.source == "pixels"]
    error, count = rmse_px_frame(rows, truth)
    assert count > 0.85 * len(truth)
    assert error <= 1.1


def is_alone(state, others, width, height) -> bool:
    """Whether an object lies wholly in the picture and no other box overlaps it."""
    x, y, w, h = state.box_px
    if x < 0 or y < 0 or x + w > width or y + h > height:
        return False
    return not any(
        x < ox + ow and ox < x + w and y < oy + oh and oy < y + h
        for ox, oy, ow, oh in (other.box_px for other in others if other is not state)
    )


@pytest.mark.parametrize(
    ("name", "form", "least"),
    [("vtest", "sparse", 2500), ("short", "full", 400), ("short", "mixed", 400), ("short", "first", 400)],
)
def test_attributes_read_from_pixels_alone(name, form, least, encoded):
    """Within 1/16 of the range, certainty within 1/8, for at least 95 % of the unoccluded objects."""
    with cssv.open(encoded(name, form)) as clip:
        info = cssv.info(encoded(name, form))
        verdicts = [v for moment in clip for v in _verdicts(moment, info.ranges, clip.info)]
    table = np.array(verdicts)
    assert len(table) > least
    assert np.all(table.mean(axis=0) >= 0.95), table.mean(axis=0)


def _verdicts(moment, ranges, info) -> list[list[bool]]:
    drawn = moment.states
    seen = {state.track: state for state in moment.states_in_pixels}
    found = []
    for state in drawn:
        if min(state.box_px[2:]) <= 24 or not is_alone(state, drawn, info.width, info.height):
            continue
        read = seen.get(state.track)
        if read is None:
            found.append([False] * 5)
            continue
        speed = ranges.speed_px_s
        span = speed[1] - speed[0]
        certainty = planar_certainty(state.sigma_px_s, speed)
        good = [
            certainty < 0.3 or abs(read.speed_px_s - state.speed_px_s) <= span / 16,
            certainty < 0.3 or np.hypot(*np.subtract(read.velocity_px_s, state.velocity_px_s)) <= span / 16,
            abs(planar_certainty(read.sigma_px_s, speed) - certainty) <= 1 / 8,
        ]
        for name, limits in (
            ("temperature_c", ranges.temperature_c),
            ("density_kg_m3", ranges.density_kg_m3),
        ):
            before, after = getattr(state, name), getattr(read, name)
            sure = value_certainty(before, limits)
            near = after is not None and abs(after.value - before.value) <= (limits[1] - limits[0]) / 16
            good.append((sure < 0.3 or near) and abs(value_certainty(after, limits) - sure) <= 1 / 8)
        found.append(good)
    return found


def test_scene_of_a_copy_has_environment_and_ranges(encoded, tool, tmp_path):
    copy = tmp_path / "copy.mkv"
    command = [tool("ffmpeg"), "-v", "error", "-i", str(encoded("vtest")), "-c", "copy", str(copy)]
    subprocess.run(command, check=True)
    with cssv.open(encoded("vtest")) as clip, cssv.open(copy) as other:
        whole, small = clip.scene, other.scene
    assert whole.environment.ambient_temperature_c.value == small.environment.ambient_temperature_c.value
    assert small.environment.lighting_lux.value == 450
    assert small.ranges.temperature_c == (-20, 60)
    assert whole.objects
    assert not small.objects
