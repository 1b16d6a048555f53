"""The file plays after every step in other programs, and they show the same frames."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace

import pytest

import cssv
from cssv.container import Reader
from cssv.video import codecs


@pytest.fixture
def judges(tool, lab):
    """``judges(path)``: asserts equal frames and times in ffmpeg, ffprobe, mpv and PyAV; returns the CRCs."""
    ffmpeg, ffprobe, mpv = tool("ffmpeg"), tool("ffprobe"), tool("mpv")

    def run(*command):
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(path):
        crcs = lab.own_crcs(path)
        assert lab.ffmpeg_crcs(ffmpeg, path) == lab.plain_crcs(path) == crcs
        probed = json.loads(
            run(ffprobe, "-v", "error", "-of", "json", "-select_streams", "v:0", "-count_frames",
                "-show_entries", "stream=nb_frames,nb_read_frames,time_base:packet=pts,flags", path)
        )  # fmt: skip
        (stream,) = probed["streams"]
        with Reader(path) as reader:
            stamps, keys = reader.video.pts().tolist(), reader.video.table.syncs
        assert int(stream["nb_frames"]) == int(stream["nb_read_frames"]) == len(crcs)
        assert [packet["pts"] for packet in probed["packets"]] == stamps
        shown = [at for at, packet in enumerate(probed["packets"], 1) if "K" in packet["flags"]]
        assert shown == (list(range(1, len(crcs) + 1)) if keys is None else keys.tolist())
        run(mpv, "--no-config", "--vo=null", "--ao=null", "--ao-null-untimed", "--untimed", path)
        return crcs, stamps

    return ask


def steps(path, lab, clip):
    """Each step in the life of a file: (step, current version). Every commit changes pixels."""
    hot = {"match": {"track": 3}, "temperature_c": 55}
    ghost = {
        "trajectory": [
            {"time_s": 1.0, "box_px": [60, 8, 30, 40]},
            {"time_s": 4.0, "box_px": [70, 30, 30, 40]},
        ],
        "label": "ghost",
    }
    yield "encoded", 1
    cssv.commit(path, lab.scene_with(hot))
    yield "few frames", 2
    cssv.commit(path, lab.scene_with(hot, {"match": {"label": "*"}, "density_kg_m3": 200}))
    yield "all frames", 3
    cssv.commit(path, lab.scene_with(ghost), parent=1)
    yield "a branch", 4
    cssv.commit(path, lab.scene_with(ghost, hot), cover=clip)
    yield "from the cover", 5
    cssv.tag(path, "covered")
    yield "a tag", 5
    cssv.checkout(path, 2)
    yield "a checkout", 2
    cssv.commit(path, lab.scene_with(hot, {"match": {"track": 1}, "template": "comet", "temperature_c": 1}))
    yield "after the checkout", 6
    torn = shutil.copy(path, path.with_name("torn.cssv"))
    before = path.stat().st_size
    cssv.commit(torn, lab.SCENE)
    more = torn.read_bytes()[before:]
    torn.unlink()
    with path.open("ab") as file:
        file.write(more[: len(more) * 2 // 3])
    yield "a torn append", 6
    assert cssv.verify(path, repair=True).cut_bytes == len(more) * 2 // 3
    yield "a repair", 6
    cssv.checkout(path, "covered")
    yield "a checkout by tag", 5


#: Steps that are also tested in a browser.
IN_CHROMIUM = ("few frames", "a torn append", "a checkout by tag")


def test_it_plays_at_every_step(small, clips, lab, judges, in_chromium, tmp_path):
    path = shutil.copy(small("sound.mp4"), tmp_path / "clip.cssv")
    known, stamps, seen = {}, None, []
    for what, playing in steps(path, lab, clips / "sound.mp4"):
        assert cssv.log(path).playing.number == playing, what
        crcs, times = judges(path)
        # A version that is current again shows the same frames as before.
        assert known.setdefault(playing, crcs) == crcs, what
        assert stamps in (None, times), what
        stamps = times
        if what in IN_CHROMIUM:
            report = in_chromium(path)
            assert (report["word"], report["width"], report["height"]) == ("ended", lab.WIDTH, lab.HEIGHT), (
                what
            )
            assert report["duration"] == pytest.approx(lab.COUNT / lab.RATE, abs=0.2)
            assert report["frames"] >= lab.COUNT // 2
        seen.append(what)
    assert len(seen) == 11
    assert set(IN_CHROMIUM) < set(seen)
    assert len({tuple(crcs) for crcs in known.values()}) == 6
    assert cssv.verify(path).is_sound


def test_a_real_clip_plays_at_every_step(vtest, lab, judges, tmp_path):
    path = tmp_path / "vtest.cssv"
    cssv.encode(vtest.clip, path, scene=lab.PEOPLE, stop=4, lossless=True, **vtest.options)
    first = judges(path)
    for track in (9, 15, 19, 11, 12):
        cssv.commit(path, lab.scene_with({"match": {"track": track}, "temperature_c": 50}, base=lab.PEOPLE))
        crcs, stamps = judges(path)
        assert stamps == first[1]
        assert crcs != first[0]
    cssv.checkout(path, 1)
    assert judges(path) == first
    assert cssv.verify(path).is_sound


@pytest.mark.parametrize("changed", [{"level": "5.1"}, {"x264-params": "annexb=0:no-fast-pskip=1:ref=4"}])
def test_frames_coded_with_other_settings(changed, small, lab, judges, in_chromium, monkeypatch, tmp_path):
    """A commit by a later program with other encoder settings adds a sample entry."""
    path = shutil.copy(small(), tmp_path / "clip.cssv")
    before = judges(path)[0]
    settings = codecs.CODECS["h264"]
    monkeypatch.setitem(codecs.CODECS, "h264", replace(settings, options=settings.options | changed))
    cssv.commit(path, lab.scene_with({"match": {"track": 3}, "temperature_c": 55}))
    with Reader(path) as reader:
        table = reader.video.table
        assert len(table.entries) == 2
        entries = [table.entry_of(frame) for frame in range(lab.COUNT)]
    assert entries == [0] * 15 + [1] * 15
    after = judges(path)[0]
    assert [at for at in range(lab.COUNT) if before[at] != after[at]] == [15, 16, 17]
    assert in_chromium(path)["word"] == "ended"
    assert cssv.verify(path).is_sound
    assert lab.own_crcs(path, 1) == before
    # With the old settings and one version, only the needed entries are kept.
    monkeypatch.setitem(codecs.CODECS, "h264", settings)
    cssv.commit(path, lab.SCENE)
    assert judges(path)[0] == before
    copy = cssv.export(path, tmp_path / "copy.cssv", version=2).path
    assert judges(copy)[0] == after
    with cssv.open(path, 2) as clip:
        # Seek back and forth across the border between the two.
        for number in (20, 3, 16, 14, 15, 29, 23, 24, 0):
            assert clip[number].number == number
