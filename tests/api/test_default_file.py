"""The file that users get without any option: exact while intact, its room after any re-encoding."""

from __future__ import annotations

import json
import shutil
from dataclasses import astuple
from fractions import Fraction

import numpy as np
import pytest

import cssv
import cssv.carriers.nibble.mixed as mixed
from cssv.container import Reader
from cssv.errors import ChecksumError, InputError, NibblesLostError
from cssv.template.drawing import Rings
from cssv.testing import clips as synthetic

#: Pictures that are too small for a room.
SMALL_COUNT = 40
#: Pictures with a room, in two windows of it. Few frames a second keep the tests short.
SIZE, RATE, COUNT = (640, 480), 12, 48
BLOCKS = (
    synthetic.Block(1, "block", (64, 60), (3, 1), (90, 120), (230, 200, 150)),
    synthetic.Block(2, "block", (480, 240), (-2, 0), (80, 100), (30, 60, 210)),
)


@pytest.fixture(scope="module")
def drawn():
    """What was drawn, by the picture's size, the number of the frame and the track."""
    found, draw = {}, mixed.draw_picture

    def noting(luma, drawings, content, labels, **options):
        for each in drawings:
            found[luma.shape, content.number, each.outline.track] = each.readings
        return draw(luma, drawings, content, labels, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixed, "draw_picture", noting)
        yield found


def scene_of(degrees):
    scene = json.loads(json.dumps(synthetic.SCENE))
    scene["objects"][1]["temperature_c"] = degrees
    return scene


@pytest.fixture(scope="module")
def small(tmp_path_factory, drawn):
    """A folder with a clip, its boxes, and its file: a few small pictures."""
    folder = tmp_path_factory.mktemp("small")
    clip = synthetic.write_clip(folder / "clip.mkv", count=SMALL_COUNT)
    boxes = synthetic.write_boxes(folder / "boxes.txt", SMALL_COUNT)
    cssv.encode(clip, folder / "clip.cssv", scene=synthetic.SCENE, boxes=boxes, created_s=1)
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory, drawn):
    """The same with pictures that have a room."""
    folder = tmp_path_factory.mktemp("large")
    pictures = synthetic.pictures(*SIZE, COUNT, BLOCKS)
    options = {"codec": "libx264", "options": {"crf": "5"}}
    clip = synthetic.write_clip(folder / "clip.mp4", pictures, rate=RATE, audio=True, **options)
    boxes = synthetic.write_boxes(folder / "boxes.txt", COUNT, blocks=BLOCKS)
    cssv.encode(clip, folder / "clip.cssv", scene=synthetic.SCENE, boxes=boxes, created_s=1)
    return folder


@pytest.fixture(params=["small", "large"])
def folder(request):
    return request.getfixturevalue(request.param)


def check_readings(moments, drawn, count):
    """Every ring that can be seen shows exactly what was drawn."""
    numbers = []
    for moment in moments:
        numbers.append(moment.number)
        shape = moment.frame.luma().shape
        found = moment._extracted._readings
        assert {each.outline.track for each in found} == {1, 2}
        for each in found:
            wanted = astuple(drawn[shape, moment.number, each.outline.track])
            # Few visible cells give the high digits only.
            if each.visible == 1:
                assert astuple(each.readings) == wanted
    assert len(numbers) == count
    return numbers


def planes(path, version=None):
    with cssv.open(path, version) as clip:
        return [moment.frame.planes.copy() for moment in clip]


def test_info_names_the_form_and_any_player_shows_it(folder, ffprobe):
    path = folder / "clip.cssv"
    facts = cssv.info(path).facts
    assert (facts["carrier"], facts["codec"], facts["crf"]) == ("mixed", "h264", 23)
    assert facts["room"] == ("true" if folder.name.startswith("large") else "false")
    (stream,) = ffprobe(path, "-show_streams", "-select_streams", "v")["streams"]
    assert (stream["profile"], stream["pix_fmt"]) == ("High", "yuv420p")
    assert cssv.verify(path).is_sound


def test_it_takes_less_than_half_of_a_lossless_file(small, tmp_path):
    done = cssv.encode(
        small / "clip.mkv",
        tmp_path / "x.cssv",
        scene=synthetic.SCENE,
        boxes=small / "boxes.txt",
        lossless=True,
    )
    assert cssv.info(done.path).facts["carrier"] == "sparse"
    assert (small / "clip.cssv").stat().st_size < done.bytes / 2


