"""Fixtures: clips with several versions, and decoders that are independent of CSSV."""

from __future__ import annotations

import copy
import os
import random
import shutil
import subprocess
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

import cssv
from cssv.container import Reader
from cssv.pipeline.scene_track import SceneSample, read_sample
from cssv.testing import clips as synthetic
from cssv.testing.clips import Block, Truth
from cssv.video import open_frames

#: One group of pictures.
WIDTH, HEIGHT, COUNT, RATE = 112, 96, 30, 6
BLOCKS = (
    Block(1, "block", (6, 10), (2, 1), (24, 34), (230, 200, 150)),
    Block(2, "person", (76, 50), (-1, 0), (22, 36), (30, 60, 210)),
    Block(3, "car", (40, 6), (0, 2), (26, 20), (200, 40, 60), first=15, last=17),
)
RANGES = {"speed_px_s": [0, 60], "temperature_c": [-20, 60], "density_kg_m3": [0, 2000]}
SCENE = {
    "cssv_scene": 1,
    "environment": {"ambient_temperature_c": 17.5, "weather": "dry"},
    "objects": [
        {"match": {"label": "*"}, "temperature_c": {"value": 36.2, "sigma": 0.5}, "density_kg_m3": 985},
        {"match": {"track": 2}, "temperature_c": 12, "name": "cold one"},
    ],
    "ranges": RANGES,
}
#: Scene of vtest.avi: all people have one temperature; track 9 has a fever.
PEOPLE = {
    "cssv_scene": 1,
    "environment": {"ambient_temperature_c": 17.5, "humidity_pct": 61, "lighting_lux": 450},
    "objects": [
        {"match": {"label": "*"}, "temperature_c": {"value": 36.2, "sigma": 0.5}, "density_kg_m3": 985},
        {"match": {"track": 9}, "temperature_c": {"value": 39.5, "sigma": 3}, "density_kg_m3": 1040},
    ],
    "ranges": {"speed_px_s": [0, 100], "temperature_c": [-20, 60], "density_kg_m3": [0, 2000]},
}


def write_clip(path: Path, **options: Any) -> Path:
    """The three blocks by a bare PyAV loop."""
    pictures = synthetic.pictures(WIDTH, HEIGHT, COUNT, BLOCKS)
    return synthetic.write_clip(path, pictures, rate=RATE, **options)


def scene_with(*entries: dict[str, Any], base: dict[str, Any] = SCENE, **parts: Any) -> dict[str, Any]:
    """A scene with more objects and changed parts."""
    scene = copy.deepcopy(base) | copy.deepcopy(parts)
    scene["objects"] = [*scene["objects"], *copy.deepcopy(entries)]
    return scene


#: Time of the commits; any fixed value.
TEMPLATES = ("auto", "rings", "comet", "edges")


