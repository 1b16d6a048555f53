"""What is read from copies: whole windows at known times, and pieces of unknown place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cssv.carriers.robust.channel import ChannelReader
from cssv.carriers.robust.codewords import codeword_length, information_bits
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lattice import SLOTS_OF_WINDOW
from cssv.carriers.robust.lock import find_lock
from cssv.carriers.robust.marks import MarkWriter
from cssv.carriers.robust.pilot import slot_of
from cssv.carriers.robust.window_reader import WindowReader
from cssv.frames import U8
from survival.marked import Marked


@dataclass(slots=True)
class Tally:
    """Pieces and windows that were read.

    Attributes:
        pieces: number of pieces, and of those with at least one right payload.
        windows: number of windows that lie in pieces as a whole, and of those that are right.
        wrong: payloads that nobody sent.
        lost: places of the pieces without a right payload, as numbers of their first frames.
    """

    pieces: list[int] = field(default_factory=lambda: [0, 0])
    windows: list[int] = field(default_factory=lambda: [0, 0])
    wrong: int = 0
    lost: list[int] = field(default_factory=list)

    def add(self, marked: Marked, first: int, count: int, found: Sequence[bytes]) -> None:
        """Add a piece.

        Args:
            marked: the clip that it is from.
            first: number of its first frame.
            count: number of its frames.
            found: payloads that were read.
        """
        piece = range(first, first + count)
        near = {marked.payloads[marked.window(number)] for number in piece}
        self.wrong += sum(payload not in near for payload in found)
        whole = [
            number
            for number, window in enumerate(marked.windows)
            if window[0] in piece and window[-1] in piece and is_whole(marked, number)
        ]
        is_right = bool(near & set(found))
        self.pieces[0] += 1
        self.pieces[1] += is_right
        self.windows[0] += len(whole)
        self.windows[1] += sum(marked.payloads[number] in found for number in whole)
        if not is_right:
            self.lost.append(first)


def is_whole(marked: Marked, number: int) -> bool:
    """Whether a window has frames of both its slots to the end; the last one of a clip may not."""
    # A last frame may be missing where the rate is no whole number.
    return len(marked.windows[number]) >= SLOTS_OF_WINDOW * marked.clip.rate - 1


def read_piece(marked: Marked, planes: Sequence[U8]) -> list[bytes]:
    """Payloads of a piece of a copy, of which neither time nor strength is known."""
    frames = [marked.clip.frame(number, each) for number, each in enumerate(planes)]
    lock = find_lock(
        [frame.luma() for frame in frames], [frame.time for frame in frames], PUBLIC_KEY, full_search=False
    )
    if lock is None:
        return []
    reader = WindowReader(lock, PUBLIC_KEY)
    reads = [read for frame in frames for read in reader.add(frame)] + reader.finish()
    return [read.payload for read in reads if read.payload is not None]


@dataclass(frozen=True, slots=True)
class WindowResult:
    """A window of a whole copy.

    Attributes:
        is_right: whether its payload came back.
        margin: information of its soft values, in bits for each bit of the payload class. The decoder needs
            about 1.4.
        slots: the same of each of its slots alone.
    """

    is_right: bool
    margin: float
    slots: tuple[float, ...]


def read_windows(marked: Marked, copy: Sequence[U8]) -> list[WindowResult]:
    """All whole windows of a copy whose times are those of the clip."""
    clip, results = marked.clip, list[WindowResult]()
    reader = ChannelReader(MarkWriter(clip.height, clip.width).layer.area)
    bits = 8 * marked.class_bytes
    for number, window in enumerate(marked.windows):
        if not is_whole(marked, number):
            continue
        for at in window:
            reader.add(copy[at][: clip.height], slot_of(at / clip.rate))
        payload = reader.read_window(number)
        soft = reader.codeword_ratios(number, codeword_length(marked.class_bytes))
        slots = [SLOTS_OF_WINDOW * number + part for part in range(SLOTS_OF_WINDOW)]
        chips = [information_bits(reader.ratios(slot).ravel()) / bits for slot in slots]
        results.append(
            WindowResult(payload == marked.payloads[number], information_bits(soft) / bits, tuple(chips))
        )
        for slot in slots:
            reader.forget(slot)
    return results
