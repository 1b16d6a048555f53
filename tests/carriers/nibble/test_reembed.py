"""Embedding other objects in a stego frame: whatever the frame, what must not change does not."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.base import FrameContent
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.carriers.nibble.marks import SUPPORT_BLOCK
from cssv.carriers.nibble.planes import extract_planes
from cssv.errors import InputError
from cssv.frames import Frame, planes_shape, split_planes
from cssv.pipeline.scene_track import quantise
from cssv.scene import Ranges, Scene, Source, Value
from cssv.template.drawing import Selector
from cssv.template.footprint import footprint
from cssv.template.render import chroma_step
from cssv.template.state import ObjectState

SCENE = Scene()
RANGES = Ranges((0.0, 60.0), (-20.0, 60.0), (0.0, 2000.0))
#: Room for a mark and a few tags; and too small for any tag.
SIZES = [(176, 160), (112, 96), (48, 40)]

velocities = st.tuples(st.floats(-40, 40), st.floats(-40, 40))


@st.composite
def values(draw, low, high):
    sigma = draw(st.none() | st.floats(0, (high - low) / 4))
    return Value(draw(st.floats(low, high)), sigma, draw(st.sampled_from(Source)))


@st.composite
def states(draw, track, width, height):
    x, y = draw(st.floats(-20, width - 4)), draw(st.floats(-20, height - 4))
    w, h = draw(st.floats(6, width)), draw(st.floats(6, height))
    past, future = draw(velocities), draw(velocities)
    return quantise(
        ObjectState(
            track=track,
            label=draw(st.sampled_from(["", "person", "a long label with \u00fc"])),
            score=draw(st.floats(0, 1)),
            box_px=(x, y, w, h),
            velocity_px_s=((past[0] + future[0]) / 2, (past[1] + future[1]) / 2),
            past_px_s=past,
            future_px_s=future,
            sigma_px_s=draw(st.floats(0, 20) | st.just(math.inf)),
            temperature_c=draw(st.none() | values(-20, 60)),
            density_kg_m3=draw(st.none() | values(0, 2000)),
            selector=draw(st.none() | st.sampled_from(Selector)),
        )
    )


@st.composite
def casts(draw, width, height):
    """Objects of a frame, by track."""
    tracks = draw(st.lists(st.integers(1, 6), max_size=4, unique=True))
    return [draw(states(track, width, height)) for track in sorted(tracks)]


@st.composite
def frames(draw):
    """A carrier, a cover and two sets of objects."""
    width, height = draw(st.sampled_from(SIZES))
    layout = draw(st.sampled_from(["yuv420p", "rgb24"]))
    fidelity, merge = draw(st.sampled_from(["full", "sparse"])), draw(st.sampled_from(["opap", "plain"]))
    carrier = NibbleCarrier(merge, fidelity)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    planes = random.integers(0, 256, planes_shape(layout, width, height), dtype=np.uint8)
    if draw(st.booleans()):
        # Something smooth with edges, as pictures are, up to the very ends of the scale.
        planes[...] = draw(st.sampled_from([0, 7, 128, 255]))
        planes[height // 4 : height // 2, width // 3 : width // 2] = draw(st.integers(0, 255))
    cover = Frame(planes, layout, 3, Fraction(1, 25), 0)
    return carrier, cover, draw(casts(width, height)), draw(casts(width, height))


def content(frame, objects):
    return FrameContent(frame.number, frame.pts, frame.time_base, tuple(objects), RANGES, SCENE)


def embed(carrier, cover, objects):
    """The stego frame, and the outlines that its pixels do not carry."""
    embedded = carrier.embed(cover, content(cover, objects))
    return embedded.stego, embedded.unmarked


def replace_objects(carrier, stego, objects, unmarked, cover=None):
    """The new stego frame, and all outlines drawn in it."""
    embedded = carrier.replace(stego, content(stego, objects), cover, unmarked)
    return embedded.stego, embedded.outlines


@given(made=frames())
@settings(max_examples=250, deadline=None)
def test_its_own_objects_redrawn_are_the_same_frame(made):
    carrier, cover, objects, _ = made
    stego, known = embed(carrier, cover, objects)
    again, _ = replace_objects(carrier, stego, objects, known)
    assert np.array_equal(again.planes, stego.planes)
    assert (again.pts, again.layout, again.time_base) == (stego.pts, stego.layout, stego.time_base)


@given(made=frames())
@settings(max_examples=150, deadline=None)
def test_with_the_cover_it_is_what_painting_gives(made):
    carrier, cover, objects, others = made
    stego, known = embed(carrier, cover, objects)
    other, _ = embed(carrier, cover, others)
    drawn, _ = replace_objects(carrier, stego, others, known, cover)
    assert np.array_equal(drawn.planes, other.planes)


@given(made=frames())
@settings(max_examples=250, deadline=None)
def test_pixels_outside_what_changes_stay(made):
    """Outside all drawings, tags and marks; and wherever the nibble is the same, in full fidelity."""
    carrier, cover, objects, others = made
    stego, known = embed(carrier, cover, objects)
    drawn, outlines = replace_objects(carrier, stego, others, known)
    before, after = extract_planes(stego.planes, stego.layout), extract_planes(drawn.planes, drawn.layout)
    # Every outline of the old objects is either in a tag or told beside.
    touched = [*known, *before.outlines, *outlines]
    free = [np.ones(plane.shape, bool) for plane in split_planes(stego.planes, stego.layout)]
    free[0] &= ~(before.marked | after.marked)
    step = chroma_step(stego.layout)
    for outline in touched:
        place = footprint(outline, stego.width, stego.height)
        if place is not None:
            free[0][place.window] &= place.index < 0
            window, index = place.chroma(step)
            for plane in free[1:]:
                plane[window] &= index < 0
    is_sparse = carrier.fidelity == "sparse"
    for number, (mask, a, b) in enumerate(
        zip(
            free,
            split_planes(stego.planes, stego.layout),
            split_planes(drawn.planes, drawn.layout),
            strict=True,
        )
    ):
        if is_sparse:
            mask = whole_blocks(free, number, step)
        assert np.array_equal(a[mask], b[mask])
    if not is_sparse:
        same = (stego.planes & 15) == (drawn.planes & 15)
        assert np.array_equal(stego.planes[same], drawn.planes[same])


def whole_blocks(free, number, step):
    """Of one plane, the pixels of those support blocks in which nothing is drawn, in any plane."""
    height, width = free[0].shape
    blocks = np.ones((-(-height // SUPPORT_BLOCK), -(-width // SUPPORT_BLOCK)), bool)
    for at, plane in enumerate(free):
        side = SUPPORT_BLOCK // (step if at else 1)
        for row, column in zip(*np.nonzero(~plane), strict=True):
            blocks[row // side, column // side] = False
    side = SUPPORT_BLOCK // (step if number else 1)
    spread = np.kron(blocks, np.ones((side, side), bool))[: free[number].shape[0], : free[number].shape[1]]
    return spread & free[number]


@given(made=frames())
@settings(max_examples=100, deadline=None)
def test_it_says_what_was_asked_for_and_is_near(made):
    """The heat that comes back is sound, and no byte has moved further than twice a nibble's step."""
    carrier, cover, objects, others = made
    stego, known = embed(carrier, cover, objects)
    drawn, outlines = replace_objects(carrier, stego, others, known)
    found = extract_planes(drawn.planes, drawn.layout)
    assert not found.damaged
    assert found.marks.intact == found.marks.whole
    tagged = {(o.track, o.box) for o in found.outlines}
    assert tagged <= {(o.track, o.box) for o in outlines}
    assert np.abs(drawn.planes.astype(int) - stego.planes).max() <= 15
    assert np.abs(drawn.planes.astype(int) - cover.planes).max() <= 30


@given(made=frames(), at=st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_another_picture_is_no_cover(made, at):
    carrier, cover, objects, others = made
    stego, known = embed(carrier, cover, objects)
    planes = cover.planes.copy()
    flat = planes.reshape(-1)
    flat[at % flat.size] = (int(stego.planes.reshape(-1)[at % flat.size]) + 128) % 256
    with pytest.raises(InputError, match="another picture"):
        replace_objects(carrier, stego, others, known, replace(cover, planes=planes))
