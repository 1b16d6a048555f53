from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.perception import ClipTracker, Detections, LiveTracker, detections
from cssv.perception.evidence import ScoreScale, evidence

scores = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)


def scale_of(values):
    scale = ScoreScale()
    scale.learn(np.asarray(values, dtype=float))
    return scale


@given(scores)
def test_evidence_rises_with_the_score_and_stays_finite(values):
    worth = evidence(np.sort(values))
    assert np.isfinite(worth).all()
    assert (np.diff(worth) >= 0).all()
    assert evidence(np.zeros(1))[0] == 0


@given(scores, st.floats(0.05, 1))
def test_a_share_of_the_typical_evidence_is_a_score(values, share):
    scale = scale_of(values)
    assert 0 <= scale.score(share) <= 1
    assert evidence(np.array([scale.score(share)]))[0] == pytest.approx(share * scale.typical, rel=1e-6)


def test_the_typical_object_is_the_upper_quartile():
    values = np.linspace(0.5, 0.9, 401)
    weighed = np.repeat(values, np.rint(values * 1000).astype(int))
    assert scale_of(values).typical == pytest.approx(evidence(np.quantile(weighed, [0.75]))[0], abs=0.01)


def test_what_is_hardly_certain_has_little_weight():
    firm = np.linspace(0.6, 0.9, 100)
    doubtful = np.concatenate([firm, np.full(100, 0.02)])
    assert scale_of(doubtful).typical == pytest.approx(scale_of(firm).typical, rel=0.05)


def test_before_anything_was_seen_only_the_surest_is_typical():
    assert ScoreScale().typical == evidence(np.ones(1))[0]
    assert scale_of([0.0, 0.0]).typical == evidence(np.ones(1))[0]


def walkers(score_of, count=6, frames=40) -> list[Detections]:
    """Objects side by side; ``score_of`` gives the score of each in each frame."""
    return [
        detections(
            [[100.0 * k + 2 * t, 50, 40, 100] for k in range(count)],
            scores=[score_of(k, t) for k in range(count)],
        )
        for t in range(frames)
    ]


def kept(frames):
    clip = ClipTracker()
    for t, seen in enumerate(frames):
        clip.add(t, t / 10, seen)
    return [track.boxes_px[0, 0] // 100 for track in clip.finish()]


@pytest.mark.parametrize(("firm", "doubtful"), [(0.98, 0.65), (0.8, 0.45), (0.6, 0.3)])
def test_an_object_that_is_never_certain_is_left_out_whatever_the_detector_calls_certain(firm, doubtful):
    assert kept(walkers(lambda k, _: doubtful if k == 3 else firm)) == [0, 1, 2, 4, 5]


def test_an_object_that_is_half_hidden_most_of_the_time_stays():
    assert kept(walkers(lambda k, t: 0.4 if k == 3 and t > 10 else 0.8)) == [0, 1, 2, 3, 4, 5]


def test_a_detector_of_one_score_is_believed():
    for score in (0.2, 0.9, 1.0):
        assert kept(walkers(lambda *_, score=score: score)) == [0, 1, 2, 3, 4, 5]


def test_streams_weigh_scores_too():
    live, shown = LiveTracker(lag_s=0.5), []
    for t, seen in enumerate(walkers(lambda k, _: 0.5 if k == 3 else 0.8)):
        shown += live.update(t, t / 10, seen)
    places = {int(x // 100) for states in [*shown, *live.finish()] for x in states.boxes_px[:, 0] + 10}
    assert places == {0, 1, 2, 4, 5}
