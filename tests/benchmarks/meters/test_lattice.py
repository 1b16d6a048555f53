"""The lattice of RGB codes of pictures decoded from YUV."""

from __future__ import annotations

import numpy as np
import pytest
from meters.lattice import lattice_of, to_rgb
from rivals.bits import match_bits, replace_bits

from cssv.frames import split_planes
from cssv.testing.clips import write_clip
from cssv.video import VideoReader
from tests.benchmarks.meters.conftest import smooth_cover


@pytest.fixture(scope="module")
def lattice():
    return lattice_of(to_rgb)


def yuv_planes(seed):
    planes = np.empty((192, 128), np.uint8)
    for part, plane in enumerate(split_planes(planes, "yuv420p")):
        plane[...] = smooth_cover(seed + part, plane.shape[::-1])
    return planes


def test_a_small_part_of_the_codes_occurs(lattice):
    assert lattice.share_of_codes == pytest.approx(0.176, abs=0.002)


def test_decoded_pictures_lie_on_the_lattice_whatever_their_planes_carry(lattice):
    planes = yuv_planes(3)
    assert lattice.share_outside(to_rgb(planes)) == 0
    stego = match_bits(planes, 1, np.random.default_rng(0))
    assert lattice.share_outside(to_rgb(stego)) == 0


@pytest.mark.parametrize("rate", [0.01, 0.1, 1])
def test_embedding_in_rgb_leaves_the_lattice(lattice, rate):
    # A pixel stays on the lattice if none of its three samples changes, each by half of the rate, or by
    # chance: a code beside the lattice's is one of its codes in at most every third case.
    picture = to_rgb(yuv_planes(3))
    stego = replace_bits(picture, rate, np.random.default_rng(1))
    changed = 1 - (1 - rate / 2) ** 3
    assert 0.5 * changed < lattice.share_outside(stego) <= 1.1 * changed


def test_pictures_of_the_reader_lie_on_the_lattice(lattice, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", count=2)
    with VideoReader(clip, planes="rgb") as reader:
        for frame in reader:
            assert lattice.share_outside(frame.planes) == 0


def test_every_combination_is_converted():
    seen = set()

    def note(planes):
        luma, blue, red = (plane.astype(np.uint32) for plane in split_planes(planes, "yuv420p"))
        wide = [np.repeat(np.repeat(chroma, 2, 0), 2, 1) for chroma in (blue, red)]
        seen.add(np.unique(luma << 16 | wide[0] << 8 | wide[1]).size)
        return np.zeros((4096, 4096, 3), np.uint8)

    assert lattice_of(note).share_of_codes == 1 / (1 << 24)
    assert seen == {1 << 24}
