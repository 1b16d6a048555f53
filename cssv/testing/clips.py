"""Synthetic clips: coloured blocks that move over a texture, written by PyAV alone.

The writer and the reader below use PyAV without :mod:`cssv.video`, so that tests compare the library with
something other than itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from cssv.frames import Frame
from cssv.perception import Detections, detections

U8 = NDArray[np.uint8]
Box = tuple[int, int, int, int]

WIDTH, HEIGHT, COUNT, RATE = 192, 160, 24, 25
AUDIO_RATE, AUDIO_BLOCK = 48_000, 1024


@dataclass(frozen=True)
class Block:
    """A coloured rectangle that moves by the same step in every frame.

    Attributes:
        track: its identity, from 1.
        label: its class.
        corner: x, y of its top left corner in frame ``first``, in pixels.
        step: pixels per frame in x and y.
        size: width and height in pixels.
        colour: red, green, blue.
        first: the first frame that shows it.
        last: the last frame that shows it; None is the clip's last.
    """

    track: int
    label: str
    corner: tuple[int, int]
    step: tuple[int, int]
    size: tuple[int, int]
    colour: tuple[int, int, int]
    first: int = 0
    last: int | None = None

    def is_shown(self, number: int) -> bool:
        """True if frame ``number`` shows the block."""
        return self.first <= number and (self.last is None or number <= self.last)

    def box(self, number: int) -> Box:
        """X, y, w, h in frame ``number``."""
        moved = number - self.first
        return (self.corner[0] + self.step[0] * moved, self.corner[1] + self.step[1] * moved, *self.size)


BLOCKS = (
    Block(1, "block", (20, 30), (2, 1), (36, 48), (230, 200, 150)),
    Block(2, "block", (150, 90), (-1, 0), (30, 40), (30, 60, 210)),
)
#: A scene file for the two blocks.
SCENE: dict[str, Any] = {
    "cssv_scene": 1,
    "environment": {"ambient_temperature_c": 17.5, "humidity_pct": 61},
    "objects": [
        {"match": {"label": "*"}, "temperature_c": {"value": 36.2, "sigma": 0.5}, "density_kg_m3": 985},
        {"match": {"track": 2}, "temperature_c": 12, "name": "cold one"},
    ],
    "ranges": {"speed_px_s": [0, 100], "temperature_c": [-20, 60], "density_kg_m3": [0, 2000]},
}


def boxes_at(number: int, blocks: Sequence[Block] = BLOCKS) -> list[Box]:
    """X, y, w, h of each block that frame ``number`` shows."""
    return [block.box(number) for block in blocks if block.is_shown(number)]


def texture(width: int, height: int) -> U8:
    """(H, W, 3) uint8 RGB: squares of 8 pixels in random dark colours, always the same."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(60, 130, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, 8, axis=0), 8, axis=1)[:height, :width]


