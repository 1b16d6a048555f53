"""Small made-up clips, and real ones muxed by PyAV, for the container's tests."""

from __future__ import annotations

import io
import json
import struct
import zlib
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from cssv.container import Appender, IndexMeta, Writer
from cssv.testing import container_reader


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


#: Entries that no decoder will see.
VIDEO_ENTRY = box(b"avc1", bytes(6), b"\0\1", bytes(70), box(b"avcC", b"\1\2\3\4"))
AUDIO_ENTRY = box(b"mp4a", bytes(6), b"\0\1", bytes(20), box(b"esds", bytes(4)))


@dataclass
class Sound:
    """An audio track to be written: (pts, duration, data) of each packet."""

    time_base: Fraction
    packets: list[tuple[int, int, bytes]]
    head: bytes = AUDIO_ENTRY


@dataclass
class Clip:
    """A file to be written: (pts, duration, is_key, data, scene JSON) of each frame."""

    frames: list[tuple[int, int, bool, bytes, bytes]]
    time_base: Fraction = Fraction(1, 25)
    width: int = 64
    height: int = 48
    sounds: list[Sound] = field(default_factory=list)
    head: bytes = VIDEO_ENTRY
    stegos: list[int] | None = None
    about: IndexMeta = field(default_factory=IndexMeta)

    def write(self, target) -> None:
        with Writer(target) as writer:
            video = writer.add_video(width=self.width, height=self.height, time_base=self.time_base)
            scene = writer.add_scene()
            heads = {video: self.head}
            todo = [(pts * self.time_base, video, frame) for frame in self.frames for pts in frame[:1]]
            for sound in self.sounds:
                number = writer.add_audio(time_base=sound.time_base)
                heads[number] = sound.head
                todo += [(packet[0] * sound.time_base, number, packet) for packet in sound.packets]
            for _, number, what in sorted(todo, key=lambda row: row[:2]):
                if number == video:
                    pts, duration, is_key, data, text = what
                    writer.write_sample(video, data, pts=pts, duration=duration, is_key=is_key)
                    writer.write_sample(scene, text, pts=pts, duration=duration)
                else:
                    pts, duration, data = what
                    writer.write_sample(number, data, pts=pts, duration=duration)
            for crc in self.stegos or [zlib.crc32(frame[3]) ^ 1 for frame in self.frames]:
                writer.note_frame(crc)
            writer.finish(heads, self.about)


@pytest.fixture(scope="session")
def clip_class():
    return Clip


@pytest.fixture(scope="session")
def sound_class():
    return Sound


@pytest.fixture(scope="session")
def small_clip() -> Clip:
    """Three frames and two audio packets: every table has something in it, no more."""
    frames = [
        (2, 1, True, b"first frame", b'{"scene":1}'),
        (3, 2, False, b"second", b"{}"),
        (5, 1, True, b"third frame!", b'{"o":[]}'),
    ]
    sound = Sound(Fraction(1, 48000), [(-1024, 1024, b"priming"), (0, 1024, b"sound")])
    about = IndexMeta(1_700_000_000, "Ada", "first", {"layout": "yuv420p"})
    return Clip(frames, sounds=[sound], about=about)


@pytest.fixture(scope="session")
def small_bytes(small_clip) -> bytes:
    file = io.BytesIO()
    small_clip.write(file)
    return file.getvalue()


@pytest.fixture
def path(small_bytes, tmp_path) -> Path:
    """The small clip as a file."""
    place = tmp_path / "clip.cssv"
    place.write_bytes(small_bytes)
    return place


@pytest.fixture(scope="session")
def second_reader():
    return container_reader


@dataclass
class Encoded:
    """What PyAV's encoder gave: a muxed MP4, its packets and the planes that went in."""

    head: bytes
    time_base: Fraction
    width: int
    height: int
    packets: list[tuple[int, int, bool, bytes]]
    planes: list[np.ndarray]


X264 = {"qp": "0", "preset": "ultrafast", "bf": "0", "x264-params": "open-gop=0:threads=1"}


def encode(frames, times, time_base: Fraction, gop: int = 6, codec="libx264", options=None) -> Encoded:
    """Lossless H.264, or another codec, of I420 planes at exactly these times."""
    buffer = io.BytesIO()
    height, width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
    options = {"g": str(gop), **(X264 if options is None else options)}
    # A movie timescale keeps MP4's muxer from choosing another time base.
    with av.open(buffer, "w", "mp4", options={"video_track_timescale": str(time_base.denominator)}) as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = stream.time_base = time_base
        for planes, pts in zip(frames, times, strict=True):
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts, picture.time_base = pts, time_base
            output.mux(stream.encode(picture))
        output.mux(stream.encode())
    durations = [b - a for a, b in pairwise(times)]
    durations.append(durations[-1] if durations else 1)
    with av.open(io.BytesIO(buffer.getvalue())) as source:
        stream = source.streams.video[0]
        packets = [
            (times[at], durations[at], packet.is_keyframe, bytes(packet))
            for at, packet in enumerate(p for p in source.demux(stream) if p.size)
        ]
    assert len(packets) == len(frames)
    return Encoded(buffer.getvalue(), time_base, width, height, packets, frames)


