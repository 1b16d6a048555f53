"""Golden vectors: every machine draws the same codes and embeds the same bytes.

``CSSV_REGENERATE_VECTORS=1`` writes them anew; see tests/vectors/robust_PROVENANCE.md for when.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import numpy as np

from cssv.carriers.robust.channel import ChannelReader, ChannelWriter
from cssv.carriers.robust.codewords import OVERHEAD, PAYLOAD_CLASSES, codeword_length, write_codeword
from cssv.carriers.robust.data_layer import FREQUENCIES, LAYER, data_transform
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lattice import BlockArea, chip_bits
from cssv.carriers.robust.ldpc import group_checks
from cssv.carriers.robust.qim import SLOT_CLASSES, Strength, dither_bytes

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "robust_v1.json"
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"
KEY = bytes(range(32))
#: Sides that are no multiples of a block.
HEIGHT, WIDTH = 250, 330


def crc(values):
    return f"{zlib.crc32(np.ascontiguousarray(values).tobytes()):08x}"


def pattern_payload(class_bytes):
    return bytes((37 * i + class_bytes) & 255 for i in range(class_bytes - OVERHEAD))


def smooth_cover(number):
    """A cover that is arithmetic alone, so that no library's random numbers are in the vectors."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return ((x // 3 + y // 2 + (x * y + 7 * number) % 11 + (x * x + 3 * y) % 5) & 255).astype(np.uint8)


def code_vector(class_bytes):
    rows = group_checks(8 * class_bytes)
    return {
        "class": class_bytes,
        "first": list(rows[0]),
        "last": list(rows[-1]),
        "numbers": crc(np.array([x for row in rows for x in row], ">u4")),
        "codeword": crc(np.packbits(write_codeword(pattern_payload(class_bytes), class_bytes, KEY))),
    }


def slot_vector(slot):
    codeword = write_codeword(pattern_payload(192), 192, KEY)
    writer = ChannelWriter(HEIGHT, WIDTH, KEY)
    luma = smooth_cover(slot)
    return {
        "slot": slot,
        "coefficients": crc(data_transform().forward(luma).astype("<f4")),
        "dithers": crc(
            dither_bytes(KEY, LAYER + bytes([slot % SLOT_CLASSES]), 32, (2, 3, 10, 12), len(FREQUENCIES))
        ),
        "chips": crc(
            chip_bits(BlockArea(2, 3, 10, 12), len(FREQUENCIES), slot % 2, codeword_length(192)).astype(">u4")
        ),
        "stego": crc(writer.embed(luma, writer.chips(codeword, slot), slot, Strength(32, 0.7))),
    }


def test_codes_and_stego_frames_are_those_of_the_vectors():
    made = {
        "codes": [code_vector(each) for each in PAYLOAD_CLASSES],
        "slots": [slot_vector(slot) for slot in range(SLOT_CLASSES)],
    }
    if REGENERATE:
        lines = [
            f' "{name}": [\n  ' + ",\n  ".join(map(json.dumps, each)) + "\n ]" for name, each in made.items()
        ]
        VECTORS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    assert json.loads(VECTORS.read_text(encoding="utf-8")) == made


def test_the_stego_frames_of_the_vectors_can_be_read():
    payload = pattern_payload(64)
    codeword = write_codeword(payload, 64, KEY)
    writer = ChannelWriter(HEIGHT, WIDTH, KEY)
    reader = ChannelReader(writer.layer.area, 32, KEY)
    for slot in (0, 1):
        reader.add(writer.embed(smooth_cover(slot), writer.chips(codeword, slot), slot, Strength(32)), slot)
    assert reader.read_window(0, (64,)) == payload


def test_the_public_key():
    assert PUBLIC_KEY.hex() == "39ee63d39b12ff15443ea77ebe3c2410539f5ff17274f12f273e92a408f95b6c"