def pictures(
    width: int = WIDTH, height: int = HEIGHT, count: int = COUNT, blocks: Sequence[Block] = BLOCKS
) -> list[U8]:
    """(H, W, 3) uint8 RGB pictures of the blocks over the texture."""
    ground = texture(width, height)
    made = []
    for number in range(count):
        picture = ground.copy()
        for block in blocks:
            if block.is_shown(number):
                x, y, w, h = block.box(number)
                # A block may leave the picture; a negative index would count from the other side.
                picture[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = block.colour
        made.append(picture)
    return made


class Truth:
    """A detector that returns the blocks' true boxes, labels and identities.

    Attributes:
        numbers: the frames that it was asked for, in that order.
    """

    name = "truth"

    def __init__(self, blocks: Sequence[Block] = BLOCKS) -> None:
        self.blocks = blocks
        self.numbers: list[int] = []

    def detect(self, frame: Frame) -> Detections:
        """The blocks that the frame shows."""
        self.numbers.append(frame.number)
        shown = [block for block in self.blocks if block.is_shown(frame.number)]
        return detections(
            [block.box(frame.number) for block in shown],
            labels=[block.label for block in shown],
            ids=[block.track for block in shown],
        )


def write_boxes(
    path: Path, count: int = COUNT, *, with_ids: bool = True, blocks: Sequence[Block] = BLOCKS
) -> Path:
    """Write the blocks' boxes in MOT format; without ids every row has identity -1."""
    lines = [
        f"{number + 1},{k + 1 if with_ids else -1},{x},{y},{w},{h},0.9\n"
        for number in range(count)
        for k, (x, y, w, h) in enumerate(boxes_at(number, blocks))
    ]
    path.write_text("".join(lines))
    return path


def write_clip(
    path: Path,
    frames: Iterable[U8 | av.VideoFrame] | None = None,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    count: int = COUNT,
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p",
    rate: Fraction | int = RATE,
    time_base: Fraction | None = None,
    pts: Iterable[int] | None = None,
    options: dict[str, str] | None = None,
    tags: dict[str, int] | None = None,
    rotation: int | None = None,
    matrix: Sequence[int] | None = None,
    audio: bool = False,
) -> Path:
    """Write a clip by a bare PyAV loop and return its path.

    Args:
        path: the file to write; its name decides the format.
        frames: (H, W, 3) uint8 RGB arrays, or PyAV frames that already are in ``pix_fmt``;
            by default ``pictures(width, height, count)``.
        width: pixels of each picture; read from the frames where these are given.
        height: likewise.
        count: how many of :func:`pictures` are written where no frames are given.
        codec: FFmpeg's name of the encoder.
        pix_fmt: FFmpeg's name of the pixel format.
        rate: frames per second.
        time_base: seconds per unit of ``pts``; by default one frame.
        pts: the time of each frame in units of ``time_base``; by default frames of equal length.
        options: options of the encoder.
        tags: attributes to set on the encoder, such as ``colorspace``.
        rotation: degrees for the display matrix.
        matrix: nine numbers of a display matrix.
        audio: also write a tone of the clip's length, in AAC.
    """
    todo = iter(pictures(width, height, count) if frames is None else frames)
    first = next(todo, None)
    if isinstance(first, av.VideoFrame):
        width, height = first.width, first.height
    elif first is not None:
        height, width = first.shape[:2]
    time_base = 1 / Fraction(rate) if time_base is None else time_base
    stamps = None if pts is None else list(pts)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = stream.time_base = time_base
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        sound = container.add_stream("aac", rate=AUDIO_RATE, layout="mono") if audio else None
        number = 0
        while first is not None:
            picture = first if isinstance(first, av.VideoFrame) else _as_frame(first, pix_fmt)
            picture.pts = stamps[number] if stamps else number * int(1 / (rate * time_base))
            picture.time_base = time_base
            container.mux(stream.encode(picture))
            number, first = number + 1, next(todo, None)
        container.mux(stream.encode(None))
        assert stamps is None or len(stamps) == number, f"{len(stamps)} times for {number} frames"
        if sound is not None:
            write_tone(container, sound, number / float(rate))
    return path


def _as_frame(picture: U8, pix_fmt: str) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)


def write_tone(container: av.container.OutputContainer, stream: Any, seconds: float) -> None:
    """Encode a sine tone of this length into an audio stream."""
    for block in range(int(seconds * AUDIO_RATE) // AUDIO_BLOCK):
        start = block * AUDIO_BLOCK
        wave = np.sin(np.arange(start, start + AUDIO_BLOCK) * 0.05).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def source_planes(path: Path) -> list[NDArray[Any]]:
    """The planes of every frame, decoded by PyAV alone, in the file's own pixel format."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def top_boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """(kind, offset, size) of the top-level boxes of an MP4 file."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            size = struct.unpack_from(">Q", data, at + 8)[0]
        found.append((kind, at, size))
        at += size
    return found
