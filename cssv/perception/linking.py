"""Tracklet linking: join the tracklets of one object that an occlusion separated.

The last frames of a tracklet predict the motion of its object forwards, the first frames backwards. Two
tracklets are linked if their states, predicted to the same time, agree: their difference must be likely under
its covariance. The criterion is the likelihood and not the Mahalanobis distance alone, because that distance
is smallest for the most uncertain states. If the camera moves, states are compared in coordinates of the
still scene.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cssv.boxes import ANY_OBJECT, F64, I64
from cssv.perception.cut_boxes import Size
from cssv.perception.evidence import evidence
from cssv.perception.kinematics import Bools, inverse, process_noise, transition
from cssv.perception.smoothing import Noise, State, Tracklet, edge_states

#: Time in seconds -> (2, 3) transform from the pixels of the frame at that time to those of the still scene.
Place = Callable[[float], F64]
#: Longest gap without detections, in seconds.
LONGEST_GAP_S = 3.0
#: Additional error of the boxes beside a gap, in h, because an object is partly occluded there ...
EDGE_SIGMA = 0.1
#: ... and of the velocities estimated from them, in h/s.
EDGE_VELOCITY_SIGMA = 0.2
#: Boxes at both ends of a tracklet are ignored while their evidence is below this share of its median.
CLEAR_SHARE = 0.5
#: Largest cost of a link: squared Mahalanobis distance plus the logarithm of the ratio of the position's
#: covariance to the one from the edge errors alone.
LARGEST_COST = 15.0
#: Cost of a link from the end, or to the begin, of a tracklet at the left or the right edge of the picture,
#: where objects leave and enter. It falls to 0 at a distance of one box height.
BORDER_COST = 3.0
#: Process noise of the motion during the gap in h²/s³; objects often change direction at an occlusion.
PROCESS_NOISE = 0.03
#: Cost per second of the gap, in units of the squared distance.
GAP_COST = 2.0
#: Largest number of pairs whose costs are computed at once.
_PAIRS_AT_ONCE = 50_000


def link(
    tracklets: Sequence[Tracklet],
    noise: Noise,
    place: Place | None = None,
    labels: Mapping[int, frozenset[str]] | None = None,
    size: Size | None = None,
) -> dict[int, int]:
    """Map the id of each tracklet to the id of its object, which is that of the object's first tracklet.

    Pairs are accepted in order of their cost; each end and each start of a tracklet is used at most once.

    Args:
        tracklets: the tracklets of one clip.
        noise: noise of its boxes.
        place: time in seconds -> (2, 3) float64 transform from the frame to the still scene; None if the
            camera does not move or its motion is not known.
        labels: the labels that each tracklet may have, by id; none of a tracklet fits all others. By default
            its own label.
        size: width and height of the picture; None if they are not known.
    """
    owner = {tracklet.id: tracklet.id for tracklet in tracklets}
    if len(tracklets) < 2:
        return owner
    ordered = sorted(tracklets, key=lambda tracklet: float(tracklet.times_s[0]))
    begins, ends = edge_states([_clear_part(tracklet) for tracklet in ordered], noise)
    if place is not None:
        # Image coordinates from before and after a pan are not comparable.
        begins, ends = ([_in_scene(state, place) for state in side] for side in (begins, ends))
    names = [_own_label(tracklet) if labels is None else labels[tracklet.id] for tracklet in ordered]
    before, after, costs = _affordable(ordered, ends, begins, names)
    if size is not None:
        ending, beginning = (_border_costs(ordered, row, size) for row in (-1, 0))
        costs = costs + ending[before] + beginning[after]
        cheap = costs < LARGEST_COST
        before, after, costs = before[cheap], after[cheap], costs[cheap]
    ended, begun = set[int](), set[int]()
    next_of: dict[int, int] = {}
    for k in np.argsort(costs, kind="stable").tolist():
        i, j = int(before[k]), int(after[k])
        # Cheapest pairs first, so an end or start already in use had a better partner.
        if i not in ended and j not in begun:
            ended.add(i)
            begun.add(j)
            next_of[i] = j
    # In order of time, so that a chain of links takes the id of its first tracklet.
    for i in range(len(ordered)):
        if i in next_of:
            owner[ordered[next_of[i]].id] = owner[ordered[i].id]
    return owner


def _border_costs(tracklets: Sequence[Tracklet], row: int, size: Size) -> F64:
    """(n,) cost of an end or a begin by its distance from the left or the right edge; ``row`` is -1 or 0."""
    x, _, w, h = np.array([tracklet.centres_px[row] for tracklet in tracklets]).T
    room = np.minimum(x - w / 2, size[0] - x - w / 2) / h
    costs: F64 = BORDER_COST * (1 - np.clip(room, 0.0, 1.0))
    return costs


def _clear_part(tracklet: Tracklet) -> Tracklet:
    """Remove the uncertain boxes at both ends of the tracklet, where the object is usually half occluded."""
    worth = evidence(tracklet.scores)
    seen = tracklet.scores > 0
    clear = np.flatnonzero(seen & (worth >= CLEAR_SHARE * np.median(worth[seen])))
    span = slice(int(clear[0]), int(clear[-1]) + 1)
    return replace(
        tracklet,
        numbers=tracklet.numbers[span],
        times_s=tracklet.times_s[span],
        centres_px=tracklet.centres_px[span],
        scores=tracklet.scores[span],
        flow_px_s=None if tracklet.flow_px_s is None else tracklet.flow_px_s[span],
        heights_px=None if tracklet.heights_px is None else tracklet.heights_px[span],
    )


def _in_scene(state: State, place: Place) -> State:
    """Transform a state to the pixels of the still scene."""
    A = place(state.time_s)
    zoom = float(np.hypot(A[0, 0], A[1, 0]))
    x = state.x * zoom
    x[:2, 0] = A[:, :2] @ state.x[:2, 0] + A[:, 2]
    x[:2, 1] = A[:, :2] @ state.x[:2, 1]
    return State(state.time_s, x, state.P * zoom**2)


def _own_label(tracklet: Tracklet) -> frozenset[str]:
    """The label of a tracklet; none if it is the general one."""
    return frozenset() if tracklet.label == ANY_OBJECT else frozenset({tracklet.label})


def _affordable(
    ordered: Sequence[Tracklet],
    ends: Sequence[State],
    begins: Sequence[State],
    names: Sequence[frozenset[str]],
) -> tuple[I64, I64, F64]:
    """Find the pairs (i, j) of positions in which tracklet j can continue i, with costs below the largest.

    Pairs are processed in groups, so that memory stays bounded in clips with many tracklets.
    """
    starts = np.array([float(tracklet.times_s[0]) for tracklet in ordered])
    stops = np.array([float(tracklet.times_s[-1]) for tracklet in ordered])
    kinds = list(dict.fromkeys(names))
    place = {each: row for row, each in enumerate(kinds)}
    kind = np.array([place[each] for each in names])
    # Without a class a tracklet fits every other.
    agree = np.array([[not a or not b or bool(a & b) for b in kinds] for a in kinds])
    low = np.searchsorted(starts, stops, side="right")
    counts = np.searchsorted(starts, stops + LONGEST_GAP_S, side="right") - low
    groups = np.cumsum(counts) // _PAIRS_AT_ONCE
    end, begin = _Edges.from_states(ends), _Edges.from_states(begins)
    found = []
    for rows in np.split(np.arange(len(ordered)), np.flatnonzero(np.diff(groups)) + 1):
        before = np.repeat(rows, counts[rows])
        nth = np.arange(len(before)) - np.repeat(np.cumsum(counts[rows]) - counts[rows], counts[rows])
        after = low[before] + nth
        fits = agree[kind[before], kind[after]]
        before, after = before[fits], after[fits]
        # The cheap test removes nearly all pairs before the expensive one.
        near = _near(end, begin, before, after)
        before, after = before[near], after[near]
        costs = _costs(end, begin, before, after)
        cheap = costs < LARGEST_COST
        found.append((before[cheap], after[cheap], costs[cheap]))
    before, after, costs = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return before, after, costs


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """States of n tracklet ends: times (n,); value, rate and covariance of centre x and y, (n, 2) each.

    ``states`` (n, 4, 2) and ``covariances`` (n, 4, 2, 2) are those of all channels.
    """

    time_s: F64
    states: F64
    covariances: F64
    heights_px: F64
    x: F64
    v: F64
    xx: F64
    xv: F64
    vv: F64

    @classmethod
    def from_states(cls, states: Sequence[State]) -> _Edges:
        x, P = np.array([state.x for state in states]), np.array([state.P for state in states])
        times = np.array([state.time_s for state in states])
        pairs = (x[:, :2, 0], x[:, :2, 1], P[:, :2, 0, 0], P[:, :2, 0, 1], P[:, :2, 1, 1])
        return cls(times, x, P, x[:, 3, 0], *pairs)


def _near(end: _Edges, begin: _Edges, before: I64, after: I64) -> Bools:
    """(pairs,) True if the positions alone do not exceed the largest cost; much cheaper than all channels."""
    half = ((begin.time_s[after] - end.time_s[before]) / 2)[:, None]
    heights = ((end.heights_px[before] + begin.heights_px[after]) / 2)[:, None]
    apart = (end.x[before] + half * end.v[before]) - (begin.x[after] - half * begin.v[after])
    # As in _costs: wider edges, each state predicted to the middle of the gap, and the noise of both halves.
    S = 2 * (EDGE_SIGMA * heights) ** 2 + 2 * (half * EDGE_VELOCITY_SIGMA * heights) ** 2
    S = S + end.xx[before] + 2 * half * end.xv[before] + half**2 * end.vv[before]
    S = S + begin.xx[after] - 2 * half * begin.xv[after] + half**2 * begin.vv[after]
    S = S + 2 * PROCESS_NOISE * heights**2 * half**3 / 3
    near: Bools = np.all(apart**2 < LARGEST_COST * S, axis=1)
    return near


def _costs(end: _Edges, begin: _Edges, before: I64, after: I64) -> F64:
    """(pairs,) cost of linking each pair: disagreement of the states plus the cost of the gap."""
    if not len(before):
        return np.empty(0)
    end_x, end_P = end.states[before], end.covariances[before]
    begin_x, begin_P = begin.states[after], begin.covariances[after]
    gaps = begin.time_s[after] - end.time_s[before]
    heights = (end_x[:, 3, 0] + begin_x[:, 3, 0]) / 2
    for P in (end_P, begin_P):
        P[..., 0, 0] += (EDGE_SIGMA * heights[:, None]) ** 2
        P[..., 1, 1] += (EDGE_VELOCITY_SIGMA * heights[:, None]) ** 2
    d, S = _differences(end_x, end_P, begin_x, begin_P, gaps, PROCESS_NOISE * heights**2)
    squared = (d[..., None, :] @ inverse(S) @ d[..., None])[..., 0, 0].sum(axis=-1)
    area = S[:, :2] / (2 * EDGE_SIGMA * EDGE_VELOCITY_SIGMA * heights[:, None, None, None] ** 2)
    # The logarithm of the covariance makes the cost a likelihood; without it uncertain pairs are cheapest.
    width = np.log(area[..., 0, 0] * area[..., 1, 1] - area[..., 0, 1] ** 2).sum(axis=-1)
    costs: F64 = squared + width + GAP_COST * gaps
    return costs


def _differences(
    past_x: F64, past_P: F64, future_x: F64, future_P: F64, gap_s: F64, q: F64
) -> tuple[F64, F64]:
    """Difference of two states (..., 4, 2) in the middle of the gap (...,), and its covariance."""
    half = np.repeat(gap_s[..., None] / 2, 4, axis=-1)
    forward, back = transition(half), transition(-half)
    d = forward @ past_x[..., None] - back @ future_x[..., None]
    S = forward @ past_P @ forward.swapaxes(-1, -2) + process_noise(half, q[..., None])
    S += back @ future_P @ back.swapaxes(-1, -2) + process_noise(-half, q[..., None])
    return d[..., 0], S
