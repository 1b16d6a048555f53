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


@pytest.mark.parametrize("name", ["short", "bunny"])
def test_heat_is_the_low_nibbles_byte_for_byte(name, encoded, tmp_path):
    stego = encoded(name)
    heat = tmp_path / "heat.mkv"
    decoded = cssv.decode(stego, heat)
    count = 0
    for carried, shown in zip(planes(stego), planes(heat), strict=True):
        assert np.array_equal((carried & 15) << 4, shown), f"frame {count}"
        count += 1
    assert count == decoded.frames == {"short": 140, "bunny": 132}[name]


@pytest.mark.parametrize(
    ("name", "fidelity", "least_db", "count"),
    [
        ("vtest", "full", 34.5, 795),
        ("bunny", "full", 34.5, 132),
        ("short", "sparse", 40.0, 140),
        ("bunny", "sparse", 40.0, 132),
    ],
)
def test_stego_is_near_its_cover(name, fidelity, least_db, count, encoded, vtest, bunny):
    cover = bunny if name == "bunny" else vtest
    errors, shifts = [], []
    # The short clip ends before its cover.
    for before, after in zip(planes(cover), planes(encoded(name, fidelity)), strict=name != "short"):
        difference = after.astype(np.int16) - before
        errors.append(np.mean(difference.astype(np.float64) ** 2))
        shifts.append(difference[: before.shape[0] * 2 // 3].mean())
    assert len(errors) == count
    psnr_db = 10 * np.log10(255**2 / np.mean(errors))
    assert psnr_db >= least_db
    assert abs(np.mean(shifts)) <= 1.0
    assert np.max(np.abs(shifts)) <= 1.5


@pytest.mark.parametrize("name", ["short", "bunny"])
def test_sparse_heat_is_that_of_full_inside_its_support(name, encoded):
    """Sparse heat is empty outside its support, and exactly the drawing inside."""
    with cssv.open(encoded(name)) as full, cssv.open(encoded(name, "sparse")) as sparse:
        for number in (0, 40, 131):
            drawn, kept = full[number].clean_heat, sparse[number].clean_heat
            assert np.array_equal(drawn != 0, kept != 0) or np.mean((drawn != 0) != (kept != 0)) < 1e-3
            both = (drawn != 0) & (kept != 0)
            # Under a mark or a tag the lowest bit of a nibble does not belong to the drawing.
            assert np.max(np.abs(drawn[both].astype(int) - kept[both]), initial=0) <= 16


def test_encoding_twice_gives_the_same_pixels(bunny, tmp_path):
    first, second = (cssv.encode(bunny, tmp_path / f"{k}.cssv", stop=1, created_s=0).path for k in "ab")
    for a, b in zip(planes(first), planes(second), strict=True):
        assert np.array_equal(a, b)
