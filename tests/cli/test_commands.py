"""What each command does on good input, said in text and in JSON."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

import cssv
from cssv.interop.mot import read_mot
from cssv.video import VideoReader

COUNT = 30
BOX_X, BOX_STEP = 20, 2


def rows_of(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def planes(path) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [frame.planes for frame in reader]


class TestRoundTrip:
    @pytest.mark.parametrize("codec", ["h264", "ffv1", "vp9"])
    def test_every_codec(self, run, material, tmp_path, codec):
        out = tmp_path / "out.cssv"
        boxes = ("--boxes", material / "boxes.txt")
        done = run("encode", material / "clip.mkv", *boxes, "--codec", codec, "-o", out, "--json").json()
        assert done["frames"] == COUNT
        assert done["tracks"] == 1
        assert done["bytes"] == out.stat().st_size
        assert done["verification"] == {
            "sound": True,
            "frames": COUNT,
            "version": 1,
            "versions": 1,
            "torn_bytes": 0,
            "cut_bytes": 0,
            "faults": [],
            "notes": [],
            "lossy": False,
        }
        assert run("info", out, "--json").json()["facts"]["codec"] == codec
        assert run("decode", out, "--objects", tmp_path / "o.csv").code == 0
        rows = rows_of(tmp_path / "o.csv")
        assert [int(row["frame"]) for row in rows] == list(range(COUNT))
        for row in rows:
            assert float(row["x_px"]) == pytest.approx(BOX_X + BOX_STEP * int(row["frame"]), abs=3)

    @pytest.mark.parametrize("codec", ["h264", "ffv1", "vp9"])
    def test_rgb_planes(self, run, material, tmp_path, codec):
        out, boxes = tmp_path / "out.cssv", material / "boxes.txt"
        options = ("--planes", "rgb", "--codec", codec, "-o", out)
        assert run("encode", material / "clip.mkv", "--boxes", boxes, *options).code == 0
        assert run("info", out, "--json").json()["layout"] == "rgb24"
        assert run("decode", out, "--objects", tmp_path / "o.jsonl", "--json").json()["rows"] == COUNT

    def test_temperatures_from_a_thermal_camera(self, run, material, tmp_path):
        thermal, scene, out = tmp_path / "thermal.png", tmp_path / "scene.json", tmp_path / "out.cssv"
        thermal.write_bytes(cv2.imencode(".png", np.full((36, 48), 30015, np.uint16))[1].tobytes())
        scene.write_text('{"cssv_scene": 1, "thermal": {"scale": 0.01, "offset_c": -273.15}}')
        options = ("--thermal", thermal, "--meta", scene, "-o", out)
        done = run("encode", material / "clip.mkv", "--boxes", material / "boxes.txt", *options)
        assert "same view" in done.out
        run("decode", out, "--objects", tmp_path / "o.csv")
        assert {row["temperature_c"] for row in rows_of(tmp_path / "o.csv")} == {"27.0"}

    def test_sparse_leaves_the_ground_alone(self, run, material, tmp_path):
        changed = {}
        for fidelity in ("full", "sparse"):
            out = tmp_path / f"{fidelity}.cssv"
            options = ("--boxes", material / "boxes.txt", "--fidelity", fidelity, "--lossless", "-o", out)
            assert run("encode", material / "clip.mkv", *options).code == 0
            covers, stegos = planes(material / "clip.mkv"), planes(out)
            changed[fidelity] = np.mean([(a != b).mean() for a, b in zip(covers, stegos, strict=True)])
            assert run("verify", out).code == 0
        assert changed["sparse"] < 0.7 * changed["full"]

    def test_plain_merge_keeps_every_high_nibble(self, run, material, tmp_path):
        out = tmp_path / "out.cssv"
        assert run("encode", material / "clip.mkv", "--merge", "plain", "-o", out).code == 0
        for cover, stego in zip(planes(material / "clip.mkv"), planes(out), strict=True):
            assert (cover & 0xF0 == stego & 0xF0).all()

    @pytest.mark.parametrize(
        ("start", "stop", "first", "count"),
        [("0.4", "0.8", 10, 10), ("0:00.4", "00:00:00.80", 10, 10), ("1", None, 25, 5), (None, "0.2", 0, 5)],
    )
    def test_start_and_stop_are_exact(self, run, material, tmp_path, start, stop, first, count):
        out = tmp_path / "out.cssv"
        cut = ["--lossless", *(("--start", start) if start else ()), *(("--stop", stop) if stop else ())]
        result = run("encode", material / "clip.mkv", "--boxes", material / "boxes.txt", *cut, "-o", out)
        assert result.code == 0
        covers = planes(material / "clip.mkv")[first : first + count]
        stegos = planes(out)
        assert len(stegos) == count
        for cover, stego in zip(covers, stegos, strict=True):
            assert np.abs(cover.astype(int) - stego).max() < 16
        with cssv.open(out) as clip:
            assert clip[0].time == 0
            assert clip[0].objects[0].x_px == pytest.approx(BOX_X + BOX_STEP * first, abs=3)

    def test_rate_corrects_the_header(self, run, material, tmp_path):
        out = tmp_path / "out.cssv"
        assert run("encode", material / "clip.mkv", "--rate", "30000/1001", "-o", out).code == 0
        with cssv.open(out) as clip:
            assert clip[1].time == Fraction(1001, 30000)

    def test_scene_comes_back(self, run, material, tmp_path):
        assert run("decode", material / "clip.cssv", "--scene", tmp_path / "scene.json").code == 0
        given = json.loads((material / "scene.json").read_text())
        assert json.loads((tmp_path / "scene.json").read_text()) == given

    def test_default_output_stands_beside_the_clip(self, run, material, tmp_path):
        shutil.copy(material / "clip.mkv", tmp_path / "my clip.mkv")
        result = run("encode", tmp_path / "my clip.mkv", "--stop", "0.2")
        assert result.code == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["my clip.cssv", "my clip.mkv"]
        assert f"cssv info '{tmp_path}/my clip.cssv'" in result.out


class TestEncodeText:
    def test_says_what_was_written_and_what_comes_next(self, run, material, tmp_path):
        out = tmp_path / "out.cssv"
        scene = ("--meta", material / "scene.json")
        text = run("encode", material / "clip.mkv", "--boxes", material / "boxes.txt", *scene, "-o", out).out
        size = r"[\d.]+ KiB"
        whole = rf"[\d.]+ times the size of the whole clip \({size}\)"
        assert re.search(rf"^Wrote {out}: 30 frames, 1 object, {size}, {whole}\.\n", text)
        assert re.search(r"^  speed +0 to [\d.]+ px/s$", text, re.MULTILINE)
        assert re.search(r"^  temperature +[\d.-]+ to [\d.]+ °C$", text, re.MULTILINE)
        assert re.search(r"^  density +[\d.]+ to [\d.]+ kg/m³$", text, re.MULTILINE)
        assert f"  cssv decode {out} -o" in text
        assert "--meta" not in text

    def test_compares_no_part_with_the_whole_clip(self, run, material, tmp_path):
        out = tmp_path / "out.cssv"
        options = ("--boxes", material / "boxes.txt", "--stop", "0.4", "-o", out)
        text = run("encode", material / "clip.mkv", *options).out
        size = r"[\d.]+ KiB"
        assert re.search(
            rf"^Wrote {out}: 10 frames of 30, 1 object, {size}, part of a clip of {size}\.\n", text
        )
        assert "times the size" not in text

    def test_tells_why_rings_are_grey(self, run, material, tmp_path):
        boxes = ("--boxes", material / "boxes.txt")
        text = run("encode", material / "clip.mkv", *boxes, "-o", tmp_path / "out.cssv").out
        assert re.search(r"^Note: .*grey.*--meta$", text, re.MULTILINE)
        assert re.search(r"^Note: .*pixels per second.*'cssv ground'", text, re.MULTILINE)

    def test_tells_of_scene_entries_that_match_nothing(self, run, material, tmp_path):
        scene = {"cssv_scene": 1, "objects": [{"match": {"label": "zebra"}, "temperature_c": 30}]}
        (tmp_path / "scene.json").write_text(json.dumps(scene))
        options = ("--meta", tmp_path / "scene.json", "-o", tmp_path / "out.cssv")
        result = run("encode", material / "clip.mkv", *options)
        assert result.code == 0
        assert re.search(r"^Note: .*zebra", result.out, re.MULTILINE)

    def test_tells_of_conversions(self, run, make_clip, tmp_path):
        make_clip(tmp_path / "wide.mkv", 3, pix_fmt="yuv422p")
        result = run("encode", tmp_path / "wide.mkv", "--json")
        assert any("yuv422p" in note for note in result.json()["notes"])
        text = run("encode", tmp_path / "wide.mkv", "-o", tmp_path / "b.cssv").out
        assert re.search(r"^Note: .*yuv422p", text, re.MULTILINE)


class TestDecode:
    def test_every_output_at_once(self, run, material, tmp_path):
        names = {"-o": "heat.mkv", "--objects": "o.csv", "--scene": "s.json", "--overlay": "overlay.mp4"}
        options = [word for option, name in names.items() for word in (option, tmp_path / name)]
        done = run("decode", material / "clip.cssv", *options, "--json").json()
        assert done["frames"] == COUNT
        assert done["source"] == "metadata"
        assert sorted(done["written"]) == sorted(str(tmp_path / name) for name in names.values())
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names.values())

    def test_folders_of_pictures(self, run, material, tmp_path):
        assert run("decode", material / "clip.cssv", "-o", tmp_path / "heat").code == 0
        assert len(list((tmp_path / "heat").glob("*.png"))) == COUNT

    def test_text(self, run, material, tmp_path):
        text = run("decode", material / "clip.cssv", "--objects", tmp_path / "o.csv").out
        assert text.splitlines() == [
            "Decoded 30 frames.",
            f"Wrote {tmp_path}/o.csv",
            "The objects table has 30 rows, from the scene track, exact.",
        ]

    def test_needs_an_output(self, run, material):
        result = run("decode", material / "clip.cssv")
        assert result.code == 2
        for option in ("-o", "--objects", "--scene", "--overlay"):
            assert option in result.err


class TestExport:
    @pytest.mark.parametrize("name", ["copy.mkv", "copy.mp4", "copy.webm", "copy"])
    def test_copies_carry(self, run, material, tmp_path, name):
        out = tmp_path / name
        done = run("export", material / "clip.cssv", out, "--json").json()
        assert done == {"path": str(out), "frames": COUNT, "notes": done["notes"], "torn_bytes": 0}
        assert run("info", out, "--json").json()["kind"] == "copy"
        text = run("decode", out, "--objects", tmp_path / "o.csv").out
        assert "read from the pixels alone" in text
        assert len(rows_of(tmp_path / "o.csv")) == COUNT

    def test_text_leads_on(self, run, material, tmp_path):
        text = run("export", material / "clip.cssv", tmp_path / "copy.mkv").out
        assert f"Wrote {tmp_path}/copy.mkv: 30 frames" in text
        assert f"cssv decode {tmp_path}/copy.mkv" in text


class TestInfo:
    def test_container(self, run, material):
        text = run("info", material / "clip.cssv").out
        assert "a CSSV file" in text
        assert re.search(r"^  picture +192x144 yuv420p, 25 frames/s$", text, re.MULTILINE)
        assert re.search(r"^  length +30 frames, 0:01$", text, re.MULTILINE)
        made = r"codec h264, effort fast, carrier sparse, merge opap"
        assert re.search(rf"^  made by +cssv \S+: {made}", text, re.MULTILINE)
        assert re.search(r"^    1  at an unknown time \(playing\)$", text, re.MULTILINE)
        assert re.findall(r"^    (\w{4}) +[\d,]+ +[\d,]+$", text, re.MULTILINE) == [
            "ftyp",
            "mdat",
            "moov",
            "cssv",
        ]

    def test_json_has_the_same_boxes(self, run, material):
        found = run("info", material / "clip.cssv", "--json").json()
        assert sum(box["size"] for box in found["boxes"]) == (material / "clip.cssv").stat().st_size
        assert found["versions"][0]["frames"] == COUNT

    def test_plain_clip(self, run, material):
        text = run("info", material / "clip.mkv").out
        assert "carry no heat map" in text
        assert f"cssv encode {material}/clip.mkv" in text

    def test_trimmed_copy_says_what_it_is_part_of(self, run, material, tmp_path, tool):
        cut = ("-vf", "select=gte(n\\,12)", "-c:v", "ffv1")
        command = [tool("ffmpeg"), "-v", "error", "-i", material / "clip.cssv", *cut, tmp_path / "part.mkv"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        assert "from frame 12" in run("info", tmp_path / "part.mkv").out

    def test_quiet_still_answers(self, run, material):
        assert run("info", material / "clip.cssv", "-q").out == run("info", material / "clip.cssv").out

    def test_a_line_for_what_it_was_made_from_only_where_that_is_known(self, run, material, tmp_path):
        with cssv.Encoder(tmp_path / "x.cssv", size=(64, 64), rate=25) as encoder:
            encoder.write(np.zeros((64, 64, 3), np.uint8))
        assert "made from ffv1 yuv420p\n" in run("info", material / "clip.cssv").out
        text = run("info", tmp_path / "x.cssv").out
        assert "made by" in text
        assert "made from" not in text


class TestVerify:
    def test_sound(self, run, material):
        result = run("verify", material / "clip.cssv")
        assert result.code == 0
        assert result.out == f"OK: {material}/clip.cssv: 30 frames of version 1 as written.\n"

    def test_quiet_and_sound_is_silent(self, run, material):
        result = run("verify", material / "clip.cssv", "--quiet")
        assert (result.code, result.out, result.err) == (0, "", "")

    @pytest.fixture
    def damaged(self, material, tmp_path):
        data = bytearray((material / "clip.cssv").read_bytes())
        data[5000] ^= 0x10
        (tmp_path / "damaged.cssv").write_bytes(data)
        return tmp_path / "damaged.cssv"

    @pytest.mark.parametrize("quiet", [(), ("--quiet",)])
    def test_one_line_per_fault(self, run, damaged, quiet):
        result = run("verify", damaged, *quiet)
        *faults, total = result.out.splitlines()
        assert result.code == 5
        assert faults
        assert all(line.startswith(f"{damaged}: ") for line in faults)
        assert total in (f"{len(faults)} faults.", "1 fault.")

    def test_json(self, run, damaged):
        result = run("verify", damaged, "--json")
        assert result.code == 5
        found = result.json()
        assert found["sound"] is False
        assert {"kind", "text", "frame", "version"} == set(found["faults"][0])


class TestTrack:
    def test_text_goes_to_stdout_and_the_summary_beside_it(self, run, material, tmp_path):
        result = run("track", material / "clip.mkv", "--boxes", material / "boxes.txt")
        assert result.code == 0
        assert result.err == "1 track, 30 rows.\n"
        (tmp_path / "tracks.txt").write_text(result.out)
        rows = read_mot(tmp_path / "tracks.txt")
        assert rows.numbers.tolist() == list(range(COUNT))
        assert rows.boxes_px[:, 0] == pytest.approx(BOX_X + BOX_STEP * np.arange(COUNT), abs=3)

    def test_file(self, run, material, tmp_path):
        boxes = ("--boxes", material / "boxes.txt")
        on_stdout = run("track", material / "clip.mkv", *boxes).out
        result = run("track", material / "clip.mkv", *boxes, "-o", tmp_path / "t.txt")
        assert result.out == f"1 track, 30 rows; wrote {tmp_path}/t.txt.\n"
        assert (tmp_path / "t.txt").read_text() == on_stdout

    def test_boxes_alone_take_the_rate(self, run, material):
        done = run("track", "--boxes", material / "boxes.txt", "--rate", "10", "--json").json()
        assert done["path"] is None
        (found,) = done["tracks"]
        assert (found["id"], found["frames"], found["first_frame"], found["last_frame"]) == (1, COUNT, 0, 29)
        assert (found["start_s"], found["end_s"]) == (0, pytest.approx(2.9))

    def test_quiet_prints_tracks_only(self, run, material):
        result = run("track", "--boxes", material / "boxes.txt", "-q")
        assert result.err == ""
        assert len(result.out.splitlines()) == COUNT

    def test_finds_what_moves(self, run, material):
        assert run("track", material / "clip.mkv", "--json").code == 0

    def test_needs_something(self, run):
        assert run("track").code == 2


@pytest.mark.parametrize("command", ["encode", "decode", "export", "verify"])
def test_quiet_is_silent(run, material, tmp_path, command):
    arguments = {
        "encode": (material / "clip.mkv", "-o", tmp_path / "a.cssv"),
        "decode": (material / "clip.cssv", "--objects", tmp_path / "o.csv"),
        "export": (material / "clip.cssv", tmp_path / "c.mkv"),
        "verify": (material / "clip.cssv",),
    }[command]
    result = run(command, *arguments, "-q")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_exports_play_elsewhere(run, material, tmp_path):
    run("export", material / "clip.cssv", tmp_path / "copy.mp4")
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == COUNT
