"""Locks on received clips that carry the data layer and the pilot."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from cssv.carriers.robust import lock as module
from cssv.carriers.robust.channel import ChannelReader
from cssv.carriers.robust.codewords import write_codeword
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.lock import find_lock
from cssv.carriers.robust.marks import MarkWriter
from cssv.carriers.robust.pilot import PLANE
from cssv.carriers.robust.qim import Strength
from cssv.errors import FrameError, OptionError

STEPS = (28, 34, 24)
WIDTH, HEIGHT, RATE = 480, 320, 8


@pytest.fixture(scope="module")
def carrying(studio):
    """Six seconds with a step of its own for each window, and the time of each frame."""
    scene = studio.texture(WIDTH, HEIGHT)
    writer, rng = MarkWriter(HEIGHT, WIDTH, studio.key), np.random.default_rng(1)
    frames = []
    for number in range(6 * RATE):
        slot = number // RATE
        codeword = write_codeword(bytes([slot // 2]), 64, studio.key)
        noisy = np.clip(np.rint(scene + rng.standard_normal(scene.shape)), 0, 255).astype(np.uint8)
        strength = Strength(STEPS[slot // 2])
        frames.append(writer.embed(noisy, writer.chips(codeword, slot), slot, strength))
    return frames, studio.times(len(frames), RATE)


def read(lock, frames, times, key):
    """Payloads of the windows."""
    reader = ChannelReader(lock.area, key=key)
    for luma, time in zip(frames, times, strict=True):
        reader.add(lock.luma(luma), lock.slot(time))
    windows = {lock.slot(time) // 2 for time in times}
    return {reader.read_window(window, (64,)) for window in windows} - {None}


def test_the_own_size_needs_no_pilot(carrying, studio, monkeypatch):
    monkeypatch.delattr(module, "find_geometry")
    frames, times = carrying
    lock = find_lock(frames, times, studio.key, full_search=True)
    assert lock.geometry.is_whole
    assert lock.geometry.content_sides == (0, 0, WIDTH, HEIGHT)
    assert lock.area == BlockArea(0, 0, 20, 30)
    assert [lock.slot(time) % 4 for time in times] == [int(time) % 4 for time in times]
    assert [lock.geometry.slot_of(time) % 2 for time in times] == [int(time) % 2 for time in times]
    luma = lock.luma(frames[0])
    assert np.shares_memory(luma, frames[0])
    assert read(lock, frames, times, studio.key) == {b"\x00", b"\x01", b"\x02"}


def test_a_crop_is_read_at_its_place_without_resampling(carrying, studio):
    frames, times = [np.ascontiguousarray(f[30:290, 50:400]) for f in carrying[0]], carrying[1]
    lock = find_lock(frames, times, studio.key, full_search=False)
    assert lock.geometry.sides == (50, 30, 400, 290)
    assert lock.area == BlockArea(2, 4, 16, 21)
    assert np.array_equal(lock.luma(frames[0]), carrying[0][0][32:288, 64:400])
    assert read(lock, frames, times, studio.key) == {b"\x00", b"\x01", b"\x02"}


def test_a_scaled_crop_needs_the_full_search(carrying, studio):
    frames = [cv2.resize(f[30:290, 50:400], (280, 208), interpolation=cv2.INTER_AREA) for f in carrying[0]]
    start = Fraction(10**7, 3)
    times = [start + time * Fraction(24, 25) for time in carrying[1]]
    assert find_lock(frames, times, studio.key, full_search=False) is None
    lock = find_lock(frames, times, studio.key, full_search=True)
    assert np.abs(np.subtract(lock.geometry.sides, (50, 30, 400, 290))).max() <= 0.25
    assert lock.luma(frames[0]).shape == (16 * lock.area.rows, 16 * lock.area.columns)
    assert lock.clock.time_scale == lock.geometry.time_scale == Fraction(25, 24)
    assert b"\x01" in read(lock, frames, times, studio.key)


def test_a_part_beyond_the_plane_of_the_pilot(studio):
    """The pilot repeats after 2048 pixels; the dithers do not."""
    left, width = PLANE + 128, PLANE + 448
    writer = MarkWriter(256, width, studio.key)
    wide = np.full((256, width), 128, np.uint8)
    wide[:, PLANE:] = np.clip(np.rint(studio.texture(448, 256)), 0, 255)
    times, frames = studio.times(24, 6), []
    for time in times:
        chips = writer.chips(write_codeword(bytes([time // 2]), 64, studio.key), int(time))
        frames.append(np.ascontiguousarray(writer.embed(wide, chips, int(time), Strength(28))[:, left:]))
    lock = find_lock(frames, times, studio.key, full_search=False)
    assert lock.geometry.sides == (left, 0, width, 256)
    assert read(lock, frames, times, studio.key) == {b"\x00", b"\x01"}


@pytest.mark.parametrize("key", [None, bytes(32)])
def test_nothing_is_found_where_nothing_is(carrying, studio, key):
    frames = carrying[0] if key else [np.rint(studio.texture(WIDTH, HEIGHT)).astype(np.uint8)] * 48
    assert find_lock(frames, carrying[1], key or studio.key, full_search=key is not None) is None


def test_a_pilot_alone_is_not_confirmed(marked, studio):
    """The known chips of the data layer decide."""
    frames = [frame[:, 16:] for frame in marked[0]]
    assert find_lock(frames, marked[1], studio.key, full_search=False) is None


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_clip_too_short_has_no_lock(carrying, studio, seconds):
    count = seconds * RATE
    assert find_lock(carrying[0][:count], carrying[1][:count], studio.key, full_search=True) is None


def test_wrong_input_is_an_error(carrying, studio):
    frames, times = carrying
    with pytest.raises(FrameError, match="needs a time"):
        find_lock(frames, times[1:], studio.key, full_search=False)
    with pytest.raises(OptionError, match="wrong length"):
        find_lock(frames, times, b"key", full_search=False)
    lock = find_lock(frames, times, studio.key, full_search=False)
    with pytest.raises(FrameError, match="geometry"):
        lock.luma(frames[0][16:])
