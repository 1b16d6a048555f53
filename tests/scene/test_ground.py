"""The ground plane: metres from pixels and back, horizons, feet, crowds."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cssv.errors import InputError
from cssv.scene import Camera, Point, Scene, Source, Tsai, Value
from cssv.scene.camera import ground_note, plane_of, rotation
from cssv.scene.crowd import CROWD_RADIUS_M, crowd_density, is_person
from cssv.scene.ground import Plane, feet_of, foot_velocity, ground_velocity, is_same_ground, whole_feet
from cssv.scene.lens import Lens
from cssv.scene.tsai import read_tsai

ROOT = Path(__file__).resolve().parents[2]
SIZE = (768, 576)
#: A camera 6 m up that looks down by 25 degrees.
POSE = Camera(position_m=Point((3.0, -2.0, 6.0)), tilt_deg=Value(-25), hfov_deg=Value(60))


def tsai(height_m=6.0, tilt_deg=-25.0, turn_deg=30.0, kappa=0.004):
    """A calibration of a camera over (0, 0) that looks along ``turn_deg`` from +y, to the right."""
    turn, tilt = math.radians(turn_deg), math.radians(tilt_deg)
    right = np.array([math.cos(turn), -math.sin(turn), 0.0])
    ahead = np.array([math.sin(turn) * math.cos(tilt), math.cos(turn) * math.cos(tilt), math.sin(tilt)])
    R = np.stack([right, np.cross(ahead, right), ahead])
    rx, ry, rz = (
        math.atan2(R[2, 1], R[2, 2]),
        math.atan2(-R[2, 0], math.hypot(R[0, 0], R[1, 0])),
        math.atan2(R[1, 0], R[0, 0]),
    )
    assert rotation((rx, ry, rz)) == pytest.approx(R)
    t = -R @ np.array([0.0, 0.0, height_m * 1000])
    return Tsai(SIZE, (380.0, 290.0), (0.0051, 0.00465), 5.5, tuple(t), (rx, ry, rz), 1.02, kappa)


pictures = st.lists(st.tuples(st.floats(0, SIZE[0]), st.floats(0, SIZE[1])), min_size=1, max_size=8).map(
    np.array
)
tsais = st.builds(
    tsai,
    height_m=st.floats(1, 50),
    tilt_deg=st.floats(-85, -5),
    turn_deg=st.floats(-180, 180),
    kappa=st.floats(-0.004, 0.02) | st.just(0.0),
)
poses = st.builds(
    lambda height, tilt, pan, roll, field: Camera(
        position_m=Point((1.0, -4.0, height)),
        tilt_deg=Value(tilt),
        pan_deg=Value(pan),
        roll_deg=Value(roll),
        hfov_deg=Value(field),
    ),
    st.floats(1, 50),
    st.floats(-85, 5),
    st.floats(-180, 180),
    st.floats(-40, 40),
    st.floats(10, 120),
)
cameras = tsais.map(lambda calibration: Camera(tsai=calibration)) | poses


@settings(max_examples=200)
@given(camera=cameras, points=pictures)
def test_to_ground_and_to_picture_are_inverse(camera, points):
    plane = plane_of(camera, SIZE)
    there = plane.to_ground(points)
    known = np.isfinite(there[:, 0])
    assert np.array_equal(known, np.isfinite(there[:, 1]))
    # Near the horizon a picture's last digits are kilometres.
    near = known & (np.hypot(*np.nan_to_num(there).T) < 1e4)
    assert plane.to_picture(there[near]) == pytest.approx(points[near], abs=1e-5)


@settings(max_examples=200)
@given(camera=cameras, points=pictures)
def test_the_jacobian_is_the_derivative(camera, points):
    plane = plane_of(camera, SIZE)
    there = plane.to_ground(points)
    near = np.hypot(*there.T) < 200
    assume(near.any())
    step = 1e-4
    sides = [
        (plane.to_ground(points + axis) - plane.to_ground(points - axis)) / (2 * step)
        for axis in (np.array([step, 0]), np.array([0, step]))
    ]
    by_steps, slope = np.stack(sides, axis=-1)[near], plane.jacobian(points)[near]
    scale = np.abs(slope).max(axis=(1, 2), keepdims=True)
    assert np.nan_to_num((by_steps - slope) / scale) == pytest.approx(0, abs=1e-4)


def test_a_pose_sees_what_stands_before_it():
    """Pinhole by hand: the middle of the picture is where the axis meets the ground."""
    plane = plane_of(POSE, SIZE)
    away = 6 / math.tan(math.radians(25))
    assert plane.to_ground(np.array([384.0, 288.0])) == pytest.approx([3, -2 + away])
    f = 384 / math.tan(math.radians(30))
    right = plane.to_ground(np.array([384.0 + 100, 288.0]))
    assert right == pytest.approx([3 + 100 / f * math.hypot(away, 6), -2 + away])
    panned = plane_of(dataclasses.replace(POSE, pan_deg=Value(90)), SIZE)
    assert panned.to_ground(np.array([384.0, 288.0])) == pytest.approx([3 + away, -2])
    rolled = plane_of(dataclasses.replace(POSE, roll_deg=Value(10)), SIZE)
    # Rolled clockwise, the camera sees the world turn the other way: its horizon falls on the left.
    left, right = rolled.to_ground(np.array([[100.0, 15.0], [668.0, 15.0]]))
    assert np.isnan(left).all()
    assert np.isfinite(right).all()


def test_the_samples_pose_and_homography_are_one_ground():
    camera = Scene.read(ROOT / "samples/scene.json").camera
    size = (384, 288)
    by_matrix = plane_of(camera, size)
    by_pose = plane_of(dataclasses.replace(camera, homography=None), size)
    points = np.array([[10.0, 280], [200, 150], [383, 100]])
    assert by_pose.to_ground(points) == pytest.approx(by_matrix.to_ground(points), rel=1e-6)


def test_a_homography_is_known_up_to_its_sign():
    matrix = np.array([[0.02, 0, -3.7], [0, -0.0066, 8.4], [0, 0.0023, 0.0134]])
    points = np.array([[10.0, 280], [200, 150], [100, 5]])
    planes = [
        plane_of(Camera(homography=tuple(map(tuple, (factor * matrix).tolist()))), (384, 288))
        for factor in (1, -1, 1e6, -1e-6)
    ]
    first = planes[0].to_ground(points)
    assert np.isfinite(first).all()
    for plane in planes[1:]:
        assert plane.to_ground(points) == pytest.approx(first)
        assert is_same_ground(plane, plane)
    assert not is_same_ground(planes[0], plane_of(POSE, SIZE))
    assert not is_same_ground(planes[0], None)
    assert is_same_ground(None, None)


def test_above_the_horizon_is_no_ground():
    plane = plane_of(dataclasses.replace(POSE, tilt_deg=Value(-5)), SIZE)
    f = 384 / math.tan(math.radians(30))
    horizon = 288 - f * math.tan(math.radians(5))
    points = np.array([[300, horizon - 1], [300, horizon - 200], [300, horizon + 1], [300, 570.0]])
    there = plane.to_ground(points)
    assert np.isnan(there[:2]).all()
    assert np.isfinite(there[2:]).all()
    assert there[2, 1] > 500 > there[3, 1]
    assert np.isnan(plane.jacobian(points[:2])).all()
    # What lies behind the camera is nowhere in the picture.
    assert np.isnan(plane.to_picture(np.array([3.0, -100.0]))).all()
    assert not plane.shows(np.array([3.0, -100.0]))
    assert plane.shows(np.array([3.0, 30.0]))


def test_a_lens_that_folds_shows_nothing_beyond_the_fold():
    lens = Lens((0.0, 0.0), (0.01, 0.01), -0.02)
    fold = math.sqrt(1 / (3 * 0.02)) / 0.01
    inside, outside = np.array([fold * 0.99, 0.0]), np.array([fold * 1.01, 0.0])
    assert lens.bent(lens.straightened(inside)) == pytest.approx(inside, rel=1e-6)
    assert np.isnan(lens.straightened(outside)).all()
    assert np.isnan(lens.bent(np.array([fold, 0.0]))).all()


@settings(max_examples=200)
@given(st.floats(-0.02, 1.0), st.floats(0, 6), st.floats(0, 2 * math.pi))
def test_lenses_bend_back(kappa, radius, angle):
    assume(kappa >= 0 or radius**2 < 0.99 / (-3 * kappa))
    lens = Lens((320.0, 240.0), (0.005, 0.006), kappa)
    point = np.array([320 + radius / 0.005 * math.cos(angle), 240 + radius / 0.006 * math.sin(angle)])
    assert lens.bent(lens.straightened(point)) == pytest.approx(point, abs=1e-5)


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((3, 3)),
        [[1, 2, 3], [2, 4, 6], [0, 0, 1]],
        [[1, 0, 0], [0, 1, 0], [0, 0, math.nan]],
        [[1, 0, 0], [0, math.inf, 0], [0, 0, 1]],
        np.eye(2),
    ],
)
def test_singular_matrices_are_refused(matrix):
    with pytest.raises(InputError, match="cannot be seen"):
        Plane(np.array(matrix, dtype=float), SIZE)


def test_a_camera_without_the_needed_fields_has_no_ground():
    assert plane_of(Camera(), SIZE) is None
    for gap in ("position_m", "tilt_deg", "hfov_deg"):
        assert plane_of(dataclasses.replace(POSE, **{gap: None}), SIZE) is None
    for odd in (
        {"position_m": Point((0.0, 0.0, 0.0))},
        {"position_m": Point((0.0, 0.0, 6.0), source=Source.UNKNOWN)},
        {"tilt_deg": Value(-20, source=Source.UNKNOWN)},
        {"hfov_deg": Value(180)},
    ):
        assert plane_of(dataclasses.replace(POSE, **odd), SIZE) is None


def note_of(camera, size=SIZE):
    return ground_note(camera, plane_of(camera, size))


def test_a_camera_that_sees_little_ground_gives_a_warning():
    assert note_of(POSE) == ()
    assert note_of(Camera()) == ()
    wide, up = (1920, 1080), dataclasses.replace(POSE, tilt_deg=Value(15))
    # By hand: the horizon is 15 degrees below the middle, and the lower edge at 18.
    half = math.tan(math.radians(30)) * 1080 / 1920
    share = (half - math.tan(math.radians(15))) / (2 * half)
    assert plane_of(up, wide).share == pytest.approx(share, abs=0.02)
    (note,) = note_of(up, wide)
    assert "only 9 % of the picture" in note.replace("9%", "9 %")
    assert "negative tilt_deg" in note
    (note,) = note_of(dataclasses.replace(up, tilt_deg=Value(25)))
    assert "no point of the picture shows ground, so nothing is known in metres" in note
    assert "negative tilt_deg" in note
    # A camera that looks straight ahead sees ground in the lower half.
    level = dataclasses.replace(POSE, tilt_deg=Value(0))
    assert plane_of(level, SIZE).share == 0.5
    assert note_of(level) == ()
    # A calibration has no tilt; the sky is told of all the same.
    (note,) = note_of(Camera(tsai=tsai(tilt_deg=40.0)))
    assert "tilt_deg" not in note
    assert "check its tsai or homography" in note


def test_of_a_homography_the_middle_of_the_lower_edge_is_ground():
    """However much of the picture that leaves for the sky."""
    for tilt, roll in ((-25, 0), (-10, 80), (15, 0), (-25, -60)):
        told = dataclasses.replace(POSE, tilt_deg=Value(tilt), roll_deg=Value(roll))
        by_pose = plane_of(told, SIZE)
        matrix = tuple(map(tuple, (-by_pose.matrix).tolist()))
        by_matrix = plane_of(Camera(homography=matrix), SIZE)
        assert is_same_ground(by_matrix, by_pose)
        assert np.isfinite(by_matrix.to_ground(np.array([384.0, 576.0]))).all()


def test_a_calibration_of_another_size_is_refused():
    camera = Camera(tsai=tsai())
    # Odd sizes are padded by a pixel at the door, and by no more.
    for size in ((769, 576), (767, 577)):
        assert plane_of(camera, size) is not None
    for size in ((770, 576), (768, 574)):
        with pytest.raises(InputError, match="another size"):
            plane_of(camera, size)
    with pytest.raises(InputError, match="another size: found '768x576'; allowed: 384x288"):
        plane_of(camera, (384, 288))


def test_the_first_that_is_given_counts():
    camera = dataclasses.replace(
        POSE, tsai=tsai(kappa=0.0), homography=((0.01, 0, 0), (0, 0.01, 0), (0, 0, 1))
    )
    alone = plane_of(Camera(tsai=tsai(kappa=0.0)), SIZE)
    assert is_same_ground(plane_of(camera, SIZE), alone)
    without = plane_of(dataclasses.replace(camera, tsai=None), SIZE)
    assert without.to_ground(np.array([100.0, 200.0])) == pytest.approx([1, 2])


def test_people_of_pets_have_the_height_of_people(data):
    """The calibration is read as its makers meant it: the truth's boxes are 1.5 to 2 m high."""
    camera = {"tsai": read_tsai(data / "calibration/PETS09_View_001.xml")}
    camera = Scene.from_json({"cssv_scene": 1, "camera": camera}).camera
    plane = plane_of(camera, SIZE)
    rows = np.loadtxt(data / "mot15/PETS09-S2L1/gt/gt.txt", delimiter=",")
    boxes = rows[:, 2:6]
    boxes = boxes[whole_feet(boxes, SIZE)]
    there = plane.to_ground(feet_of(boxes))
    R = rotation(camera.tsai.rotation_rad)
    place = -R.T @ np.array(camera.tsai.translation_mm) / 1000
    assert 5 < place[2] < 9
    # The head is on the ray that meets the ground behind the foot, at the height that similar triangles give.
    heads = plane.to_ground(feet_of(boxes) - [0, 1] * boxes[:, 3:])
    behind = np.hypot(*(heads - there).T)
    heights = place[2] * behind / np.hypot(*(heads - place[:2]).T)
    assert 1.5 < np.nanmedian(heights) < 2.0


