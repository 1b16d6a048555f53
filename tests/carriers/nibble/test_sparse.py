"""Frames of the form sparse: exact beside the drawing, and everybody in any crop."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.base import FrameContent, Hint
from cssv.carriers.framing import seal
from cssv.carriers.nibble.bits import BitPlane, block_pixels, set_bits
from cssv.carriers.nibble.sparse import SparseCarrier
from cssv.carriers.nibble.sparse_header import SparseHeader
from cssv.carriers.nibble.sparse_planes import extract_planes
from cssv.carriers.nibble.sparse_tags import read_sparse_tags, write_sparse_tag
from cssv.carriers.room import RoomExtracted, room_of
from cssv.errors import ContainerError, InputError, OptionError
from cssv.frames import LAYOUTS, Frame, cut_planes, planes_shape, split_planes
from cssv.scene import Environment, Scene, Value
from cssv.scene.camera import plane_of
from cssv.scene.model import Camera
from cssv.template.certainty import planar_sigma, value_sigma
from cssv.template.drawing import Rings
from cssv.template.render import ring_pixels
from cssv.template.state import ObjectState
from cssv.testing.carrier import RANGES, smooth_frame
from cssv.testing.strategies import objects_of_a_frame

SIZE = (480, 400)
CAMERA = Camera(homography=((0.02, 0.001, -3.0), (0.0005, -0.05, 21.0), (0.00001, 0.0021, 1.0)))
SCENE = Scene(camera=CAMERA, environment=Environment(ambient_temperature_c=Value(17.5)))
CARRIER = SparseCarrier()


def crowd(count, seed=1, size=SIZE, labels=("person", "car", "bicycle with a trailer")):
    rng = np.random.default_rng(seed)
    found = []
    for track in range(1, count + 1):
        w, h = rng.uniform(6, min(60, *size), 2)
        x, y = rng.uniform(0, size[0] - w), rng.uniform(0, size[1] - h)
        speed, turn = rng.uniform(0, 190), rng.uniform(0, 2 * math.pi)
        velocity = (speed * math.cos(turn), speed * math.sin(turn))
        certain = rng.uniform(0.3, 1, 3)
        found.append(
            ObjectState(
                track * 3, labels[track % len(labels)], float(rng.uniform(0, 1)), (x, y, w, h),
                velocity, velocity, velocity, planar_sigma(certain[0], RANGES.speed_px_s),
                temperature_c=Value(rng.uniform(-20, 60), value_sigma(certain[1], RANGES.temperature_c)),
                density_kg_m3=Value(rng.uniform(0, 2000), value_sigma(certain[2], RANGES.density_kg_m3)),
            )
        )  # fmt: skip
    return found


def content(frame, objects, rings=Rings.ALL, scene=SCENE):
    return FrameContent(frame.number, frame.pts, frame.time_base, tuple(objects), RANGES, scene, rings=rings)


def embedded(objects, layout="yuv420p", size=SIZE, number=0, rings=Rings.ALL):
    frame = smooth_frame(layout, number, size=size)
    return frame, CARRIER.embed(frame, content(frame, objects, rings))


def crop(frame, left, top, width=160, height=160):
    return replace(frame, planes=cut_planes(frame.planes, frame.layout, (left, top, width, height)))


def everybody(found):
    return {state.track: state for state in (*found.states(RANGES), *found.room(RANGES))}


def assert_told(state, told, size=SIZE):
    """A state told by a picture is the given one: the place in 1/256 of the frame, values in 1/16."""
    (x, y, w, h), (u, v, a, b) = state.box_px, told.box_px
    for one, other, side in (
        (x, u, size[0]),
        (y, v, size[1]),
        (x + w, u + a, size[0]),
        (y + h, v + b, size[1]),
    ):
        assert abs(one - other) <= side / 256 + 0.5
    assert told.label == state.label
    assert math.dist(told.velocity_px_s, state.velocity_px_s) <= 200 / 16
    assert abs(told.temperature_c.value - state.temperature_c.value) <= 80 / 16
    assert abs(told.density_kg_m3.value - state.density_kg_m3.value) <= 2000 / 16


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_crop_of_one_frame_lists_everybody(layout):
    objects = crowd(24)
    _, made = embedded(objects, layout)
    rng = np.random.default_rng(2)
    corners = [(0, 0), (320, 0), (0, 240), (320, 240)]
    corners += [tuple(2 * int(v) for v in rng.integers(0, (161, 121))) for _ in range(12)]
    given_plane = plane_of(CAMERA, SIZE)
    for left, top in corners:
        found = CARRIER.extract(crop(made.stego, left, top))
        assert found.origin == (left, top)
        assert found.object_count == 24
        told = everybody(found)
        assert set(told) == {state.track for state in objects}
        assert len(found.states(RANGES)) + len(found.room(RANGES)) == 24
        for state in objects:
            assert_told(state, told[state.track])
            assert abs(told[state.track].score - state.score) <= 1 / 16
        assert not found.damaged_cells
        clip = found.clip
        assert clip.size == SIZE
        feet = np.array([[100.0, 390.0], [300.0, 380.0]])
        assert np.allclose(clip.plane.to_ground(feet), given_plane.to_ground(feet), atol=2e-3)
        assert clip.scene.environment.ambient_temperature_c == Value(17.5)
    # Most of them lie outside of any crop.
    assert len(found.room(RANGES)) > 10


def test_objects_of_a_whole_frame_are_read_from_their_rings():
    objects = [
        replace(state, box_px=(40.0 + 150 * k, 60.0 + 90 * k, 40.0, 50.0)) for k, state in enumerate(crowd(3))
    ]
    for rings in (Rings.ALL, Rings.VELOCITY, Rings.VELOCITY | Rings.DENSITY):
        _, made = embedded(objects, rings=rings)
        found = CARRIER.extract(made.stego)
        assert isinstance(found, RoomExtracted)
        assert found.is_intact
        assert room_of(found, RANGES) == ()
        states = {state.track: state for state in found.states(RANGES)}
        for state in objects:
            back = states[state.track]
            # The label of a tag is cut, that of the room is not.
            assert back.label == state.label
            assert math.dist(back.velocity_px_s, state.velocity_px_s) <= 200 / 16
            assert (back.temperature_c is not None) is bool(rings & Rings.TEMPERATURE)
            assert (back.density_kg_m3 is not None) is bool(rings & Rings.DENSITY)


@given(st.data(), st.sampled_from(LAYOUTS), st.sampled_from([Rings(n) for n in range(1, 8)]))
@settings(max_examples=25)
def test_no_byte_changes_beside_drawing_and_marks(data, layout, rings):
    size = data.draw(st.sampled_from([(32, 32), (64, 64), (112, 112), (160, 112), (192, 160)]))
    objects = data.draw(objects_of_a_frame(*size))
    frame = smooth_frame(layout, size=size)
    made = CARRIER.embed(frame, content(frame, objects, rings))
    found = extract_planes(made.stego.planes, layout)
    drawn = [outline for outline in made.outlines if outline not in made.unmarked]
    support = ring_pixels(drawn, *size)
    assert np.array_equal(found.support, support)
    pairs = zip(split_planes(frame.planes, layout), split_planes(made.stego.planes, layout), strict=True)
    for number, (cover, stego) in enumerate(pairs):
        step = size[1] // stego.shape[0]
        here = support[::step, ::step]
        most = np.zeros(stego.shape, int)
        if not number:
            most[found.taken] = 1
        # 8, or 15 at the ends of the range; the bit of a mark comes on top.
        assert np.all(np.abs(stego.astype(int) - cover)[~here] <= most[~here])
        assert np.all(np.abs(stego.astype(int) - cover)[here] <= 15 + most[here])
    assert CARRIER.may_come_from(made.stego, frame)


def test_empty_slots_stay_the_covers():
    """A frame without objects and ground has only its header and its units."""
    frame = smooth_frame("yuv420p", size=SIZE)
    stego = CARRIER.embed(frame, content(frame, [], scene=Scene())).stego
    taken = CARRIER.extract(stego).found.taken
    assert taken.mean() == pytest.approx(3 / 81, abs=0.01)
    assert not np.any((stego.planes != frame.planes)[: SIZE[1]][~taken])


@pytest.mark.parametrize("size", [(480, 400), (96, 80)])
def test_more_objects_than_fit_take_turns(size):
    """Every frame tells how many there are, and a few frames tell all of them."""
    count = 90 if size == SIZE else 8
    objects = crowd(count, size=size)
    seen, labels = set(), set()
    for number in range(12):
        _, made = embedded(objects, size=size, number=number)
        part = made.stego if size != SIZE else crop(made.stego, 64, 32)
        found = CARRIER.extract(part)
        assert found.object_count == count
        told = {each.track for each in found.found.marks.room.objects.values()}
        # A small frame has one page, which is not always one of objects.
        assert told or size != SIZE
        seen |= told
        labels |= set(found.found.marks.room.labels.values())
        # The list is not complete, so a drawing that may be covered is not called damaged.
        assert not found.damaged_cells
    assert seen == {state.track for state in objects}
    assert labels == {"person", "car", "bicycle with a trailer"}


def test_larger_crops_tell_more():
    objects = crowd(200, size=(960, 800))
    _, made = embedded(objects, size=(960, 800))
    counts = [
        len(CARRIER.extract(crop(made.stego, 48, 32, side, side)).found.marks.room.objects)
        for side in (160, 320, 640)
    ]
    assert counts[0] >= 40
    assert counts[0] < counts[1] <= counts[2]
    assert counts[1] > 90


def test_large_tracks_are_told():
    objects = [replace(state, track=2**32 - 1 - k) for k, state in enumerate(crowd(5))]
    _, made = embedded(objects)
    found = CARRIER.extract(crop(made.stego, 320, 240))
    assert set(everybody(found)) == {state.track for state in objects}


def test_a_drawing_that_changed_is_not_read_but_told():
    objects = [replace(state, box_px=(90.0 + 200 * k, 150.0, 44.0, 60.0)) for k, state in enumerate(crowd(2))]
    _, made = embedded(objects)
    planes = made.stego.planes.copy()
    luma, cb, _ = split_planes(planes, "yuv420p")
    cb[60:120, 30:80] ^= 4
    found = CARRIER.extract(replace(made.stego, planes=planes))
    assert not found.is_intact
    assert found.damaged_cells
    assert {column for column, _ in found.damaged_cells} <= {0, 1, 2}
    assert [state.track for state in found.states(RANGES)] == [objects[1].track]
    (told,) = found.room(RANGES)
    assert_told(objects[0], told)
    # The tag still has the whole pixels of the box.
    assert told.box_px == objects[0].box_px
    assert luma.shape == (400, 480)


def test_damaged_marks_are_counted():
    objects = crowd(4)
    _, made = embedded(objects)
    planes = made.stego.planes.copy()
    planes[0:16, 0:16] ^= 1
    found = CARRIER.extract(replace(made.stego, planes=planes))
    assert not found.is_intact
    assert set(everybody(found)) == {state.track for state in objects}
    planes[: SIZE[1]] ^= 1
    assert CARRIER.extract(replace(made.stego, planes=planes)) is None


def test_an_unseen_object_in_front_hides_rings():
    """Rings of an object whose tag is cut off are not taken for those of the object behind it."""
    behind, front = crowd(2)
    behind = replace(behind, box_px=(200.0, 100.0, 40.0, 60.0))
    front = replace(front, box_px=(262.0, 110.0, 60.0, 80.0))
    _, made = embedded([behind, front])
    found = CARRIER.extract(crop(made.stego, 100, 60, 176, 200))
    assert not found.damaged_cells
    told = everybody(found)
    for state in (behind, front):
        assert_told(state, told[state.track])
    assert front.track in {state.track for state in found.room(RANGES)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rings_of_a_crop_are_those_of_the_frame(layout):
    """Of all objects whose tag lies in the crop, and of no others."""
    _, made = embedded(crowd(9, seed=5), layout)
    whole = CARRIER.extract(made.stego)
    tags = {tag.outline.track: tag.place for tag in read_sparse_tags(bits_of(made.stego))}
    for left, top in ((0, 0), (120, 60), (200, 140)):
        part = CARRIER.extract(crop(made.stego, left, top, 240, 200))
        inside = {
            track for track, (x, y) in tags.items() if left <= x <= left + 224 and top <= y <= top + 168
        }
        assert {outline.track for outline in part.found.outlines} == inside
        shown = cut_planes(whole.heat, layout, (left, top, 240, 200))
        for ours, theirs in zip(split_planes(part.heat, layout), split_planes(shown, layout), strict=True):
            step = 200 // ours.shape[0]
            here = part.found.support[::step, ::step]
            # An object in front whose tag is cut off is not known here.
            known = here & (theirs != 0) if step == 1 else here
            assert np.array_equal(ours[known], theirs[known])
            assert not ours[~here].any()


def bits_of(stego):
    return BitPlane.from_luma(split_planes(stego.planes, stego.layout)[0])


def test_a_version_without_the_cover_keeps_outlines_and_adds_rings():
    objects = crowd(6)
    frame, made = embedded(objects, rings=Rings.VELOCITY)
    again = CARRIER.replace(made.stego, content(frame, objects, Rings.VELOCITY), unmarked=made.unmarked)
    assert np.array_equal(again.stego.planes, made.stego.planes)
    warmer = content(frame, objects, Rings.VELOCITY | Rings.TEMPERATURE)
    one = CARRIER.replace(made.stego, warmer, unmarked=made.unmarked)
    assert {(o.track, o.radii) for o in one.outlines} == {(o.track, o.radii) for o in made.outlines}
    assert all(outline.rings == Rings.VELOCITY | Rings.TEMPERATURE for outline in one.outlines)
    # A chain from the same stego frame does not drift.
    direct = CARRIER.replace(made.stego, warmer, frame)
    assert np.array_equal(direct.stego.planes, CARRIER.embed(frame, warmer).stego.planes)
    assert CARRIER.extract(one.stego).is_intact


def test_the_ground_stays_that_of_the_first_encoding():
    frame, made = embedded(crowd(1))
    moved = Camera(homography=((0.03, 0.001, -3.0), (0.0005, -0.05, 21.0), (0.00001, 0.0021, 1.0)))
    other = content(frame, crowd(1), scene=replace(SCENE, camera=moved))
    (note,) = CARRIER.replace_notes(made.stego, other)
    assert "ground" in note
    again = CARRIER.replace(made.stego, other)
    assert np.array_equal(again.stego.planes, made.stego.planes)


def test_an_unknown_merge_is_refused():
    with pytest.raises(OptionError, match="unknown merge"):
        SparseCarrier("opab")


def test_a_cover_of_another_form_is_refused():
    frame, made = embedded(crowd(2))
    for cover in (smooth_frame("rgb24", size=SIZE), smooth_frame("yuv420p", size=(192, 160))):
        assert not CARRIER.may_come_from(made.stego, cover)
        with pytest.raises(InputError, match="another size or layout"):
            CARRIER.replace(made.stego, content(frame, []), cover)
    with pytest.raises(ContainerError, match="carries no marks"):
        CARRIER.replace(frame, content(frame, []))


def test_an_odd_crop_of_halved_chroma_carries_nothing():
    _, made = embedded(crowd(3))
    luma = split_planes(made.stego.planes, "yuv420p")[0][1:321, 3:323]
    planes = np.full(planes_shape("yuv420p", 320, 320), 128, np.uint8)
    planes[:320] = luma
    assert CARRIER.extract(Frame(planes, "yuv420p", 0, Fraction(1, 25))) is None


def forged(luma, x, y, block):
    pairs = np.frombuffer(block, np.uint8).reshape(-1, 2)
    set_bits(luma[y : y + len(pairs), x : x + 16], block_pixels(pairs), 1)


@pytest.mark.parametrize("objects", [65535, 3])
def test_forged_headers_are_bounded(objects):
    """A right checksum over wrong numbers: no time or memory beyond the frame's."""
    planes = np.random.default_rng(3).integers(0, 256, planes_shape("yuv420p", 480, 400), dtype=np.uint8)
    luma = split_planes(planes, "yuv420p")[0]
    header = SparseHeader(7, 9, objects, Rings(5), 255, has_plane=True, has_lens=True)
    for row in range(3):
        for column in range(4):
            if 144 * column + 16 <= 480 and 144 * row + 16 <= 400:
                forged(luma, 144 * column, 144 * row, replace(header, tile_x=column, tile_y=row).write())
    frame = Frame(planes, "yuv420p", 0, Fraction(1, 25))
    assert CARRIER.extract(frame) is None


