"""Tracklets of one object, broken by an occlusion, become one again.

Each tracklet says by its last frames where its object goes and by its first frames where it comes from.
Two belong together when, moved to the same moment, the two states agree within their covariance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.perception.detections import ANY_OBJECT, F64, I64
from cssv.perception.smoothing import Noise, State, Tracklet, disagreement, edge_states

#: Longest time an object may be out of sight.
LONGEST_GAP_S = 2.0
#: Largest squared Mahalanobis distance of two states: 99 % of the eight-dimensional normal distribution.
GATE = 20.1
#: Process noise of the unseen motion in h²/s³; what makes an object disappear often changes its way.
PROCESS_NOISE = 0.03
#: A second out of sight costs as much as this squared distance.
GAP_COST = 2.0


def link(tracklets: Sequence[Tracklet], noise: Noise) -> dict[int, int]:
    """Id of each tracklet -> id of its object, which is that of the object's first tracklet.

    Pairs are taken in order of their cost; each end and each beginning is used once.
    """
    owner = {tracklet.id: tracklet.id for tracklet in tracklets}
    if len(tracklets) < 2:
        return owner
    ordered = sorted(tracklets, key=lambda tracklet: float(tracklet.times_s[0]))
    begins, ends = edge_states(ordered, noise)
    before, after = _candidates(ordered)
    costs = _costs(ends, begins, before, after)
    ended, begun = set[int](), set[int]()
    next_of: dict[int, int] = {}
    for k in np.argsort(costs, kind="stable").tolist():
        if costs[k] >= GATE:
            break
        i, j = int(before[k]), int(after[k])
        if i not in ended and j not in begun:
            ended.add(i)
            begun.add(j)
            next_of[i] = j
    for i in range(len(ordered)):
        if i in next_of:
            owner[ordered[next_of[i]].id] = owner[ordered[i].id]
    return owner


def _candidates(ordered: Sequence[Tracklet]) -> tuple[I64, I64]:
    """Positions (i, j) of tracklets of which j begins after i ends and soon enough, labels agreeing."""
    starts = np.array([float(tracklet.times_s[0]) for tracklet in ordered])
    pairs = []
    for i, tracklet in enumerate(ordered):
        end = float(tracklet.times_s[-1])
        low = int(np.searchsorted(starts, end, side="right"))
        high = int(np.searchsorted(starts, end + LONGEST_GAP_S, side="right"))
        labels = {tracklet.label, ANY_OBJECT}
        pairs += [
            (i, j) for j in range(low, high) if ordered[j].label in labels or tracklet.label == ANY_OBJECT
        ]
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _costs(ends: Sequence[State], begins: Sequence[State], before: I64, after: I64) -> F64:
    """(pairs,) squared Mahalanobis distance of the two states half way, and the price of the gap."""
    if not len(before):
        return np.empty(0)
    end_x, end_P = np.array([s.x for s in ends])[before], np.array([s.P for s in ends])[before]
    begin_x, begin_P = np.array([s.x for s in begins])[after], np.array([s.P for s in begins])[after]
    gaps = np.array([s.time_s for s in begins])[after] - np.array([s.time_s for s in ends])[before]
    heights = (end_x[:, 3, 0] + begin_x[:, 3, 0]) / 2
    squared = disagreement(end_x, end_P, begin_x, begin_P, gaps, PROCESS_NOISE * heights**2)
    costs: F64 = squared + GAP_COST * gaps
    return costs
