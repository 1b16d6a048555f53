"""Search for the carrier of a source that does not name it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from cssv.carriers import CARRIERS
from cssv.carriers.base import AnyCarrier, Carrier, Extractor, Hint, Read
from cssv.carriers.keyed import KeyedCarrier
from cssv.carriers.windows import FrameExtractor
from cssv.frames import Frame
from cssv.payload.sealing import PayloadKey


class CarrierSearch:
    """Extractor that finds the carrier by itself; implements :class:`cssv.carriers.base.Extractor`.

    All frames of a source have one carrier. Frame carriers are tried on the first frame. If none of them
    finds anything, the frames wait until a window carrier does, or until all of them have given up.

    Args:
        key: of a password; carriers that can have a key are tried with it, too.

    Attributes:
        carrier: the carrier; None until it is found.
    """

    def __init__(self, key: PayloadKey | None = None) -> None:
        self.carrier: AnyCarrier | None = None
        self._key = key
        self._chosen: Extractor | None = None
        self._open: list[tuple[AnyCarrier, Extractor]] | None = None
        self._first: Frame | None = None

    @property
    def reach_s(self) -> Fraction:
        """That of the extractor chosen."""
        return Fraction(0) if self._chosen is None else self._chosen.reach_s

    def feed(self, stego: Frame, hint: Hint) -> Iterator[Read]:
        """Take the next frame; returns the frames whose content is known now."""
        if self._open is None:
            self._first, self._open = stego, []
            self._begin(stego, hint)
        if self._chosen is not None:
            yield from self._chosen.feed(stego, hint)
            return
        for each in list(self._open):
            yield from self._choose(each, list(each[1].feed(stego, hint)))
            if self._chosen is not None:
                return
        if not self._open and self._first is not None:
            yield self._first, None

    def finish(self) -> Iterator[Read]:
        """Return the frames that still wait."""
        if self._chosen is not None:
            yield from self._chosen.finish()
            return
        is_waiting = bool(self._open)
        for each in list(self._open or ()):
            yield from self._choose(each, list(each[1].finish()))
            if self._chosen is not None:
                return
        # Frames that an extractor has given up were returned already.
        if is_waiting and self._first is not None:
            yield self._first, None

    def _begin(self, first: Frame, hint: Hint) -> None:
        """Try the frame carriers, and open an extractor for each window carrier."""
        assert self._open is not None
        for carrier in self._carriers():
            if not isinstance(carrier, Carrier):
                self._open.append((carrier, carrier.extractor()))
            elif carrier.extract(first, hint) is not None:
                self.carrier, self._chosen = carrier, FrameExtractor(carrier)
                return

    def _carriers(self) -> Iterator[AnyCarrier]:
        for name in CARRIERS:
            carrier = CARRIERS[name].from_options({})
            if self._key is not None and isinstance(carrier, KeyedCarrier):
                yield carrier.with_key(self._key)
            # A password that is not needed does no harm: programs may give one for all their files.
            yield carrier

    def _choose(self, opened: tuple[AnyCarrier, Extractor], reads: list[Read]) -> list[Read]:
        """Choose an extractor that has found something, and drop one that has given up."""
        assert self._open is not None
        if any(found is not None for _, found in reads):
            self.carrier, self._chosen = opened
            return reads
        if reads:
            self._open.remove(opened)
        return []