def test_forged_pages_and_tags_are_read_without_harm():
    """Random pages and outlines under right checksums."""
    rng = np.random.default_rng(4)
    frame, made = embedded(crowd(5))
    planes = made.stego.planes.copy()
    luma = split_planes(planes, "yuv420p")[0]
    outline = made.outlines[0]
    for _ in range(30):
        x, y = (8 * int(v) for v in rng.integers(0, (58, 46)))
        box = (
            *(int(v) for v in rng.integers(-30000, 30000, 2)),
            *(int(v) for v in rng.integers(1, 60000, 2)),
        )
        write_sparse_tag(luma, replace(outline, box=box, radii=rng.bytes(32), shift=6), (x, y), 5)
    found = CARRIER.extract(replace(made.stego, planes=planes), Hint())
    assert found is None or everybody(found) is not None
    stego = replace(made.stego, planes=planes)
    page = rng.bytes(28)
    header = SparseHeader.read(BitPlane.from_luma(luma).block(0, 0, 16))
    seed = header.write()
    crc = zlib.crc32(page, zlib.crc32(seed[:16] + seed[18:-4] + bytes(4)))
    for top in range(48, 400 - 16, 144):
        for left in range(0, 480 - 16, 144):
            forged(luma, left, top, page + crc.to_bytes(4, "big"))
    found = CARRIER.extract(stego)
    assert found is None or found.clip is not None
    assert frame.planes.shape == stego.planes.shape


def test_tags_with_a_wrong_outline_are_ignored():
    frame, made = embedded(crowd(1))
    luma = split_planes(made.stego.planes.copy(), "yuv420p")[0]
    forged(luma, 240, 200, seal(b"\x7a\x60\xff" + bytes(57), 64))
    assert {tag.outline.track for tag in read_sparse_tags(BitPlane.from_luma(luma))} <= {3}
    assert frame.number == 0


@pytest.mark.parametrize("size", [(32, 32), (48, 96), (110, 112), (112, 112), (400, 64)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_small_frames_carry(size, layout):
    objects = crowd(1, size=size)
    frame = smooth_frame(layout, size=size)
    for number in range(3):
        now = replace(frame, number=number)
        found = CARRIER.extract(CARRIER.embed(now, content(now, objects)).stego)
        assert found.is_intact
        assert found.object_count == 1
        assert found.clip.size == size
    assert set(everybody(found)) <= {3}
