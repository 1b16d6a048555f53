"""Slots of long clips, followed while frames arrive."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from cssv.carriers.robust import follow
from cssv.carriers.robust.data_layer import DataLayer
from cssv.carriers.robust.follow import MEMORY_S, SAMPLE_S, ClockFollower
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.slot_search import SlotClock
from cssv.carriers.robust.steps import STEPS

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
