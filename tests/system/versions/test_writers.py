"""One writer at a time; readers continue meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cssv
from cssv.errors import LockedError

SLOW_COMMIT = """
import json, sys
import cssv
path, scene = sys.argv[1:]
def progress(stage, done, total):
    if done == 1:
        print(stage, flush=True)
        sys.stdin.readline()
cssv.commit(path, json.loads(scene), progress=progress)
print("landed", flush=True)
"""


@pytest.fixture
def file(small, tmp_path):
    return shutil.copy(small("sound.mp4"), tmp_path / "clip.cssv")


@pytest.fixture
def changed(lab):
    return lab.scene_with({"match": {"track": 1}, "temperature_c": 50})


def cli(lab, *words):
    command = [sys.executable, "-m", "cssv_cli", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=600, env=lab.environment()
    )


def everything_reads(path, crcs, versions, lab):
    """Open, iterate, decode and verify; the old versions must be there."""
    with cssv.open(path) as clip:
        assert len(list(clip)) == lab.COUNT
        assert [version.number for version in clip.versions] == versions
        assert clip[7].objects
    assert lab.own_crcs(path) == lab.plain_crcs(path) == crcs
    assert cssv.verify(path).is_sound
    assert cssv.log(path).playing.number == versions[-1]


def test_while_a_commit_runs(file, changed, lab, tool, tmp_path):
    """In another process, stopped at every stage."""
    crcs, scene = lab.own_crcs(file), tmp_path / "scene.json"
    scene.write_text(json.dumps(changed))
    command = [sys.executable, "-c", SLOW_COMMIT, str(file), json.dumps(changed)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, env=lab.environment()) as writer:
        for stage in ("compare", "redraw", "verify"):
            assert writer.stdout.readline().strip() == stage
            for attempt in (
                lambda: cssv.commit(file, changed),
                lambda: cssv.checkout(file, 1),
                lambda: cssv.tag(file, "mine"),
                lambda: cssv.verify(file, repair=True),
            ):
                with pytest.raises(LockedError, match=str(writer.pid)) as refused:
                    attempt()
                assert refused.value.pid == writer.pid
                assert str(file) in str(refused.value)
            everything_reads(file, crcs, [1], lab)
            assert lab.ffmpeg_crcs(tool("ffmpeg"), file) == crcs
            # A copy can be written at the same time.
            assert cssv.gc(file, tmp_path / "copy.cssv", [1], overwrite=True).versions == (1,)
            if stage == "redraw":
                for words in (
                    ("commit", file, "--meta", scene),
                    ("tag", file, "mine"),
                    ("checkout", file, "--version", "1"),
                ):
                    done = cli(lab, *words)
                    assert done.returncode == 6, done.stderr
                    assert str(writer.pid) in done.stderr
                assert cli(lab, "log", file).returncode == 0
            writer.stdin.write("\n")
            writer.stdin.flush()
        assert writer.stdout.readline().strip() == "landed"
        assert writer.wait(30) == 0
    everything_reads(file, lab.own_crcs(file), [1, 2], lab)
    assert lab.own_crcs(file) != crcs
    assert cssv.tag(file, "mine").number == 2


def test_in_one_process_too(file, changed, lab):
    seen = []

    def progress(stage, done, total):
        with pytest.raises(LockedError) as refused:
            cssv.tag(file, "mine")
        seen.append(refused.value.pid)

    cssv.commit(file, changed, progress=progress)
    assert set(seen) == {os.getpid()}
    assert len(seen) > lab.COUNT
    assert cssv.log(file).playing.tags == ()


def test_readers_opened_before_keep_their_version(file, changed, lab):
    crcs = lab.own_crcs(file)
    with cssv.open(file) as clip:
        first = clip[0].frame.planes.copy()
        clip.commit(changed)
        cssv.checkout(file, 1)
        cssv.checkout(file, 2)
        assert (clip[0].frame.planes == first).all()
        assert [moment.number for moment in clip] == list(range(lab.COUNT))
        assert clip.version.number == 1
        assert [version.number for version in clip.versions] == [1, 2]
        with clip.at(2) as new, clip.at(1) as old:
            assert (new[0].frame.planes != first).any()
            assert (old[0].frame.planes == first).all()
    assert lab.own_crcs(file, 1) == crcs


def test_readers_while_others_write_all_the_time(file, lab):
    """Open and read while a process appends tags and versions: there is always a whole version."""
    code = """
import sys, json, cssv
path, scenes = sys.argv[1], json.loads(sys.argv[2])
for at in range(40):
    cssv.commit(path, scenes[at % 2])
    cssv.tag(path, f"tag{at}")
    cssv.checkout(path, 1)
"""
    scenes = [lab.SCENE | {"environment": {"weather": weather}} for weather in ("fog", "rain")]
    # The first commit is onto version 1 each time, so that both commits always change something.
    command = [sys.executable, "-c", code, str(file), json.dumps(scenes)]
    crcs, looks, most = lab.own_crcs(file), 0, 0
    with subprocess.Popen(command, env=lab.environment()) as writer:
        while writer.poll() is None:
            versions = cssv.log(file).versions
            assert [version.number for version in versions] == list(range(1, len(versions) + 1))
            assert len(versions) >= most
            most = len(versions)
            if looks % 10 == 0:
                assert lab.own_crcs(file) == crcs
            looks += 1
            time.sleep(0.001)
    assert writer.returncode == 0
    assert looks > 20
    assert len(cssv.log(file).versions) == 41


def test_an_unheld_lock_file_is_no_lock(file, changed):
    """A lock file left by a killed writer."""
    left = Path(f"{file}.lock")
    left.write_text("1")
    assert cssv.commit(file, changed).version == 2
    assert not left.exists()


def test_two_names_are_one_file(file, changed, tmp_path):
    link = tmp_path / "link.cssv"
    link.symlink_to(file)

    def progress(stage, done, total):
        if done == 1:
            with pytest.raises(LockedError):
                cssv.tag(link, "mine")

    cssv.commit(file, changed, progress=progress)
    assert cssv.commit(link, changed | {"environment": {"weather": "fog"}}).version == 3
    assert link.is_symlink()
    assert cssv.log(file).playing.number == 3
