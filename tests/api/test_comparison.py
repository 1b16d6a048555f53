"""One frame of two versions: objects by track, heat in levels, a picture of both."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import FrameError
from cssv.frames import planes_shape
from cssv.scene import Source, Value
from cssv.template.drawing import Selector
from cssv.template.heat_diff import compare_heat
from cssv.template.objects_diff import MOVING, RANGES_BOUND, ChangeTally, compare_objects
from cssv.template.state import ObjectState
from cssv.view.side_by_side import Captions, side_by_side

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


@settings(deadline=None)
@given(frames, frames)
def test_nothing_differs_between_equals_and_only_between_equals(one, other):
    assert compare_objects(one, list(reversed(one))) == ()
    key = ObjectState.track.__get__
    assert (compare_objects(one, other) == ()) == (sorted(one, key=key) == sorted(other, key=key))


@settings(deadline=None)
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


def test_a_change_is_told_once_with_its_frames():
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


def test_a_box_that_moves_is_told_by_its_largest_distance():
    found = tally(
        (n, ([COURIER], [replace(COURIER, box_px=(10.0 + n, 20.0, 30.0, 40.0)) if n else COURIER]))
        for n in range(9)
    )
    (change,) = found
    assert change.words == 'track 3 "courier": box differs by up to 8 px in frames 1-8'
    node = change.to_json()
    assert node["by"] == 8
    assert "before" not in node


def test_a_deviation_that_is_sometimes_unknown_is_told():
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


@settings(deadline=None)
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


# ---- heat


LAYOUTS = pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])


def planes(layout, width=64, height=48, value=0):
    return np.full(planes_shape(layout, width, height), value, np.uint8)


@LAYOUTS
def test_same_heat(layout):
    rng = np.random.default_rng(0)
    heat = rng.integers(0, 16, planes_shape(layout, 64, 48), dtype=np.uint8) << 4
    found = compare_heat(7, heat, heat.copy(), layout)
    assert (found.frame, found.pixels, found.share, found.mean_abs, found.max_abs) == (7, 0, 0, 0, 0)
    assert found.words == "frame 7: same heat"


@LAYOUTS
def test_brightness_counts_from_0_to_15(layout):
    before, after = planes(layout), planes(layout)
    luma = after if layout == "yuv420p" else after[..., 0]
    luma[3, 5], luma[3, 6] = 0xF0, 0x10
    found = compare_heat(0, before, after, layout)
    assert (found.pixels, found.max_abs) == (2, 15)
    assert found.share == 2 / (64 * 48)
    assert found.mean_abs == 16 / before.size
    assert found == compare_heat(0, after, before, layout)


def test_colour_is_signed_and_stands_for_four_pixels():
    before, after = planes("yuv420p"), planes("yuv420p")
    # -1 and 1 are 2 apart; so are their nibbles as signed numbers, not as 15 and 1
    before[48, 0], after[48, 0] = 0xF0, 0x10
    found = compare_heat(0, before, after, "yuv420p")
    assert (found.pixels, found.max_abs) == (4, 2)
    before[48, 0], after[48, 0] = 0x80, 0x70
    assert compare_heat(0, before, after, "yuv420p").max_abs == 15


def test_colour_of_rgb_planes_stands_for_its_pixel():
    before, after = planes("rgb24"), planes("rgb24")
    after[0, 0, 2] = 0xE0
    found = compare_heat(0, before, after, "rgb24")
    assert (found.pixels, found.max_abs) == (1, 2)
    assert found.words == (
        "frame 0: heat differs in 1 pixel (0.03%), "
        "by up to 2 of 15 levels, 0.000217 on average over the frame"
    )
    assert json.loads(json.dumps(found.to_json()))["pixels"] == 1


@LAYOUTS
@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_levels_agree_with_their_definition(layout, seed):
    rng = np.random.default_rng(seed)
    one, two = (rng.integers(0, 16, planes_shape(layout, 32, 32), dtype=np.uint8) << 4 for _ in range(2))
    found = compare_heat(0, one, two, layout)
    signed = [heat.view(np.int8).astype(int) >> 4 for heat in (one, two)]
    is_luma = np.zeros(one.shape, bool)
    is_luma[(slice(32),) if layout == "yuv420p" else (..., 0)] = True
    levels = [np.where(is_luma, heat >> 4, s) for heat, s in zip((one, two), signed, strict=True)]
    difference = abs(levels[0] - levels[1])
    assert found.mean_abs == pytest.approx(difference.mean())
    assert found.max_abs == difference.max()


def test_unlike_heat_is_refused():
    with pytest.raises(FrameError, match="different shape"):
        compare_heat(0, planes("rgb24"), planes("rgb24", 32), "rgb24")


# ---- picture


CAPTIONS = Captions("version 1: first", "version 2: d\u00e9j\u00e0 vu \u2603" * 90, "frame 60, 2.400 s")


@LAYOUTS
@pytest.mark.parametrize("size", [(32, 32), (64, 48), (32, 400), (1000, 32), (2000, 34), (384, 288)])
def test_the_picture_shows_all_six_cells(layout, size):
    rng = np.random.default_rng(0)
    four = [rng.integers(0, 256, planes_shape(layout, *size), dtype=np.uint8) for _ in range(4)]
    copies = [each.copy() for each in four]
    picture = side_by_side(*four, layout, CAPTIONS)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert picture.shape[1] >= min(3 * size[0], 3 * 480)
    assert max(picture.shape[:2]) <= 3 * 960 + 100
    assert all(np.array_equal(a, b) for a, b in zip(four, copies, strict=True))


def coloured(picture):
    """Where a picture is not grey."""
    return picture.max(axis=2) != picture.min(axis=2)


@LAYOUTS
@pytest.mark.parametrize("width", [64, 3000])
def test_what_differs_is_marked_where_it_differs(layout, width):
    before, heat = planes(layout, width, 48, 128), planes(layout, width, 48)
    after, heat_after = before.copy(), heat.copy()
    same = side_by_side(before, after, heat, heat_after, layout, CAPTIONS)
    after[10, 20] += 1
    heat_after[40, 60] ^= 0x10
    picture = side_by_side(before, after, heat, heat_after, layout, CAPTIONS)
    third = picture[:, -picture.shape[1] // 3 :]
    marked = coloured(third)
    half = len(third) // 2
    for part in (marked[:half], marked[half:]):
        assert 0 < np.count_nonzero(part) < part.size / 20
    assert not coloured(same[:, -same.shape[1] // 3 :]).any()


def test_the_picture_tells_versions_apart_by_their_captions():
    four = [planes("rgb24", 384, 64, 128)] * 4
    pictures = [side_by_side(*four, "rgb24", replace(CAPTIONS, before=text)) for text in ("1", "2", "\u2603")]
    assert not np.array_equal(pictures[0], pictures[1])
    question = side_by_side(*four, "rgb24", replace(CAPTIONS, before="?"))
    assert np.array_equal(pictures[2], question)


def test_unlike_frames_make_no_picture():
    frame, small = planes("rgb24"), planes("rgb24", 32)
    with pytest.raises(FrameError, match="different shape"):
        side_by_side(frame, frame, frame, small, "rgb24", CAPTIONS)
