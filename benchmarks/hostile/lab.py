"""Sound files that the trials damage, interrupt or replace, and child processes that are watched."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import cssv
from cssv.testing.clips import SCENE, write_boxes, write_clip

#: Seconds after which a child hangs. A trial takes less than a second on a quiet machine.
HANG_S = 120
FRAMES = 24


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial.

    Attributes:
        what: the input, in words.
        fault: what went wrong; None if the result was right.
    """

    what: str
    fault: str | None = None


@dataclass(slots=True)
class Lab:
    """Folder with a clip, its boxes and scene, and a file of several versions.

    Attributes:
        folder: a folder of its own.
        dice: source of all random choices.
        clip, boxes, scene: a synthetic clip of ``FRAMES`` frames and what belongs to it.
        file: a ``.cssv`` with three versions and two tags.
        temperatures: mean temperature of the objects of each version, read from the sound file.
    """

    folder: Path
    dice: Random
    clip: Path = field(init=False)
    boxes: Path = field(init=False)
    scene: Path = field(init=False)
    file: Path = field(init=False)
    temperatures: dict[int, float] = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self.clip, self.boxes, self.scene, self.file = (
            self.folder / name for name in ("clip.mkv", "boxes.txt", "scene.json", "sound.cssv")
        )
        write_clip(self.clip, count=FRAMES)
        write_boxes(self.boxes, count=FRAMES)
        self.scene.write_text(json.dumps(SCENE))
        cssv.encode(self.clip, self.file, boxes=self.boxes, scene=self.scene, lossless=True)
        for number, value in enumerate((12.5, 20.5), 2):
            cssv.commit(self.file, warm_scene(value))
            cssv.tag(self.file, "approved" if number == 2 else "newest", version=number)
        cssv.tag(self.file, "approved", version=3)
        self.temperatures = {number: temperature(self.file, number) for number in (1, 2, 3)}

    def copy(self, name: str = "copy.cssv") -> Path:
        """A new folder that holds a copy of the sound file; returns the copy."""
        folder = self.new_folder()
        return Path(shutil.copy(self.file, folder / name))

    def new_folder(self) -> Path:
        """An empty folder."""
        self._count += 1
        folder = self.folder / f"trial-{self._count}"
        folder.mkdir()
        return folder


def warm_scene(value: float) -> dict[str, object]:
    """A scene in which every object has one temperature, in degrees Celsius."""
    return {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": value}]}


def temperature(file: Path, version: int | str | None = None) -> float:
    """Mean temperature of all objects of a version, by its scene track, in degrees Celsius."""
    with cssv.open(file, version) as clip:
        found = [
            row.temperature_c for moment in clip for row in moment.objects if row.temperature_c is not None
        ]
    return round(sum(found) / len(found), 3)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start Python on a program; its output is piped."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(child: subprocess.Popen[str], seconds: float = HANG_S) -> tuple[str, str | None]:
    """Output of a child, and how it failed: a signal, a hang, or an error that is none of CSSV's."""
    try:
        out, errors = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return "", f"no answer in {seconds} s"
    if child.returncode < 0:
        return out, f"died by signal {-child.returncode}"
    if child.returncode:
        return out, (errors.strip().splitlines() or ["no message"])[-1][:200]
    return out, None
