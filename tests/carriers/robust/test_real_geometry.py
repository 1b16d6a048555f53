"""On real footage, through a real codec."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice

import numpy as np
import pytest

from cssv.carriers.robust.pilot import slot_of, slot_sign
from cssv.carriers.robust.search import THRESHOLD, find_geometry
from cssv.frames import split_planes
from cssv.testing.received import Edit, transcode
from cssv.video import VideoReader

#: First frame of the clip, number of frames, rate.
CLIPS = {"vtest.avi": (200, 42, 10), "bigbuckbunny.mp4": (0, 104, 25), "bikes.mp4": (100, 104, 25)}

#: Pictures of this size must be found; of smaller ones, most are.
LEAST_PIXELS = 75_000


@pytest.fixture(scope="module", params=CLIPS)
def clip(request, data, studio):
    """Covers, stego frames and rate of a piece of a clip."""
    first, count, rate = CLIPS[request.param]
    with VideoReader(data / "clips" / request.param) as reader:
        covers = [frame.planes for frame in islice(reader, first, first + count)]
    height, width = covers[0].shape[0] * 2 // 3, covers[0].shape[1]
    pattern, stego = studio.pattern(studio.key, width, height), []
    for number, planes in enumerate(covers):
        changed = planes.copy()
        luma = planes[:height] + pattern * slot_sign(slot_of(Fraction(number, rate)))
        changed[:height] = np.clip(np.rint(luma), 0, 255)
        stego.append(changed)
    return covers, stego, Fraction(rate), (width, height)


def receive(pictures, rate, edit, key, crf=23, own_size_only=False):
    received = transcode([edit.apply(planes) for planes in pictures], rate, crf, preset="veryfast")
    lumas = [split_planes(planes, "yuv420p")[0] for planes in received]
    times = [Fraction(number) / rate for number in range(len(lumas))]
    return find_geometry(lumas, times, key, own_size_only=own_size_only)


def edits(width, height):
    """The whole picture; a scale; a crop; a crop and a scale with bars."""
    w, h = width * 3 // 10 * 2, height * 3 // 10 * 2
    crop = (width // 8) * 2, (height // 10) * 2, w, h
    return {
        "whole": Edit((0, 0, width, height), (width, height)),
        "scale": Edit((0, 0, width, height), (width * 3 // 8 * 2, height * 3 // 8 * 2)),
        "crop": Edit(crop, (w, h)),
        "crop, scale, bars": Edit(crop, (w * 5 // 12 * 2, h * 5 // 12 * 2), bars=(24, 0)),
    }


@pytest.mark.parametrize("kind", ["whole", "scale", "crop", "crop, scale, bars"])
def test_the_geometry_is_found_after_crf_23(clip, studio, kind):
    _, stego, rate, size = clip
    edit = edits(*size)[kind]
    if edit.size[0] * edit.size[1] < LEAST_PIXELS:
        pytest.skip("pieces of this clip are smaller than what has to be found")
    found = receive(stego, rate, edit, studio.key)
    assert found.geometry is not None, found
    # A climb on known bits begins here; it looks at whole pixels that are one off.
    assert edit.error(found.geometry) <= 1.0
    if kind in ("whole", "crop"):
        assert found.geometry.content == (0, 0, *edit.size)


def test_the_slots_are_found(clip, studio):
    _, stego, rate, size = clip
    first = int(rate) // 3
    found = receive(stego[first:], rate, edits(*size)["whole"], studio.key, own_size_only=True)
    numbers = range(first, len(stego) - int(rate) // 4)
    right = [
        found.geometry.slot_of((number - first) / rate) % 2 == slot_of(number / rate) % 2
        for number in numbers
    ]
    assert found.geometry.time_scale == 1
    assert np.mean(right) > 0.95


def test_nothing_is_found_in_the_cover(clip, studio):
    covers, _, rate, size = clip
    found = receive(covers, rate, edits(*size)["scale"], studio.key)
    assert found.geometry is None
    assert found.score < THRESHOLD
