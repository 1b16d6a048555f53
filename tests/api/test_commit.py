"""Commits by the library: who reads goes on reading, what is drawn is drawn from what was perceived."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import cssv
from cssv.container import Appender, Reader
from cssv.errors import (
    ChecksumError,
    ContainerError,
    InputError,
    LockedError,
    OptionError,
    OutputError,
    RevisionError,
    SceneError,
)
from cssv.pipeline.scene_track import read_sample
from cssv.pipeline.splice import spans
from cssv.scene import Ranges, Scene
from cssv.scene.ranges import fit_ranges
from cssv.testing import clips as synthetic


@pytest.fixture(scope="module")
def first(clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("first") / "clip.cssv"
    cssv.encode(
        clips / "sound.mp4",
        path,
        scene=synthetic.SCENE,
        boxes=clips / "boxes.txt",
        created_s=1,
        lossless=True,
    )
    return path


@pytest.fixture
def file(first, tmp_path):
    return shutil.copy(first, tmp_path / "clip.cssv")


@pytest.fixture
def warmer():
    scene = json.loads(json.dumps(synthetic.SCENE))
    scene["objects"][1]["temperature_c"] = 20
    return scene


def planes(clip):
    return [moment.frame.planes.copy() for moment in clip]


def test_a_clip_shows_its_version_while_others_land(file, first, warmer):
    """Loops begin anew, so the file is opened anew: it must still be the version that was opened."""
    with cssv.open(first) as clip:
        before = planes(clip)
    with cssv.open(file) as clip:
        half = [clip[n].frame.planes.copy() for n in range(10)]
        done = clip.commit(warmer)
        rest = [clip[n].frame.planes.copy() for n in range(10, len(clip))]
        again = planes(clip)
        for got in (half + rest, again):
            assert all(np.array_equal(a, b) for a, b in zip(got, before, strict=True))
        assert clip.version.number == 1
        assert [version.number for version in clip.versions] == [1, 2]
        assert clip.versions[-1].is_playing
        with clip.at(done.version) as new:
            assert not np.array_equal(new[5].frame.planes, before[5])
            cssv.checkout(file, 1)
            assert not np.array_equal(planes(new)[5], before[5])
        # Made from what this clip shows, not from what plays.
        assert clip.commit(warmer).parent == 1


def test_a_commit_is_what_a_fresh_encoding_would_say(file, warmer, clips, tmp_path):
    cssv.commit(file, warmer)
    fresh = cssv.encode(
        clips / "sound.mp4", tmp_path / "f.cssv", scene=warmer, boxes=clips / "boxes.txt", lossless=True
    ).path
    with Reader(file) as one, Reader(fresh) as two:
        for number in range(len(one)):
            ours, theirs = (read_sample(reader.scene_sample(number)) for reader in (one, two))
            assert ours == theirs


def test_sound_and_old_bytes_stay(file, first, warmer):
    before = first.read_bytes()
    cssv.commit(file, warmer)
    after = file.read_bytes()
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    assert bytes(after[at] for at in changed) == b"free"
    with Reader(first) as one, Reader(file) as two:
        old, new = ([t for t in reader.tracks if t.kind == "audio"] for reader in (one, two))
        assert len(old) == len(new) == 1
        assert np.array_equal(old[0].table.offsets, new[0].table.offsets)


def test_what_cannot_be_committed_leaves_the_file(file, first, warmer, clips, tmp_path):
    with cssv.open(file) as clip:
        scene = clip.scene
    with pytest.raises(InputError, match="nothing to commit"):
        cssv.commit(file, scene)
    with pytest.raises(SceneError):
        cssv.commit(file, {"cssv_scene": 1, "object": []})
    with pytest.raises(ContainerError, match="no such version"):
        cssv.commit(file, warmer, parent=2)
    with pytest.raises(InputError, match="the file itself"):
        cssv.commit(file, warmer, cover=file)
    with pytest.raises(InputError, match="another number of frames"):
        cssv.commit(file, warmer, cover=synthetic.write_clip(tmp_path / "short.mkv", count=5))
    with pytest.raises(InputError, match="another size"):
        cssv.commit(file, warmer, cover=synthetic.write_clip(tmp_path / "small.mkv", width=160))
    (tmp_path / "short.mkv").unlink()
    (tmp_path / "small.mkv").unlink()
    with pytest.raises(ContainerError, match="not a CSSV file"):
        cssv.commit(clips / "clip.mkv", warmer)
    with pytest.raises(InputError):
        cssv.commit(file.with_name("missing.cssv"), warmer)
    assert file.read_bytes() == first.read_bytes()
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_clip_without_versions(clips, first, tmp_path, warmer):
    cssv.export(first, tmp_path / "copy.mkv")
    with cssv.open(tmp_path / "copy.mkv") as clip:
        assert clip.versions == ()
        assert clip.torn_bytes == 0
        for ask in (lambda: clip.version, lambda: clip.commit(warmer), lambda: clip.at(1)):
            with pytest.raises(OptionError, match=r"only a \.cssv holds versions"):
                ask()


def test_a_commit_that_does_not_read_back_does_not_land(file, first, warmer, monkeypatch):
    import cssv.pipeline.stego_coding

    real = cssv.pipeline.stego_coding.planes_crc
    calls = iter(range(10**6))
    # From some frame on the checksums are wrong: the coder has gone mad.
    monkeypatch.setattr(cssv.pipeline.stego_coding, "planes_crc", lambda p: real(p) ^ (next(calls) > 10))
    with pytest.raises(ChecksumError, match="version 2 is not what was written: frame 11"):
        cssv.commit(file, warmer)
    assert file.read_bytes() == first.read_bytes()


def test_a_file_made_before_given_objects_were_marked(file, monkeypatch, clips, tmp_path):
    """Index format 1 files tell a given object by its id and certainty only."""
    import cssv.pipeline.scene_track as sample

    scene = json.loads(json.dumps(synthetic.SCENE))
    scene["objects"].append(
        {"name": "cart", "label": "cart", "trajectory": [
            {"time_s": 0, "box_px": [10, 100, 30, 30]}, {"time_s": 2, "box_px": [90, 100, 30, 30]}]}
    )  # fmt: skip
    real = sample._object_to_json
    monkeypatch.setattr(
        sample, "_object_to_json", lambda state: {k: v for k, v in real(state).items() if k != "given"}
    )
    old = cssv.encode(
        clips / "clip.mkv", tmp_path / "old.cssv", scene=scene, boxes=clips / "boxes.txt", lossless=True
    ).path
    monkeypatch.undo()
    cssv.commit(old, synthetic.SCENE)
    with cssv.open(old) as clip:
        assert {row.track for row in clip[3].objects} == {1, 2}


@pytest.mark.parametrize(
    ("changed", "syncs", "count", "expected"),
    [
        ([], [1], 10, []),
        ([0], [1], 10, [range(10)]),
        ([3], [1, 6], 10, [range(3, 5)]),
        ([3, 4], [1, 6], 10, [range(3, 5)]),
        ([4, 5, 9], [1, 6], 10, [range(4, 5), range(5, 10)]),
        ([5], [1, 6, 7], 10, [range(5, 6)]),
        ([2, 3, 7], None, 10, [range(2, 4), range(7, 8)]),
    ],
)
def test_runs_end_before_the_next_key_frame(changed, syncs, count, expected):
    found = spans(changed, None if syncs is None else np.array(syncs, np.uint32), count)
    assert found == expected


BEFORE = Ranges((0.0, 100.0), (30.0, 45.0), (900.0, 1050.0))


@pytest.mark.parametrize(
    ("scene", "expected", "grown"),
    [
        ({}, BEFORE, ()),
        ({"objects": [{"match": {"label": "*"}, "temperature_c": 45}]}, BEFORE, ()),
        (
            {"objects": [{"match": {"label": "*"}, "temperature_c": 46}]},
            Ranges((0.0, 100.0), (30.0, 55.0), (900.0, 1050.0)),
            ("temperature",),
        ),
        (
            {"ranges": {"temperature_c": [0, 9]}, "objects": [{"match": {"label": "*"}, "density_kg_m3": 1}]},
            Ranges((0.0, 100.0), (0.0, 9.0), (0.0, 1050.0)),
            ("density",),
        ),
        (
            {"objects": [{"label": "x", "trajectory": [
                {"time_s": 0, "box_px": [0, 0, 9, 9]}, {"time_s": 1, "box_px": [400, 0, 9, 9]}]}]},
            Ranges((0.0, 400.0), (30.0, 45.0), (900.0, 1050.0)),
            ("speed",),
        ),
    ],
)  # fmt: skip
def test_ranges_stay_unless_given_or_too_small(scene, expected, grown):
    ranges, names = fit_ranges(Scene.from_json({"cssv_scene": 1, **scene}), BEFORE)
    assert names == grown
    assert ranges.temperature_c == expected.temperature_c
    assert ranges.density_kg_m3[1] == expected.density_kg_m3[1]
    assert ranges.speed_px_s[1] >= expected.speed_px_s[1]


def test_damage_does_not_spread(file, warmer):
    """Nothing is drawn from a frame that is not what was written."""
    with Reader(file) as reader:
        table = reader.video.table
        at = int(table.offsets[3]) + int(table.sizes[3]) // 2
    data = bytearray(file.read_bytes())
    data[at] ^= 0x10
    file.write_bytes(data)
    with pytest.raises(ChecksumError, match="version 1 is not what was written"):
        cssv.commit(file, warmer)
    assert file.read_bytes() == data


@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_going_back_shares_what_is_there(clips, warmer, tmp_path, codec):
    """Version 3 has the frames of 1, version 5 those of 2: nothing is coded, and it is what 1 and 2 are."""
    path = cssv.encode(
        clips / "clip.mkv", tmp_path / "c.cssv", scene=synthetic.SCENE, boxes=clips / "boxes.txt", codec=codec
    ).path
    scenes = [warmer, synthetic.SCENE, json.loads(json.dumps(warmer)), warmer]
    scenes[2]["objects"][0]["density_kg_m3"] = 500
    done = [cssv.commit(path, scene) for scene in scenes]
    assert [bool(each.frames_coded) for each in done] == [True, False, True, False]
    assert done[1].bytes_added < done[0].bytes_added / 2
    assert cssv.verify(path).is_sound
    with cssv.open(path, 1) as one, cssv.open(path, 2) as two, cssv.open(path, 3) as three:
        assert all(np.array_equal(a, b) for a, b in zip(planes(one), planes(three), strict=True))
        with cssv.open(path, 5) as five:
            assert all(np.array_equal(a, b) for a, b in zip(planes(two), planes(five), strict=True))
            assert [m.objects for m in two] == [m.objects for m in five]


def test_a_damaged_forerunner_is_not_shared(file, warmer):
    cssv.commit(file, warmer)
    with Reader(file, version=1) as reader:
        table = reader.video.table
        at = int(table.offsets[5]) + int(table.sizes[5]) // 2
    data = bytearray(file.read_bytes())
    data[at] ^= 0x10
    file.write_bytes(data)
    with pytest.raises(ChecksumError):
        cssv.commit(file, synthetic.SCENE)
    assert file.read_bytes() == data


def test_the_way_out_of_a_damaged_version_is_open(file, warmer):
    """The tables of the version that plays are damaged: the others can be seen, named and played."""
    cssv.commit(file, warmer)
    with Reader(file) as reader:
        at = reader.index.live_offset + 60
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    with pytest.raises(ContainerError, match="moov of version 2 is damaged"):
        cssv.open(file)
    assert [version.number for version in cssv.log(file).versions] == [1, 2]
    (fault,) = cssv.verify(file).faults
    assert (fault.kind, fault.version) == ("history", 2)
    cssv.tag(file, "sound", 1)
    with pytest.raises(ContainerError, match="moov of version 2 is damaged"):
        cssv.tag(file, "broken", 2)
    assert cssv.checkout(file, "sound").is_playing
    with cssv.open(file) as clip:
        assert clip.version.number == 1
        assert len(planes(clip)) == len(clip)


def distorted(source, target, change):
    """The clip with every frame's planes changed by ``change``."""
    from cssv.video import VideoReader, VideoWriter

    with VideoReader(source) as reader, VideoWriter(target, reader.info, codec="ffv1") as writer:
        for frame in reader:
            change(frame.planes)
            writer.write(frame)
    return target


