"""Factors of the covariance inflation, fitted with and without each sequence.

    python benchmarks/factors.py --data DIR

DIR holds ``mot15/<sequence>/{gt/gt.txt,det/det.txt,seqinfo.ini}``. The factors of
:mod:`cssv.perception.inflation` are those under which the errors of the velocities are most likely, of clips
and of streams from the public boxes. The distribution is Student's, so that a few large errors have little
effect; a sequence counts by the root of its rows. A common factor then makes the mean coverage of the 95 %
ellipse equal :data:`COVERAGE`. The table has the coverage of each sequence without inflation, with the
factors in use, with those of all sequences, and with those of the other sequences ("left out").

Needs: pip install '.[bench]'
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from calibration import Samples, Stated, sampled, sequences
from clip_reference import AnnotatedReference
from reference import ELLIPSE, F64
from scipy.optimize import minimize

from cssv.perception import BoxesDetector, ClipTracker, LiveTracker, inflation

#: Mean coverage of the sequences that the common factor aims at.
COVERAGE = 0.955
#: Degrees of freedom of Student's distribution.
TAILS = 10.0
#: Bounds of the logarithm of a factor.
LOG_RANGE = (-9.0, 4.0)
METHODS = ("clip", "stream")
NONE, PLAIN = np.zeros(len(inflation.FACTORS)), np.eye(len(inflation.FACTORS))[0]


@dataclass(frozen=True)
class Terms:
    """Errors (n, 2) of the velocities of a sequence by one method, and the parts of their variance.

    ``terms`` (n, 2, factors) are multiplied by the factors. ``fixed`` (n, 2), the variance that is not
    inflated, and ``reference`` (n, 2), that of the reference, are added. The unit is box heights per second.
    """

    sequence: str
    method: str
    errors: F64
    terms: F64
    fixed: F64
    reference: F64

    def coverage(self, factors: F64) -> float:
        """Share of the errors in the stated 95 % ellipse."""
        return float(((self.errors**2 / (self.terms @ factors + self.fixed)).sum(axis=1) < ELLIPSE).mean())

    def nees(self, factors: F64) -> float:
        return float((self.errors**2 / (self.terms @ factors + self.fixed)).sum(axis=1).mean())


def tracked(folder: Path, factors: F64) -> dict[str, Samples]:
    """Samples of clip and stream from the public boxes, with these factors."""
    reference, boxes = AnnotatedReference(folder), BoxesDetector(folder / "det/det.txt")
    clip, tracker, live = ClipTracker(size=reference.size), LiveTracker(size=reference.size), []
    used, inflation.FACTORS = inflation.FACTORS, tuple(factors.tolist())
    try:
        for number in range(reference.frames):
            seen = boxes.in_frame(number)
            clip.add(number, number / reference.rate, seen)
            live += tracker.update(number, number / reference.rate, seen)
        live += tracker.finish()
        tracks = clip.finish()
    finally:
        inflation.FACTORS = used
    stated = [Stated.from_states(tracks.in_frame(number)) for number in range(reference.frames)]
    streamed = [Stated.from_states(states) for states in live]
    return {"clip": sampled(stated, reference), "stream": sampled(streamed, reference)}


def measure(folder: Path) -> list[Terms]:
    """The terms of a sequence: the covariance is linear in the factors and changes nothing else."""
    fixed = tracked(folder, NONE)
    units = [tracked(folder, unit) for unit in np.eye(len(NONE))]
    found = []
    for method in METHODS:
        none, scale = fixed[method], fixed[method].heights[:, None]
        base = np.diagonal(none.covs, axis1=1, axis2=2)
        parts = [np.diagonal(unit[method].covs, axis1=1, axis2=2) - base for unit in units]
        terms = np.stack(parts, axis=-1) / scale[..., None] ** 2
        found.append(
            Terms(
                folder.name,
                method,
                none.errors / scale,
                terms,
                base / scale**2,
                none.reference_vars / scale**2,
            )
        )
    return found


def fit(known: Sequence[Terms]) -> F64:
    """The most likely factors, times a common one for :data:`COVERAGE`."""
    terms = np.concatenate([own.terms.reshape(-1, len(NONE)) for own in known])
    added = np.concatenate([(own.fixed + own.reference).ravel() for own in known])
    squares = np.concatenate([own.errors.ravel() ** 2 for own in known])
    weights = np.concatenate([np.full(own.errors.size, len(own.errors) ** -0.5) for own in known])
    weights /= weights.sum()

    def unlikely(logs: F64) -> tuple[float, F64]:
        factors = np.exp(logs)
        variance = terms @ factors + added
        share = squares / variance
        value = weights @ (np.log(variance) + (TAILS + 1) * np.log1p(share / TAILS))
        slope = weights * (1 - (TAILS + 1) * (share / TAILS) / (1 + share / TAILS)) / variance
        return float(value), (slope @ terms) * factors

    best = minimize(
        unlikely, np.full(len(NONE), -1.0), jac=True, method="L-BFGS-B", bounds=[LOG_RANGE] * len(NONE)
    )
    factors = np.exp(best.x)
    low, high = 0.1, 100.0
    for _ in range(30):
        middle = np.sqrt(low * high)
        covered = np.mean([own.coverage(middle * factors) for own in known])
        low, high = (middle, high) if covered < COVERAGE else (low, middle)
    result: F64 = middle * factors
    return result


def rows(known: Sequence[Terms]) -> Iterator[str]:
    """The table."""
    used, whole = np.array(inflation.FACTORS), fit(known)
    others = {
        name: fit([own for own in known if own.sequence != name])
        for name in dict.fromkeys(own.sequence for own in known)
    }
    yield f"factors in use: {np.round(used, 3)}; of all sequences: {np.round(whole, 3)}\n"
    yield "| coverage, NEES | rows | without inflation | in use | of all sequences | left out |"
    yield "|---|---|---|---|---|---|"
    for own in known:
        cells = [
            f"{own.coverage(factors):.3f}, {own.nees(factors):.2f}"
            for factors in (PLAIN, used, whole, others[own.sequence])
        ]
        yield f"| {own.sequence}, {own.method} | {len(own.errors)} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    options = parser.parse_args()
    known = [own for folder in sequences(options.data) for own in measure(folder)]
    for row in rows(known):
        print(row, flush=True)


if __name__ == "__main__":
    main()
