"""Which entry speaks of which track: order, labels, places, times; whole clips and streams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import InputError
from cssv.scene import Point, Scene, Value
from cssv.scene.matching import (
    NEAR_BOUND_HEIGHTS,
    NEAR_SLACK_S,
    Facts,
    LiveMatcher,
    Sighting,
    given_sightings,
    resolve,
    unmatched,
)
from cssv.testing.cost import count_calls
from tests.scene.plain_matching import plain_resolve


def scene(*entries):
    return Scene.from_json({"cssv_scene": 1, "objects": list(entries)})


def sighting(track, label=None, times=(0, 1), boxes=((0, 0, 10, 20), (0, 0, 10, 20))):
    return Sighting(track, label, np.array(times, dtype=float), np.array(boxes, dtype=float))


def still(track, x, y, label=None, times=(0, 1), size=(10, 20)):
    """A track that stands with its centre at (x, y)."""
    box = (x - size[0] / 2, y - size[1] / 2, *size)
    return sighting(track, label, times, [box] * len(times))


def named(found):
    return {track: facts.name for track, facts in found.items() if facts.name}


def test_a_track_without_entries_has_no_facts():
    assert resolve(Scene(), [sighting(7, "dog")]) == {7: Facts(label="dog")}
    assert Facts().template == "auto"


def test_later_entries_override_field_by_field():
    everyone = {"match": {"label": "*"}, "temperature_c": {"value": 36, "sigma": 0.5}, "density_kg_m3": 985}
    third = {"match": {"track": 3}, "temperature_c": 39, "goal_m": [1, 2], "template": "comet", "x_by": "Ada"}
    found = resolve(scene(everyone, third), [sighting(3, "person"), sighting(4)])
    assert found[4] == Facts(temperature_c=Value(36, 0.5), density_kg_m3=Value(985), entries=(0,))
    assert found[3] == Facts(
        label="person",
        temperature_c=Value(39),  # as a whole: the old sigma does not belong to the new value
        density_kg_m3=Value(985),
        goal_m=Point((1, 2)),
        template="comet",
        extra={"x_by": "Ada"},
        entries=(0, 1),
    )
    turned = resolve(scene(third, everyone), [sighting(3)])
    assert turned[3].temperature_c == Value(36, 0.5)
    assert turned[3].entries == (0, 1)


@pytest.mark.parametrize(
    ("match", "tracks"),
    [
        ({"label": "*"}, {1, 2, 3}),
        ({"label": "dog"}, {1}),
        ({"label": "DOG"}, set()),
        ({"track": 2}, {2}),
        ({"track": 2, "label": "dog"}, set()),
        ({"from_s": 2}, {2, 3}),
        ({"from_s": 1, "to_s": 1.5}, {1, 2}),
        ({"to_s": 0.5}, {1}),
        ({"from_s": 10}, set()),
        ({"label": "*", "from_s": 5}, {3}),
    ],
)
def test_all_that_is_stated_must_hold(match, tracks):
    sightings = [
        sighting(1, "dog", (0, 1)),
        sighting(2, "cat", (1, 2)),
        sighting(3, None, (1.75, 5)),
    ]
    found = resolve(scene({"match": match, "name": "it"}), sightings)
    assert set(named(found)) == tracks


def test_a_label_that_was_given_is_the_label_later_entries_see():
    relabel = {"match": {"track": 1}, "label": "courier"}
    hot = {"match": {"label": "courier"}, "temperature_c": 38}
    assert resolve(scene(relabel, hot), [sighting(1, "person")])[1].temperature_c == Value(38)
    assert resolve(scene(hot, relabel), [sighting(1, "person")])[1].temperature_c is None


# ---- near a point

HERE = {"match": {"near_px": [100, 100], "at_s": 0.5}, "name": "it"}


def test_the_nearest_box_is_picked_and_no_other():
    found = resolve(scene(HERE), [still(1, 110, 100), still(2, 104, 100), still(3, 300, 300)])
    assert named(found) == {2: "it"}


def test_inside_two_boxes_the_nearer_centre_wins():
    found = resolve(scene(HERE), [still(1, 110, 100, size=(80, 80)), still(2, 103, 100)])
    assert named(found) == {2: "it"}


def test_a_tie_goes_to_the_older_track():
    assert named(resolve(scene(HERE), [still(9, 104, 100), still(2, 104, 100)])) == {2: "it"}


def test_reach_is_measured_in_box_heights():
    reach = 20 * NEAR_BOUND_HEIGHTS
    assert named(resolve(scene(HERE), [still(1, 100 + 5 + reach, 100)])) == {1: "it"}
    assert named(resolve(scene(HERE), [still(1, 100 + 5.01 + reach, 100)])) == {}


def test_the_box_is_interpolated_to_the_time():
    passing = sighting(1, None, (0, 1), [(-5, 90, 10, 20), (195, 90, 10, 20)])  # at (100, 100) at 0.5 s
    assert named(resolve(scene(HERE), [passing, still(2, 106, 100)])) == {1: "it"}
    late = {"match": {"near_px": [100, 100], "at_s": 1}, "name": "it"}
    assert named(resolve(scene(late), [passing, still(2, 106, 100)])) == {2: "it"}


@pytest.mark.parametrize(
    ("times", "counts"),
    [
        ((0.5 + NEAR_SLACK_S, 9), True),
        ((0.51 + NEAR_SLACK_S, 9), False),
        ((-9, 0.5 - NEAR_SLACK_S), True),
        ((-9, 0.49 - NEAR_SLACK_S), False),
        ((-9, 9), True),
    ],
)
def test_tracks_that_begin_late_still_count(times, counts):
    found = resolve(scene(HERE), [still(1, 100, 100, times=times)])
    assert named(found) == ({1: "it"} if counts else {})


def test_nearest_is_among_those_that_fit_otherwise():
    entry = {"match": {**HERE["match"], "label": "dog"}, "name": "it"}
    found = resolve(scene(entry), [still(1, 100, 100, "cat"), still(2, 108, 100, "dog")])
    assert named(found) == {2: "it"}


# ---- given objects

CART = {
    "name": "cart",
    "label": "cart",
    "density_kg_m3": 600,
    "trajectory": [{"time_s": 0, "box_px": [0, 0, 10, 20]}, {"time_s": 2, "box_px": [40, 0, 10, 20]}],
}


def test_given_objects_become_tracks_of_their_own():
    whole = scene({"match": {"label": "*"}, "temperature_c": 20}, CART, {**CART, "name": "second"})
    first, second = given_sightings(whole, 50)
    assert (first.track, first.label, first.given) == (50, "cart", 1)
    assert (second.track, second.given) == (51, 2)
    assert first.times_s.tolist() == [0, 2]
    assert first.boxes_px.tolist() == [[0, 0, 10, 20], [40, 0, 10, 20]]
    found = resolve(whole, [first, second, sighting(3, "cart")])
    assert named(found) == {50: "cart", 51: "second"}
    assert found[50].density_kg_m3 == Value(600)
    assert found[3].density_kg_m3 is None  # an entry with a trajectory speaks of no other track
    assert {facts.temperature_c for facts in found.values()} == {Value(20)}


def test_given_objects_are_found_by_place_as_well():
    whole = scene(CART, {"match": {"near_px": [25, 10], "at_s": 1}, "temperature_c": 5})
    assert resolve(whole, given_sightings(whole, 1))[1].temperature_c == Value(5)


# ---- what matched nothing


def test_entries_without_a_match_give_warnings():
    whole = scene(
        {"match": {"label": "*"}},
        {"match": {"label": "dragon"}},
        {"match": {"track": 99, "from_s": 1, "to_s": 2.5}},
        {"match": {"near_px": [900, 2.5], "at_s": 3}},
        CART,
    )
    assert unmatched(whole, resolve(whole, [sighting(1)])) == (
        '$.objects[1].match: no track with label "dragon"',
        "$.objects[2].match: no track with id 99, from 1 s to 2.5 s",
        "$.objects[3].match: no track near (900, 2.5) px at 3 s",
    )
    assert unmatched(whole, {})[0] == "$.objects[0].match: no track with any label"
    assert unmatched(Scene(), {}) == ()


# ---- wrong sightings


def test_one_id_stands_for_one_track():
    with pytest.raises(InputError, match="one track id"):
        resolve(Scene(), [sighting(1), sighting(1)])


@pytest.mark.parametrize(
    ("times", "boxes"),
    [((), ()), ((0,), ((0, 0, 1),)), ((0, 1), ((0, 0, 1, 1),)), ((1, 1), ((0, 0, 1, 1),) * 2)],
)
def test_sightings_are_checked(times, boxes):
    with pytest.raises(InputError):
        sighting(1, None, times, boxes)


# ---- streams

stream_entries = st.lists(
    st.fixed_dictionaries(
        {
            "match": st.one_of(
                st.fixed_dictionaries({"label": st.sampled_from(["*", "a", "b", "c"])}),
                st.fixed_dictionaries({"track": st.integers(0, 4)}),
                st.fixed_dictionaries(
                    {
                        "near_px": st.lists(st.integers(0, 60), min_size=2, max_size=2),
                        "at_s": st.floats(-0.6, 3, allow_subnormal=False),
                    },
                    optional={"label": st.sampled_from(["a", "b"])},
                ),
                st.fixed_dictionaries({"from_s": st.floats(0, 2)}, optional={"to_s": st.floats(2, 3)}),
            )
        },
        optional={
            "name": st.sampled_from("pqr"),
            "label": st.sampled_from("abc"),
            "temperature_c": st.integers(0, 9),
        },
    ),
    max_size=4,
)
spots = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 30), st.integers(1, 30))
presence = st.dictionaries(st.integers(0, 4), spots, max_size=4)


@settings(max_examples=200)
@given(stream_entries, st.lists(presence, min_size=1, max_size=12), st.sampled_from([0.04, 0.25, 0.6]))
def test_a_stream_ends_with_the_facts_of_the_whole_clip(entries, moments, step):
    whole = scene(*entries)
    labels = dict(zip(range(5), ["a", "b", None, "a", "c"], strict=True))
    live = LiveMatcher(whole)
    for count, present in enumerate(moments):
        now = [(track, labels[track], np.array(box, dtype=float)) for track, box in present.items()]
        assert set(live.update(count * step, now)) == set(present)
    sightings = []
    for track in sorted({track for present in moments for track in present}):
        seen = [(count * step, present[track]) for count, present in enumerate(moments) if track in present]
        sightings.append(sighting(track, labels[track], *zip(*seen, strict=True)))
    found = resolve(whole, sightings)
    assert live.all_facts() == found
    assert live.unmatched() == unmatched(whole, found)


# ---- many entries

conditions = st.fixed_dictionaries(
    {},
    optional={
        "label": st.sampled_from(["*", "a", "b", "c"]),
        "track": st.integers(0, 7),
        "near_px": st.lists(st.integers(0, 60), min_size=2, max_size=2),
        "from_s": st.integers(0, 4),
    },
)
many_entries = st.lists(
    st.tuples(
        conditions.filter(bool),
        st.floats(-0.6, 4, allow_subnormal=False),
        st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from("pqr"),
                "label": st.sampled_from("abc"),
                "temperature_c": st.integers(0, 9),
                "x_note": st.sampled_from("uvw"),
            },
        ),
    ),
    max_size=30,
)


def as_entry(drawn):
    match, time_s, facts = drawn
    if "near_px" in match:
        match["at_s"] = time_s
    if "from_s" in match and time_s > match["from_s"]:
        match["to_s"] = time_s
    return {"match": match, **facts}


@settings(max_examples=300)
@given(many_entries, st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), spots), max_size=8), st.data())
def test_entries_found_by_index_give_what_all_entries_give(entries, tracks, data):
    whole = scene(*map(as_entry, entries), CART)
    sightings = [
        sighting(
            track,
            data.draw(st.sampled_from(["a", "b", None])),
            [start + k / 4 for k in range(count)],
            [(x + 5 * k, y, w, h) for k in range(count)],
        )
        for track, (start, count, (x, y, w, h)) in enumerate(tracks)
    ]
    sightings += given_sightings(whole, 100)
    assert resolve(whole, sightings) == plain_resolve(whole, sightings)


def many(kind, count):
    entries = {
        "track": [{"match": {"track": 1000 + k}, "name": "it"} for k in range(count)],
        "label": [{"match": {"label": f"label {k}"}, "name": "it"} for k in range(count)],
        "near": [{"match": {"near_px": [k, 5], "at_s": 0.5 + k / count}, "name": "it"} for k in range(count)],
        "span": [{"match": {"from_s": 100 + k, "to_s": 101 + k}, "name": "it"} for k in range(count)],
        "given": [CART] * count,
    }
    return scene(*entries[kind])


@pytest.mark.parametrize("kind", ["track", "label", "near", "span", "given"])
def test_the_cost_of_a_moment_does_not_grow_with_entries_times_tracks(kind):
    """5,000 entries took 2.4 s a frame: each was compared with each track."""
    costs = {}
    for count in (500, 1000):
        for tracks in (10, 40):
            whole = many(kind, count)
            live = LiveMatcher(whole)
            live.begin_given(given_sightings(whole, 1000))
            now = [(track, None, BOX + track) for track in range(tracks)]
            live.update(0.5, now)
            costs[count, tracks] = count_calls(lambda live=live, now=now: live.update(0.75, now))
            costs["first", count, tracks] = count_calls(lambda live=live: live.update(1.0, [(99, None, BOX)]))
    # A track costs calls of its own, and an entry too, but a pair of them costs none.
    assert costs[1000, 40] - costs[1000, 10] < 30 * 200
    assert costs["first", 1000, 40] - costs["first", 1000, 10] < 30 * 200
    assert costs["first", 1000, 10] < 2.5 * costs["first", 500, 10]


BOX = np.array([95.0, 90, 10, 20])


def test_facts_come_as_soon_as_they_can_be_known():
    whole = scene(HERE, {"match": {"from_s": 2}, "temperature_c": 5})
    live = LiveMatcher(whole)
    assert live.update(-1.0, [(1, None, BOX)])[1] == Facts()
    assert live.update(0.2, [(1, None, BOX)])[1].name == "it"
    assert live.update(1.9, [(1, None, BOX)])[1].temperature_c is None
    assert live.update(2.0, [(1, None, BOX)])[1].temperature_c == Value(5)


def test_a_label_that_changes_is_followed():
    live = LiveMatcher(scene({"match": {"label": "dog"}, "name": "Rex"}))
    assert live.update(0, [(1, None, BOX)])[1].name is None
    assert live.update(1, [(1, "dog", BOX)])[1].name == "Rex"


def test_forgotten_tracks_take_no_memory_but_keep_their_place():
    live = LiveMatcher(scene(HERE, {"match": {"track": 2}}))
    live.update(0.5, [(1, None, BOX), (2, None, BOX + 500)])
    live.forget(1)
    live.forget(2)
    live.forget(77)
    assert set(live.all_facts()) == {1}
    assert live.unmatched() == ()  # the second entry did match, once
    assert live.update(0.9, [(3, None, BOX)])[3].name is None  # the place near the point is taken


def test_given_objects_join_a_stream():
    whole = scene(CART, {"match": {"near_px": [25, 10], "at_s": 1}, "temperature_c": 5})
    live = LiveMatcher(whole)
    live.begin_given(given_sightings(whole, 100))
    live.update(1.0, [(1, None, BOX)])
    assert live.facts(100) == resolve(whole, given_sightings(whole, 100))[100]


def test_time_only_moves_on():
    live = LiveMatcher(Scene())
    live.update(1.0, [(1, None, BOX)])
    with pytest.raises(InputError, match="do not increase"):
        live.update(1.0, [(1, None, BOX)])
    with pytest.raises(KeyError):
        live.facts(5)
