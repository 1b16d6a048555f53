"""The benchmark of equations: sizes are those of bytes that were read back."""

from __future__ import annotations

import equations
import numpy as np
import pytest
from equations_tracks import Sample

from cssv.payload.track_code import CHANNELS, Frames, TrackMethod
from cssv.payload.track_fit import fit_track


@pytest.fixture
def sample() -> Sample:
    times = np.arange(60) / 25
    rng = np.random.default_rng(4)
    values = {name: 100 + 30 * k * times + rng.normal(size=60) for k, name in enumerate(CHANNELS)}
    return Sample(Frames.from_times(times.tolist()), values)


def test_the_shortest_of_all_is_not_longer_than_one_method(sample):
    contests = {
        name: fit_track(sample.values[name], sample.frames, name, equations.BOUND, complete=True)
        for name in CHANNELS
    }
    sizes = equations.by_method(sample, contests)
    assert sizes.keys() == {method.value for method in TrackMethod} | {"shortest of all"}
    # Methods within half a byte count as equal.
    assert sizes["shortest of all"] <= min(sizes.values()) + 2
    assert sizes["shortest of all"] < equations.deflated(sample) < sample.raw_bytes


def test_a_code_outside_the_bound_is_found(sample):
    codes = [
        fit_track(sample.values[name] + 3, sample.frames, name, equations.BOUND).codes[TrackMethod.SPLINE]
        for name in CHANNELS
    ]
    with pytest.raises(AssertionError, match="centre_x"):
        equations.size_of(sample, codes)


def test_a_report_is_a_table(sample, capsys):
    equations.report("two", [sample, sample])
    out = capsys.readouterr().out
    assert "two: 2 tracks of 60 frames (median)" in out
    assert "| shortest of all |" in out