def brighten(planes):
    planes[: planes.shape[0] * 2 // 3] += 2


def one_byte(planes):
    planes[5, 100] ^= 0x80


@pytest.mark.parametrize("change", [brighten, one_byte])
@pytest.mark.parametrize("options", [{}, {"fidelity": "sparse"}, {"merge": "plain"}])
def test_a_cover_is_the_very_clip(clips, warmer, tmp_path, options, change):
    path = tmp_path / "c.cssv"
    source, boxes = clips / "clip.mkv", clips / "boxes.txt"
    cssv.encode(source, path, scene=synthetic.SCENE, boxes=boxes, codec="ffv1", **options)
    before = path.read_bytes()
    with pytest.raises(InputError, match="of the cover is another picture"):
        cssv.commit(path, warmer, cover=distorted(source, tmp_path / "other.mkv", change))
    assert path.read_bytes() == before
    assert cssv.commit(path, warmer, cover=source).version == 2


def test_what_is_written_to_is_not_replaced(file, warmer, clips, first):
    """Encode, export, gc and a stream onto a file that somebody commits to; also by another name."""
    other = file.with_name("other.cssv")
    other.hardlink_to(file)
    with Appender(file):
        for write in (
            lambda: cssv.encode(clips / "clip.mkv", file, overwrite=True),
            lambda: cssv.export(first, file, overwrite=True),
            lambda: cssv.gc(first, file, 1, overwrite=True),
            lambda: cssv.Encoder(file, size=(64, 64), rate=5, overwrite=True),
            lambda: cssv.commit(file, warmer),
            lambda: cssv.commit(other, warmer),
            lambda: cssv.tag(other, "x"),
        ):
            with pytest.raises(LockedError):
                write()
    assert file.read_bytes() == other.read_bytes() == first.read_bytes()
    assert cssv.commit(other, warmer).version == 2
    assert sorted(path.name for path in file.parent.iterdir()) == ["clip.cssv", "other.cssv"]


def test_a_file_moved_away_is_no_success(file, warmer, first, monkeypatch):
    real = Appender.publish
    away = file.with_name("away.cssv")

    def publish(self):
        file.rename(away)
        shutil.copy(first, file)
        return real(self)

    monkeypatch.setattr(Appender, "publish", publish)
    with pytest.raises(OutputError, match="moved or replaced"):
        cssv.commit(file, warmer)
    assert away.read_bytes() == file.read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scene": None}, "needs a scene"),
        ({"scene": []}, "not a scene"),
        ({"scene": 5}, "not a scene"),
        ({"parent": True}, "the number of a version, a tag or None"),
        ({"parent": 1.5}, "the number of a version, a tag or None"),
        ({"message": 5}, "`message=` has another type.*a text"),
        ({"author": None}, "`author=` has another type.*a text"),
        ({"message": "x" * 65537}, "message is too long"),
        ({"created_s": -1}, "time of creation"),
    ],
)
def test_wrong_arguments_are_told_before_any_work(file, first, warmer, arguments, words):
    with pytest.raises(cssv.CssvError, match=words):
        cssv.commit(file, **({"scene": warmer} | arguments))
    assert file.read_bytes() == first.read_bytes()


def test_other_wrong_arguments(file, tmp_path):
    for name in (None, 7, "7", ""):
        with pytest.raises(OptionError):
            cssv.tag(file, name)
    assert cssv.gc(file, tmp_path / "one.cssv", keep=1).versions == (1,)
    with pytest.raises(RevisionError, match="no such tag"):
        cssv.gc(file, tmp_path / "two.cssv", keep="12")
    assert not (tmp_path / "two.cssv").exists()


def test_times_after_a_start_are_told(clips, warmer, tmp_path):
    path = tmp_path / "c.cssv"
    cssv.encode(
        clips / "clip.mkv", path, scene=synthetic.SCENE, boxes=clips / "boxes.txt", start="0.2", lossless=True
    )
    notes = cssv.commit(path, warmer).notes
    assert any("which begins 1/5 s into the clip" in note for note in notes)


def test_going_back_shares_scene_samples_too(file, warmer):
    cssv.commit(file, warmer)
    cssv.commit(file, synthetic.SCENE)
    with Reader(file, version=1) as one, Reader(file, version=3) as three:
        # The first tells of the whole scene; it may say the same in other words.
        assert np.array_equal(one.scene.table.offsets[1:], three.scene.table.offsets[1:])
