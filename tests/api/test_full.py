"""Files of the form ``full`` of version 2: encoded, copied, committed to and streamed."""

from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest

import cssv
from cssv.carriers.nibble.full_trial import GRAINS
from cssv.container import Reader
from cssv.testing import clips as synthetic


@pytest.fixture(scope="module")
def first(clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("full") / "clip.cssv"
    boxes = clips / "boxes.txt"
    cssv.encode(clips / "sound.mp4", path, scene=synthetic.SCENE, boxes=boxes, carrier="full", created_s=1)
    return path


@pytest.fixture
def file(first, tmp_path):
    return shutil.copy(first, tmp_path / "clip.cssv")


def scene(degrees):
    made = json.loads(json.dumps(synthetic.SCENE))
    made["objects"][1]["temperature_c"] = degrees
    return made


def planes(path, version=None):
    with cssv.open(path, version=version) as clip:
        return [moment.frame.planes.copy() for moment in clip]


def test_a_file_tells_its_form(first):
    with Reader(first) as reader:
        facts = reader.version.about.meta
    assert facts["carrier"] == "full"
    assert facts["grain"] in GRAINS
    assert 8 <= int(facts["reach"]) <= 10
    assert cssv.verify(first).is_sound


def test_objects_come_back_from_the_pixels_of_a_copy(first, tmp_path, tool):
    copy = tmp_path / "copy.mkv"
    subprocess.run(
        [tool("ffmpeg"), "-v", "error", "-i", str(first), "-map", "0:v:0", "-c", "copy", str(copy)],
        check=True,
    )
    with cssv.open(first) as clip, cssv.open(copy) as other:
        assert len(clip) == len(other)
        for moment, copied in zip(clip, other, strict=True):
            assert np.array_equal(moment.heat, copied.heat)
            assert {o.track for o in copied.objects} == {o.track for o in moment.objects}


def test_a_chain_of_commits_ends_where_one_commit_would(file, first, tmp_path):
    direct = shutil.copy(first, tmp_path / "direct.cssv")
    cssv.commit(file, scene(20))
    cssv.commit(file, scene(30))
    cssv.commit(direct, scene(30))
    chain, one = planes(file), planes(direct)
    assert all(np.array_equal(a, b) for a, b in zip(chain, one, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(planes(file, 1), planes(first), strict=True))


def test_a_commit_with_the_clip_is_a_fresh_encoding(file, clips, tmp_path):
    cssv.commit(file, scene(20), cover=clips / "sound.mp4")
    fresh = tmp_path / "fresh.cssv"
    cssv.encode(
        clips / "sound.mp4", fresh, scene=scene(20), boxes=clips / "boxes.txt", carrier="full", created_s=1
    )
    with cssv.open(file) as ours, cssv.open(fresh) as theirs:
        for one, other in zip(ours, theirs, strict=True):
            # Under marks the lowest bit is that of the first encoding's scene.
            assert np.array_equal(one.heat & 0xE0, other.heat & 0xE0)


def test_a_stream_has_the_form_too(tmp_path):
    path = tmp_path / "live.cssv"
    with cssv.Encoder(path, size=(160, 120), rate=Fraction(25), carrier="full") as encoder:
        for number in range(60):
            encoder.write(np.full((120, 160, 3), 100 + number % 2, np.uint8))
    with Reader(path) as reader:
        assert reader.version.about.meta["carrier"] == "full"
        assert len(reader) == 60
    assert cssv.verify(path).is_sound


def test_a_commit_leaves_the_frames_before_the_first_change(tmp_path):
    """Without the clip no frame depends on its window, so that few are coded anew."""
    blocks = (*synthetic.BLOCKS, synthetic.Block(3, "block", (90, 20), (0, 1), (24, 30), (90, 200, 90), 18))
    clip, path = synthetic.write_clip(tmp_path / "clip.mkv"), tmp_path / "x.cssv"
    boxes = synthetic.write_boxes(tmp_path / "boxes.txt", blocks=blocks)
    cssv.encode(clip, path, scene=synthetic.SCENE, boxes=boxes, carrier="full")
    made = scene(12)
    made["objects"].append({"match": {"track": 3}, "temperature_c": 50})
    before = planes(path)
    done = cssv.commit(path, made)
    assert (done.frames_changed, done.frames_coded) == (synthetic.COUNT - 18, synthetic.COUNT - 18)
    assert all(map(np.array_equal, planes(path)[:18], before[:18]))
    # With the clip the whole window is drawn again.
    assert cssv.commit(path, scene(20), cover=clip).frames_coded == synthetic.COUNT
