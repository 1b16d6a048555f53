"""Metres in the objects table: from the scene's camera, through files, versions and pixels."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shutil
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cssv
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.container import Reader
from cssv.errors import InputError
from cssv.interop.table import read_rows
from cssv.pipeline.rows import rows_of
from cssv.pipeline.scene_track import SceneSample, write_sample
from cssv.scene import Camera
from cssv.scene.camera import plane_of
from cssv.scene.crowd import CROWD_RADIUS_M
from cssv.template.state import ObjectState, grounded
from cssv.testing import clips as synthetic

#: Ten pixels are a metre, seen from straight above.
MAP = {"homography": [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 1]]}
#: Twenty are.
SMALLER = {"homography": [[0.05, 0, 0], [0, 0.05, 0], [0, 0, 1]]}
CART = {
    "name": "cart",
    "label": "cart",
    "trajectory": [{"time_s": 0, "box_px": [100, 10, 20, 20]}, {"time_s": 2, "box_px": [140, 10, 20, 40]}],
}
#: A calibration for larger pictures than the clip's.
LARGE = {
    "size_px": [768, 576], "centre_px": [384, 288], "pixel_mm": [0.005, 0.005], "focal_mm": 5,
    "translation_mm": [0, 0, 5000], "rotation_rad": [2, 0, 0],
}  # fmt: skip
METRES = ("vx_m_s", "vy_m_s", "speed_m_s", "sigma_m_s", "speed_km_h", "sigma_km_h", "crowd_density_m2")


def scene_of(camera, *objects):
    return {"cssv_scene": 1, "camera": camera, "objects": [*objects, CART]}


@pytest.fixture(scope="module")
def first(clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("ground") / "clip.cssv"
    cssv.encode(
        clips / "clip.mkv", path, scene=scene_of(MAP), boxes=clips / "boxes.txt", created_s=1, lossless=True
    )
    return path


@pytest.fixture
def file(first, tmp_path):
    return shutil.copy(first, tmp_path / "clip.cssv")


def rows_in(path, number=12, version=None):
    with cssv.open(path, version) as clip:
        return {row.track: row for row in clip[number].objects}


def test_the_table_holds_metres_per_second(first, tmp_path):
    cssv.decode(first, objects=tmp_path / "o.csv")
    rows = [row for row in read_rows(tmp_path / "o.csv") if row.frame == 12]
    one, two, cart = rows
    # The blocks move by (2, 1) and (-1, 0) pixels a frame, 25 frames a second; the map has no perspective.
    assert (one.vx_m_s, one.vy_m_s) == pytest.approx((5.0, 2.5), abs=0.3)
    assert (two.vx_m_s, two.vy_m_s) == pytest.approx((-2.5, 0.0), abs=0.3)
    assert one.speed_m_s == pytest.approx(math.hypot(one.vx_m_s, one.vy_m_s))
    assert one.speed_km_h == pytest.approx(3.6 * one.speed_m_s, abs=1e-5)
    assert one.sigma_km_h == pytest.approx(3.6 * one.sigma_m_s, abs=1e-5)
    assert 0 < one.sigma_m_s < 1
    # The given one grows by 10 pixels a second, so that its foot goes down twice as fast as its centre.
    assert (cart.vx_px_s, cart.vy_px_s) == (20, 5)
    assert (cart.vx_m_s, cart.vy_m_s, cart.sigma_m_s) == (2.0, 1.0, 0.0)


def test_the_crowd_is_people_alone(first):
    one, two, cart = rows_in(first).values()
    alone = 1 / (math.pi * CROWD_RADIUS_M**2)
    # They are about 10 m apart, and seen whole by a map of 19 m by 16 m; the cart is no person.
    assert one.crowd_density_m2 == pytest.approx(alone, rel=0.05)
    assert alone * 0.95 < two.crowd_density_m2 < 1.8 * alone
    assert cart.crowd_density_m2 < alone / 3


def test_without_a_camera_nothing_is_known_in_metres(stego):
    for row in rows_in(stego).values():
        assert all(getattr(row, name) is None for name in METRES)
        assert row.vx_px_s is not None


def test_the_pixels_tell_metres_where_the_camera_is_known(first, tmp_path):
    with cssv.open(first) as clip:
        exact = {row.track: row for row in clip[12].objects}
        for row in clip[12].objects_in_pixels:
            assert row.source == "pixels"
            assert row.vx_m_s == pytest.approx(exact[row.track].vx_m_s, abs=0.5)
            assert row.sigma_m_s is None or row.sigma_m_s > 0
    # The marks of a copy tell the ground as well.
    cssv.export(first, tmp_path / "copy.mkv")
    with cssv.open(tmp_path / "copy.mkv") as clip:
        for row in clip[12].objects:
            assert row.vx_m_s == pytest.approx(exact[row.track].vx_m_s, abs=0.5)


def test_pixels_that_do_not_tell_the_ground_tell_no_metres(clips, tmp_path):
    path = tmp_path / "x.cssv"
    options = {"scene": scene_of(MAP), "boxes": clips / "boxes.txt", "carrier": NibbleCarrier()}
    cssv.encode(clips / "clip.mkv", path, **options)
    cssv.export(path, tmp_path / "copy.mkv")
    with cssv.open(tmp_path / "copy.mkv") as clip:
        assert all(getattr(row, name) is None for row in clip[12].objects for name in METRES)


def test_nobody_measured_the_density_of_the_objects(first):
    """A crowd's density is none of the object's own: that stays unknown, and grey."""
    with cssv.open(first) as clip:
        moment = clip[12]
        assert all(state.density_kg_m3 is None for state in moment.states)
        assert all(row.density_kg_m3 is None and row.crowd_density_m2 for row in moment.objects[:2])
        assert all(state.density_kg_m3 is None for state in moment.states_in_pixels)


@pytest.mark.parametrize("options", [{}, {"fidelity": "full"}], ids=str)
def test_the_camera_changes_no_ring(clips, tmp_path, options):
    options = options | {"boxes": clips / "boxes.txt", "stop": "0.4", "created_s": 1}
    for name, camera in (("a", MAP), ("b", {})):
        cssv.encode(clips / "clip.mkv", tmp_path / f"{name}.cssv", scene=scene_of(camera), **options)
    with cssv.open(tmp_path / "a.cssv") as one, cssv.open(tmp_path / "b.cssv") as two:
        for number in (0, 5, 9):
            assert one[number].states_in_pixels == two[number].states_in_pixels
            if "fidelity" in options:
                assert np.array_equal(one[number].clean_heat, two[number].clean_heat)


def test_a_commit_without_another_camera_keeps_the_metres(file):
    before = rows_in(file)
    warm = scene_of(MAP | {"x_note": "moved nothing"}, {"match": {"label": "*"}, "temperature_c": 20})
    cssv.commit(file, warm)
    after = rows_in(file)
    for track, row in before.items():
        assert [getattr(after[track], n) for n in METRES] == [getattr(row, n) for n in METRES]
        assert (row.temperature_c, after[track].temperature_c) == (None, 20)


def test_a_commit_with_another_camera_takes_the_picture_to_its_ground(file):
    before = rows_in(file)
    done = cssv.commit(file, scene_of(SMALLER))
    assert done.frames_changed == 0
    after = rows_in(file)
    for track, row in before.items():
        assert after[track].vx_m_s == pytest.approx(0.05 * row.vx_px_s, abs=0.001)
        assert after[track].sigma_m_s == pytest.approx(0.05 * row.sigma_px_s, abs=0.001)
    assert after[1].vx_m_s == pytest.approx(before[1].vx_m_s / 2, abs=0.3)
    # The older version says what it said.
    assert rows_in(file, version=1) == before
    cssv.commit(file, scene_of({}))
    assert all(getattr(row, name) is None for row in rows_in(file).values() for name in METRES)


#: Ways back to the first camera, each by a list of (camera, the version it is committed onto).
WAYS = {
    "by none": [({}, 1), (MAP, 2)],
    "by another": [(SMALLER, 1), (MAP, 2)],
    "by none and another": [({}, 1), (SMALLER, 2), (MAP, 3)],
    "by a branch": [({}, 1), (SMALLER, 1), (MAP, 3)],
    "twice": [({}, 1), (MAP, 2), (SMALLER, 3), (MAP, 4)],
}


@pytest.mark.parametrize("way", WAYS)
def test_whoever_comes_back_to_a_camera_finds_the_metres_as_they_were(file, way):
    """They depend on the perception and the scene, not on the versions in between."""
    before = rows_in(file)
    picture = {track: 0.1 * row.sigma_px_s for track, row in before.items()}
    # What was filtered on the ground differs from what the picture alone tells.
    assert before[1].sigma_m_s != pytest.approx(picture[1], rel=0.05)
    for camera, parent in WAYS[way]:
        number = cssv.commit(file, scene_of(camera), parent=parent).version
    assert rows_in(file, version=number) == before
    for frame in (0, 5, 23):
        assert rows_in(file, frame) == rows_in(file, frame, 1)


def test_a_cover_leaves_the_metres_as_they_were(clips, file):
    """A version drawn from the clip once more is none that the clip was perceived for."""
    before = rows_in(file)
    cssv.commit(file, scene_of({}), cover=clips / "clip.mkv")
    cssv.commit(file, scene_of(MAP))
    assert rows_in(file) == before


def test_another_camera_gives_the_same_metres_by_any_way(file):
    first = cssv.commit(file, scene_of(SMALLER)).version
    cssv.commit(file, scene_of({}))
    last = cssv.commit(file, scene_of(SMALLER)).version
    assert rows_in(file, version=first) == rows_in(file, version=last)


def test_a_version_that_cannot_be_read_gives_no_metres(file):
    """Then the picture does, as for a camera that nobody knew."""
    before = rows_in(file)
    with Reader(file) as reader:
        damaged = reader.scene_sample(12)
    cssv.commit(file, scene_of({}))
    data = bytearray(file.read_bytes())
    at = data.index(damaged)
    data[at + len(damaged) // 2] ^= 1
    file.write_bytes(data)
    cssv.commit(file, scene_of(MAP))
    assert rows_in(file)[1].sigma_m_s == pytest.approx(0.1 * before[1].sigma_px_s, abs=0.001)
    assert rows_in(file, 11)[1].sigma_m_s != pytest.approx(0.1 * before[1].sigma_px_s, rel=0.05)


def test_files_from_before_tell_metres_too(first):
    """Their scene track has velocities in the picture alone; the scene's camera does the rest."""
    with cssv.open(first) as clip:
        moment = clip[12]
        old = [dataclasses.replace(s, velocity_m_s=None, sigma_m_s=math.inf) for s in moment.states]
        new = rows_of(old, 12, moment.time, "metadata", moment.plane)
    assert b"_m_s" not in write_sample(SceneSample(12, tuple(old)))
    assert new[0].vx_m_s == pytest.approx(5.0, abs=0.3)


