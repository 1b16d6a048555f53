"""Outputs are whole or not there, whatever happens; progress is told truly."""

from __future__ import annotations

import itertools
import os
import stat
from dataclasses import replace

import cv2
import numpy as np
import pytest

import cssv
import cssv.api.stream
import cssv.carriers.nibble.planes
import cssv.pipeline.stego_coding
import cssv.video.writer
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.errors import ChecksumError, OptionError, OutputError
from cssv.testing import clips as synthetic


class Stop:
    """A progress callback that interrupts at its n-th call."""

    def __init__(self, at):
        self.left = at

    def __call__(self, _stage, _done, _total):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.fixture
def standing(tmp_path):
    """A folder with a file where every output goes."""
    for name in ("x.cssv", "heat.mkv", "heat.mp4", "o.csv", "s.json", "overlay.mp4", "copy.mkv"):
        (tmp_path / name).write_bytes(b"what was there before " + name.encode())
    return tmp_path


@pytest.mark.parametrize("at", [0, 11, 23, 24, 30, 47])
def test_encode_interrupted(at, standing, clips, listing):
    before = listing(standing)
    with pytest.raises(KeyboardInterrupt):
        cssv.encode(
            clips / "sound.mp4",
            standing / "x.cssv",
            detector="motion",
            overwrite=True,
            progress=Stop(at),
            lossless=True,
        )
    assert listing(standing) == before


@pytest.mark.parametrize("at", [0, 5, 23])
def test_decode_interrupted(at, standing, stego, listing):
    before = listing(standing)
    with pytest.raises(KeyboardInterrupt):
        cssv.decode(
            stego,
            standing / "heat.mkv",
            objects=standing / "o.csv",
            scene=standing / "s.json",
            overlay=standing / "new folder",
            overwrite=True,
            progress=Stop(at),
        )
    assert listing(standing) == before
    assert not (standing / "new folder").exists()


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("copy.mkv", 0),
        ("copy.mkv", 23),
        ("copy.mkv", 30),
        ("copy.mkv", 47),
        ("new folder", 0),
        ("new folder", 23),
    ],
)
def test_export_interrupted(at, name, standing, stego, listing):
    before = listing(standing)
    with pytest.raises(KeyboardInterrupt):
        cssv.export(stego, standing / name, overwrite=True, progress=Stop(at))
    assert listing(standing) == before


OUTPUTS = {"heat": "heat.mkv", "objects": "o.csv", "scene": "s.json", "overlay": "overlay.mp4"}


@pytest.mark.parametrize("bad", OUTPUTS)
def test_one_impossible_output_leaves_none(bad, standing, stego, listing):
    before = listing(standing)
    paths = {key: standing / name for key, name in OUTPUTS.items()}
    paths[bad] = standing / "missing" / OUTPUTS[bad]
    with pytest.raises(OutputError, match="does not exist"):
        cssv.decode(stego, paths.pop("heat"), overwrite=True, **paths)
    assert listing(standing) == before


@pytest.mark.parametrize("bad", ["heat", "objects", "overlay"])
def test_one_unknown_kind_leaves_none(bad, standing, stego, listing):
    before = listing(standing)
    paths = {key: standing / name for key, name in OUTPUTS.items()}
    paths[bad] = standing / "x.gif"
    with pytest.raises(OptionError, match=r"x\.gif"):
        cssv.decode(stego, paths.pop("heat"), overwrite=True, **paths)
    assert listing(standing) == before


def test_a_folder_with_something_in_it_is_left_alone(stego, tmp_path, listing):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine")
    before = listing(tmp_path)
    for call in (cssv.decode, cssv.export):
        with pytest.raises(OutputError, match="not empty"):
            call(stego, tmp_path / "folder")
        with pytest.raises(OutputError, match="holds other things"):
            call(stego, tmp_path / "folder", overwrite=True)
    assert listing(tmp_path) == before


