"""Bad input: one clear message, the right exit code, nothing written, nothing lost."""

from __future__ import annotations

import builtins
import json
import re
import subprocess
from pathlib import Path

import pytest

PRECIOUS = b"what somebody made before"
BAD_SCENE = {
    "cssv_scene": 1,
    "camera": {"hfov_deg": -5},
    "objects": [{"match": {"label": "*"}, "temperature_c": "hot"}],
    "bogus": 1,
}


@pytest.fixture
def folder(material, make_clip, tmp_path):
    """A folder with every kind of bad input, and outputs that exist already."""
    clip = (material / "clip.mkv").read_bytes()
    make_clip(tmp_path / "whole.mp4", 60, codec="mpeg4")
    make_clip(tmp_path / "none.mkv", 0)
    files = {
        "text.mp4": b"This is not a video.\n",
        "noise.mp4": bytes(range(256)) * 40,
        "empty.mp4": b"",
        "cut.mp4": (tmp_path / "whole.mp4").read_bytes()[:-2000],
        "cut.mkv": clip[: len(clip) // 2],
        "broken.json": b"{oops",
        "bad.json": json.dumps(BAD_SCENE).encode(),
        "nan.txt": b"1,-1,10,10,20,20,0.9\n2,-1,nan,10,20,20,0.9\n",
        "short.txt": b"1,2\n",
        "unsorted.txt": b"7,-1,10,10,20,20,0.9\n3,-1,10,10,20,20,0.9\n",
        "double.txt": b"1,-1,10,10,20,20,0.9\n1,-1,10,10,20,20,0.9\n",
        "noise.onnx": bytes(range(256)),
        "out.cssv": PRECIOUS,
        "out.mkv": PRECIOUS,
        "out.mp4": PRECIOUS,
        "out.csv": PRECIOUS,
        "out.json": PRECIOUS,
        "out.txt": PRECIOUS,
        "full/keep.png": PRECIOUS,
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


# Command, exit code, words of the message. CLIP and CSSV are good; other words with a dot lie in the folder.
CASES = [
    ("encode CLIP --detector onnx --weights= -o out.cssv", 2, "--weights no file is named Give a path"),
    ("encode CLIP --boxes= -o out.cssv", 2, "--boxes no file is named"),
    ("encode CLIP --lossless --crf 20 -o out.cssv -f", 2, "lossless no quality crf 20 Leave out"),
    ("encode CLIP --crf 52 -o out.cssv -f", 2, "quality of h264 crf 52 from 1 to 51 --quality"),
    (
        "encode CLIP --carrier robust --codec av1 --crf 0 -o out.cssv -f",
        2,
        "quality of av1 from 1 to 63 --quality",
    ),
    ("encode CLIP --carrier robust --planes rgb -o out.cssv -f", 2, "take these planes Leave out --planes"),
    ("encode missing.mp4 -o out.cssv", 3, "no such file missing.mp4"),
    ("encode text.mp4 -o out.cssv", 3, "not a video text.mp4"),
    ("encode noise.mp4 -o out.cssv", 3, "not a video noise.mp4"),
    ("encode empty.mp4 -o out.cssv", 3, "empty"),
    ("encode none.mkv -o out.cssv", 3, "no none.mkv"),
    ("encode cut.mp4 -o out.cssv", 3, "cut.mp4"),
    ("encode ./full -o out.cssv", 3, "picture keep.png"),
    ("encode CLIP --meta missing.json -o out.cssv", 3, "missing.json"),
    ("encode CLIP --meta broken.json -o out.cssv", 3, "not JSON broken.json"),
    ("encode CLIP --meta bad.json -o out.cssv", 3, "$.bogus $.camera.hfov_deg $.objects[0].temperature_c"),
    ("encode CLIP --boxes missing.txt -o out.cssv", 3, "missing.txt"),
    ("encode CLIP --boxes nan.txt -o out.cssv", 3, "nan.txt line 2 nan"),
    ("encode CLIP --boxes short.txt -o out.cssv", 3, "short.txt line 1"),
    ("encode CLIP --boxes text.mp4 -o out.cssv", 3, "text.mp4"),
    ("encode CLIP --boxes unsorted.txt -o out.cssv", 3, "unsorted.txt line 2 frame 3 7 Sort"),
    ("encode CLIP --boxes double.txt -o out.cssv", 3, "double.txt line 2 twice line 1"),
    ("encode CLIP --boxes short.txt --min-score 1.5 -o out.cssv", 2, "min_score 1.5 0 to 1"),
    ("encode CLIP --boxes short.txt --classes person -o out.cssv", 2, "boxes classes person"),
    ("encode CLIP --boxes short.txt --detector onnx -o out.cssv", 2, "boxes onnx"),
    ("encode CLIP --min-score low -o out.cssv", 2, "--min-score low"),
    ("encode CLIP --weights noise.onnx -o out.cssv", 2, "motion noise.onnx Add --detector onnx or lost"),
    ("encode CLIP --detector onnx -o out.cssv", 2, "onnx needs weights --weights"),
    ("encode CLIP --detector boxes -o out.cssv", 2, "boxes needs --boxes"),
    ("encode CLIP --detector onnx --weights missing.onnx -o out.cssv", 3, "missing.onnx file"),
    ("encode CLIP --detector onnx --weights noise.onnx -o out.cssv", 3, "noise.onnx Give a whole"),
    ("encode CLIP --detector yolo --weights missing.pt -o out.cssv", 3, "missing.pt file downloaded"),
    ("track CLIP --detector onnx --weights noise.onnx -o out.txt", 3, "noise.onnx"),
    ("track CLIP --detector onnx --weights noise.onnx -o noise.onnx", 2, "replace noise.onnx"),
    ("encode CLIP --thermal missing.mkv -o out.cssv", 3, "thermal missing.mkv"),
    ("encode CLIP --thermal noise.mp4 -o out.cssv", 3, "thermal noise.mp4"),
    ("encode CLIP --thermal CLIP -o out.cssv", 3, "thermal counts 9 to 16 bits gray16le"),
    ("encode CLIP --thermal ./full -o out.cssv", 3, "thermal not a PNG keep.png"),
    ("encode CLIP --thermal out.mkv -o out.mkv", 2, "replace out.mkv"),
    ("encode CLIP --start 100 -o out.cssv", 3, "start"),
    ("encode CLIP --start 0.8 --stop 0.4 -o out.cssv", 2, "stop start"),
    ("encode CLIP --start 1:75 -o out.cssv", 2, "1:75"),
    ("encode CLIP --start soon -o out.cssv", 2, "soon HH:"),
    ("encode CLIP --rate 0 -o out.cssv", 2, "rate"),
    ("encode CLIP --rate often -o out.cssv", 2, "often 30000/1001"),
    ("encode CLIP --codec mpeg2 -o out.cssv", 2, "mpeg2 h264 ffv1 vp9"),
    ("encode CLIP --planes cmyk -o out.cssv", 2, "cmyk native rgb"),
    ("encode CLIP --boxes short.txt --detector motion -o out.cssv", 2, "boxes motion Leave out"),
    ("encode CLIP --bogus -o out.cssv", 2, "--bogus"),
    ("encode", 2, "CLIP"),
    ("encode CLIP -o nowhere/out.cssv", 6, "nowhere/out.cssv folder not exist"),
    ("encode CLIP -o text.mp4/out.cssv", 6, "text.mp4/out.cssv"),
    ("encode CLIP -o full", 6, "folder"),
    ("decode missing.cssv -o out.mkv", 3, "no such file missing.cssv"),
    ("decode CLIP -o out.mkv --objects out.csv", 4, "nibble lossy lossless"),
    ("decode CSSV -o out.avi", 2, "out.avi .mkv .mp4"),
    ("decode CSSV --overlay out.mkv", 2, "out.mkv .mp4"),
    ("decode CSSV --objects out.xml", 2, "out.xml .csv .jsonl .parquet"),
    ("decode CSSV -o nowhere/heat.mkv", 6, "nowhere/heat.mkv"),
    ("decode CSSV --objects nowhere/o.csv", 6, "nowhere/o.csv"),
    ("decode CSSV --scene nowhere/s.json", 6, "nowhere/s.json"),
    ("decode CSSV -o full", 6, "full not empty"),
    ("export CLIP out.mkv", 4, "nibble"),
    ("export CSSV out.avi", 2, "out.avi .mkv .mp4 .webm folder"),
    ("export CSSV nowhere/out.mkv", 6, "nowhere/out.mkv"),
    ("export CSSV full", 6, "full"),
    ("info missing.mp4", 3, "missing.mp4"),
    ("info text.mp4", 3, "text.mp4"),
    ("verify missing.cssv", 3, "missing.cssv"),
    ("verify CLIP", 5, "not a CSSV file"),
    ("track missing.mp4 -o out.txt", 3, "missing.mp4"),
    ("track CLIP -o nowhere/out.txt", 6, "nowhere/out.txt"),
    ("track --boxes nan.txt -o out.txt", 3, "nan.txt line 2"),
]


def arguments_of(line: str, folder: Path, material: Path) -> list[str]:
    known = {"CLIP": str(material / "clip.mkv"), "CSSV": str(material / "clip.cssv")}
    paths = {word: str(folder / word) for word in line.split() if "." in word or word == "full"}
    numbers = {word: word for word in paths if word[0].isdigit()}
    words = [(known | paths | numbers).get(word, word) for word in line.split()]
    # Something stands at the name of each output, which the command would replace.
    return [*words, "--force"] if re.search(r"(-o|export|--\w+) \S* ?out\.", line) else words


@pytest.mark.parametrize(("line", "code", "words"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_bad_input(run, folder, material, snapshot, line, code, words, as_json):
    before = snapshot(folder)
    result = run(*arguments_of(line, folder, material), *(["--json"] if as_json else []))
    assert result.code == code
    for word in words.split():
        assert word in result.err
    assert "Traceback" not in result.err
    if result.code != 2 or "Usage:" not in result.err:
        assert result.err.startswith("cssv: error: ")
    assert snapshot(folder) == before, "something was written or changed"
    if not as_json:
        assert result.out == ""


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("info missing.mp4", "video"),
        ("encode CLIP --boxes nan.txt", "boxes"),
        ("encode CLIP --rate often", "option"),
        ("encode CLIP --codec mpeg2", "usage"),
        ("decode CLIP -o out.mkv", "nibbles_lost"),
        ("decode CSSV -o nowhere/heat.mkv", "output"),
        ("decode CSSV", "usage"),
    ],
)
def test_error_object(run, folder, material, line, kind):
    result = run(*arguments_of(line, folder, material), "--json")
    error = result.json()["error"]
    assert set(error) == {"kind", "message"}
    assert error["kind"] == kind
    assert error["message"].splitlines()[0] in result.err


def test_scene_faults_are_listed(run, folder, material):
    arguments = ("encode", material / "clip.mkv", "--meta", folder / "bad.json")
    lines = run(*arguments).err.splitlines()
    faults = run(*arguments, "--json").json()["error"]["faults"]
    assert len(faults) == 3
    assert lines[1:] == [f"  {fault}" for fault in faults]
    assert [fault.split(":")[0] for fault in faults] == [
        "$.bogus",
        "$.camera.hfov_deg",
        "$.objects[0].temperature_c",
    ]
    assert "-5" in faults[1]
    assert "hot" in faults[2]


def test_re_encoded_copy_has_lost_its_nibbles(run, material, tmp_path, tool, snapshot):
    command = [tool("ffmpeg"), "-v", "error", "-i", material / "clip.cssv", "-c:v", "libx264", "-crf", "23"]
    subprocess.run([*command, tmp_path / "lossy.mp4"], check=True, stdin=subprocess.DEVNULL)
    (tmp_path / "o.csv").write_bytes(PRECIOUS)
    before = snapshot(tmp_path)
    result = run(
        "decode", tmp_path / "lossy.mp4", "--objects", tmp_path / "o.csv", "-o", tmp_path / "h.mkv", "-f"
    )
    assert result.code == 4
    assert "lossless copy" in result.err
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("position", [40, 3000, -600, -20])
@pytest.mark.parametrize("command", ["decode", "info", "verify"])
def test_damaged_container_never_traces_back(run, material, tmp_path, position, command):
    data = bytearray((material / "clip.cssv").read_bytes())
    data[position] ^= 0xFF
    (tmp_path / "damaged.cssv").write_bytes(data)
    output = ("--objects", tmp_path / "o.csv") if command == "decode" else ()
    result = run(command, tmp_path / "damaged.cssv", *output)
    assert result.code in (0, 3, 4, 5)
    if result.code and command != "verify":
        assert result.err.startswith("cssv: error: ")
        assert not (tmp_path / "o.csv").exists()
    if command == "verify":
        assert result.code == 5


def test_missing_extra_names_the_pip_command(run, material, tmp_path, monkeypatch):
    whole = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return whole(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    result = run("decode", material / "clip.cssv", "--objects", tmp_path / "o.parquet")
    assert result.code == 7
    assert "pip install '.[parquet]'" in result.err
    assert list(tmp_path.iterdir()) == []


def test_names_from_outside_do_not_reach_the_terminal(run, tmp_path):
    result = run("info", tmp_path / "a\x1b[31mb.mp4")
    assert result.code == 3
    assert "\x1b" not in result.err
    assert r"a\x1b[31mb.mp4" in result.err


@pytest.mark.parametrize(
    ("line", "as_json"),
    [
        ("info missing.mp4 --json", True),
        ("info --bogus missing.mp4 --json", True),
        ("info --json", True),
        ("bogus --json", True),
        ("commit CSSV --meta missing.json -m --json", False),
        ("commit CSSV --meta missing.json --message --json --json", True),
        ("info -- --json", False),
        ("encode CLIP --boxes --json --codec mpeg2", False),
    ],
)
def test_json_is_an_option_and_not_the_value_of_another(run, folder, material, line, as_json):
    result = run(*arguments_of(line, folder, material))
    assert result.code in (2, 3)
    assert result.err
    assert result.out.startswith("{") == as_json
    if not as_json:
        assert result.out == ""
