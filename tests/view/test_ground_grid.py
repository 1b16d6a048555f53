"""The check grid: lines at whole metres, nothing above the horizon, texts that do not cover each other."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.scene.ground import Plane
from cssv.view.ground_grid import HORIZON_INK, MARK_INK, X_INK, Y_INK, GroundMark, draw_ground, grid_step

SIZE = (320, 240)
#: Ten pixels are a metre, seen from above; y grows upwards.
ABOVE = Plane(np.array([[0.1, 0, 0], [0, -0.1, 24], [0, 0, 1]]), SIZE)
#: The horizon is at y = 100.
TILTED = Plane(np.array([[0.1, 0, -16], [0, 0, 60], [0, 0.01, -1.0]]), SIZE)
GREY = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)


def drawn_in(picture, ink):
    """Where a colour is clearly nearer to an ink than to the grey under it."""
    return np.abs(picture.astype(int) - ink).sum(axis=2) < 140


def test_lines_are_at_whole_steps():
    picture = draw_ground(GREY, ABOVE, 2.0, "")
    x_lines = drawn_in(picture, X_INK)[150]
    # Thick ones, at 0, 10, 20 and 30 m.
    assert {100, 200} <= set(np.flatnonzero(x_lines))
    changed = (picture[150] != GREY[150]).any(axis=1)
    # Lines of x every 20 px, and between them the picture as it was.
    assert changed[20::20].all()
    assert not changed[10::20].any()
    y_lines = drawn_in(picture, Y_INK)[:, 130]
    assert {40, 140} <= set(np.flatnonzero(y_lines))


def test_nothing_is_drawn_above_the_horizon():
    picture = draw_ground(GREY, TILTED, 1.0, "")
    # The title's plate and the word at the horizon are the only things there.
    assert (picture[40:70] == GREY[40:70]).all()
    assert drawn_in(picture, HORIZON_INK)[98:103].any(axis=0).mean() > 0.6
    assert (picture[150:] != GREY[150:]).any()


def test_lines_that_are_too_near_are_left_out():
    fine = draw_ground(GREY, ABOVE, 0.05, "")
    assert (fine[100:140, 100:200] == GREY[100:140, 100:200]).all()


def test_marks_are_where_their_points_are():
    marks = [
        GroundMark((60, 199.5), "one", shown_px=(75, 199.5)),
        GroundMark((200, 59.5), "3 m", to_px=(260, 59.5)),
    ]
    before, after = draw_ground(GREY, ABOVE, 2.0, ""), draw_ground(GREY, ABOVE, 2.0, "", marks)
    assert drawn_in(after, MARK_INK)[199:201, 66:74].any(axis=0).all()
    assert drawn_in(after, MARK_INK)[59:61, 210:250].any(axis=0).all()
    assert not drawn_in(before, MARK_INK).any()


def test_the_picture_itself_is_unchanged():
    picture = GREY.copy()
    draw_ground(
        picture, ABOVE, 1.0, "title", [GroundMark((5, 5), "near the edge"), GroundMark((319, 239), "x")]
    )
    assert (picture == GREY).all()


@pytest.mark.parametrize("scale", [1e-4, 0.01, 0.3, 7.0, 1e4])
def test_steps_are_round_and_few_fit_across(scale):
    plane = Plane(np.diag([scale, scale, 1.0]), SIZE)
    step = grid_step(plane, np.array([[100.0, 100], [200, 150]]))
    assert float(f"{step:.0e}") == pytest.approx(step)
    assert f"{step:.0e}"[0] in "125"
    assert 8 <= SIZE[0] * scale / step <= 32


def test_a_picture_without_ground_is_drawn():
    sky = Plane(np.array([[0.1, 0, 0], [0, 0.1, 0], [0, 0, -1.0]]), SIZE)
    picture = draw_ground(GREY, sky, grid_step(sky, np.array([[10.0, 10]])), "title")
    assert (picture[60:] == GREY[60:]).all()
