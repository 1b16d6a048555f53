"""Noise of the single track, where it differs from its clip's: who turns or speeds up, and who is seen worse.

The clip's noise (:mod:`cssv.perception.noise`) fits its typical object. An object that manoeuvres shows it in
the innovations, the differences of what its filter foretold and what was measured: they grow and lean to one
side. Of a few multiples of both noises a channel takes the one that makes its innovations most likely (Mehra,
"On the identification of variances and adaptive Kalman filtering", IEEE Trans. Automatic Control 15, 1970;
Bar-Shalom, Li and Kirubarajan, *Estimation with Applications to Tracking and Navigation*, 2001, section 11),
unless the gain is too small to be believed.

The clip's measurement noise counts errors that persist as often as they persist, which is right for slow
motion and too much from frame to frame. So a filter expects larger innovations than it meets, and the choice
errs towards the clip's noise: errors of the detector are not taken for motion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from cssv.boxes import F64, I64
from cssv.perception.disturbances import Disturbances, find
from cssv.perception.kinematics import Problem, States, kalman_filter, log_likelihoods, rts_smoother
from cssv.perception.smoothing import Batch, Noise, State, Tracklet, batches

#: Multiples of the process noise. The smoother averages over a time that goes with their fourth root.
PROCESS_SCALES = (1.0, 4.0, 16.0, 64.0, 256.0)
#: Multiples of the variance of the measurements. Without them a worse seen object would pass for a livelier.
MEASUREMENT_SCALES = (1.0, 4.0, 16.0)
#: The logarithm of the likelihood that either noise must gain to leave the clip's; e^5 is 148 to 1.
PRICE = 5.0
#: Innovations beyond this many standard deviations count as these: exchanged boxes are no manoeuvre.
WIDEST = 2.5

#: The mean square of flow less the boxes' velocity, in units of what both leave open, beyond which the flow
#: is of something else.
MOST_DIFFERENT = 3.0
#: The logarithm of the likelihood that a disturbance must gain.
DISTURBANCE_PRICE = 10.0

_SCALES = np.array(list(product(PROCESS_SCALES, MEASUREMENT_SCALES)))
_PRICES = PRICE * (_SCALES != 1).sum(axis=1)
_PLAIN = np.ones((1, 2))


@dataclass(frozen=True, slots=True, eq=False)
class ScaleBank:
    """What frames that are gone said of an object, under every scale: K of them.

    Attributes:
        time_s: when the last of those frames was.
        states: (K, 4) the four channels then.
        likely: (K, 4) the logarithm of the likelihood of those frames.
    """

    time_s: float
    states: States
    likely: F64

    def state(self, scales: I64) -> State:
        """Each channel's state under its scale: (4,) positions in K."""
        channels = np.arange(4)
        chosen = States(*(number[scales, channels] for number in self.states.numbers()))
        return State.from_states(self.time_s, chosen, 0)


