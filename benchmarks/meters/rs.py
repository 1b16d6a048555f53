"""RS analysis: the rate of LSB replacement, by regular and singular groups (Fridrich, Goljan, Du, 2001).

A group of neighbours is regular if flipping some of its values makes it noisier, and singular if that makes
it smoother. Flips of 2k <-> 2k + 1 and of 2k - 1 <-> 2k have the same effect in a cover. LSB replacement
uses only the first kind, and the difference of the effects gives its rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from meters.quadratic import smaller_root

_GROUP = 4
_MASK = np.array([0, 1, 1, 0], np.int16)

I16 = NDArray[np.int16]


def rs_rate(plane: U8) -> float:
    """Estimate the share of samples that carry a bit by LSB replacement; about 0 for a cover."""
    values = plane.astype(np.int16)
    groups = np.concatenate([_groups(values), _groups(values.T)])
    positive, negative = _excess(groups)
    # With all LSBs flipped, a share p of carrying samples becomes 2 - p: a second point of both curves.
    positive_flipped, negative_flipped = _excess(groups ^ 1)
    root = smaller_root(
        2 * (positive_flipped + positive),
        negative - negative_flipped - positive_flipped - 3 * positive,
        positive - negative,
    )
    # No root: no group reacts to flips. A root of 1/2 is an infinite rate. Both carry no information.
    return 0.0 if root is None or root == 0.5 else root / (root - 0.5)


def _groups(values: I16) -> I16:
    """Neighbours in a row, without overlap: (n, 4)."""
    width = values.shape[1] // _GROUP * _GROUP
    return values[:, :width].reshape(-1, _GROUP)


def _excess(groups: I16) -> tuple[float, float]:
    """Share of regular minus share of singular groups, for flips up and for flips down."""
    before = _roughness(groups)
    flipped_up = np.where(_MASK, groups ^ 1, groups)
    flipped_down = np.where(_MASK, ((groups + 1) ^ 1) - 1, groups)
    up, down = (np.sign(_roughness(each) - before).mean() for each in (flipped_up, flipped_down))
    return float(up), float(down)


def _roughness(groups: I16) -> I16:
    """Sum of the absolute differences of neighbours."""
    return np.abs(np.diff(groups, axis=1)).sum(axis=1, dtype=np.int16)
