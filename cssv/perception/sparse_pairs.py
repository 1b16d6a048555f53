"""Pairs of boxes in frames with very many: near ones only, in memory that grows with the number of boxes.

A table of all pairs of 10,000 boxes and 10,000 objects needs 0.8 GB per value.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import KDTree

from cssv.boxes import F64, I64, to_centres

#: Of more pairs than this, only the near ones are compared. A table of this many takes 8 MB.
DENSE_PAIRS = 1_000_000
#: Cost of a box without a partner; far above any cost of a pair, so that as many pairs as possible are made.
_ALONE = 1e6


def near_pairs(points_px: F64, others_px: F64, radii_px: F64) -> tuple[I64, I64]:
    """Pairs (i, j): ``others_px[j]`` (m, 2) is within ``radii_px[j]`` of ``points_px[i]`` along each axis."""
    if not (len(points_px) and len(others_px)):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    found = KDTree(points_px).query_ball_point(others_px, radii_px, p=np.inf)
    counts = [len(each) for each in found]
    first = np.concatenate([np.array(each, dtype=np.int64) for each in found])
    second = np.repeat(np.arange(len(others_px)), counts)
    # In the order of the points, so that the result does not depend on the tree.
    order = np.lexsort((second, first))
    return first[order], second[order]


def overlapping_pairs(a_px: F64, b_px: F64) -> tuple[I64, I64]:
    """Pairs (i, j) of boxes x, y, w, h that may overlap: all that do, and some that do not."""
    if not (len(a_px) and len(b_px)):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    reach = (b_px[:, 2:].max(axis=1) + a_px[:, 2:].max()) / 2
    return near_pairs(to_centres(a_px)[:, :2], to_centres(b_px)[:, :2], reach)


def cheapest_matching(rows: I64, columns: I64, costs: F64, shape: tuple[int, int]) -> tuple[I64, I64, F64]:
    """The matching with most pairs and, of these, the least cost: rows, columns and costs of its pairs.

    Args:
        rows: (n,) row of each pair that can be matched; each pair occurs once.
        columns: (n,) its column.
        costs: (n,) its cost, 0 or more.
        shape: number of rows and of columns.
    """
    count, width = shape
    if not len(rows):
        return rows, columns, costs
    # Each row has a column of its own beside the others, which it takes if it stays alone. Sparse matrices
    # take 0 for no entry, so that all costs are raised by 1.
    own = np.arange(count)
    values = np.concatenate([costs, np.full(count, _ALONE)]) + 1
    pairs = (np.concatenate([rows, own]), np.concatenate([columns, width + own]))
    table = csr_array((values, pairs), shape=(count, width + count))
    some, taken = min_weight_full_bipartite_matching(table)
    some, taken = some[taken < width].astype(np.int64), taken[taken < width].astype(np.int64)
    return some, taken, np.asarray(table[some, taken]).ravel() - 1
