"""On real footage: the decibels of the issue, and crops of real textures."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from cssv.carriers.constructive.matching import embed_bits, extract_bits
from cssv.carriers.constructive.windows import embed_window, read_windows
from cssv.video import VideoReader

PAYLOAD = bytes(range(118))


@pytest.fixture(scope="module")
def covers(data):
    with VideoReader(data / "clips" / "vtest.avi") as reader:
        return [frame.planes for frame in islice(reader, 20)]


def psnr(covers, stego):
    squares = [np.mean((a.astype(float) - b) ** 2) for a, b in zip(covers, stego, strict=True)]
    return 10 * np.log10(255**2 / np.mean(squares))


def test_the_room_is_in_every_part_at_86_db(studio, covers):
    stego = embed_window(covers, "yuv420p", PAYLOAD, 0)
    assert psnr(covers, stego) > 86
    assert all(not ((a ^ b) & 0xF0).any() for a, b in zip(covers, stego, strict=True))
    for left, top in ((0, 0), (608, 416), (318, 202), (18, 398)):
        found = read_windows(studio.crop(stego, "yuv420p", left, top), "yuv420p")
        assert [window.payload for window in found] == [PAYLOAD]


@pytest.mark.parametrize(("k", "least"), [(1, 90), (6, 95), (16, 98)])
def test_once_a_frame_costs_90_db_by_matching_and_less_by_matrices(studio, covers, k, least):
    bits = np.unpackbits(np.frombuffer(bytes(range(10)), np.uint8))
    stego = [embed_bits(planes, bits, studio.key, k) for planes in covers]
    assert psnr(covers, stego) > least
    assert all(np.array_equal(extract_bits(planes, 80, studio.key, k), bits) for planes in stego)
