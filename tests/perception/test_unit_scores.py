"""Scores of any kind as shares: what their range says, and that the order stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.perception import BoxesDetector, track_boxes
from cssv.perception.detectors import CheckedDetector
from cssv.perception.detectors.scores import unit_scores


def read(*scores):
    found, note = unit_scores(np.array(scores, dtype=float))
    return found, note or ""


@pytest.fixture
def file(tmp_path):
    def write(scores):
        path = tmp_path / "det.txt"
        path.write_text(
            "".join(f"1,-1,{20 * k},1,10,10,{score!r}\n" for k, score in enumerate(scores, start=1))
        )
        return path

    return write


def test_shares_stay_as_they_are():
    found, note = read(0.0, 0.25, 1.0)
    assert found.tolist() == [0, 0.25, 1]
    assert note == ""


def test_percent_is_divided():
    found, note = read(50, 99.75, 0.5, 100)
    assert found.tolist() == [0.5, 0.9975, 0.005, 1]
    assert note == "scores from 0.5 to 100 are read as percent"


def test_one_score_of_fifty_leaves_the_others_alone():
    scores = [*np.linspace(0.5, 0.998, 40), 50.0]
    found, note = read(*scores)
    assert found.tolist() == [*scores[:-1], 1.0]
    assert note == "1 of 41 scores are above 1, up to 50: read as 1"


@pytest.mark.parametrize("outlier", [-50.0, 5e4])
def test_one_score_far_away_does_not_flatten_those_of_its_kind(outlier):
    scores = np.linspace(20, 200, 40)
    found, _ = read(*scores, outlier)
    assert np.ptp(found[:-1]) > 0.3


def test_log_odds_are_turned_back():
    shares = np.array([0.001, 0.2, 0.5, 0.7, 0.9999])
    found, note = read(*np.log(shares / (1 - shares)))
    np.testing.assert_allclose(found, shares)
    assert "log-odds" in note


def test_what_is_too_large_for_log_odds_is_made_smaller():
    found, note = read(-2000, -500, 1000, 4000)
    assert found[-1] < 0.99
    assert (np.diff(found) > 0).all()
    assert "exp(-s / 1000)" in note


def test_positive_scores_without_bound():
    found, note = read(1, 3, 5000)
    np.testing.assert_allclose(found, [0.25, 0.5, 5000 / 5003])
    assert note == "scores from 1 to 5000 are read as s / (s + 3)"


def test_no_score_is_a_sure_one():
    assert read(-1, -1)[0].tolist() == [1, 1]


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.floats(-12, 12),
            st.floats(0, 1),
            st.floats(0, 100),
        ),
        min_size=1,
        max_size=40,
    )
)
@settings(max_examples=300)
def test_the_order_stays_and_all_are_shares(scores):
    values = np.array(scores)
    found, note = unit_scores(values)
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found[np.argsort(values, kind="stable")]) >= 0).all()
    assert (note is None) == bool((values >= 0).all() and (values <= 1).all())


@given(st.lists(st.integers(20, 980), min_size=2, max_size=30, unique=True), st.sampled_from("plo"))
def test_different_scores_stay_different(thousandths, kind):
    values = np.array(thousandths) / 1000
    values = {"p": 100 * values, "l": np.log(values / (1 - values)), "o": 1e4 * values}[kind]
    found, _ = unit_scores(np.append(values, values.min()))
    assert len(np.unique(found)) == len(np.unique(values))


def test_a_box_file_tells_what_its_scores_were_taken_for(file):
    assert CheckedDetector(BoxesDetector(file([0.5, 0.9]))).notes == ()
    seen = BoxesDetector(file([50.0, 90.0]))
    assert seen.in_frame(0).scores.tolist() == [0.5, 0.9]
    assert CheckedDetector(seen).notes == ("box file: scores from 50 to 90 are read as percent",)


def test_log_odds_of_zero_are_no_ignored_entries(file):
    assert BoxesDetector(file([-1.0, 0.0, 2.0])).in_frame(0).scores[1] == 0.5


def test_percent_gives_the_same_tracks(data, tmp_path):
    text = (data / "mot15/TUD-Stadtmitte/det/det.txt").read_text().splitlines()
    rows = [line.split(",") for line in text]
    # Read as shares the first time; this file's own scores may be of another kind.
    shares = 0.5 + 0.498 * np.argsort(np.argsort([float(row[6]) for row in rows])) / len(rows)
    found = []
    for scale in (1, 100):
        path = tmp_path / "det.txt"
        lines = (",".join([*row[:6], repr(scale * s)]) for row, s in zip(rows, shares.tolist(), strict=True))
        path.write_text("\n".join(lines))
        seen = BoxesDetector(path)
        found.append(track_boxes(seen, [n / 25 for n in range(seen.frame_count)]))
    assert [len(track) for track in found[0]] == [len(track) for track in found[1]]
    assert len(found[0]) > 3
