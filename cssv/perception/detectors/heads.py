"""Decoding of the output of a detection network: boxes, scores and classes.

Two forms are supported. YOLOX (Ge et al., arXiv 2107.08430): (1, anchors, 5 + classes), one row per cell of
three or four grids, with centre, size, objectness and class scores; the centre is relative to the cell and
the size a logarithm, unless they were decoded on export. YOLOv8 (Ultralytics, 2023): (1, 4 + classes,
anchors), decoded, without objectness.
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

#: Pixels per cell of the supported sets of grids, finest first.
STRIDES = ((8, 16, 32), (8, 16, 32, 64))
#: Logarithm of the largest size of a box in cells; e^10 is wider than any picture.
LARGEST_LOG = 10.0
#: Tolerance for scores outside 0 to 1, for rounding.
ROUNDING = 1e-3
FORMS = "(1, anchors, 5 + classes) of YOLOX, or (1, 4 + classes, anchors) of YOLOv8"
_REMEDY = "Export the model without non-maximum suppression, for a single picture."


@dataclass(frozen=True, slots=True)
class Head:
    """The form of a network's output.

    Attributes:
        form: ``"yolox"`` or ``"yolov8"``.
        classes: number of classes.
        strides: pixels per cell of each of its grids.
        is_decoded: True if boxes are already in pixels of the network.
    """

    form: str
    classes: int
    strides: tuple[int, ...]
    is_decoded: bool = True

    @classmethod
    def from_output(cls, output: F32, size: tuple[int, int]) -> Head:
        """Detect the form from the shape and values of an output for an input of ``size`` (width, height).

        Raises:
            ModelError: the output has neither form.
        """
        # The number of anchors follows from the input's size, so it identifies the axis of the anchors.
        anchors = {len(grid(size, strides)): strides for strides in STRIDES}
        if output.ndim == 3 and output.shape[0] == 1:
            _, rows, columns = output.shape
            if rows in anchors and columns > 5:
                is_decoded = _is_decoded(output[0, :, :2], grid(size, anchors[rows]))
                return cls("yolox", columns - 5, anchors[rows], is_decoded)
            if columns in anchors and rows > 4:
                return cls("yolov8", rows - 4, anchors[columns])
        raise ModelError(
            "the model's output does not have the form of a supported detector",
            found=f"shape {output.shape} for an input of {size[0]}x{size[1]}",
            bound=f"{FORMS}; here with {' or '.join(map(str, anchors))} anchors",
            remedy=_REMEDY,
        )

    def letterbox(self, picture: tuple[int, int], size: tuple[int, int]) -> Letterbox:
        """Place a picture in an input of ``size`` as in the training of this form of network."""
        return (Letterbox.corner if self.form == "yolox" else Letterbox.centred)(picture, size)

    def read(self, output: F32, size: tuple[int, int], min_score: float) -> tuple[F64, F64, I64]:
        """Read the boxes with a score of at least ``min_score`` from the output for an input of ``size``.

        Returns:
            (n, 4) centre x, centre y, w, h in pixels of the network; (n,) scores, 0 to 1, for YOLOX
            objectness times class score; (n,) numbers of the best class.

        Raises:
            ModelError: the output does not have this form, or has values that are not finite.
        """
        cells = grid(size, self.strides)
        rows = output[0] if self.form == "yolox" else np.swapaxes(output[0], 0, 1)
        expected = (len(cells), self.classes + (5 if self.form == "yolox" else 4))
        if rows.shape != expected:
            raise ModelError(
                "the shape of the model's output has changed", found=rows.shape, bound=str(expected)
            )
        scores = rows[:, -self.classes :]
        classes = scores.argmax(axis=1)
        best = checked(scores[np.arange(len(scores)), classes])
        # Class scores of YOLOX are relative to the objectness; YOLOv8 has none.
        if self.form == "yolox":
            best = best * checked(rows[:, 4])
        # Only the few boxes that are kept are decoded; most anchors are empty.
        kept = np.flatnonzero(best >= min_score)
        boxes = rows[kept, :4].astype(np.float64)
        if not np.isfinite(boxes).all():
            raise ModelError(
                "the model returned a box with values that are not finite",
                found=boxes[~np.isfinite(boxes)][0],
            )
        if not self.is_decoded:
            boxes[:, :2] = (boxes[:, :2] + cells[kept, :2]) * cells[kept, 2:]
            boxes[:, 2:] = np.exp(np.minimum(boxes[:, 2:], LARGEST_LOG)) * cells[kept, 2:]
        return boxes, np.clip(best[kept].astype(np.float64), 0, 1), classes[kept]


@cache
def grid(size: tuple[int, int], strides: tuple[int, ...]) -> F64:
    """(n, 3) column, row and stride of every cell of an input of ``size``, by grid, then by row."""
    parts = []
    for stride in strides:
        rows, columns = np.indices((size[1] // stride, size[0] // stride)).reshape(2, -1).astype(np.float64)
        parts.append(np.stack([columns, rows, np.full(len(rows), float(stride))], axis=1))
    cells = np.concatenate(parts)
    cells.flags.writeable = False
    return cells


def _is_decoded(centres: F32, cells: F64) -> bool:
    """Decide if centres are in pixels: nearer to the position of their cell than to the origin."""
    # Raw centres are small offsets from the cell; the median ignores single outliers.
    in_pixels = np.abs(centres - cells[:, :2] * cells[:, 2:])
    return bool(np.median(in_pixels) < np.median(np.abs(centres)))


def checked(scores: F32) -> F32:
    """Return the scores; raise a ModelError unless all are in 0 to 1."""
    # Negated, so that NaN is wrong too.
    wrong = ~((scores >= -ROUNDING) & (scores <= 1 + ROUNDING))
    if wrong.any():
        raise ModelError(
            "the model returned a score outside 0 to 1",
            found=scores[wrong][0],
            bound="0 to 1",
            remedy="Export it with the sigmoid of its scores, in single precision.",
        )
    return scores
