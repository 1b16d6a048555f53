"""The language of an audio track is kept through encode, commit, gc and export."""

from __future__ import annotations

import pytest

import cssv
from cssv.container import Reader

SCENE = {"cssv_scene": 1, "environment": {"ambient_temperature_c": 20}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory, ffmpeg):
    """Six frames with three audio tracks: German by its other code, French, and one without a language."""
    path = tmp_path_factory.mktemp("language") / "clip.mkv"
    sources = ["-f", "lavfi", "-i", "testsrc=size=96x64:rate=10:duration=0.6"]
    sources += ["-f", "lavfi", "-i", "sine=duration=0.6"]
    maps = ["-map", 0, "-map", 1, "-map", 1, "-map", 1, "-pix_fmt", "yuv420p", "-c:v", "ffv1", "-c:a", "aac"]
    tags = ["-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=fra"]
    ffmpeg(*sources, *maps, *tags, path)
    return path


@pytest.fixture
def encoded(clip, tmp_path):
    path = tmp_path / "clip.cssv"
    cssv.encode(clip, path, lossless=True)
    return path


@pytest.fixture
def languages(ffprobe):
    def read(path):
        demuxer = ("-f", "mov") if path.suffix == ".cssv" else ()
        found = ffprobe(path, *demuxer, "-select_streams", "a", "-show_entries", "stream_tags=language")
        return [stream.get("tags", {}).get("language", "und") for stream in found["streams"]]

    return read


def in_file(path, version=None):
    with Reader(path, version=version) as reader:
        return [track.language for track in reader.tracks if track.kind == "audio"]


def test_encode_keeps_it(encoded, languages):
    assert languages(encoded) == ["deu", "fra", "und"]
    assert in_file(encoded) == ["deu", "fra", "und"]


def test_commit_and_gc_keep_it(encoded, languages, tmp_path):
    cssv.commit(encoded, SCENE, message="warmer")
    assert languages(encoded) == ["deu", "fra", "und"]
    assert in_file(encoded, 1) == in_file(encoded, 2) == ["deu", "fra", "und"]
    for version in (1, 2):
        cssv.gc(encoded, tmp_path / f"{version}.cssv", (version,))
        assert languages(tmp_path / f"{version}.cssv") == ["deu", "fra", "und"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".cssv"])
def test_export_keeps_it(encoded, languages, tmp_path, suffix):
    path = tmp_path / f"copy{suffix}"
    cssv.export(encoded, path)
    assert languages(path) == ["deu", "fra", "und"]
