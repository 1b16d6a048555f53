"""Search for the step and the times of the slots, by the known chips.

A reader knows neither the strength of a clip nor where its slots begin after a cut. Both are found together:
only with the right step and the dithers of the right slot class do the known chips have the same sign.

Writers use a step of :data:`.steps.STEPS`. Each step has its own dithers, so one says nothing about another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from cssv.carriers.robust.lattice import I64
from cssv.carriers.robust.qim import SLOT_CLASSES
from cssv.carriers.robust.steps import STEPS
from cssv.carriers.robust.transform import F64
from cssv.errors import OptionError

#: A second has so many phases.
PHASES = 64
#: A thousand simulated still clips that carry nothing reach 4.0. A false clock costs time only.
LEAST_SIGMAS = 5.0


@dataclass(frozen=True, slots=True)
class SlotClock:
    """The step of a clip, and the slot of each time.

    Attributes:
        step: of the quantisation.
        phase: the time 0 is so many 1/PHASES s behind the beginning of a slot with a number divisible by 4.
        sigmas: score of the known chips, in standard deviations of pictures that carry nothing.
    """

    step: int
    phase: int
    sigmas: float

    def slot(self, time: Fraction) -> int:
        """The slot of a time in seconds; only its remainder modulo SLOT_CLASSES is known."""
        return (_ticks(time) + self.phase) // PHASES


def _ticks(time: Fraction) -> int:
    return int(time * PHASES // 1)


def find_clock(
    times: Sequence[Fraction],
    scores: Sequence[F64],
    known: int,
    steps: Sequence[int] = STEPS,
    least_sigmas: float = LEAST_SIGMAS,
) -> SlotClock | None:
    """The step and the phase of a clip; None if it carries nothing that can be seen.

    Args:
        times: of frames in seconds, from any origin. 4 s or more are best.
        scores: of the same frames, by :func:`.steps.score_known_chips`.
        known: number of known chips in a frame.
        steps: those of the scores.
        least_sigmas: bound of the score.

    Raises:
        OptionError: not as many scores as times.
    """
    if len(times) != len(scores):
        raise OptionError("as many scores as times are needed", found=len(scores), bound=str(len(times)))
    if not times or not known:
        return None
    ticks = np.array([_ticks(time) for time in times], np.int64)
    phases = np.arange(SLOT_CLASSES * PHASES)
    # (phases, frames) slot class of each frame.
    classes = (ticks + phases[:, None]) // PHASES % SLOT_CLASSES
    table = np.stack(scores)
    means = table[np.arange(len(ticks)), :, classes].mean(axis=1)
    # In a still scene all frames of a class have the same noise.
    shares = np.stack([(classes == each).mean(axis=1) for each in range(SLOT_CLASSES)])
    sigmas = means / np.sqrt((shares**2).sum(axis=0) / (2 * known))[:, None]
    best_phase, best = np.unravel_index(int(sigmas.argmax()), sigmas.shape)
    if sigmas[best_phase, best] < least_sigmas:
        return None
    phase = _middle(classes, int(best_phase))
    return SlotClock(steps[int(best)], phase, float(sigmas[best_phase, best]))


def _middle(classes: I64, at: int) -> int:
    """The middle of the phases around ``at`` that give all frames the same classes."""
    same = (classes == classes[at]).all(axis=1)
    count = len(same)
    if same.all():
        return at
    first = last = at
    while same[(first - 1) % count]:
        first -= 1
    while same[(last + 1) % count]:
        last += 1
    return (first + last) // 2 % count
