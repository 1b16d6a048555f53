"""Other people's programs as judges: the file plays, and frame N is frame N in every one of them."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cssv.container import Reader


def run(*command: str | Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def probe(ffprobe: str, path: Path) -> dict:
    """Streams and packets as ffprobe sees them, by codec type."""
    result = run(ffprobe, "-v", "error", "-of", "json", "-show_streams", "-show_packets", path)
    assert result.returncode == 0
    found = json.loads(result.stdout)
    streams = {}
    for stream in found["streams"]:
        packets = [packet for packet in found["packets"] if packet["stream_index"] == stream["index"]]
        streams[stream["codec_type"]] = {**stream, "packets": packets}
    return streams


def timing(stream: dict) -> list[tuple[int, int]]:
    return [(packet["pts"], packet.get("duration")) for packet in stream["packets"]]


# Timings that other writers get wrong: (time base, pts of the frames).
TIMINGS = {
    "25 fps": (Fraction(1, 25), list(range(12))),
    "film": (Fraction(1001, 24000), list(range(12))),
    "90 kHz, late start": (Fraction(1, 90000), [45000 + 3003 * at for at in range(12)]),
    "odd timescale, late start": (Fraction(1, 7), [3 + at for at in range(12)]),
    "variable": (Fraction(1, 1000), [0, 33, 67, 100, 250, 251, 260, 1000, 1040, 1080, 5000, 5040]),
    "prime timescale": (Fraction(1, 999983), [17 + 40000 * at for at in range(12)]),
}


@dataclass
class Made:
    path: Path
    clip: object
    encoded: object


@pytest.fixture(scope="module", params=TIMINGS, ids=str)
def made(request, tmp_path_factory, encode_planes, squares, playable):
    time_base, times = TIMINGS[request.param]
    encoded = encode_planes(squares(len(times)), times, Fraction(1, time_base.denominator))
    clip = playable(encoded)
    clip.time_base = time_base
    path = tmp_path_factory.mktemp("players") / "clip.cssv"
    clip.write(path)
    return Made(path, clip, encoded)


def test_pyav_sees_the_same_planes_at_the_same_times(made):
    with av.open(str(made.path)) as source:
        stream = source.streams.video[0]
        frames = list(source.decode(stream))
        assert (stream.width, stream.height, stream.frames) == (96, 64, 12)
    assert [frame.pts * Fraction(frame.time_base) for frame in frames] == [
        frame[0] * made.clip.time_base for frame in made.clip.frames
    ]
    for frame, planes in zip(frames, made.encoded.planes, strict=True):
        assert np.array_equal(frame.to_ndarray(), planes)


def test_pyav_delivers_the_scene(made):
    with av.open(str(made.path)) as source:
        stream = next(stream for stream in source.streams if stream.type == "data")
        packets = [packet for packet in source.demux(stream) if packet.size]
        assert [bytes(packet) for packet in packets] == [frame[4] for frame in made.clip.frames]
        assert [packet.pts * Fraction(packet.time_base) for packet in packets] == [
            frame[0] * made.clip.time_base for frame in made.clip.frames
        ]


def test_ffprobe_sees_the_same_times_and_keys(made, tool):
    streams = probe(tool("ffprobe"), made.path)
    scale = made.clip.time_base.numerator
    expected = [(frame[0] * scale, frame[1] * scale) for frame in made.clip.frames]
    video = streams["video"]
    assert video["time_base"] == f"1/{made.clip.time_base.denominator}"
    # After an empty edit FFmpeg cuts the last packet short; its time is right.
    sure = 11 if expected[0][0] > 0 else 12
    for stream in (video, streams["data"]):
        assert timing(stream)[:sure] == expected[:sure]
        assert [packet["pts"] for packet in stream["packets"]] == [pts for pts, _ in expected]
    assert [packet["dts"] for packet in video["packets"]] == [pts for pts, _ in expected]
    assert ["K" in packet["flags"] for packet in video["packets"]] == [frame[2] for frame in made.clip.frames]
    assert int(video["nb_frames"]) == 12
    assert (video["width"], video["height"]) == (96, 64)
    assert streams["data"]["codec_tag_string"] == "mett"


def test_ffprobe_seeks_to_every_frame(made, tool):
    """A seek to a frame's time gives the key frame that the reader names."""
    with Reader(made.path) as reader:
        number = reader.video.number
        for at in (0, 5, 6, 11):
            key = reader.pts(number, reader.key_before(number, at))
            seconds = float(reader.pts(number, at) * reader.video.time_base)
            with av.open(str(made.path)) as source:
                stream = source.streams.video[0]
                source.seek(reader.pts(number, at), stream=stream)
                assert next(source.demux(stream)).pts == key, seconds


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_ffmpeg_copies_without_a_word(made, tool, tmp_path, suffix):
    """Nothing at all on standard error at level "warning"."""
    copy = tmp_path / f"copy{suffix}"
    result = run(tool("ffmpeg"), "-v", "warning", "-y", "-i", made.path, "-c", "copy", "-copyts", copy)
    complaints = [line for line in result.stderr.splitlines() if "not set in a packet" not in line]
    assert (result.returncode, complaints) == (0, [])
    with av.open(str(copy)) as source:
        frames = [frame.to_ndarray() for frame in source.decode(source.streams.video[0])]
    assert all(np.array_equal(a, b) for a, b in zip(frames, made.encoded.planes, strict=True))


