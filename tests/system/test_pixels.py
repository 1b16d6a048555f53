"""Stego frames of real clips compared with their covers, read with plain PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

import cssv


def planes(path: Path) -> Iterator[np.ndarray]:
    """Stacked planes of every frame, read by PyAV alone."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray()


def test_heat_of_version_1_is_the_low_nibbles_byte_for_byte(encoded, tmp_path):
    stego = encoded("short", "first")
    heat = tmp_path / "heat.mkv"
    decoded = cssv.decode(stego, heat)
    count = 0
    for carried, shown in zip(planes(stego), planes(heat), strict=True):
        assert np.array_equal((carried & 15) << 4, shown), f"frame {count}"
        count += 1
    assert count == decoded.frames == 140


@pytest.mark.parametrize(
    ("name", "form", "least_db", "count"),
    [
        ("short", "first", 34.5, 140),
        ("short", "full", 34.5, 140),
        ("vtest", "sparse", 40.0, 795),
        ("bunny", "sparse", 40.0, 132),
        ("short", "mixed", 34.5, 140),
    ],
)
def test_stego_is_near_its_cover(name, form, least_db, count, encoded, vtest, bunny):
    cover = bunny if name == "bunny" else vtest
    errors, shifts = [], []
    # The short clip ends before its cover.
    for before, after in zip(planes(cover), planes(encoded(name, form)), strict=name != "short"):
        difference = after.astype(np.int16) - before
        errors.append(np.mean(difference.astype(np.float64) ** 2))
        shifts.append(difference[: before.shape[0] * 2 // 3].mean())
    assert len(errors) == count
    psnr_db = 10 * np.log10(255**2 / np.mean(errors))
    assert psnr_db >= least_db
    assert abs(np.mean(shifts)) <= 1.0
    assert np.max(np.abs(shifts)) <= 1.5


def test_all_forms_show_the_same_objects(encoded):
    """As far as they are read from the pixels of the same frames."""
    places, temperatures = {}, {}
    for form in ("sparse", "full", "mixed"):
        with cssv.open(encoded("short", form)) as clip:
            states = [(n, state) for n in (0, 40, 131) for state in clip[n].states_in_pixels]
        places[form] = {(n, state.track): state.box_px for n, state in states}
        temperatures[form] = {
            (n, state.track): state.temperature_c.value for n, state in states if state.temperature_c
        }
    assert places["sparse"] == places["full"] == places["mixed"]
    assert len(temperatures["sparse"]) > 10
    for form in ("full", "mixed"):
        both = temperatures["sparse"].keys() & temperatures[form].keys()
        assert len(both) > 0.8 * len(temperatures["sparse"])
        for key in both:
            assert abs(temperatures["sparse"][key] - temperatures[form][key]) <= 80 / 16


def test_encoding_twice_gives_the_same_pixels(vtest, fresh_trial, tmp_path):
    """With few frames a second, because the trial of the default form lengthens the clip to 5 s."""
    options = {"rate": 7, "stop": 1, "created_s": 0}
    first, second = (cssv.encode(vtest, tmp_path / f"{k}.cssv", **options).path for k in "ab")
    for a, b in zip(planes(first), planes(second), strict=True):
        assert np.array_equal(a, b)