def test_rings_show_exactly_what_was_drawn(folder, drawn):
    with cssv.Decoder(folder / "clip.cssv") as decoder:
        check_readings(decoder, drawn, len(decoder))
        assert decoder.scene == cssv.Scene.from_json(synthetic.SCENE)


def test_a_remuxed_copy_is_as_exact(folder, drawn, ffmpeg, tmp_path):
    ffmpeg("-i", folder / "clip.cssv", "-map", "0:v", "-c", "copy", tmp_path / "copy.mkv")
    with cssv.Decoder(tmp_path / "copy.mkv") as decoder:
        moments = list(decoder)
    assert {moment.source for moment in moments} == {"pixels"}
    check_readings(moments, drawn, len(moments))
    with cssv.open(folder / "clip.cssv") as clip:
        for moment, copied in zip(clip, moments, strict=True):
            # Times of Matroska are whole milliseconds.
            assert abs(copied.time - moment.time) < Fraction(1, 1000)
            assert np.array_equal(copied.heat, moment.heat)
            others = {row.track: row for row in copied.objects}
            assert len(others) == len(moment.objects)
            for row in moment.objects:
                other = others[row.track]
                assert row.label == other.label
                assert abs(row.x_px - other.x_px) <= 1
                assert row.temperature_c == pytest.approx(other.temperature_c, abs=80 / 16)


def test_a_piece_tells_its_place_in_the_clip(small, drawn, ffmpeg, tmp_path):
    """The end of the clip, as another program decodes it."""
    first, cut = 20, tmp_path / "cut.mkv"
    ffmpeg("-i", small / "clip.cssv", "-an", "-vf", f"trim=start_frame={first}", "-c:v", "ffv1", cut)
    with cssv.Decoder(cut) as decoder:
        numbers = check_readings(decoder, drawn, SMALL_COUNT - first)
    assert numbers == list(range(first, SMALL_COUNT))


def test_a_copy_that_is_coded_again_tells_its_room(large, ffmpeg, tmp_path):
    copy, heat = tmp_path / "copy.mp4", tmp_path / "heat.mkv"
    ffmpeg("-i", large / "clip.cssv", "-an", "-c:v", "libx264", "-crf", 28, copy)
    done = cssv.decode(copy, heat, objects=tmp_path / "objects.csv")
    assert (done.source, done.frames, done.missing_frames) == ("robust", COUNT, 0)
    with cssv.open(copy) as clip:
        for moment in clip:
            assert [row.track for row in moment.objects] == [1, 2]
            for row, box in zip(moment.objects, synthetic.boxes_at(moment.number, BLOCKS), strict=True):
                assert np.abs(np.subtract((row.x_px, row.y_px, row.w_px, row.h_px), box)).max() <= 4
            assert moment.heat.any()


def test_a_small_copy_that_is_coded_again_is_lost(small, ffmpeg, tmp_path):
    ffmpeg("-i", small / "clip.cssv", "-an", "-c:v", "libx264", "-crf", 28, tmp_path / "copy.mp4")
    with pytest.raises(NibblesLostError, match="lossy codec"):
        cssv.decode(tmp_path / "copy.mp4", objects=tmp_path / "objects.csv")
    assert any("too small for a room" in note for note in cssv.info(small / "clip.cssv").facts["notes"])


def test_a_chain_of_commits_ends_where_one_direct_commit_does(folder, tmp_path):
    chain, direct = (shutil.copy(folder / "clip.cssv", tmp_path / f"{name}.cssv") for name in "ab")
    cssv.commit(chain, scene_of(20))
    cssv.commit(chain, scene_of(30))
    cssv.commit(direct, scene_of(30))
    assert all(map(np.array_equal, planes(chain), planes(direct)))
    assert all(map(np.array_equal, planes(chain, 1), planes(folder / "clip.cssv")))
    assert cssv.verify(chain).is_sound
    with cssv.open(chain) as clip:
        for moment in clip:
            for told in (moment.objects, moment.objects_in_pixels):
                (row,) = (row for row in told if row.track == 2)
                assert row.temperature_c == pytest.approx(30, abs=80 / 16)
    # What was drawn first is there again, and nothing is coded for it.
    back = cssv.commit(chain, synthetic.SCENE)
    assert back.frames_coded == 0
    assert cssv.diff(chain, 1, 4).total == len(planes(chain))


