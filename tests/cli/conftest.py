"""A small clip whose object is known, and the command line run in this process or in one of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cssv
from cssv.testing import clips
from cssv_cli.main import main

WIDTH, HEIGHT, RATE, COUNT = 192, 144, 25, 30
#: Frames whose encoding takes so long that a signal reaches the process before its end.
LONG_COUNT = 600
SCENE = {
    "cssv_scene": 1,
    "environment": {"ambient_temperature_c": 17.5},
    "objects": [{"match": {"label": "*"}, "temperature_c": 36.5, "density_kg_m3": 985}],
}


def box_at(number: int) -> tuple[int, int, int, int]:
    return 20 + 2 * number % 100, 50, 40, 60


def pictures(count: int) -> Iterator[np.ndarray]:
    """A bright box that moves over a textured ground."""
    ground = np.random.default_rng(1).integers(60, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for number in range(count):
        picture = ground.copy()
        x, y, w, h = box_at(number)
        picture[y : y + h, x : x + w] = (220, 190, 150)
        yield picture


def write_clip(path: Path, count: int, **options: Any) -> Path:
    """A clip of so many pictures."""
    return clips.write_clip(path, pictures(count), width=WIDTH, height=HEIGHT, rate=RATE, **options)


def write_boxes(path: Path, count: int) -> Path:
    lines = (f"{n + 1},-1,{','.join(map(str, box_at(n)))},0.9\n" for n in range(count))
    path.write_text("".join(lines))
    return path


@dataclass
class Result:
    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def run(capsys):
    """``run("info", path)`` calls the command line here."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments], prog_name="cssv")
        code = stop.value.code
        return Result(0 if code is None else code, *capsys.readouterr())

    return call


@pytest.fixture
def start():
    """``start("encode", path)`` begins the command in a process of its own, killed when the test ends."""
    begun: list[subprocess.Popen[bytes]] = []

    def call(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "cssv_cli"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
        prepare = pipes.pop("preexec_fn", lambda: None)

        def before() -> None:
            # A job in the background may hand on an ignored SIGINT.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            prepare()

        environment = {"PYTHONIOENCODING": "utf-8", **os.environ}
        process = subprocess.Popen(
            [*command, *map(str, arguments)], env=environment, preexec_fn=before, **pipes
        )
        begun.append(process)
        return process

    yield call
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def spawn(start):
    """``spawn("info", path)`` runs the command in a process of its own to its end."""

    def call(*arguments: object, **options: Any) -> Result:
        process = start(*arguments, **options)
        out, err = process.communicate(timeout=180)
        return Result(process.returncode, (out or b"").decode(), (err or b"").decode())

    return call


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """Read-only inputs of all tests: clip, boxes, scene and a .cssv of them."""
    folder = tmp_path_factory.mktemp("material")
    write_clip(folder / "clip.mkv", COUNT)
    write_boxes(folder / "boxes.txt", COUNT)
    (folder / "scene.json").write_text(json.dumps(SCENE))
    cssv.encode(
        folder / "clip.mkv",
        folder / "clip.cssv",
        boxes=folder / "boxes.txt",
        scene=folder / "scene.json",
        created_s=0,
        lossless=True,
    )
    return folder


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory):
    """A clip that takes seconds to encode; with ``boxes.txt`` beside it."""
    folder = tmp_path_factory.mktemp("long")
    write_boxes(folder / "boxes.txt", LONG_COUNT)
    return write_clip(folder / "clip.mp4", LONG_COUNT, codec="mpeg4")


@pytest.fixture(scope="session")
def make_clip():
    return write_clip


@pytest.fixture
def snapshot():
    """``snapshot(folder)`` is what lies in a folder: name -> bytes."""

    def look(folder: Path) -> dict[str, bytes | None]:
        return {
            str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*"))
        }

    return look
