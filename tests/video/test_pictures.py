"""Frames read from PNG files and written to them keep every byte."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cssv.errors import ChecksumError, FrameError, OptionError, OutputError, VideoError
from cssv.frames import Frame, planes_shape
from cssv.video import PictureReader, Span, VideoReader, open_frames, write_picture, write_pictures

BASE = Fraction(1, 25)


def frame_of(layout="rgb24", width=64, height=48, number=0, seed=None):
    rng = np.random.default_rng(number if seed is None else seed)
    planes = rng.integers(0, 256, planes_shape(layout, width, height), dtype=np.uint8)
    return Frame(planes, layout, number, BASE, number)


def read_all(path, **options):
    with PictureReader(path, **options) as reader:
        return list(reader)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    layout=st.sampled_from(["yuv420p", "rgb24"]),
    x=st.integers(16, 40),
    y=st.integers(16, 40),
    seed=st.integers(0, 99),
)
def test_a_picture_comes_back_byte_for_byte(tmp_path, layout, x, y, seed):
    frame = frame_of(layout, 2 * x, 2 * y, seed=seed)
    write_picture(tmp_path / "a.png", frame, overwrite=True)
    (found,) = read_all(tmp_path / "a.png")
    assert found.layout == layout
    np.testing.assert_array_equal(found.planes, frame.planes)


def test_red_is_red(tmp_path):
    planes = np.zeros((48, 64, 3), np.uint8)
    planes[..., 0] = 200
    write_picture(tmp_path / "a.png", Frame(planes, "rgb24", 0, BASE))
    assert cv2.imread(str(tmp_path / "a.png"))[0, 0].tolist() == [0, 0, 200]
    with VideoReader(tmp_path / "a.png") as other:
        np.testing.assert_array_equal(next(iter(other)).planes, planes)


def test_stacked_planes_are_one_grey_picture(tmp_path):
    frame = frame_of("yuv420p")
    write_picture(tmp_path / "a.png", frame, overwrite=True)
    stored = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert stored.shape == (72, 64)
    np.testing.assert_array_equal(stored, frame.planes)


def test_odd_rgb_pictures_are_fine(tmp_path):
    frame = frame_of(width=65, height=49)
    write_picture(tmp_path / "a.png", frame, overwrite=True)
    np.testing.assert_array_equal(read_all(tmp_path / "a.png")[0].planes, frame.planes)


def test_info_of_a_folder(tmp_path):
    write_pictures(tmp_path / "f", [frame_of("yuv420p", number=number) for number in range(5)])
    with PictureReader(tmp_path / "f", rate=Fraction(10)) as reader:
        info = reader.info
    assert (info.width, info.height, info.source_height, info.layout) == (64, 48, 72, "yuv420p")
    assert (info.frame_count, info.duration_s, info.time_base, info.rate) == (
        5,
        Fraction(1, 2),
        Fraction(1, 10),
        10,
    )
    assert (info.codec, info.has_audio, info.notes) == ("png", False, ())


def test_a_folder_is_read_in_natural_order(tmp_path):
    for name, number in (("f10", 3), ("f2", 1), ("f1", 0), ("f9", 2)):
        write_picture(tmp_path / f"{name}.png", frame_of(number=number))
    (tmp_path / "notes.txt").write_text("not a picture", "utf-8")
    (tmp_path / "._f3.png").write_bytes(b"left behind")
    frames = read_all(tmp_path)
    assert [frame.number for frame in frames] == [0, 1, 2, 3]
    assert [frame.pts for frame in frames] == [0, 1, 2, 3]
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.planes, frame_of(number=number).planes)


def test_a_folder_written_is_a_folder_read(tmp_path):
    frames = [frame_of(number=number) for number in range(12)]
    assert write_pictures(tmp_path / "f", frames) == 12
    assert sorted(path.name for path in (tmp_path / "f").iterdir())[-1] == "000011.png"
    for found, wanted in zip(read_all(tmp_path / "f"), frames, strict=True):
        np.testing.assert_array_equal(found.planes, wanted.planes)


def test_start_stop_and_seek(tmp_path):
    write_pictures(tmp_path / "f", [frame_of(number=number) for number in range(10)])
    options = {"rate": Fraction(5), "span": Span(Fraction(1, 2), Fraction(8, 5))}
    with PictureReader(tmp_path / "f", **options) as reader:
        assert reader.timestamps() == [3, 4, 5, 6, 7]
        assert [(frame.number, frame.pts) for frame in reader] == list(enumerate(range(3, 8)))
        reader.seek(2)
        assert [frame.pts for frame in reader] == [5, 6, 7]
        assert [frame.pts for frame in reader] == [3, 4, 5, 6, 7]
        for number, pts in ((5, None), (-1, None), (0, 9)):
            with pytest.raises(VideoError, match=r"no such frame|no frame at this time"):
                reader.seek(number, pts)


def test_planes_rgb_converts_stacked_planes(tmp_path):
    planes = np.full((72, 64), 128, np.uint8)
    planes[:48] = 235
    write_picture(tmp_path / "a.png", Frame(planes, "yuv420p", 0, BASE))
    (frame,) = read_all(tmp_path / "a.png", planes="rgb")
    assert frame.layout == "rgb24"
    assert (frame.planes >= 253).all()
    with PictureReader(tmp_path / "a.png", planes="rgb") as reader:
        assert reader.info.notes == ("converted from yuv420p to rgb24",)


def test_planes_yuv_converts_rgb(tmp_path):
    planes = np.zeros((49, 65, 3), np.uint8)
    planes[..., 0] = 255
    write_picture(tmp_path / "a.png", Frame(planes, "rgb24", 0, Fraction(1, 25)))
    with PictureReader(tmp_path / "a.png", planes="yuv") as reader:
        (frame,) = reader
        assert (reader.info.layout, reader.info.width, reader.info.height) == ("yuv420p", 66, 50)
        assert reader.info.colour.space == 1
        assert any("to yuv420p" in note for note in reader.info.notes)
    luma = frame.luma()
    assert abs(luma.mean() - (16 + 219 * 0.2126)) < 1


def test_alpha_is_dropped_with_a_note(tmp_path):
    stored = np.random.default_rng(0).integers(0, 256, (48, 64, 4), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), stored)
    with PictureReader(tmp_path / "a.png") as reader:
        assert reader.info.notes == ("converted from rgba to rgb24, alpha dropped",)
        np.testing.assert_array_equal(next(iter(reader)).planes, stored[..., 2::-1])


def test_a_palette_becomes_rgb(tmp_path, ffmpeg):
    path = tmp_path / "a.png"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48", "-frames:v", 1, "-pix_fmt", "pal8", path)
    raw = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    (frame,) = read_all(path)
    assert frame.planes.tobytes() == raw


@pytest.mark.parametrize("place", [0.3, 0.6, 0.98])
def test_a_picture_that_breaks_off(tmp_path, place):
    path = tmp_path / "a.png"
    write_picture(path, frame_of())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * place)])
    with pytest.raises(VideoError, match="breaks off"):
        read_all(path)


@pytest.mark.parametrize("at", [20, 60, 4000, -8])
def test_one_wrong_bit_is_found(tmp_path, at):
    path = tmp_path / "a.png"
    write_picture(path, frame_of())
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"damaged|breaks off"):
        read_all(path)


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(kind: int, depth: int = 8, width: int = 64, height: int = 48, body: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", VideoError, "empty"),
        (b"GIF89a" + bytes(100), VideoError, "not a PNG"),
        (png(2, 16), VideoError, "16 bits, colour type 2"),
        (png(4), VideoError, "8 bits, colour type 4"),
        (png(0, 1), VideoError, "1 bits"),
        (png(0, 8, 64, 49), VideoError, "must hold the stacked planes"),
        (png(0, 8, 63, 48), VideoError, "must hold the stacked planes"),
        (png(2, 8, 16, 16), FrameError, "16x16"),
        (png(2, 8, 2**31 - 1, 2**31 - 1), FrameError, "out of range"),
        (
            b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"a\0b") + png(2)[8:],
            VideoError,
            "first chunk is not the header",
        ),
        (SIGNATURE + chunk(b"IEND", b""), VideoError, "damaged"),
        (png(2), VideoError, "damaged|decoded"),
        (png(2, body=zlib.compress(bytes(100))), VideoError, "damaged|decoded"),
    ],
)
def test_pictures_that_cannot_be_used(tmp_path, content, error, message):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(error, match=message):
        read_all(tmp_path / "a.png")


def test_pictures_of_a_folder_must_be_alike(tmp_path):
    write_picture(tmp_path / "1.png", frame_of())
    write_picture(tmp_path / "2.png", frame_of(width=66))
    with pytest.raises(VideoError, match=r"must be alike: found .*2.png: 66x48 rgb24'; allowed: 64x48 rgb24"):
        read_all(tmp_path)
    write_picture(tmp_path / "2.png", frame_of("yuv420p", 64, 32), overwrite=True)
    with pytest.raises(VideoError, match="must be alike"):
        read_all(tmp_path)


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(VideoError, match="no PNG files"):
        PictureReader(tmp_path)
    with pytest.raises(VideoError, match="no such file"):
        PictureReader(tmp_path / "none.png")


@pytest.mark.parametrize("options", [{"rate": Fraction(0)}, {"rate": Fraction(-1)}])
def test_options_out_of_bounds(tmp_path, options):
    write_picture(tmp_path / "a.png", frame_of())
    with pytest.raises(OptionError):
        PictureReader(tmp_path / "a.png", **options)


def test_a_span_after_the_end_is_an_error(tmp_path):
    write_picture(tmp_path / "a.png", frame_of())
    with pytest.raises(VideoError, match="no frame lies between"):
        read_all(tmp_path / "a.png", span=Span(Fraction(5)))


def test_a_picture_in_a_missing_folder(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        write_picture(tmp_path / "no" / "a.png", frame_of())


def test_a_folder_of_pictures_is_whole_or_not_there(tmp_path):
    def broken():
        yield frame_of()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_pictures(tmp_path / "f", broken())
    with pytest.raises(OutputError, match="no frames"):
        write_pictures(tmp_path / "f", [])
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "kept").write_bytes(b"kept")
    with pytest.raises(OutputError, match="not empty"):
        write_pictures(tmp_path, [frame_of()])


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("spoil", ["pixel", "file"])
def test_a_folder_is_compared_before_it_gets_its_name(tmp_path, monkeypatch, layout, spoil):
    def imencode(ending, pixels):
        done, data = honest(ending, pixels ^ np.uint8(spoil == "pixel"))
        return done, data[: -9 if spoil == "file" else None]

    honest = cv2.imencode
    monkeypatch.setattr(cv2, "imencode", imencode)
    with pytest.raises(ChecksumError, match="does not read back"):
        write_pictures(tmp_path / "f", [frame_of(layout)])
    assert list(tmp_path.iterdir()) == []


def kind_of(path: Path, **options) -> type:
    with open_frames(path, **options) as source:
        frames = list(source)
        assert source.timestamps() == [frame.pts for frame in frames]
        assert source.info.width == frames[0].width
        return type(source)


def test_open_frames_takes_what_it_is_given(tmp_path, data):
    write_pictures(tmp_path / "folder", [frame_of(number=number) for number in range(3)])
    (tmp_path / "named.jpg").write_bytes((tmp_path / "folder/000000.png").read_bytes())
    assert kind_of(tmp_path / "folder") is PictureReader
    assert kind_of(tmp_path / "folder/000001.png") is PictureReader
    assert kind_of(tmp_path / "named.jpg") is PictureReader
    assert kind_of(data / "clips/carphone_pristine.mp4", span=Span(stop=Fraction(1))) is VideoReader
    assert kind_of(data / "images/bus.jpg") is VideoReader
    for name in ("none.mp4", "none"):
        with pytest.raises(VideoError, match="no such file"):
            open_frames(tmp_path / name)
