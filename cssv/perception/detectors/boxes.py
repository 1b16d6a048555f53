"""Detector that reads a box file: MOT text (``det.txt``, ``gt.txt``, or the result of a tracker)."""

from __future__ import annotations

from collections import Counter
from numbers import Integral
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import ANY_OBJECT, F64, I64, LARGEST_NUMBER, UNKNOWN_ID
from cssv.errors import LONGEST_QUOTE, BoxesError, OptionError, OptionTypeError
from cssv.files.paths import check_path
from cssv.frames import Frame
from cssv.interop.mot import BoxFile, read_boxes
from cssv.perception.detections import EMPTY, Detections
from cssv.perception.detectors.options import check_share
from cssv.perception.detectors.scores import unit_scores
from cssv.perception.given_boxes import BoxesAre, check_boxes_are, decide, ignored_entries

#: Boxes are shares of the picture if no corner lies further from the origin than this, and no side is longer
#: than 1: in pixels, all of them would lie in one corner of the picture and be smaller than a pixel.
FURTHEST_SHARE = 2.0
#: Labels of a file that a note lists.
MOST_LISTED = 8


class BoxesDetector:
    """The detections of a box file. Frame n of the clip, from 0, is frame n + 1 of a MOT file.

    Boxes are not changed. MOT counts pixels from 1, so they lie up to one pixel right of and below their
    place in the picture; the offset is far below the scatter of detectors and differs between tools. Boxes in
    shares of the picture's width and height are converted to pixels. Ids of 0 or more are kept. Rows with
    score 0 are left out, unless some scores are negative: in ``gt.txt`` the seventh column is a flag, and 0
    marks entries to be ignored. Boxes with ids are the truth if no other score is below 1. Scores outside
    0 to 1, such as percent and log-odds, are converted by
    :func:`~cssv.perception.detectors.scores.unit_scores`. Notes record every conversion.

    Args:
        boxes: path of the file; its forms are those of :func:`~cssv.interop.mot.read_boxes`.
        label: label of every detection; by default those of the class column of the file, if it has one.
        min_score: boxes of lower scores, from 0 to 1 as above, are left out.
        boxes_from: number of the clip's first frame in the file. By default 0 if the file has boxes in frame
            0, otherwise 1.
        boxes_are: what boxes with ids are: ``"truth"``, which is kept as given, or ``"detections"``, which
            are smoothed; None decides by the scores. Stated to be the truth, results of :func:`cssv.track`
            are kept with their rows of score 0.

    Attributes:
        boxes_are: what boxes with ids are; None if no box has an id.

    Raises:
        BoxesError: see :func:`~cssv.interop.mot.read_boxes`; also when every score is 0, no box can be
            seen, or boxes are stated to be the truth and have no ids.
        OptionError: ``boxes_from``, ``min_score`` or ``boxes_are`` is out of range.
    """

    name = "boxes"
    #: The file lists detections by frame number, so that no frame has to be decoded.
    needs_pixels = False

    def __init__(
        self,
        boxes: str | PathLike[str],
        *,
        label: str | None = None,
        min_score: float = 0.0,
        boxes_from: int | None = None,
        boxes_are: BoxesAre | None = None,
    ) -> None:
        check_share("min_score", min_score)
        check_boxes_are(boxes_are)
        if label is not None:
            _check_label(label)
        path = check_path("boxes", boxes)
        file = read_boxes(path, None if boxes_from is None else _check_first(boxes_from))
        ignored = ignored_entries(file.rows[:, 6], boxes_are)
        rows = file.rows[~ignored]
        if not len(rows):
            raise BoxesError(
                f"{boxes} holds only rows with score 0", remedy="Such rows are ignored entries in MOT files."
            )
        self._path = path
        # Counted before min_score: the length of the file must not depend on the option.
        self._frame_count = int(rows[-1, 0])
        scores, note = unit_scores(rows[:, 6])
        # Notes are written into files that leave this machine: the name of the box file stays out of them.
        self._notes = [*file.notes, *(() if note is None else (f"box file: {note}",))]
        if count := int(ignored.sum()):
            self._notes.append(f"{count} of {len(ignored)} boxes of the box file have score 0: left out")
        ids: I64 = np.maximum(rows[:, 1], UNKNOWN_ID).astype(np.int64)
        # By the whole file: a part of it, or of its scores, has the same meaning.
        self.boxes_are, notes = decide(path, ids, scores, boxes_are)
        self._notes += notes
        self._names, codes, notes = _labels_of(file, label, ~ignored)
        self._notes += notes
        kept = scores >= min_score
        self._codes = codes[kept]
        rows, self._scores, self._ids = rows[kept], scores[kept], ids[kept]
        self._frames: I64 = rows[:, 0].astype(np.int64)
        self._boxes_px = np.ascontiguousarray(rows[:, 2:6])
        # Shares of the picture need its size before they are pixels.
        self._shares = self._boxes_px if file.is_share or _are_shares(self._boxes_px) else None
        self._size: tuple[int, int] | None = None
        self._size_notes: list[str] = []
        if self._shares is None:
            self._check_sides()

    @property
    def notes(self) -> tuple[str, ...]:
        """How the file was read, and how many of its boxes cannot be seen."""
        return (*self._notes, *self._size_notes)

    @property
    def frame_count(self) -> int:
        """Number of the last frame that holds a detection of any score, plus one."""
        return self._frame_count

    def set_size(self, width: int, height: int) -> None:
        """Set the size of the picture in pixels, before the first frame.

        Raises:
            BoxesError: every box lies outside the picture, or is smaller than a pixel.
        """
        if (width, height) == self._size:
            return
        self._size, self._size_notes = (width, height), []
        if self._shares is not None:
            self._boxes_px = self._shares * (width, height, width, height)
            self._size_notes.append("boxes of the box file are shares of the picture's width and height")
        self._check_sides()
        starts, sizes = self._boxes_px[:, :2], self._boxes_px[:, 2:]
        outside = np.any((starts >= (width, height)) | (starts + sizes <= 0), axis=1)
        self._count_hidden(
            outside, "outside the picture", f"a picture of {width}x{height}", "the size of the clip"
        )

    def _check_sides(self) -> None:
        """Note boxes that are smaller than a pixel; a BoxesError if all are."""
        tiny = np.any(self._boxes_px[:, 2:] < 1, axis=1)
        self._count_hidden(tiny, "narrower or lower than a pixel", "sides from 1 px", "the unit of the boxes")

    def _count_hidden(self, hidden: NDArray[np.bool_], where: str, bound: str, cause: str) -> None:
        """Note the number of boxes that cannot be seen; a BoxesError if none can."""
        count, total = int(hidden.sum()), len(hidden)
        if count and count == total:
            low, high = self._boxes_px.min(axis=0), self._boxes_px.max(axis=0)
            ranges = (f"{name} {a:.6g} to {b:.6g}" for name, a, b in zip("xywh", low, high, strict=True))
            raise BoxesError(
                f"{self._path}: every box is {where}",
                found=", ".join(ranges),
                bound=bound,
                remedy=f"Check that the file belongs to this clip, and {cause}.",
            )
        if count:
            self._size_notes.append(f"{count} of {total} boxes of the box file are {where}")

    def detect(self, frame: Frame) -> Detections:
        """Return the detections of ``frame``, found by its number; the pixels are not used."""
        self.set_size(frame.width, frame.height)
        return self.in_frame(frame.number)

    def in_frame(self, number: int) -> Detections:
        """Return the detections of frame ``number``, counted from 0; empty if the file has none.

        Raises:
            BoxesError: boxes are shares of a picture whose size is not known.
        """
        if self._shares is not None and self._size is None:
            raise BoxesError(
                f"{self._path}: boxes are shares of the picture's width and height",
                found=f"sides up to {self._boxes_px[:, 2:].max():.6g}",
                remedy="Give the clip too, so that they can be converted to pixels.",
            )
        # Rows are sorted by frame, so a binary search finds them.
        low, high = np.searchsorted(self._frames, (number + 1, number + 2))
        if low == high:
            return EMPTY
        rows = slice(low, high)
        labels = tuple(self._names[code] for code in self._codes[rows].tolist())
        return Detections(self._boxes_px[rows], self._scores[rows], labels, self._ids[rows])


