"""Detector that reads a MOT text file (``det.txt``, ``gt.txt``, or the result of a tracker)."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from cssv.boxes import I64, UNKNOWN_ID
from cssv.errors import BoxesError
from cssv.files.paths import check_path
from cssv.frames import Frame
from cssv.interop.mot import read_mot_array
from cssv.perception.detections import ANY_OBJECT, EMPTY, Detections
from cssv.perception.detectors.options import check_share
from cssv.perception.detectors.scores import unit_scores


class BoxesDetector:
    """The detections of a MOT text file. Frame n of the clip, from 0, is frame n + 1 of the file.

    Boxes are not changed. MOT counts pixels from 1, so they lie up to one pixel right of and below their
    place in the picture; the offset is far below the scatter of detectors and differs between tools. Ids of 0
    or more are kept. Rows with score 0 are left out, unless some scores are negative: in ``gt.txt`` the
    seventh column is a flag, and 0 marks entries to be ignored. Scores outside 0 to 1, such as percent and
    log-odds, are converted by :func:`~cssv.perception.detectors.scores.unit_scores`; a note records the
    conversion.

    Args:
        boxes: path of the file.
        label: label of every detection.
        min_score: boxes of lower scores, from 0 to 1 as above, are left out.

    Raises:
        BoxesError: see :func:`read_mot_array`; also when every score is 0.
        OptionError: ``min_score`` is out of range.
    """

    name = "boxes"
    #: The file lists detections by frame number, so that no frame has to be decoded.
    needs_pixels = False

    def __init__(
        self, boxes: str | PathLike[str], *, label: str = ANY_OBJECT, min_score: float = 0.0
    ) -> None:
        check_share("min_score", min_score)
        rows = read_mot_array(check_path("boxes", boxes))
        # Negative scores are log-odds or "no score", among which 0 is an ordinary value.
        if rows[:, 6].min() >= 0:
            rows = rows[rows[:, 6] != 0]
        if not len(rows):
            raise BoxesError(
                f"{boxes} holds only rows with score 0", remedy="Such rows are ignored entries in MOT files."
            )
        self._label = label
        # Counted before min_score: the length of the file must not depend on the option.
        self._frame_count = int(rows[-1, 0])
        scores, note = unit_scores(rows[:, 6])
        self._notes = () if note is None else (f"{Path(boxes).name}: {note}",)
        kept = scores >= min_score
        rows, self._scores = rows[kept], scores[kept]
        self._frames: I64 = rows[:, 0].astype(np.int64)
        self._ids: I64 = np.maximum(rows[:, 1], UNKNOWN_ID).astype(np.int64)
        self._boxes_px = np.ascontiguousarray(rows[:, 2:6])

    @property
    def notes(self) -> tuple[str, ...]:
        """How the scores of the file were converted, if they are not in 0 to 1."""
        return self._notes

    @property
    def frame_count(self) -> int:
        """Number of the last frame that holds a detection of any score, plus one."""
        return self._frame_count

    def detect(self, frame: Frame) -> Detections:
        """Return the detections of ``frame``, found by its number; the pixels are not used."""
        return self.in_frame(frame.number)

    def in_frame(self, number: int) -> Detections:
        """Return the detections of frame ``number``, counted from 0; empty if the file has none."""
        # Rows are sorted by frame, so a binary search finds them.
        low, high = np.searchsorted(self._frames, (number + 1, number + 2))
        if low == high:
            return EMPTY
        rows = slice(low, high)
        labels = (self._label,) * int(high - low)
        return Detections(self._boxes_px[rows], self._scores[rows], labels, self._ids[rows])
