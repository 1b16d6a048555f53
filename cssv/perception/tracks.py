"""Tracks: boxes and velocities of each object over time, with a look-up by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from cssv.boxes import F64, I64
from cssv.errors import InputError
from cssv.interop.mot import MotRows

#: Name and shape per row of the fields common to tracks and frames, in the order of the dataclasses.
_ROWS = {
    "boxes_px": (4,),
    "scores": (),
    "velocity_px_s": (2,),
    "velocity_past_px_s": (2,),
    "velocity_future_px_s": (2,),
    "velocity_cov": (2, 2),
    "nis": (),
    "velocity_m_s": (2,),
    "velocity_m_cov": (2, 2),
}
#: Fields that may be left out; their values are NaN where they are not known.
_OPTIONAL = ("velocity_m_s", "velocity_m_cov")
_LEFT_OUT = np.empty(0)


def _left_out() -> F64:
    return _LEFT_OUT


def _check_rows(holder: Track | FrameStates, count: int) -> None:
    """Validate that each array of ``holder`` has ``count`` rows and make the arrays read-only.

    All values must be finite; only the optional fields may contain NaN.

    Raises:
        InputError: a shape is wrong or a value is not finite.
    """
    for name, shape in _ROWS.items():
        array = getattr(holder, name)
        if array is _LEFT_OUT:
            # A field that was left out gets rows of NaN, so that users need no special case.
            array = np.full((count, *shape), np.nan)
            object.__setattr__(holder, name, array)
        if array.shape != (count, *shape):
            raise InputError(
                f"{name} has the wrong shape", found=str(array.shape), bound=str((count, *shape))
            )
        if not (np.isfinite(array) | (np.isnan(array) & (name in _OPTIONAL))).all():
            # Only the velocity on the ground can be unknown; all other values are always estimated.
            raise InputError(f"{name} is not finite")
        array.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The motion of one object over n frames. Arrays are read-only.

    Attributes:
        id: identity, at least 0, unique in a clip.
        label: class of the object.
        numbers: int64 (n,): frame numbers from 0, increasing; frames in which the position is too uncertain
            are absent.
        times_s: float64 (n,): times of these frames.
        boxes_px: float64 (n, 4): smoothed x, y, w, h from the top left corner; of the visible part, if the
            edge of the picture cuts the object. Boxes of the truth are as given.
        scores: float64 (n,): the detector's score; 0 where nothing was detected and the box was interpolated.
        velocity_px_s: float64 (n, 2): velocity of the centre of the whole object, x right and y down, from
            past and future frames.
        velocity_past_px_s: float64 (n, 2): the same from this frame and earlier ones. The first row has no
            past and is 0.
        velocity_future_px_s: float64 (n, 2): the same from this frame and later ones. The last row is 0.
        velocity_cov: float64 (n, 2, 2): covariance of ``velocity_px_s`` in px²/s², with the errors that the
            model of the smoother does not contain (:mod:`cssv.perception.inflation`).
        nis: float64 (n,): normalised innovation squared of the centre: squared distance of the measurement
            from its prediction by the earlier frames, in units of the variance of that difference. 2 on
            average if the noise is correct; 0 where nothing was detected or predicted.
        velocity_m_s: float64 (n, 2): velocity of the foot on the ground (:mod:`cssv.scene.ground`), from past
            and future frames; NaN where the ground or the foot is not known, and everywhere if left out.
        velocity_m_cov: float64 (n, 2, 2): covariance of ``velocity_m_s`` in m²/s², NaN in the same rows.
    """

    id: int
    label: str
    numbers: I64
    times_s: F64
    boxes_px: F64
    scores: F64
    velocity_px_s: F64
    velocity_past_px_s: F64
    velocity_future_px_s: F64
    velocity_cov: F64
    nis: F64
    velocity_m_s: F64 = field(default_factory=_left_out)
    velocity_m_cov: F64 = field(default_factory=_left_out)

    def __post_init__(self) -> None:
        count = len(self.numbers)
        if self.id < 0 or count == 0 or self.times_s.shape != (count,):
            raise InputError(
                "a track needs an id, at least one frame and a time per frame", found=f"id {self.id}, {count}"
            )
        if (np.diff(self.numbers) <= 0).any():
            # The look-up by frame expects each object once per frame at most.
            raise InputError("the frame numbers of a track do not increase", found=str(self.numbers))
        _check_rows(self, count)
        self.numbers.flags.writeable = self.times_s.flags.writeable = False

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True, slots=True, eq=False)
class FrameStates:
    """The objects of one frame, ordered by id: row k of each array belongs to object ``ids[k]``.

    The fields are those of :class:`Track`; ``number`` is the frame number.
    """

    number: int
    ids: I64
    labels: tuple[str, ...]
    boxes_px: F64
    scores: F64
    velocity_px_s: F64
    velocity_past_px_s: F64
    velocity_future_px_s: F64
    velocity_cov: F64
    nis: F64
    velocity_m_s: F64 = field(default_factory=_left_out)
    velocity_m_cov: F64 = field(default_factory=_left_out)

    def __post_init__(self) -> None:
        _check_rows(self, len(self.ids))
        self.ids.flags.writeable = False

    def __len__(self) -> int:
        return len(self.ids)


