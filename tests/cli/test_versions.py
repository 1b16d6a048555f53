"""Versions from the command line: commit, log, diff, checkout, tag, gc, and --version of the others."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

import cssv
from cssv.files.lock import WriterLock
from cssv.video import VideoWriter

SCENE = {
    "cssv_scene": 1,
    "environment": {"ambient_temperature_c": 17.5},
    "objects": [{"match": {"label": "*"}, "temperature_c": 36.5, "density_kg_m3": 985}],
}


def scene_file(path, temperature_c, **environment):
    scene = json.loads(json.dumps(SCENE))
    scene["objects"][0]["temperature_c"] = temperature_c
    scene["environment"].update(environment)
    path.write_text(json.dumps(scene))
    return path


@pytest.fixture(scope="session")
def three(material, tmp_path_factory):
    """A file of three versions: warmer, then a branch from version 1 with fog."""
    folder = tmp_path_factory.mktemp("three")
    path = folder / "clip.cssv"
    scene_file(folder / "one.json", 36.5)
    cssv.encode(
        material / "clip.mkv",
        path,
        scene=folder / "one.json",
        boxes=material / "boxes.txt",
        created_s=1000,
        lossless=True,
    )
    cssv.commit(path, scene_file(folder / "two.json", 37.5), message="warmer", author="Ada", created_s=2000)
    fog = scene_file(folder / "three.json", 36.5, weather="fog")
    cssv.commit(path, fog, parent=1, message="fog", created_s=3000)
    return path


@pytest.fixture
def clip(three, tmp_path):
    return shutil.copy(three, tmp_path / "clip.cssv")


def temperatures(path):
    with path.open(newline="") as file:
        return {float(row["temperature_c"]) for row in csv.DictReader(file)}


def test_commit_says_what_it_did(run, clip, tmp_path):
    scene = scene_file(tmp_path / "s.json", 38)
    result = run("commit", clip, "--meta", scene, "-m", "fever", "--author", "Grace", "--parent", "1")
    assert result.code == 0
    assert f"Version 4 of {clip} plays now; it was made from version 1." in result.out
    assert "30 of 30 frames changed" in result.out
    last = cssv.log(clip).versions[-1]
    assert (last.number, last.parent, last.message, last.author) == (4, 1, "fever", "Grace")
    assert last.is_playing


def test_commit_in_json(run, clip, tmp_path):
    before = clip.stat().st_size
    done = run("commit", clip, "--meta", scene_file(tmp_path / "s.json", 38), "--json").json()
    assert (done["version"], done["parent"], done["frames"], done["frames_changed"]) == (4, 3, 30, 30)
    assert done["bytes_added"] == clip.stat().st_size - before
    assert done["bytes"] == clip.stat().st_size
    # The first scene left the ranges to what it holds, 30 to 45 degrees.
    assert done["ranges"]["temperature_c"] == [30, 45]
    assert done["notes"] == []


def test_the_author_comes_from_the_environment(run, clip, tmp_path, monkeypatch):
    monkeypatch.setenv("CSSV_AUTHOR", "Emmy")
    assert run("commit", clip, "--meta", scene_file(tmp_path / "s.json", 38)).code == 0
    assert cssv.log(clip).versions[-1].author == "Emmy"


def test_notes_tell_of_ranges_that_grow_and_of_stale_air(run, clip, tmp_path):
    scene = scene_file(tmp_path / "s.json", 80, ambient_temperature_c=30)
    out = run("commit", clip, "--meta", scene).out
    assert "Note: the temperature range had to grow" in out
    assert "Note: the rings are drawn in other ranges, so every frame is drawn again" in out
    assert "Note: the environment in the pixels stays that of the first encoding" in out


def test_the_same_scene_is_nothing_to_commit(run, clip, three):
    result = run("commit", clip, "--meta", three.parent / "three.json")
    assert result.code == 3
    assert "nothing to commit: found 'version 3 has this scene already'" in result.err
    assert clip.read_bytes() == three.read_bytes()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--parent", "9"), 3, "no such version: found 9; allowed: 1 to 3"),
        (("--parent", "nobody"), 3, "no such tag: found 'nobody'; allowed: none yet"),
        (("--cover", "clip.cssv"), 3, "another picture"),
        (("--cover", "missing.mp4"), 3, "no such file"),
    ],
)
def test_commit_refuses(run, clip, three, tmp_path, monkeypatch, options, code, words):
    monkeypatch.chdir(tmp_path)
    if "clip.cssv" in options:
        # Of the right size and length, but what it shows is no cover of this file: turned upside down.
        options = ("--cover", str(flipped(clip, tmp_path / "flipped.mkv")))
    result = run("commit", clip, "--meta", scene_file(tmp_path / "s.json", 38), *options)
    assert result.code == code
    assert words in result.err
    assert clip.read_bytes() == three.read_bytes()


def flipped(path, target):
    from cssv.video import VideoReader, VideoWriter

    with VideoReader(path) as reader, VideoWriter(target, reader.info, codec="ffv1") as writer:
        for frame in reader:
            frame.planes[:] = frame.planes[::-1].copy()
            writer.write(frame)
    return target


def test_a_scene_with_faults_is_refused_line_by_line(run, clip, three, tmp_path):
    scene = tmp_path / "s.json"
    scene.write_text('{"cssv_scene": 1, "environment": {"wind_m_s": -1}, "object": []}')
    result = run("commit", clip, "--meta", scene, "--json")
    assert result.code == 3
    assert len(json.loads(result.out)["error"]["faults"]) == 2
    assert clip.read_bytes() == three.read_bytes()


def test_log_tells_newest_first(run, clip):
    lines = run("log", clip).out.splitlines()
    assert [line for line in lines if line.startswith("version")] == [
        "version 3  (playing)  1970-01-01 00:50 UTC",
        "version 2  1970-01-01 00:33 UTC  Ada",
        "version 1  1970-01-01 00:16 UTC",
    ]
    assert "      warmer" in lines
    assert any("from version 1: 0 of 30 frames changed" in line for line in lines)


def test_log_draws_the_branch(run, clip):
    lines = run("log", clip, "--graph").out.splitlines()
    stars = [line for line in lines if "*" in line]
    assert [line.split("version ")[1][0] for line in stars] == ["3", "2", "1"]
    assert [line.index("*") for line in stars] == [0, 2, 0] or [line.index("*") for line in stars] == [
        2,
        0,
        0,
    ]
    assert any("|/" in line for line in lines)


def test_log_in_json_has_everything(run, clip):
    data = run("log", clip, "--json").json()
    assert data["playing"] == 3
    assert data["torn_bytes"] == 0
    assert [v["number"] for v in data["versions"]] == [3, 2, 1]
    two = data["versions"][1]
    added = two.pop("bytes_added")
    assert added > 0
    assert two == {
        "number": 2, "parent": 1, "root": 1, "created_s": 2000, "author": "Ada", "message": "warmer",
        "frames": 30, "frames_changed": 30, "tags": [], "is_playing": False,
    }  # fmt: skip
    assert (
        added + data["versions"][0]["bytes_added"] + data["versions"][2]["bytes_added"] == clip.stat().st_size
    )


def test_diff_in_words_and_json(run, clip, tmp_path):
    out = run("diff", clip, "1", "2", "--picture", tmp_path / "worst.png").out
    assert 'objects with label "*": temperature 36.5 °C -> 37.5 °C' in out or "36.5 °C -> 37.5 °C" in out
    assert "in frames 0-29" in out
    assert "Pixels: 30 of 30 frames differ: 0-29." in out
    assert (tmp_path / "worst.png").read_bytes().startswith(b"\x89PNG")
    data = run("diff", clip, "1", "2", "--json").json()
    (change,) = data["scene"]
    assert (change["attribute"], change["before"], change["after"], change["unit"]) == (
        "temperature_c", 36.5, 37.5, "°C",
    )  # fmt: skip
    assert [frame["frame"] for frame in data["frames"]] == list(range(30))
    assert all(frame["max_abs"] >= 1 for frame in data["frames"])
    assert data["objects"][0]["ranges"] == [[0, 29]]


def test_diff_without_pixels(run, clip, tmp_path):
    out = run("diff", clip, "1", "--picture", tmp_path / "worst.png").out
    assert 'weather not given -> "fog"' in out
    assert "Pixels: the same in every frame." in out
    assert "Note: no pixel differs, so there is no picture" in out
    assert not (tmp_path / "worst.png").exists()
    assert run("diff", clip, "3", "3").out == f"Versions 3 and 3 of {clip} are the same.\n"


def test_checkout_plays_another_version(run, clip, tmp_path):
    assert run("checkout", clip, "--version", "2").out == f"Version 2 of {clip} plays now.\n"
    assert run("decode", clip, "--objects", tmp_path / "o.csv").code == 0
    assert temperatures(tmp_path / "o.csv") == {37.5}
    assert cssv.log(clip).playing.number == 2
    assert run("verify", clip).out == f"OK: {clip}: 30 frames of each of 3 versions as written.\n"
    size = clip.stat().st_size
    assert run("checkout", clip, "--version", "2").code == 0
    assert clip.stat().st_size == size


def test_checkout_takes_a_number_or_a_tag_after_the_file(run, clip):
    cssv.tag(clip, "hot", 2)
    for words, number in ((("hot",), 2), (("1",), 1), (("--version", "hot"), 2), (("--version", "1"), 1)):
        assert run("checkout", clip, *words).out == f"Version {number} of {clip} plays now.\n"
        assert cssv.log(clip).playing.number == number


def test_checkout_says_what_is_possible(run, clip, three):
    result = run("checkout", clip)
    assert result.code == 2
    assert "give VERSION after FILE, a number (1 to 3)." in result.err
    result = run("checkout", clip, "1", "--version", "2")
    assert result.code == 2
    assert "not both" in result.err
    assert clip.read_bytes() == three.read_bytes()
    cssv.tag(clip, "hot", 2)
    cssv.tag(clip, "best", 1)
    assert "a number (1 to 3) or a tag (best, hot)." in run("checkout", clip).err
    result = run("checkout", clip, "cold")
    assert result.code == 3
    assert (
        "no such tag: found 'cold'; allowed: best, hot. The versions have the numbers 1 to 3." in result.err
    )
    result = run("checkout", clip, "9")
    assert result.code == 3
    assert "no such version: found 9; allowed: 1 to 3. A tag can be used as well: best, hot." in result.err


def test_a_damaged_tag_ends_as_damage(run, clip, tmp_path):
    cssv.tag(clip, "hot", 1)
    start = clip.stat().st_size
    cssv.tag(clip, "hot", 2)
    data = bytearray(clip.read_bytes())
    data[start + 70] ^= 4
    clip.write_bytes(data)
    result = run("verify", clip)
    assert result.code == 5
    assert f"{clip}: index: index at byte {start} is damaged; tags may be older" in result.out
    assert "unfinished append" not in result.out
    result = run("verify", clip, "--repair")
    assert result.code == 5
    assert clip.read_bytes() == data
    result = run("decode", clip, "--version", "hot", "--objects", tmp_path / "o.csv")
    assert result.code == 5
    assert "Use the numbers of the versions: 'cssv log' lists them." in result.err
    assert not (tmp_path / "o.csv").exists()
    note = f"the index at byte {start} is damaged, so the tags of the versions are not known"
    for words in (("log",), ("info",), ("tag",), ("decode", "--objects", tmp_path / "o.csv")):
        result = run(words[0], clip, *words[1:])
        assert result.code == 0
        assert note in result.out, words
    assert run("tag", clip, "--json").json() == {
        "path": str(clip),
        "tags": {},
        "notes": list(cssv.log(clip).notes),
    }
    result = run("tag", clip, "hot", "--version", "2")
    assert result.code == 5
    assert "Make a copy without tags by 'cssv gc'" in result.err
    assert clip.read_bytes() == data
    result = run("gc", clip, tmp_path / "sound.cssv", "--keep", "2")
    assert result.code == 0
    assert f"{note}; this damage does not concern the versions; the copy has no tags" in result.out


def test_info_of_a_copy_that_lost_its_heat_map(run, clip, tmp_path):
    with cssv.open(clip) as opened:
        heat = [moment.frame for moment in opened]
    lossy = tmp_path / "lossy.mp4"
    with VideoWriter(lossy, cssv.info(clip).video, codec="h264-lossy") as writer:
        for frame in heat:
            writer.write(frame)
    out = run("info", lossy).out
    assert out.startswith(f"{lossy}: its pixels carry no heat map: it never had one, or was re-encoded")


@pytest.mark.parametrize(("version", "expected"), [("1", 36.5), ("2", 37.5), ("3", 36.5), ("hot", 37.5)])
def test_decode_takes_a_version(run, clip, tmp_path, version, expected):
    cssv.tag(clip, "hot", 2)
    out = tmp_path / "o.csv"
    assert run("decode", clip, "--version", version, "--objects", out, "-o", tmp_path / "h.mkv").code == 0
    assert temperatures(out) == {expected}


def test_export_takes_a_version(run, clip, tmp_path):
    alone = tmp_path / "two.cssv"
    out = run("export", clip, alone, "--version", "2").out
    assert "with its scene track, without other versions" in out
    assert [v.number for v in cssv.log(alone).versions] == [2]
    assert run("export", clip, tmp_path / "two.mkv", "--version", "2").code == 0
    with cssv.open(clip, 2) as one, cssv.open(alone) as two, cssv.open(tmp_path / "two.mkv") as three_:
        for first, second, third in zip(one, two, three_, strict=True):
            assert (first.frame.planes == second.frame.planes).all()
            assert (first.frame.planes == third.frame.planes).all()
            assert first.objects == second.objects


def test_a_version_of_what_has_none(run, material, tmp_path):
    result = run("decode", material / "clip.mkv", "--version", "1", "--objects", tmp_path / "o.csv")
    assert result.code == 2
    assert "only a .cssv holds versions" in result.err


@pytest.mark.parametrize("name", ["clip.cssv", "clip.mp4"])
def test_a_damaged_brand_is_damage_and_no_wrong_use(run, clip, tmp_path, name):
    data = bytearray(clip.read_bytes())
    data[data.index(b"cssv")] ^= 0x20
    clip.unlink()
    path = tmp_path / name
    path.write_bytes(data)
    for words in ((), ("--version", "1")):
        result = run("decode", path, "--objects", tmp_path / "o.csv", *words)
        assert result.code == 5
        assert "its first box is damaged" in result.err
        assert "'ffmpeg -c copy' copies them" in result.err
    assert run("info", path).code == 5
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_tags(run, clip):
    assert run("tag", clip).out == "No version has a tag yet.\n"
    assert run("tag", clip, "hot", "--version", "2").out == "Version 2 now has the tag hot.\n"
    assert run("tag", clip, "now").out == "Version 3 now has the tag now.\n"
    assert run("tag", clip).out == "hot  version 2\nnow  version 3\n"
    assert run("log", clip, "--json").json()["versions"][1]["tags"] == ["hot"]
    assert run("tag", clip, "hot", "--version", "1").out == "Version 1 now has the tag hot.\n"
    assert run("tag", clip, "hot", "-d").out == "Version 1 no longer has the tag hot.\n"
    assert run("tag", clip, "--json").json()["tags"] == {"now": 3}


@pytest.mark.parametrize("name", ["7", "two words", "tab\t", "", "x" * 256])
def test_names_that_cannot_be(run, clip, three, name):
    assert run("tag", clip, name).code == 2
    assert clip.read_bytes() == three.read_bytes()


def test_wrong_use_of_tag(run, clip):
    assert run("tag", clip, "-d").code == 2
    assert run("tag", clip, "--version", "1").code == 2
    assert run("tag", clip, "hot", "-d", "--version", "1").code == 2
    assert run("tag", clip, "nobody", "-d").code == 3


def test_gc_keeps_what_it_is_told(run, clip, tmp_path):
    cssv.tag(clip, "hot", 2)
    small = tmp_path / "small.cssv"
    out = run("gc", clip, small, "--keep", "1", "--keep-tagged").out
    assert "with versions 1, 2" in out
    assert "Left out: version 3." in out
    assert [(v.number, v.parent, v.tags) for v in cssv.log(small).versions] == [(1, 0, ()), (2, 1, ("hot",))]
    assert run("verify", small).code == 0
    data = run("gc", clip, tmp_path / "last.cssv", "--keep-last", "1", "--keep-playing", "--json").json()
    assert data["versions"] == [3]
    assert data["dropped"] == [1, 2]


def test_gc_wants_to_know(run, clip, tmp_path):
    assert run("gc", clip, tmp_path / "x.cssv").code == 2
    assert run("gc", clip, clip, "--keep", "1").code == 2
    assert run("gc", clip, tmp_path / "x.cssv", "--keep", "7").code == 3
    assert not (tmp_path / "x.cssv").exists()


def test_a_torn_append_is_told_and_repaired(run, clip, three, tmp_path):
    with clip.open("ab") as file:
        file.write(b"\0\0\0\1mdat\x40" + bytes(200))
    for command in (
        ("log", clip),
        ("info", clip),
        ("decode", clip, "--objects", tmp_path / "o.csv"),
        ("export", clip, tmp_path / "x.mkv"),
        ("verify", clip),
    ):
        result = run(*command)
        assert result.code == 0, command
        assert "Note: 209 bytes of an unfinished append lie after the last version" in result.out, command
    data = run("verify", clip, "--repair", "--json").json()
    assert (data["cut_bytes"], data["torn_bytes"], data["sound"]) == (209, 0, True)
    assert clip.read_bytes() == three.read_bytes()


@pytest.mark.parametrize("command", ["commit", "checkout", "tag", "verify"])
def test_a_second_writer_is_refused(run, clip, three, tmp_path, command):
    options = {
        "commit": ("--meta", scene_file(tmp_path / "s.json", 38)),
        "checkout": ("--version", "1"),
        "tag": ("name",),
        "verify": ("--repair",),
    }[command]
    with WriterLock(clip):
        result = run(command, clip, *options)
        assert result.code == 6
        assert "process " in result.err
        assert run("log", clip).code == 0
        assert run("verify", clip).code == 0
    assert clip.read_bytes() == three.read_bytes()


def test_info_lists_the_versions(run, clip):
    cssv.tag(clip, "hot", 2)
    out = run("info", clip).out
    assert "    2  1970-01-01 00:33 UTC by Ada (tag hot): warmer" in out
    assert "    3  1970-01-01 00:50 UTC (playing): fog" in out
