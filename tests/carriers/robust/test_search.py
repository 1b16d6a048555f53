from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.robust import search
from cssv.carriers.robust.bars import find_content
from cssv.carriers.robust.correlation import CELLS_RANGE, SCALE_RANGE, correlate, ladder
from cssv.carriers.robust.demodulation import demodulate, residuals
from cssv.carriers.robust.pilot import PLANE
from cssv.carriers.robust.search import MOST_FRAMES, THRESHOLD, find_geometry
from cssv.errors import FrameError, OptionError


def error(found, truth):
    assert found.geometry is not None
    return np.abs(np.subtract(found.geometry.content_sides, truth)).max()


def scaled(frames, size):
    return [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]


def test_the_own_size_is_found(marked, studio):
    found = find_geometry(*marked, studio.key, own_size_only=True)
    assert found.score > 2 * THRESHOLD
    assert error(found, (0, 0, 480, 320)) <= 0.5
    assert found.geometry.content == (0, 0, 480, 320)
    assert found.geometry.time_scale == 1
    assert [found.geometry.slot_of(time) % 2 for time in marked[1]] == [int(time) % 2 for time in marked[1]]


@pytest.mark.parametrize("size", [(240, 160), (360, 242), (436, 290), (600, 400)])
def test_a_scale_is_found(marked, studio, size):
    found = find_geometry(scaled(marked[0], size), marked[1], studio.key)
    assert error(found, (0, 0, 480, 320)) <= 0.5


@pytest.mark.parametrize("corner", [(0, 0), (37, 51), (180, 111)])
def test_a_crop_is_found_with_own_size_and_scaled(marked, studio, corner):
    x, y = corner
    crop = [np.ascontiguousarray(frame[y : y + 208, x : x + 300]) for frame in marked[0]]
    truth = x, y, x + 300, y + 208
    assert error(find_geometry(crop, marked[1], studio.key, own_size_only=True), truth) <= 0.3
    assert error(find_geometry(scaled(crop, (226, 156)), marked[1], studio.key), truth) <= 0.5


def test_bars_are_told_from_the_picture(marked, studio):
    frames = [
        cv2.copyMakeBorder(frame, 40, 40, 8, 0, cv2.BORDER_CONSTANT, value=16)
        for frame in scaled(marked[0], (360, 240))
    ]
    found = find_geometry(frames, marked[1], studio.key)
    assert found.geometry.content == (8, 40, 360, 240)
    assert error(found, (0, 0, 480, 320)) <= 0.5
    assert found.geometry.sides[1] < -50


def test_a_shift_beyond_the_plane_is_known_modulo_its_size(studio):
    times = studio.times(24, 6)
    pattern = studio.pattern(studio.key, PLANE + 640, 256)[:, PLANE + 100 : PLANE + 500]
    scene = studio.texture(400, 256)
    frames = [
        np.clip(np.rint(scene + pattern * (1 - 2 * (int(time) % 2))), 0, 255).astype(np.uint8)
        for time in times
    ]
    assert error(find_geometry(frames, times, studio.key, own_size_only=True), (100, 0, 500, 256)) <= 0.3


@pytest.mark.parametrize("start", [Fraction(0), Fraction(7, 10), Fraction(123456789, 1000)])
def test_times_may_begin_anywhere(studio, start):
    sent = studio.times(40, 10, Fraction(3, 10))
    frames = studio.embed(studio.texture(320, 240), sent)
    received = [start + time - sent[0] for time in sent]
    found = find_geometry(frames, received, studio.key, own_size_only=True)
    assert [found.geometry.slot_of(time) % 2 for time in received] == [int(time) % 2 for time in sent]


@pytest.mark.parametrize("scale", [Fraction(25, 24), Fraction(24, 25)])
def test_another_speed_is_found(studio, scale):
    sent = studio.times(144, 24)
    frames = studio.embed(studio.texture(320, 240), sent)
    received = [time / scale for time in sent]
    found = find_geometry(frames, received, studio.key, own_size_only=True)
    assert found.geometry.time_scale == scale
    right = [found.geometry.slot_of(time) % 2 == int(at) % 2 for time, at in zip(received, sent, strict=True)]
    assert np.mean(right) > 0.97


def test_another_key_finds_nothing(marked):
    found = find_geometry(*marked, bytes(32))
    assert found.geometry is None
    assert found.score < THRESHOLD


