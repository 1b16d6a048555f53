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

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from cssv.perception.kinematics import log_likelihoods
from cssv.perception.smoothing import Batch, Noise, Tracklet, batches

#: Multiples of the process noise. The smoother averages over a time that goes with their fourth root.
PROCESS_SCALES = (1.0, 4.0, 16.0, 64.0, 256.0)
#: Multiples of the variance of the measurements. Without them a worse seen object would pass for a livelier.
MEASUREMENT_SCALES = (1.0, 4.0, 16.0)
#: The logarithm of the likelihood that either noise must gain to leave the clip's; e^5 is 148 to 1.
PRICE = 5.0
#: Innovations beyond this many standard deviations count as these: exchanged boxes are no manoeuvre.
WIDEST = 2.5

_SCALES = np.array(list(product(PROCESS_SCALES, MEASUREMENT_SCALES)))
_PRICES = PRICE * (_SCALES != 1).sum(axis=1)


def adapted(tracklets: Sequence[Tracklet], noise: Noise) -> list[Tracklet]:
    """The same tracklets, in the same order, each with the ``scales`` of ``noise`` that suit it.

    One scale holds for a whole tracklet, and for each channel by itself. Short tracklets say too little and
    keep 1.
    """
    found: dict[int, Tracklet] = {}
    for group in batches([replace(tracklet, scales=None) for tracklet in tracklets]):
        problem = Batch.of(group).problem(noise)
        gains = log_likelihoods(problem, _SCALES, WIDEST)[0] - _PRICES[:, None]
        best = _SCALES[gains.argmax(axis=0)].reshape(-1, 4, 2)
        found |= {t.id: replace(t, scales=best[k]) for k, t in enumerate(group)}
    return [found[tracklet.id] for tracklet in tracklets]
