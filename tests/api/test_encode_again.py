"""A clip that is a .cssv already: its objects and its scene are taken over, and the notes say so."""

from __future__ import annotations

import shutil

import pytest

import cssv
from cssv.testing import clips as synthetic


def table(path, version=None):
    """Rows of the objects table of every frame, by frame and track."""
    with cssv.open(path, version) as clip:
        return {(moment.number, row.track): row for moment in clip for row in moment.objects}


def places(rows):
    return {key: (row.x_px, row.y_px, row.w_px, row.h_px) for key, row in rows.items()}


@pytest.fixture
def first(stego, tmp_path):
    path = tmp_path / "first.cssv"
    shutil.copy(stego, path)
    return path


def test_objects_and_scene_are_taken_over(first, tmp_path):
    done = cssv.encode(first, tmp_path / "again.cssv")
    before, after = table(first), table(done.path)
    assert set(before) == set(after)
    for key, row in before.items():
        again = after[key]
        assert places(after)[key] == places(before)[key]
        assert (again.label, again.temperature_c) == (row.label, row.temperature_c)
    with cssv.open(first) as one, cssv.open(done.path) as two:
        assert one.scene == two.scene
    (note,) = [note for note in done.notes if ".cssv" in note]
    assert note == (
        "the clip is a .cssv: objects of version 1 are taken over with their boxes and ids, with its scene; "
        "tags and messages are not"
    )


VELOCITIES = ("vx_px_s", "vy_px_s", "sigma_px_s", "vx_m_s", "vy_m_s", "sigma_m_s")


@pytest.mark.parametrize("with_ids", [True, False])
def test_velocities_and_their_sigma_are_those_of_the_file(clips, tmp_path, with_ids):
    boxes = synthetic.write_boxes(tmp_path / "boxes.txt", with_ids=with_ids)
    ground = {"cssv_scene": 1, "camera": {"homography": [[0.05, 0, 0], [0, 0.05, 0], [0, 0, 1]]}}
    made = cssv.encode(clips / "clip.mkv", tmp_path / "a.cssv", boxes=boxes, scene=ground, lossless=True)
    done = cssv.encode(made.path, tmp_path / "b.cssv", lossless=True)
    before, after = table(made.path), table(done.path)
    assert before.keys() == after.keys()
    assert any(row.vx_m_s is not None for row in before.values())
    for key, row in before.items():
        for name in VELOCITIES:
            assert getattr(after[key], name) == pytest.approx(getattr(row, name), abs=0.002)


def test_velocities_follow_another_rate(first, tmp_path):
    done = cssv.encode(first, tmp_path / "fast.cssv", rate=50, lossless=True)
    before, after = table(first), table(done.path)
    assert places(before) == places(after)
    assert after[12, 1].vx_px_s == pytest.approx(2 * before[12, 1].vx_px_s, rel=0.1)


def test_they_are_those_of_the_version_that_plays(first, tmp_path):
    scene = {"cssv_scene": 1, "objects": [{"match": {"track": 2}, "label": "boat", "temperature_c": 44}]}
    cssv.commit(first, scene)
    done = cssv.encode(first, tmp_path / "again.cssv", lossless=True)
    labels = {row.track: (row.label, row.temperature_c) for row in table(done.path).values()}
    assert labels == {1: (labels[1][0], None), 2: ("boat", 44)}
    assert "objects of version 2" in done.notes[0]
    assert "the other version, tags and messages are not" in done.notes[0]
    cssv.checkout(first, 1)
    done = cssv.encode(first, tmp_path / "first_again.cssv", lossless=True)
    assert "objects of version 1" in done.notes[0]
    assert {row.temperature_c for row in table(done.path).values()} == {36.2, 12}


def test_another_scene_is_that_of_the_new_file(first, tmp_path):
    scene = {"cssv_scene": 1, "objects": [{"match": {"track": 1}, "temperature_c": 20}]}
    done = cssv.encode(first, tmp_path / "again.cssv", scene=scene, lossless=True)
    assert {row.track: row.temperature_c for row in table(done.path).values()} == {1: 20, 2: None}
    assert "without its scene" in done.notes[0]


def test_a_given_object_comes_once(clips, tmp_path):
    scene = {
        "cssv_scene": 1,
        "objects": [
            {"match": {"label": "*"}, "temperature_c": 30},
            {
                "label": "buoy",
                "trajectory": [
                    {"time_s": 0, "box_px": [10, 100, 30, 30]},
                    {"time_s": 2, "box_px": [90, 100, 30, 30]},
                ],
                "temperature_c": 10,
            },
        ],
    }
    made = cssv.encode(
        clips / "clip.mkv", tmp_path / "a.cssv", boxes=clips / "boxes.txt", scene=scene, lossless=True
    )
    done = cssv.encode(made.path, tmp_path / "b.cssv", lossless=True)
    before, after = table(made.path), table(done.path)
    assert len({track for _, track in before}) == 3
    assert set(before) == set(after)
    assert {row.label for row in after.values()} == {row.label for row in before.values()}


def test_a_detector_of_one_s_own_is_used_and_said(first, clips, tmp_path):
    for options in ({"boxes": clips / "boxes.txt"}, {"detector": synthetic.Truth()}):
        done = cssv.encode(first, tmp_path / "again.cssv", overwrite=True, lossless=True, **options)
        assert "only the pictures of the version that plays are used" in done.notes[0]
        assert done.tracks == 2


def test_part_of_it(first, tmp_path):
    done = cssv.encode(first, tmp_path / "part.cssv", start="0.2", stop="0.6", lossless=True)
    before, after = places(table(first)), places(table(done.path))
    assert {(number + 5, track) for number, track in after} == {key for key in before if 5 <= key[0] < 15}
    for (number, track), place in after.items():
        assert place == before[number + 5, track]


def test_a_copy_is_an_ordinary_clip(first, tmp_path):
    copy = cssv.export(first, tmp_path / "copy.mkv").path
    done = cssv.encode(copy, tmp_path / "again.cssv", lossless=True)
    assert not any("taken over" in note for note in done.notes)


def test_onto_itself_is_refused(first):
    before = first.read_bytes()
    with pytest.raises(cssv.CssvError, match="would replace the input"):
        cssv.encode(first, overwrite=True)
    assert first.read_bytes() == before
