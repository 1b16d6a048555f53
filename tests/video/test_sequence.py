"""Numbered pictures of a folder, or of a pattern, are the frames of a clip."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

import cssv
from cssv.errors import FrameError, OptionError, VideoError
from cssv.testing.clips import SCENE, Truth, pictures
from cssv.video import PICTURE_RATE, Span, open_clip, open_frames
from cssv.video.sequence import SequenceReader, picture_files

COUNT = 12


def write_pictures(folder, suffix, count=COUNT, first=0, **options):
    folder.mkdir(exist_ok=True)
    for number, picture in enumerate(pictures(count=count), first):
        Image.fromarray(picture).save(folder / f"frame_{number}{suffix}", **options)
    return folder


def read(path, **options):
    with open_clip(path, **options) as reader:
        return list(reader), reader.info


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm"])
def test_lossless_pictures_in_natural_order(tmp_path, suffix):
    frames, info = read(write_pictures(tmp_path / "in", suffix))
    # 2 stands before 10, which sorting by letters would not give.
    np.testing.assert_array_equal([frame.planes for frame in frames], pictures(count=COUNT))
    assert [frame.pts for frame in frames] == list(range(COUNT))
    assert [frame.number for frame in frames] == list(range(COUNT))
    assert (info.rate, info.time_base, info.frame_count) == (PICTURE_RATE, 1 / PICTURE_RATE, COUNT)
    assert any("25 frames per second" in note and "`rate=`" in note for note in info.notes)


def test_jpegs_keep_their_planes(tmp_path):
    frames, info = read(write_pictures(tmp_path / "in", ".jpg", quality=90, subsampling="4:2:0"))
    assert (info.layout, info.codec, info.pix_fmt) == ("yuv420p", "mjpeg", "yuvj420p")
    assert info.colour.range == 2
    assert len(frames) == COUNT


def test_the_rate_is_that_given(tmp_path):
    frames, info = read(write_pictures(tmp_path / "in", ".png"), rate=Fraction(30000, 1001))
    assert (info.rate, frames[2].time) == (Fraction(30000, 1001), Fraction(2002, 30000))
    assert info.notes == ()


@pytest.mark.parametrize("pattern", ["frame_%d.png", "frame_*.png", "frame_?.png", "*.png", "frame_%02d.png"])
def test_patterns(tmp_path, pattern):
    folder = write_pictures(tmp_path / "in", ".png", count=8, first=1)
    Image.fromarray(pictures(count=1)[0]).save(folder / "cover.jpg")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".frame_9.png").write_bytes(b"of another program")
    assert [file.name for file in picture_files(folder / pattern)] == [f"frame_{n}.png" for n in range(1, 9)]


def test_pictures_of_several_formats_are_refused(tmp_path):
    folder = write_pictures(tmp_path / "in", ".png")
    write_pictures(folder, ".jpg", count=3)
    with pytest.raises(VideoError, match=r"one format: found .*3 \.jpg, 12 \.png.*pattern"):
        open_clip(folder)


def test_folders_and_patterns_without_pictures(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    for path in (tmp_path, tmp_path / "*.png", tmp_path / "f%d.png"):
        with pytest.raises(VideoError, match="there are no pictures"):
            open_clip(path)
    with pytest.raises(VideoError, match="the folder cannot be read"):
        open_clip(tmp_path / "none" / "f%d.png")


def test_a_span_and_a_seek(tmp_path):
    folder = write_pictures(tmp_path / "in", ".png")
    span = Span(Fraction(3, 25), Fraction(7, 25))
    with SequenceReader(folder, span=span) as reader:
        assert [frame.pts for frame in reader] == reader.timestamps() == [3, 4, 5, 6]
        reader.seek(2, 5)
        assert [(frame.number, frame.pts) for frame in reader] == [(2, 5), (3, 6)]
        with pytest.raises(VideoError, match="no frame at this time"):
            reader.seek(2, 4)
        with pytest.raises(VideoError, match="no such frame"):
            reader.seek(4)
    with SequenceReader(folder, span=Span(Fraction(9))) as reader, pytest.raises(VideoError, match="between"):
        list(reader)
    with pytest.raises(OptionError, match="rate"):
        SequenceReader(folder, rate=Fraction(0))


def test_pictures_that_differ(tmp_path):
    folder = write_pictures(tmp_path / "in", ".png", count=3)
    Image.fromarray(pictures(width=96, count=1)[0]).save(folder / "frame_1.png")
    with pytest.raises(VideoError, match=r"size changes.*frame_1\.png: 96x160"):
        read(folder)
    Image.fromarray(pictures(width=8, height=8, count=1)[0]).save(folder / "frame_0.png")
    with pytest.raises(FrameError, match="8x8"):
        read(folder)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_a_picture_cut_short_is_refused(tmp_path, suffix):
    folder = write_pictures(tmp_path / "in", suffix, count=3)
    cut = folder / f"frame_1{suffix}"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 2 // 3])
    with pytest.raises(VideoError, match=rf"a picture cannot be decoded.*frame_1\{suffix}"):
        read(folder)


def test_one_orientation(tmp_path):
    folder = write_pictures(tmp_path / "in", ".jpg", count=3, quality=95)
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(pictures(count=1)[0]).save(folder / "frame_1.jpg", exif=exif)
    with pytest.raises(VideoError, match=r"one orientation: found .*frame_1\.jpg"):
        read(folder)


def test_a_folder_is_encoded_tracked_and_committed_upon(tmp_path):
    folder = write_pictures(tmp_path / "in", ".png")
    done = cssv.encode(folder, scene=SCENE, detector=Truth(), rate=10, lossless=True)
    assert (done.path, done.frames) == (tmp_path / "in.cssv", COUNT)
    assert done.source_bytes == sum(file.stat().st_size for file in folder.iterdir())
    assert cssv.info(done.path).video.rate == 10
    assert cssv.info(folder).kind == "plain"
    assert cssv.commit(done.path, SCENE | {"environment": {"humidity_pct": 3}}, cover=folder).version == 2
    assert len(cssv.track(folder, detector=Truth()).tracks) == 2
    with pytest.raises(OptionError, match="`output=`"):
        cssv.encode(folder / "frame_%d.png")


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_pictures_that_cannot_carry_are_a_plain_clip(tmp_path, mode):
    """Grey pictures whose height is no multiple of 3 are no stacked planes; 16 bits are none either."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, picture in enumerate(pictures(count=3)):
        grey = picture[..., 0] if mode == "L" else picture[..., 0].astype(np.uint16) * 257
        Image.fromarray(grey).save(folder / f"{number}.png")
    for path in (folder, folder / "0.png"):
        assert cssv.info(path).kind == "plain"
    assert cssv.encode(folder, detector=Truth(), rate=25).frames == 3
    (folder / "0.png").write_bytes(b"no picture")
    with pytest.raises(VideoError, match="not a PNG"):
        cssv.info(folder)


def test_pngs_of_stego_frames_are_still_read_as_such(tmp_path):
    folder = write_pictures(tmp_path / "in", ".jpg", quality=90, subsampling="4:2:0")
    cssv.encode(folder, tmp_path / "a.cssv", detector=Truth(), lossless=True)
    cssv.export(tmp_path / "a.cssv", tmp_path / "out")
    assert cssv.info(tmp_path / "out").kind == "copy"
    with open_frames(tmp_path / "out") as frames:
        assert frames.info.layout == "yuv420p"