def tsai_by_hand(numbers, pixel):
    """Tsai's equations one after another, as his paper gives them -> the ground point, m."""
    (cx, cy), (width, height) = numbers["centre_px"], numbers["pixel_mm"]
    xd, yd = (pixel[0] - cx) * width / numbers["sx"], (pixel[1] - cy) * height
    growth = 1 + numbers["kappa1_per_mm2"] * (xd * xd + yd * yd)
    xu, yu, f = xd * growth, yd * growth, numbers["focal_mm"]
    (sa, ca), (sb, cb), (sc, cc) = ((math.sin(a), math.cos(a)) for a in numbers["rotation_rad"])
    # The first two columns of Rz Ry Rx, written out: on the ground the third counts for nothing.
    r1, r2 = cb * cc, cc * sa * sb - ca * sc
    r4, r5 = sc * cb, sa * sb * sc + ca * cc
    r7, r8 = -sb, cb * sa
    tx, ty, tz = numbers["translation_mm"]
    # xu (r7 x + r8 y + tz) = f (r1 x + r2 y + tx), and so for yu: two equations a x + b y = e, c x + d y = g.
    a, b, e = f * r1 - xu * r7, f * r2 - xu * r8, xu * tz - f * tx
    c, d, g = f * r4 - yu * r7, f * r5 - yu * r8, yu * tz - f * ty
    det = a * d - b * c
    return (e * d - b * g) / det / 1000, (a * g - e * c) / det / 1000


