"""Objects of a clip, sorted into tracks for plots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64
from cssv.errors import OptionError
from cssv.interop.rows import ObjectRow
from cssv.scene.ground import feet_of
from cssv.view.units import SpeedUnit

#: Frames of a track that lie further apart than this many typical steps are parts of two runs.
_GAP_STEPS = 1.5
#: Track numbers that an error lists.
_LISTED = 10


@dataclass(frozen=True, eq=False)
class ObjectTrack:
    """One object over the clip.

    Attributes:
        track: its id.
        label: what it is; empty if unknown.
        rows: its rows of the objects table, by time.
        stays_s: (n,), how long each of its frames is shown, seconds.
    """

    track: int
    label: str
    rows: tuple[ObjectRow, ...]
    stays_s: F64

    @property
    def name(self) -> str:
        """Label and id, for legends."""
        return f"{self.label or 'object'} {self.track}"

    @cached_property
    def times_s(self) -> F64:
        """(n,) times of its frames."""
        return self.column("time_s")

    @cached_property
    def boxes_px(self) -> F64:
        """(n, 4) boxes; NaN where unknown."""
        return np.stack([self.column(name) for name in ("x_px", "y_px", "w_px", "h_px")], axis=-1)

    @property
    def feet_px(self) -> F64:
        """(n, 2) middles of the lower edges of its boxes; NaN where unknown."""
        return feet_of(self.boxes_px)

    @property
    def seconds(self) -> float:
        """How long the object is present."""
        return float(self.stays_s.sum())

    @property
    def runs(self) -> list[slice]:
        """Frames without a gap between them."""
        steps = np.diff(self.times_s)
        # A frame's stay is the distance to the next frame of the clip, also where the rate varies.
        breaks = np.flatnonzero(steps > _GAP_STEPS * self.stays_s[:-1]) + 1
        borders = [0, *breaks.tolist(), len(self.rows)]
        return [slice(first, last) for first, last in pairwise(borders)]

    def column(self, name: str) -> F64:
        """(n,) values of a column of the objects table; NaN where unknown."""
        return _numbers(getattr(row, name) for row in self.rows)

    def speeds(self, unit: SpeedUnit) -> tuple[F64, F64]:
        """(n,) speeds and their standard deviations per axis in ``unit``; NaN where unknown."""
        pairs = [unit.speed_of(row) for row in self.rows]
        return _numbers(speed for speed, _ in pairs), _numbers(sigma for _, sigma in pairs)


def _numbers(values: Iterable[float | None]) -> F64:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def group_tracks(
    rows: Iterable[ObjectRow], times_s: Sequence[float] | NDArray[np.float64] | None = None
) -> tuple[ObjectTrack, ...]:
    """Sort rows of the objects table into tracks, by id.

    Args:
        rows: in any order; of two rows of one object at one time, the first counts.
        times_s: times of all frames of the clip, and its end as the last number. Without them the frames are
            those of the rows, and the last is as long as a typical one.
    """
    found: dict[int, dict[float, ObjectRow]] = {}
    for row in rows:
        found.setdefault(row.track, {}).setdefault(row.time_s, row)
    if times_s is None:
        known = sorted({time for each in found.values() for time in each})
        step = float(np.median(np.diff(known))) if len(known) > 1 else 0.0
        times_s = [*known, known[-1] + step] if known else []
    frames = np.asarray(times_s, dtype=np.float64)
    return tuple(_track(track, found[track], frames) for track in sorted(found))


def _track(track: int, by_time: dict[float, ObjectRow], frames: F64) -> ObjectTrack:
    times = np.array(sorted(by_time))
    after = np.minimum(np.searchsorted(frames, times, side="right"), len(frames) - 1)
    rows = tuple(by_time[time] for time in times.tolist())
    label = next((row.label for row in reversed(rows) if row.label), "")
    return ObjectTrack(track, label, rows, np.maximum(frames[after] - times, 0.0))


def choose_tracks(tracks: Sequence[ObjectTrack], wanted: Sequence[int]) -> tuple[ObjectTrack, ...]:
    """The tracks with these ids, in this order.

    Raises:
        OptionError: there is no such track.
    """
    by_id = {each.track: each for each in tracks}
    for number in wanted:
        if number not in by_id:
            listed = ", ".join(map(str, list(by_id)[:_LISTED]))
            more = f" and {len(by_id) - _LISTED} more" if len(by_id) > _LISTED else ""
            raise OptionError("the clip has no such track", found=number, bound=f"{listed}{more}")
    return tuple(by_id[number] for number in dict.fromkeys(wanted))


def most_present(tracks: Sequence[ObjectTrack], count: int) -> tuple[ObjectTrack, ...]:
    """The ``count`` tracks that are longest in the clip, by id."""
    longest = sorted(tracks, key=lambda each: (-each.seconds, each.track))[:count]
    return tuple(sorted(longest, key=lambda each: each.track))
