"""The base layer on real footage, below the other layers, through H.264 at CRF 40."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice

import numpy as np
import pytest

from cssv.carriers.robust.base_layer import BaseReader
from cssv.carriers.robust.codewords import write_codeword
from cssv.carriers.robust.identity import shorten
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.marks import MarkWriter, marks_transform
from cssv.carriers.robust.pilot import slot_of
from cssv.carriers.robust.qim import Strength
from cssv.testing.received import transcode
from cssv.video import VideoReader

RATE = Fraction(10)
IDENTITY = bytes(range(32))
MESSAGE = shorten(IDENTITY, 8)
HEIGHT, WIDTH = 576, 768
AREA = BlockArea(0, 0, HEIGHT // 16, WIDTH // 16)


@pytest.fixture(scope="module")
def covers(data):
    """10 s of a clip. How many pieces of clips can be read is in benchmarks/README.md."""
    with VideoReader(data / "clips" / "vtest.avi") as reader:
        return [frame.planes for frame in islice(reader, 400, 500)]


def means_of(planes):
    return np.ascontiguousarray(marks_transform().forward(planes[:HEIGHT])[..., 0])


@pytest.fixture(scope="module")
def marked(covers, studio):
    """The same with all layers."""
    writer = MarkWriter(HEIGHT, WIDTH, studio.key, IDENTITY)
    rng = np.random.default_rng(0)
    codewords = [write_codeword(rng.bytes(100), 128, studio.key) for _ in range(5)]
    pictures = []
    for number, planes in enumerate(covers):
        slot = slot_of(number / RATE)
        chips = writer.chips(codewords[slot // 2], slot)
        stego = planes.copy()
        stego[:HEIGHT] = writer.embed(planes[:HEIGHT], chips, slot, Strength(24))
        pictures.append(stego)
    return pictures


def receive(pictures, key):
    reader = BaseReader(AREA, key)
    for planes in transcode(pictures, RATE, 40):
        reader.add(means_of(planes))
    return reader


def test_the_message_comes_back_from_10_s_at_crf_40(marked, studio):
    reader = receive(marked, studio.key)
    assert reader.read() == MESSAGE
    assert reader.score > 2


def test_all_layers_together_are_above_48_db(covers, marked):
    errors = [
        np.mean((a[:HEIGHT].astype(np.float32) - b[:HEIGHT]) ** 2)
        for a, b in zip(covers, marked, strict=True)
    ]
    assert 10 * np.log10(255**2 / np.mean(errors)) > 48


def test_nothing_is_read_from_the_cover(covers, studio):
    assert receive(covers, studio.key).read() is None