def test_a_commit_with_the_clip_draws_on_it(small, drawn, tmp_path):
    path = shutil.copy(small / "clip.cssv", tmp_path / "clip.cssv")
    done = cssv.commit(path, scene_of(44), cover=small / "clip.mkv")
    assert done.version == 2
    assert cssv.verify(path).is_sound
    with cssv.Decoder(path) as decoder:
        for moment in decoder:
            (row,) = (row for row in moment.objects_in_pixels if row.track == 2)
            assert row.temperature_c == pytest.approx(44, abs=80 / 16)
    other = synthetic.write_clip(tmp_path / "other.mkv", synthetic.pictures(count=SMALL_COUNT)[::-1])
    with pytest.raises(InputError, match="another picture in frame 0"):
        cssv.commit(path, scene_of(20), cover=other)


def test_rings_that_nobody_knows_are_not_drawn(tmp_path):
    plain = {"cssv_scene": 1}
    warm = plain | {"objects": [{"match": {"label": "*"}, "temperature_c": 30}]}
    clip = synthetic.write_clip(tmp_path / "clip.mkv", count=8)
    boxes = synthetic.write_boxes(tmp_path / "boxes.txt", 8)
    path = cssv.encode(clip, tmp_path / "x.cssv", scene=plain, boxes=boxes).path

    def rings():
        with cssv.Decoder(path) as decoder:
            return {each.outline.rings for moment in decoder for each in moment._extracted._readings}

    assert rings() == {Rings.VELOCITY}
    cssv.commit(path, warm)
    assert rings() == {Rings.VELOCITY | Rings.TEMPERATURE}
    with cssv.open(path) as clip:
        assert [row.density_kg_m3 for row in clip[4].objects_in_pixels] == [None, None]


def test_a_stream_has_the_form_too(tmp_path):
    path = tmp_path / "live.cssv"
    with cssv.Encoder(path, size=(192, 160), rate=25, scene=synthetic.SCENE) as encoder:
        for number, picture in enumerate(synthetic.pictures()):
            encoder.write(picture, cssv.detections(synthetic.boxes_at(number), labels="block", ids=[1, 2]))
    assert cssv.info(path).facts["carrier"] == "mixed"
    assert cssv.verify(path).is_sound
    with cssv.open(path) as clip:
        assert [moment.number for moment in clip] == list(range(synthetic.COUNT))
        for moment in clip:
            told = {(row.track, row.label) for row in moment.objects}
            assert {(row.track, row.label) for row in moment.objects_in_pixels} == told
    with cssv.open(cssv.export(path, tmp_path / "copy.mp4").path) as copy:
        assert copy[12].source == "pixels"
        rows = {row.track: row for row in copy[12].objects}
        assert rows[1].temperature_c == pytest.approx(36.2, abs=80 / 16)


def test_a_changed_byte_of_a_picture_is_found(small, tmp_path):
    with Reader(small / "clip.cssv") as reader:
        offset, size = int(reader.video.table.offsets[7]), int(reader.video.table.sizes[7])
    data = bytearray((small / "clip.cssv").read_bytes())
    data[offset + size // 2] ^= 1
    bad = tmp_path / "bad.cssv"
    bad.write_bytes(data)
    assert ("sample", 7) in {(fault.kind, fault.frame) for fault in cssv.verify(bad).faults}
    with pytest.raises(ChecksumError):
        cssv.decode(bad, objects=tmp_path / "objects.csv")


def test_planes_that_decode_to_something_else_are_found(small, monkeypatch):
    """The index has the checksums of the decoded planes, so that another decoder is found out."""
    real = cssv.api.verify.planes_crc
    calls = iter(range(10**6))
    monkeypatch.setattr(cssv.api.verify, "planes_crc", lambda planes: real(planes) ^ (next(calls) == 9))
    (fault,) = cssv.verify(small / "clip.cssv").faults
    assert (fault.kind, fault.frame) == ("pixels", 9)


def test_a_copy_of_few_versions_holds_them(small, tmp_path):
    path = shutil.copy(small / "clip.cssv", tmp_path / "clip.cssv")
    cssv.commit(path, scene_of(20))
    done = cssv.gc(path, tmp_path / "one.cssv", 2)
    assert cssv.verify(done.path).is_sound
    assert all(map(np.array_equal, planes(done.path), planes(path)))
    # It is a file like any other.
    assert cssv.commit(done.path, scene_of(30)).version == 3
