"""Interlaced clips stay interlaced, and their fields are not mixed."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.codec.context import Flags

import cssv
from cssv.testing.clips import SCENE, Truth
from cssv.video import VideoReader, VideoWriter
from cssv.video.fields import FieldMarker, turned_order

WIDTH, HEIGHT, COUNT = 192, 160, 12


def fields_of(path, ffprobe):
    """(interlaced, top field first) of every frame, as another program reads them."""
    frames = ffprobe(
        path, "-select_streams", "v:0", "-show_entries", "frame=interlaced_frame,top_field_first"
    )
    return [(frame["interlaced_frame"], frame["top_field_first"]) for frame in frames["frames"]]


def write_interlaced(path, order, *, pix_fmt="yuv420p", codec="libx264", chroma=(60, 200), height=HEIGHT):
    """A clip whose two fields have different chroma everywhere."""
    marker = FieldMarker(order)
    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"qp": "0"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, height, pix_fmt
        stream.codec_context.flags |= int(Flags.interlaced_dct)
        for number in range(COUNT):
            picture = av.VideoFrame(WIDTH, height, pix_fmt)
            for index, plane in enumerate(picture.planes):
                values = np.empty((plane.height, plane.line_size), np.uint8)
                if index:
                    values[0::2], values[1::2] = chroma
                else:
                    values[:] = rng.integers(60, 190, (plane.height, plane.line_size // 8), np.uint8).repeat(
                        8, 1
                    )
                plane.update(values.tobytes())
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(marker.mark(picture)))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("codec", ["libx264", "ffv1"])
def test_the_order_of_the_fields_is_read(tmp_path, ffprobe, order, codec):
    path = write_interlaced(tmp_path / "a.mkv", order, codec=codec)
    assert set(fields_of(path, ffprobe)) == {(1, int(order == "tff"))}
    with VideoReader(path) as reader:
        assert reader.info.fields == order


def test_progressive_clips_have_no_fields(tmp_path, data):
    for name in ("bikes.mp4", "vtest.avi"):
        with VideoReader(data / "clips" / name) as reader:
            assert reader.info.fields == ""


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize(("codec", "planes"), [("h264", "native"), ("h264", "rgb"), ("ffv1", "native")])
def test_the_written_file_keeps_the_flag(tmp_path, ffprobe, order, codec, planes):
    path, target = write_interlaced(tmp_path / "a.mkv", order), tmp_path / "a.cssv"
    done = cssv.encode(path, target, scene=SCENE, detector=Truth(), codec=codec, planes=planes, lossless=True)
    assert not [note for note in done.notes if "interlaced" in note]
    assert set(fields_of(target, ffprobe)) == {(1, int(order == "tff"))}
    assert cssv.info(target).facts["source"]["fields"] == order
    # Frames that a commit codes again have it too, and so has an export.
    cssv.commit(target, SCENE | {"objects": [{"match": {"label": "*"}, "temperature_c": 20}]}, cover=path)
    assert set(fields_of(target, ffprobe)) == {(1, int(order == "tff"))}
    assert cssv.verify(target).is_sound
    cssv.export(target, tmp_path / "copy.mkv")
    assert set(fields_of(tmp_path / "copy.mkv", ffprobe)) == {(1, int(order == "tff"))}


def test_a_codec_that_cannot_mark_fields_is_noted(tmp_path):
    path = write_interlaced(tmp_path / "a.mkv", "tff")
    done = cssv.encode(path, tmp_path / "a.cssv", detector=Truth(), codec="vp9")
    (note,) = [note for note in done.notes if "interlaced, which vp9 cannot mark" in note]
    assert note.endswith("lossless h264 and ffv1 can")
    assert cssv.info(tmp_path / "a.cssv").facts["source"]["fields"] == "tff"
    exported = cssv.export(tmp_path / "a.cssv", tmp_path / "a.webm")
    assert exported.frames == COUNT


@pytest.mark.parametrize(
    ("height", "planes", "codec", "is_marked"),
    [
        (162, "native", "h264", False),  # as 720x486 of NTSC; x264 has no such height
        (164, "native", "h264", True),
        (162, "rgb", "h264", True),
        (162, "native", "ffv1", True),
    ],
)
def test_heights_that_a_codec_cannot_mark(tmp_path, ffprobe, height, planes, codec, is_marked):
    path = write_interlaced(tmp_path / "a.mkv", "tff", codec="ffv1", height=height)
    done = cssv.encode(path, tmp_path / "a.cssv", detector=Truth(), planes=planes, codec=codec, lossless=True)
    assert set(fields_of(tmp_path / "a.cssv", ffprobe)) == {(1, 1) if is_marked else (0, 0)}
    notes = [note for note in done.notes if "interlaced" in note]
    assert bool(notes) != is_marked
    if notes:
        assert notes[0].endswith("once; lossless ffv1 can")


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_chroma_of_one_field_does_not_reach_the_other(tmp_path, order):
    path = write_interlaced(tmp_path / "a.mkv", order, pix_fmt="yuv422p", codec="ffv1")
    with VideoReader(path) as reader:
        frame = next(iter(reader))
    assert frame.layout == "yuv420p"
    chroma = frame.planes[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    # Each line of 4:2:0 chroma belongs to one field, in turn.
    assert np.unique(chroma[:, 0::2]).tolist() == [60]
    assert np.unique(chroma[:, 1::2]).tolist() == [200]


def test_rgb_is_made_field_by_field(tmp_path):
    path = write_interlaced(tmp_path / "a.mkv", "tff", chroma=(128, 128))
    coloured = write_interlaced(tmp_path / "b.mkv", "tff", chroma=(128, 200))
    rows = []
    for each in (path, coloured):
        with VideoReader(each, planes="rgb") as reader:
            rows.append(next(iter(reader)).planes[0::2])
    # The lower field has another colour; the upper one must not show it.
    np.testing.assert_array_equal(*rows)


def test_luma_is_never_touched(tmp_path):
    path = write_interlaced(tmp_path / "a.mkv", "tff", pix_fmt="yuv422p", codec="ffv1")
    with av.open(str(path)) as container:
        wanted = next(container.decode(video=0))
        plane = wanted.planes[0]
        luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, :WIDTH]
        with VideoReader(path) as reader:
            np.testing.assert_array_equal(next(iter(reader)).planes[:HEIGHT], luma)


@pytest.mark.parametrize(
    ("turn", "wanted"),
    [
        ({"transpose": False, "flip_y": False, "height": 160}, "tff"),
        ({"transpose": False, "flip_y": True, "height": 160}, "bff"),
        ({"transpose": False, "flip_y": True, "height": 161}, "tff"),
        ({"transpose": True, "flip_y": False, "height": 160}, ""),
    ],
)
def test_a_turn_moves_the_fields(turn, wanted):
    assert turned_order("tff", **turn) == wanted


def test_a_writer_marks_what_its_info_says(tmp_path, ffprobe):
    path = write_interlaced(tmp_path / "a.mkv", "bff")
    with VideoReader(path) as reader, VideoWriter(tmp_path / "b.mp4", reader.info, codec="h264") as writer:
        for frame in reader:
            writer.write(frame)
    assert set(fields_of(tmp_path / "b.mp4", ffprobe)) == {(1, 0)}


@pytest.mark.parametrize(("name", "count"), [("interl.mp4", 50), ("interl422.mpg", 25)])
def test_real_interlaced_clips(data, tmp_path, ffprobe, name, count):
    target = tmp_path / "a.cssv"
    assert cssv.encode(data / "cases" / name, target, detector=Truth(), lossless=True).frames == count
    assert fields_of(target, ffprobe) == [(1, 1)] * count
