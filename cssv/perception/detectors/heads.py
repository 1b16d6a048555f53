"""What the output of a detection network means: boxes, scores and classes.

Two forms are known. YOLOX (Ge et al., arXiv 2107.08430): (1, anchors, 5 + classes), a row per cell of three
or four grids with centre, size, objectness and class scores; the centre is relative to the cell and the size
a logarithm, unless the exporter decoded them. YOLOv8 (Ultralytics, 2023): (1, 4 + classes, anchors), decoded,
without objectness.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64, I64
from cssv.errors import ModelError
from cssv.perception.detectors.letterbox import Letterbox

F32 = NDArray[np.float32]

#: Pixels per cell of the grids that a network may have, finest first.
STRIDES = ((8, 16, 32), (8, 16, 32, 64))
#: Logarithm of the largest size of a box in cells; e^10 is wider than any picture.
LARGEST_LOG = 10.0
#: How far outside 0 to 1 a score may be by rounding.
ROUNDING = 1e-3
FORMS = "(1, anchors, 5 + classes) as YOLOX gives, or (1, 4 + classes, anchors) as YOLOv8 gives"
_REMEDY = "Export the model without its own suppression of boxes, for a single picture."


@dataclass(frozen=True, slots=True)
class Head:
    """How to read an output.

    Attributes:
        form: ``"yolox"`` or ``"yolov8"``.
        classes: how many there are.
        strides: pixels per cell of each of its grids.
        is_decoded: whether boxes are in pixels of the network already.
    """

    form: str
    classes: int
    strides: tuple[int, ...]
    is_decoded: bool = True

    @classmethod
    def from_output(cls, output: F32, size: tuple[int, int]) -> Head:
        """Tell the form of an output from its shape for an input of ``size`` (width, height), and its values.

        Raises:
            ModelError: it is of neither form.
        """
        anchors = {len(grid(size, strides)): strides for strides in STRIDES}
        if output.ndim == 3 and output.shape[0] == 1:
            _, rows, columns = output.shape
            if rows in anchors and columns > 5:
                is_decoded = _is_decoded(output[0, :, :2], grid(size, anchors[rows]))
                return cls("yolox", columns - 5, anchors[rows], is_decoded)
            if columns in anchors and rows > 4:
                return cls("yolov8", rows - 4, anchors[columns])
        raise ModelError(
            "the model's output is not that of a detector of a known form",
            found=f"shape {output.shape} for an input of {size[0]}x{size[1]}",
            bound=f"{FORMS}; here with {' or '.join(map(str, anchors))} anchors",
            remedy=_REMEDY,
        )

    def letterbox(self, picture: tuple[int, int], size: tuple[int, int]) -> Letterbox:
        """Where this form of network wants a picture to lie in an input of ``size``."""
        return (Letterbox.corner if self.form == "yolox" else Letterbox.centred)(picture, size)

    def read(self, output: F32, size: tuple[int, int], min_score: float) -> tuple[F64, F64, I64]:
        """Read the boxes whose score reaches ``min_score`` from the output for an input of ``size``.

        Returns:
            (n, 4) centre x, centre y, w, h in pixels of the network; (n,) scores, 0 to 1: of YOLOX
            objectness times class score; (n,) numbers of the best class.

        Raises:
            ModelError: the output is not of this form, or holds what is not a number.
        """
        cells = grid(size, self.strides)
        rows = output[0] if self.form == "yolox" else np.swapaxes(output[0], 0, 1)
        expected = (len(cells), self.classes + (5 if self.form == "yolox" else 4))
        if rows.shape != expected:
            raise ModelError("the model's output changes its shape", found=rows.shape, bound=str(expected))
        scores = rows[:, -self.classes :]
        classes = scores.argmax(axis=1)
        best = checked(scores[np.arange(len(scores)), classes])
        if self.form == "yolox":
            best = best * checked(rows[:, 4])
        kept = np.flatnonzero(best >= min_score)
        boxes = rows[kept, :4].astype(np.float64)
        if not np.isfinite(boxes).all():
            raise ModelError(
                "the model gives a box that is not of numbers", found=boxes[~np.isfinite(boxes)][0]
            )
        if not self.is_decoded:
            boxes[:, :2] = (boxes[:, :2] + cells[kept, :2]) * cells[kept, 2:]
            boxes[:, 2:] = np.exp(np.minimum(boxes[:, 2:], LARGEST_LOG)) * cells[kept, 2:]
        return boxes, np.clip(best[kept].astype(np.float64), 0, 1), classes[kept]


@cache
def grid(size: tuple[int, int], strides: tuple[int, ...]) -> F64:
    """(n, 3) column, row and stride of every cell of an input of ``size``, grid by grid, row by row."""
    parts = []
    for stride in strides:
        rows, columns = np.indices((size[1] // stride, size[0] // stride)).reshape(2, -1).astype(np.float64)
        parts.append(np.stack([columns, rows, np.full(len(rows), float(stride))], axis=1))
    cells = np.concatenate(parts)
    cells.flags.writeable = False
    return cells


def _is_decoded(centres: F32, cells: F64) -> bool:
    """Whether centres are nearer to their cells in pixels than to their cells' own origins."""
    in_pixels = np.abs(centres - cells[:, :2] * cells[:, 2:])
    return bool(np.median(in_pixels) < np.median(np.abs(centres)))


def checked(scores: F32) -> F32:
    """The same scores; a ModelError unless all lie in 0 to 1."""
    wrong = ~((scores >= -ROUNDING) & (scores <= 1 + ROUNDING))
    if wrong.any():
        raise ModelError(
            "the model gives a score that is none",
            found=scores[wrong][0],
            bound="0 to 1",
            remedy="Export it with the sigmoid of its scores, in single precision.",
        )
    return scores
