"""The colours of every codec and layout in browsers are those of the pixels, or a note says otherwise."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import cssv
from cssv.frames import Frame
from cssv.pipeline.mux import StegoWriter
from cssv.video import CODECS, CONTAINERS, LOSSY_CODECS, Colour, VideoInfo, VideoWriter, browser_notes
from tests.chromium import WAYS

ROOT = Path(__file__).resolve().parents[2]
#: No full blue: without a graphics card Chromium rounds the largest factor of BT.709, for any file.
BARS = ((200, 100, 90), (110, 180, 130), (110, 115, 130), (255, 255, 255), (200, 120, 80), (30, 30, 30))
#: Levels by which a browser may differ from the colours that the pixels stand for.
CLOSE = 3


def bars(width, height):
    """(height, width, 3) uint8: six upright bars, and a spot in each of them."""
    picture = np.zeros((height, width, 3), np.uint8)
    side = width // len(BARS)
    for at, colour in enumerate(BARS):
        picture[:, at * side : (at + 1) * side] = colour
    picture[:, len(BARS) * side :] = BARS[-1]
    return picture, [(at * side + side // 2, height // 2) for at in range(len(BARS))]


def farthest(seen, colours=BARS):
    return int(np.abs(np.array(seen, int) - np.array(colours)).max())


def converted(path, spots):
    """Colours of the first frame of a file of BT.601 in limited range, as FFmpeg converts them."""
    with av.open(str(path)) as file:
        frame = next(file.decode(video=0))
    rgb = frame.reformat(format="rgb24", src_colorspace=5, src_color_range=1, dst_color_range=2).to_ndarray()
    return [rgb[y, x] for x, y in spots]


def write_clip(path, size, matrix, colour):
    """Write a lossless 4:2:0 clip of the bars by a matrix (its number in FFmpeg), with colour tags."""
    picture, spots = bars(*size)
    full = colour.range == 2
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        context = stream.codec_context
        context.options = {"qp": "0", "preset": "ultrafast"}
        context.color_range, context.colorspace = colour.range, colour.space
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        rgb = av.VideoFrame.from_ndarray(picture, format="rgb24")
        planes = rgb.reformat(
            format="yuv420p", dst_colorspace=matrix, src_color_range=2, dst_color_range=2 if full else 1
        ).to_ndarray()
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return spots


#: Clips by size, matrix of the conversion (1 BT.709, 5 BT.601) and tags.
CLIPS = {
    "small, untagged": ((240, 192), 5, Colour()),
    "small, BT.601": ((240, 192), 5, Colour(1, 6, 6, 6)),
    "small, BT.709": ((240, 192), 1, Colour(1, 1, 1, 1)),
    "small, full range": ((240, 192), 5, Colour(2, 5, 1, 13)),
    "large, untagged": ((1280, 720), 1, Colour()),
    "large, BT.601": ((1280, 720), 5, Colour(1, 6, 1, 1)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("codec", [codec for codec in CODECS if not browser_notes(codec)])
@pytest.mark.parametrize("clip", CLIPS)
def test_native_planes_have_their_colours(clip, codec, way, tmp_path, colours_in_chromium):
    spots = write_clip(tmp_path / "clip.mkv", *CLIPS[clip])
    made = cssv.encode(tmp_path / "clip.mkv", tmp_path / "clip.cssv", codec=codec, lossless=True)
    assert not any("browsers" in note for note in made.notes)
    assert farthest(colours_in_chromium(made.path, spots, way)) <= CLOSE


#: Level of H.264 -> most macroblocks of a frame and in a second (ITU-T H.264, table A-1).
LEVELS = {
    11: (396, 3000), 12: (396, 6000), 13: (396, 11_880), 20: (396, 11_880), 21: (792, 19_800),
    22: (1620, 20_250), 30: (1620, 40_500), 31: (3600, 108_000), 32: (5120, 216_000),
}  # fmt: skip


@pytest.mark.parametrize("clip", ["small, untagged", "small, BT.709", "large, untagged"])
def test_files_of_default_options_play_everywhere(
    clip, tmp_path, colours_in_chromium, colours_in_firefox, ffprobe
):
    """A profile and a level that hardware decodes, and the colours of the pixels."""
    size, _, _ = CLIPS[clip]
    spots = write_clip(tmp_path / "clip.mkv", *CLIPS[clip])
    made = cssv.encode(tmp_path / "clip.mkv", tmp_path / "clip.cssv", boxes=write_box(tmp_path / "boxes.txt"))
    assert cssv.info(made.path).facts["carrier"] == "mixed"
    assert not any("browsers" in note for note in made.notes)
    (stream,) = ffprobe(made.path, "-show_streams", "-select_streams", "v")["streams"]
    assert stream["profile"] == "High"
    macroblocks = -(-size[0] // 16) * -(-size[1] // 16)
    most, most_in_a_second = LEVELS[stream["level"]]
    assert (macroblocks <= most, macroblocks * 25 <= most_in_a_second) == (True, True)
    # Lossy coding and the marks of the room move the picture by some levels.
    seen = {way: colours_in_chromium(made.path, spots, way) for way in WAYS}
    seen["firefox"] = colours_in_firefox(made.path, spots)
    assert {name: farthest(colours) <= 2 * CLOSE for name, colours in seen.items()} == dict.fromkeys(
        seen, True
    )


def write_box(path):
    """Boxes of one object in every frame, above the spots."""
    path.write_text("".join(f"{number},1,30,8,40,30,0.9\n" for number in range(1, 7)))
    return path


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("clip", ["small, untagged", "small, BT.709"])
def test_rgb_planes_have_their_colours_or_a_note(clip, codec, way, tmp_path, colours_in_chromium):
    spots = write_clip(tmp_path / "clip.mkv", *CLIPS[clip])
    file = tmp_path / "clip.cssv"
    made = cssv.encode(tmp_path / "clip.mkv", file, codec=codec, planes="rgb")
    seen = colours_in_chromium(file, spots, way)
    notes = browser_notes(codec)
    assert bool(notes) == (seen is None or farthest(seen) > CLOSE)
    assert [note for note in made.notes if "browsers" in note] == list(notes)
    assert [note for note in cssv.info(file).notes if "browsers" in note] == list(notes)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("codec", CODECS)
def test_a_stream_of_rgb_arrays_has_its_colours_or_a_note(codec, way, tmp_path, colours_in_chromium):
    """A size at which players guess BT.709; OpenCV converts by BT.601."""
    picture, spots = bars(1280, 720)
    for layout in ("rgb24", "yuv420p"):
        file = tmp_path / f"{layout}.cssv"
        options = {"size": (1280, 720), "rate": 25, "lossless": True, "codec": codec}
        with cssv.Encoder(file, layout=layout, **options) as encoder:
            for _ in range(6):
                encoder.write(picture)
        seen = colours_in_chromium(file, spots, way)
        assert any("browsers" in note for note in encoder.notes) == (seen is None or farthest(seen) > CLOSE)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("suffix", "codec", "layout"),
    [
        (suffix, codec, layout)
        for suffix, (_, codecs) in CONTAINERS.items()
        for codec in codecs
        for layout in ("yuv420p", "rgb24")
        # A lossy file is for viewing, so RGB becomes 4:2:0 there.
        if suffix != ".mkv" and (codec == "h264-lossy" or not browser_notes(codec))
    ],
)
def test_ordinary_files_have_their_colours(suffix, codec, layout, way, tmp_path, colours_in_chromium):
    picture, spots = bars(240, 192)
    planes = picture if layout == "rgb24" else cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
    path, base = tmp_path / f"clip{suffix}", Fraction(1, 25)
    info = VideoInfo(240, 192, layout, base, 1 / base, source_width=240, source_height=192)
    with VideoWriter(path, replace(info), codec=codec) as writer:
        for number in range(6):
            writer.write(Frame(planes, layout, number, base, number))
    assert farthest(colours_in_chromium(path, spots, way)) <= CLOSE


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("codec", "size", "matrix", "colour"),
    [
        *((codec, (240, 192), 5, Colour()) for codec in LOSSY_CODECS),
        *((codec, (1280, 720), 1, Colour()) for codec in ("vp9", "av1")),
        # The tag of the matrix alone.
        ("av1", (240, 192), 1, Colour(1, 1)),
        ("av1", (1280, 720), 5, Colour(1, 5)),
    ],
)
def test_lossy_codecs_have_their_colours_or_a_note(
    codec, size, matrix, colour, way, tmp_path, colours_in_chromium
):
    picture, spots = bars(*size)
    shown = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=matrix, src_color_range=2, dst_color_range=1
    )
    planes, path, base = shown.to_ndarray(), tmp_path / "clip.cssv", Fraction(1, 25)
    info = VideoInfo(
        *size, "yuv420p", base, 1 / base, colour=colour, source_width=size[0], source_height=size[1]
    )
    with path.open("wb") as file, StegoWriter(file, info, codec=codec, crf=8) as writer:
        for number in range(6):
            writer.write(Frame(planes, "yuv420p", number, base, number), b"{}")
        writer.finish({}, created_s=1)
    seen = colours_in_chromium(path, spots, way)
    assert bool(browser_notes(codec)) == (seen is None or farthest(seen) > CLOSE)


@pytest.mark.parametrize("way", WAYS)
def test_the_example_with_opencv_has_its_colours(way, tmp_path, monkeypatch, colours_in_chromium):
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(import cv2\n.*?)```", text, re.DOTALL)
    (code,) = (each for each in examples if '"live.cssv"' in each and "on_frame" not in each)
    write_clip(tmp_path / "clip.mkv", *CLIPS["large, untagged"])
    spots = bars(1280, 720)[1]
    monkeypatch.chdir(tmp_path)
    code = code.replace("samples/harbour.mp4", "clip.mkv")
    exec(code.replace("samples/scene.json", str(ROOT / "samples" / "scene.json")))
    seen = colours_in_chromium(tmp_path / "live.cssv", spots, way)
    # The default form moves the picture by some levels.
    assert farthest(seen, converted(tmp_path / "live.cssv", spots)) <= CLOSE
    assert farthest(seen) <= 32