def adapted(
    tracklets: Sequence[Tracklet], noise: Noise, banks: Mapping[int, ScaleBank] | None = None
) -> list[Tracklet]:
    """The same tracklets, in the same order, each with the ``scales`` and ``disturbances`` that suit it.

    One scale holds for a whole tracklet, and for each channel by itself. Short tracklets say too little and
    keep 1. Where a few disturbances of the clip's noise explain a tracklet better, they are preferred.
    ``banks`` holds, by id, what earlier frames said, where these are not part of a tracklet: it is heard for
    the scales, and gives ``start``.
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
    """The same tracklets, in the same order, without the flow of those whose boxes contradict it.

    Flow sees what moves in the picture, which need not be what the boxes hold: one that is half empty, or
    that somebody drew.
    """
    found = {tracklet.id: tracklet for tracklet in tracklets}
    asked = [t for t in tracklets if t.flow_px_s is not None and np.isfinite(t.flow_px_s).any()]
    for group in batches([replace(tracklet, flow_px_s=None) for tracklet in asked]):
        problem = Batch.from_tracklets(group).problem(noise)
        states = rts_smoother(kalman_filter(problem), problem)
        for k, tracklet in enumerate(group):
            flow = found[tracklet.id].flow_px_s
            assert flow is not None
            own = slice(4 * k, 4 * k + 2)
            v, vv = states.v[: len(tracklet), own], states.vv[: len(tracklet), own]
            apart, stated = (flow[:, :2] - v) ** 2, (noise.flow * flow[:, 2:]) ** 2
            if np.nanmean(apart / (vv + stated)) > MOST_DIFFERENT:
                found[tracklet.id] = replace(found[tracklet.id], flow_px_s=np.full_like(flow, np.nan))
    return [found[tracklet.id] for tracklet in tracklets]


def _plain(tracklet: Tracklet, bank: ScaleBank | None) -> Tracklet:
    start = tracklet.start if bank is None else bank.state(np.zeros(4, dtype=np.int64))
    return replace(tracklet, scales=None, disturbances=None, start=start)


def _adapt(group: Sequence[Tracklet], noise: Noise, banks: Mapping[int, ScaleBank]) -> list[Tracklet]:
    problem = Batch.from_tracklets(group).problem(noise)
    before, gains, _ = _likelihoods(problem, group, banks)
    best = (before + gains - _PRICES[:, None]).argmax(axis=0).reshape(-1, 4)
    manoeuvring = [_with_scales(tracklet, best[k], banks) for k, tracklet in enumerate(group)]
    wrong, gain = _disturbed(Batch.from_tracklets(manoeuvring).problem(noise))
    found = [replace(t, disturbances=wrong.of_tracklet(k, len(t))) for k, t in enumerate(manoeuvring)]
    other = np.flatnonzero(best.any(axis=1))
    if len(other):
        # What these would gain without scales, frames that are gone included.
        calm, calm_gain = _disturbed(problem.columns((4 * other[:, None] + np.arange(4)).ravel()))
        held = before.reshape(len(_SCALES), -1, 4)
        for n, k in enumerate(other.tolist()):
            scaled = gain[k] + (held[best[k], k, np.arange(4)] - _PRICES[best[k]]).sum()
            if calm_gain[n] + held[0, k].sum() > scaled:
                own = replace(group[k], scales=np.ones((4, 2)))
                found[k] = replace(own, disturbances=calm.of_tracklet(n, len(own)))
    return found


def _with_scales(tracklet: Tracklet, best: I64, banks: Mapping[int, ScaleBank]) -> Tracklet:
    start = banks[tracklet.id].state(best) if tracklet.id in banks else tracklet.start
    return replace(tracklet, scales=_SCALES[best], start=start)


def _disturbed(problem: Problem) -> tuple[Disturbances, F64]:
    """What disturbs each of B tracklets, and the logarithm (B,) of their likelihood with that."""
    wrong = find(problem)
    likely = log_likelihoods(wrong.applied(problem), _PLAIN, WIDEST)[0]
    return wrong, likely[0].reshape(-1, 4).sum(axis=1) - DISTURBANCE_PRICE * wrong.counts()


def _likelihoods(
    problem: Problem, group: Sequence[Tracklet], banks: Mapping[int, ScaleBank]
) -> tuple[F64, F64, States]:
    """What banks hold, and from there :func:`log_likelihoods` for all scales."""
    shape = (len(_SCALES), problem.z.shape[1])
    start = States(*(np.broadcast_to(number, shape).copy() for number in problem.start.numbers()))
    before = np.zeros(shape)
    for k, tracklet in enumerate(group):
        if tracklet.id in banks:
            own, bank = slice(4 * k, 4 * k + 4), banks[tracklet.id]
            before[:, own] = bank.likely
            for number, said in zip(start.numbers(), bank.states.numbers(), strict=True):
                number[:, own] = said
    return before, *log_likelihoods(replace(problem, start=start), _SCALES, WIDEST)


def advanced(
    tracklets: Sequence[Tracklet], noise: Noise, banks: Mapping[int, ScaleBank]
) -> dict[int, ScaleBank]:
    """Banks after the frames of these tracklets; ``disturbances`` are applied, ``scales`` are not."""
    found: dict[int, ScaleBank] = {}
    plain = [replace(_plain(t, banks.get(t.id)), disturbances=t.disturbances) for t in tracklets]
    for group in batches(plain):
        before, gains, last = _likelihoods(Batch.from_tracklets(group).problem(noise), group, banks)
        likely = before + gains
        for k, tracklet in enumerate(group):
            own = slice(4 * k, 4 * k + 4)
            states = States(*(number[:, own].copy() for number in last.numbers()))
            found[tracklet.id] = ScaleBank(float(tracklet.times_s[-1]), states, likely[:, own].copy())
    return found
