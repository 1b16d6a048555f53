"""Windows in successive frames, frame by frame: no frame is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice

from cssv.carriers.constructive.keys import PUBLIC_KEY, check_key
from cssv.carriers.constructive.packets import Packet, join_packets
from cssv.carriers.constructive.search import SEARCH_FRAMES, Grid, SearchHistory
from cssv.carriers.constructive.slot_reader import (
    FoundPacket,
    PictureOrigin,
    Region,
    SlotReader,
    cut_regions,
    regions_of,
)
from cssv.carriers.constructive.slots import Mode
from cssv.carriers.constructive.tiles import PERIOD, picture_size
from cssv.errors import CarrierError, FramingError
from cssv.frames import U8, Layout, cut_planes

#: Places of the tiles in which a search reads the frames again.
PLACES_TRIED = 4


@dataclass(frozen=True, slots=True)
class BegunWindow:
    """A window of which at least one packet was read.

    Attributes:
        digest: checksum of its payload, 16 bits.
        start: its first frame, counted from the first frame that was read; below 0 if that was cut off.
        mode: how dense its bits are.
        needed: how many packets give its payload.
        packets: how many were read.
    """

    digest: int
    start: int
    mode: Mode
    needed: int
    packets: int


@dataclass(frozen=True, slots=True)
class CarriedWindow:
    """The payload of a window that was read from pixels.

    Attributes:
        start: its first frame, counted from the first frame that was read; below 0 if that was cut off.
        mode: how dense its bits are.
        needed: how many packets gave the payload.
        payload: the bytes that were embedded.
        origin: where the picture is in the whole frame, as most tiles state so far; None if none was read.
    """

    start: int
    mode: Mode
    needed: int
    payload: bytes
    origin: PictureOrigin | None = None


class WindowFinder:
    """A reader of the windows in the frames of one size that are fed to it, whole, cropped or cut in time.

    It tries the tiles of a whole picture first. If the first frames have no packet there, it searches other
    places of the tiles once, in bits of these frames that it kept for this purpose. Memory and time are
    bounded, whatever the pictures show.

    Attributes:
        begun: the last window of which a packet was read; None before the first one.
    """

    begun: BegunWindow | None

    def __init__(
        self,
        layout: Layout,
        key: bytes = PUBLIC_KEY,
        grid: Grid | None = None,
        search_after: int = SEARCH_FRAMES,
    ) -> None:
        """Begin without frames.

        Args:
            layout: that of the planes.
            key: that of the writer.
            grid: where the tiles are; None tries those of a whole picture and searches.
            search_after: frames without a packet after which other places are searched, and the most that are
                looked at; 0 never searches.

        Raises:
            OptionError: the key has the wrong length.
        """
        check_key(key)
        self.begun = None
        self._layout = layout
        self._key = key
        self._grid = Grid() if grid is None else grid
        self._search_after = search_after if grid is None else 0
        self._shape: tuple[int, ...] | None = None
        self._regions: list[Region] = []
        self._reader: SlotReader | None = None
        self._history: SearchHistory | None = None
        self._packets: dict[int, Packet] = {}
        self._origins: Counter[PictureOrigin] = Counter()

    @property
    def decided(self) -> int:
        """No packet will be found that begins before this frame."""
        if self._reader is None or self._history is not None:
            return 0
        return self._reader.decided

    def feed(self, planes: U8) -> list[CarriedWindow]:
        """Read the next frame.

        Args:
            planes: its planes as stored; they are not kept.

        Returns:
            Windows of which the last packet that was needed ends with this frame, in order.

        Raises:
            CarrierError: the frame has another size than those before.
        """
        if self._shape is None:
            self._begin(planes)
        if planes.shape != self._shape:
            raise CarrierError(
                "frames of one sequence differ in size",
                found=f"planes of {planes.shape}",
                bound=f"planes of {self._shape}",
                remedy="Begin a new `WindowFinder` where the size changes.",
            )
        if self._reader is None:
            return []
        packet = self._reader.feed(cut_regions(planes, self._layout, self._regions))
        if packet is not None:
            self._history = None
            return self._join(packet)
        if self._history is not None:
            self._history.add(planes)
            if len(self._history) == self._search_after:
                return self._search(self._history)
        return []

    def finish(self) -> list[CarriedWindow]:
        """Windows that a search finds in fewer frames than those after which it begins; none otherwise."""
        return [] if self._history is None else self._search(self._history)

    def _begin(self, planes: U8) -> None:
        self._shape = planes.shape
        width, height = picture_size(planes, self._layout)
        if min(width, height) < PERIOD:
            return
        self._set_grid(self._grid, width, height)
        if self._search_after:
            self._history = SearchHistory(width, height, self._layout)

    def _set_grid(self, grid: Grid, width: int, height: int) -> None:
        self._regions = regions_of(grid, width, height, self._layout)
        if self._regions:
            self._reader = SlotReader(self._layout, self._key, self._regions)

    def _search(self, history: SearchHistory) -> list[CarriedWindow]:
        """Search other places of the tiles, and read the frames again of which bits were kept."""
        self._history = None
        # Chance makes a packet now and then, so a place that gives no window is the last choice.
        tried: list[Grid] = []
        for grid in islice(history.find(self._key), PLACES_TRIED):
            windows = [] if grid in tried else self._replay(grid, history)
            if windows:
                return windows
            tried.append(grid)
        return self._replay(tried[0], history) if tried else []

    def _replay(self, grid: Grid, history: SearchHistory) -> list[CarriedWindow]:
        self._set_grid(grid, *history.size)
        self._packets, self.begun = {}, None
        self._origins.clear()
        windows = []
        for squares in history.replay():
            packet = None if self._reader is None else self._reader.feed(self._cut(squares, history))
            windows += [] if packet is None else self._join(packet)
        return windows

    def _cut(self, squares: list[U8], history: SearchHistory) -> list[U8]:
        cuts = []
        for region in self._regions:
            left, top, _, _ = history.squares[region.square]
            window = region.left - left, region.top - top, PERIOD, PERIOD
            cuts.append(cut_planes(squares[region.square], self._layout, window))
        return cuts

    def _join(self, found: FoundPacket) -> list[CarriedWindow]:
        """Add a packet to the window that it belongs to; the window, if this was the last packet it needed.

        Packets of one window follow each other. The frames between them are not counted, so that a lost or
        repeated frame damages only its own slot.
        """
        packet, begun = found.packet, self.begun
        self._origins.update(found.origins)
        last = self._packets[max(self._packets)] if self._packets else None
        if (
            begun is not None
            and last is not None
            and (last.digest, last.shape, begun.mode) == (packet.digest, packet.shape, found.mode)
            and packet.index > last.index
        ):
            self._packets[packet.index] = packet
            begun = replace(begun, packets=begun.packets + 1)
        else:
            self._packets = {packet.index: packet}
            start = found.frame - packet.index * found.mode.frames
            begun = BegunWindow(packet.digest, start, found.mode, packet.shape.needed, 1)
        self.begun = begun
        # Further packets are for repair.
        if begun.packets != begun.needed:
            return []
        try:
            payload = join_packets(self._packets)
        except FramingError:
            # Packets of two windows that look like those of one, in a clip that was cut: neither is whole.
            return []
        # Something can cover the tile that states the place, but not always and everywhere.
        origin = next((origin for origin, _ in self._origins.most_common(1)), None)
        return [CarriedWindow(begun.start, begun.mode, begun.needed, payload, origin)]
