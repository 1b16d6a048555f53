"""Contract tests of carriers with keys: each :class:`cssv.carriers.keyed.KeyedCarrier` inherits them.

::

    class TestMyCarrierWithAKey(KeyedCarrierContract):
        def carriers(self):
            return [MyCarrier()]
"""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from cssv.carriers.base import AnyCarrier, Extracted, Hint
from cssv.carriers.keyed import KeyedCarrier, give_key, key_of
from cssv.carriers.windows import window_codec
from cssv.frames import Frame, Layout
from cssv.payload.sealing import PayloadKey
from cssv.testing.carrier import RANGES, content_of, smooth_frame, some_objects

#: Keys of two passwords; deriving real ones would take long.
KEY = PayloadKey(bytes(range(32)), bytes(range(64)))
OTHER = PayloadKey(bytes(range(1, 33)), bytes(range(1, 65)))
#: Frames of a window in these tests.
COUNT = 6


class KeyedCarrierContract(ABC):
    """Tests that any carrier with keys must pass, beside those of its kind."""

    @abstractmethod
    def carriers(self) -> Sequence[AnyCarrier]:
        """Carriers without a key."""

    def test_a_key_is_no_option(self) -> None:
        """A key makes another carrier, and neither its options nor its text show the key."""
        for carrier in self.carriers():
            assert isinstance(carrier, KeyedCarrier)
            keyed = give_key(carrier, KEY)
            assert key_of(carrier) is None
            assert key_of(keyed) == KEY
            assert keyed.options() == carrier.options()
            for secret in (KEY.positions, KEY.sealing):
                assert secret.hex() not in repr(keyed)
                assert repr(secret)[2:-1] not in repr(keyed)

    def test_content_comes_back_with_its_key(self) -> None:
        """What was embedded with a key is extracted with it, and is the same as without a key."""
        for carrier, layout in self._cases():
            keyed = give_key(carrier, KEY)
            found, plain = (_extract(each, _embed(each, layout)) for each in (keyed, carrier))
            assert len(found) == COUNT
            for one, other in zip(found, plain, strict=True):
                assert one is not None
                assert other is not None
                assert one.number == other.number
                assert one.is_intact
                tracks = [state.track for state in some_objects()]
                assert [state.track for state in one.states(RANGES)] == tracks

    def test_content_needs_its_key(self) -> None:
        """Without the key, or with another one, the pixels carry nothing."""
        for carrier, layout in self._cases():
            stegos = _embed(give_key(carrier, KEY), layout)
            for reader in (carrier, give_key(carrier, OTHER)):
                assert not any(found is not None for found in _extract(reader, stegos))

    def test_equal_arguments_give_equal_bytes(self) -> None:
        """Versions share frames and several processes encode one clip, so that sealing must not be random."""
        for carrier, layout in self._cases():
            keyed = give_key(carrier, KEY)
            other = pickle.loads(pickle.dumps(keyed))
            for one, again in zip(_embed(keyed, layout), _embed(other, layout), strict=True):
                assert np.array_equal(one.planes, again.planes)

    def _cases(self) -> Iterator[tuple[AnyCarrier, Layout]]:
        return ((carrier, layout) for carrier in self.carriers() for layout in carrier.layouts)


def _covers(layout: Layout) -> list[Frame]:
    return [smooth_frame(layout, number, seed=number + 1) for number in range(COUNT)]


def _embed(carrier: AnyCarrier, layout: Layout) -> list[Frame]:
    """The stego frames of a window."""
    covers = _covers(layout)
    contents = [content_of(cover, some_objects()) for cover in covers]
    return [each.stego for each in window_codec(carrier).embed_window(covers, contents, 0)]


def _extract(carrier: AnyCarrier, stegos: Sequence[Frame]) -> list[Extracted | None]:
    """The content of each frame."""
    extractor = window_codec(carrier).extractor()
    reads = [read for stego in stegos for read in extractor.feed(stego, Hint())]
    return [found for _, found in (*reads, *extractor.finish())]
