"""Beginnings of packets, against a slow search of every place."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.carriers.constructive.heads import heads_of
from cssv.carriers.constructive.slots import frame_bits, magic_bits, modes, slot_bits
from cssv.carriers.constructive.tiles import STEP, cut_clip, picture_size, tile_samples


def every_head(clip, layout, key):
    """By products of matrices, tile by tile."""
    width, height = picture_size(clip[0], layout)
    found = set()
    for top in range(0, min(20, height - 139), STEP[layout]):
        for left in range(0, min(20, width - 139), STEP[layout]):
            samples = tile_samples(cut_clip(clip, layout, (left, top, 140, 140)), layout)
            for mode in modes(layout):
                bits = slot_bits(frame_bits(samples, key, mode), mode)
                both = np.concatenate([bits, np.roll(bits, -1, axis=2)], axis=-1)
                wanted = magic_bits(key, mode)
                hits = np.argwhere((both[..., :16] == wanted).all(axis=-1))
                found |= {(mode, int(f), left + 20 * int(c), top + 20 * int(r)) for f, r, c in hits}
    return found


@pytest.mark.parametrize(
    ("layout", "frames", "size"),
    [
        ("yuv420p", 70, (144, 142)),
        ("yuv420p", 140, (140, 140)),
        ("yuv420p", 12, (160, 160)),
        ("yuv420p", 1, (160, 160)),
        ("rgb24", 66, (142, 141)),
        ("rgb24", 3, (142, 143)),
    ],
)
def test_heads_are_those_of_a_slow_search(studio, layout, frames, size):
    clip = np.stack(studio.covers(frames, layout, size, seed=frames))
    found = list(heads_of(clip, layout, studio.key))
    assert set(found) == every_head(clip, layout, studio.key)
    assert len(set(found)) == len(found)
    # Chance gives some, so that the comparison is one of more than nothing.
    assert found or frames < 10


def test_a_constant_picture_has_no_heads(studio):
    for value in (16, 255):
        clip = np.full((40, 240, 160), value, np.uint8)
        assert list(heads_of(clip, "yuv420p", studio.key)) == []
