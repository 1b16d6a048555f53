"""``cssv encode --dry-run``: a table that a newcomer understands, and the same as JSON."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import cssv
from cssv.pipeline.forms import FORMS
from cssv_cli.estimate_report import estimated, options_text
from cssv_cli.media_report import encoded
from tests.cli.conftest import COUNT, write_boxes, write_clip


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mkv", COUNT), write_boxes(tmp_path / "boxes.txt", COUNT)


def test_the_table(run, clip, tmp_path):
    path, boxes = clip
    result = run("encode", path, "--boxes", boxes, "--dry-run", "--quiet")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].startswith(f"{path}: 30 frames, clip of ")
    assert lines[0].endswith(
        "Encoded as a trial: 30 frames with 1.0 objects each on average. No file was written."
    )
    assert " ".join(lines[2].split()) == "form file of CLIP PSNR dE away from objects choose it by"
    assert lines[3].split()[:2] == [FORMS[0].name, "(now)"]
    assert lines[3].endswith(options_text(cssv.FormCost("", FORMS[0].arguments)))
    assert sorted(tmp_path.iterdir()) == sorted(clip)


def test_json(run, clip):
    path, boxes = clip
    found = run("encode", path, "--boxes", boxes, "--carrier", "constructive", "--dry-run", "--json").json()
    assert [each["form"] for each in found["forms"]] == [form.name for form in FORMS]
    assert [each["form"] for each in found["forms"] if each["is_chosen"]] == ["constructive"]


def test_a_clip_that_is_not_there_is_an_error(run, tmp_path):
    assert run("encode", tmp_path / "none.mp4", "--dry-run").code != 0


def test_the_options_of_every_form_are_options_of_encode(run, clip):
    path, boxes = clip
    for form in FORMS:
        words = options_text(cssv.FormCost(form.name, form.arguments)).split()
        result = run("encode", path, "--boxes", boxes, *words, "--dry-run", "--json")
        assert [each["form"] for each in result.json()["forms"] if each["is_chosen"]] == [form.name]


def test_equal_pictures_and_forms_that_a_clip_cannot_have():
    equal = cssv.FormCost(
        "a", {"carrier": "x", "lossless": True}, False, 2048, None, math.inf, 0.0, None, None
    )
    unfit = cssv.FormCost("b", {"carrier": "y"}, problem="too small. Give `planes='native'`.")
    lines = estimated(cssv.Estimate("clip.mp4", 1, 10, 1, 0.0, (equal, unfit))).lines
    assert lines[3].split() == [
        "a",
        "2.0",
        "KiB",
        "-",
        "equal",
        "0.0",
        "-,",
        "dE",
        "-",
        "--carrier",
        "x",
        "--lossless",
    ]
    assert any(line.startswith("Not b: too small.") for line in lines)


def test_the_report_of_an_encoding_names_the_other_forms_in_one_line(run, clip, tmp_path):
    path, boxes = clip
    done = cssv.encode(path, tmp_path / "x.cssv", boxes=boxes, carrier="constructive")
    assert not any("Other forms" in line for line in encoded(done, has_scene=True).lines)
    known = replace(done, others={"sparse": 3 << 20, "robust": 1536})
    (line,) = (line for line in encoded(known, has_scene=True).lines if "ther forms" in line)
    assert "sparse 3.0 MiB, robust 1.5 KiB" in line
