"""The file plays in mpv and ffprobe, and its times are those of the source."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

import cssv


@pytest.fixture(scope="module")
def probe(tool):
    ffprobe = tool("ffprobe")

    def ask(path: Path) -> tuple[dict, list[str]]:
        command = [ffprobe, "-v", "error", "-of", "json", "-select_streams", "v:0", "-show_streams"]
        command += ["-show_entries", "packet=pts_time:stream", str(path)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return found["streams"][0], sorted(p["pts_time"] for p in found["packets"])

    return ask


#: Clip -> the second where the encoding stops; None is the whole clip.
SOURCES = {"bigbuckbunny.mp4": None, "carphone_pristine.mp4": None, "bikes.mp4": None, "vtest.avi": 10}


@pytest.mark.parametrize(("name", "is_lossless"), [*((name, True) for name in SOURCES), ("vtest.avi", False)])
def test_size_rate_count_and_every_pts_equal_the_source(name, is_lossless, data, encoded, probe, tmp_path):
    source, stop = data / "clips" / name, SOURCES[name]
    if name == "bigbuckbunny.mp4":
        stego = encoded("bunny")
    else:
        stego = cssv.encode(source, tmp_path / "x.cssv", lossless=is_lossless, stop=stop).path
    before, pts_before = probe(source)
    after, pts_after = probe(stego)
    if stop is not None:
        pts_before = [pts for pts in pts_before if float(pts) < stop]
        assert len(pts_before) == 100
    for key in ("width", "height", "avg_frame_rate", "r_frame_rate"):
        assert before[key] == after[key], key
    assert pts_before == pts_after
    assert int(after["nb_frames"]) == len(pts_after)
    assert not cssv.verify(stego).faults


def test_rate_corrects_a_wrong_header(encoded, probe):
    stream, stamps = probe(encoded("vtest"))
    assert Fraction(stream["avg_frame_rate"]) == 7
    assert len(stamps) == 795


@pytest.mark.parametrize("codec", ["h264", "ffv1", "vp9"])
@pytest.mark.parametrize("planes", ["native", "rgb"])
def test_every_codec_plays_in_mpv_and_ffmpeg(codec, planes, bunny_frames, tool):
    stego = bunny_frames(planes, codec)
    ffmpeg = [tool("ffmpeg"), "-v", "error", "-xerror", "-i", str(stego), "-f", "null", "-"]
    done = subprocess.run(ffmpeg, capture_output=True, check=True)
    assert done.stderr == b""
    mpv = [tool("mpv"), "--no-config", "--vo=null", "--ao=null", "--ao-null-untimed", "--untimed", str(stego)]
    assert subprocess.run(mpv, capture_output=True, check=False).returncode == 0
