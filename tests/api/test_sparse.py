"""The carrier sparse from files to files: rings that anybody knows, and the room of a crop."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

import cssv
from cssv.frames import split_planes
from cssv.perception.detections import detections
from cssv.template.drawing import Rings
from cssv.testing import clips as synthetic
from cssv.testing.clips import Block, source_planes

PLAIN = {"cssv_scene": 1, "camera": {"homography": [[0.02, 0, -3], [0, -0.05, 21], [0, 0.0021, 1]]}}
WARM = PLAIN | {"objects": [{"match": {"label": "*"}, "temperature_c": {"value": 30, "sigma": 1}}]}


#: Two objects far from each other, and one at the edge.
BLOCKS = (
    Block(1, "person", (20, 130), (2, 1), (36, 48), (230, 200, 150)),
    Block(2, "car", (380, 200), (-2, 0), (60, 50), (30, 60, 210)),
    Block(3, "bicycle with a trailer", (300, 250), (1, 1), (40, 40), (90, 190, 60)),
)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A file of a larger picture."""
    folder = tmp_path_factory.mktemp("wide")
    synthetic.write_clip(
        folder / "clip.mkv", synthetic.pictures(480, 320, blocks=BLOCKS), width=480, height=320
    )
    synthetic.write_boxes(folder / "boxes.txt", blocks=BLOCKS)
    path = folder / "clip.cssv"
    cssv.encode(folder / "clip.mkv", path, scene=WARM, boxes=folder / "boxes.txt", carrier="sparse")
    return path


@pytest.fixture(scope="module")
def first(clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("sparse") / "clip.cssv"
    cssv.encode(
        clips / "sound.mp4", path, scene=PLAIN, boxes=clips / "boxes.txt", carrier="sparse", created_s=1
    )
    return path


def rings_of(path):
    """The rings of all drawings of a file."""
    with cssv.Decoder(path) as decoder:
        return {outline.rings for moment in decoder for outline in moment._extracted.found.outlines}


def test_pixels_beside_drawings_and_marks_are_the_clips(first, clips):
    covers = source_planes(clips / "sound.mp4")
    with cssv.Decoder(first) as decoder:
        for moment, cover in zip(decoder, covers, strict=True):
            found = moment._extracted.found
            luma = split_planes(moment.frame.planes, decoder.layout)[0]
            height, width = luma.shape
            untouched = ~(found.support | found.taken)
            assert untouched.mean() > 0.5
            assert np.array_equal(luma[untouched], cover[:height, :width][untouched])


def test_info_and_verify_know_it(first):
    assert "sparse" in json.dumps(cssv.info(first).to_json())
    assert cssv.verify(first).is_sound


def test_a_ring_is_drawn_once_anybody_knows_its_attribute(first, tmp_path):
    file = shutil.copy(first, tmp_path / "clip.cssv")
    assert rings_of(file) == {Rings.VELOCITY}
    cssv.commit(file, WARM)
    assert rings_of(file) == {Rings.VELOCITY | Rings.TEMPERATURE}
    with cssv.open(file) as clip:
        row = clip[5].objects_in_pixels[0]
        assert row.temperature_c == pytest.approx(30, abs=5)
        assert row.density_kg_m3 is None
    # Going back takes the ring away, by the frames of the first version.
    back = cssv.commit(file, PLAIN)
    assert rings_of(file) == {Rings.VELOCITY}
    assert back.frames_coded == 0
    with cssv.open(file) as clip, cssv.open(first) as before:
        assert np.array_equal(clip[5].frame.planes, before[5].frame.planes)


def test_a_chain_of_commits_ends_where_one_direct_commit_does(first, tmp_path):
    dense = WARM | {"objects": [*WARM["objects"], {"match": {"label": "*"}, "density_kg_m3": 900}]}
    chain, direct = (shutil.copy(first, tmp_path / f"{name}.cssv") for name in ("chain", "direct"))
    cssv.commit(chain, WARM)
    cssv.commit(chain, dense)
    cssv.commit(direct, dense)
    with cssv.open(chain) as one, cssv.open(direct) as other:
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a.frame.planes, b.frame.planes)


def test_a_stream_draws_the_rings_of_its_scene(tmp_path):
    path = tmp_path / "live.cssv"
    with cssv.Encoder(path, size=(192, 160), rate=25, scene=WARM, carrier="sparse") as encoder:
        for number, picture in enumerate(synthetic.pictures(count=12)):
            encoder.write(picture, detections(synthetic.boxes_at(number), labels=["block"] * 2, ids=[1, 2]))
    assert rings_of(path) == {Rings.VELOCITY | Rings.TEMPERATURE}


def test_a_thermal_camera_brings_its_ring(tmp_path):
    """Also one that starts after the first frames, and in later versions."""
    path = tmp_path / "warm.cssv"
    thermal = np.full((160, 192), 31.0, np.float32)
    with cssv.Encoder(path, size=(192, 160), rate=25, lag_s=0.08, carrier="sparse") as encoder:
        for number, picture in enumerate(synthetic.pictures(count=16)):
            found = detections(synthetic.boxes_at(number), labels=["block"] * 2, ids=[1, 2])
            encoder.write(picture, found, thermal if number >= 8 else None)
    with cssv.Decoder(path) as decoder:
        rings = [{outline.rings for outline in moment._extracted.found.outlines} for moment in decoder]
    assert rings[0] == {Rings.VELOCITY}
    assert rings[-1] == {Rings.VELOCITY | Rings.TEMPERATURE}
    cssv.commit(path, {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "density_kg_m3": 900}]})
    assert rings_of(path) == {Rings.ALL}


def test_a_crop_of_one_frame_lists_everybody_in_metres(wide, ffmpeg, tmp_path):
    shot = tmp_path / "shot.mkv"
    ffmpeg(
        "-i",
        wide,
        "-vf",
        "select=eq(n\\,20),crop=160:160:0:0",
        "-frames:v",
        "1",
        "-c:v",
        "ffv1",
        "-an",
        shot,
    )
    table = tmp_path / "objects.csv"
    done = cssv.decode(shot, objects=table)
    assert done.frames == 1
    with cssv.open(wide) as clip:
        truth = {row.track: row for row in clip[20].objects}
    with table.open() as file:
        rows = {int(row["track"]): row for row in csv.DictReader(file)}
    assert set(rows) == set(truth)
    assert {row["source"] for row in rows.values()} <= {"pixels", "room"}
    assert any(row["source"] == "room" for row in rows.values())
    for track, row in rows.items():
        given = truth[track]
        assert float(row["x_px"]) == pytest.approx(given.x_px, abs=480 / 256 + 1)
        assert float(row["y_px"]) == pytest.approx(given.y_px, abs=320 / 256 + 1)
        assert row["label"] == (given.label or "")
        if given.speed_m_s is not None:
            assert row["speed_m_s"]
    with cssv.open(shot) as copy:
        assert copy[0].plane is not None
        assert copy[0].object_count == len(rows)
        assert copy[0].overlay.shape == (160, 160, 3)
    assert json.dumps(done.to_json())
