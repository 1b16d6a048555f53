"""Formats that FFmpeg does not read are refused by name, with a way out."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import cssv
from cssv.errors import ThermalError, VideoError
from cssv.perception.thermal.reader import ThermalReader
from cssv.scene.thermal import CENTIKELVIN
from cssv.video import VideoReader


@pytest.mark.parametrize("start", [b"FFF\0", b"AFF\0"])
@pytest.mark.parametrize("name", ["a.seq", "a.csq", "a.bin"])
def test_flir_recordings(tmp_path, start, name):
    (tmp_path / name).write_bytes(start + bytes(range(256)) * 40)
    with pytest.raises(VideoError, match=r"SEQ, CSQ.*16-bit pictures"):
        cssv.info(tmp_path / name)
    with pytest.raises(ThermalError, match=r"SEQ, CSQ.*16-bit pictures"):
        ThermalReader(tmp_path / name, unit=CENTIKELVIN)


def squares(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 96, 3), dtype=np.uint8))


def test_animated_webp(tmp_path):
    squares(0).save(tmp_path / "a.webp", save_all=True, append_images=[squares(1)], duration=100)
    with pytest.raises(VideoError, match=r"animated WebP is not read.*animated PNG or GIF"):
        VideoReader(tmp_path / "a.webp")


@pytest.mark.parametrize("options", [{}, {"exif": Image.Exif()}, {"lossless": True}])
def test_a_still_webp_is_read(tmp_path, options):
    squares(0).save(tmp_path / "a.webp", **options)
    with VideoReader(tmp_path / "a.webp") as reader:
        assert sum(1 for _ in reader) == 1


def test_a_real_animated_webp(data):
    with pytest.raises(VideoError, match="animated WebP"):
        cssv.encode(data / "cases/anim.webp", "never.cssv")
