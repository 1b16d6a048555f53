"""Effort of lossless coding: recorded, and used again by commits."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import cssv
from cssv.container import Reader
from cssv.errors import ContainerError
from cssv.pipeline import second_pass
from cssv.pipeline.config import config_from_facts
from cssv.pipeline.forms import FORMS, FormChoice
from cssv.testing import clips as synthetic


def encode(clips, path, **options):
    boxes = clips / "boxes.txt"
    return cssv.encode(clips / "sound.mp4", path, scene=synthetic.SCENE, boxes=boxes, **options)


def warmer():
    scene = json.loads(json.dumps(synthetic.SCENE))
    scene["objects"][1]["temperature_c"] = 20
    return scene


def facts_of(path):
    with Reader(path) as reader:
        return reader.version.about.meta


def stream_of(path):
    """Sample entries of the video, and its key frames."""
    with Reader(path) as reader:
        table = reader.video.table
        return [bytes(entry) for entry in table.entries], list(table.syncs)


def planes(path):
    with cssv.open(path) as clip:
        return [moment.frame.planes.copy() for moment in clip]


def test_small_files_are_smaller_and_hold_the_same_frames(clips, tmp_path):
    fast, small = (encode(clips, tmp_path / f"{effort}.cssv", effort=effort) for effort in ("fast", "small"))
    assert small.bytes < fast.bytes
    assert [facts_of(each.path)["effort"] for each in (fast, small)] == ["fast", "small"]
    assert all(map(np.array_equal, planes(fast.path), planes(small.path)))


def test_only_lossless_coding_with_efforts_records_one(clips, tmp_path):
    assert facts_of(encode(clips, tmp_path / "a.cssv", lossless=True).path)["effort"] == "fast"
    assert "effort" not in facts_of(encode(clips, tmp_path / "b.cssv", codec="ffv1").path)
    assert "effort" not in facts_of(encode(clips, tmp_path / "c.cssv").path)


def test_other_forms_are_estimated_without_an_effort_that_they_do_not_have():
    choice = FormChoice(effort="small")
    found = {form.name: choice.config(form) for form in FORMS}
    assert {name: config.effort for name, config in found.items()} == {
        "mixed": None,
        "sparse": "small",
        "full": "small",
        "constructive": "small",
        "robust": None,
    }
    assert found["mixed"].carrier.name == "mixed"


@pytest.mark.parametrize("effort", ["fast", "small"])
def test_a_commit_codes_with_the_effort_of_the_file(effort, clips, tmp_path):
    """Frames coded otherwise would need parameter sets of their own."""
    path = tmp_path / "x.cssv"
    encode(clips, path, effort=effort)
    entries, keys = stream_of(path)
    cssv.commit(path, warmer())
    assert stream_of(path) == (entries, keys)
    assert facts_of(path)["effort"] == effort
    assert cssv.verify(path).is_sound


def test_a_file_without_an_effort_is_committed_to_as_ever(clips, tmp_path, monkeypatch):
    """Older versions of this package wrote such files."""
    path, write = tmp_path / "x.cssv", second_pass.write_clip
    monkeypatch.setattr(
        "cssv.api.encode.write_clip",
        lambda temporary, plan, content, *rest: write(
            temporary, plan, replace(content, config=replace(content.config, effort=None)), *rest
        ),
    )
    encode(clips, path, effort="fast")
    monkeypatch.undo()
    assert "effort" not in facts_of(path)
    before = stream_of(path)
    cssv.commit(path, warmer())
    assert "effort" not in facts_of(path)
    assert stream_of(path) == before


@pytest.mark.parametrize("effort", ["huge", 3, [], {}])
def test_facts_with_another_effort_are_no_facts(effort, clips, tmp_path):
    facts = facts_of(encode(clips, tmp_path / "x.cssv", lossless=True).path)
    assert config_from_facts(facts).config.effort == "fast"
    with pytest.raises(ContainerError):
        config_from_facts(facts | {"effort": effort})
