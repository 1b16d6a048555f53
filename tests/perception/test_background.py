"""The background model, and how it follows a camera."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cssv.perception.camera import STILL, UNKNOWN, CameraMotion
from cssv.perception.detectors.background import Background, difference
from cssv.perception.detectors.compensated_background import CompensatedBackground

STEP_S = 0.1


def ground(seed=0, size=(160, 120), grain=3.0):
    rng = np.random.default_rng(seed)
    picture = cv2.GaussianBlur(rng.normal(size=size[::-1]), (0, 0), grain)
    return cv2.normalize(picture, None, 60, 180, cv2.NORM_MINMAX).astype(np.uint8)


def watched(model, pictures):
    for picture in pictures:
        model.learn(picture, STEP_S)
    return model


def with_thing(picture, box, shade):
    x, y, w, h = box
    picture = picture.copy()
    picture[y : y + h, x : x + w] = shade
    return picture


BOX = (40, 30, 20, 50)


def filled(mask, box=BOX):
    """Share of the mask in the box, and share of the rest."""
    x, y, w, h = box
    inside = np.zeros(mask.shape, bool)
    inside[y : y + h, x : x + w] = True
    return np.mean(mask[inside] > 0), np.mean(mask[~inside] > 0)


@pytest.mark.parametrize("shade", [0, 255])
def test_what_is_new_is_seen_and_noise_is_not(shade):
    rng, scene = np.random.default_rng(1), ground()
    noisy = [np.clip(scene + rng.normal(size=scene.shape) * 3, 0, 255).astype(np.uint8) for _ in range(40)]
    model = watched(Background(noisy[0]), noisy)
    inside, outside = filled(model.compare(with_thing(noisy[7], BOX, shade)))
    assert inside > 0.98
    assert outside < 0.005


def test_a_shadow_is_still_and_black_is_not():
    scene = ground()
    model = watched(Background(scene), [scene] * 20)
    assert filled(model.compare((scene * 0.8).astype(np.uint8)))[0] == 0
    assert filled(model.compare((scene * 0.4).astype(np.uint8)))[0] > 0.9


def test_what_stays_becomes_background_and_where_it_leaves_there_is_none():
    scene, parked = ground(), with_thing(ground(), BOX, 250)
    model = watched(Background(scene), [scene] * 100)
    assert filled(watched(model, [parked] * 20).compare(parked))[0] > 0.98
    assert filled(watched(model, [parked] * 80).compare(parked))[0] == 0
    assert filled(model.compare(scene))[0] == 0
    assert filled(model.compare(with_thing(scene, BOX, 20)))[0] > 0.98


def test_a_third_thing_becomes_background_too():
    scene = ground()
    model = watched(Background(scene), [scene] * 100)
    for shade in (250, 20):
        watched(model, [with_thing(scene, BOX, shade)] * 250)
        assert filled(model.compare(with_thing(scene, BOX, shade)))[0] == 0


def test_what_passes_now_and_then_does_not_become_background():
    """Vehicles of one grey pass for one second in three."""
    scene, passing = ground(), with_thing(ground(), BOX, 250)
    model = watched(Background(scene), [scene] * 20)
    for _ in range(30):
        watched(model, [passing] * 10 + [scene] * 20)
    assert filled(model.compare(passing))[0] > 0.98
    assert filled(model.compare(scene))[0] == 0


def test_an_object_of_the_first_picture_is_no_former_background():
    scene, first = ground(), with_thing(ground(), BOX, 250)
    model = watched(Background(first), [first] * 5 + [scene] * 40)
    assert filled(model.compare(scene))[0] == 0
    assert filled(model.compare(first))[0] > 0.98


def test_objects_of_nearly_the_same_grey_are_no_noise():
    scene = np.full((120, 160), 80, np.uint8)
    model = watched(Background(scene), [scene] * 20)
    for _ in range(40):
        watched(model, [with_thing(scene, BOX, 91)] * 2 + [scene] * 8)
    assert filled(model.compare(with_thing(scene, BOX, 97)))[0] > 0.98


def test_a_large_dark_object_is_no_change_of_light():
    scene = ground(grain=1.0)
    model = watched(Background(scene), [scene] * 20)
    covered = scene.copy()
    # It and its shadow cover more than half of the picture.
    covered[:70] = 20
    covered[70:90] = (covered[70:90] * 0.8).astype(np.uint8)
    model.follow_light(covered)
    np.testing.assert_allclose(model.picture, scene, atol=1)


def test_a_former_background_is_forgotten():
    scene, changed = ground(), with_thing(ground(), BOX, 250)
    model = watched(Background(scene), [scene] * 100 + [changed] * 600)
    assert filled(model.compare(scene))[0] > 0.9


def test_what_is_accepted_is_background_at_once():
    scene, changed = ground(), with_thing(ground(), BOX, 250)
    model = watched(Background(scene), [scene] * 20)
    model.accept(changed, model.compare(changed) > 0)
    assert filled(model.compare(changed)) == (0, 0)


@pytest.mark.parametrize("gain", [0.6, 0.9, 1.2])
def test_light_is_followed(gain):
    scene = ground()
    model = watched(Background(scene), [scene] * 20)
    now = np.clip(scene * gain, 0, 255).astype(np.uint8)
    model.follow_light(with_thing(now, BOX, 0))
    inside, outside = filled(model.compare(with_thing(now, BOX, 0)))
    assert inside > 0.98
    assert outside < 0.01


def test_light_does_not_drift_with_noise():
    rng, scene = np.random.default_rng(1), ground()
    model = Background(scene)
    for _ in range(300):
        model.follow_light(np.clip(scene + rng.normal(size=scene.shape) * 3, 0, 255).astype(np.uint8))
    np.testing.assert_array_equal(model.picture, scene)


def test_a_pixel_of_slack_forgives_a_pixel():
    scene = ground(grain=1.5)
    beside = np.roll(scene, 1, axis=1)
    assert difference(scene, beside).max() > 10
    assert difference(scene, beside, 1)[:, 1:-1].max() == 0
    assert difference(with_thing(scene, BOX, 255), beside, 1)[50, 50] > 50


@pytest.mark.parametrize(("dx", "dy"), [(5, 0), (-7, 3), (0, -11), (4, 4)])
def test_a_shift_takes_all_that_was_learned_along(dx, dy):
    world = ground(3, (220, 180))
    before, after = world[30:150, 30:190], world[30 - dy : 150 - dy, 30 - dx : 190 - dx]
    model = watched(Background(before.copy()), [before] * 20)
    model.shift(dx, dy, after.copy())
    np.testing.assert_array_equal(model.picture, after)
    assert filled(model.compare(after.copy())) == (0, 0)
    assert filled(model.compare(with_thing(after, BOX, 255)))[0] > 0.98


def test_a_warp_takes_the_picture_along():
    world = ground(3, grain=5)
    A = cv2.getRotationMatrix2D((80, 60), 3, 1.02)
    after = cv2.warpAffine(world, A, (160, 120), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    model = watched(Background(world), [world] * 20)
    model.warp(A, after)
    assert np.abs(model.picture.astype(int) - after)[10:-10, 10:-10].mean() < 1
    assert filled(model.compare(after))[1] == 0


def window(world, x, y, size=(160, 120)):
    A = np.array([[1.0, 0, -x], [0, 1, -y]])
    return cv2.warpAffine(world, A, size, flags=cv2.INTER_CUBIC)


def shifted(dx, dy):
    return CameraMotion(np.array([[1.0, 0, dx], [0, 1, dy]]))


@pytest.mark.parametrize("error_px", [0, 0.06])
def test_the_background_stays_in_place_over_a_long_pan(error_px):
    """Even where every motion is a little wrong, which would add up to 5 pixels."""
    world = ground(5, (500, 200), 2.0)
    background = CompensatedBackground(window(world, 20, 20))
    for k in range(1, 81):
        x, y = 20 + 2.4 * k, 20 + 0.3 * k
        now = with_thing(window(world, x, y), BOX, 255)
        mask = background.subtract(now, shifted(-2.4 + error_px, -0.3), STEP_S)
        where = background.to_picture(np.array([[*BOX]], float)) - np.array([[*BOX]], float)
        assert np.abs(where).max() < 1.5
        if k > 5:
            inside, outside = filled(mask)
            assert inside > 0.9
            assert outside < 0.03
    assert not background.is_settled


def test_a_camera_that_comes_to_rest_is_trusted_again():
    world = ground(5, (500, 200), 2.0)
    background = CompensatedBackground(window(world, 20, 20))
    for k in range(1, 10):
        background.subtract(window(world, 20 + 2 * k, 20), shifted(-2, 0), STEP_S)
    assert not background.is_settled
    for _ in range(15):
        mask = background.subtract(with_thing(window(world, 38, 20), BOX, 255), STILL, STEP_S)
    assert background.is_settled
    assert filled(mask)[1] == 0


def test_rotation_and_zoom_are_followed():
    world = ground(6, (160, 120), 4.0)
    background = CompensatedBackground(world)
    whole = np.eye(3)
    for k in range(1, 30):
        step = np.vstack([cv2.getRotationMatrix2D((79.5, 59.5), 0.5, 1.01), [0, 0, 1]])
        whole = step @ whole
        now = cv2.warpAffine(world, whole[:2], (160, 120), borderMode=cv2.BORDER_REFLECT)
        mask = background.subtract(with_thing(now, BOX, 255), CameraMotion(step[:2].copy()), STEP_S)
        if k > 3:
            # The border comes into view mirrored.
            assert np.mean(mask[20:100, 70:140] > 0) < 0.03
            box = background.to_picture(np.array([[*BOX]], float))
            assert np.abs(box - BOX).max() < 4


def test_after_a_cut_everything_is_background():
    background = CompensatedBackground(ground(7))
    for _ in range(10):
        background.subtract(ground(7), STILL, STEP_S)
    assert not background.subtract(255 - ground(8), UNKNOWN, STEP_S).any()
    assert not background.subtract(255 - ground(8), STILL, STEP_S).any()


def test_presence_tells_things_from_ghosts():
    scene = ground(9)
    ghost_of = with_thing(scene, (100, 30, 20, 50), 20)
    background = CompensatedBackground(ghost_of)
    for _ in range(5):
        background.subtract(ghost_of, STILL, STEP_S)
    mask = background.subtract(with_thing(scene, BOX, 230), STILL, STEP_S)
    thing, ghost = background.presence(mask, np.array([BOX, (100, 30, 20, 50)], float))
    assert thing > 0.7
    assert ghost < 0.3
    background.accept(np.array([[100.0, 30, 20, 50]]), mask)
    mask = background.subtract(with_thing(scene, BOX, 230), STILL, STEP_S)
    assert filled(mask, (100, 30, 20, 50))[0] == 0
    assert filled(mask)[0] > 0.9
