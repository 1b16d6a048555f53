"""Slots of long clips, followed while frames arrive."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from cssv.carriers.robust import follow
from cssv.carriers.robust.codewords import write_codeword
from cssv.carriers.robust.data_layer import DataLayer
from cssv.carriers.robust.follow import MEMORY_S, SAMPLE_S, ClockFollower
from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.lock import Lock
from cssv.carriers.robust.marks import MarkWriter
from cssv.carriers.robust.qim import Strength
from cssv.carriers.robust.slot_search import SlotClock
from cssv.carriers.robust.steps import STEPS
from cssv.carriers.robust.window_reader import WindowReader
from cssv.frames import Frame

LAYER = DataLayer(BlockArea(0, 0, 12, 20))
#: Phases: the beginning of a slot is known to one frame.
START = SlotClock(0, 20.0)


@pytest.fixture(autouse=True)
def frames_are_slots(monkeypatch):
    """Frames in these tests are numbers of slots: their known chips agree in the class of the slot alone."""
    rng = np.random.default_rng(0)

    def score(_, slot):
        table = rng.normal(0, 0.05, (len(STEPS), 4))
        if slot is not None:
            table[slot // 2 % 3 + 4, slot % 4] += 0.4
        return table

    monkeypatch.setattr(follow, "score_known_chips", score)


def follow_clip(times, slots, clock=START):
    """Slots by the follower, and the follower."""
    follower = ClockFollower(clock, LAYER)
    return [follower.add(time, slot).slot(time) for time, slot in zip(times, slots, strict=True)], follower


@pytest.mark.parametrize("scale", [Fraction(25, 24), Fraction(24, 25)])
def test_a_speed_that_the_lock_missed_is_found(scale):
    times = [Fraction(n, 10) for n in range(450)]
    sent = [int(time * scale) for time in times]
    found, follower = follow_clip(times, sent)
    assert follower.clock.time_scale == scale
    # Without the follower, the last slots would be almost two off.
    right = [a == b for a, b in zip(found, sent, strict=True)]
    assert np.mean(right) > 0.9
    assert np.mean(right[250:]) > 0.95
    assert len(follower._memory) <= MEMORY_S / SAMPLE_S + 1


def test_windows_of_a_long_copy_at_another_speed(studio, monkeypatch):
    """A reader that keeps the clock of the first seconds loses all windows after half a minute."""
    monkeypatch.undo()
    scene = np.rint(studio.texture(256, 192)).clip(0, 255).astype(np.uint8)
    writer, scale, rate = MarkWriter(192, 256, studio.key), Fraction(25, 24), 6
    reader = WindowReader(Lock(Geometry.identity(256, 192), START), studio.key)
    stego: dict[int, np.ndarray] = {}
    read = []
    for number in range(40 * rate):
        time = Fraction(number, rate)
        slot = int(time * scale)
        if slot not in stego:
            codeword = write_codeword(bytes([slot // 2]), 64, studio.key)
            stego[slot] = writer.embed(scene, writer.chips(codeword, slot), slot, Strength(28))
        planes = np.pad(stego[slot], ((0, 96), (0, 0)), constant_values=128)
        read += reader.add(Frame(planes, "yuv420p", number, Fraction(1, rate)))
    found = [each.payload for each in read]
    assert reader.lock.geometry.time_scale == reader.lock.clock.time_scale == scale
    assert sum(bytes([window]) in found for window in range(20)) >= 18


def test_a_clock_that_is_right_stays():
    times = [Fraction(n, 25) for n in range(400)]
    found, follower = follow_clip(times, [int(time) for time in times])
    assert follower.clock is START
    assert found == [int(time) for time in times]


@pytest.mark.parametrize("jump", [1, 2, 3, -1])
def test_a_clip_that_goes_on_at_another_place(jump):
    """After a cut the numbers go on forward, and agree modulo 4."""
    times = [Fraction(n, 8) for n in range(320)]
    slots = [int(time + (jump if time >= 15 else 0) + Fraction(1, 4) * (time >= 15)) for time in times]
    found, _ = follow_clip(times, slots)
    behind = [(a - b) % 4 == 0 for a, b, time in zip(found, slots, times, strict=True) if time >= 23]
    assert np.mean(behind) > 0.9
    assert all(b >= a for a, b in pairwise(found))


def test_where_nothing_is_seen_the_clock_goes_on():
    times = [Fraction(n, 8) for n in range(320)]
    slots = [int(time) if time < 8 or time > 28 else None for time in times]
    found, follower = follow_clip(times, slots)
    assert found == [int(time) for time in times]
    assert follower.clock is START


def test_times_that_go_back_are_no_error():
    times = [Fraction(n % 60, 8) for n in range(240)]
    found, _ = follow_clip(times, [int(time) for time in times])
    assert found == [int(time) for time in times]


def test_times_far_from_zero_and_with_holes():
    times = [10**30 + Fraction(n, 8) + (n >= 150) * 10**25 for n in range(300)]
    found, _ = follow_clip(times, [int(time) for time in times])
    assert found == [int(time) for time in times]
