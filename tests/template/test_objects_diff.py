"""Differences between the objects of two frames, and their tally over many frames."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.scene import Source, Value
from cssv.template.drawing import Selector
from cssv.template.objects_diff import MOVING, RANGES_BOUND, ChangeTally, compare_objects
from cssv.template.state import ObjectState

COURIER = ObjectState(
    track=3,
    label="person",
    score=0.9,
    box_px=(10.0, 20.0, 30.0, 40.0),
    velocity_px_s=(3.0, -4.0),
    past_px_s=(3.0, -4.0),
    future_px_s=(3.0, -4.0),
    sigma_px_s=2.0,
    temperature_c=Value(36.2),
    density_kg_m3=Value(985.0, 25.0, Source.ESTIMATED),
    name="courier",
    selector=Selector.RINGS,
)


# ---- objects


@pytest.mark.parametrize(
    ("after", "line"),
    [
        ({"temperature_c": Value(37.9)}, "temperature 36.2 °C -> 37.9 °C"),
        ({"temperature_c": Value(36.2, 0.5)}, "temperature 36.2 °C -> 36.2 ± 0.5 °C"),
        ({"temperature_c": Value(36.2, None, Source.UNKNOWN)}, "temperature 36.2 °C -> 36.2 °C (unknown)"),
        ({"temperature_c": None}, "temperature 36.2 °C -> not given"),
        (
            {"density_kg_m3": Value(900.0)},
            "density 985 ± 25 kg/m³ (estimated) -> 900 kg/m³",
        ),
        ({"label": "rider"}, 'label "person" -> "rider"'),
        ({"name": None}, 'name "courier" -> not given'),
        ({"selector": Selector.COMET}, 'template "rings" -> "comet"'),
        ({"selector": None}, 'template "rings" -> not given'),
        ({"box_px": (10.0, 21.5, 30.0, 40.0)}, "box (10, 20, 30, 40) px -> (10, 21.5, 30, 40) px"),
        (
            {"velocity_px_s": (3.0, 4.0), "past_px_s": (3.0, 4.0), "future_px_s": (3.0, 4.0)},
            "velocity (3, -4) px/s -> (3, 4) px/s",
        ),
        ({"past_px_s": (3.0, 4.0)}, "velocity before (3, -4) px/s -> (3, 4) px/s"),
        ({"sigma_px_s": math.inf}, "velocity's deviation 2 px/s -> not given"),
        ({"score": 0.8}, "score 0.9 -> 0.8"),
    ],
)
def test_one_attribute_in_words(after, line):
    (change,) = compare_objects([COURIER], [replace(COURIER, **after)])
    assert change.words == f'track 3 "courier": {line}'


def test_objects_come_and_go_by_track():
    nameless = replace(COURIER, track=9, name=None, label="")
    lines = [c.words for c in compare_objects([nameless, COURIER], [replace(COURIER, track=4)])]
    assert lines == [
        'track 3 "courier": disappears',
        'track 4 "courier": appears',
        "track 9: disappears",
    ]


def test_a_track_held_twice_is_compared_by_turn():
    changed = replace(COURIER, name="other")
    assert compare_objects([COURIER, changed], [COURIER, changed]) == ()
    assert [c.attribute for c in compare_objects([COURIER, COURIER], [COURIER])] == ["object"]


def test_a_change_is_plain_json():
    (change,) = compare_objects([COURIER], [replace(COURIER, temperature_c=Value(37.0, 0.1))])
    assert json.loads(json.dumps(change.to_json(), allow_nan=False)) == {
        "track": 3,
        "title": "courier",
        "attribute": "temperature_c",
        "before": 36.2,
        "after": {"value": 37.0, "sigma": 0.1},
        "unit": "°C",
        "words": change.words,
    }


few = st.sampled_from([0.0, 1.0, 2.5])
vectors = st.tuples(few, few)
values = st.none() | st.builds(
    Value, few, st.none() | few, st.sampled_from([*Source]), st.sampled_from([{}, {"x_a": 1}])
)
states = st.builds(
    ObjectState,
    track=st.integers(0, 3),
    label=st.sampled_from(["", "a"]),
    score=few,
    box_px=st.tuples(few, few, few, few),
    velocity_px_s=vectors,
    past_px_s=vectors,
    future_px_s=vectors,
    sigma_px_s=few | st.just(math.inf),
    temperature_c=values,
    density_kg_m3=values,
    name=st.sampled_from([None, "b", "c\n"]),
    selector=st.none() | st.sampled_from(Selector),
)
frames = st.lists(states, max_size=4, unique_by=lambda state: state.track)


@given(frames, frames)
def test_nothing_differs_between_equals_and_only_between_equals(one, other):
    assert compare_objects(one, list(reversed(one))) == ()
    key = ObjectState.track.__get__
    assert (compare_objects(one, other) == ()) == (sorted(one, key=key) == sorted(other, key=key))


@given(frames, frames)
def test_backwards_is_the_mirror(one, other):
    def told(changes, *, swapped):
        sides = [(repr(c.before), repr(c.after)) for c in changes]
        sides = [pair[::-1] if swapped else pair for pair in sides]
        return Counter((c.track, c.attribute, *pair) for c, pair in zip(changes, sides, strict=True))

    forth, back = compare_objects(one, other), compare_objects(other, one)
    assert told(forth, swapped=False) == told(back, swapped=True)
    for change in forth:
        assert len(change.words.splitlines()) == 1
        json.dumps(change.to_json(), allow_nan=False)


# ---- many frames


def tally(frames):
    found = ChangeTally()
    for number, (before, after) in frames:
        found.add(number, compare_objects(before, after))
    return found.changes()


WARM = replace(COURIER, temperature_c=Value(37.9))


def test_a_change_is_reported_once_with_its_frames():
    frames = [(n, ([COURIER], [WARM if 12 <= n <= 91 or n == 140 else COURIER])) for n in range(150)]
    (found,) = tally(frames)
    assert found.words == 'track 3 "courier": temperature 36.2 °C -> 37.9 °C in frames 12-91, 140'
    assert found.frames == 81
    assert found.ranges == [(12, 91), (140, 140)]
    node = json.loads(json.dumps(found.to_json()))
    assert node["ranges"] == [[12, 91], [140, 140]]
    assert (node["before"], node["after"], node["words"]) == (36.2, 37.9, found.words)


def test_one_frame_is_one_frame():
    (found,) = tally([(5, ([COURIER], [WARM]))])
    assert found.words.endswith(" in frame 5")


def test_other_values_are_other_changes():
    warmer = replace(COURIER, temperature_c=Value(39.0))
    found = tally([(1, ([COURIER], [WARM])), (2, ([COURIER], [warmer])), (3, ([COURIER], [WARM]))])
    assert [f.ranges for f in found] == [[(1, 1), (3, 3)], [(2, 2)]]


def test_a_moving_box_is_reported_by_its_largest_distance():
    found = tally(
        (n, ([COURIER], [replace(COURIER, box_px=(10.0 + n, 20.0, 30.0, 40.0)) if n else COURIER]))
        for n in range(9)
    )
    (change,) = found
    assert change.words == 'track 3 "courier": box differs by up to 8 px in frames 1-8'
    node = change.to_json()
    assert node["by"] == 8
    assert "before" not in node


def test_a_deviation_that_is_sometimes_unknown_is_reported():
    sigmas = (3.0, math.inf)
    (change,) = tally((n, ([COURIER], [replace(COURIER, sigma_px_s=s)])) for n, s in enumerate(sigmas))
    assert "not known in some frames in frames 0-1" in change.words
    assert change.to_json()["by"] is None


def test_flicker_takes_bounded_memory():
    count = 2 * RANGES_BOUND + 10
    (found,) = tally((n, ([COURIER], [WARM if n % 2 else COURIER])) for n in range(2 * count))
    assert len(found.ranges) == RANGES_BOUND
    assert found.frames == count
    assert found.words.endswith(f"in frames 1, 3, 5, 7, 9, 11, 13, 15 and {count - 8} more")


@given(st.lists(frames, max_size=6), st.lists(frames, max_size=6))
def test_the_tally_holds_every_change_of_every_frame(one, other):
    pairs = list(zip(one, other, strict=False))
    expected = Counter(
        (number, c.track, c.attribute, *(() if c.attribute in MOVING else (repr(c.before), repr(c.after))))
        for number, (before, after) in enumerate(pairs)
        for c in compare_objects(before, after)
    )
    found = Counter()
    for each in tally(enumerate(pairs)):
        c = each.change
        rest = () if c.attribute in MOVING else (repr(c.before), repr(c.after))
        assert each.frames == sum(b - a + 1 for a, b in each.ranges)
        assert all(a <= b for a, b in each.ranges)
        assert all(b + 1 < a for (_, b), (a, _) in zip(each.ranges, each.ranges[1:], strict=False))
        for a, b in each.ranges:
            found.update((number, c.track, c.attribute, *rest) for number in range(a, b + 1))
        json.dumps(each.to_json(), allow_nan=False)
    assert found == expected
