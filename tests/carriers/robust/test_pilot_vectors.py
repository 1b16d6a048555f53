"""Golden vectors of the pilot, and the package's writer against a reader written from SPEC.md alone.

``CSSV_REGENERATE_VECTORS=1`` writes the vectors anew; see tests/vectors/robust_PROVENANCE.md for when.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from cssv.carriers.robust.codewords import write_codeword
from cssv.carriers.robust.keys import keystream
from cssv.carriers.robust.marks import MarkWriter, pilot_amplitude
from cssv.carriers.robust.pilot import PLANE, pilot_signs
from cssv.carriers.robust.qim import Strength
from cssv.testing import robust_pilot_reader

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "robust_pilot_v1.json"
SPEC = (ROOT / "cssv/carriers/robust/SPEC.md").read_text(encoding="utf-8")
KEY = bytes(range(32))
HEIGHT, WIDTH = 208, 304


def crc(values):
    return f"{zlib.crc32(np.ascontiguousarray(values).tobytes()):08x}"


def cover(height, width):
    """Arithmetic alone, so that no library's random numbers are in the vectors."""
    y, x = np.mgrid[:height, :width]
    return (60 + (x // 3 + y // 2 + (x * y) % 11 + (x * x + 3 * y) % 5) % 128).astype(np.uint8)


def stego(slot, step=28, height=HEIGHT, width=WIDTH):
    writer = MarkWriter(height, width, KEY)
    codeword = write_codeword(b"the room", 64, KEY)
    return writer.embed(cover(height, width), writer.chips(codeword, slot), slot, Strength(step))


def test_signs_and_stego_frames_are_those_of_the_vectors():
    made = {
        "signs": crc(pilot_signs(KEY).astype(np.int8)),
        "stego": [
            {"slot": slot, "step": step, "luma": crc(stego(slot, step))}
            for slot, step in ((0, 28), (1, 28), (2, 40))
        ],
    }
    if os.environ.get("CSSV_REGENERATE_VECTORS") == "1":
        VECTORS.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    assert json.loads(VECTORS.read_text(encoding="utf-8")) == made


def test_the_signs_are_those_of_the_second_reader():
    assert np.array_equal(robust_pilot_reader.signs(KEY), pilot_signs(KEY))


def test_the_bytes_of_the_page():
    stream = keystream(KEY, b"pilot", 4096)
    assert stream[:16].hex() in SPEC
    assert f"bytes 160 to 163, in row 5, are {stream[160:164].hex()}" in SPEC


@pytest.mark.parametrize("step", [17, 48])
def test_the_amplitude_follows_the_step(step):
    flat = np.full((HEIGHT, WIDTH), 128, np.uint8)
    writer = MarkWriter(HEIGHT, WIDTH, KEY)
    chips = np.zeros((HEIGHT // 16, WIDTH // 16, 5), np.uint8)
    frames = [(slot, writer.embed(flat, chips, slot, Strength(step))) for slot in range(4)]
    for amplitude in robust_pilot_reader.amplitudes(frames, KEY):
        assert amplitude == pytest.approx(pilot_amplitude(Strength(step)), abs=0.15)


def test_the_second_reader_finds_the_place_of_a_piece():
    x, y = 37, 51
    piece = [np.ascontiguousarray(stego(slot)[y:, x:]) for slot in (3, 4)]
    place = robust_pilot_reader.find_place(piece[:1], piece[1:], KEY)
    assert (place.left % PLANE, place.top % PLANE, place.first_is_even) == (x, y, False)
    assert place.score > 10
    assert robust_pilot_reader.find_place(piece[:1], piece[1:], bytes(32)).score < 7
