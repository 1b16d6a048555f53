"""The objects of a frame as detections of the package supervision (an extra)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np

from cssv.boxes import ANY_OBJECT
from cssv.errors import MissingExtraError
from cssv.interop.rows import COLUMNS, REQUIRED, TEXTS, ObjectRow

#: Columns that have a place of their own in detections, or are the same for all objects of a frame.
_ELSEWHERE = {"x_px", "y_px", "w_px", "h_px", "score", *REQUIRED, *TEXTS}
#: Columns that become ``data``: unknown is NaN.
DATA_COLUMNS = tuple(name for name in COLUMNS if name not in _ELSEWHERE)
#: Numbers of classes are not negative, and fit into 32 bits.
_CLASS_BITS = 0x7FFFFFFF


def class_number(label: str) -> int:
    """The number of a class: the same in every frame and every clip, from 0 to 2^31 - 1."""
    # Supervision chooses colours by it. A count of the frame's own labels would change from frame to frame.
    return crc32(label.encode()) & _CLASS_BITS


def rows_to_supervision(rows: Sequence[ObjectRow]) -> Any:  # noqa: ANN401 - a supervision.Detections
    """The rows of one frame as ``supervision.Detections``; each row has a box.

    ``data`` has ``class_name`` and the columns :data:`DATA_COLUMNS`. An object of unknown class has the name
    ``"object"``, and one without a score the confidence 1.

    Raises:
        MissingExtraError: supervision is not installed.
    """
    try:
        import supervision
    except ImportError as error:
        remedy = "Install it with: pip install '.[supervision]'"
        raise MissingExtraError("detections of supervision need supervision", remedy=remedy) from error
    boxes = np.array([(row.x_px, row.y_px, row.w_px, row.h_px) for row in rows], np.float64).reshape(-1, 4)
    labels = [row.label or ANY_OBJECT for row in rows]
    data: dict[str, Any] = {"class_name": np.array(labels, dtype=str)}
    # None becomes NaN.
    data |= {name: np.array([getattr(row, name) for row in rows], np.float64) for name in DATA_COLUMNS}
    return supervision.Detections(
        xyxy=np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]),
        confidence=np.array([1.0 if row.score is None else row.score for row in rows], np.float64),
        class_id=np.array([class_number(label) for label in labels], np.int64),
        tracker_id=np.array([row.track for row in rows], np.int64),
        data=data,
    )
