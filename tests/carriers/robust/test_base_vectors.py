"""Golden vectors of the base layer, and its writer against a reader written from SPEC.md alone.

``CSSV_REGENERATE_VECTORS=1`` writes the vectors anew; see tests/vectors/robust_PROVENANCE.md for when.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from cssv.carriers.robust.base_layer import BASE_STEP, BaseLayer, BaseReader, BaseWriter
from cssv.carriers.robust.base_message import CODEWORD_BITS, write_base_codeword
from cssv.carriers.robust.keys import PUBLIC_KEY, keystream
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.marks import marks_transform
from cssv.carriers.robust.polar import polar_code
from cssv.carriers.robust.qim import Strength
from cssv.testing import robust_base_reader

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "robust_base_v1.json"
SPEC = (ROOT / "cssv/carriers/robust/SPEC.md").read_text(encoding="utf-8")
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"
KEY = bytes(range(32))
#: Height and width of the pictures, no multiples of a cell.
SIZES = {8: (600, 800), 32: (1000, 1500)}
MESSAGES = {8: b"identity", 32: bytes(range(32))}


def crc(values):
    return f"{zlib.crc32(np.ascontiguousarray(values).tobytes()):08x}"


def cover(size, number=0):
    """Arithmetic alone, so that no library's random numbers are in the vectors."""
    height, width = SIZES[size]
    y, x = np.mgrid[:height, :width]
    return (40 + (x // 7 + y // 5 + (x * y + 7 * number) % 11 + (x // 64 * (y // 64) % 7) * 5) % 170).astype(
        np.uint8
    )


def area_of(luma):
    return BlockArea(0, 0, *marks_transform().grid(*luma.shape))


def mark(luma, message):
    """The luma with the base layer alone."""
    before = marks_transform().forward(luma)
    changes = np.zeros_like(before)
    writer = BaseWriter(BaseLayer(area_of(luma), KEY), message)
    changes[..., 0] = writer.changes(np.ascontiguousarray(before[..., 0]), Strength(BASE_STEP, 0.7))
    return changes, marks_transform().add(luma, changes)


def vector(size):
    luma = cover(size)
    layer = BaseLayer(area_of(luma), KEY)
    changes, stego = mark(luma, MESSAGES[size])
    means = np.ascontiguousarray(marks_transform().forward(luma)[..., 0])
    positions = np.flatnonzero(polar_code(8 * size + 32, CODEWORD_BITS[size]).information)
    return {
        "bytes": size,
        "positions": crc(positions.astype(">u4")),
        "codeword": crc(np.packbits(write_base_codeword(MESSAGES[size], KEY))),
        "dithers": crc(layer.dithers),
        "bits": crc(layer.bits(CODEWORD_BITS[size]).astype(">u4")),
        "coefficients": crc(layer.coefficients(means).astype("<f4")),
        "changes": crc(changes[..., 0].astype("<f4")),
        "stego": crc(stego),
    }


def test_everything_is_that_of_the_vectors():
    made = [vector(size) for size in SIZES]
    if REGENERATE:
        VECTORS.write_text("[\n " + ",\n ".join(map(json.dumps, made)) + "\n]\n", encoding="utf-8")
    assert json.loads(VECTORS.read_text(encoding="utf-8")) == made


@pytest.mark.parametrize("size", [8, 32])
def test_both_readers_read_the_message(size):
    rng = np.random.default_rng(0)
    frames = []
    for number in range(3):
        _, stego = mark(cover(size, number), MESSAGES[size])
        frames.append(np.clip(np.rint(stego + rng.normal(0, 3, stego.shape)), 0, 255).astype(np.uint8))
    assert robust_base_reader.read(frames, KEY) == MESSAGES[size]
    assert robust_base_reader.read(frames, PUBLIC_KEY, (size,)) is None
    reader = BaseReader(area_of(frames[0]), KEY)
    for luma in frames:
        reader.add(np.ascontiguousarray(marks_transform().forward(luma)[..., 0]))
    assert reader.read() == MESSAGES[size]


@pytest.mark.parametrize("size", [8, 32])
def test_the_code_is_that_of_the_page(size):
    length = CODEWORD_BITS[size]
    code = polar_code(8 * size + 32, length)
    used = robust_base_reader.positions(8 * size + 32, length)
    assert used == np.flatnonzero(code.information).tolist()
    assert ", ".join(map(str, used[:6])) in SPEC
    bits = np.random.default_rng(0).integers(0, 2, code.bits, dtype=np.uint8)
    u = np.zeros(length, int)
    u[used] = bits
    np.testing.assert_array_equal(code.encode(bits), robust_base_reader.to_codeword(u.tolist()))


def test_the_values_of_the_page():
    layer = BaseLayer(BlockArea(0, 0, 4, 4), KEY)
    shown = [
        keystream(KEY, b"base mask" + (8).to_bytes(4, "big"), 16).hex(),
        " ".join(map(str, layer.dithers[0, 0])),
        *(np.packbits(write_base_codeword(each, KEY))[:16].tobytes().hex() for each in MESSAGES.values()),
        f"the step {BASE_STEP} ",
    ]
    for text in shown:
        assert text in SPEC


def test_coefficients_are_those_of_the_page():
    luma = np.random.default_rng(0).integers(0, 256, (150, 270), dtype=np.uint8)
    means = np.ascontiguousarray(marks_transform().forward(luma)[..., 0])
    found = BaseLayer(area_of(luma)).coefficients(means)
    np.testing.assert_allclose(found, robust_base_reader.coefficients(luma), atol=0.5)
