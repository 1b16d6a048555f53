"""Estimates of what forms cost, against files that are really encoded."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import cssv
from cssv.errors import OptionError, VideoError
from cssv.pipeline.forms import FORMS
from cssv.testing import clips as synthetic
from cssv.testing.clips import write_clip
from cssv.video import open_clip
from cssv.view.picture_difference import PictureDifference

#: More frames than a sample has.
LONG = 210
#: A clip whose frames are large enough for the robust carrier.
SAMPLES = Path(__file__).resolve().parent.parent.parent / "samples"


@pytest.fixture(scope="module")
def arguments(clips):
    return {"scene": synthetic.SCENE, "boxes": clips / "boxes.txt"}


@pytest.fixture(scope="module")
def found(clips, arguments):
    return cssv.estimate(clips / "clip.mkv", **arguments)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    # The same pictures again and again, so that the blocks stay inside.
    frames = list(synthetic.pictures(synthetic.WIDTH, synthetic.HEIGHT, synthetic.COUNT))
    clip = write_clip(folder / "long.mkv", (frames[n % len(frames)] for n in range(LONG)))
    boxes = folder / "boxes.txt"
    places = (synthetic.boxes_at(n % len(frames)) for n in range(LONG))
    rows = (f"{n + 1},-1,{','.join(map(str, box))},0.9\n" for n, each in enumerate(places) for box in each)
    boxes.write_text("".join(rows))
    return clip, boxes


def of(found, name):
    (wanted,) = (each for each in found.forms if each.form == name)
    return wanted


def test_every_form_has_an_entry_and_the_chosen_one_is_marked(found):
    assert [each.form for each in found.forms] == [form.name for form in FORMS]
    assert [each.is_chosen for each in found.forms] == [True] + [False] * (len(FORMS) - 1)
    # Short windows of such small frames have no room for a payload that survives.
    assert [each.form for each in found.forms if each.problem is not None] == ["robust"]
    assert "does not fit" in of(found, "robust").problem
    assert found.frames == found.sampled_frames == synthetic.COUNT
    assert found.objects == 2


@pytest.mark.parametrize("name", ["full", "sparse", "constructive"])
def test_a_clip_that_is_its_own_sample_has_the_bytes_and_the_picture_of_its_file(
    clips, arguments, found, tmp_path, name
):
    expected = of(found, name)
    done = cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", **arguments, **expected.arguments)
    # The trial of full sees other frames of the clip than that of its encoding.
    has_trial = name == "full"
    assert expected.bytes == pytest.approx(done.bytes, rel=0.15 if has_trial else 0.02)
    assert expected.times_source == pytest.approx(expected.bytes / done.source_bytes)
    difference = PictureDifference()
    with open_clip(clips / "clip.mkv") as covers, open_clip(done.path) as stegos:
        for number, pair in enumerate(zip(covers, stegos, strict=True)):
            if number % 4 == 0:
                difference.add(*pair)
    assert expected.rgb_psnr_db == pytest.approx(difference.psnr_db, abs=3 if has_trial else 0.01)
    assert expected.median_de == pytest.approx(difference.median_de, abs=2 if has_trial else 0.01)


def test_lossy_forms_have_the_codec_and_the_quality_asked_for(tmp_path):
    inputs = {"boxes": SAMPLES / "boxes.txt", "scene": SAMPLES / "scene.json", "stop": 2}
    chosen = {"carrier": "robust", "codec": "hevc", "crf": 22, "strength": 46}
    found = cssv.estimate(SAMPLES / "harbour.mp4", **inputs, **chosen)
    assert [each.form for each in found.forms if each.is_chosen] == ["robust"]
    done = cssv.encode(SAMPLES / "harbour.mp4", tmp_path / "x.cssv", fit=True, **inputs, **chosen)
    assert of(found, "robust").bytes == pytest.approx(done.bytes, rel=0.15)
    # Lossless forms have no hevc and keep their own codec.
    assert of(found, "full").bytes > 2 * of(found, "robust").bytes


def test_sparse_changes_less_where_nothing_is_drawn(found):
    full, sparse = of(found, "full"), of(found, "sparse")
    assert sparse.undrawn_psnr_db > sparse.rgb_psnr_db > full.rgb_psnr_db
    assert sparse.undrawn_median_de == 0


def test_the_whole_clip_follows_from_a_sample(long_clip, tmp_path):
    clip, boxes = long_clip
    found = cssv.estimate(clip, boxes=boxes)
    assert (found.frames, found.sampled_frames) == (LONG, 48)
    done = cssv.encode(clip, tmp_path / "x.cssv", boxes=boxes, fidelity="full")
    assert of(found, "full").bytes == pytest.approx(done.bytes, rel=0.1)
    # The encoding itself tells of the other forms, also by an estimate.
    assert {"sparse", "constructive"} <= set(done.others) <= {form.name for form in FORMS} - {"full"}
    for name in ("sparse", "constructive"):
        assert done.others[name] == pytest.approx(of(found, name).bytes, rel=0.3), name
    assert done.to_json()["others"] == done.others


def test_encoding_a_short_clip_takes_no_time_for_others(clips, arguments, tmp_path):
    assert cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", **arguments).others == {}


def test_a_form_that_the_clip_cannot_have_says_why(clips, arguments):
    found = cssv.estimate(clips / "clip.mkv", planes="rgb", **arguments)
    robust = of(found, "robust")
    assert robust.bytes is None
    assert "does not take these planes" in robust.problem
    assert of(found, "full").bytes


def test_frames_too_small_for_a_form(tmp_path):
    clip = write_clip(tmp_path / "small.mkv", width=64, height=48, count=6)
    found = cssv.estimate(clip)
    assert of(found, "sparse").bytes
    # Nothing is drawn, and marks are all that changes.
    assert of(found, "sparse").undrawn_psnr_db == of(found, "sparse").rgb_psnr_db


def test_a_part_of_a_clip_has_no_multiple_of_its_size(clips, arguments):
    found = cssv.estimate(clips / "clip.mkv", stop="0.4", **arguments)
    assert found.frames == 10
    assert all(each.times_source is None for each in found.forms)


def test_a_cssv_as_source_keeps_its_objects(clips, arguments, tmp_path):
    path = tmp_path / "x.cssv"
    cssv.encode(clips / "clip.mkv", path, carrier="constructive", **arguments)
    found = cssv.estimate(path)
    assert found.objects == 2
    assert any("taken over" in note for note in found.notes)


def test_nothing_is_written(clips, arguments, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(clips.iterdir())
    cssv.estimate(clips / "clip.mkv", **arguments)
    assert list(tmp_path.iterdir()) == []
    assert sorted(clips.iterdir()) == before


def test_json_has_no_infinite_numbers(found):
    equal = cssv.FormCost("x", {"carrier": "x"}, rgb_psnr_db=math.inf)
    assert json.loads(json.dumps(equal.to_json(), allow_nan=False))["rgb_psnr_db"] == "infinite"
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["forms"][0]["form"] == FORMS[0].name


def test_bad_input_is_refused(clips, tmp_path):
    with pytest.raises(VideoError):
        cssv.estimate(tmp_path / "none.mp4")
    with pytest.raises(OptionError, match="unknown codec"):
        cssv.estimate(clips / "clip.mkv", codec="mpeg1")