def test_a_calibration_is_what_tsai_wrote(data):
    numbers = read_tsai(data / "calibration/PETS09_View_001.xml")
    assert abs(numbers["sx"] - 1) > 0.05
    plane = plane_of(Scene.from_json({"cssv_scene": 1, "camera": {"tsai": numbers}}).camera, SIZE)
    for pixel in ((100.0, 550.0), (384.0, 288.0), (700.0, 200.0), (10.0, 300.0)):
        assert plane.to_ground(np.array(pixel)) == pytest.approx(tsai_by_hand(numbers, pixel), rel=1e-6)


def test_the_stretch_of_a_calibration_narrows_its_pixels():
    """``sx``: so many times as many pixels as sensor elements lie side by side."""
    one = tsai(turn_deg=0.0, kappa=0.0)
    wide = dataclasses.replace(one, sx=one.sx * 1.25)
    x, y = one.centre_px
    there = plane_of(Camera(tsai=one), SIZE).to_ground(np.array([x + 100, y + 60]))
    assert plane_of(Camera(tsai=wide), SIZE).to_ground(np.array([x + 125, y + 60])) == pytest.approx(there)


# ---- feet


def test_feet_are_the_middles_of_lower_edges():
    boxes = np.array([[10.0, 20, 30, 60], [0, 20, 30, 60], [740, 20, 28, 60], [10, 516, 30, 60]])
    assert feet_of(boxes)[0] == pytest.approx([25, 80])
    assert whole_feet(boxes, SIZE).tolist() == [True, False, False, False]


