"""Cropping that the container asks for is applied, as players do."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import av
import numpy as np
import pytest

import cssv
from cssv.testing.clips import Truth, write_clip
from cssv.video import VideoReader
from cssv.video.crop import crop_of

WIDTH, HEIGHT = 192, 160


def with_pixel_crop(path, **sides):
    """Put a crop into a Matroska file, in the place of its colour tags, which have as many bytes."""
    kinds = {"left": "54CC", "top": "54BB", "right": "54DD", "bottom": "54AA"}
    content = bytearray(path.read_bytes())
    at = content.index(b"\x55\xb0", content.index(bytes.fromhex("1654AE6B")))
    end = at + 3 + (content[at + 2] & 0x7F)
    crops = b"".join(bytes.fromhex(kinds[side]) + bytes([0x81, value]) for side, value in sides.items())
    left = end - at - len(crops) - 2
    content[at:end] = crops + bytes([0xEC, 0x80 | left]) + bytes(left)
    path.write_bytes(content)
    return path


def write_mkv(path):
    return write_clip(
        path, count=3, tags={"colorspace": 5, "color_primaries": 6, "color_trc": 6, "color_range": 1}
    )


def with_aperture(path, clean, shift=(0, 0)):
    """Add a clean aperture to the video's sample entry of an MP4 whose index is at its end."""
    content = path.read_bytes()
    moov = content.index(b"moov") - 4
    assert moov > content.index(b"mdat")
    numbers = (clean[0], 1, clean[1], 1, shift[0], 1, shift[1], 1)
    box = struct.pack(">I4s4I4i", 40, b"clap", *numbers)
    entry = content.index(b"avc1", content.index(b"stsd")) - 4
    end = entry + struct.unpack_from(">I", content, entry)[0]
    made = bytearray(content[:end] + box + content[end:])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        at = made.index(kind, moov if kind != b"avc1" else entry) - 4
        struct.pack_into(">I", made, at, struct.unpack_from(">I", made, at)[0] + len(box))
    path.write_bytes(made)
    return path


def read(path, **options):
    with VideoReader(path, **options) as reader:
        return next(iter(reader)).planes, reader.info


@pytest.mark.parametrize(
    ("sides", "window"),
    [
        ({"left": 16, "top": 8, "right": 32, "bottom": 24}, (slice(8, 136), slice(16, 160))),
        ({"left": 16}, (slice(0, 160), slice(16, 192))),
        # Chroma has no odd columns: one more column and line stay.
        ({"left": 3, "top": 5}, (slice(4, 160), slice(2, 192))),
    ],
)
def test_pixel_crop_of_matroska(tmp_path, sides, window):
    whole, _ = read(write_mkv(tmp_path / "whole.mkv"))
    planes, info = read(with_pixel_crop(write_mkv(tmp_path / "a.mkv"), **sides))
    wanted = whole[:HEIGHT][window]
    assert (info.height, info.width) == wanted.shape
    np.testing.assert_array_equal(planes[: info.height], wanted)
    rows, columns = window
    chroma = whole[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    wanted = chroma[:, rows.start // 2 : rows.stop // 2, columns.start // 2 : columns.stop // 2]
    np.testing.assert_array_equal(planes[info.height :].reshape(wanted.shape), wanted)
    assert f"cropped to {info.width}x{info.height}, as the file asks" in info.notes
    assert (info.source_width, info.source_height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("rotation", [None, 90])
def test_clean_aperture_of_mp4(tmp_path, rotation):
    if rotation and not hasattr(av.VideoStream, "set_display_rotation"):
        pytest.skip("this PyAV cannot write display matrices")
    clip = write_clip(tmp_path / "whole.mp4", codec="libx264", count=3, rotation=rotation)
    whole, unturned = read(clip, planes="rgb")
    path = write_clip(tmp_path / "a.mp4", codec="libx264", count=3, rotation=rotation)
    planes, info = read(with_aperture(path, (128, 96), (10, -6)), planes="rgb")
    # The offset is that of the centre: 32 + 10 columns at the left, 32 - 6 lines at the top.
    quarters = unturned.rotation_deg // 90
    wanted = np.rot90(whole, quarters)[26:122, 42:170]
    np.testing.assert_array_equal(planes, np.rot90(wanted, -quarters))
    assert (info.width, info.height) == ((96, 128) if rotation else (128, 96))


@pytest.mark.parametrize("clean", [(0, 96), (500, 96), (WIDTH, HEIGHT)])
def test_an_impossible_or_whole_aperture_changes_nothing(tmp_path, clean):
    path = with_aperture(write_clip(tmp_path / "a.mp4", codec="libx264", count=3), clean)
    _, info = read(path)
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert info.notes == ()


def test_a_cropped_clip_is_encoded_as_it_is_shown(data, tmp_path):
    path = data / "cases/crop.mkv"
    done = cssv.encode(path, tmp_path / "a.cssv", detector=Truth())
    video = cssv.info(tmp_path / "a.cssv").video
    assert (video.width, video.height) == (192 - 16 - 32, 160 - 8 - 24)
    assert any("cropped to 144x128" in note for note in done.notes)
    # The copy of its pixels is not cropped once more.
    assert not video.notes


@pytest.mark.parametrize("name", ["crop.mkv", "interl.mp4"])
def test_damaged_descriptions_give_a_crop_that_fits(tmp_path, data, name):
    content = (data / "cases" / name).read_bytes()
    moov = content.index(b"moov") if name.endswith("mp4") else 0
    container = SimpleNamespace(format=SimpleNamespace(name="mov" if moov else "matroska"))
    context = SimpleNamespace(width=WIDTH, height=HEIGHT)
    stream = SimpleNamespace(id=1, index=0, codec_context=context)
    broken = tmp_path / name
    for at in range(moov, moov + 700, 3):
        for value in (0, 0x7F, 0xFF):
            broken.write_bytes(content[:at] + bytes([value]) + content[at + 1 : at + 5000])
            assert crop_of(container, broken, stream).fits(WIDTH, HEIGHT)
