"""Overlays of encoded clips: over the original, of copies and crops, in units and true colours."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from av import VideoFrame

import cssv
from cssv.errors import FrameError, InputError, OptionError
from cssv.pipeline.overlay_memory import PlacesInFrame
from cssv.testing import clips as synthetic
from cssv.video import Colour, VideoInfo, VideoReader, VideoWriter
from cssv.view.heat import to_rgb

TIME_BASE = Fraction(1, 25)


def pngs_in(folder):
    """The PNGs of a folder as RGB, in order."""
    return [cv2.imread(str(path))[..., ::-1] for path in sorted(folder.iterdir())]


def pictures_of(path):
    with VideoReader(path) as reader:
        return [to_rgb(frame.planes, frame.layout) for frame in reader]


@pytest.fixture(scope="module")
def part(clips, tmp_path_factory):
    """A part of the clip, which begins at time 0 in its file."""
    path = tmp_path_factory.mktemp("part") / "part.cssv"
    cssv.encode(
        clips / "clip.mkv", path, boxes=clips / "boxes.txt", scene=synthetic.SCENE, start="0.4", stop="0.8",
        fidelity="full", lossless=True,
    )  # fmt: skip
    return path


def test_an_overlay_over_the_original_shows_its_frames_by_time(part, clips, tmp_path):
    cssv.decode(part, overlay=tmp_path / "with", cover=clips / "clip.mkv")
    originals = pictures_of(clips / "clip.mkv")
    with cssv.open(part) as clip:
        count = len(clip)
        wanted = [moment.draw_overlay(picture=originals[10 + at]) for at, moment in enumerate(clip)]
    found = pngs_in(tmp_path / "with")
    assert len(found) == count
    for at in (0, 4, count - 1):
        np.testing.assert_array_equal(found[at], wanted[at])


def test_covers_that_do_not_fit(part, stego, clips, tmp_path):
    small = tmp_path / "small.mkv"
    synthetic.write_clip(small, width=160, height=96)
    other = tmp_path / "other.mkv"
    with VideoReader(clips / "clip.mkv") as reader, VideoWriter(other, reader.info) as writer:
        for frame in reader:
            writer.write(replace(frame, planes=255 - frame.planes))
    for source, cover, words in (
        (stego, small, "does not hold"),
        (stego, other, "another picture"),
        (stego, stego, "is the source itself"),
    ):
        with pytest.raises((InputError, OptionError), match=words):
            cssv.decode(source, overlay=tmp_path / "overlay", cover=cover)
    short = tmp_path / "short.mkv"
    with VideoReader(clips / "clip.mkv") as reader, VideoWriter(short, reader.info) as writer:
        for frame, _ in zip(reader, range(5), strict=False):
            writer.write(frame)
    with pytest.raises(InputError, match="number of frames"):
        cssv.decode(stego, overlay=tmp_path / "overlay", cover=short)
    copy = cssv.export(stego, tmp_path / "copy.mkv").path
    with pytest.raises(InputError, match="no frame at the time of frame 5"):
        cssv.decode(copy, overlay=tmp_path / "overlay", cover=short)
    assert not (tmp_path / "overlay").exists()


def test_a_cropped_copy_is_drawn_over_that_part_of_the_original(part, clips, ffmpeg, tmp_path):
    crop = tmp_path / "crop.mkv"
    ffmpeg("-i", part, "-map", "0:v", "-frames:v", "3", "-vf", "crop=164:150:8:6", "-c:v", "ffv1", crop)
    # Times of a copy are those of the encoded part, which began at 0.
    whole, cover = pictures_of(clips / "clip.mkv")[10:], tmp_path / "cover.mkv"
    synthetic.write_clip(cover, whole[:5])
    cssv.decode(crop, overlay=tmp_path / "o", cover=cover)
    with cssv.open(crop) as clip:
        left, top = clip[0].origin
        original = pictures_of(cover)[0][top : top + 150, left : left + 164]
        wanted = clip[0].draw_overlay(picture=original)
    np.testing.assert_array_equal(pngs_in(tmp_path / "o")[0], wanted)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"units": "knots", "overlay": "o"}, "unknown unit"), ({"units": "kmh"}, "belongs to an overlay"),
     ({"cover": "clip.mkv"}, "belongs to an overlay"), ({"units": "kmh", "overlay": "o"}, "on the ground")],
)  # fmt: skip
def test_options_that_do_not_fit(options, words, stego, clips, tmp_path):
    options = {key: tmp_path / value if key == "overlay" else value for key, value in options.items()}
    with pytest.raises(OptionError, match=words):
        cssv.decode(stego, **options)
    assert not list(tmp_path.iterdir())


def test_trails_come_from_the_scene_track_and_in_a_copy_from_frames_drawn(stego, tmp_path):
    copy = cssv.export(stego, tmp_path / "copy.mkv").path
    with cssv.open(stego) as clip:
        in_order = [moment.overlay for moment in clip][15]
    with cssv.open(stego) as clip:
        assert trail_lengths(clip[15]) == {16}
        assert clip[15].overlay.shape == in_order.shape
    with cssv.open(copy) as clip:
        assert trail_lengths(clip[15]) == {1}
        assert clip[16].overlay.shape == in_order.shape
        assert trail_lengths(clip[17]) == {3}


def trail_lengths(moment):
    places = PlacesInFrame(moment.time, {state.track: state.box_px for state in moment.states})
    trails = moment._memory.trails(moment.number, places, moment._to_picture)
    assert len(trails) == 2
    return {len(trail.points) for trail in trails}


def test_a_moment_outlives_its_clip(stego):
    with cssv.open(stego) as clip:
        moment = clip[8]
    assert moment.overlay.shape == (synthetic.HEIGHT, synthetic.WIDTH, 3)


def test_a_picture_of_another_size(stego):
    with cssv.open(stego) as clip, pytest.raises(FrameError, match="does not fit the frame"):
        clip[0].draw_overlay(picture=np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize("full", [False, True])
def test_colours_are_those_of_the_clip_s_tags(full, tmp_path):
    """BT.709 in both ranges: an overlay of the file shows the picture's own colours."""
    colour = np.array((200, 60, 30))
    picture = np.broadcast_to(colour.astype(np.uint8), (96, 160, 3)).copy()
    frame = VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=1, src_color_range=2, dst_color_range=2 if full else 1
    )
    info = VideoInfo(
        160, 96, "yuv420p", time_base=TIME_BASE, rate=1 / TIME_BASE, colour=Colour(2 if full else 1, 1, 1, 1)
    )
    with VideoWriter(tmp_path / "c.mkv", info) as writer:
        for number in range(3):
            writer.write(cssv.Frame(frame.to_ndarray(), "yuv420p", number, TIME_BASE, number))
    cssv.encode(tmp_path / "c.mkv", tmp_path / "c.cssv", lossless=True, fidelity="full")
    with cssv.open(tmp_path / "c.cssv") as clip:
        drawn = np.median(clip[1].overlay.reshape(-1, 3), axis=0)
    # Hidden nibbles change a value by up to 15.
    assert np.abs(drawn - colour).max() <= 16
    cssv.decode(tmp_path / "c.cssv", overlay=tmp_path / "o", cover=tmp_path / "c.mkv")
    drawn = np.median(pngs_in(tmp_path / "o")[1].reshape(-1, 3), axis=0)
    assert np.abs(drawn - colour).max() <= 4
