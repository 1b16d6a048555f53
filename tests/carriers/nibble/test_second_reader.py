"""The package's reader against a second one written from SPEC.md alone."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.frames import split_planes
from cssv.template.drawing import Selector
from cssv.template.read import read


def near(byte, number, turn=False):
    """Whether a byte is a float rounded, one off at most where the float lies between two."""
    if turn:
        return abs((byte - number + 128) % 256 - 128) <= 0.51
    return abs(byte - min(max(number, 0), 255)) <= 0.51


def assert_same(ours, theirs, layout, shape):
    assert theirs is not None
    marks = ours.marks
    assert (marks.origin, marks.header.frame, marks.header.pts, marks.header.objects) == (
        theirs.origin, theirs.frame, theirs.pts, theirs.objects,
    )  # fmt: skip
    flags = marks.header.sparse | marks.header.rgb << 1 | marks.header.plain << 2
    assert (marks.intact, flags) == (theirs.marks, theirs.flags)
    small = marks.miniature
    assert theirs.miniature["ranges"] == [small.speed_px_s, small.temperature_c, small.density_kg_m3]
    assert theirs.miniature["size"] == (small.width, small.height)
    assert theirs.miniature["time_base"] == small.time_base.as_integer_ratio()
    assert theirs.miniature["digest"] == small.digest
    assert not ours.damaged
    x, y = marks.origin
    height, width = split_planes(ours.heat, layout)[0].shape
    for cell in marks.checks:
        if all((cell[k] + 1) * 80 <= (x + width, y + height)[k] for k in (0, 1)):
            assert cell in theirs.sound
    for ours_tag, tag in zip(ours.outlines, theirs.tags, strict=True):
        left, top, w, h = ours_tag.box
        assert (left + x, top + y, w, h) == tag.box
        assert (ours_tag.track, ours_tag.label.encode(), ours_tag.score) == (tag.track, tag.label, tag.score)
        assert (int(ours_tag.selector), ours_tag.shift, ours_tag.axis, list(ours_tag.radii)) == (
            tag.selector, tag.shift, tag.axis, tag.radii,
        )  # fmt: skip
    planes = split_planes(ours.heat, layout)
    luma = planes[0] if not marks.header.sparse else np.where(ours.marked, planes[0] & 0xE0, planes[0])
    theirs_luma = theirs.template[0]
    if marks.header.sparse:
        theirs_luma = np.where(ours.marked, theirs_luma & 0xE0, theirs_luma)
    assert np.array_equal(luma, theirs_luma)
    assert all(np.array_equal(a, b) for a, b in zip(planes[1:], theirs.template[1:], strict=True))
    assert_same_objects(read(ours.heat, layout, ours.outlines, ours.marked), theirs.shown)


def assert_same_objects(sights, shown):
    for sight, other in zip(sights, shown, strict=True):
        assert sight.visible == pytest.approx(other.visible, abs=1e-9)
        if sight.outline.selector is Selector.EDGES:
            continue
        starved = any(ring.weight < 6 or ring.chroma_weight < 1 for ring in other.rings)
        assert starved == (sight.readings is None)
        if starved:
            continue
        r, rings = sight.readings, other.rings
        assert near(r.temperature, rings[1].value)
        assert near(r.temperature_certainty, rings[1].certainty)
        assert near(r.density, rings[2].value)
        assert near(r.density_certainty, rings[2].certainty)
        ahead, behind = other.ahead, other.behind
        ahead = ahead if ahead.weight >= 6 and ahead.chroma_weight >= 1 else behind
        behind = behind if behind.weight >= 6 and behind.chroma_weight >= 1 else ahead
        assert near(r.future_speed, ahead.value)
        assert near(r.past_speed, behind.value)
        assert near(r.future_heading, ahead.hue, turn=True) or ahead.certainty < 1
        assert near(r.past_heading, behind.hue, turn=True) or behind.certainty < 1


CASES = [
    (seed, layout, fidelity, merge)
    for seed, (layout, fidelity, merge) in enumerate(
        [
            ("yuv420p", "full", "opap"),
            ("yuv420p", "sparse", "opap"),
            ("rgb24", "full", "opap"),
            ("rgb24", "sparse", "plain"),
            ("yuv420p", "full", "plain"),
            ("yuv420p", "sparse", "plain"),
        ]
    )
]


@pytest.mark.parametrize(("seed", "layout", "fidelity", "merge"), CASES)
def test_both_read_the_same_of_random_frames(studio, second_reader, seed, layout, fidelity, merge):
    shot = studio.shoot(seed, layout, (240, 176), 4, fidelity, merge)
    ours = shot.extract()
    assert len(ours.outlines) == 4
    assert_same(ours, second_reader.read(shot.stego, layout), layout, (176, 240))


@pytest.mark.parametrize(
    ("layout", "fidelity", "window"),
    [
        ("rgb24", "full", (3, 7, 177, 163)),
        ("rgb24", "sparse", (61, 5, 171, 171)),
        ("yuv420p", "sparse", (38, 14, 162, 162)),
    ],
)
def test_both_read_the_same_of_crops(studio, second_reader, layout, fidelity, window):
    shot = studio.shoot(11, layout, (240, 176), 3, fidelity)
    stego = studio.crop(shot.stego, layout, *window)
    ours = shot.extract(stego)
    assert ours.marks.origin == window[:2]
    assert_same(ours, second_reader.read(stego, layout), layout, window[:1:-1])


def test_neither_reads_anything_from_noise(studio, second_reader):
    noise = np.random.default_rng(4).integers(0, 256, (240, 160), dtype=np.uint8)
    assert second_reader.read(noise, "yuv420p") is None