def _labels_of(
    file: BoxFile, label: str | None, kept: NDArray[np.bool_]
) -> tuple[tuple[str, ...], I64, tuple[str, ...]]:
    """Labels, the index of each kept box's label, and a note on labels that the file gives."""
    if label is not None or file.labels is None:
        codes = np.zeros(int(kept.sum()), dtype=np.int64)
        return (ANY_OBJECT if label is None else label,), codes, ()
    # The last name is that of rows without a class, whose code is -1.
    names, codes = (*file.labels.names, ANY_OBJECT), file.labels.codes[kept]
    counts = Counter({names[code]: int((codes == code).sum()) for code in np.unique(codes).tolist()})
    listed = ", ".join(f"{name} ({count})" for name, count in counts.most_common(MOST_LISTED))
    others = len(counts) - MOST_LISTED
    more = f" and {others} others" if others > 0 else ""
    return names, codes, (f"labels of the box file, from {file.labels.origin}: {listed}{more}",)


def _check_label(label: str) -> None:
    """Raise an OptionError unless this can be the label of all boxes."""
    if not isinstance(label, str):
        raise OptionTypeError("label is not a text", found=repr(label)[:LONGEST_QUOTE])
    if not label.strip():
        raise OptionError("label is empty", remedy="Give the class of the objects, such as person.")


def _check_first(number: int) -> int:
    """The number after a check; an OptionError unless it can be that of a frame."""
    if isinstance(number, bool) or not isinstance(number, Integral) or not 0 <= number < LARGEST_NUMBER:
        raise OptionError(
            "boxes_from is not the number of a frame",
            found=repr(number),
            bound=f"an integer, 0 to {LARGEST_NUMBER - 1}",
        )
    return int(number)


def _are_shares(boxes: F64) -> bool:
    """True if boxes can only be shares of the picture."""
    if not len(boxes):
        return False
    return bool(np.abs(boxes[:, :2]).max() <= FURTHEST_SHARE and boxes[:, 2:].max() <= 1)