def test_a_foot_runs_ahead_of_its_centre():
    """Somebody 1.7 m high who walks towards the camera, by the pinhole alone."""
    plane = plane_of(dataclasses.replace(POSE, tilt_deg=Value(-12)), SIZE)
    f, tilt = 384 / math.tan(math.radians(30)), math.radians(-12)

    def seen(y, z):
        ahead = np.array([y + 2, z - 6])
        depth = ahead @ [math.cos(tilt), math.sin(tilt)]
        return 288 - f * (ahead @ [-math.sin(tilt), math.cos(tilt)]) / depth

    def box(y):
        top, bottom = seen(y, 1.7), seen(y, 0.0)
        return np.array([380.0, top, 20, bottom - top])

    y, speed, dt = 18.0, -1.4, 1e-4
    before, after = box(y - speed * dt / 2), box(y + speed * dt / 2)
    centre = (after - before)[[0, 1]] + (after - before)[[2, 3]] / 2
    true = (feet_of(after) - feet_of(before)) / dt
    found = foot_velocity(plane, box(y), centre / dt)
    assert found == pytest.approx(true, rel=0.03)
    assert abs(centre[1] / dt - true[1]) > 0.1 * abs(true[1])
    velocity, _ = ground_velocity(plane, box(y), found)
    assert velocity == pytest.approx([0, speed], abs=0.05)


