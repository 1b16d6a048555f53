"""A whole frame through the carrier: what comes out is what went in, or nothing."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.framing import seal
from cssv.carriers.nibble.bits import BitPlane
from cssv.carriers.nibble.mark_record import MINIATURE_SIZE
from cssv.carriers.nibble.marks import marked_pixels, read_marks, support_blocks, support_pixels
from cssv.carriers.nibble.merge import split
from cssv.carriers.nibble.planes import PlanesEmbedder, extract_planes
from cssv.carriers.nibble.tags import read_tags
from cssv.frames import split_planes
from cssv.template.drawing import Outline, Selector
from cssv.template.render import render

LAYOUTS = ["yuv420p", "rgb24"]
SIZES = [(32, 32), (48, 80), (176, 144), (320, 240), (350, 226)]
SHOTS = st.tuples(st.integers(0, 2**16), st.sampled_from(LAYOUTS), st.sampled_from(SIZES), st.integers(0, 4))


def touched(shot, sparse):
    """Pixels of the first plane whose lowest bit is not the template's."""
    width, height = shot.miniature.width, shot.miniature.height
    mask = marked_pixels(width, height, sparse).copy()
    for x, y in read_tags(BitPlane.from_luma(split_planes(shot.stego, shot.layout)[0]))[1]:
        mask[y : y + 32, x : x + 16] = True
    return mask


@given(SHOTS, st.sampled_from(["opap", "plain"]))
@settings(max_examples=40)
def test_full_frames_carry_the_template(studio, what, merge):
    shot = studio.shoot(*what, "full", merge)
    found = shot.extract()
    assert np.array_equal(found.heat, split(shot.stego))
    heat, template = split_planes(found.heat, shot.layout), split_planes(shot.template, shot.layout)
    mask = touched(shot, sparse=False)
    assert np.array_equal(found.marked, mask)
    assert np.array_equal(heat[0][~mask], template[0][~mask])
    assert np.array_equal(heat[0][mask] & 0xE0, template[0][mask] & 0xE0)
    assert np.array_equal(heat[1], template[1])
    assert np.array_equal(heat[2], template[2])


@given(SHOTS, st.sampled_from(["opap", "plain"]))
@settings(max_examples=40)
def test_sparse_frames_carry_the_template_in_its_support(studio, what, merge):
    shot = studio.shoot(*what, "sparse", merge)
    found = shot.extract()
    mask = touched(shot, sparse=True)
    heat, template = split_planes(found.heat, shot.layout), split_planes(shot.template, shot.layout)
    assert np.array_equal(heat[0][~mask], template[0][~mask])
    assert np.array_equal(heat[0][mask] & 0xE0, template[0][mask] & 0xE0)
    assert np.array_equal(heat[1], template[1])
    assert np.array_equal(heat[2], template[2])
    support = split_planes(
        support_pixels(support_blocks(shot.template, shot.layout), shot.template, shot.layout).view(np.uint8),
        shot.layout,
    )
    stego, cover = split_planes(shot.stego, shot.layout), split_planes(shot.cover, shot.layout)
    for k in range(3):
        outside = support[k] == 0
        assert not heat[k][outside & ~mask if k == 0 else outside].any()
        if k == 0:
            assert np.array_equal(stego[0][outside & mask] | 1, cover[0][outside & mask] | 1)
            outside &= ~mask
        assert np.array_equal(stego[k][outside], cover[k][outside])


@given(SHOTS, st.sampled_from(["full", "sparse"]))
@settings(max_examples=30)
def test_headers_and_tags_come_back(studio, what, fidelity):
    shot = studio.shoot(*what, fidelity)
    found = shot.extract()
    header = found.marks.header
    assert (header.frame, header.pts, header.objects) == (what[0], 512 * what[0], what[3])
    assert (header.sparse, header.rgb, header.plain) == (fidelity == "sparse", what[1] == "rgb24", False)
    assert found.marks.miniature == shot.miniature
    assert found.marks.intact == found.marks.whole
    assert all(outline in shot.outlines for outline in found.outlines)
    if min(what[2]) >= 144:
        assert len(found.outlines) == what[3]


