"""Parts of a clip: the frames and times of the whole, counted from 0."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.pipeline.clip_parts import PartPlan, choose_places, widen
from cssv.pipeline.clip_plan import ClipPlan
from cssv.testing.clips import COUNT, HEIGHT, WIDTH
from cssv.video import Span


@pytest.fixture(scope="module")
def plan(clips):
    return ClipPlan.open(clips / "clip.mkv")


@pytest.fixture(scope="module")
def frames(plan):
    with plan.reader() as reader:
        return list(reader)


@pytest.mark.parametrize("place", [range(5, 9), range(3), range(COUNT - 2, COUNT)])
def test_a_part_has_the_frames_of_the_clip(plan, frames, place):
    part = PartPlan.cut(plan, place)
    loaded = part.loaded()
    assert len(part) == len(loaded) == len(place)
    for each in (part, loaded):
        with each.reader() as reader:
            assert reader.timestamps() == [frames[number].pts for number in place]
            for _ in range(2):
                found = list(reader)
                assert [frame.number for frame in found] == list(range(len(place)))
                for frame, number in zip(found, place, strict=True):
                    assert frame.pts == frames[number].pts
                    assert np.array_equal(frame.planes, frames[number].planes)
            reader.seek(1)
            assert [frame.number for frame in reader] == list(range(1, len(place)))


def test_a_part_of_a_part_of_the_clip(clips, frames):
    span = Span(Fraction(frames[4].pts) * frames[4].time_base)
    plan = ClipPlan.open(clips / "clip.mkv", span=span)
    part = PartPlan.cut(plan, range(2, 5)).loaded()
    assert [frame.pts for frame in part.frames] == [frame.pts for frame in frames[6:9]]
    assert part.first == 6


def test_other_planes_are_read_from_the_clip(plan):
    part = PartPlan.cut(plan, range(2, 4)).loaded()
    with part.reader("rgb") as reader:
        assert [frame.layout for frame in reader] == ["rgb24"] * 2
    assert part.audio() is None


def test_places_are_equally_distant_and_bounded(plan):
    pixels = 3 * 4 * WIDTH * HEIGHT
    assert choose_places(plan, 3, 4, pixels, 1) == [range(3, 7), range(10, 14), range(16, 20)]
    assert choose_places(plan, 3, 4, pixels // 2, 1)[0] == range(3, 5)
    assert [len(place) for place in choose_places(plan, 3, 4, 0, 2)] == [2, 2, 2]
    assert choose_places(plan, 3, 8, 10 * pixels, 1) == [range(COUNT)]


@given(st.data())
def test_a_wider_place_holds_the_place_and_lies_in_the_clip(data):
    frames = data.draw(st.integers(1, 100))
    start = data.draw(st.integers(0, frames - 1))
    place = range(start, data.draw(st.integers(start + 1, frames)))
    wide = widen(place, data.draw(st.integers(0, 120)), frames)
    assert 0 <= wide.start <= place.start
    assert place.stop <= wide.stop <= frames
