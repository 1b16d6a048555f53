"""Search for the times of the slots, by the known chips.

A reader knows neither the strength of a clip nor where its slots begin after a cut, nor whether its speed was
changed. All are found together: only with the right step and the dithers of the right slot class do the known
chips have the same sign.

Writers use a step of :data:`.steps.STEPS` for each window. Each step has its own dithers, so one says nothing
about another. For each phase, each window counts with the step that fits it best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from cssv.carriers.robust.lattice import I64, SLOTS_OF_WINDOW
from cssv.carriers.robust.qim import SLOT_CLASSES
from cssv.carriers.robust.transform import F64
from cssv.errors import OptionError

#: Sender seconds per received second: as sent; film shown at the rate of television, and back.
TIME_SCALES = (Fraction(1), Fraction(25, 24), Fraction(24, 25))
#: How much better than the usual time scale another one has to be: a factor, and standard deviations. Over a
#: few seconds they differ little.
BETTER, _LEAST_BETTER = 1.025, 0.25
#: A second has so many phases.
PHASES = 64
#: Steps at both sides of a step whose noise is like its own.
_NEARBY = 4
#: Windows of the clock repeat after so many.
_WINDOW_CLASSES = SLOT_CLASSES // SLOTS_OF_WINDOW
#: Least score of a clip that carries. 1,030 windows that carry nothing reach 5.9; see benchmarks/README.md.
LEAST_SIGMAS = 9.0


@dataclass(frozen=True, slots=True)
class SlotClock:
    """The slot of each time of a received clip.

    Attributes:
        phase: the time 0 is so many 1/PHASES s behind the beginning of a slot with a number divisible by 4.
        sigmas: score of the known chips, in standard deviations of pictures that carry nothing.
        time_scale: seconds of the sender per received second.
    """

    phase: int
    sigmas: float
    time_scale: Fraction = Fraction(1)

    def slot(self, time: Fraction) -> int:
        """The slot of a received time in seconds; only its remainder modulo SLOT_CLASSES is known."""
        return self.tick(time) // PHASES

    def tick(self, time: Fraction) -> int:
        """The received time in phases of the sender."""
        return _ticks(time * self.time_scale) + self.phase


def _ticks(time: Fraction) -> int:
    return int(time * PHASES // 1)


def find_clock(
    times: Sequence[Fraction],
    scores: Sequence[F64],
    known: int,
    least_sigmas: float = LEAST_SIGMAS,
    time_scales: Sequence[Fraction] = TIME_SCALES,
    current: SlotClock | None = None,
) -> SlotClock | None:
    """The phase and the time scale of a clip; None if it carries nothing that can be seen.

    Args:
        times: of frames in seconds, from any origin. 4 s or more are best.
        scores: of the same frames, by :func:`.steps.score_known_chips`, for at least two steps.
        known: number of known chips in a frame.
        least_sigmas: bound of the score.
        time_scales: to try. The first one is preferred.
        current: a clock that is kept unless another one is clearly better.

    Raises:
        OptionError: not as many scores as times, or scores of one step alone.
    """
    if len(times) != len(scores):
        raise OptionError("as many scores as times are needed", found=len(scores), bound=str(len(times)))
    if not times or not known:
        return None
    table = np.stack(scores)
    if table.shape[1] < 2:
        raise OptionError("scores of one step cannot be told from noise", found=1, bound="2 or more steps")
    best, most = None, -np.inf
    if current is not None:
        kept = _near_zero([current.slot(time) for time in times], SLOT_CLASSES)
        best = replace(current, sigmas=_significance(table, kept, known))
        most = float(_score_phases(table, kept[None], known)[0])
    for scale in time_scales:
        # (phases, frames) slot of each frame.
        ticks = _near_zero([_ticks(time * scale) for time in times], SLOT_CLASSES * PHASES)
        slots = (ticks + np.arange(SLOT_CLASSES * PHASES)[:, None]) // PHASES
        found = _score_phases(table, slots, known)
        top = int(found.argmax())
        if best is None or found[top] > max(most * BETTER, most + _LEAST_BETTER):
            sigmas = _significance(table, slots[top], known)
            best, most = SlotClock(_middle(slots % SLOT_CLASSES, top), sigmas, scale), found[top]
    return None if best is None or best.sigmas < least_sigmas else best


def _near_zero(numbers: Sequence[int], period: int) -> I64:
    """The numbers less a multiple of a period. Times may count from any origin, however far."""
    origin = numbers[0] // period * period
    return np.array([number - origin for number in numbers], np.int64)


def _score_phases(table: F64, slots: I64, known: int) -> F64:
    """Score of each phase, relative to noise that is as strong as in a still scene.

    Such noise is the same in all frames of a slot class, and so in all windows of two classes. The score
    compares phases; in other scenes the noise is weaker, and :func:`_significance` states how weak.

    Args:
        table: (frames, steps, classes).
        slots: (phases, frames).
        known: chips in a frame.
    """
    classes = slots % SLOT_CLASSES
    scores = table[np.arange(len(table)), :, classes]
    total = np.zeros(len(slots))
    deviations = np.zeros((len(slots), _WINDOW_CLASSES))
    windows = slots // SLOTS_OF_WINDOW
    for window in np.unique(windows):
        inside = windows == window
        phases = np.flatnonzero(inside.any(axis=1))
        within = inside[phases]
        total[phases] += np.einsum("pf,pfs->ps", within, scores[phases]).max(axis=1)
        counts = np.stack([(within & (classes[phases] % SLOTS_OF_WINDOW == i)).sum(axis=1) for i in (0, 1)])
        deviations[phases, window % _WINDOW_CLASSES] += np.sqrt((counts**2).sum(axis=0) / (2 * known))
    mean, deviation = _best_of(table.shape[1])
    spread = deviation * np.sqrt((deviations**2).sum(axis=1))
    return np.asarray((total - mean * deviations.sum(axis=1)) / spread)


def _significance(table: F64, slots: I64, known: int) -> float:
    """Score of one phase, in standard deviations of scores that say nothing.

    The noise is that of other steps and slot classes, in the same frames. It differs between steps: in a
    scene that moves, the noise of small steps changes from frame to frame and averages out over a window, but
    that of large ones does so less. So it is taken from the steps nearby.
    """
    frames, steps = np.arange(len(table)), table.shape[1]
    shifted = np.stack([table[frames, :, (slots + shift) % SLOT_CLASSES] for shift in range(SLOT_CLASSES)])
    windows = slots // SLOTS_OF_WINDOW
    total, deviations, noises = 0.0, [], []
    for window in np.unique(windows):
        inside = windows == window
        sums = shifted[:, inside].sum(axis=1)
        # Frames of a scene that changes all the time are independent; noise cannot be weaker than that.
        least = np.count_nonzero(inside) / (2 * known)
        noise = np.sqrt(np.maximum(_mean_of_others(np.square(sums).mean(axis=0)), least))
        best = int((sums[0] / noise).argmax())
        total += float(sums[0, best])
        deviations.append(float(noise[best]))
        # The right step must not count as noise, whatever its class.
        noises.append(np.delete(sums / noise, best, axis=1) if steps > 2 else sums / noise)
    strength = np.array(deviations)
    mean, deviation = _best_of(steps)
    variance = strength @ _correlations(np.stack(noises), np.unique(windows)) @ strength
    return float((total - mean * strength.sum()) / (deviation * np.sqrt(variance)))


def _mean_of_others(powers: F64) -> F64:
    """For each step, the mean over the steps nearby, without itself."""
    kernel = np.ones(2 * _NEARBY + 1)
    kernel[_NEARBY] = 0
    padded = np.pad(np.stack([powers, np.ones_like(powers)]), ((0, 0), (_NEARBY, _NEARBY)))
    sums, counts = (np.convolve(each, kernel, "valid") for each in padded)
    return np.asarray(sums / counts)


def _correlations(noises: F64, windows: I64) -> F64:
    """Correlation of the noise of windows, (windows, windows).

    In a still scene, windows with the same slot classes have the same noise.
    """
    flat = noises.reshape(len(noises), -1)
    found = np.clip(flat @ flat.T / flat.shape[1], 0, 1)
    found[(windows[:, None] - windows) % _WINDOW_CLASSES != 0] = 0
    np.fill_diagonal(found, 1)
    return found


@lru_cache(maxsize=8)
def _best_of(count: int) -> tuple[float, float]:
    """Mean and standard deviation of the largest of so many standard normal values."""
    at = np.linspace(-8, 8, 4001)
    share = np.diff(ndtr(at) ** count)
    middle = (at[1:] + at[:-1]) / 2
    mean = float(share @ middle)
    return mean, float(np.sqrt(share @ (middle - mean) ** 2))


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
