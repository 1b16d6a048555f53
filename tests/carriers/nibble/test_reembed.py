"""Embedding other objects in a stego frame: whatever the frame, what must not change does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.base import FrameContent
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.carriers.nibble.marks import SUPPORT_BLOCK
from cssv.carriers.nibble.planes import extract_planes
from cssv.errors import InputError
from cssv.frames import split_planes
from cssv.pipeline.scene_track import quantise
from cssv.scene import Ranges, Scene
from cssv.template.footprint import footprint
from cssv.template.render import chroma_step
from cssv.testing import strategies

SCENE = Scene()
RANGES = Ranges((0.0, 60.0), (-20.0, 60.0), (0.0, 2000.0))


def quantised(objects):
    """Objects with the precision of the scene track."""
    return [quantise(each) for each in objects]


@st.composite
def frames(draw):
    """A carrier, a cover and two sets of objects."""
    cover = draw(strategies.frames())
    fidelity, merge = draw(st.sampled_from(["full", "sparse"])), draw(st.sampled_from(["opap", "plain"]))
    objects = strategies.objects_of_a_frame(cover.width, cover.height).map(quantised)
    return NibbleCarrier(merge, fidelity), cover, draw(objects), draw(objects)


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
@settings(max_examples=250)
def test_its_own_objects_redrawn_are_the_same_frame(made):
    carrier, cover, objects, _ = made
    stego, known = embed(carrier, cover, objects)
    again, _ = replace_objects(carrier, stego, objects, known)
    assert np.array_equal(again.planes, stego.planes)
    assert (again.pts, again.layout, again.time_base) == (stego.pts, stego.layout, stego.time_base)


@given(made=frames())
@settings(max_examples=150)
def test_with_the_cover_it_is_what_painting_gives(made):
    carrier, cover, objects, others = made
    stego, known = embed(carrier, cover, objects)
    other, _ = embed(carrier, cover, others)
    drawn, _ = replace_objects(carrier, stego, others, known, cover)
    assert np.array_equal(drawn.planes, other.planes)


@given(made=frames())
@settings(max_examples=250)
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
@settings(max_examples=100)
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
@settings(max_examples=50)
def test_another_picture_is_no_cover(made, at):
    carrier, cover, objects, others = made
    stego, known = embed(carrier, cover, objects)
    planes = cover.planes.copy()
    flat = planes.reshape(-1)
    flat[at % flat.size] = (int(stego.planes.reshape(-1)[at % flat.size]) + 128) % 256
    with pytest.raises(InputError, match="another picture"):
        replace_objects(carrier, stego, others, known, replace(cover, planes=planes))
