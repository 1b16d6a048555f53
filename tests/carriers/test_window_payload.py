"""Payload of a window: what is drawn from it is the same whatever the pixels are."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.base import FrameContent
from cssv.carriers.window_payload import payload_window, window_content, window_payload, window_shares
from cssv.errors import CarrierError
from cssv.frames import Frame, planes_shape, split_planes
from cssv.payload.outlines import SHARE, outline_shares, outline_to_shares
from cssv.payload.window_bytes import read_window
from cssv.payload.window_outlines import PLAIN_OUTLINE
from cssv.payload.window_states import window_states
from cssv.scene import Ranges, Scene
from cssv.template.outline import RADIUS_UNIT, explore, superellipse
from cssv.template.render import interior, render
from cssv.testing.outline_reader import held_outline
from cssv.testing.strategies import objects_of_a_frame

SIZE, TICK = (192, 160), Fraction(1, 25)
SCENE = Scene.from_json({"cssv_scene": 1, "environment": {"ambient_temperature_c": 17.5}})


def contents_of(objects):
    return [
        FrameContent(40 + at, 40 + at, TICK, tuple(states), Ranges(), SCENE)
        for at, states in enumerate(objects)
    ]


def noise(seed, layout="yuv420p"):
    planes = np.random.default_rng(seed).integers(0, 256, planes_shape(layout, *SIZE), np.uint8)
    return Frame(planes, layout, 0, TICK)


def disc(radius, x, y):
    """A frame with a bright disc in front of a dark ground."""
    planes = np.full(planes_shape("yuv420p", *SIZE), 40, np.uint8)
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    planes[: SIZE[1]][(columns - x) ** 2 + (rows - y) ** 2 <= radius**2] = 200
    return Frame(planes, "yuv420p", 0, TICK)


def recovered(contents, covers):
    """The content of each frame as a reader of the payload gets it."""
    shares = window_shares(covers, contents)
    window = read_window(window_payload(contents, 0, SIZE, outlines=shares))
    frames = window_states(window)
    return window, [window_content(window, at, frames[at], SCENE) for at in range(len(contents))]


frames_of_objects = st.lists(objects_of_a_frame(*SIZE), min_size=1, max_size=3)


@settings(max_examples=30)
@given(frames_of_objects, st.sampled_from(["yuv420p", "rgb24"]), st.integers(0, 99))
def test_rings_are_equal_whatever_the_luma_is(objects, layout, seed):
    contents = contents_of(objects)
    _, found = recovered(contents, [noise(seed + at) for at in range(len(contents))])
    for content in found:
        heats, outlines = [], []
        for received in (noise(seed + 100, layout), noise(seed + 101, layout)):
            drawings = content.draw(received)
            outlines.append([drawing.outline for drawing in drawings])
            heats.append(split_planes(render(drawings, received.luma(), layout), layout))
        assert outlines[0] == outlines[1]
        shows_edges = interior(outlines[0], *SIZE)
        (bright, *chroma), (other, *other_chroma) = heats
        assert np.array_equal(bright[~shows_edges], other[~shows_edges])
        for plane, other_plane in zip(chroma, other_chroma, strict=True):
            assert np.array_equal(plane, other_plane)


@settings(max_examples=30)
@given(frames_of_objects, st.integers(0, 99))
def test_each_object_is_drawn_in_the_outline_of_its_segment(objects, seed):
    contents = contents_of(objects)
    window, found = recovered(contents, [noise(seed + at) for at in range(len(contents))])
    for at, content in enumerate(found):
        assert (content.number, content.pts, content.time_base) == (40 + at, 40 + at, TICK)
        held = {each.track: each.outline for each in window.segments if 0 <= at - each.start < each.count}
        for outline in (drawing.outline for drawing in content.draw(noise(seed))):
            shares = outline_shares(held[outline.track] or PLAIN_OUTLINE)
            assert (outline.radii, outline.shift) == held_outline(shares.tolist(), outline.box)


def standing(objects, box):
    """The first object of a list, in a box."""
    return replace(objects[0], box_px=box, selector=None)


@settings(max_examples=5)
@given(objects_of_a_frame(*SIZE).filter(bool))
def test_the_outline_is_that_of_the_picture(objects):
    """A disc of radius 20 in a box of 48 x 48: its share is 5/6 in the directions of the axes."""
    contents = contents_of([[standing(objects, (72.0, 56.0, 48.0, 48.0))]] * 4)
    _, found = recovered(contents, [disc(20, 96, 80)] * 4)
    (outline,) = found[0].outlines.values()
    assert all(18 <= radius << outline.shift <= 23 for radius in outline.radii)


def test_without_outlines_a_plain_one_is_drawn():
    """Its share is within 1/32 of that of an object without edges."""
    without_edges = explore(np.zeros((64, 64), np.uint8), (8, 8, 48, 48)) / superellipse(48, 48)
    assert np.abs(outline_shares(PLAIN_OUTLINE) / SHARE - without_edges).max() <= 1 / 32


@given(objects_of_a_frame(*SIZE).filter(bool), st.integers(0, 99))
def test_shares_of_a_drawn_outline_give_its_radii_again(objects, seed):
    (content,) = contents_of([objects])
    for outline in (drawing.outline for drawing in content.draw(noise(seed))):
        radii = outline_to_shares(outline) * superellipse(*outline.box[2:]) / (RADIUS_UNIT << outline.shift)
        assert np.abs(radii - np.frombuffer(outline.radii, np.uint8)).max() <= 1e-6


@settings(max_examples=10)
@given(frames_of_objects, st.integers(0, 60))
def test_a_payload_is_thinned_only_on_request(objects, spare):
    contents = contents_of(objects)
    whole = payload_window(contents, 0, SIZE)
    assert whole.data == window_payload(contents, 0, SIZE)
    assert window_payload(contents, 0, SIZE, most_bytes=len(whole.data)) == whole.data
    most_bytes = max(len(whole.data) - spare, 20)
    thinned = payload_window(contents, 0, SIZE, most_bytes=most_bytes, fit=True)
    assert len(thinned.data) <= most_bytes
    assert read_window(thinned.data) == thinned.window
    assert bool(thinned.loss) == (thinned.data != whole.data)
    if thinned.loss:
        with pytest.raises(CarrierError, match="does not fit"):
            window_payload(contents, 0, SIZE, most_bytes=most_bytes)