def test_ffmpeg_decodes_without_a_word(made, tool):
    result = run(
        tool("ffmpeg"), "-v", "warning", "-i", made.path, "-fps_mode", "passthrough", "-f", "framemd5", "-"
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert sum(not line.startswith("#") for line in result.stdout.splitlines()) == 12


@pytest.mark.parametrize(
    ("codec", "options"), [("ffv1", {}), ("libvpx-vp9", {"lossless": "1", "lag-in-frames": "0"})]
)
def test_other_lossless_codecs_keep_what_their_decoders_need(
    codec, options, tmp_path, encode_planes, squares, playable, tool
):
    encoded = encode_planes(squares(8), list(range(8)), Fraction(1, 25), codec=codec, options=options)
    path = tmp_path / "clip.cssv"
    playable(encoded).write(path)
    with av.open(str(path)) as source:
        frames = [frame.to_ndarray() for frame in source.decode(source.streams.video[0])]
    assert len(frames) == 8
    assert all(np.array_equal(a, b) for a, b in zip(frames, encoded.planes, strict=True))
    assert run(tool("ffmpeg"), "-v", "warning", "-i", path, "-f", "null", "-").stderr == ""


def test_players_show_the_version_that_the_reader_shows(
    tmp_path, tool, encode_planes, squares, playable, append_version
):
    """The second group of pictures becomes the first's; torn appends change nothing."""
    encoded = encode_planes(squares(12), list(range(12)), Fraction(1, 25))
    path = tmp_path / "clip.cssv"
    playable(encoded).write(path)
    before, old = path.read_bytes(), encoded.planes
    frames = {at: encoded.packets[at - 6][3] for at in range(6, 12)}
    more, _ = append_version.bytes_of(path, frames, {})
    for length in (1, 7, 8, 100, len(more) // 2, len(more) - 600, len(more) - 1, len(more)):
        path.write_bytes(before + more[:length])
        assert decoded_twice(path, tool("ffmpeg")) == [old, old], length
    path.write_bytes(before)
    append_version(path, frames, {})
    new = old[:6] + old[:6]
    assert decoded_twice(path, tool("ffmpeg")) == [new, new]


class Planes(list):
    """Frames that are equal when all their bytes are."""

    def __eq__(self, other):
        return len(self) == len(other) and all(map(np.array_equal, self, other))


def decoded_twice(path, ffmpeg):
    """The frames as the command-line tool and as PyAV decode them."""
    command = [ffmpeg, "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
    raw = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout
    with av.open(str(path)) as source:
        frames = [frame.to_ndarray() for frame in source.decode(source.streams.video[0])]
    return [Planes(np.frombuffer(raw, np.uint8).reshape(-1, 96, 96)), Planes(frames)]


# Sound.


@pytest.fixture(scope="module")
def sounding(tmp_path_factory, encode_planes, playable, sounds_of, data):
    """The first seconds of a real clip, its pictures lossless, its 5.1 sound as it came."""
    source = data / "clips" / "bigbuckbunny.mp4"
    times, planes = [], []
    with av.open(str(source)) as video:
        for frame in video.decode(video.streams.video[0]):
            if len(times) == 50:
                break
            times.append(frame.pts)
            planes.append(frame.reformat(320, 180).to_ndarray())
        time_base = Fraction(video.streams.video[0].time_base)
    encoded = encode_planes(planes, times, time_base, gop=12)
    clip = playable(encoded, sounds_of(source, 2.0))
    path = tmp_path_factory.mktemp("sounding") / "clip.cssv"
    clip.write(path)
    return Made(path, clip, encoded)


def test_real_sound_passes_through_packet_for_packet(sounding, tool, data):
    source = probe(tool("ffprobe"), data / "clips" / "bigbuckbunny.mp4")["audio"]
    copy = probe(tool("ffprobe"), sounding.path)["audio"]
    count = len(sounding.clip.sounds[0].packets)
    assert count > 90
    assert timing(copy) == timing(source)[:count]
    for key in (
        "codec_name",
        "profile",
        "sample_rate",
        "channels",
        "channel_layout",
        "time_base",
        "start_pts",
    ):
        assert copy[key] == source[key]
    with av.open(str(sounding.path)) as file:
        packets = [bytes(packet) for packet in file.demux(file.streams.audio[0]) if packet.size]
    assert packets == [packet[2] for packet in sounding.clip.sounds[0].packets]
    assert run(tool("ffmpeg"), "-v", "warning", "-i", sounding.path, "-f", "null", "-").stderr == ""


@pytest.fixture(scope="module", params=["aac.mp4", "aac.mkv", "opus.mkv", "flac.mp4", "mp3.mp4", "late.mp4"])
def primed(request, tmp_path_factory, tool):
    """Sound whose first packets lie before time 0 (encoder delay), in two containers; and late sound."""
    codec, container = request.param.split(".")
    encoder = {"aac": "aac", "opus": "libopus", "flac": "flac", "mp3": "libmp3lame", "late": "aac"}[codec]
    path = tmp_path_factory.mktemp("primed") / f"tone.{container}"
    late = ("-itsoffset", "0.7373") if codec == "late" else ()
    tone = "sine=frequency=440:sample_rate=48000:duration=1.5"
    result = run(
        tool("ffmpeg"),
        "-v",
        "error",
        "-y",
        *late,
        "-f",
        "lavfi",
        "-i",
        tone,
        "-c:a",
        encoder,
        "-strict",
        "-2",
        path,
    )
    assert result.returncode == 0, result.stderr
    return path


def test_encoder_delay_does_not_shift_the_sound(
    primed, tool, tmp_path, sounds_of, encode_planes, squares, playable
):
    """Packet times, start and number of decoded samples are those of the source."""
    (sound,) = sounds_of(primed, 9.0)
    encoded = encode_planes(squares(38), list(range(38)), Fraction(1, 25))
    path = tmp_path / "clip.cssv"
    playable(encoded, [sound]).write(path)
    before, after = probe(tool("ffprobe"), primed)["audio"], probe(tool("ffprobe"), path)["audio"]
    starts = [
        Fraction(stream["packets"][0]["pts"]) * Fraction(stream["time_base"]) for stream in (before, after)
    ]
    assert starts[0] == starts[1] == sound.packets[0][0] * sound.time_base
    assert [packet["pts"] for packet in after["packets"]] == [packet["pts"] for packet in before["packets"]]
    assert after["start_pts"] == (0 if primed.suffix == ".mkv" else before["start_pts"])
    # FFmpeg counts the edit in sound samples, which Matroska's milliseconds are not: there it plays
    # 6 ms more of Opus's silent beginning, at the right time.
    if primed.name != "tone.mkv" or before["codec_name"] != "opus":
        assert decoded_sound(tool("ffmpeg"), path)[:48000] == decoded_sound(tool("ffmpeg"), primed)[:48000]
    assert run(tool("ffmpeg"), "-v", "warning", "-i", path, "-f", "null", "-").stderr == ""


def decoded_sound(ffmpeg: str, path: Path) -> bytes:
    """16-bit samples from the moment players would start at."""
    command = [ffmpeg, "-v", "error", "-i", str(path), "-map", "0:a", "-f", "s16le", "-"]
    return subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout


def test_mpv_plays_it(sounding, tool):
    result = run(tool("mpv"), "--no-config", "--vo=null", "--ao=null", "--untimed", sounding.path)
    assert result.returncode == 0
    assert "VO: [null] 320x180 yuv420p" in result.stdout
    assert "AO: [null] 48000Hz" in result.stdout
    assert "Exiting... (End of file)" in result.stdout
    assert not re.search(r"error|invalid|corrupt|broken", result.stdout + result.stderr, re.IGNORECASE)


def test_chromium_plays_it_to_the_end(sounding, in_chromium):
    report = in_chromium(sounding.path, rate=1)
    assert (report["word"], report["width"], report["height"]) == ("ended", 320, 180)
    assert report["duration"] == pytest.approx(2.0, abs=0.06)
    # How many frames a busy machine really shows differs from run to run; it decodes nearly all.
    assert 40 <= report["frames"] <= 50


def test_firefox_plays_it_to_the_end(sounding, in_firefox):
    report = in_firefox(sounding.path, rate=1)
    assert (report["word"], report["width"], report["height"]) == ("ended", 320, 180)
    assert report["duration"] == pytest.approx(2.0, abs=0.06)
    assert 40 <= report["frames"] <= 50
