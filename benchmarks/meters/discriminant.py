"""Fisher's linear discriminant with shrinkage, for more features than training pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

#: Weight of the identity in the covariance of standardised features. Of the powers of ten from 1e-6 to 10, it
#: finds LSB matching best by SPAM features of clips not trained on, so it favours the analyst.
SHRINKAGE = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Discriminant:
    """A direction in the space of features; covers have low scores, stego pictures high ones.

    Attributes:
        mean: of the training features, (d,).
        weights: for features minus their mean, (d,).
    """

    mean: F64
    weights: F64

    def scores(self, features: F64) -> F64:
        """Project features (n, d) to scores (n,)."""
        return (features - self.mean) @ self.weights


def train_discriminant(covers: F64, stegos: F64, shrinkage: float = SHRINKAGE) -> Discriminant:
    """Find the direction that separates the classes best against the spread within them.

    Args:
        covers: features of covers, (n, d).
        stegos: features of stego pictures, (m, d).
        shrinkage: weight of the identity in the covariance.
    """
    mean = (covers.mean(axis=0) + stegos.mean(axis=0)) / 2
    within = np.concatenate([covers - covers.mean(axis=0), stegos - stegos.mean(axis=0)])
    spread = np.sqrt((within**2).mean(axis=0))
    # A feature that never varies within a class cannot be standardised. It is left out, because a difference
    # between the classes in it is as likely one between the few training pictures.
    scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-12)
    gap = (stegos.mean(axis=0) - covers.mean(axis=0)) * scale
    standard = within * scale
    # (shrinkage * I + S'S / n)^-1 gap, by the matrix inversion lemma: the system has n rows, not d.
    kernel = standard @ standard.T + shrinkage * len(standard) * np.eye(len(standard))
    weights = gap - standard.T @ np.linalg.solve(kernel, standard @ gap)
    return Discriminant(mean, weights * scale)
