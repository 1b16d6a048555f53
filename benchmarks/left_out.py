"""Constants of tracking, chosen without the sequence on which they are scored.

Candidates are the defaults and random changes of them. For each sequence, the candidate with the best sum of
HOTA, MOTA and IDF1 on all other sequences is scored on it. So no score has seen its own sequence, and the
difference to the best candidate on all of them shows how much of a score is fitted.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from scores import Score, Sequence15, combined, measures

from cssv.perception import ClipTracker, Tracker
from cssv.perception.tracker import HIGH_SHARE, PATIENCE_S
from cssv.perception.tracks import to_mot_rows

#: Values of each constant: a module of ``cssv.perception`` and its constant, or an argument of Tracker.
SPACE: Mapping[str, Sequence[float]] = {
    "high_share": (0.3, 0.35, 0.4),
    "patience_s": (0.8, 1.0, 1.2),
    "tracker.COST_LIMIT": (0.95, 1.0, 1.05),
    "tracker.GATE": (9.5, 12.0, 16.0),
    "tracker.DISTANCE_WEIGHT": (0.03, 0.04, 0.05),
    "tracker.LEAST_PROCESS_NOISE": (0.005, 0.01, 0.02),
    "tracked_objects.MEASUREMENT_NOISE": (0.09, 0.1, 0.12),
    "linking.LARGEST_COST": (12.0, 15.0, 18.0),
    "linking.BORDER_COST": (0.0, 2.0, 3.0, 4.0),
    "linking.EDGE_SIGMA": (0.07, 0.1, 0.13),
    "linking.EDGE_VELOCITY_SIGMA": (0.15, 0.2, 0.25),
    "linking.LONGEST_GAP_S": (2.0, 3.0, 4.0),
    "linking.GAP_COST": (1.0, 2.0, 3.0),
    "selection.LEAST_EVIDENCE": (0.75, 0.8, 0.85),
    "selection.EVIDENCE_QUANTILE": (0.8, 0.85, 0.9),
}
#: A candidate changes each constant with this probability.
CHANGED = 0.3

#: Scores of one candidate: sequence -> TrackEval's counts.
Results = Mapping[str, Mapping[str, Any]]


def candidates(count: int) -> Iterator[dict[str, float]]:
    """The defaults, then random changes of them; always the same."""
    random = np.random.default_rng(0)
    yield {}
    for _ in range(count - 1):
        yield {name: random.choice(values) for name, values in SPACE.items() if random.random() < CHANGED}


@contextmanager
def constants(values: Mapping[str, float]) -> Iterator[dict[str, float]]:
    """Set constants of the library for a while; yields the arguments of Tracker."""
    arguments = {"high_share": HIGH_SHARE, "patience_s": PATIENCE_S}
    before = []
    for name, value in values.items():
        if name in arguments:
            arguments[name] = value
        else:
            module_name, constant = name.split(".")
            module = importlib.import_module(f"cssv.perception.{module_name}")
            before.append((module, constant, getattr(module, constant)))
            setattr(module, constant, value)
    try:
        yield arguments
    finally:
        for module, constant, value in before:
            setattr(module, constant, value)


def results(sequences: Sequence[Sequence15], values: Mapping[str, float]) -> Results:
    """Score CSSV's tracks of the public boxes under these constants."""
    found = {}
    with constants(values) as arguments:
        for sequence in sequences:
            clip = ClipTracker(Tracker(size=sequence.size, **arguments), size=sequence.size)
            for number, seen in enumerate(sequence.public):
                clip.add(number, number / sequence.rate, seen)
            found[sequence.name] = measures(sequence.truth, to_mot_rows(clip.finish()))
    return found


def worth(score: Score) -> float:
    """The sum by which candidates are compared."""
    return score.hota + score.mota + score.idf1


def best(tried: Sequence[Results], names: Sequence[str]) -> Results:
    """The candidate with the best score on these sequences."""
    return max(tried, key=lambda each: worth(combined({name: each[name] for name in names})))


def left_out(tried: Sequence[Results]) -> Results:
    """For each sequence, the counts of the candidate that is best on all others."""
    names = list(tried[0])
    return {name: best(tried, [other for other in names if other != name])[name] for name in names}
