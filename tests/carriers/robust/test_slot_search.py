"""The step and the times of the slots, found by the known chips."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.robust.channel import ChannelReader, ChannelWriter
from cssv.carriers.robust.codewords import write_codeword
from cssv.carriers.robust.data_layer import DataLayer
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.qim import Strength
from cssv.carriers.robust.slot_search import LEAST_SIGMAS, PHASES, SlotClock, find_clock
from cssv.carriers.robust.steps import STEPS, score_known_chips
from cssv.errors import OptionError

HEIGHT, WIDTH = 240, 320
WRITER = ChannelWriter(HEIGHT, WIDTH)
LAYER = WRITER.layer
KNOWN = int(LAYER.known.sum())


def cover(seed):
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(128, 30, (HEIGHT, WIDTH)), 0, 255).astype(np.uint8)


def clip(step, rate, cut, seconds=5, sigma=0.0):
    """Times from 0, and luma, of a clip whose first frames were cut off.

    ``step`` may be a sequence: one for each window.
    """
    rng = np.random.default_rng(0)
    times, frames, still = [], [], cover(1)
    for number in range(int(seconds * rate)):
        slot = int((number + cut) / rate)
        codeword = write_codeword(bytes([slot // 2]), 64, PUBLIC_KEY)
        strength = Strength(step if isinstance(step, int) else step[slot // 2 % len(step)])
        stego = WRITER.embed(still, WRITER.chips(codeword, slot), slot, strength)
        noisy = np.clip(np.rint(stego + rng.normal(0, sigma, stego.shape)), 0, 255) if sigma else stego
        times.append(Fraction(number) / rate)
        frames.append(noisy.astype(np.uint8))
    return times, frames


def search(times, frames, key=PUBLIC_KEY):
    layer = DataLayer(LAYER.area, key)
    scores = [score_known_chips(layer, layer.coefficients(luma)) for luma in frames]
    return find_clock(times, scores, KNOWN)


@settings(max_examples=10)
@given(
    st.sampled_from(STEPS[2:]),
    st.sampled_from([Fraction(10), Fraction(25, 2), Fraction(30000, 4004)]),
    st.integers(0, 60),
)
def test_step_and_slots_after_a_cut(step, rate, cut):
    times, frames = clip(step, rate, cut)
    clock = search(times, frames)
    assert clock is not None
    assert clock.time_scale == 1
    assert clock.sigmas > 15
    for number, time in enumerate(times):
        assert clock.slot(time) % 4 == int((number + cut) / rate) % 4


@settings(max_examples=6)
@given(st.lists(st.sampled_from(STEPS[2:]), min_size=2, max_size=4), st.integers(0, 60))
def test_steps_that_differ_between_windows(steps, cut):
    times, frames = clip(steps, Fraction(10), cut)
    clock = search(times, frames)
    assert clock is not None
    assert clock.sigmas > 15
    for number, time in enumerate(times):
        assert clock.slot(time) % 4 == (number + cut) // 10 % 4


@pytest.mark.parametrize("scale", [Fraction(25, 24), Fraction(24, 25)])
@pytest.mark.parametrize("start", [Fraction(-1234567, 1000), Fraction(10**30, 3)])
def test_another_speed_and_times_from_any_origin(scale, start):
    sent, frames = clip(28, Fraction(24), 7, seconds=6)
    sent = [time + Fraction(7, 24) for time in sent]
    received = [start + time / scale for time in sent]
    clock = search(received, frames)
    assert clock is not None
    assert clock.time_scale == scale
    right = [clock.slot(time) % 4 == int(at) % 4 for time, at in zip(received, sent, strict=True)]
    assert sum(right) >= len(right) - 1


def test_windows_are_read_with_the_clock():
    times, frames = clip(28, Fraction(10), 17, seconds=6, sigma=3)
    clock = search(times, frames)
    assert clock is not None
    reader = ChannelReader(LAYER.area, 28)
    for time, luma in zip(times, frames, strict=True):
        reader.add(luma, clock.slot(time))
    found = {reader.read_window(window, (64,)) for window in range(5)}
    # The first window was cut in its last .3 s, the last one in its first second.
    assert {bytes([1]), bytes([2])} <= found <= {bytes([0]), bytes([1]), bytes([2]), bytes([3]), None}


@pytest.mark.parametrize("key", [PUBLIC_KEY, bytes(32)])
def test_nothing_is_found_where_nothing_is(key):
    times = [Fraction(number, 5) for number in range(25)]
    assert search(times, [cover(1)] * 25, key) is None
    assert search(times, [cover(number) for number in range(25)], key) is None
    assert search(times, [np.full((HEIGHT, WIDTH), 16, np.uint8)] * 25, key) is None


def test_a_wrong_key_finds_nothing():
    assert search(*clip(28, Fraction(5), 0), key=bytes(32)) is None


@pytest.mark.parametrize("moving", [0.0, 0.5, 1.0])
def test_scores_of_nothing_are_below_the_bound(moving):
    """Cosines of random phases, in a scene that stands still, or changes from frame to frame."""
    rng = np.random.default_rng(3)
    times = [Fraction(number, 4) for number in range(20)]
    most = []
    for _ in range(60):
        still, frames = rng.normal(size=(1, len(STEPS), 4)), rng.normal(size=(20, len(STEPS), 4))
        table = (np.sqrt(1 - moving) * still + np.sqrt(moving) * frames) * np.sqrt(0.5 / KNOWN)
        most.append(find_clock(times, list(table), KNOWN, least_sigmas=-9).sigmas)
    assert -1 < np.median(most) < 2.5
    assert max(most) < LEAST_SIGMAS - 2


def test_weak_chips_are_found_where_the_scene_moves():
    """Noise that differs from frame to frame averages out over the frames."""
    rng = np.random.default_rng(4)
    times = [Fraction(number, 8) for number in range(48)]
    table = rng.normal(size=(48, len(STEPS), 4)) * np.sqrt(0.5 / KNOWN)
    for i, time in enumerate(times):
        table[i, (5, 7, 3)[int(time) // 2], int(time) % 4] += 0.14
    clock = find_clock(times, list(table), KNOWN)
    assert clock is not None
    assert all(clock.slot(time) % 4 == int(time) % 4 for time in times)


def test_a_clip_without_frames_or_known_chips():
    assert find_clock([], [], KNOWN) is None
    assert find_clock([Fraction(0)], [np.zeros((len(STEPS), 4))], 0) is None
    with pytest.raises(OptionError, match="as many scores"):
        find_clock([Fraction(0)], [], KNOWN)
    with pytest.raises(OptionError, match="one step"):
        find_clock([Fraction(0)], [np.zeros((1, 4))], KNOWN)


def test_times_before_zero():
    clock = SlotClock(PHASES // 2, 10.0)
    assert [clock.slot(Fraction(n, 4)) for n in (-3, -2, -1, 0, 1, 2, 5)] == [-1, 0, 0, 0, 0, 1, 1]