class Tracks(Sequence[Track]):
    """The tracks of a clip, ordered by id, with an index by frame.

    Attributes:
        notes: what boxes with ids were taken for, and what tracking left out, as sentences.

    Raises:
        InputError: two tracks share an id.
    """

    def __init__(self, tracks: Sequence[Track] = (), notes: Sequence[str] = ()) -> None:
        self.notes = tuple(notes)
        self._tracks = tuple(sorted(tracks, key=lambda track: track.id))
        ids = np.array([track.id for track in self._tracks], dtype=np.int64)
        if len(np.unique(ids)) != len(ids):
            raise InputError("two tracks share an id", found=str(ids))
        sizes = [len(track) for track in self._tracks]
        owner = np.repeat(np.arange(len(ids)), sizes)
        numbers = _joined([track.numbers for track in self._tracks], ())
        # Stable, so that the objects of a frame stay ordered by id.
        order = np.argsort(numbers, kind="stable")
        self._owner, self._ids = owner[order], ids
        self._numbers = numbers[order].astype(np.int64)
        self._rows = {
            name: _joined([getattr(track, name) for track in self._tracks], shape)[order]
            for name, shape in _ROWS.items()
        }

    def __len__(self) -> int:
        return len(self._tracks)

    @overload
    def __getitem__(self, index: int) -> Track: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Track, ...]: ...
    def __getitem__(self, index: int | slice) -> Track | tuple[Track, ...]:
        return self._tracks[index]

    def __iter__(self) -> Iterator[Track]:
        return iter(self._tracks)

    @property
    def frame_count(self) -> int:
        """The last frame number with an object, plus one; 0 without objects."""
        return int(self._numbers[-1]) + 1 if len(self._numbers) else 0

    def in_frame(self, number: int) -> FrameStates:
        """Look up the objects of frame ``number``; no rows if the frame is empty or after the last one."""
        low, high = np.searchsorted(self._numbers, (number, number + 1))
        owners = self._owner[low:high]
        labels = tuple(self._tracks[owner].label for owner in owners.tolist())
        return FrameStates(
            number, self._ids[owners], labels, **{name: rows[low:high] for name, rows in self._rows.items()}
        )


def _joined(arrays: Sequence[F64 | I64], shape: tuple[int, ...]) -> F64:
    return np.concatenate(arrays) if arrays else np.empty((0, *shape))


def to_mot_rows(tracks: Sequence[Track]) -> MotRows:
    """Convert tracks to rows of a MOT file, ordered by frame, then id."""
    ids = np.concatenate([np.full(len(t), t.id, dtype=np.int64) for t in tracks] or [np.empty(0, np.int64)])
    numbers = np.concatenate([t.numbers for t in tracks] or [np.empty(0, np.int64)])
    boxes = np.concatenate([t.boxes_px for t in tracks] or [np.empty((0, 4))])
    scores = np.concatenate([t.scores for t in tracks] or [np.empty(0)])
    order = np.lexsort((ids, numbers))
    return MotRows(numbers[order], ids[order], boxes[order], scores[order])