@given(
    seed=st.integers(0, 99),
    layout=st.sampled_from(LAYOUTS),
    fidelity=st.sampled_from(["full", "sparse"]),
    data=st.data(),
)
@settings(max_examples=60)
def test_crops_carry_what_is_in_them(studio, seed, layout, fidelity, data):
    shot = studio.shoot(seed, layout, (350, 226), 3, fidelity)
    step = 2 if layout == "yuv420p" else 1
    w, h = (step * data.draw(st.integers(160 // step, side // step)) for side in (350, 226))
    x, y = (
        step * data.draw(st.integers(0, (350 - w) // step)),
        step * data.draw(st.integers(0, (226 - h) // step)),
    )
    stego = studio.crop(shot.stego, layout, x, y, w, h)
    found = extract_planes(stego, layout, data.draw(st.sampled_from([None, (x, y), (0, 0), (16, 8)])))
    assert found.marks.origin == (x, y)
    whole = shot.extract()
    moved = [replace(o, box=(o.box[0] - x, o.box[1] - y, *o.box[2:])) for o in whole.outlines]
    assert all(outline in moved for outline in found.outlines)
    # A tag that the crop cuts is lost and with it the knowledge that its bits were a tag's.
    expected = split_planes(studio.crop(whole.clean(layout), layout, x, y, w, h), layout)
    planes = split_planes(found.clean(layout), layout)
    assert np.array_equal(planes[0] & 0xE0, expected[0] & 0xE0) or fidelity == "sparse"
    assert np.array_equal(planes[1], expected[1])
    assert np.array_equal(planes[2], expected[2])
    cut = (found.marked == 0) & (studio.crop_mask(whole.marked, x, y, w, h) == 0)
    assert np.array_equal(planes[0][cut], expected[0][cut])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fidelity", ["full", "sparse"])
def test_a_clean_heat_map_shows_no_marks(studio, layout, fidelity):
    shot = studio.shoot(5, layout, (320, 240), 3, fidelity)
    found = shot.extract()
    clean, template = (split_planes(p, layout) for p in (found.clean(layout), shot.template))
    assert (split_planes(found.heat, layout)[0] & 0x10)[found.marked].any()
    assert not (clean[0] & 0x10)[found.marked].any()
    assert np.array_equal(clean[0] & 0xE0, template[0] & 0xE0)
    assert np.array_equal(clean[0][~found.marked], template[0][~found.marked])
    assert np.array_equal(clean[1], template[1])
    empty = studio.shoot(5, layout, (320, 240), 0, fidelity).extract()
    assert empty.heat.any()
    assert not empty.clean(layout).any()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("merge", ["opap", "plain"])
def test_covers_in_any_memory_order(studio, layout, merge):
    shot = studio.shoot(3, layout, merge=merge)
    for fidelity in ("full", "sparse"):
        carrier = PlanesEmbedder(layout, shot.miniature.write(), merge, fidelity)
        stego = [
            carrier.embed(cover, shot.template, shot.outlines, number=1, pts=2)
            for cover in (shot.cover, np.asfortranarray(shot.cover))
        ]
        assert np.array_equal(*stego)
        assert all(planes.flags.c_contiguous for planes in stego)
        assert extract_planes(stego[1], layout) is not None


def test_embedding_changes_none_of_its_arguments(studio):
    shot = studio.shoot(4)
    cover, template = shot.cover.copy(), shot.template.copy()
    shot.cover.setflags(write=False)
    shot.template.setflags(write=False)
    for fidelity in ("full", "sparse"):
        carrier = PlanesEmbedder(shot.layout, shot.miniature.write(), "opap", fidelity)
        carrier.embed(shot.cover, shot.template, shot.outlines, number=1, pts=2)
    assert np.array_equal(shot.cover, cover)
    assert np.array_equal(shot.template, template)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_lossy_damage_carries_nothing(studio, layout):
    """JPEG, a blur, a resize, a change of brightness: None, never a guess."""
    shot = studio.shoot(0, layout, (320, 240))
    jpeg = cv2.imdecode(cv2.imencode(".jpg", shot.stego)[1], cv2.IMREAD_UNCHANGED)
    half = cv2.resize(cv2.resize(shot.stego, None, fx=0.5, fy=0.5), shot.stego.shape[1::-1])
    for damaged in (jpeg, cv2.GaussianBlur(shot.stego, (3, 3), 0), half, shot.stego // 2):
        assert damaged.shape == shot.stego.shape
        assert extract_planes(damaged, layout) is None


@pytest.mark.parametrize("seed", range(8))
def test_a_colour_conversion_carries_nothing_wrong(studio, seed):
    """Where marks come through by luck, as on flat grey, half of them must before anything is believed."""
    shot = studio.shoot(seed, "rgb24")
    there = cv2.cvtColor(shot.stego, cv2.COLOR_RGB2YCrCb)
    found = extract_planes(cv2.cvtColor(there, cv2.COLOR_YCrCb2RGB), "rgb24")
    flat = len(np.unique(shot.cover)) == 1
    assert found is None or (flat and found.marks.intact * 2 >= found.marks.whole)


def test_half_of_the_marks_must_be_intact(studio):
    shot = studio.shoot(0, size=(336, 80), objects=0)
    luma = split_planes(shot.stego, "yuv420p")[0]
    for count, carries in ((1, True), (2, True), (3, False)):
        luma[0, 80 * (count - 1)] ^= 1
        assert (shot.extract() is not None) is carries


def test_planes_of_another_layout_are_refused(studio):
    """The planes of an RGB frame, taken for those of a 4:2:0 one: the marks are there, the drawing is not."""
    shot = studio.shoot(0, "rgb24", (320, 240))
    planes = np.zeros((360, 320), np.uint8)
    planes[:240] = shot.stego[..., 0]
    assert shot.extract() is not None
    assert extract_planes(planes, "yuv420p") is None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fidelity", ["full", "sparse"])
def test_a_frame_partly_overwritten_says_so(studio, layout, fidelity):
    shot = studio.shoot(2, layout, (320, 240), 2, fidelity)
    stego = shot.stego.copy()
    split_planes(stego, layout)[0][:100, :180] = 7
    marks = shot.extract(stego).marks
    assert 0 < marks.intact < marks.whole == 12
    assert marks.miniature == shot.miniature
    assert marks.header == shot.extract().marks.header


def test_a_frame_pasted_into_a_picture_is_read(studio):
    for fidelity in ("full", "sparse"):
        shot = studio.shoot(6, "rgb24", (176, 144), 2, fidelity)
        wall = np.random.default_rng(1).integers(0, 256, (300, 280, 3), dtype=np.uint8)
        wall[51:195, 37:213] = shot.stego
        found, whole = extract_planes(wall, "rgb24"), shot.extract()
        assert found.marks.origin == (-37, -51)
        assert np.array_equal(found.heat[51:195, 37:213], whole.heat)
        assert np.array_equal(found.marked[51:195, 37:213], whole.marked)
        if fidelity == "sparse":
            found.heat[51:195, 37:213] = 0
            assert not found.heat.any()
        assert [o.box[:2] for o in found.outlines] == [(o.box[0] + 37, o.box[1] + 51) for o in whole.outlines]


@pytest.mark.parametrize("size", [(0, 0), (31, 100), (32, 32), (16384, 16384), (65535, 65535)])
def test_a_miniature_that_lies_about_the_size_is_survived(studio, size):
    small = bytearray(studio.miniature(176, 144).write())
    small[24:28] = size[0].to_bytes(2, "big") + size[1].to_bytes(2, "big")
    lie = seal(bytes(small[:60]), MINIATURE_SIZE)
    shot = studio.shoot(1, "yuv420p", (176, 144))
    stego = PlanesEmbedder("yuv420p", lie).embed(shot.cover, shot.template, (), number=1, pts=1)
    found = extract_planes(stego, "yuv420p")
    if size == (32, 32):
        # The only cell of so small a frame would end at its mark, and its check says otherwise.
        assert found is None
        return
    assert found.heat.shape == shot.cover.shape
    assert (found.marks.miniature is None) == (not 32 <= size[0] <= 16384)


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("fidelity", ["full", "sparse"])
@pytest.mark.parametrize("plane", [0, 1, 2])
def test_every_changed_nibble_is_told_by_its_cell(studio, layout, fidelity, plane):
    """Chroma too: a conversion that spares the marks is not taken for the drawing."""
    shot = studio.shoot(7, layout, (330, 250))
    stego = PlanesEmbedder(layout, shot.miniature.write(), "opap", fidelity).embed(
        shot.cover, shot.template, (), number=1, pts=1
    )
    rng = np.random.default_rng(plane)
    for _ in range(20):
        changed = stego.copy()
        part = split_planes(changed, layout)[plane]
        step = 2 if layout == "yuv420p" and plane else 1
        row, column = int(rng.integers(240 // step)), int(rng.integers(320 // step))
        part[row, column] ^= 1 << int(rng.integers(1, 4))
        assert extract_planes(changed, layout).damaged == ((column * step // 80, row * step // 80),)
    assert extract_planes(stego, layout).damaged == ()


@pytest.mark.parametrize("fidelity", ["full", "sparse"])
def test_changed_chroma_under_whole_marks_is_refused(studio, fidelity):
    shot = studio.shoot(8, "yuv420p", (330, 250))
    stego = PlanesEmbedder("yuv420p", shot.miniature.write(), "opap", fidelity).embed(
        shot.cover, shot.template, (), number=1, pts=1
    )
    _, cb, _ = split_planes(stego, "yuv420p")
    cb += 3
    assert read_marks(split_planes(stego, "yuv420p")[0]).intact > 0
    assert extract_planes(stego, "yuv420p") is None


def test_a_crop_at_an_odd_pixel_of_a_halved_chroma_is_refused(studio):
    shot = studio.shoot(9, "yuv420p", (330, 250))
    stego = PlanesEmbedder("yuv420p", shot.miniature.write()).embed(
        shot.cover, shot.template, (), number=1, pts=1
    )
    luma, cb, cr = split_planes(stego, "yuv420p")
    for x, y in ((2, 2), (1, 0), (0, 1), (33, 17)):
        part = np.concatenate(
            [
                luma[y : y + 200, x : x + 240].ravel(),
                cb[y // 2 : y // 2 + 100, x // 2 : x // 2 + 120].ravel(),
                cr[y // 2 : y // 2 + 100, x // 2 : x // 2 + 120].ravel(),
            ]
        ).reshape(300, 240)
        assert (extract_planes(part, "yuv420p") is None) == bool(x % 2 or y % 2)


def test_noise_carries_nothing():
    rng = np.random.default_rng(12)
    for layout, shape in (("yuv420p", (864, 768)), ("rgb24", (576, 768, 3))):
        for _ in range(3):
            assert extract_planes(rng.integers(0, 256, shape, dtype=np.uint8), layout) is None


@pytest.mark.parametrize("fidelity", ["full", "sparse"])
@pytest.mark.parametrize("at", [(-200, -100), (300, 220), (2000, 2000)])
def test_objects_beyond_the_frame_do_no_harm(studio, fidelity, at):
    outline = Outline(1, "", 0, (*at, 30, 30), bytes([20] * 32), 0, Selector.RINGS, 0)
    shot = studio.shoot(2, "yuv420p", (320, 240), 0)
    carrier = PlanesEmbedder("yuv420p", shot.miniature.write(), "opap", fidelity)
    stego = carrier.embed(shot.cover, shot.template, [outline], number=1, pts=1)
    assert extract_planes(stego, "yuv420p").outlines == (outline,)


def test_psnr_reaches_its_bounds(studio):
    """Flat covers are the worst and the best case; random ones are the mean."""
    rng = np.random.default_rng(3)
    cover = rng.integers(16, 240, (720, 640), dtype=np.uint8)
    small = studio.miniature(640, 480).write()
    drawing = studio.drawing(rng, 640, 480, 1, Selector.RINGS, (300, 200, 40, 60))
    template = render([drawing], cover[:480], "yuv420p")

    def psnr(fidelity):
        carrier = PlanesEmbedder("yuv420p", small, "opap", fidelity)
        stego = carrier.embed(cover, template, [drawing.outline], number=1, pts=1)
        return 10 * np.log10(255**2 / np.mean((stego.astype(float) - cover) ** 2))

    assert psnr("full") >= 34.6
    assert psnr("sparse") >= 40
