"""The uncertainty that is drawn: of objects drawn with certainty p, about the share p is within the bound."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cssv.perception import BoxesDetector, ClipTracker, track_boxes
from cssv.template.certainty import TOLERANCE, planar_certainty

RATE = 7
#: Widths of the drawn range of speeds, px/s: narrow ones, so that certainties of all kinds occur.
SPANS = (5.0, 10.0, 20.0, 40.0, 80.0)
BINS = np.linspace(0, 1, 6)


@pytest.fixture(scope="module")
def truth(data):
    boxes = BoxesDetector(data / "mot15/PETS09-S2L1/gt/gt.txt")
    return [boxes.in_frame(number) for number in range(795)]


@pytest.fixture(scope="module")
def public(data, benchmark, truth):
    """(errors, sigmas) px/s of tracks from public boxes that the truth has named."""
    boxes = BoxesDetector(data / "mot15/PETS09-S2L1/det/det.txt")
    seen = [boxes.in_frame(number) for number in range(795)]
    clip = ClipTracker()
    for number, named in enumerate(benchmark.named_by_truth(seen, truth)):
        clip.add(number, number / RATE, named)
    return judged(clip.finish(), benchmark, truth)


def judged(tracks, benchmark, truth):
    """How far each velocity errs, px/s, and the one deviation per axis that is drawn for it."""
    true = benchmark.true_velocities(benchmark.paths(truth), 1, 1)
    errors, sigmas = [], []
    for track in tracks:
        for k, number in enumerate(track.numbers.tolist()):
            if (track.id, number) in true and track.scores[k] > 0:
                errors.append(np.hypot(*(track.velocity_px_s[k] - RATE * true[track.id, number])))
                sigmas.append(math.sqrt(np.trace(track.velocity_cov[k]) / 2))
    return np.array(errors), np.array(sigmas)


def shares(errors, sigmas):
    """(objects, mean certainty, share within the bound) of each bin of certainty."""
    certainty, inside = [], []
    for span in SPANS:
        certainty += [planar_certainty(sigma, (0.0, span)) for sigma in sigmas.tolist()]
        inside += (errors <= span * TOLERANCE).tolist()
    certainty, inside = np.array(certainty), np.array(inside)
    bins = np.digitize(certainty, BINS[1:-1])
    return [
        (int((bins == b).sum()), float(certainty[bins == b].mean()), float(inside[bins == b].mean()))
        for b in range(len(BINS) - 1)
        if (bins == b).sum() >= 300
    ]


def off(found):
    """Mean distance of certainty and share, weighed by the objects."""
    weights = np.array([count for count, _, _ in found])
    return float(np.average([abs(p - share) for _, p, share in found], weights=weights))


def test_certainty_is_the_share_of_errors_within_the_bound(public):
    found = shares(*public)
    assert len(found) >= 4
    for _, certainty, share in found:
        # Errors have longer tails than a normal distribution, and a sharper peak.
        assert certainty - 0.1 <= share <= certainty + 0.27
    assert off(found) < 0.11


def test_the_surest_are_right(public):
    _, certainty, share = shares(*public)[-1]
    assert certainty > 0.9
    assert share == pytest.approx(certainty, abs=0.06)


@pytest.mark.parametrize("factor", [1 / 3, 2.0])
def test_a_lie_would_show(public, factor):
    errors, sigmas = public
    found = shares(errors, factor * sigmas)
    wrong = [not certainty - 0.1 <= share <= certainty + 0.27 for _, certainty, share in found]
    assert any(wrong) or off(found) > 0.11
    assert off(found) > 1.3 * off(shares(errors, sigmas))


def test_certainty_from_true_boxes_promises_no_more_than_it_keeps(data, benchmark, truth):
    times = [number / RATE for number in range(795)]
    tracks = track_boxes(BoxesDetector(data / "mot15/PETS09-S2L1/gt/gt.txt"), times)
    for _, certainty, share in shares(*judged(tracks, benchmark, truth)):
        assert share > certainty - 0.1


def test_innovations_are_as_large_as_foretold(data, benchmark, truth):
    """The NIS is 2 on average where noise is right; errors that persist make it less."""
    times = [number / RATE for number in range(795)]
    for name in ("gt/gt.txt", "det/det.txt"):
        tracks = track_boxes(BoxesDetector(data / "mot15/PETS09-S2L1" / name), times)
        nis = np.concatenate(
            [track.nis[(track.scores > 0) & (np.arange(len(track)) > 2)] for track in tracks]
        )
        assert 0.4 < nis.mean() < 3
        assert all(track.nis[0] == 0 or track.nis[0] < 1e-2 for track in tracks)
        assert all((track.nis[track.scores == 0] == 0).all() for track in tracks)
