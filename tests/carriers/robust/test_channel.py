"""The channel on aligned frames: codewords through luma, noise, pieces, lost frames and slots, wrong keys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.robust import channel
from cssv.carriers.robust.calibration import log_likelihood_ratios
from cssv.carriers.robust.channel import ChannelReader, ChannelWriter
from cssv.carriers.robust.codewords import codeword_length, write_codeword
from cssv.carriers.robust.data_layer import BLOCK, DataLayer
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.qim import Strength
from cssv.carriers.robust.steps import STEPS, score_known_chips
from cssv.errors import FrameError, FramingError, OptionError

HEIGHT, WIDTH = 240, 320
AREA = BlockArea(0, 0, HEIGHT // BLOCK, WIDTH // BLOCK)
STRENGTH = Strength(32)
OTHER_KEY = bytes(range(32))


def cover(seed, height=HEIGHT, width=WIDTH):
    """A picture with texture of all frequencies, away from black and white."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    smooth = 40 * np.sin(x / 17 + seed) + 30 * np.cos(y / 11) + rng.normal(0, 9, (height, width))
    return np.clip(np.rint(128 + smooth), 0, 255).astype(np.uint8)


def embed(payloads, class_bytes=64, frames=2, strength=STRENGTH, key=PUBLIC_KEY):
    """(slot, luma) of all frames; two slots a window."""
    writer = ChannelWriter(HEIGHT, WIDTH, key)
    made = []
    for window, payload in enumerate(payloads):
        codeword = write_codeword(payload, class_bytes, key)
        for slot in (2 * window, 2 * window + 1):
            chips = writer.chips(codeword, slot)
            made += [(slot, writer.embed(cover(i), chips, slot, strength)) for i in range(frames)]
    return made


def read(frames, windows, classes=(64,), step=STRENGTH.step, area=AREA, key=PUBLIC_KEY):
    reader = ChannelReader(area, step, key)
    for slot, luma in frames:
        reader.add(luma, slot)
    return [reader.read_window(window, classes) for window in windows]


def known_scores(luma, step=STRENGTH.step, key=PUBLIC_KEY):
    layer = DataLayer(AREA, key)
    return score_known_chips(layer, layer.coefficients(luma), [step])[0]


def add_noise(frames, sigma, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (slot, np.clip(np.rint(luma + rng.normal(0, sigma, luma.shape)), 0, 255).astype(np.uint8))
        for slot, luma in frames
    ]


@settings(max_examples=15)
@given(st.lists(st.binary(max_size=59), min_size=1, max_size=3), st.floats(0, 5))
def test_round_trip_in_noise(payloads, sigma):
    frames = add_noise(embed(payloads), sigma)
    assert read(frames, range(len(payloads))) == payloads


@settings(max_examples=10)
@given(st.lists(st.sampled_from(STEPS[3:]), min_size=2, max_size=2), st.floats(0, 3))
def test_reader_finds_the_step_of_each_slot(steps, sigma):
    payloads = [b"first", b"second"]
    frames = []
    for window, (payload, step) in enumerate(zip(payloads, steps, strict=True)):
        made = (
            embed([payload], strength=Strength(step))
            if window == 0
            else embed(payloads, strength=Strength(step))
        )
        frames += made[-4:]
    reader = ChannelReader(AREA)
    for slot, luma in add_noise(frames, sigma):
        reader.add(luma, slot)
    assert [reader.step_of(slot) for slot in range(5)] == [steps[0], steps[0], steps[1], steps[1], None]
    assert [reader.read_window(window, (64,)) for window in (0, 1)] == payloads


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(0, 60))
def test_never_another_payload(seed, sigma):
    payload = np.random.default_rng(seed).bytes(59)
    (found,) = read(add_noise(embed([payload], frames=1), sigma, seed), [0])
    assert found in (payload, None)


def test_distortion_is_that_of_the_strength():
    luma = cover(0)
    writer = ChannelWriter(HEIGHT, WIDTH)
    bits = write_codeword(b"x", 64, PUBLIC_KEY)
    changed = writer.embed(luma, writer.chips(bits, 0), 0, STRENGTH)
    found = ((changed.astype(float) - luma) ** 2).mean()
    # Five coefficients in 256 pixels, and the rounding of pixels.
    assert found == pytest.approx(5 * STRENGTH.distortion / 256 + 1 / 12, rel=0.1)


def test_a_piece_reads_with_its_place():
    frames = embed([b"the room"])
    top, left = 3, 5
    piece = [(slot, luma[BLOCK * top :, BLOCK * left :]) for slot, luma in frames]
    area = BlockArea(top, left, AREA.rows - top, AREA.columns - left)
    assert read(piece, [0], area=area) == [b"the room"]
    assert read(piece, [0], area=BlockArea(top, left + 1, area.rows, area.columns - 1)) == [None]


def test_a_lost_slot_and_lost_blocks():
    """One slot of two has all bits of a small class; missing blocks are grey."""
    frames = embed([b"the room"], strength=Strength(45))
    assert read([frame for frame in frames if frame[0] == 1], [0], step=45) == [b"the room"]
    for _, luma in frames:
        luma[:96] = 128
    assert read(frames, [0], step=45) == [b"the room"]


def test_a_slot_number_needs_only_its_remainder():
    frames = [(slot + 8, luma) for slot, luma in embed([b"the room"])]
    assert read(frames, [4]) == [b"the room"]


def test_slots_of_another_window_say_nothing():
    frames = embed([b"first", b"second"])
    shifted = [(slot + 2, luma) for slot, luma in frames]
    assert read(shifted, [1, 2]) == [None, None]


