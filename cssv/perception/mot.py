"""Tracks <-> MOT result text: ``frame,id,x,y,w,h,score,-1,-1,-1``, frames counted from 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np

from cssv.output import whole_file
from cssv.perception.detections import F64, I64
from cssv.perception.detectors.boxes import read_rows
from cssv.perception.tracks import Track

#: Decimals of a pixel and of a score in the text.
DECIMALS = 3


@dataclass(frozen=True, slots=True, eq=False)
class MotRows:
    """Rows of a MOT file, ordered by frame, then id.

    Attributes:
        numbers: int64 (n,) frame numbers from 0.
        ids: int64 (n,).
        boxes_px: float64 (n, 4) x, y, w, h.
        scores: float64 (n,).
    """

    numbers: I64
    ids: I64
    boxes_px: F64
    scores: F64

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def of(cls, tracks: Sequence[Track]) -> MotRows:
        """Lay tracks out as rows."""
        ids = np.concatenate(
            [np.full(len(t), t.id, dtype=np.int64) for t in tracks] or [np.empty(0, np.int64)]
        )
        numbers = np.concatenate([t.numbers for t in tracks] or [np.empty(0, np.int64)])
        boxes = np.concatenate([t.boxes_px for t in tracks] or [np.empty((0, 4))])
        scores = np.concatenate([t.scores for t in tracks] or [np.empty(0)])
        order = np.lexsort((ids, numbers))
        return cls(numbers[order], ids[order], boxes[order], scores[order])


def mot_text(rows: MotRows) -> str:
    """Rows as the lines of a MOT result file, rounded to :data:`DECIMALS`."""
    form = f"{{}},{{}},{','.join([f'{{:.{DECIMALS}f}}'] * 5)},-1,-1,-1\n"
    columns = (rows.numbers + 1, rows.ids, *rows.boxes_px.T, rows.scores)
    lines = zip(*(column.tolist() for column in columns), strict=True)
    return "".join(form.format(*line) for line in lines)


def write_mot(path: str | PathLike[str], rows: MotRows) -> None:
    """Write a MOT result file, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_text(mot_text(rows), encoding="ascii")


def read_mot(path: str | PathLike[str]) -> MotRows:
    """Read a MOT file, rows with score 0 included.

    Raises:
        BoxesError: the file cannot be used; see :func:`cssv.perception.detectors.boxes.read_rows`.
    """
    rows = read_rows(path)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    return MotRows(
        rows[:, 0].astype(np.int64) - 1, rows[:, 1].astype(np.int64), rows[:, 2:6].copy(), rows[:, 6].copy()
    )
