"""Conversion to native planes: which formats keep their values, padding, rotation, and the notes."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import VideoError
from cssv.frames import split_planes
from cssv.video import VideoReader
from cssv.video.planes import PlaneConverter, Turn

# (a, b, u, c, d, v, x, y, w) of ISO/IEC 14496-12 8.2.2: 16.16 numbers, w in 2.30.
ONE, W = 1 << 16, 1 << 30
MATRICES = {
    (0, False): (ONE, 0, 0, 0, ONE, 0, 0, 0, W),
    (90, False): (0, ONE, 0, -ONE, 0, 0, 0, 0, W),
    (180, False): (-ONE, 0, 0, 0, -ONE, 0, 0, 0, W),
    (270, False): (0, -ONE, 0, ONE, 0, 0, 0, 0, W),
    (0, True): (-ONE, 0, 0, 0, ONE, 0, 0, 0, W),
    (90, True): (0, -ONE, 0, -ONE, 0, 0, 0, 0, W),
    (180, True): (ONE, 0, 0, 0, -ONE, 0, 0, 0, W),
    (270, True): (0, ONE, 0, ONE, 0, 0, 0, 0, W),
}


def turned(plane: np.ndarray, degrees: int, is_mirrored: bool) -> np.ndarray:
    return np.rot90(np.fliplr(plane) if is_mirrored else plane, -degrees // 90)


def first(path, **options):
    with VideoReader(path, **options) as reader:
        return next(iter(reader)), reader.info


@pytest.mark.parametrize("full", [0, 1, 2])
def test_yuv420p_passes_untouched_with_its_range(tmp_path, make, full):
    stacks = make.noise(64, 48, 3)
    path = make.clip(
        tmp_path / "a.mp4",
        make.pictures(stacks, "yuv420p"),
        codec="libx264",
        pix_fmt="yuv420p",
        options={"qp": "0"},
        tags={"color_range": full, "colorspace": 1, "color_primaries": 1, "color_trc": 1},
    )
    with VideoReader(path) as reader:
        for frame, stack in zip(reader, stacks, strict=True):
            np.testing.assert_array_equal(frame.planes, stack)
        colour = reader.info.colour
        assert reader.info.notes == ()
        assert (colour.space, colour.primaries, colour.transfer) == (1, 1, 1)
        assert (colour.range == 2) == (full == 2)


def test_yuvj420p_passes_untouched_as_full_range(tmp_path, make):
    pictures = make.pictures(make.noise(64, 48, 2), "yuv420p")
    path = make.clip(
        tmp_path / "a.avi", pictures, codec="mjpeg", pix_fmt="yuvj420p", time_base=Fraction(1, 25)
    )
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
        assert picture.format.name == "yuvj420p"
        wanted = [make.plane(picture, index) for index in range(3)]
    frame, info = first(path)
    assert (info.layout, info.colour.range, info.notes) == ("yuv420p", 2, ())
    for plane, part in zip(frame.split(), wanted, strict=True):
        np.testing.assert_array_equal(plane, part)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "ending"),
    [
        ("ffv1", "bgr0", "mkv"),
        ("rawvideo", "bgr24", "avi"),
        ("libx264rgb", "rgb24", "mp4"),
        ("libvpx-vp9", "gbrp", "webm"),
        ("png", "rgb24", "mov"),
    ],
)
def test_8_bit_rgb_passes_with_every_value(tmp_path, make, codec, pix_fmt, ending):
    arrays = make.noise(64, 48, 3, channels=3)
    pictures = [picture.reformat(format=pix_fmt) for picture in make.pictures(arrays, "rgb24")]
    lossless = {"libx264rgb": {"qp": "0"}, "libvpx-vp9": {"lossless": "1"}}.get(codec, {})
    path = make.clip(
        tmp_path / f"a.{ending}",
        pictures,
        codec=codec,
        pix_fmt=pix_fmt,
        time_base=Fraction(1, 25),
        options=lossless,
        tags={"color_range": 2},
    )
    with VideoReader(path) as reader:
        assert (reader.info.layout, reader.info.notes) == ("rgb24", ())
        assert reader.info.colour.space == 0
        for frame, array in zip(reader, arrays, strict=True):
            np.testing.assert_array_equal(frame.planes, array)


@pytest.mark.parametrize("colour_range", [0, 1, 2])
@pytest.mark.parametrize("pix_fmt", ["rgb24", "bgr24", "gbrp", "rgb0", "bgr0", "0rgb", "0bgr"])
def test_no_rgb_format_and_no_range_tag_changes_a_value(make, pix_fmt, colour_range):
    array = np.random.default_rng(5).integers(0, 256, (48, 70, 3), dtype=np.uint8)
    picture = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=pix_fmt)
    picture.color_range = colour_range
    converter = PlaneConverter(picture)
    assert converter.notes == ()
    np.testing.assert_array_equal(converter.convert(picture), array)


def test_a_picture_stored_bottom_up_stands_upright(tmp_path, make, ffmpeg):
    path = make.clip(
        tmp_path / "raw.avi",
        make.pictures([array[..., ::-1].copy() for array in make.noise(66, 48, 2, channels=3)], "bgr24"),
        codec="rawvideo",
        pix_fmt="bgr24",
        time_base=Fraction(1, 25),
    )
    raw = ffmpeg("-i", path, "-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    frame, _ = first(path)
    np.testing.assert_array_equal(frame.planes, np.frombuffer(raw, np.uint8).reshape(48, 66, 3))


@pytest.mark.parametrize("pix_fmt", ["yuv422p", "yuv444p", "yuvj444p", "nv12"])
def test_other_8_bit_yuv_keeps_its_luma(make, pix_fmt):
    picture = make.blank(64, 48, pix_fmt, 1)[0]
    converter = PlaneConverter(picture)
    assert converter.notes == (f"converted from {pix_fmt} to yuv420p",)
    planes = converter.convert(picture)
    np.testing.assert_array_equal(planes[:48], make.plane(picture, 0))
    chroma = split_planes(planes, "yuv420p")[1]
    assert chroma.shape == (24, 32)
    assert converter.is_full_range == (pix_fmt == "yuvj444p")


def test_nv12_is_only_taken_apart(make):
    picture = make.blank(64, 48, "nv12", 1)[0]
    pairs = np.frombuffer(picture.planes[1], np.uint8).reshape(24, picture.planes[1].line_size)[:, :64]
    _, blue, red = split_planes(PlaneConverter(picture).convert(picture), "yuv420p")
    np.testing.assert_array_equal(blue, pairs[:, 0::2])
    np.testing.assert_array_equal(red, pairs[:, 1::2])


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p10le"])
def test_ten_bits_are_rounded_once(tmp_path, pix_fmt, ffmpeg):
    path = tmp_path / "ten.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:duration=0.2", "-pix_fmt", pix_fmt, "-c:v", "ffv1", path)
    frame, info = first(path)
    assert info.notes == (f"converted from {pix_fmt} to yuv420p",)
    with av.open(str(path)) as container:
        plane = next(container.decode(video=0)).planes[0]
        deep = np.frombuffer(plane, "<u2").reshape(48, -1)[:, :64]
    assert np.abs(frame.luma().astype(int) - deep / 4).max() <= 1.01


@pytest.mark.parametrize("pix_fmt", ["gray", "ya8"])
def test_grey_becomes_luma_beside_neutral_chroma(make, pix_fmt):
    picture = make.blank(64, 48, pix_fmt, 1)[0]
    converter = PlaneConverter(picture)
    planes = converter.convert(picture)
    stored = np.frombuffer(picture.planes[0], np.uint8).reshape(48, -1)
    step = 2 if pix_fmt == "ya8" else 1
    np.testing.assert_array_equal(planes[:48], stored[:, : 64 * step : step])
    assert (planes[48:] == 128).all()
    assert converter.is_full_range
    lost = ", alpha dropped" if pix_fmt == "ya8" else ""
    assert converter.notes == (f"converted from {pix_fmt} to yuv420p{lost}",)


def test_alpha_is_dropped_with_a_note(make):
    array = np.random.default_rng(1).integers(0, 256, (48, 64, 4), dtype=np.uint8)
    picture = av.VideoFrame.from_ndarray(array, format="rgba")
    converter = PlaneConverter(picture)
    assert converter.notes == ("converted from rgba to rgb24, alpha dropped",)
    np.testing.assert_array_equal(converter.convert(picture), array[..., :3])


def test_palettes_become_rgb(tmp_path, ffmpeg):
    path = tmp_path / "pal.avi"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc=size=64x48:duration=0.2", "-c:v", "rawvideo", "-pix_fmt", "pal8", path
    )
    frame, info = first(path)
    raw = ffmpeg("-i", path, "-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    assert info.pix_fmt == "pal8"
    assert info.notes[0].startswith("converted from pal8 to rgb24")
    np.testing.assert_array_equal(frame.planes, np.frombuffer(raw, np.uint8).reshape(48, 64, 3))


def test_planes_rgb_converts_once_as_ffmpeg_does(data, ffmpeg):
    path = data / "clips/carphone_pristine.mp4"
    frame, info = first(path, planes="rgb")
    assert (info.layout, info.width, info.height) == ("rgb24", 176, 144)
    assert info.notes == ("converted from yuv420p to rgb24",)
    raw = ffmpeg("-i", path, "-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    wanted = np.frombuffer(raw, np.uint8).reshape(144, 176, 3)
    assert np.abs(frame.planes.astype(int) - wanted).mean() < 2


def test_planes_rgb_of_full_range_uses_the_full_range():
    picture = av.VideoFrame(64, 48, "yuv420p")
    for plane, value in zip(picture.planes, (255, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    picture.color_range = 2
    assert (PlaneConverter(picture, "rgb").convert(picture) == 255).all()
    for plane, value in zip(picture.planes, (235, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    picture.color_range = 1
    assert (PlaneConverter(picture, "rgb").convert(picture) >= 254).all()


@pytest.mark.parametrize("pix_fmt", ["rgb24", "bgr0", "gbrp"])
def test_planes_yuv_converts_rgb_to_bt709(pix_fmt):
    """Values of ITU-R BT.709: green has luma 0.7152, and limited range is 16 to 235."""
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[..., 1] = 255
    picture = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)
    converter = PlaneConverter(picture, "yuv")
    assert converter.layout == "yuv420p"
    assert converter.notes == (f"converted from {pix_fmt} to yuv420p",)
    values = [plane.mean() for plane in split_planes(converter.convert(picture), "yuv420p")]
    wanted = (16 + 219 * 0.7152, 128 - 224 * 0.7152 / 1.8556, 128 - 224 * 0.7152 / 1.5748)
    assert values == pytest.approx(wanted, abs=1)
    tags = converter.colour(av.CodecContext.create("rawvideo", "r"))
    assert (tags.range, tags.space, tags.primaries, tags.transfer) == (1, 1, 1, 1)


def test_planes_yuv_leaves_yuv_as_it_is(data):
    path = data / "clips/carphone_pristine.mp4"
    (native, info), (yuv, same) = first(path), first(path, planes="yuv")
    np.testing.assert_array_equal(native.planes, yuv.planes)
    assert info == same


def test_planes_yuv_pads_odd_sides(tmp_path):
    picture = av.VideoFrame.from_ndarray(np.full((33, 35, 3), 200, np.uint8), format="rgb24")
    converter = PlaneConverter(picture, "yuv")
    assert (converter.width, converter.height) == (36, 34)
    luma = split_planes(converter.convert(picture), "yuv420p")[0]
    assert np.ptp(luma) <= 1


@settings(max_examples=40)
@given(width=st.integers(32, 71), height=st.integers(32, 71), seed=st.integers(0, 9))
def test_odd_sizes_are_padded_by_their_edges(width, height, seed):
    rng = np.random.default_rng(seed)
    picture = av.VideoFrame(width, height, "yuv420p")
    parts = []
    for plane in picture.planes:
        plane.update(rng.integers(0, 256, plane.buffer_size, dtype=np.uint8).tobytes())
        stored = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        parts.append(stored[:, : plane.width].copy())
    converter = PlaneConverter(picture)
    luma, *chroma = split_planes(converter.convert(picture), "yuv420p")
    right, bottom = converter.padding
    assert (right, bottom) == (width % 2, height % 2)
    np.testing.assert_array_equal(luma, np.pad(parts[0], ((0, bottom), (0, right)), mode="edge"))
    for plane, part in zip(chroma, parts[1:], strict=True):
        np.testing.assert_array_equal(plane, part)
    assert bool(converter.notes) == bool(right or bottom)


def test_info_of_a_clip_with_odd_sides(tmp_path, make):
    path = make.clip(tmp_path / "odd.mkv", make.blank(65, 49, "yuv420p", 2), pix_fmt="yuv420p")
    _, info = first(path)
    assert (info.width, info.height, info.source_width, info.source_height) == (66, 50, 65, 49)
    assert info.padding == (1, 1)
    assert info.notes == ("padded from 65x49 to 66x50",)


def test_odd_rgb_needs_no_padding(tmp_path, make):
    arrays = make.noise(65, 49, 2, channels=3)
    pictures = [picture.reformat(format="bgr0") for picture in make.pictures(arrays, "rgb24")]
    frame, info = first(make.clip(tmp_path / "odd.mkv", pictures, pix_fmt="bgr0"))
    assert (info.padding, info.notes) == ((0, 0), ())
    np.testing.assert_array_equal(frame.planes, arrays[0])


@pytest.mark.parametrize(("degrees", "is_mirrored"), list(MATRICES))
def test_a_display_matrix_turns_the_planes_without_loss(tmp_path, make, ffmpeg, degrees, is_mirrored):
    stacks = make.noise(64, 48, 2)
    path = make.clip(
        tmp_path / "turned.mp4",
        make.pictures(stacks, "yuv420p"),
        codec="libx264",
        pix_fmt="yuv420p",
        options={"qp": "0"},
        matrix=MATRICES[degrees, is_mirrored],
    )
    frame, info = first(path)
    assert info.rotation_deg == degrees
    assert any("mirrored" in note for note in info.notes) == is_mirrored
    assert any(f"rotated by {degrees} degrees" in note for note in info.notes) == bool(degrees)
    for plane, source in zip(frame.split(), split_planes(stacks[0], "yuv420p"), strict=True):
        np.testing.assert_array_equal(plane, turned(source, degrees, is_mirrored))
    if degrees and not is_mirrored:
        raw = ffmpeg("-i", path, "-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
        assert frame.planes.tobytes() == raw


def test_turning_swaps_sides_and_pixel_aspect(tmp_path, make):
    path = make.clip(
        tmp_path / "turned.mp4",
        make.pictures(make.noise(64, 48, 2), "yuv420p"),
        codec="libx264",
        pix_fmt="yuv420p",
        matrix=MATRICES[90, False],
        tags={"sample_aspect_ratio": Fraction(4, 3)},
    )
    frame, info = first(path)
    assert (frame.width, frame.height) == (48, 64)
    assert (info.width, info.height, info.source_width, info.source_height) == (48, 64, 64, 48)
    assert info.pixel_aspect == Fraction(3, 4)


def test_a_matrix_at_another_angle_is_left_to_the_player(tmp_path, make):
    path = make.clip(
        tmp_path / "askew.mp4",
        make.pictures(make.noise(64, 48, 2), "yuv420p"),
        codec="libx264",
        pix_fmt="yuv420p",
        rotation=45,
    )
    frame, info = first(path)
    assert (frame.width, info.rotation_deg) == (64, 0)
    assert info.notes == ("a rotation that is not a multiple of 90 degrees was left to the player",)


@settings(max_examples=30)
@given(turn=st.builds(Turn, st.booleans(), st.booleans(), st.booleans()), seed=st.integers(0, 5))
def test_a_turn_is_mirroring_then_rotating(turn, seed):
    plane = np.random.default_rng(seed).integers(0, 256, (6, 8), dtype=np.uint8)
    np.testing.assert_array_equal(turn.apply(plane), turned(plane, turn.rotation_deg, turn.is_mirrored))


def test_another_size_is_refused():
    converter = PlaneConverter(av.VideoFrame(64, 48, "yuv420p"))
    with pytest.raises(VideoError, match="found '66x48'; allowed: 64x48"):
        converter.convert(av.VideoFrame(66, 48, "yuv420p"))
