"""Clips, boxes and scenes from the standard input and from other pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import cssv
from tests.cli.conftest import COUNT, SCENE, write_boxes, write_clip

pipes = pytest.mark.skipif(not Path("/dev/fd/0").exists(), reason="no /dev/fd here")


@pytest.fixture
def material(tmp_path):
    write_clip(tmp_path / "clip.mkv", COUNT)
    write_boxes(tmp_path / "boxes.txt", COUNT)
    (tmp_path / "scene.json").write_text(json.dumps(SCENE))
    return tmp_path


@pytest.fixture
def command(tmp_path):
    """``command("info", "-", stdin=path)`` runs with this standard input; all temporaries lie in a folder."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def call(*arguments: object, stdin: Path | None = None) -> subprocess.CompletedProcess[str]:
        with (
            (stdin or Path(os.devnull)).open("rb") as file,
            # A pipe, not the file itself.
            subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as source,
        ):
            done = subprocess.run(
                [sys.executable, "-m", "cssv_cli", *map(str, arguments)],
                stdin=source.stdout,
                capture_output=True,
                text=True,
                check=False,
                env=os.environ | {"TMPDIR": str(temporary)},
            )
        assert list(temporary.iterdir()) == []
        return done

    return call


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_a_clip_from_the_standard_input(material, command, name):
    if name != "-" and not Path(name).exists():
        pytest.skip(f"no {name} here")
    done = command(
        "encode",
        name,
        "--boxes",
        material / "boxes.txt",
        "--lossless",
        "-o",
        material / "a.cssv",
        stdin=material / "clip.mkv",
    )
    assert done.returncode == 0, done.stderr
    whole = cssv.encode(
        material / "clip.mkv", material / "b.cssv", boxes=material / "boxes.txt", lossless=True
    )
    assert cssv.info(material / "a.cssv").frames == whole.frames == COUNT
    # Times of creation differ; the streams do not.
    assert (material / "a.cssv").stat().st_size == (material / "b.cssv").stat().st_size


def test_boxes_and_scenes_from_the_standard_input(material, command):
    done = command("track", "--boxes", "-", stdin=material / "boxes.txt")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == COUNT
    common = ("encode", material / "clip.mkv", "--lossless", "--boxes", material / "boxes.txt")
    done = command(*common, "--meta", "-", "-o", material / "a.cssv", stdin=material / "scene.json")
    assert done.returncode == 0, done.stderr
    with cssv.open(material / "a.cssv") as clip:
        assert clip.scene.environment.ambient_temperature_c.value == 17.5


def test_messages_name_what_the_user_gave(material, command):
    done = command("info", "-", stdin=material / "boxes.txt")
    assert done.returncode == 3
    assert "found '-: " in done.stderr
    assert "input-0" not in done.stderr
    done = command("info", "-", "--json", stdin=material / "clip.mkv")
    assert json.loads(done.stdout)["path"] == "-"
    assert command("info", "-", stdin=material / "clip.mkv").stdout.startswith("-: its pixels carry no")


def test_wrong_use_of_the_standard_input(material, command):
    done = command("encode", "-", stdin=material / "clip.mkv")
    assert (done.returncode, "has no name" in done.stderr) == (2, True)
    done = command("encode", "-", "--boxes", "-", "-o", material / "a.cssv", stdin=material / "clip.mkv")
    assert (done.returncode, "for one file only" in done.stderr) == (2, True)
    done = command("info", "-")
    assert (done.returncode, "empty" in done.stderr) == (3, True)
    # What is changed must have a place.
    done = command("tag", "-", "name", stdin=material / "clip.mkv")
    assert done.returncode == 3
    assert "standard input" in done.stderr


def test_a_terminal_is_not_waited_for(material):
    main, terminal = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "cssv_cli", "info", "-"],
            stdin=terminal,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(main)
        os.close(terminal)
    assert (done.returncode, "is a terminal" in done.stderr) == (2, True)


@pipes
def test_a_pipe_of_the_shell(material, run):
    """``cssv info <(cat clip.mkv)``."""
    reading, writing = os.pipe()
    content = (material / "clip.mkv").read_bytes()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        result = run("info", f"/dev/fd/{reading}")
    finally:
        writer.join()
        os.close(reading)
    assert result.code == 0
    assert result.out.startswith(f"/dev/fd/{reading}: its pixels carry no heat map")


def test_a_file_of_that_name_can_still_be_named(material, run, monkeypatch):
    monkeypatch.chdir(material)
    Path("clip.mkv").rename("-")
    assert run("info", "./-").out.startswith("-: its pixels carry no heat map")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_named_pipe_is_refused(material, run):
    os.mkfifo(material / "pipe")
    result = run("encode", material / "pipe", "-o", material / "a.cssv")
    assert result.code == 3
    assert "is a pipe" in result.err
    assert "standard input, as -" in result.err


def test_the_copy_of_a_killed_run_is_removed_by_the_next_one(material, command):
    temporary = material / "temporary"
    reading, writing = os.pipe()
    options = {"stdin": reading, "env": os.environ | {"TMPDIR": str(temporary)}}
    with subprocess.Popen([sys.executable, "-m", "cssv_cli", "info", "-"], **options) as process:
        os.write(writing, b"half a clip")
        # The end of the clip never comes.
        while not list(temporary.glob("*/*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    os.close(reading)
    os.close(writing)
    assert len(list(temporary.iterdir())) == 1
    # It also looks whether anything is left.
    assert command("info", "-", stdin=material / "clip.mkv").returncode == 0
