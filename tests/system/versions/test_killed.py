"""Writers killed with SIGKILL at any moment: acknowledged steps are in the file."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import cssv
from cssv.container import Reader

KILLS, ENCODER_KILLS = 52, 20
#: How often a child that ended before its kill is started anew.
TRIES = 5


@pytest.fixture(scope="module")
def driver(lab):
    """``driver(order)``: the acknowledgements of a child process until it was killed."""
    command = [sys.executable, str(Path(__file__).with_name("killed_writer.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, env=lab.environment()) as program:

        def ask(**order):
            program.stdin.write(json.dumps(order) + "\n")
            program.stdin.flush()
            return json.loads(program.stdout.readline())

        yield ask
        program.stdin.close()
        assert program.wait(30) == 0


@pytest.fixture(scope="module")
def scenes(lab):
    """Scenes that change few frames, many frames, only text, and many frames again."""
    return [
        lab.scene_with({"match": {"track": 3}, "temperature_c": 55}),
        lab.scene_with({"match": {"track": 1}, "density_kg_m3": 100}),
        lab.SCENE | {"environment": {"weather": "fog"}},
        lab.scene_with({"match": {"label": "*"}, "template": "edges"}),
    ]


@pytest.fixture(scope="module")
def durations(driver, small, scenes, tmp_path_factory):
    """Seconds of the whole work on a fast and on a slow disk."""
    found = {}
    for is_slow in (False, True):
        path = shutil.copy(small("sound.mp4"), tmp_path_factory.mktemp("whole") / "clip.cssv")
        done = driver(path=str(path), work="act", **{"with": scenes}, is_slow=is_slow, after_s=None)
        assert done["status"] == 0
        assert len(done["heard"]) == 12
        found[is_slow] = done["seconds"]
    return found


def kill_at(share, seconds, begin, driver, **order):
    """Kill a child after a share of the time of its work.

    The time is that of an earlier run. If the machine has become faster since, the child ends before its
    kill; then it is started anew with its own time. Returns its end, and the time of all its work.
    """
    for _ in range(TRIES):
        begin()
        done = driver(**order, after_s=share * seconds)
        assert done["status"] in (0, signal.SIGKILL)
        if done["status"] == signal.SIGKILL:
            break
        seconds = done["seconds"]
    return done, seconds


def check_acknowledged(path, heard, first, lab, ffmpeg):
    """Assert that all acknowledged versions, tags and checkouts are in the file, with their pixels."""
    crcs = {1: first} | {word["version"]: word["crcs"] for word in heard if "crcs" in word}
    found = cssv.verify(path)
    assert found.is_sound, found.faults[:3]
    history = {version.number: version for version in cssv.log(path).versions}
    assert max(history) >= max(crcs)
    assert set(crcs) <= set(history)
    for number, expected in crcs.items():
        with Reader(path, version=number) as reader:
            assert reader.frames.stegos.tolist() == expected
    assert lab.own_crcs(path, max(crcs)) == crcs[max(crcs)]
    tags = {name: version.number for version in history.values() for name in version.tags}
    told = {word["tag"]: word["version"] for word in heard if "tag" in word}
    assert told.items() <= tags.items()
    assert lab.ffmpeg_crcs(ffmpeg, path) == lab.own_crcs(path)
    return cssv.log(path).playing.number, max(history)


@pytest.mark.parametrize("part", range(4))
def test_commits_killed_at_any_moment(part, driver, durations, scenes, small, tool, lab, tmp_path):
    ffmpeg, first = tool("ffmpeg"), lab.own_crcs(small("sound.mp4"))
    random_ = random.Random(f"kill {part}")
    count, path = KILLS // 4, tmp_path / "clip.cssv"
    torn = killed = 0
    for number in range(count):
        is_slow, share = number % 3 != 0, (number + random_.random()) / count
        done, durations[is_slow] = kill_at(
            share,
            durations[is_slow],
            lambda: shutil.copy(small("sound.mp4"), path),
            driver,
            **{"path": str(path), "work": "act", "with": scenes, "is_slow": is_slow},
        )
        killed += done["status"] == signal.SIGKILL
        heard = done["heard"]
        torn += cssv.log(path).torn_bytes > 0
        playing, highest = check_acknowledged(path, heard, first, lab, ffmpeg)
        last = next((word["playing"] for word in reversed(heard) if "playing" in word), 1)
        # One more step than acknowledged may be done.
        assert playing in (last, 1 if last != 1 else highest)
        # The next writer gets the lock, cuts off the tail and continues.
        again = cssv.commit(path, lab.scene_with({"match": {"track": 2}, "temperature_c": 30 + number / 100}))
        assert again.version == highest + 1
        after = cssv.log(path)
        assert (after.torn_bytes, after.playing.number) == (0, highest + 1)
        check_acknowledged(path, heard, first, lab, ffmpeg)
        assert [entry.name for entry in tmp_path.iterdir()] == ["clip.cssv"]
    print(f"{killed} of {count} killed, {torn} left a tail")
    # Or no version was written yet.
    assert killed >= count * 2 // 3
    assert torn >= 2


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "in place of another"])
def test_encoding_killed_at_any_moment(is_there, driver, clips, small, tool, lab, tmp_path):
    """Afterwards there is no file, the old file, or, if killed after the renaming, the whole new file."""
    source, path, ffmpeg = clips / "clip.mkv", tmp_path / "new.cssv", tool("ffmpeg")
    order = {"path": str(path), "work": "encode", "is_slow": True}
    options = {"source": str(source), "scene": lab.SCENE, "detector": "motion", "overwrite": True}
    old = small(codec="ffv1").read_bytes() if is_there else None
    whole = driver(**order, **{"with": options}, after_s=None)
    assert (whole["status"], whole["heard"]) == (0, [{"encoded": True}])
    expected = lab.own_crcs(path)
    random_ = random.Random(f"encode {is_there}")
    before, seconds = 0, whole["seconds"]

    def begin():
        path.unlink(missing_ok=True)
        if old is not None:
            path.write_bytes(old)

    for number in range(ENCODER_KILLS // 2):
        share = (number + random_.random()) / (ENCODER_KILLS // 2)
        done, seconds = kill_at(share, seconds, begin, driver, **order, **{"with": options})
        data = path.read_bytes() if path.exists() else None
        if data == old:
            before += 1
            assert not done["heard"]
        else:
            assert cssv.verify(path).is_sound
            assert lab.own_crcs(path) == lab.ffmpeg_crcs(ffmpeg, path) == expected
        # Temporary files beside it are not results.
        beside = [entry for entry in tmp_path.iterdir() if entry != path]
        assert all(entry.name.startswith(".cssv-") or entry.name == "new.cssv.lock" for entry in beside)
    assert before >= ENCODER_KILLS // 4