def test_a_calibration_of_another_size_is_told_before_any_work(clips, tmp_path):
    scene = {"cssv_scene": 1, "camera": {"tsai": LARGE}}
    with pytest.raises(InputError, match="768x576'; allowed: 192x160"):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", scene=scene, boxes=clips / "boxes.txt")
    with pytest.raises(InputError, match="another size"):
        cssv.Encoder(tmp_path / "y.cssv", size=(192, 160), rate=25, scene=scene)
    assert not list(tmp_path.iterdir())


def test_a_commit_refuses_it_too(file):
    before = file.read_bytes()
    with pytest.raises(InputError, match="another size"):
        cssv.commit(file, {"cssv_scene": 1, "camera": {"tsai": LARGE}})
    assert file.read_bytes() == before


def test_a_stream_tells_metres(tmp_path):
    size = (synthetic.WIDTH, synthetic.HEIGHT)
    with cssv.Encoder(
        tmp_path / "live.cssv",
        size=size,
        rate=25,
        scene=scene_of(MAP),
        detector=synthetic.Truth(),
        lossless=True,
    ) as encoder:
        for picture in synthetic.pictures():
            encoder.write(picture)
    one, two, cart = rows_in(tmp_path / "live.cssv").values()
    assert (one.vx_m_s, one.vy_m_s) == pytest.approx((5.0, 2.5), abs=0.4)
    assert (two.vx_m_s, two.vy_m_s) == pytest.approx((-2.5, 0.0), abs=0.4)
    assert (cart.vx_m_s, cart.vy_m_s) == (2.0, 1.0)
    # They are called blocks, and blocks are no people.
    assert one.crowd_density_m2 == 0


