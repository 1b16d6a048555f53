"""Hostile clips: payloads that hold anything with a right checksum, times and sizes that claim anything."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.base import Hint
from cssv.carriers.robust import extractor as module
from cssv.carriers.robust.carrier import RobustCarrier
from cssv.carriers.robust.codewords import OVERHEAD, PAYLOAD_CLASSES, class_for, write_codeword
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.marks import MarkWriter
from cssv.carriers.robust.qim import Strength
from cssv.carriers.window_payload import payload_window
from cssv.errors import CssvError
from cssv.payload.window_bytes import write_window
from cssv.testing.carrier import content_of, smooth_frame, some_objects

SIZE, RATE, COUNT = (512, 384), Fraction(4), 8
STRENGTH = Strength(34)


def covers(count=COUNT, rate=RATE):
    return [smooth_frame("yuv420p", number, 1, SIZE, rate) for number in range(count)]


def carrying(payload, frames):
    """The frames of one window with a payload of any bytes, and a right checksum."""
    writer = MarkWriter(SIZE[1], SIZE[0])
    codeword = write_codeword(payload, class_for(len(payload)), PUBLIC_KEY)
    found = []
    for frame in frames:
        slot = int(frame.time) % 2
        planes = frame.planes.copy()
        planes[: SIZE[1]] = writer.embed(frame.luma(), writer.chips(codeword, slot), slot, STRENGTH)
        found.append(replace(frame, planes=planes))
    return found


def extract(frames):
    extractor, found = RobustCarrier().extractor(), []
    for frame in frames:
        found += list(extractor.feed(frame, Hint()))
    return found + list(extractor.finish())


def window(**changes):
    contents = [content_of(frame, some_objects()) for frame in covers()]
    return replace(payload_window(contents, 0, SIZE).window, **changes)


@settings(max_examples=15)
@given(st.binary(min_size=1, max_size=PAYLOAD_CLASSES[2] - OVERHEAD))
def test_any_bytes_give_frames_without_content(payload):
    found = extract(carrying(payload, covers()))
    assert len(found) == COUNT
    assert all(each is None or each.is_missing or each.is_intact for _, each in found)


@pytest.mark.parametrize("size", [(32, 32), (16384, 16384), (16384, 32), (32, 16384)])
def test_a_window_may_claim_any_size(size):
    found = extract(carrying(write_window(window(size=size)), covers()))
    assert [each.is_intact for _, each in found] == [True] * COUNT
    frame, content = found[0]
    try:
        assert content.heat.shape == frame.planes.shape
    except CssvError:
        # Too large to be drawn.
        assert size[0] * size[1] > 1 << 26


@pytest.mark.parametrize("first", [0, 7, 2**40])
def test_a_window_may_claim_any_times(first):
    claimed = window()
    moved = replace(claimed, number=min(first, 2**31), pts=tuple(pts + first for pts in claimed.pts))
    found = extract(carrying(write_window(moved), covers()))
    assert len(found) == COUNT
    assert all(each is None or each.pts >= 0 for _, each in found)


def test_frames_of_any_rate_wait_in_bounded_memory(monkeypatch):
    frames = covers(64, Fraction(10_000))
    monkeypatch.setattr(module, "MOST_BYTES", 20 * frames[0].planes.nbytes)
    extractor, waiting, most = RobustCarrier().extractor(), 0, 0
    for frame in frames:
        waiting += 1 - len(list(extractor.feed(frame, Hint())))
        most = max(most, waiting)
    assert most <= 20
    assert waiting == len(list(extractor.finish()))


def test_still_black_and_white_pictures_carry_nothing():
    for level in (0, 255):
        plain = [replace(frame, planes=np.full_like(frame.planes, level)) for frame in covers(20)]
        assert [each for _, each in extract(plain)] == [None] * 20