def test_known_chips_tell_the_class_of_a_slot():
    for slot, luma in embed([b"first", b"second"], frames=1):
        scores = known_scores(luma)
        assert scores.argmax() == slot % 4
        assert scores.max() > 0.6
    assert np.abs(known_scores(cover(9))).max() < 0.4


@pytest.mark.parametrize(("step", "key"), [(STRENGTH.step, OTHER_KEY), (STRENGTH.step + 1, PUBLIC_KEY)])
def test_a_wrong_key_or_step_says_nothing(step, key):
    frames = embed([b"the room"])
    assert read(frames, [0], step=step, key=key) == [None]
    assert np.abs(known_scores(frames[0][1], step, key)).max() < 0.4


@pytest.mark.parametrize("name", ["cover", "flat", "noise"])
def test_unmarked_frames_say_nothing(name):
    rng = np.random.default_rng(0)
    pictures = {
        "cover": [cover(i) for i in range(8)],
        "flat": [np.full((HEIGHT, WIDTH), 128, np.uint8)] * 8,
        "noise": rng.integers(0, 256, (8, HEIGHT, WIDTH), dtype=np.uint8),
    }
    frames = list(enumerate(pictures[name]))
    assert read(frames, range(4), classes=(64, 96, 128)) == [None] * 4


def test_all_classes_are_tried_in_order():
    frames = embed([b"p" * 80], class_bytes=96, strength=Strength(45))
    assert read(frames, [0], classes=(64, 96, 128), step=45) == [b"p" * 80]
    assert read(frames, [0], classes=(64, 128), step=45) == [None]
    assert read(frames, [1], classes=(64, 96), step=45) == [None]


def test_frames_of_a_slot_can_be_forgotten():
    reader = ChannelReader(AREA, STRENGTH.step)
    reader.add(cover(0), 3)
    assert reader.ratios(3).any()
    reader.forget(3)
    assert not reader.ratios(3).any()
    with pytest.raises(FramingError, match="no frame of this slot"):
        reader.forget(3)


def test_ratios_follow_the_frames():
    """They are kept between calls, but not when another frame is added."""
    frames = embed([b"the room"], frames=2)
    reader, whole = ChannelReader(AREA, STRENGTH.step), ChannelReader(AREA, STRENGTH.step)
    for slot, luma in frames:
        reader.add(luma, slot)
        first = reader.ratios(slot)
        assert reader.ratios(slot) is first
    for slot, luma in frames:
        whole.add(luma, slot)
    for slot in (0, 1):
        np.testing.assert_array_equal(reader.ratios(slot), whole.ratios(slot))


def test_ratios_are_calibrated():
    """The share of errors among chips of equal certainty is what the ratio states."""
    writer = ChannelWriter(2 * HEIGHT, 2 * WIDTH)
    codeword = np.random.default_rng(0).integers(0, 2, codeword_length(192), dtype=np.uint8)
    reader = ChannelReader(writer.layer.area, STRENGTH.step)
    wrong, stated = [], []
    for slot in range(4):
        chips = writer.chips(codeword, slot)
        luma = writer.embed(cover(slot, 2 * HEIGHT, 2 * WIDTH), chips, slot, STRENGTH)
        ((_, luma),) = add_noise([(slot, luma)], 6, slot)
        reader.add(luma, slot)
        ratios = reader.ratios(slot)
        seen = ratios != 0
        wrong.append((ratios < 0)[seen] != chips[seen].astype(bool))
        stated.append(1 / (1 + np.exp(np.abs(ratios[seen]))))
    errors, expected = np.concatenate(wrong), np.concatenate(stated)
    for low, high in ((0.05, 0.15), (0.15, 0.3), (0.3, 0.5)):
        chosen = (expected >= low) & (expected < high)
        assert chosen.sum() > 200
        assert errors[chosen].mean() == pytest.approx(expected[chosen].mean(), abs=0.06)


def test_without_known_chips_nothing_is_certain():
    soft = np.ones((1, 1, 5), np.float32)
    known = np.zeros(soft.shape, bool)
    assert not log_likelihood_ratios(soft, soft[..., 0], known).any()


def test_the_codeword_is_embedded_without_change_of_the_cover():
    luma = cover(0)
    before = luma.copy()
    writer = ChannelWriter(HEIGHT, WIDTH)
    codeword = write_codeword(b"x", 64, PUBLIC_KEY)
    first = writer.embed(luma, writer.chips(codeword, 0), 0, STRENGTH)
    np.testing.assert_array_equal(luma, before)
    np.testing.assert_array_equal(first, writer.embed(luma, writer.chips(codeword, 0), 0, STRENGTH))


def test_wrong_arguments():
    with pytest.raises(FrameError, match="smaller than its blocks"):
        ChannelReader(AREA, 30).add(np.zeros((HEIGHT - 1, WIDTH), np.uint8), 0)
    with pytest.raises(OptionError, match="wrong length"):
        ChannelWriter(HEIGHT, WIDTH, b"short")


def test_the_memory_of_a_slot_is_bounded():
    frames = embed([b"payload"], frames=1)
    reader = ChannelReader(AREA, STRENGTH.step)
    kept = channel.MOST_SLOT_FRAMES
    for slot, luma in frames:
        found = reader.layer.coefficients(luma)
        for _ in range(kept + 5):
            reader.add_coefficients(found, slot)
    assert {len(each.coefficients) for each in reader._slots.values()} == {kept}
    assert reader.read_window(0, (64,)) == b"payload"
