"""Time stamps of frames, put into a strictly growing row.

Most files give their frames growing time stamps, and these are kept as they are. The others have one of
three faults, and each has its own repair:

* The stamps are right, but not in the order of showing: H.264 with B-frames in AVI, or muxed from a raw
  stream. They are put in order.
* The clock falls back: recordings that were joined. The later frames go on after the earlier ones, and the
  distances between them are kept.
* A frame has no stamp, that of its predecessor, or one far away from those of its neighbours. It is put
  between its neighbours.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median_low

#: Frames that a decoder reorders at most (H.264 and H.265: 16). Stamps further from their place in the order
#: are no reordering.
REORDER_WINDOW = 16
# Frames after a clock has fallen back that stay below its former value. A single late frame is jitter.
_FALLEN_FRAMES = 3

# Units of time that are so few in a frame are not the result of rounding.
_COARSE_UNITS = 4

_REORDERED = "the time stamps in the file are not in the order of showing; they were put in order"

Stamps = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class StampRow:
    """Time stamps of the frames of a file, in the order of showing.

    Attributes:
        pts: strictly growing; may be left out where the stamps are those of the file.
        notes: one sentence for each kind of repair; empty where the stamps are those of the file.
        shifts: for each time that the clock falls back, the units by which all later frames are moved.
    """

    pts: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    shifts: tuple[int, ...] = ()

    @property
    def is_repaired(self) -> bool:
        """Whether any stamp may differ from that in the file."""
        return bool(self.notes)

    @property
    def length(self) -> int:
        """Units from the first stamp to the end of the last frame, which lasts a usual step."""
        return self.pts[-1] - self.pts[0] + _usual_step(self.pts, 1)


#: The stamps of a file that need no repair.
AS_STORED = StampRow()


def order_stamps(pts: Stamps, dts: Stamps = (), *, time_base: Fraction, step: int) -> StampRow:
    """Put the time stamps of the frames of a file into a strictly growing row.

    Args:
        pts: presentation time stamps in the order of the decoder; None where a frame has none.
        dts: for each frame, the decoding time stamp of the packet that made the decoder return it; may be
            empty. In a file without right presentation times it is the time of showing.
        time_base: seconds per unit, for the notes.
        step: usual distance of two frames, where the stamps do not tell it.
    """
    if not any(stamp is None for stamp in pts) and _grows(pts):
        return StampRow(tuple(stamp for stamp in pts if stamp is not None))
    decoding = list(dts) if len(dts) == len(pts) else [None] * len(pts)
    # FFmpeg makes the same choice for files without presentation times.
    given = [later if stamp is None else stamp for stamp, later in zip(pts, decoding, strict=True)]
    values = _without_outliers(given)
    falls = _clock_falls(values, decoding)
    done: list[int] = []
    shifts: list[int] = []
    is_reordered, alone = False, 0
    for first, end in pairwise((0, *falls, len(values))):
        part, was_reordered = _in_order(
            values[first:end], decoding[first:end], step, has_successor=end < len(values)
        )
        usual = _usual_step(part, step)
        alone += sum(later is None or earlier == later for earlier, later in pairwise(part))
        alone += part[0] is None
        spread = _spread(part, usual)
        # Later parts go on at the usual distance, whatever their clock says.
        shift = done[-1] + usual - spread[0] if done else 0
        shifts.append(shift)
        done += [stamp + shift for stamp in spread]
        is_reordered |= was_reordered
    notes = [_fall_note(given, falls, time_base)] if falls else []
    notes += [_REORDERED] if is_reordered else []
    if alone:
        notes.append(f"frames without a time stamp of their own were put between their neighbours: {alone}")
    return StampRow(tuple(done), tuple(notes), tuple(shifts[1:]))


class DurationCheck:
    """Check of the durations that a file states, frame by frame, by the times of the frames.

    Some files state the distance of packets, or of the fields of interlaced pictures. Such durations differ
    from the distances of the frames, and are not used.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._end: int | None = None
        self._right = self._wrong = 0

    @property
    def is_sure(self) -> bool:
        """Whether every frame so far had the duration that was stated."""
        return not self._wrong

    def accept(self, pts: int, duration: int | None) -> int:
        """Return the duration of the next frame, or 0 if most frames before had others than were stated."""
        if self._end is not None and self._last is not None:
            is_right = is_rounded(self._end - self._last, pts - self._last)
            self._right += is_right
            self._wrong += not is_right
        self._last, self._end = pts, pts + duration if duration else None
        return duration if duration and self._right >= self._wrong else 0


def is_rounded(duration: int, step: int) -> bool:
    """Whether two durations differ by no more than rounding to a unit such as a millisecond."""
    return duration == step or (abs(duration - step) == 1 and step > _COARSE_UNITS)


def _grows(stamps: Iterable[int | None]) -> bool:
    """Whether the known stamps grow strictly."""
    known = [stamp for stamp in stamps if stamp is not None]
    return all(earlier < later for earlier, later in pairwise(known))


def _fall_note(values: Stamps, falls: Sequence[int], time_base: Fraction) -> str:
    number = falls[0]
    before, after = (_seconds(values[at], time_base) for at in (number - 1, number))
    places = f"at frame {number}" if len(falls) == 1 else f"at {len(falls)} places, first at frame {number}"
    return (
        f"the clock of the clip falls back {places}, from {before} s to {after} s; "
        "the frames from there on follow without a gap and keep their distances"
    )


