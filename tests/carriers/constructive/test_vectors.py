"""Golden vectors: every machine embeds the same bytes, and those of SPEC.md are right.

``CSSV_REGENERATE_VECTORS=1`` writes them anew; see tests/vectors/constructive_PROVENANCE.md for when.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import numpy as np

from cssv.carriers.constructive.embedding import embed_slot
from cssv.carriers.constructive.keys import PUBLIC_KEY, keystream, packet_mask, place_order
from cssv.carriers.constructive.packets import split_payload
from cssv.carriers.constructive.slots import modes
from cssv.frames import planes_shape, split_planes

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "constructive_v1.json"
SPEC = (ROOT / "cssv" / "carriers" / "constructive" / "SPEC.md").read_text(encoding="utf-8")
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"
#: Sides that are no multiples of a tile, and more tiles than kinds.
SIZE = (190, 166)


def smooth_cover(layout, number):
    """A cover that is arithmetic alone, so that no library's random numbers are in the vectors."""
    planes = np.zeros(planes_shape(layout, *SIZE), np.uint8)
    for i, plane in enumerate(split_planes(planes, layout)):
        y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
        plane[...] = (
            60 * i + x // 3 + y // 2 + (x * y + 7 * number) % 11 + (x * x + 3 * y * number) % 5
        ) & 255
    return planes


def vector(mode, key):
    stego = [smooth_cover(mode.layout, number) for number in range(mode.frames)]
    payload = bytes((37 * i + mode.k) & 255 for i in range(mode.data_bytes))
    (packet,) = split_payload(payload, mode.packet_bytes)
    embed_slot(stego, mode, packet.write(), key, (300, 0))
    return {
        "layout": mode.layout,
        "k": mode.k,
        "packet": f"{zlib.crc32(packet.write()):08x}",
        "stego": [f"{zlib.crc32(planes.data):08x}" for planes in stego],
    }


def test_stego_frames_are_those_of_the_vectors(studio):
    made = [vector(mode, studio.key) for layout in ("yuv420p", "rgb24") for mode in modes(layout)]
    if REGENERATE:
        VECTORS.write_text("[\n" + ",\n".join(map(json.dumps, made)) + "\n]\n", encoding="utf-8")
    assert json.loads(VECTORS.read_text(encoding="utf-8")) == made


def test_the_vectors_of_the_page(studio):
    key = studio.key
    shown = [
        keystream(key, b"places", 16).hex(),
        " ".join(map(str, place_order(key, 600, 512)[:8])),
        " ".join(map(str, place_order(key, 1200, 1024)[:8])),
        np.packbits(packet_mask(key, 9, 441)[:32]).tobytes().hex(),
        PUBLIC_KEY.hex(),
        *(packet.write().hex() for packet in split_payload(b"the room", 13, 1)),
    ]
    for text in shown:
        assert text in SPEC


def test_the_table_of_the_page():
    for layout in ("yuv420p", "rgb24"):
        data = [str(mode.data_bytes) for mode in reversed(modes(layout))]
        frames = [str(mode.frames) for mode in reversed(modes(layout))]
        assert f"| `{layout}`, D | {' | '.join(data)} |" in SPEC
        assert f"| frames | {' | '.join(frames)} |" in SPEC
