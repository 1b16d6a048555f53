"""Clips with the robust carrier: encoded, re-encoded, scaled, cropped, cut, committed, and read again."""

from __future__ import annotations

import random
import subprocess
from fractions import Fraction

import numpy as np
import pytest

import cssv
from cssv.errors import NibblesLostError, PasswordError
from cssv.testing import clips as synthetic

#: Three windows. Few frames a second keep the tests short; the marks of a slot are the same in all of them.
RATE, COUNT = 12, 72
SIZE = WIDTH, HEIGHT = 640, 480
STRENGTH = 46
PASSWORD = "six random words"
BLOCKS = (
    synthetic.Block(1, "block", (64, 60), (3, 1), (90, 120), (230, 200, 150)),
    synthetic.Block(2, "block", (480, 240), (-2, 0), (80, 100), (30, 60, 210)),
)
WARMER = {**synthetic.SCENE, "objects": [{"match": {"label": "*"}, "temperature_c": 50}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A clip of 6 s, its boxes, and its file."""
    folder = tmp_path_factory.mktemp("robust")
    pictures = synthetic.pictures(*SIZE, COUNT, BLOCKS)
    options = {"codec": "libx264", "options": {"crf": "5"}}
    synthetic.write_clip(folder / "clip.mp4", pictures, rate=RATE, audio=True, **options)
    synthetic.write_boxes(folder / "boxes.txt", COUNT, blocks=BLOCKS)
    encode(folder, folder / "clip.cssv")
    return folder


def encode(folder, path, **options):
    return cssv.encode(
        folder / "clip.mp4",
        path,
        boxes=folder / "boxes.txt",
        carrier="robust",
        strength=STRENGTH,
        created_s=1,
        **({"scene": synthetic.SCENE} | options),
    )


@pytest.fixture
def file(folder, tmp_path):
    copy = tmp_path / "clip.cssv"
    copy.write_bytes((folder / "clip.cssv").read_bytes())
    return copy


def reencode(path, copy, *options, crf=23):
    """A copy of the pictures alone, as FFmpeg makes it."""
    command = ["ffmpeg", "-v", "error", "-y", "-i", path, "-an", *options, "-c:v", "libx264", "-crf", crf]
    subprocess.run([*map(str, command), str(copy)], check=True)
    return copy


def check_objects(moments, temperature_c=36.2):
    """Both blocks in each frame, where the frame of that number has them."""
    for moment in moments:
        assert [row.track for row in moment.objects] == [1, 2]
        for row, box in zip(moment.objects, synthetic.boxes_at(moment.number, BLOCKS), strict=True):
            # A payload tells places to 1 px where there is room.
            assert np.abs(np.subtract((row.x_px, row.y_px, row.w_px, row.h_px), box)).max() <= 2
        # 1/32 of the range.
        assert moment.objects[0].temperature_c == pytest.approx(temperature_c, abs=2.5)
        assert moment.heat.any()


def read(path, **options):
    with cssv.Decoder(path, **options) as decoder:
        return list(decoder)


def test_the_intact_file_is_exact(folder, tmp_path):
    done = cssv.decode(folder / "clip.cssv", tmp_path / "heat", objects=tmp_path / "objects.csv")
    assert (done.source, done.frames, done.rows) == ("metadata", COUNT, 2 * COUNT)
    moments = read(folder / "clip.cssv")
    assert [moment.time for moment in moments] == [Fraction(n, RATE) for n in range(COUNT)]
    assert moments[9].objects[0].temperature_c == 36.2
    assert [row.source for row in moments[9].objects_in_pixels] == ["robust", "robust"]


def test_the_file_is_ordinary_and_sound(folder):
    found = cssv.info(folder / "clip.cssv")
    assert found.facts["carrier"] == "robust"
    assert (found.facts["codec"], found.facts["crf"]) == ("h264", 20)
    assert float(found.facts["strength"]) == STRENGTH
    assert found.video.has_audio
    assert cssv.verify(folder / "clip.cssv").is_sound


def test_a_reencoded_copy_tells_all(folder, tmp_path):
    copy = reencode(folder / "clip.cssv", tmp_path / "copy.mp4", crf=28)
    done = cssv.decode(copy, tmp_path / "heat", objects=tmp_path / "objects.csv", scene=tmp_path / "s.json")
    assert (done.source, done.frames, done.rows, done.missing_frames) == ("robust", COUNT, 2 * COUNT, 0)
    assert done.view == cssv.PictureView(SIZE, (0, 0), (1.0, 1.0))
    moments = read(copy)
    assert [moment.number for moment in moments] == list(range(COUNT))
    check_objects(moments)
    environment = cssv.Scene.read(tmp_path / "s.json").environment
    assert environment.ambient_temperature_c.value == pytest.approx(17.5, abs=0.5)


def test_a_scaled_copy(folder, tmp_path):
    copy = reencode(folder / "clip.cssv", tmp_path / "copy.mp4", "-vf", "scale=480:360")
    moments = read(copy)
    assert [moment.number for moment in moments] == list(range(COUNT))
    for moment in moments:
        assert moment.view.size_px == (480, 360)
        assert moment.view.scale == pytest.approx((0.75, 0.75), abs=0.002)
        assert np.abs(moment.view.origin_px).max() <= 1
    check_objects(moments)


def test_a_cropped_copy(folder, tmp_path):
    copy = reencode(folder / "clip.cssv", tmp_path / "copy.mp4", "-vf", "crop=426:320:128:96")
    moments = read(copy)
    for moment in moments:
        assert moment.view.size_px == (426, 320)
        assert moment.view.scale == pytest.approx((1, 1), abs=0.002)
        assert np.abs(np.subtract(moment.view.origin_px, (128, 96))).max() <= 1
    # Places are those of the encoded clip, also of the parts that were cut away.
    check_objects(moments)
    done = cssv.decode(copy, overlay=tmp_path / "overlay")
    assert done.view.size_px == (426, 320)


@pytest.mark.parametrize("start", ["1.5", "2.25"])
def test_a_copy_cut_in_the_middle(start, folder, tmp_path):
    copy = reencode(folder / "clip.cssv", tmp_path / "copy.mp4", "-ss", start)
    moments = [moment for moment in read(copy) if not moment.is_missing]
    first = int(float(start) * RATE)
    assert [moment.number for moment in moments] == list(range(COUNT - len(moments), COUNT))
    # At most the rest of the window in which it was cut is missing.
    assert first <= moments[0].number <= -(-first // (2 * RATE)) * 2 * RATE
    assert [moment.time for moment in moments] == [Fraction(moment.number, RATE) for moment in moments]
    check_objects(moments)


def test_other_codecs(folder, tmp_path):
    copy = tmp_path / "copy.webm"
    command = ["ffmpeg", "-v", "error", "-i", folder / "clip.cssv", "-an", "-c:v", "libvpx-vp9", "-crf", "36"]
    command += ["-b:v", "0", "-cpu-used", "6", copy]
    subprocess.run([*map(str, command)], check=True)
    # WebM counts in milliseconds, which are not the times of the frames.
    moments = read(copy)
    assert [moment.number for moment in moments] == list(range(COUNT))
    check_objects(moments)


def test_an_unmarked_clip_holds_nothing(folder, tmp_path):
    with pytest.raises(NibblesLostError):
        cssv.decode(folder / "clip.mp4", tmp_path / "heat")
    assert not (tmp_path / "heat").exists()


def test_a_password(folder, tmp_path):
    pytest.importorskip("cryptography")
    path = tmp_path / "secret.cssv"
    encode(folder, path, password=PASSWORD)
    copy = reencode(path, tmp_path / "copy.mp4", crf=28)
    moments = read(copy, password=PASSWORD)
    assert [moment.source for moment in moments] == ["robust"] * COUNT
    check_objects(moments)
    for options in ({}, {"password": "another one"}):
        with pytest.raises(NibblesLostError):
            read(copy, **options)
    with pytest.raises(PasswordError):
        read(path)


def test_arrays_of_a_stream_are_converted_once(folder, tmp_path):
    pictures = synthetic.pictures(*SIZE, COUNT, BLOCKS)
    with cssv.Encoder(
        tmp_path / "x.cssv", size=SIZE, rate=RATE, carrier="robust", strength=STRENGTH, scene=synthetic.SCENE
    ) as encoder:
        for number, picture in enumerate(pictures):
            encoder.write(picture, cssv.detections(synthetic.boxes_at(number, BLOCKS), ids=[1, 2]))
    assert cssv.info(tmp_path / "x.cssv").facts["layout"] == "yuv420p"
    assert cssv.verify(tmp_path / "x.cssv").is_sound
    moments = read(reencode(tmp_path / "x.cssv", tmp_path / "copy.mp4", crf=28))
    assert [moment.number for moment in moments] == list(range(COUNT))
    check_objects(moments)


@pytest.mark.parametrize("has_cover", [True, False])
def test_a_commit_reaches_reencoded_copies(has_cover, folder, file, tmp_path):
    before = read(file)
    done = cssv.commit(file, WARMER, cover=folder / "clip.mp4" if has_cover else None)
    assert done.frames_changed > 0
    assert cssv.verify(file).is_sound
    with cssv.open(file) as clip:
        assert [row.temperature_c for row in clip[20].objects] == [50, 50]
        with clip.at(1) as first:
            assert first[20].frame.planes.tobytes() == before[20].frame.planes.tobytes()
    check_objects(read(reencode(file, tmp_path / "copy.mp4")), 50)


def test_a_flipped_byte_anywhere_in_the_video_is_found(folder, tmp_path):
    good = (folder / "clip.cssv").read_bytes()
    damaged, dice = tmp_path / "bad.cssv", random.Random(1)
    # The pictures are the largest part of the file, and begin after its head.
    for _ in range(3):
        data = bytearray(good)
        data[dice.randrange(len(good) // 10, len(good) // 2)] ^= 1 << dice.randrange(8)
        damaged.write_bytes(data)
        assert not cssv.verify(damaged).is_sound