def audio_of(path: Path, stop_s: float) -> list[Sound]:
    """Audio tracks of a file, packet for packet, with a head each."""
    sounds = []
    with av.open(str(path)) as source:
        for stream in source.streams.audio:
            buffer = io.BytesIO()
            packets = [
                (packet.pts, packet.duration, bytes(packet))
                for packet in source.demux(stream)
                if packet.size and float(packet.pts * packet.time_base) < stop_s
            ]
            source.seek(0)
            with av.open(buffer, "w", "mp4") as output:
                copy = output.add_stream_from_template(stream)
                packet = next(source.demux(stream))
                packet.stream = copy
                output.mux(packet)
            source.seek(0)
            sounds.append(Sound(Fraction(stream.time_base), packets, buffer.getvalue()))
    return sounds


def moving_squares(count: int, width: int = 96, height: int = 64) -> list[np.ndarray]:
    """I420 planes: a bright square walking over noise that no lossy codec keeps."""
    random = np.random.default_rng(7)
    frames = []
    for at in range(count):
        planes = random.integers(0, 16, (height * 3 // 2, width), dtype=np.uint8)
        planes[8:24, 3 * at % (width - 16) : 3 * at % (width - 16) + 16] |= 0xD0
        frames.append(planes)
    return frames


@pytest.fixture(scope="session")
def encode_planes():
    return encode


@pytest.fixture(scope="session")
def squares():
    return moving_squares


@pytest.fixture(scope="session")
def sounds_of():
    return audio_of


@pytest.fixture(scope="session")
def playable():
    """``playable(encoded, sounds=[])`` is the Clip of something encoded."""

    def make(encoded: Encoded, sounds: list[Sound] | None = None) -> Clip:
        frames = [
            (pts, duration, is_key, data, json.dumps({"frame": at}).encode())
            for at, (pts, duration, is_key, data) in enumerate(encoded.packets)
        ]
        stegos = [zlib.crc32(planes.tobytes()) for planes in encoded.planes]
        return Clip(
            frames, encoded.time_base, encoded.width, encoded.height, sounds or [], encoded.head, stegos
        )

    return make


# Appending.

SECOND = IndexMeta(1_700_000_100, "Grace", "second", {"layout": "yuv420p"})


def fill(appender, frames: dict[int, bytes], scenes: dict[int, bytes]) -> None:
    """Give an appender other samples; keys stay where they were."""
    reader = appender.reader
    for frame in sorted({*frames, *scenes}):
        if frame in frames:
            data, is_key = frames[frame], reader.is_key(reader.video.number, frame)
            appender.write_video(frame, data, is_key=is_key, stego_crc=zlib.crc32(data) ^ 1)
        if frame in scenes:
            appender.write_scene(frame, scenes[frame])


def append(path, frames, scenes, *, message="second", parent=None, root=None):
    """Append a version and let it play; returns its row."""
    with Appender(path, parent=parent) as appender:
        fill(appender, frames, scenes)
        appender.stage(replace(SECOND, message=message), root=root, frames_changed=len(frames))
        return appender.publish()


def bytes_of(path, frames, scenes):
    """(bytes that append a version, offset of the moov to rename after them); the file stays as it was."""
    start = path.stat().st_size
    with Appender(path) as appender:
        fill(appender, frames, scenes)
        appender.stage(SECOND, frames_changed=len(frames))
        return path.read_bytes()[start:], appender.reader.archive.live.offset


append.bytes_of = bytes_of
append.fill = fill


@pytest.fixture(scope="session")
def append_version():
    return append


@pytest.fixture
def branched(small_bytes, tmp_path):
    """Versions 1, 2 of 1, 3 of 2 and 4 of 1; tags; 2 plays, by a copy of its moov."""
    path = tmp_path / "clip.cssv"
    path.write_bytes(small_bytes)
    append(path, {1: b"two"}, {0: b"2"})
    append(path, {0: b"three"}, {})
    append(path, {2: b"four"}, {1: b"4"}, parent=1)
    with Appender(path) as appender:
        appender.tag("good", 1)
        appender.tag("best", 4)
        appender.checkout(2)
    return path