def test_a_write_protected_file_stays(standing, clips, stego, listing):
    if os.geteuid() == 0:
        # root may write anywhere: a folder in the way stands for it
        (standing / "x.cssv").unlink()
        (standing / "x.cssv").mkdir()
    else:
        (standing / "x.cssv").chmod(stat.S_IRUSR)
    before = listing(standing)
    with pytest.raises(OutputError):
        cssv.encode(clips / "clip.mkv", standing / "x.cssv", boxes=clips / "boxes.txt", overwrite=True)
    assert listing(standing) == before


BAD_INPUTS = {
    "scene": {"scene": {"cssv_scene": 1, "objets": []}},
    "scene file": {"scene": "nowhere.json"},
    "boxes": {"boxes": "nowhere.txt"},
    "detector": {"detector": "eyes"},
    "boxes without file": {"detector": "boxes"},
    "codec": {"codec": "h265"},
    "merge": {"merge": "xor"},
    "fidelity": {"fidelity": "half"},
    "planes": {"planes": "yuv444p"},
    "two detectors": {"detector": "lost", "boxes": "boxes.txt"},
}


@pytest.mark.parametrize("what", BAD_INPUTS)
def test_bad_input_leaves_what_was_there(what, standing, clips, listing):
    before = listing(standing)
    with pytest.raises(cssv.CssvError):
        cssv.encode(clips / "clip.mkv", standing / "x.cssv", overwrite=True, **BAD_INPUTS[what])
    assert listing(standing) == before


def test_a_detector_that_fails_leaves_what_was_there(standing, clips, listing):
    class Broken(synthetic.Truth):
        def detect(self, frame):
            if frame.number == 9:
                raise ZeroDivisionError("mine")
            return super().detect(frame)

    before = listing(standing)
    with pytest.raises(ZeroDivisionError, match="mine"):
        cssv.encode(clips / "clip.mkv", standing / "x.cssv", detector=Broken(), overwrite=True, lossless=True)
    assert listing(standing) == before


def test_outputs_have_ordinary_permissions(stego, tmp_path):
    mask = os.umask(0o022)
    try:
        cssv.decode(stego, tmp_path / "h.mkv", objects=tmp_path / "o.csv", scene=tmp_path / "s.json")
        cssv.export(stego, tmp_path / "copy.mp4")
    finally:
        os.umask(mask)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o644, path


class Log:
    def __init__(self):
        self.calls = []

    def __call__(self, stage, done, total):
        self.calls.append((stage, done, total))

    def check(self, stages, count):
        grouped = {s: list(g) for s, g in itertools.groupby(self.calls, key=lambda call: call[0])}
        assert list(grouped) == stages
        for stage, calls in grouped.items():
            assert [done for _, done, _ in calls] == list(range(1, count + 1)), stage
            assert {total for _, _, total in calls} == {count}, stage


@pytest.mark.parametrize("name", ["clip.mkv", "sound.mp4"])
@pytest.mark.parametrize("span", [{}, {"start": "0.2", "stop": "0.6"}])
def test_progress_of_encode(name, span, clips, tmp_path):
    count = 10 if span else synthetic.COUNT
    log = Log()
    cssv.encode(
        clips / name, tmp_path / "x.cssv", detector=synthetic.Truth(), progress=log, lossless=True, **span
    )
    log.check(["perceive", "encode"], count)
    log = Log()
    cssv.encode(
        clips / name, tmp_path / "y.cssv", boxes=clips / "boxes.txt", progress=log, lossless=True, **span
    )
    log.check(["encode"], count)


def test_progress_of_the_others(stego, tmp_path, clips):
    log = Log()
    cssv.decode(stego, tmp_path / "h.mkv", progress=log)
    log.check(["decode"], synthetic.COUNT)
    log = Log()
    cssv.export(stego, tmp_path / "c.mkv", progress=log)
    log.check(["export", "verify"], synthetic.COUNT)
    log = Log()
    cssv.export(stego, tmp_path / "c", progress=log)
    log.check(["export"], synthetic.COUNT)
    log = Log()
    cssv.decode(tmp_path / "c.mkv", objects=tmp_path / "o.csv", progress=log)
    log.check(["decode"], synthetic.COUNT)
    log = Log()
    cssv.verify(stego, progress=log)
    log.check(["verify"], synthetic.COUNT)
    log = Log()
    cssv.track(clips / "clip.mkv", detector=synthetic.Truth(), progress=log)
    log.check(["perceive"], synthetic.COUNT)


