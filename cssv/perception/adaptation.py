"""Adaptive noise of single tracks: larger for objects that manoeuvre or are detected less accurately.

The noise of the clip (:mod:`cssv.perception.noise`) fits its typical object. The innovations of an object
that manoeuvres, i.e. the differences of measured and predicted values, are larger and biased to one side.
Each channel uses the multiple of both noises under which its innovations are most likely (Mehra, "On the
identification of variances and adaptive Kalman filtering", IEEE Trans. Automatic Control 15, 1970;
Bar-Shalom, Li and Kirubarajan, *Estimation with Applications to Tracking and Navigation*, 2001, section 11),
unless the gain is too small to be significant.

The measurement noise of the clip is increased for errors that persist over several frames. This is correct
for slow motion and too large from frame to frame. So the filter expects larger innovations than it gets, and
the choice is biased towards the clip's noise: detector errors are not mistaken for motion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from cssv.boxes import F64, I64
from cssv.perception.cut_boxes import WHOLE, CutState
from cssv.perception.disturbances import Disturbances, find
from cssv.perception.kinematics import Problem, States, kalman_filter, log_likelihoods, rts_smoother
from cssv.perception.smoothing import Batch, Noise, State, Tracklet, batches

#: Multiples of the process noise. The averaging time of the smoother scales with their inverse fourth root.
PROCESS_SCALES = (1.0, 4.0, 16.0, 64.0, 256.0)
#: Multiples of the measurement variance. Without them, inaccurate boxes would be mistaken for a manoeuvre.
MEASUREMENT_SCALES = (1.0, 4.0, 16.0)
#: Least gain in log likelihood for a multiple of either noise to be used; e^5 is 148 to 1.
PRICE = 5.0
#: Innovations are limited to this many standard deviations, because exchanged boxes are no manoeuvre.
WIDEST = 2.5

#: Largest mean square of the difference of flow and box velocity, in units of its variance. Above it, the
#: flow belongs to something else in the picture.
MOST_DIFFERENT = 3.0
#: Least gain in log likelihood for a disturbance to be used.
DISTURBANCE_PRICE = 10.0

_SCALES = np.array(list(product(PROCESS_SCALES, MEASUREMENT_SCALES)))
_PRICES = PRICE * (_SCALES != 1).sum(axis=1)
_PLAIN = np.ones((1, 2))


@dataclass(frozen=True, slots=True, eq=False)
class ScaleBank:
    """Filter states of an object after past frames, under each of the K noise scales.

    Attributes:
        time_s: time of the last of those frames.
        states: (K, 4) states of the four channels at that time.
        likely: (K, 4) log likelihood of those frames.
        cut: signs and sizes at that time, if a box was cut by the picture's edge.
    """

    time_s: float
    states: States
    likely: F64
    cut: CutState = WHOLE

    def state(self, scales: I64) -> State:
        """Select the state of each channel by its scale; ``scales`` is (4,) indices below K."""
        channels = np.arange(4)
        chosen = States(*(number[scales, channels] for number in self.states.numbers()))
        return State.from_states(self.time_s, chosen, 0)


def adapted(
    tracklets: Sequence[Tracklet], noise: Noise, banks: Mapping[int, ScaleBank] | None = None
) -> list[Tracklet]:
    """Add the most likely ``scales`` and ``disturbances`` to each tracklet; the order is kept.

    A scale applies to one channel of a whole tracklet. Short tracklets contain too little information and
    keep scale 1. Disturbances under the clip's noise are used instead if they explain a tracklet better.

    Args:
        tracklets: measurements of the objects.
        noise: noise of the typical object.
        banks: by id, the states after earlier frames that are not part of a tracklet. They contribute to the
            choice of the scales and give ``start``.
    """
    known = {} if banks is None else banks
    plain = drop_contradicted_flow(
        [_plain(tracklet, known.get(tracklet.id)) for tracklet in tracklets], noise
    )
    found: dict[int, Tracklet] = {}
    for group in batches(plain):
        found |= {tracklet.id: tracklet for tracklet in _adapt(group, noise, known)}
    return [found[tracklet.id] for tracklet in tracklets]


def drop_contradicted_flow(tracklets: Sequence[Tracklet], noise: Noise) -> list[Tracklet]:
    """Remove the flow of tracklets whose boxes contradict it; the order is kept.

    Flow measures the motion of the picture. It differs from the motion of the boxes if these contain much
    background, or if they were edited by hand.
    """
    found = {tracklet.id: tracklet for tracklet in tracklets}
    with_flow = [t for t in tracklets if t.flow_px_s is not None and np.isfinite(t.flow_px_s).any()]
    for group in batches([replace(tracklet, flow_px_s=None) for tracklet in with_flow]):
        # The reference must not contain the flow itself, so the boxes are smoothed without it.
        problem = Batch.from_tracklets(group).problem(noise)
        states = rts_smoother(kalman_filter(problem), problem)
        for k, tracklet in enumerate(group):
            flow = found[tracklet.id].flow_px_s
            assert flow is not None
            own = slice(4 * k, 4 * k + 2)
            v, vv = states.v[: len(tracklet), own], states.vv[: len(tracklet), own]
            apart, stated = (flow[:, :2] - v) ** 2, (noise.flow * flow[:, 2:]) ** 2
            # The mean over all frames, because the flow of a single frame can be wrong by chance.
            if np.nanmean(apart / (vv + stated)) > MOST_DIFFERENT:
                found[tracklet.id] = replace(found[tracklet.id], flow_px_s=np.full_like(flow, np.nan))
    return [found[tracklet.id] for tracklet in tracklets]


def _plain(tracklet: Tracklet, bank: ScaleBank | None) -> Tracklet:
    """Reset a tracklet to the clip's noise, starting from the bank's state under that noise."""
    # Scale 0 of a bank is the clip's own noise.
    start = tracklet.start if bank is None else bank.state(np.zeros(4, dtype=np.int64))
    return replace(tracklet, scales=None, disturbances=None, start=start)


def _adapt(group: Sequence[Tracklet], noise: Noise, banks: Mapping[int, ScaleBank]) -> list[Tracklet]:
    """Choose scales and disturbances for the tracklets of one batch."""
    problem = Batch.from_tracklets(group).problem(noise)
    before, gains, _ = _likelihoods(problem, group, banks)
    # The prices are a penalty for additional parameters: chance alone also gains a little likelihood.
    best = (before + gains - _PRICES[:, None]).argmax(axis=0).reshape(-1, 4)
    manoeuvring = [_with_scales(tracklet, best[k], banks) for k, tracklet in enumerate(group)]
    wrong, gain = _disturbed(Batch.from_tracklets(manoeuvring).problem(noise))
    found = [replace(t, disturbances=wrong.of_tracklet(k, len(t))) for k, t in enumerate(manoeuvring)]
    other = np.flatnonzero(best.any(axis=1))
    if len(other):
        # A single disturbance looks like a larger noise, so compare with disturbances alone under scale 1.
        # The likelihoods include past frames from the banks.
        calm, calm_gain = _disturbed(problem.columns((4 * other[:, None] + np.arange(4)).ravel()))
        held = before.reshape(len(_SCALES), -1, 4)
        for n, k in enumerate(other.tolist()):
            scaled = gain[k] + (held[best[k], k, np.arange(4)] - _PRICES[best[k]]).sum()
            if calm_gain[n] + held[0, k].sum() > scaled:
                own = replace(group[k], scales=np.ones((4, 2)))
                found[k] = replace(own, disturbances=calm.of_tracklet(n, len(own)))
    return found


def _with_scales(tracklet: Tracklet, best: I64, banks: Mapping[int, ScaleBank]) -> Tracklet:
    """Set the scales with these (4,) indices, and the matching start state from the bank."""
    start = banks[tracklet.id].state(best) if tracklet.id in banks else tracklet.start
    return replace(tracklet, scales=_SCALES[best], start=start)


def _disturbed(problem: Problem) -> tuple[Disturbances, F64]:
    """Find the disturbances of B tracklets, and the log likelihood (B,) with them less their price."""
    wrong = find(problem)
    likely = log_likelihoods(wrong.applied(problem), _PLAIN, WIDEST)[0]
    return wrong, likely[0].reshape(-1, 4).sum(axis=1) - DISTURBANCE_PRICE * wrong.counts()


def _likelihoods(
    problem: Problem, group: Sequence[Tracklet], banks: Mapping[int, ScaleBank]
) -> tuple[F64, F64, States]:
    """Log likelihoods stored in the banks, then the result of :func:`log_likelihoods` started from there."""
    shape = (len(_SCALES), problem.z.shape[1])
    start = States(*(np.broadcast_to(number, shape).copy() for number in problem.start.numbers()))
    before = np.zeros(shape)
    for k, tracklet in enumerate(group):
        if tracklet.id in banks:
            own, bank = slice(4 * k, 4 * k + 4), banks[tracklet.id]
            before[:, own] = bank.likely
            # Each scale has its own state, because the filters have differed since the first frame.
            for number, stored in zip(start.numbers(), bank.states.numbers(), strict=True):
                number[:, own] = stored
    return before, *log_likelihoods(replace(problem, start=start), _SCALES, WIDEST)


def advanced(
    tracklets: Sequence[Tracklet], noise: Noise, banks: Mapping[int, ScaleBank]
) -> dict[int, ScaleBank]:
    """Update the banks by the frames of these tracklets; ``disturbances`` are applied, ``scales`` are not."""
    # A bank holds a state for each scale, so no scale may be applied beforehand.
    found: dict[int, ScaleBank] = {}
    plain = [replace(_plain(t, banks.get(t.id)), disturbances=t.disturbances) for t in tracklets]
    for group in batches(plain):
        before, gains, last = _likelihoods(Batch.from_tracklets(group).problem(noise), group, banks)
        likely = before + gains
        for k, tracklet in enumerate(group):
            own = slice(4 * k, 4 * k + 4)
            states = States(*(number[:, own].copy() for number in last.numbers()))
            cut = WHOLE if tracklet.cut is None else tracklet.cut.last()
            found[tracklet.id] = ScaleBank(float(tracklet.times_s[-1]), states, likely[:, own].copy(), cut)
    return found