def test_a_camera_that_does_not_say_where_the_ground_is(clips, file, tmp_path):
    half = {"position_m": [0, 0, 6], "hfov_deg": 50}
    done = cssv.encode(
        clips / "clip.mkv",
        tmp_path / "x.cssv",
        scene=scene_of(half),
        boxes=clips / "boxes.txt",
        stop="0.2",
        lossless=True,
    )
    assert any("does not determine the ground" in note for note in done.notes)
    assert any("`cssv.ground()`" in note for note in done.notes)
    assert not done.has_ground
    assert any("tilt_deg" in note for note in cssv.commit(file, scene_of(half)).notes)
    for camera in ({}, MAP, half | {"tilt_deg": -20}):
        done = cssv.encode(
            clips / "clip.mkv",
            tmp_path / "x.cssv",
            scene=scene_of(camera),
            boxes=clips / "boxes.txt",
            stop="0.2",
            overwrite=True,
            lossless=True,
        )
        assert not any("ground" in note for note in done.notes)


def test_a_camera_that_looks_into_the_sky(clips, file, tmp_path):
    """The sign of the tilt is wrong."""
    up = {"position_m": [0, 0, 6], "hfov_deg": 60, "tilt_deg": 40}
    options = {"boxes": clips / "boxes.txt", "stop": "0.2"}
    done = cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", scene=scene_of(up), lossless=True, **options)
    (note,) = [note for note in done.notes if "ground" in note]
    assert "no point of the picture shows ground" in note
    assert "negative tilt_deg" in note
    assert note in cssv.commit(file, scene_of(up)).notes
    size = (synthetic.WIDTH, synthetic.HEIGHT)
    scene = scene_of(up)
    with cssv.Encoder(
        tmp_path / "y.cssv", size=size, rate=25, scene=scene, detector=synthetic.Truth(), lossless=True
    ) as encoder:
        encoder.write(synthetic.pictures()[0])
        assert note in encoder.notes


