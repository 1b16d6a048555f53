"""The form ``full`` of version 2: windows in, template, objects and other windows out."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers import CARRIERS
from cssv.carriers.base import FrameContent, Hint
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.carriers.nibble.full import FullCarrier
from cssv.carriers.nibble.full_planes import plane_masks
from cssv.carriers.nibble.full_trial import GRAINS, REACH_RANGE, empty_bits
from cssv.carriers.prepared import ClipSample
from cssv.errors import OptionError
from cssv.frames import LAYOUTS, Frame, cut_planes, split_planes
from cssv.pipeline.scene_track import quantise
from cssv.scene import Ranges, Scene, Value
from cssv.template.certainty import planar_sigma, value_sigma
from cssv.template.drawing import Rings
from cssv.template.render import interior, render, ring_pixels
from cssv.template.state import ObjectState
from cssv.testing import strategies
from cssv.testing.carrier import content_of, smooth_frame, some_objects

RANGES = Ranges((0.0, 200.0), (-20.0, 60.0), (0.0, 2000.0))
RINGS = [Rings(number) for number in range(1, 8)]
CARRIERS_OF_FULL = st.builds(FullCarrier, st.integers(*REACH_RANGE), st.sampled_from(GRAINS))


def content(frame, objects, rings=Rings.ALL):
    return FrameContent(
        frame.number, frame.pts, frame.time_base, tuple(objects), RANGES, Scene(), rings=rings
    )


def extract(frame, hint=None):
    ((_, found),) = FullCarrier().extractor().feed(frame, hint or Hint())
    return found


def noisy(frame, seed, levels=4):
    """The next frame of a camera that stands still."""
    noise = np.random.default_rng(seed).integers(-levels, levels + 1, frame.planes.shape)
    planes = np.clip(frame.planes.astype(int) + noise, 0, 255).astype(np.uint8)
    return replace(frame, planes=planes, number=frame.number + 1, pts=frame.pts + 512)


@st.composite
def windows(draw):
    """A carrier, covers of a still camera, and two sets of objects for each of them."""
    first = draw(strategies.frames())
    second = noisy(first, draw(st.integers(0, 99)))
    covers = [first, second, noisy(second, 5)]
    objects = strategies.objects_of_a_frame(first.width, first.height).map(
        lambda states: [quantise(each) for each in states]
    )
    rings = draw(st.sampled_from(RINGS))
    old, new = ([content(cover, draw(objects), rings) for cover in covers] for _ in range(2))
    return draw(CARRIERS_OF_FULL), covers, old, new


def assert_carries(carrier, stego, template, outlines):
    """Every byte has the nibble of the template or zeros, but for the bits of marks and tags."""
    found = extract(stego)
    drawn = ring_pixels(outlines, stego.width, stego.height)
    bits = empty_bits(carrier.grain, stego.layout)
    rows = zip(
        split_planes(stego.planes, stego.layout),
        split_planes(template, stego.layout),
        plane_masks(drawn, stego.layout),
        (bits[0], bits[1], bits[1]),
        strict=True,
    )
    for number, (plane, wanted, mask, empty) in enumerate(rows):
        free = 0xFF if number else np.where(found.found.marked, 0xFE, 0xFF)
        assert np.all(((plane & 15 ^ wanted >> 4) & free)[mask] == 0)
        assert np.all((plane & (1 << empty) - 1 & free)[~mask] == 0)


@given(windows())
@settings(max_examples=40)
def test_every_byte_carries(window):
    carrier, covers, contents, _ = window
    for cover, own, done in zip(covers, contents, carrier.embed_window(covers, contents, 0), strict=True):
        drawings = [d for d in own.draw(cover) if d.outline not in done.unmarked]
        template = render(drawings, cover.luma(), cover.layout, interior=False)
        outlines = [drawing.outline for drawing in drawings]
        assert_carries(carrier, done.stego, template, outlines)
        heat = extract(done.stego).clean_heat
        luma = split_planes(heat, cover.layout)[0]
        beside = ~(
            ring_pixels(outlines, cover.width, cover.height) | interior(outlines, cover.width, cover.height)
        )
        assert not luma[beside].any()


@given(windows())
@settings(max_examples=40)
def test_replacing_ends_where_it_would_from_the_first_version(window):
    """The old content leaves no trace with the covers; without them no frame depends on another one."""
    carrier, covers, old, new = window
    root = carrier.embed_window(covers, old, 0)
    stegos, unmarked = [each.stego for each in root], [each.unmarked for each in root]
    same = carrier.replace_window(stegos, old, 0, None, unmarked)
    with_covers = carrier.replace_window(stegos, new, 0, covers, unmarked)
    without = carrier.replace_window(stegos, new, 0, None, unmarked)
    fresh = carrier.embed_window(covers, new, 0)
    for number in range(len(covers)):
        assert np.array_equal(same[number].stego.planes, stegos[number].planes)
        assert np.array_equal(with_covers[number].stego.planes, fresh[number].stego.planes)
        (alone,) = carrier.replace_window([stegos[number]], [new[number]], 0, None, [unmarked[number]])
        assert np.array_equal(without[number].stego.planes, alone.stego.planes)
        drawn = [o for o in without[number].outlines if o not in without[number].unmarked]
        found = extract(without[number].stego)
        boxes = [(o.track, o.box, o.radii, o.rings) for o in found.found.outlines]
        assert sorted(boxes) == sorted((o.track, o.box, o.radii, o.rings) for o in drawn)
        assert found.is_intact


def some_state(rng, rings):
    speed, turn = rng.uniform(0, 200), rng.uniform(0, 2 * math.pi)
    velocity = (speed * math.cos(turn), speed * math.sin(turn))
    sure = rng.uniform(0.3, 1, 3)
    box = (rng.uniform(40, 80), rng.uniform(40, 80), *rng.uniform(24, 90, 2))
    return ObjectState(
        7, "", 1.0, box, velocity, velocity, velocity, planar_sigma(sure[0], RANGES.speed_px_s),
        temperature_c=Value(rng.uniform(-20, 60), value_sigma(sure[1], RANGES.temperature_c)),
        density_kg_m3=Value(rng.uniform(0, 2000), value_sigma(sure[2], RANGES.density_kg_m3)),
    )  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("grain", GRAINS)
def test_attributes_read_back_within_a_sixteenth(layout, grain):
    """Also with rings left out."""
    rng, wrong, count = np.random.default_rng(1), 0, 0
    for number in range(40):
        rings = RINGS[number % len(RINGS)]
        state, cover = some_state(rng, rings), smooth_frame(layout, number, number + 1, (240, 200))
        (done,) = FullCarrier(10, grain).embed_window([cover], [content(cover, [state], rings)], 0)
        (back,) = extract(done.stego).states(RANGES)
        pairs = []
        if rings & Rings.VELOCITY:
            pairs.append(math.dist(back.velocity_px_s, state.velocity_px_s) / 200)
        if rings & Rings.TEMPERATURE:
            pairs.append(abs(back.temperature_c.value - state.temperature_c.value) / 80)
        else:
            assert back.temperature_c is None
        if rings & Rings.DENSITY:
            pairs.append(abs(back.density_kg_m3.value - state.density_kg_m3.value) / 2000)
        wrong, count = wrong + sum(each > 1 / 16 for each in pairs), count + len(pairs)
    assert wrong <= count / 100


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_crop_tells_its_objects(layout):
    cover = smooth_frame(layout, 3, size=(400, 320))
    (done,) = FullCarrier().embed_window([cover], [content_of(cover, some_objects())], 0)
    planes = cut_planes(done.stego.planes, layout, (6, 10, 260, 240))
    found = extract(replace(done.stego, planes=planes))
    assert (found.number, found.origin, found.is_intact) == (3, (6, 10), True)
    assert {state.track for state in found.states(RANGES)} == {1, 2}
    whole = extract(done.stego)
    assert np.array_equal(
        split_planes(found.heat, layout)[1] != 0,
        split_planes(cut_planes(whole.heat, layout, (6, 10, 260, 240)), layout)[1] != 0,
    )


def test_damage_is_noticed():
    cover = smooth_frame("yuv420p", 3, size=(400, 320))
    (done,) = FullCarrier().embed_window([cover], [content_of(cover, some_objects())], 0)
    planes = done.stego.planes.copy()
    planes[200, 250] ^= 4
    found = extract(replace(done.stego, planes=planes))
    assert found.damaged_cells == ((3, 2),)
    assert not found.is_intact


def test_versions_do_not_read_each_other():
    """A picture belongs to one carrier, so that a search finds the right one."""
    cover = smooth_frame("yuv420p", 3)
    own = content_of(cover, some_objects())
    (second,) = FullCarrier().embed_window([cover], [own], 0)
    assert NibbleCarrier().extract(second.stego) is None
    for fidelity in ("full", "sparse"):
        assert extract(NibbleCarrier(fidelity=fidelity).embed(cover, own).stego) is None


def test_an_object_without_a_tag_is_not_drawn():
    """Nobody could read it, and the reader would take its rings for damage."""
    cover = smooth_frame("yuv420p", 0, size=(64, 64))
    crowd = [replace(some_objects(1)[0], track=n, box_px=(10.0, 10.0, 30.0, 30.0)) for n in range(9)]
    (done,) = FullCarrier().embed_window([cover], [content_of(cover, crowd)], 0)
    found = extract(done.stego)
    assert len(done.unmarked) + len(found.found.outlines) == len(crowd) == len(done.outlines)
    assert done.unmarked
    assert found.is_intact


@pytest.mark.parametrize("layout", LAYOUTS)
def test_still_pixels_do_not_flicker(layout):
    """Noise of two levels changes one byte in a hundred at most, but for the marks."""
    covers = [smooth_frame(layout, 0, size=(240, 200))]
    for seed in range(5):
        covers.append(replace(noisy(covers[0], seed, 2), number=seed + 1, pts=512 * (seed + 1)))
    contents = [content_of(cover, ()) for cover in covers]
    for grain in GRAINS:
        stegos = [each.stego.planes for each in FullCarrier(10, grain).embed_window(covers, contents, 0)]
        assert np.mean((stegos[0] ^ stegos[-1]) > 1) <= 0.01
        alone = [
            FullCarrier(10, grain).embed_window([c], [own], 0)[0]
            for c, own in zip(covers, contents, strict=True)
        ]
        assert np.mean((stegos[0] ^ alone[-1].stego.planes) > 1) >= 0.02


@pytest.mark.parametrize(("growth", "grain"), [(1.2, "fine"), (1.3, "coarse")])
def test_a_trial_takes_the_fine_grain_where_it_costs_little(growth, grain):
    first = smooth_frame("yuv420p", 0)
    part = [first, noisy(first, 1)]
    sizes = iter([growth, 1.0])

    def coded_sizes(planes):
        share = next(sizes)
        return [round(1000 * share)] * len(planes)

    sample = ClipSample(first, Scene(), [part], Fraction(25), coded_sizes)
    reports = []
    made = FullCarrier().prepared(sample, None, lambda *done: reports.append(done))
    assert (made.grain, made.reach) == (grain, 10)
    assert reports == [(1, 2), (2, 2)]
    # Without a codec nobody knows what fine steps cost.
    assert FullCarrier().prepared(replace(sample, coded_sizes=None), None).grain == "coarse"


def test_a_trial_takes_fewer_levels_where_the_picture_would_suffer():
    """A byte that is ten levels off would keep its value, where the nearest one is six levels off."""
    part = [
        Frame(np.full((240, 160), luma, np.uint8), "yuv420p", number, Fraction(1, 25), number)
        for number, luma in enumerate((128, 138))
    ]
    for frame in part:
        for plane in frame.split()[1:]:
            plane[...] = 128
    made = FullCarrier().prepared(ClipSample(part[0], Scene(), [part], Fraction(25)), None)
    assert (made.grain, made.reach) == ("coarse", 9)


def test_what_is_stated_is_not_chosen():
    part = [smooth_frame("yuv420p", 0), noisy(smooth_frame("yuv420p", 0), 1)]
    sample = ClipSample(part[0], Scene(), [part], Fraction(25))
    for stated in (FullCarrier(12, "fine"), FullCarrier(8), FullCarrier(grain="fine"), FullCarrier()):
        made = stated.prepared(sample, None)
        assert made.reach == (stated.reach or 10)
        assert made.grain == (stated.grain or "coarse")
        assert stated.sample_s == (0 if stated == made else 1)
        assert made.sample_s == 0
        assert FullCarrier.from_options(made.options()) == made
    assert FullCarrier().options() == {"reach": "auto", "grain": "auto"}


@pytest.mark.parametrize(
    "options",
    [
        {"reach": ""},
        {"reach": "7"},
        {"reach": "13"},
        {"reach": "x"},
        {"reach": "9" * 5000},
        {"grain": "fin"},
        {"grain": ""},
    ],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(OptionError):
        CARRIERS["full"].from_options(options)


def test_a_window_fits_in_memory():
    """It ends where a codec places key frames."""
    for size in ((32, 32), (768, 576), (1920, 1080), (3840, 2160), (16384, 16384)):
        for layout in LAYOUTS:
            span = FullCarrier().span(layout, *size)
            assert 50 % span.frames == 0
            assert span.frames == 1 or span.frames * size[0] * size[1] * 3 // 2 <= 1 << 26