NAMES = ["ü ñ 日本", "12:30", "a%03d", "-x", "file:x", "it's [1]", "a|b", "concat:x", "x\ny", "a.b.c", "~"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_programs_stumble_over(name, clips, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = f"{name}.mkv"
    (tmp_path / source).write_bytes((clips / "clip.mkv").read_bytes())
    made = cssv.encode(source, boxes=clips / "boxes.txt", lossless=True).path
    assert str(made) == f"{name}.cssv"
    assert cssv.verify(made).is_sound
    assert cssv.decode(made, f"{name}.heat.mkv", overlay="folder", objects=f"{name}.csv").frames
    copy = cssv.export(made, f"{name}.mp4").path
    assert cssv.info(copy).frames == synthetic.COUNT
    assert {entry.name for entry in tmp_path.iterdir()} == {
        source, f"{name}.cssv", f"{name}.heat.mkv", "folder", f"{name}.csv", f"{name}.mp4"
    }  # fmt: skip


def test_a_codec_that_changes_pixels_is_found_out(standing, clips, listing, monkeypatch):
    """What does not read back does not get its name."""
    before = listing(standing)
    monkeypatch.setattr(cssv.pipeline.stego_coding, "planes_crc", lambda planes: int(planes[0, 0]))
    with pytest.raises(ChecksumError, match="does not read back"):
        cssv.encode(
            clips / "clip.mkv", standing / "x.cssv", boxes=clips / "boxes.txt", overwrite=True, lossless=True
        )
    assert listing(standing) == before


def test_marks_that_say_something_else_are_found_out(standing, clips, listing, monkeypatch):
    before = listing(standing)
    monkeypatch.setattr(
        cssv.carriers.nibble.planes,
        "cell_checks",
        lambda _nibbles, _layout, shape, **_: np.zeros(shape, np.uint32),
    )
    with pytest.raises(ChecksumError, match="damaged marks"):
        cssv.encode(
            clips / "clip.mkv",
            standing / "x.cssv",
            boxes=clips / "boxes.txt",
            stop="0.1",
            overwrite=True,
            carrier=NibbleCarrier(),
        )
    assert listing(standing) == before


def test_a_stream_whose_codec_changes_pixels_is_found_out(standing, listing, monkeypatch):
    before = listing(standing)
    monkeypatch.setattr(cssv.pipeline.stego_coding, "planes_crc", lambda planes: int(planes[0, 0, 0]))
    size = (synthetic.WIDTH, synthetic.HEIGHT)
    encoder = cssv.Encoder(standing / "x.cssv", size=size, rate=25, overwrite=True, lossless=True)
    for picture in synthetic.pictures(count=4):
        encoder.write(picture)
    with pytest.raises(ChecksumError, match="does not read back"):
        encoder.close()
    assert listing(standing) == before


@pytest.fixture
def careless(monkeypatch):
    """Whatever the writers of other people's files get to code, frame 5 has one byte that differs by one."""

    def changed(frame, pix_fmt):
        planes = frame.planes.copy()
        planes.flat[1234] ^= frame.number == 5
        return honest(replace(frame, planes=planes), pix_fmt)

    def imencode(ending, pixels):
        return encode_png(ending, pixels ^ np.uint8(1))

    honest, encode_png = cssv.video.writer.to_picture, cv2.imencode
    monkeypatch.setattr("cssv.video.writer.to_picture", changed)
    monkeypatch.setattr("cv2.imencode", imencode)


@pytest.mark.parametrize("name", ["copy.mkv", "heat.mp4", "new.webm", "new folder"])
def test_an_export_whose_codec_changes_pixels_is_found_out(name, standing, stego, listing, careless):
    before = listing(standing)
    with pytest.raises(ChecksumError, match="does not read back"):
        cssv.export(stego, standing / name, overwrite=True)
    assert listing(standing) == before
    assert not (standing / "new folder").exists()
