"""Identity of a clip: its text form, its short form, and a reader of it in received frames."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.robust.identification import Identification
from cssv.carriers.robust.identity import (
    IDENTITY_BYTES,
    find_identity,
    read_identity,
    shorten,
)
from cssv.carriers.robust.marks import MarkWriter
from cssv.carriers.robust.qim import Strength
from cssv.errors import OptionError
from cssv.frames import Frame
from cssv.scene import Environment, Scene, Value

HEIGHT, WIDTH, RATE = 576, 768, 4
IDENTITY = bytes(range(IDENTITY_BYTES))


def frame(number, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.normal(128, 40, (HEIGHT // 8, WIDTH // 8)).astype(np.float32)
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    planes[:HEIGHT] = np.clip(cv2.resize(coarse, (WIDTH, HEIGHT)), 16, 235)
    return Frame(planes, "yuv420p", number, Fraction(1, RATE), number)


def marked(seconds, identity=IDENTITY):
    """Frames with all layers; payloads of zeros."""
    writer, found = MarkWriter(HEIGHT, WIDTH, identity=identity), []
    for number in range(seconds * RATE):
        cover, slot = frame(number), number // RATE
        planes = cover.planes.copy()
        chips = writer.chips(np.zeros(24 * 64, np.uint8), slot)
        planes[:HEIGHT] = writer.embed(cover.luma(), chips, slot, Strength(34))
        found.append(replace(cover, planes=planes))
    return found


def read(frames):
    identification = Identification()
    for each in frames:
        if (found := identification.add(each)) is not None:
            return found
    return identification.finish()


@given(st.binary(min_size=IDENTITY_BYTES, max_size=IDENTITY_BYTES))
def test_the_text_form_round_trips(identity):
    assert read_identity(identity.hex()) == identity


@pytest.mark.parametrize("text", ["", "00", "x" * 64, "0" * 63, "0" * 65, "AB" * 32])
def test_other_texts_are_no_identities(text):
    with pytest.raises(OptionError):
        read_identity(text)


def test_clip_and_scene_have_a_half_each():
    one, warm = Scene(), Scene(environment=Environment(humidity_pct=Value(50.0)))
    base = find_identity(frame(0), one)
    other_scene, other_clip = find_identity(frame(0), warm), find_identity(frame(0, seed=1), one)
    half = IDENTITY_BYTES // 2
    assert base[:half] == other_scene[:half]
    assert base[half:] != other_scene[half:]
    assert base[half:] == other_clip[half:]
    assert base[:half] != other_clip[:half]


def test_a_short_identity_begins_both_halves():
    assert shorten(IDENTITY, 8) == IDENTITY[:4] + IDENTITY[16:20]
    assert shorten(IDENTITY, IDENTITY_BYTES) == IDENTITY


def test_the_identity_is_read_from_frames():
    assert read(marked(6)) == shorten(IDENTITY, 8)


def test_the_identity_is_read_from_a_part_that_was_scaled():
    received = []
    for each in marked(8)[3:]:
        luma = cv2.resize(each.luma(), (WIDTH * 3 // 4, HEIGHT * 3 // 4), interpolation=cv2.INTER_AREA)
        planes = np.full((luma.shape[0] * 3 // 2, luma.shape[1]), 128, np.uint8)
        planes[: luma.shape[0]] = luma
        received.append(replace(each, planes=planes))
    assert read(received) == shorten(IDENTITY, 8)


def test_plain_frames_have_no_identity():
    assert read([frame(number) for number in range(6 * RATE)]) is None
    assert read([]) is None
    rgb = Frame(np.zeros((48, 64, 3), np.uint8), "rgb24", 0, Fraction(1, RATE), 0)
    assert read([rgb]) is None