def random_scene(
    random_: random.Random,
    *,
    tracks: Sequence[int],
    labels: Sequence[str],
    seconds: float,
    size: tuple[int, int],
) -> dict[str, Any]:
    """A random scene with attributes of these tracks and labels, and with given objects."""

    def number(low: float, high: float) -> Any:
        value = round(random_.uniform(low, high), 2)
        if random_.random() < 0.5:
            return value
        source = random_.choice(["measured", "estimated", "unknown"])
        return {"value": value, "sigma": round(random_.uniform(0, 12), 2), "source": source}

    def facts() -> dict[str, Any]:
        choices = {
            "temperature_c": lambda: number(-15, 55),
            "density_kg_m3": lambda: number(10, 1900),
            "template": lambda: random_.choice(TEMPLATES),
            "label": lambda: random_.choice(["ghost", "person", "car"]),
            "name": lambda: random_.choice(["Ada", "Grace", "Emmy"]),
        }
        return {key: make() for key, make in choices.items() if random_.random() < 0.5}

    def match() -> dict[str, Any]:
        return random_.choice(
            [
                {"track": random_.choice(tracks)},
                {"label": random_.choice([*labels, "*"])},
                {"track": random_.choice(tracks), "from_s": round(random_.uniform(0, seconds), 2)},
            ]
        )

    def trajectory() -> list[dict[str, Any]]:
        width, height = size
        first = random_.uniform(0, seconds * 0.7)
        last = random_.uniform(first + 0.2, seconds)
        w, h = random_.randint(16, width // 3), random_.randint(16, height // 2)
        return [
            {
                "time_s": round(t, 2),
                "box_px": [random_.randint(-8, width - 8), random_.randint(-8, height - 8), w, h],
            }
            for t in (first, (first + last) / 2, last)
        ]

    entries = [{"match": match(), **facts()} for _ in range(random_.randint(1, 5))]
    entries += [{"trajectory": trajectory(), **facts()} for _ in range(random_.choice([0, 0, 1, 2]))]
    random_.shuffle(entries)
    scene = {"cssv_scene": 1, "objects": entries, "ranges": copy.deepcopy(RANGES)}
    if random_.random() < 0.3:
        scene["ranges"]["temperature_c"] = [-20, random_.choice([60, 90])]
    if random_.random() < 0.5:
        scene["environment"] = {
            "weather": random_.choice(["rain", "fog"]),
            "humidity_pct": random_.randint(0, 100),
        }
    return scene


def environment() -> dict[str, str]:
    """Environment of programs that import the library under test."""
    return os.environ | {"PYTHONPATH": str(Path(cssv.__file__).parent.parent), "OPENBLAS_NUM_THREADS": "1"}


# Readers of a file.


def plain_crcs(path: Path) -> list[int]:
    """CRC-32 of every frame's planes, read by PyAV alone."""
    found = []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            planes = frame.to_ndarray(format="yuv420p" if frame.format.name == "yuv420p" else "rgb24")
            found.append(zlib.crc32(np.ascontiguousarray(planes).data))
    return found


def own_crcs(path: Path, version: int | str | None = None) -> list[int]:
    """CRC-32 of every frame of any version, by CSSV's reader."""
    with Reader(path, version=version) as reader, open_frames(reader.source) as frames:
        return [zlib.crc32(frame.planes.data) for frame in frames]


def own_planes(path: Path, version: int | str | None = None) -> list[np.ndarray]:
    """Planes of every frame of a version."""
    with Reader(path, version=version) as reader, open_frames(reader.source) as frames:
        return [frame.planes.copy() for frame in frames]


def samples_of(path: Path, version: int | str | None = None) -> list[SceneSample]:
    """Samples of the scene track for every frame of a version."""
    with Reader(path, version=version) as reader:
        return [read_sample(reader.scene_sample(number)) for number in range(len(reader))]


def ffmpeg_crcs(ffmpeg: str, path: Path, pix_fmt: str = "yuv420p") -> list[int]:
    """CRC-32 of every frame by the ffmpeg program, which must print no message."""
    command = [ffmpeg, "-v", "error", "-xerror", "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough"]
    command += ["-pix_fmt", pix_fmt, "-f", "framehash", "-hash", "CRC32", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [int(row.rsplit(",", 1)[1], 16) for row in done.stdout.splitlines() if not row.startswith("#")]


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    """The functions of this file, for tests that cannot import it."""
    return SimpleNamespace(
        WIDTH=WIDTH, HEIGHT=HEIGHT, COUNT=COUNT, RATE=RATE, SCENE=SCENE, RANGES=RANGES, PEOPLE=PEOPLE,
        Truth=partial(Truth, BLOCKS), scene_with=scene_with, random_scene=random_scene,
        plain_crcs=plain_crcs, own_crcs=own_crcs, own_planes=own_planes, samples_of=samples_of,
        ffmpeg_crcs=ffmpeg_crcs, environment=environment,
    )  # fmt: skip


# Small files.


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``clip.mkv`` and ``sound.mp4``, read only."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "clip.mkv")
    write_clip(folder / "sound.mp4", codec="mpeg4", audio=True, options={"qscale": "2"})
    return folder


@pytest.fixture(scope="session")
def small(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``small(codec="ffv1")``: the small clip, lossless, in one version, once for each set of options."""
    done: dict[tuple[tuple[str, object], ...], Path] = {}

    def make(name: str = "clip.mkv", **options: Any) -> Path:
        key = (("name", name), *((key, repr(value)) for key, value in sorted(options.items())))
        if key not in done:
            path = tmp_path_factory.mktemp("small") / "clip.cssv"
            given = {"detector": Truth(BLOCKS), "scene": SCENE, "created_s": 1_700_000_000} | options
            cssv.encode(clips / name, path, **{"lossless": True} | given)
            done[key] = path
        return done[key]

    return make


@pytest.fixture(scope="session")
def four(small: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file with audio, four versions, a tag and a checkout; read only."""
    path = tmp_path_factory.mktemp("four") / "clip.cssv"
    shutil.copy(small("sound.mp4"), path)
    ghost = {
        "trajectory": [
            {"time_s": 2.0, "box_px": [60, 8, 30, 40]},
            {"time_s": 3.0, "box_px": [70, 20, 30, 40]},
        ],
        "label": "ghost",
        "temperature_c": 3,
    }
    cssv.commit(path, scene_with({"match": {"track": 3}, "temperature_c": 55}), message="hot", created_s=1)
    cssv.tag(path, "hot", 2)
    cssv.commit(path, scene_with(ghost), parent=1, message="ghost", created_s=2)
    weather = {"ambient_temperature_c": 17.5, "weather": "rain"}
    cssv.commit(path, scene_with(ghost, environment=weather), message="rain", created_s=3)
    cssv.checkout(path, 3)
    return path


# Real files.


@pytest.fixture(scope="session")
def vtest(data: Path) -> SimpleNamespace:
    """``vtest.avi`` and its encoding options."""
    boxes = data / "mot15" / "PETS09-S2L1" / "gt" / "gt.txt"
    return SimpleNamespace(clip=data / "clips" / "vtest.avi", options={"boxes": boxes, "rate": 7})
