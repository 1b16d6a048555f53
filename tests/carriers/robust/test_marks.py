"""All layers in one frame: none disturbs another, and the distortion is the one that is promised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.robust.channel import ChannelReader
from cssv.carriers.robust.codewords import write_codeword
from cssv.carriers.robust.data_layer import BLOCK
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.marks import MarkWriter, marks_distortion, marks_transform, pilot_amplitude
from cssv.carriers.robust.pilot import pilot_signs
from cssv.carriers.robust.qim import Strength

HEIGHT, WIDTH = 240, 328
PAYLOADS = (b"first", b"second")


def cover(seed, height=HEIGHT, width=WIDTH):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    smooth = 40 * np.sin(x / 17 + seed) + 30 * np.cos(y / 11) + rng.normal(0, 9, (height, width))
    return np.clip(np.rint(128 + smooth), 0, 255).astype(np.uint8)


def embed(luma, slot, strength, payload=b"payload"):
    writer = MarkWriter(*luma.shape)
    return writer.embed(luma, writer.chips(write_codeword(payload, 64, PUBLIC_KEY), slot), slot, strength)


@pytest.mark.parametrize("step", [20, 28, 57])
def test_the_squared_change_is_the_expected_one(step):
    strength = Strength(step)
    found = np.mean([np.square(embed(cover(n), n, strength).astype(float) - cover(n)) for n in range(4)])
    whole = (HEIGHT // BLOCK) * (WIDTH // BLOCK) * BLOCK**2 / (HEIGHT * WIDTH)
    assert found == pytest.approx(marks_distortion(strength, (WIDTH, HEIGHT)) * whole, rel=0.12)


def test_pixels_outside_of_whole_blocks_stay():
    luma = cover(1)
    assert np.array_equal(
        embed(luma, 0, Strength(40))[:, WIDTH // BLOCK * BLOCK :], luma[:, WIDTH // BLOCK * BLOCK :]
    )


@given(st.integers(0, 7), st.sampled_from([20, 34]))
def test_the_pilot_adds_its_amplitude_with_the_sign_of_the_slot(slot, step):
    luma, strength = cover(slot), Strength(step)
    before, after = (marks_transform().forward(each) for each in (luma, embed(luma, slot, strength)))
    rows, columns = before.shape[:2]
    signs = pilot_signs(PUBLIC_KEY)[:rows, :columns] * (1 - 2 * (slot % 2))
    found = float(((after - before)[..., -2:] * signs).mean())
    assert found == pytest.approx(pilot_amplitude(strength), abs=0.1)


@given(st.sampled_from([20, 28, 44]))
def test_payloads_come_back_beside_the_other_layers(step):
    reader = ChannelReader(MarkWriter(HEIGHT, WIDTH).layer.area)
    for slot in range(4):
        reader.add(embed(cover(slot), slot, Strength(step), PAYLOADS[slot // 2]), slot)
    assert [reader.read_window(window) for window in (0, 1)] == list(PAYLOADS)
