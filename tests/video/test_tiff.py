"""Every page of a 16-bit TIFF is a thermal picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cssv.errors import ThermalError, VideoError
from cssv.perception.thermal.reader import ThermalReader
from cssv.scene.thermal import CENTIKELVIN
from cssv.video import CountPages, VideoReader


def write_pages(path, pages, **options):
    pictures = [Image.fromarray(page) for page in pages]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    return path


@pytest.fixture
def pages():
    rng = np.random.default_rng(3)
    return [rng.integers(29_000, 31_000, (30, 40), dtype=np.uint16) for _ in range(5)]


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}])
def test_all_pages_are_read(tmp_path, pages, options):
    path = write_pages(tmp_path / "stack.tif", pages, **options)
    stack = CountPages(path)
    assert (len(stack), stack.size) == (5, (40, 30))
    for _ in range(2):
        for (counts, time_s), page in zip(stack, pages, strict=True):
            np.testing.assert_array_equal(counts, page)
            assert time_s is None
    reader = ThermalReader(path, unit=CENTIKELVIN)
    assert not reader.is_still
    assert not reader.is_timed
    assert len(list(reader)) == 5
    np.testing.assert_allclose(next(iter(reader)).celsius, pages[0] * 0.01 - 273.15, atol=1e-3)


def test_big_endian_counts_are_read(tmp_path, pages):
    Image.frombytes("I;16B", (40, 30), pages[0].byteswap().tobytes()).save(tmp_path / "a.tif")
    (counts, _) = next(iter(CountPages(tmp_path / "a.tif")))
    np.testing.assert_array_equal(counts, pages[0])


def test_one_page_is_a_still_picture(tmp_path, pages):
    assert ThermalReader(write_pages(tmp_path / "a.tif", pages[:1]), unit=CENTIKELVIN).is_still


def test_pages_that_cannot_be_used(tmp_path, pages):
    eight = write_pages(tmp_path / "eight.tif", [page.astype(np.uint8) for page in pages])
    with pytest.raises(ThermalError, match="16-bit grey"):
        ThermalReader(eight, unit=CENTIKELVIN)
    unlike = write_pages(tmp_path / "unlike.tif", [pages[0], pages[1][:20]])
    with pytest.raises(VideoError, match="40x20"):
        list(CountPages(unlike))
    whole = write_pages(tmp_path / "whole.tif", pages).read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoError, match="damaged"):
        list(CountPages(tmp_path / "cut.tif"))


def test_several_pages_are_no_clip(tmp_path, pages):
    path = write_pages(tmp_path / "stack.tif", [np.dstack([page.astype(np.uint8)] * 3) for page in pages])
    with pytest.raises(VideoError, match=r"several pages is no clip: found .*5 pages.*folder"):
        VideoReader(path)


def test_a_real_stack(data):
    reader = ThermalReader(data / "cases/stack.tif", unit=CENTIKELVIN)
    with Image.open(data / "cases/stack.tif") as image:
        assert len(list(reader)) == image.n_frames > 1
