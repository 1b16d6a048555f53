"""The package's writer against a second reader written from SPEC.md alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cssv.carriers.robust.channel import ChannelReader, ChannelWriter
from cssv.carriers.robust.codewords import PAYLOAD_CLASSES, write_codeword
from cssv.carriers.robust.data_layer import data_transform
from cssv.carriers.robust.keys import PUBLIC_KEY, keystream
from cssv.carriers.robust.ldpc import code_of, group_checks
from cssv.carriers.robust.qim import Strength, dither_bytes
from cssv.carriers.robust.steps import STEPS
from cssv.testing import robust_reader

KEY = bytes(range(32))
SPEC = (Path(__file__).resolve().parents[3] / "cssv/carriers/robust/SPEC.md").read_text(encoding="utf-8")
HEIGHT, WIDTH = 250, 330


def clip(payloads, class_bytes, sigma, seed=0):
    """(slot, luma) of one frame a slot."""
    rng = np.random.default_rng(seed)
    writer = ChannelWriter(HEIGHT, WIDTH, KEY)
    frames = []
    for slot in range(2 * len(payloads)):
        chips = writer.chips(write_codeword(payloads[slot // 2], class_bytes, KEY), slot)
        luma = rng.integers(60, 190, (HEIGHT, WIDTH)).astype(np.uint8)
        stego = writer.embed(luma, chips, slot, Strength(28))
        noisy = stego + rng.normal(0, sigma, stego.shape)
        frames.append((slot, np.clip(np.rint(noisy), 0, 255).astype(np.uint8)))
    return frames


@pytest.mark.parametrize("sigma", [0, 3])
def test_payloads_are_the_same(sigma):
    payloads = [b"first", b"", bytes(range(59))]
    frames = clip(payloads, 64, sigma)
    assert robust_reader.read(frames, 28, KEY, (64,)) == dict(enumerate(payloads))
    reader = ChannelReader(ChannelWriter(HEIGHT, WIDTH).layer.area, 28, KEY)
    for slot, luma in frames:
        reader.add(luma, slot)
    assert [reader.read_window(window) for window in range(3)] == payloads


def test_a_larger_class_and_wrong_arguments():
    frames = clip([bytes(70)], 96, 0)
    assert robust_reader.read(frames, 28, KEY, (64, 96)) == {0: bytes(70)}
    assert robust_reader.read(frames, 24, KEY, (96,)) == {}
    assert robust_reader.read(frames, 28, PUBLIC_KEY, (96,)) == {}


@pytest.mark.parametrize("class_bytes", PAYLOAD_CLASSES)
def test_codes_are_the_same(class_bytes):
    bits = 8 * class_bytes
    assert robust_reader.rows_of(bits) == [list(row) for row in group_checks(bits)]
    word = code_of(bits).encode(np.random.default_rng(0).integers(0, 2, bits, dtype=np.uint8)).tolist()
    assert not any(sum(word[i] for i in check) % 2 for check in robust_reader.checks_of(bits))


def test_keys_and_coefficients_are_the_same():
    assert robust_reader.public_key() == PUBLIC_KEY
    luma = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    np.testing.assert_allclose(data_transform().forward(luma), robust_reader.coefficients(luma), atol=1)


def test_the_values_of_the_page():
    shown = [
        PUBLIC_KEY.hex(),
        keystream(KEY, b"mask" + (64).to_bytes(4, "big"), 16).hex(),
        *(" ".join(map(str, group_checks(512)[group])) for group in (0, 63)),
        " ".join(map(str, dither_bytes(KEY, b"data\0", 28, (0, 0, 1, 1), 5).ravel())),
        np.packbits(write_codeword(b"the room", 64, KEY))[:16].tobytes().hex(),
        ", ".join(map(str, STEPS)),
    ]
    for text in shown:
        assert text in SPEC