def _seconds(stamp: int | None, time_base: Fraction) -> str:
    return "?" if stamp is None else f"{float(stamp * time_base):.3f}"


def _without_outliers(values: Stamps) -> list[int | None]:
    """Replace single stamps that are far from those of both neighbours by None."""
    found = list(values)
    for at in range(1, len(found) - 1):
        before, here, after = found[at - 1], found[at], found[at + 1]
        if before is None or here is None or after is None or not before < after:
            continue
        is_peak = here > after and _count_below(found, at + 1, here) > REORDER_WINDOW
        is_dip = here < before and _count_above(found, at, here, 0) > REORDER_WINDOW
        if is_peak or is_dip:
            found[at] = None
    return found


def _count_below(values: Stamps, at: int, limit: int) -> int:
    """Stamps from ``at`` on that are below a limit without a break, counted up to the window and one."""
    count = 0
    for stamp in values[at : at + REORDER_WINDOW + 1]:
        if stamp is not None and stamp >= limit:
            break
        count += 1
    return count


def _count_above(values: Stamps, end: int, limit: int, first: int) -> int:
    """Stamps before ``end`` that are above a limit without a break, counted up to the window and one."""
    count = 0
    for stamp in reversed(values[max(first, end - REORDER_WINDOW - 1) : end]):
        if stamp is not None and stamp <= limit:
            break
        count += 1
    return count


def _clock_falls(values: Stamps, dts: Stamps) -> list[int]:
    """Numbers of the frames at which the clock starts again at an earlier time."""
    drops = _drops(dts)
    found: list[int] = []
    first, highest = 0, None
    for at, stamp in enumerate(values):
        if stamp is None:
            continue
        if highest is not None and stamp < highest:
            below = _count_below(values, at, highest)
            above = _count_above(values, at, stamp, first)
            # A reordered frame passes at most as many others as a decoder holds back.
            is_far = max(below, above) > REORDER_WINDOW
            is_near = bisect_left(drops, at - REORDER_WINDOW) < bisect_right(drops, at + REORDER_WINDOW)
            if is_far or (is_near and below >= _FALLEN_FRAMES):
                found.append(at)
                first, highest = at, stamp
                continue
        highest = stamp if highest is None else max(highest, stamp)
    return found


def _drops(dts: Stamps) -> list[int]:
    """Numbers of the frames whose decoding time is earlier than one before: never so in one recording."""
    known = [(number, stamp) for number, stamp in enumerate(dts) if stamp is not None]
    return [number for (_, earlier), (number, later) in pairwise(known) if later < earlier]


def _in_order(
    values: Stamps, dts: Stamps, step: int, *, has_successor: bool
) -> tuple[list[int | None], bool]:
    """Put the known stamps of one part in order, and say whether they were not."""
    known = [stamp for stamp in values if stamp is not None]
    if all(earlier <= later for earlier, later in pairwise(known)):
        return list(values), False
    by_decoding = _decoding_times(dts, step, has_successor=has_successor)
    if by_decoding is not None:
        return by_decoding, True
    ordered = iter(sorted(known))
    return [None if stamp is None else next(ordered) for stamp in values], True


def _decoding_times(dts: Stamps, step: int, *, has_successor: bool) -> list[int | None] | None:
    """The decoding times as times of showing; None where they do not grow.

    The last frames come out of the decoder after the last packet and have none. Those of a part that has a
    successor have its times.
    """
    growing: list[int | None] = []
    last: int | None = None
    for stamp in dts:
        if stamp is None or (last is not None and stamp <= last):
            break
        growing.append(stamp)
        last = stamp
    left = dts[len(growing) :]
    is_rest = len(left) <= REORDER_WINDOW and (has_successor or not any(stamp is not None for stamp in left))
    if last is None or not is_rest:
        return None
    usual = _usual_step(growing, step)
    return [*growing, *(last + usual * count for count in range(1, len(left) + 1))]


def _usual_step(stamps: Stamps, step: int) -> int:
    """Middle distance of neighbours in an ordered row; ``step`` where there is none."""
    known = [stamp for stamp in stamps if stamp is not None]
    steps = [later - earlier for earlier, later in pairwise(known) if later > earlier]
    return median_low(steps) if steps else max(step, 1)


def _spread(values: Stamps, step: int) -> list[int]:
    """Give frames without a stamp of their own places between their neighbours."""
    at = next((number for number, stamp in enumerate(values) if stamp is not None), None)
    if at is None:
        return [number * step for number in range(len(values))]
    first = values[at]
    assert first is not None
    done = [first - step * count for count in range(at, 0, -1)]
    while at < len(values):
        here = values[at]
        assert here is not None
        end = at + 1
        while end < len(values) and values[end] in (None, here):
            end += 1
        after = values[end] if end < len(values) else None
        gap = step if after is None else max(1, min(step, (after - here) // (end - at)))
        for count in range(end - at):
            # Where there is no room, the row still grows.
            done.append(max(here + gap * count, done[-1] + 1 if done else here))
        at = end
    return done
