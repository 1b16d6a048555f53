"""Small clips made on the spot, whose objects are known, in every form that a clip may come in."""

from __future__ import annotations

import importlib.util
import struct
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

import cssv
from cssv.perception import detections

# The tests' own module of thermal clips can be imported by its name.
_NAME = "thermal_clips"
if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name(f"{_NAME}.py"))
    sys.modules[_NAME] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_NAME])
thermal_clips = sys.modules[_NAME]

WIDTH, HEIGHT, COUNT, RATE = 192, 160, 24, 25
#: Top left corner at frame 0, step per frame, size and colour of what moves.
BLOCKS = (
    ((20, 30), (2, 1), (36, 48), (230, 200, 150)),
    ((150, 90), (-1, 0), (30, 40), (30, 60, 210)),
)
SCENE = {
    "cssv_scene": 1,
    "environment": {"ambient_temperature_c": 17.5, "humidity_pct": 61},
    "objects": [
        {"match": {"label": "*"}, "temperature_c": {"value": 36.2, "sigma": 0.5}, "density_kg_m3": 985},
        {"match": {"track": 2}, "temperature_c": 12, "name": "cold one"},
    ],
    "ranges": {"speed_px_s": [0, 100], "temperature_c": [-20, 60], "density_kg_m3": [0, 2000]},
}


def boxes_at(number: int) -> list[tuple[int, int, int, int]]:
    """x, y, w, h of each block in frame ``number``."""
    return [(x + dx * number, y + dy * number, w, h) for (x, y), (dx, dy), (w, h), _ in BLOCKS]


def pictures(width: int = WIDTH, height: int = HEIGHT, count: int = COUNT) -> list[np.ndarray]:
    """(H, W, 3) uint8 RGB: the blocks over smooth texture."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(60, 130, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    ground = np.repeat(np.repeat(coarse, 8, axis=0), 8, axis=1)[:height, :width]
    made = []
    for number in range(count):
        picture = ground.copy()
        for (x, y, w, h), (_, _, _, colour) in zip(boxes_at(number), BLOCKS, strict=True):
            picture[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = colour
        made.append(picture)
    return made


def write_clip(
    path: Path,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    count: int = COUNT,
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p",
    time_base: Fraction = Fraction(1, RATE),
    pts: Sequence[int] | None = None,
    rate: Fraction | int = RATE,
    options: dict[str, str] | None = None,
    audio: bool = False,
) -> Path:
    """A clip by a bare PyAV loop."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = stream.time_base = time_base
        sound = container.add_stream("aac", rate=48000, layout="mono") if audio else None
        for number, array in enumerate(pictures(width, height, count)):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = number if pts is None else pts[number], time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            write_sound(container, sound, count / float(rate))
    return path


def write_sound(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    for block in range(int(seconds * 48000) // 1024):
        wave = np.sin(np.arange(block * 1024, block * 1024 + 1024) * 0.05).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, block * 1024, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write_boxes(path: Path, count: int = COUNT, *, with_ids: bool = True) -> Path:
    lines = [
        f"{number + 1},{k + 1 if with_ids else -1},{x},{y},{w},{h},0.9\n"
        for number in range(count)
        for k, (x, y, w, h) in enumerate(boxes_at(number))
    ]
    path.write_text("".join(lines))
    return path


class Truth:
    """A detector of one's own: it knows where the blocks are."""

    name = "truth"

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def detect(self, frame: cssv.Frame) -> cssv.Detections:
        self.numbers.append(frame.number)
        return detections(boxes_at(frame.number), labels="block", ids=[1, 2])


def source_planes(path: Path) -> list[np.ndarray]:
    """The frames as PyAV alone shows them."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def top_boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """(kind, offset, size) of the top-level boxes, by a reader of this file's own."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            size = struct.unpack_from(">Q", data, at + 8)[0]
        found.append((kind, at, size))
        at += size
    return found


@pytest.fixture(scope="session")
def api() -> SimpleNamespace:
    """The makers of this file, for tests that cannot import it."""
    return SimpleNamespace(
        WIDTH=WIDTH, HEIGHT=HEIGHT, COUNT=COUNT, RATE=RATE, SCENE=SCENE,
        boxes_at=boxes_at, pictures=pictures, write_clip=write_clip, write_boxes=write_boxes,
        Truth=Truth, source_planes=source_planes, top_boxes=top_boxes,
    )  # fmt: skip


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``clip.mkv``, ``sound.mp4`` and ``boxes.txt``, read only."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "clip.mkv")
    write_clip(folder / "sound.mp4", codec="mpeg4", audio=True, options={"qscale": "2"})
    write_boxes(folder / "boxes.txt")
    return folder


@pytest.fixture(scope="session")
def encode(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``encode(codec="vp9")``: the clip encoded with its boxes, once a session for each set of options."""
    done: dict[tuple[tuple[str, object], ...], Path] = {}

    def make(name: str = "clip.mkv", **options: object) -> Path:
        key = (("name", name), *sorted(options.items()))
        if key not in done:
            path = tmp_path_factory.mktemp("encoded") / "clip.cssv"
            cssv.encode(
                clips / name, path, boxes=clips / "boxes.txt", scene=SCENE, created_s=1_700_000_000, **options
            )
            done[key] = path
        return done[key]

    return make


@pytest.fixture(scope="session")
def stego(encode: Callable[..., Path]) -> Path:
    """A ``.cssv``, read only."""
    return encode()


@pytest.fixture
def listing() -> Callable[[Path], dict[str, bytes]]:
    """``listing(folder)`` is every file in it, hidden ones too: name -> bytes."""

    def look(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    return look


@pytest.fixture(scope="session")
def heat(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """``pictures`` beside each frame of the clip; as ``video`` and ``folder``; in ``file``, a .cssv."""
    seen = [
        thermal_clips.seen(boxes_at(number), (thermal_clips.WARM, thermal_clips.COLD))
        for number in range(COUNT)
    ]
    folder = tmp_path_factory.mktemp("heat")
    video = thermal_clips.write_video(folder / "thermal.mkv", seen)
    stills = thermal_clips.write_folder(folder / "stills", seen)
    done = thermal_clips.encode(clips, folder / "clip.cssv", thermal_clips.PLACED, video)
    return SimpleNamespace(pictures=seen, video=video, folder=stills, file=done.path, done=done)