def test_a_foot_runs_ahead_sideways_too():
    """Before a rolled camera, who moves to the right in the picture nears it, and grows."""
    plane = plane_of(dataclasses.replace(POSE, tilt_deg=Value(-12), roll_deg=Value(20)), SIZE)
    box, dt = np.array([380.0, 200.0, 30, 90]), 1e-4
    share = plane.growth(feet_of(box))
    assert abs(share[0]) > 0.2 * abs(share[1])
    for centre in ([40.0, 0.0], [0.0, 25.0], [40.0, 25.0]):
        foot = foot_velocity(plane, box, np.array(centre))
        # By steps: the box is always as high as things at its foot are; its centre half of that above it.
        before, after = (feet_of(box) + sign * dt / 2 * foot for sign in (-1, 1))
        scale = [plane._raw(spot)[2] for spot in (before, after)]
        growth = box[3] * (scale[1] - scale[0]) / plane._raw(feet_of(box))[2] / dt
        assert [foot[0], foot[1] - growth / 2] == pytest.approx(centre, abs=1e-5)


def test_cut_off_feet_have_no_velocity_on_the_ground():
    plane = plane_of(POSE, SIZE)
    boxes = np.array([[300.0, 200, 30, 60], [300, 516, 30, 60], [0, 200, 30, 60]])
    velocity, _ = ground_velocity(plane, boxes, np.ones((3, 2)))
    assert np.isfinite(velocity[0]).all()
    assert np.isnan(velocity[1:]).all()


# ---- crowds


def test_one_alone_is_one_kernel():
    # As README and docstring say it, whatever the constant is called.
    assert crowd_density(np.array([[3.0, 4.0]])) == pytest.approx(0.0796, abs=0.0001)
    alone = crowd_density(np.array([[3.0, 4.0]]))
    assert alone == pytest.approx(1 / (math.pi * CROWD_RADIUS_M**2))
    assert crowd_density(np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]]), radius_m=1.0) == pytest.approx(
        math.exp(-1) / math.pi
    )


@pytest.mark.parametrize("density", [0.1, 0.5, 2.0])
def test_an_even_crowd_has_its_density(density):
    step = 1 / math.sqrt(density)
    axis = np.arange(-20, 20 + step / 2, step)
    people = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    middle = people[np.abs(people).max(axis=1) < 8]
    assert crowd_density(people, middle) == pytest.approx(density, rel=0.15)


def test_the_border_of_the_picture_is_no_border_of_the_crowd():
    plane = plane_of(dataclasses.replace(POSE, tilt_deg=Value(-40)), SIZE)
    axis = np.arange(-30, 30, 0.7)
    people = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    seen = people[plane.shows(people)]
    assert len(seen) > 100
    true = 1 / 0.7**2
    found = crowd_density(seen, plane=plane)
    naive = crowd_density(seen)
    assert naive.min() < 0.5 * true
    assert found == pytest.approx(true, rel=0.35)
    assert np.abs(found - true).mean() < 0.06 * true


def test_the_crowd_out_of_sight_is_unknown():
    plane = plane_of(POSE, SIZE)
    people = np.array([[3.0, 10.0], [np.nan, np.nan], [3.0, -100.0]])
    found = crowd_density(people, plane=plane)
    assert np.isfinite(found).tolist() == [True, False, False]
    assert found[0] == pytest.approx(crowd_density(people[:1], plane=plane)[0])
    assert crowd_density(np.empty((0, 2)), plane=plane).shape == (0,)
    assert crowd_density(np.empty((0, 2)), people[:1], plane)[0] == 0


def test_cars_are_no_crowd():
    assert all(map(is_person, ("", "object", "Person", "pedestrian")))
    assert not any(map(is_person, ("car", "cart", "dog", "personal computer")))
