"""Extraction of the mixed carrier: what cells and room tell of the frames of one source."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import lru_cache

from cssv.carriers.base import CarriedClip, Extracted, Hint, Read
from cssv.carriers.nibble.cell_tag_record import FRAME_BITS
from cssv.carriers.nibble.clip_tag import ClipFacts
from cssv.carriers.nibble.mixed_extract import MixedExtract
from cssv.carriers.nibble.mixed_picture import ReadPicture, find_phase, read_picture
from cssv.carriers.nibble.object_tag import Place
from cssv.carriers.robust.extractor import RobustExtractor
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.slots import MOST_BYTES, WINDOW_S
from cssv.frames import MACROBLOCK_PX, Frame
from cssv.scene import GivenRanges, Ranges, Scene

#: In one of so many frames, tags are searched as in a piece of a frame.
_THOROUGH = 5
#: So many tags show that a source has tags. In long clips without any, one is found by chance.
_CERTAIN = 2
#: Half the number of frames after which the numbers in tags of objects repeat.
_HALF = 1 << FRAME_BITS - 1
#: Seconds of frames in which tags are searched. Any piece of this length holds clip tags.
SEARCH_S = Fraction(WINDOW_S)


@dataclass(frozen=True, slots=True)
class _Reference:
    """A frame of the source, and its number and time in the encoded clip."""

    frame: Frame
    number: int
    pts: int | None = None


class MixedExtractor:
    """Extractor of the mixed carrier; implements :class:`cssv.carriers.base.Extractor`.

    Frames of a file that is known to be as written are returned at once. Frames of a copy wait until clip
    tags tell its units, and then for the room, which tells the scene, the place of a piece in the picture,
    and the objects outside of it. A source without any tag is given up.
    """

    def __init__(self) -> None:
        self._phase: tuple[int, int] | None = None
        self._tags = 0
        self._facts = ClipFacts()
        self._reference: _Reference | None = None
        self._waiting: deque[tuple[Frame, ReadPicture]] = deque()
        self._room: RobustExtractor | None = None
        self._is_given_up = False

    @property
    def reach_s(self) -> Fraction:
        """The length of a window of the room."""
        return SEARCH_S

    def feed(self, stego: Frame, hint: Hint) -> Iterator[Read]:
        """Take the next frame; returns the frames whose content is known now."""
        if self._is_given_up or stego.layout != "yuv420p":
            yield from self._give_up()
            yield stego, None
            return
        if hint.is_verified:
            picture = read_picture(stego.luma())
            self._note(stego, picture)
            content = self._content(stego, picture, stego.number, stego.pts, None)
            if content.clip is not None:
                # The file can have a finer time base than its clip.
                content.clip = replace(content.clip, time_base=stego.time_base)
            yield stego, content
            return
        if self._tags < _CERTAIN:
            self._search(stego)
        picture = read_picture(stego.luma(), self._phase or (0, 0))
        self._tags += sum(map(self._certainty, picture.places))
        self._note(stego, picture)
        self._waiting.append((stego, picture))
        if self._room is not None:
            yield from self._joined(self._room.feed(stego, Hint()))
        elif self._is_known() or self._is_enough():
            yield from self._begin()

    def finish(self) -> Iterator[Read]:
        """Return the frames that still wait."""
        if self._room is None and self._waiting:
            yield from self._begin()
        if self._room is not None:
            yield from self._joined(self._room.finish())

    def _search(self, stego: Frame) -> None:
        """Search the tags of a frame for where cells begin."""
        # Most frames have tags, and a search of all phases takes long.
        found = find_phase(stego.luma(), is_whole=len(self._waiting) % _THOROUGH != 0)
        if found is not None and found != self._phase:
            self._phase, self._tags = found, 0

    def _certainty(self, place: Place) -> int:
        """For how many tags one counts. One on the grid of a whole frame is hardly there by chance."""
        is_on_grid = self._phase in (None, (0, 0)) and not any(at % MACROBLOCK_PX for at in place)
        return _CERTAIN if is_on_grid else 1

    def _begin(self) -> Iterator[Read]:
        """Open the room of a source with tags. A lossy copy has none: another carrier reads it."""
        if self._phase is None or not (self._tags >= _CERTAIN or self._is_known()):
            yield from self._give_up()
            return
        self._room = RobustExtractor(PUBLIC_KEY)
        for frame in [frame for frame, _ in self._waiting]:
            yield from self._joined(self._room.feed(frame, Hint()))

    def _is_known(self) -> bool:
        """Whether clip tags have told the units."""
        return self._facts.ranges is not None and self._facts.time_base is not None

    def _is_enough(self) -> bool:
        """Whether the waiting frames hold clip tags, or fill the memory that they may take."""
        first, last = self._waiting[0][0], self._waiting[-1][0]
        return last.time - first.time >= SEARCH_S or len(self._waiting) * last.planes.nbytes >= MOST_BYTES

    def _give_up(self) -> Iterator[Read]:
        self._is_given_up = True
        while self._waiting:
            yield self._waiting.popleft()[0], None

    def _joined(self, reads: Iterable[Read]) -> Iterator[Read]:
        """Frames that the room returns, with what their cells tell."""
        for _, room in reads:
            frame, picture = self._waiting.popleft()
            number, pts = self._place(frame, picture)
            yield frame, self._content(frame, picture, number, pts, room)

    def _note(self, frame: Frame, picture: ReadPicture) -> None:
        """Remember what the tags of a picture tell of the clip."""
        told = picture.facts
        self._facts = _merged(self._facts, told)
        if told.frame is not None:
            self._reference = _Reference(frame, told.frame, told.pts)
        elif picture.frame is not None and self._reference is None:
            self._reference = _Reference(frame, picture.frame)

    def _place(self, frame: Frame, picture: ReadPicture) -> tuple[int, int]:
        """Number and pts of a frame in the encoded clip."""
        known = self._reference
        if known is None:
            return frame.number, frame.pts
        number = max(known.number + frame.number - known.frame.number, 0)
        if picture.frame is not None:
            # Tags of objects have the last bits of the number.
            number += (picture.frame - number + _HALF) % (2 * _HALF) - _HALF
        base = self._facts.time_base or frame.time_base
        if known.pts is None:
            return number, round(frame.time / base)
        return number, known.pts + round((frame.time - known.frame.time) / base)

    def _content(
        self, frame: Frame, picture: ReadPicture, number: int, pts: int, room: Extracted | None
    ) -> MixedExtract:
        clip, size = self._clip(room), (frame.width, frame.height)
        is_whole = clip is None or clip.size in (None, size)
        return MixedExtract(
            frame, picture, number, pts, clip, room, labels=self._facts.labels, is_whole=is_whole
        )

    def _clip(self, room: Extracted | None) -> CarriedClip | None:
        """What is known of the clip: units from clip tags, the scene from the room."""
        told = None if room is None else room.clip
        facts = self._facts
        if facts.ranges is None or facts.time_base is None:
            return told
        if told is not None:
            return replace(told, ranges=facts.ranges, time_base=facts.time_base)
        return _clip_of(facts.ranges, facts.time_base, facts.size)


@lru_cache(maxsize=8)
def _clip_of(ranges: Ranges, time_base: Fraction, size: tuple[int, int] | None) -> CarriedClip:
    """What clip tags alone tell of a clip. Kept, because each frame asks for the same."""
    given = GivenRanges(ranges.speed_px_s, ranges.temperature_c, ranges.density_kg_m3)
    return CarriedClip(ranges, Scene(ranges=given), time_base, size)


def _merged(known: ClipFacts, told: ClipFacts) -> ClipFacts:
    """What is known of a clip, with what later tags tell."""
    values = {each.name: getattr(told, each.name) for each in fields(ClipFacts)}
    given = {name: value for name, value in values.items() if value is not None}
    return replace(known, **(given | {"labels": {**known.labels, **told.labels}}))