@pytest.mark.parametrize("kind", ["still", "noise", "moving", "black", "flicker"])
def test_nothing_is_found_where_nothing_is_hidden(studio, kind):
    times, rng, scene = studio.times(32, 8), np.random.default_rng(3), studio.texture(520, 320)
    pictures = {
        "still": lambda _: scene[:, :480],
        "noise": lambda _: rng.uniform(0, 255, (320, 480)),
        "moving": lambda i: scene[:, i : i + 480],
        "black": lambda _: np.zeros((320, 480)),
        # A scene whose brightness alternates as the pilot does.
        "flicker": lambda i: scene[:, :480] * (1 + 0.1 * (-1) ** (i // 8)),
    }
    frames = [np.clip(np.rint(pictures[kind](i)), 0, 255).astype(np.uint8) for i in range(32)]
    assert find_geometry(frames, times, studio.key).geometry is None


@pytest.mark.parametrize(("count", "rate"), [(0, 8), (1, 8), (3, 1), (8, 8)])
def test_too_few_frames_hold_nothing(studio, count, rate):
    times = studio.times(count, rate)
    assert find_geometry(studio.embed(studio.texture(160, 128), times), times, studio.key).geometry is None


@pytest.mark.parametrize("size", [(32, 32), (16384, 32), (40, 4000)])
def test_a_picture_too_small_or_thin_holds_nothing(studio, size):
    times = studio.times(8, 2)
    frames = [np.full(size[::-1], 100, np.uint8) for _ in times]
    for own in (True, False):
        assert find_geometry(frames, times, studio.key, own_size_only=own).geometry is None


@pytest.mark.parametrize(
    ("frames", "count", "message"),
    [
        ([np.zeros((64, 64), np.uint8), np.zeros((64, 66), np.uint8)], 2, "of one size"),
        ([np.zeros((64, 64, 3), np.uint8)], 1, "of one size"),
        ([np.zeros((64, 64), np.float32)], 1, "of one size"),
        ([np.zeros((8, 64), np.uint8)], 1, "out of range"),
        ([np.zeros((64, 64), np.uint8)], 2, "every frame needs a time"),
    ],
)
def test_frames_that_cannot_be_are_an_error(studio, frames, count, message):
    with pytest.raises(FrameError, match=message):
        find_geometry(frames, studio.times(count, 8), studio.key)


def test_a_wrong_key_is_an_error(marked):
    with pytest.raises(OptionError, match="wrong length"):
        find_geometry(*marked, b"key")


def test_the_frames_that_are_looked_at_are_bounded(studio):
    assert len(search.choose_frames(studio.times(10_000, 1000), MOST_FRAMES)) <= MOST_FRAMES
    assert search.choose_frames(studio.times(100_000, 25), 200)[-1] <= 8 * 25
    # A clip whose times stand still lasts no time.
    assert search.choose_frames([Fraction(0)] * 1000, MOST_FRAMES) == []


def test_the_own_size_alone_takes_few_correlations(marked, studio, monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(arguments[1])
        return correlate(*arguments)

    monkeypatch.setattr(search, "correlate", counted)
    find_geometry(*marked, bytes(32), own_size_only=True)
    assert len(calls) <= 9
    calls.clear()
    find_geometry(*marked, studio.key)
    # A certain peak ends the ladder, which has more than 150 rungs.
    assert len(calls) <= 80


@given(st.integers(32, 16384), st.integers(32, 16384))
@settings(max_examples=60)
def test_the_ladder_is_bounded_and_begins_with_the_own_size(width, height):
    rungs = list(ladder(width, height))
    assert len(rungs) <= CELLS_RANGE[1] // 2
    assert all(CELLS_RANGE[0] <= side <= CELLS_RANGE[1] for rung in rungs for side in rung)
    if rungs and CELLS_RANGE[0] <= min(width, height) // 4 and max(width, height) // 4 < CELLS_RANGE[1]:
        assert rungs[0] == (round(width / 4), round(round(width / 4) * height / width))
    scales = [width / rung[0] / 4 for rung in rungs]
    assert all(SCALE_RANGE[0] * 0.9 < scale < SCALE_RANGE[1] * 1.1 for scale in scales)


def test_what_stands_still_is_cancelled(studio):
    scene = np.rint(studio.texture(160, 128)).astype(np.uint8)
    times = [float(time) for time in studio.times(32, 8)]
    assert np.abs(demodulate([scene] * 32, times, 1)).max() < 1e-4


def test_residuals_of_textures_that_move_weigh_little(studio):
    calm, rng = np.full((128, 160), 100.0), np.random.default_rng(0)
    calm[:, 80:] += 0
    frames = []
    for _ in range(8):
        frame = calm + rng.standard_normal(calm.shape)
        frame[:, 80:] += 40 * rng.standard_normal((128, 80))
        frames.append(np.clip(np.rint(frame), 0, 255).astype(np.uint8))
    residual = next(residuals(frames, 1))
    assert residual[:, 90:].std() < 0.1 * residual[:, :70].std()


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=30)
def test_bars_are_found_exactly(left, top, right, bottom):
    picture = np.random.default_rng(0).integers(0, 256, (60, 70), dtype=np.uint8)
    framed = np.pad(picture, ((top, bottom), (left, right)), constant_values=16)
    assert find_content([framed] * 3) == (left, top, 70, 60)


def test_ripples_of_a_codec_belong_to_the_bar():
    rng = np.random.default_rng(0)
    picture = np.pad(rng.integers(0, 256, (60, 70), dtype=np.uint8), ((20, 20), (0, 0)), constant_values=16)
    picture[15:20] += np.array([3, 4, 9, 12, 30], np.uint8)[:, None] * (np.arange(70) % 2).astype(np.uint8)
    picture[80:82] += np.array([24, 13], np.uint8)[:, None] * (np.arange(70) % 2).astype(np.uint8)
    assert find_content([picture] * 3) == (0, 20, 70, 60)
    # Without a bar, quiet lines at the edge are those of the picture.
    assert find_content([picture[18:82]] * 3) == (0, 0, 70, 64)


def test_an_even_picture_is_no_bar():
    assert find_content([np.full((50, 60), 7, np.uint8)]) == (0, 0, 60, 50)
    gradient = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (50, 1))
    assert find_content([gradient]) == (0, 0, 60, 50)