def test_the_overlay_tells_metres(first, stego):
    with cssv.open(first) as one, cssv.open(stego) as two:
        assert re.search(r"5\.6 ± \d\.\d m/s", _words_of(one[12]))
        assert re.search(r"20\.\d ± \d\.\d km/h", _words_of(one[12], units="kmh"))
        assert "px/s" in _words_of(two[12])


def _words_of(moment, **options):
    """The texts that the overlay draws."""
    with pytest.MonkeyPatch.context() as patch:
        written = []
        patch.setattr("cssv.view.overlay.draw_text", lambda *drawn: written.append(drawn[1]))
        assert moment.draw_overlay(**options).shape[2] == 3
    return " ".join(written)


# ---- a frame's rows

STATE = ObjectState(1, "person", 1.0, (50, 40, 20, 30), (10, 5), (10, 5), (10, 5), 2.0)
PLANE = plane_of(Camera(homography=((0.1, 0, 0), (0, 0.1, 0), (0, 0, 1))), (192, 160))


def test_unknown_velocity_is_unknown_on_the_ground():
    assert grounded(STATE, None).velocity_m_s is None
    assert grounded(dataclasses.replace(STATE, sigma_px_s=math.inf), PLANE).velocity_m_s is None
    known = grounded(STATE, PLANE)
    assert known.velocity_m_s == pytest.approx((1.0, 0.5))
    assert known.sigma_m_s == pytest.approx(0.2)
    cut = dataclasses.replace(STATE, box_px=(50, 140, 20, 30))
    assert grounded(cut, PLANE).velocity_m_s is None
    (row,) = rows_of([cut], 0, Fraction(0), "metadata", PLANE)
    assert (row.vx_m_s, row.crowd_density_m2) == (None, None)
    # Perception may know more of a foot than one picture shows.
    told = dataclasses.replace(cut, velocity_m_s=(1.5, 0.0), sigma_m_s=0.1)
    (row,) = rows_of([told], 0, Fraction(0), "metadata", PLANE)
    assert (row.vx_m_s, row.sigma_m_s) == (1.5, 0.1)


wild = st.floats(-1e15, 1e15)
states = st.builds(
    lambda box, velocity, sigma: ObjectState(1, "", 1.0, box, velocity, velocity, velocity, sigma),
    st.tuples(wild, wild, wild, wild),
    st.tuples(wild, wild),
    st.floats(0, 1e15) | st.just(math.inf),
)
wild_cameras = [
    MAP,
    {"homography": [[0.02, 0, -3.7], [0, -0.0066, 8.4], [0, 0.0023, 0.0134]]},
    {"position_m": [0, 0, 6], "tilt_deg": -20, "hfov_deg": 50},
    {
        "tsai": {
            "size_px": [192, 160], "centre_px": [90, 80], "pixel_mm": [0.005, 0.005], "focal_mm": 1,
            "translation_mm": [0, 0, 5000], "rotation_rad": [2, 0, 0], "kappa1_per_mm2": -0.1,
        }
    },
]  # fmt: skip


@pytest.mark.parametrize("camera", wild_cameras, ids=["map", "homography", "pose", "tsai"])
@settings(max_examples=60)
@given(st.lists(states, max_size=3))
def test_any_state_makes_a_row(camera, objects):
    plane = plane_of(cssv.Scene.from_json({"cssv_scene": 1, "camera": camera}).camera, (192, 160))
    rows = rows_of(objects, 0, Fraction(0), "metadata", plane)
    assert len(rows) == len(objects)
    assert json.dumps([dataclasses.asdict(row) for row in rows], allow_nan=False)
