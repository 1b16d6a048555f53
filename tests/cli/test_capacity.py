"""``cssv capacity``: a table that a newcomer understands, and the same as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import cssv
from cssv_cli.capacity_report import measured
from tests.cli.conftest import COUNT, SCENE, write_boxes, write_clip


def test_the_table(run, tmp_path):
    clip, boxes = write_clip(tmp_path / "clip.mkv", COUNT), write_boxes(tmp_path / "boxes.txt", COUNT)
    scene = tmp_path / "scene.json"
    scene.write_text(json.dumps(SCENE))
    result = run("capacity", clip, "--boxes", boxes, "--meta", scene, "--window", "1", "--quiet")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == f"{clip}: 192x144 yuv420p, 25 frames/s, 30 frames, 0:01, 1 object."
    assert " ".join(lines[2].split()) == "carrier window needs on average at most offers fits picture"
    nibble, constructive = lines[3].split(), lines[4].split()
    assert nibble == ["nibble", "-", "-", "-", "-", "yes", "-"]
    assert constructive[:3] == ["constructive", "1", "s"]
    assert (constructive[-3], constructive[-1]) == ("yes", "dB")
    assert "nibble: hides the heat map itself, for which every frame has room." in lines
    found = run("capacity", clip, "--boxes", boxes, "--meta", scene, "--window", "1", "--json").json()
    assert found["carriers"][1]["carrier"] == "constructive"
    assert f"{found['carriers'][1]['largest_bytes']} bytes" in lines[4]


def test_what_does_not_fit_has_a_remedy():
    clip = cssv.Capacity("clip.mp4", 320, 240, "yuv420p", 25, 50, 2, 3, ())
    unfit = cssv.CarrierCapacity("constructive", 2.0, 4, 900.0, 1200, 450.0, 1000, 3)
    small = cssv.CarrierCapacity("constructive", 2.0, 4, 900.0, 1200, 450.0, 0, 4)

    def lines(carrier):
        return measured(replace(clip, carriers=(carrier,))).lines

    assert lines(unfit)[3].split()[-2:] == ["no", "-"]
    assert lines(unfit)[-1] == (
        "constructive: 450 bytes per second of the clip; too many in 3 of 4 windows. "
        "Use longer windows, or a scene with fewer objects."
    )
    assert lines(small)[-1] == "constructive: the frames are too small for it."
