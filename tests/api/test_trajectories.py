"""Tracks as equations: of files, copies and versions, and back into a scene."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import cssv
from cssv.errors import OptionError
from cssv.scene.expression_values import values_at
from cssv.scene.expressions import parse_expression

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
#: A circle, a sine and a line, given by equations.
CIRCLE = {
    "name": "buoy",
    "label": "buoy",
    "trajectory": {
        "from_s": 0,
        "to_s": 4,
        "centre_x_px": "192 + 96*cos(1.57*t + 0.4)",
        "foot_y_px": "150 + 60*sin(1.57*t + 0.4)",
        "width_px": "40 + 10*sin(3*t)",
        "height_px": "60 + 4*t",
    },
}


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    path = tmp_path_factory.mktemp("harbour") / "harbour.cssv"
    scene = json.loads((SAMPLES / "scene.json").read_text(encoding="utf-8"))
    scene["objects"].append(CIRCLE)
    return cssv.encode(
        SAMPLES / "harbour.mp4", path, scene=scene, boxes=SAMPLES / "boxes.txt", lossless=True
    ).path


@pytest.fixture(scope="module")
def tracks(harbour):
    with cssv.open(harbour) as clip:
        return {each.name or each.label: each for each in clip.trajectories()}


def test_circle_sine_and_line_are_recovered_as_such(tracks):
    buoy = tracks["buoy"]
    assert buoy.is_given
    assert (buoy.from_s, buoy.to_s, buoy.frames) == (0, 3.96, 100)
    texts = {name: part.expression for name, part in buoy.parts.items()}
    wanted = dict(zip(buoy.parts, list(CIRCLE["trajectory"].values())[2:], strict=True))
    for name, text in texts.items():
        assert len(parse_expression(text).steps) == len(parse_expression(wanted[name]).steps), text
        assert buoy.parts[name].error_px <= 1
    assert buoy.width.method == "expression"
    assert buoy.height.method == "line"


def test_the_formulas_of_the_sample_are_found_in_its_tracks(tracks):
    """The visitor weaves by a sine, the cart speeds up by a parabola; the rest moves along lines."""
    assert {part.expression_method for part in tracks["docker"].parts.values()} == {"line", "constant"}
    assert "sin(" in tracks["visitor"].centre_x.expression
    assert "t^2" in tracks["luggage cart"].centre_x.expression
    for each in tracks.values():
        assert each.bytes < 30
        assert each.bytes < 8 * each.frames / 20


def test_expressions_are_as_near_to_the_boxes_as_they_say(harbour, tracks):
    with cssv.open(harbour) as clip:
        seen: dict[int, list[tuple[float, ...]]] = {}
        for moment in clip:
            for row in moment.objects:
                x = row.x_px + row.w_px / 2
                numbers = (float(moment.time), x, row.y_px + row.h_px, row.w_px, row.h_px)
                seen.setdefault(row.track, []).append(numbers)
    for each in tracks.values():
        times, *columns = np.array(seen[each.track]).T
        assert (each.from_s, each.to_s, each.frames) == (times[0], times[-1], len(times))
        for column, part in zip(columns, each.parts.values(), strict=True):
            if part.expression is not None:
                error = np.abs(values_at(parse_expression(part.text), times - times[0]) - column).max()
                assert error == pytest.approx(part.error_px, abs=2e-3)


def test_a_copy_has_the_equations_of_its_pixels(harbour, tracks, tmp_path):
    copy = cssv.export(harbour, tmp_path / "copy.mkv").path
    with cssv.open(copy) as clip:
        clip[10]
        found = {each.track: each for each in clip.trajectories()}
        assert clip[11].number == 11
    assert found.keys() == {each.track for each in tracks.values()}
    # The pixels hold whole boxes.
    buoy = found[tracks["buoy"].track]
    assert "cos(" in buoy.centre_x.expression


def test_info_has_the_same_as_the_clip(harbour, tracks):
    stages = []
    found = cssv.info(harbour, equations=True, progress=lambda *stage: stages.append(stage))
    assert {each.track: each for each in found.trajectories} == {each.track: each for each in tracks.values()}
    assert stages[-1] == ("equations", len(tracks), len(tracks))
    data = found.to_json()["trajectories"]
    assert json.loads(json.dumps(data)) == data
    assert data[0].keys() >= {"track", "label", "name", "from_s", "to_s", "bytes", "centre_x", "height"}
    assert cssv.info(harbour).trajectories is None
    assert "trajectories" not in cssv.info(harbour).to_json()


def test_a_plain_clip_has_none():
    assert cssv.info(SAMPLES / "harbour.mp4", equations=True).trajectories == ()


def test_a_smaller_bound_costs_more_bytes(harbour, tracks):
    with cssv.open(harbour) as clip:
        found = {each.track: each for each in clip.trajectories(bound_px=0.25)}
    for each in tracks.values():
        finer = found[each.track]
        assert finer.bound_px == 0.25
        assert finer.bytes >= each.bytes
    assert sum(each.bytes for each in found.values()) > sum(each.bytes for each in tracks.values())


@pytest.mark.parametrize("bound_px", [0, 0.2, 65, math.nan, math.inf, -1])
def test_bounds_of_the_bound(harbour, bound_px):
    with cssv.open(harbour) as clip, pytest.raises(OptionError, match=r"0.25 to 64 px"):
        clip.trajectories(bound_px=bound_px)
    with pytest.raises(OptionError, match=r"0.25 to 64 px"):
        cssv.info(harbour, equations=True, bound_px=bound_px)


def test_an_unknown_program_is_refused(harbour):
    with pytest.raises(OptionError, match="pyoperon, pysr"):
        cssv.info(harbour, equations=True, symbolic="operon")


def test_a_scene_with_equations_gives_the_objects_again(harbour, tracks, tmp_path):
    """Decode to equations, move them to ``objects``, encode without any detection: the boxes are the same."""
    path = tmp_path / "scene.json"
    assert cssv.decode(harbour, scene=path, equations=True).written == (path,)
    node = json.loads(path.read_text(encoding="utf-8"))
    by_track = {entry["track"]: entry for entry in node.pop("tracks")}
    # Given objects are in the scene already.
    assert by_track.keys() == {each.track for each in tracks.values() if not each.is_given}
    whole = [entry for entry in by_track.values() if len(entry["trajectory"]) == 6]
    assert len(whole) == len(by_track)
    node["objects"] = [
        {"label": entry["label"], "name": f"was {entry['track']}", "trajectory": entry["trajectory"]}
        for entry in whole
    ]
    again = cssv.encode(
        SAMPLES / "harbour.mp4",
        tmp_path / "again.cssv",
        scene=node,
        boxes=SAMPLES / "boxes.txt",
        lossless=True,
    )
    bounds = {
        entry["track"]: [part["bound_px"] for part in list(entry["trajectory"].values())[2:]]
        for entry in whole
    }
    compared = 0
    with cssv.open(harbour) as first, cssv.open(again.path) as second:
        for number in range(0, len(first), 9):
            rows = {row.track: row for row in first[number].objects}
            for state in second[number].states:
                if not (state.name or "").startswith("was "):
                    continue
                track = int(state.name.removeprefix("was "))
                # The equations go on where a track has a gap.
                if track not in rows:
                    continue
                compared += 1
                row, (x, y, w, h) = rows[track], state.box_px
                wanted = (row.x_px + row.w_px / 2, row.y_px + row.h_px, row.w_px, row.h_px)
                for value, other, bound in zip((x + w / 2, y + h, w, h), wanted, bounds[track], strict=True):
                    assert abs(value - other) <= bound + 2e-3
    assert compared > 30


def test_a_scene_without_equations_is_as_it_was(harbour, tmp_path):
    plain, full = tmp_path / "plain.json", tmp_path / "full.json"
    cssv.decode(harbour, scene=plain)
    cssv.decode(harbour, scene=full, equations=True)
    node = json.loads(full.read_text(encoding="utf-8"))
    assert node.pop("tracks")
    assert node == json.loads(plain.read_text(encoding="utf-8"))
    # Equations of tracks are output: they make no other scene.
    assert cssv.Scene.read(full) == cssv.Scene.read(plain)
    with pytest.raises(OptionError, match="belong into a scene"):
        cssv.decode(harbour, tmp_path / "h.mkv", equations=True)
    assert not (tmp_path / "h.mkv").exists()


def test_a_version_has_its_own_equations(harbour, tmp_path):
    path = tmp_path / "clip.cssv"
    path.write_bytes(harbour.read_bytes())
    moved = CIRCLE | {"trajectory": CIRCLE["trajectory"] | {"foot_y_px": 200}}
    scene = json.loads((SAMPLES / "scene.json").read_text(encoding="utf-8"))
    scene["objects"].append(moved)
    cssv.commit(path, scene)
    with cssv.open(path) as clip, clip.at(1) as before:
        (now,), (then,) = (
            [each for each in one.trajectories() if each.name == "buoy"] for one in (clip, before)
        )
    assert now.foot_y.expression == "200"
    assert "sin(" in then.foot_y.expression
