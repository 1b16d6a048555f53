"""Tracks of a whole source, and hostile ones among them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from cssv.api.trajectories import equations_of, trajectories_of
from cssv.errors import InputError
from cssv.pipeline.track_paths import TrackPaths, read_paths
from cssv.scene import Scene
from cssv.scene.equations import EQUATION_NAMES
from cssv.template.state import ObjectState


def state(track: int, x: float, **options: object) -> ObjectState:
    made = ObjectState(
        track=track,
        label="cart",
        score=1.0,
        box_px=(x, 20.0, 30.0, 40.0),
        velocity_px_s=(0.0, 0.0),
        past_px_s=(0.0, 0.0),
        future_px_s=(0.0, 0.0),
        sigma_px_s=0.0,
    )
    return replace(made, **options)


class Source:
    """A copy of a clip, as the decoder of one offers it."""

    reader = None

    def __init__(self, *frames: tuple[object, list[ObjectState]]) -> None:
        self._frames = frames

    def __iter__(self):
        return iter(SimpleNamespace(time=Fraction(time), states=states) for time, states in self._frames)


def test_tracks_by_id_with_gaps_and_repeated_frames():
    source = Source(
        (0, [state(7, 0.0), state(2, 5.0)]),
        ("1/25", [state(7, 1.0, name="red")]),
        # A copy that repeats a frame, or runs from its beginning again, adds nothing.
        ("1/25", [state(7, 99.0)]),
        (0, [state(7, 99.0)]),
        ("3/25", [state(7, 3.0, label="")]),
    )
    first, second = read_paths(source)
    assert (first.track, second.track) == (2, 7)
    assert (second.first_s, second.last_s) == (0, Fraction(3, 25))
    assert (second.label, second.name) == ("cart", "red")
    np.testing.assert_array_equal(second.times_s, [0, 0.04, 0.12])
    np.testing.assert_array_equal(second.boxes_px[:, 0], [0, 1, 3])
    (_, found) = trajectories_of(source, 1.0, None, None)
    assert found.centre_x.expression == "15 + 25*t"
    assert found.foot_y.expression == "60"


def test_a_track_of_one_frame_is_a_constant():
    (found,) = trajectories_of(Source((2, [state(1, 8.5)])), 1.0, None, None)
    assert (found.from_s, found.to_s, found.frames) == (2, 2, 1)
    assert {part.method for part in found.parts.values()} == {"constant"}
    assert found.centre_x.error_px <= 1
    paths = read_paths(Source((2, [state(1, 8.5)])))
    # A scene's trajectory takes time.
    assert list(equations_of(paths, Scene())) == []


@pytest.mark.parametrize("x", [1e15, -1e15, float("nan"), float("inf")])
def test_boxes_far_outside_are_named_or_left_out(x):
    frames = [(number, [state(1, x), state(2, 5.0)]) for number in range(5)]
    with pytest.raises(InputError, match="track 1 cannot be described"):
        trajectories_of(Source(*frames), 1.0, None, None)
    assert [each.track for each in equations_of(read_paths(Source(*frames)), Scene())] == [2]


def test_no_tracks():
    assert trajectories_of(Source(), 1.0, None, None) == ()
    assert list(TrackPaths()) == []


def test_equations_that_a_scene_cannot_hold_are_left_out(monkeypatch):
    # A box whose width is 0 at the end, and one beyond the largest place.
    flat = [(number, [state(3, 5.0, box_px=(5.0, 9.0, (8 - number) * 8.0, 9.0))]) for number in range(9)]
    far = [(number, [state(4, 1_020_000.0)]) for number in range(9)]
    for frames, names in ((flat, {"centre_x_px", "foot_y_px", "height_px"}), (far, {"foot_y_px"})):
        (found,) = equations_of(read_paths(Source(*frames)), Scene())
        known = found.trajectory
        assert {name for name in EQUATION_NAMES if getattr(known, name)} >= names
        assert known.width_px is None or frames is far
        assert known.centre_x_px is None or frames is flat
        Scene(tracks=(found,))
    named = [(number, [state(5, 5.0, label="x" * 1001)]) for number in range(3)]
    assert list(equations_of(read_paths(Source(*named)), Scene())) == []
    late = [(10**10 + number, [state(5, 5.0)]) for number in range(3)]
    assert list(equations_of(read_paths(Source(*late)), Scene())) == []
    # All equations of a scene together have a limit.
    monkeypatch.setattr("cssv.scene.equation_check.MOST_STEPS_OF_SCENE", 6)
    both = Source(*((number, [state(1, 5.0), state(2, 50.0)]) for number in range(5)))
    found = tuple(equations_of(read_paths(both), Scene()))
    assert [each.track for each in found] == [1, 2]
    Scene(tracks=found)
