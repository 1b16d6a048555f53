"""Side data of kinds that PyAV cannot name must not keep a picture from being read."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from cssv.video import CountVideo, VideoReader
from cssv.video.side_data import side_data_of


def picture_with_exif(path, orientation=None):
    """A JPEG of coloured squares, with an Exif block."""
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    if orientation is not None:
        exif[0x0112] = orientation
    picture = Image.fromarray(np.kron(squares, np.ones((16, 16, 1), np.uint8)))
    picture.save(path, exif=exif, quality=95, subsampling=0)
    return path


def test_the_display_matrix_is_found_beside_kinds_without_a_name(tmp_path):
    path = picture_with_exif(tmp_path / "a.jpg", orientation=6)
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
    found = side_data_of(picture)
    # The matrix is kept, whatever stands before or behind it.
    assert len(found["DISPLAYMATRIX"]) == 36


@pytest.mark.parametrize("orientation", [None, 1, 2, 3, 4, 5, 6, 7, 8])
def test_a_jpeg_with_exif_is_turned_as_pillow_turns_it(tmp_path, orientation):
    path = picture_with_exif(tmp_path / "a.jpg", orientation)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    with VideoReader(path, planes="rgb") as reader:
        planes = next(iter(reader)).planes
    assert planes.shape == upright.shape
    assert np.abs(planes.astype(int) - upright).max() <= 2


def test_a_clip_of_jpegs_with_exif_is_read(tmp_path):
    coded = picture_with_exif(tmp_path / "a.jpg").read_bytes()
    path = tmp_path / "camera.mjpeg"
    path.write_bytes(coded * 3)
    with VideoReader(path) as reader:
        assert sum(1 for _ in reader) == 3


@pytest.mark.parametrize("name", ["mjpeg_exif.avi", "mjpeg_exif.mov"])
def test_real_clips_with_exif_are_read(data, name):
    with VideoReader(data / "cases" / name) as reader:
        assert sum(1 for _ in reader) == 10


def test_a_thermal_picture_with_exif_is_read(tmp_path):
    """One page of a TIFF, which FFmpeg reads with its tags as Exif."""
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    counts = np.arange(120 * 160, dtype=np.uint16).reshape(120, 160)
    Image.fromarray(counts).save(tmp_path / "a.tif", exif=exif)
    found, _ = next(iter(CountVideo(tmp_path / "a.tif")))
    np.testing.assert_array_equal(found, counts)


def test_every_entry_that_pyav_can_name_is_kept(tmp_path, make):
    pictures = make.pictures(make.noise(64, 48, 2), "yuv420p")
    path = make.clip(tmp_path / "a.mp4", pictures, codec="libx264", rotation=90)
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
        named = {each.type.name: bytes(each) for each in picture.side_data}
    assert side_data_of(picture) == named
    assert "DISPLAYMATRIX" in named
