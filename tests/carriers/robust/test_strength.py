"""Choice of the strength: text forms, interpolation, the weakest step, and a trial on frames."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.robust.codewords import PAYLOAD_CLASSES
from cssv.carriers.robust.qim import Strength
from cssv.carriers.robust.recoding import RECODING_CODECS, Recoding, read_recodings, write_recodings
from cssv.carriers.robust.steps import STEPS
from cssv.carriers.robust.strength import (
    FLOOR_DB,
    TRIAL_STEPS,
    Response,
    carries,
    largest_class,
    psnr_db,
    steps_above_floor,
    strength_of_psnr,
    weakest_step,
)
from cssv.carriers.robust.trial import measure_response
from cssv.errors import OptionError
from cssv.frames import Frame
from cssv.video.lossy_copy import COPY_CODECS, lossy_copy

SIZE = (768, 576)
RESPONSES = st.lists(st.floats(0, 1), min_size=len(TRIAL_STEPS), max_size=len(TRIAL_STEPS)).map(
    lambda bits: Response(tuple(sorted(bits)))
)


@given(
    st.lists(
        st.builds(Recoding, st.sampled_from(["h264", "hevc", "vp9", "av1"]), st.integers(0, 51)), min_size=1
    )
)
def test_recodings_round_trip(recodings):
    assert read_recodings(write_recodings(tuple(recodings))) == tuple(recodings)


@pytest.mark.parametrize(
    "text", ["", "h264", "h264-", "-28", "h264-x", "h264-99", "mpeg2-3", "h264-28,", "h264-028", "h264-²"]
)
def test_other_texts_are_no_recodings(text):
    with pytest.raises(OptionError):
        read_recodings(text)


@given(RESPONSES)
def test_responses_round_trip(response):
    again = Response.from_text(str(response))
    assert again.bits == pytest.approx(response.bits, abs=1e-4)
    assert str(again) == str(response)


@pytest.mark.parametrize("text", ["", "0.1", "0,0,2", "0,0,nan", "a,b,c", "0,0,0,0"])
def test_other_texts_are_no_responses(text):
    with pytest.raises(OptionError):
        Response.from_text(text)


@given(RESPONSES)
def test_a_larger_step_never_keeps_less(response):
    found = [response.at(step) for step in STEPS]
    assert all(0 <= bits <= 1 for bits in found)
    assert np.all(np.diff(found) >= -1e-12)


@given(RESPONSES, st.sampled_from(PAYLOAD_CLASSES), st.integers(0, 100_000))
def test_the_step_is_the_weakest_that_carries(response, size, chips):
    step = weakest_step(response, size, chips, SIZE)
    carrying = [each for each in steps_above_floor(SIZE) if carries(response.at(each), size, chips)]
    assert step == (carrying[0] if carrying else None)
    assert all(largest_class(response.at(each), chips) >= size for each in carrying)


def test_no_step_is_stronger_than_the_floor_allows():
    assert all(psnr_db(Strength(step), SIZE) >= FLOOR_DB for step in steps_above_floor(SIZE))
    beyond = [step for step in STEPS if step not in steps_above_floor(SIZE)]
    assert beyond
    assert all(psnr_db(Strength(step), SIZE) < FLOOR_DB for step in beyond)


@given(st.floats(40, 50.5))
def test_a_strength_in_db_is_kept(decibel):
    strength = strength_of_psnr(decibel, SIZE)
    assert psnr_db(strength, SIZE) >= decibel
    stronger = STEPS[STEPS.index(strength.step) + 1]
    assert psnr_db(Strength(stronger), SIZE) < decibel


@pytest.mark.parametrize("decibel", [0, 35.9, 60, float("nan"), float("inf")])
def test_no_strength_is_that_strong_or_weak(decibel):
    with pytest.raises(OptionError):
        strength_of_psnr(decibel, SIZE)


def test_every_codec_of_a_recoding_makes_copies():
    assert {name: most for name, (_, _, most) in COPY_CODECS.items()} == RECODING_CODECS


def test_a_worse_quality_keeps_less():
    rng = np.random.default_rng(3)
    texture = np.repeat(np.repeat(rng.integers(90, 160, (18, 32)), 8, 0), 8, 1)
    frames = []
    for number in range(5):
        planes = np.full((216, 256), 128, np.uint8)
        planes[:144] = np.clip(texture + rng.normal(0, 3, texture.shape), 0, 255)
        frames.append(Frame(planes, "yuv420p", number, Fraction(1, 5), number))
    good, bad, both = (
        measure_response([frames], Fraction(5), [Recoding("h264", crf) for crf in crfs], lossy_copy)
        for crfs in ((20,), (38,), (20, 38))
    )
    assert all(one > other for one, other in zip(good.bits, bad.bits, strict=True))
    assert both == good.worst(bad)
