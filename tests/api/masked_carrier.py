"""A small carrier with a key: the nibble carrier, whose low nibbles are changed by a byte of the key."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.frames import LAYOUTS, Layout
from cssv.payload.sealing import PayloadKey


@dataclass(frozen=True)
class MaskedCarrier:
    name: ClassVar[str] = "masked"
    needs_lossless: ClassVar[bool] = True
    layouts: ClassVar[tuple[Layout, ...]] = LAYOUTS

    payload_key: PayloadKey | None = None
    inner: NibbleCarrier = field(default_factory=NibbleCarrier)

    @classmethod
    def from_options(cls, _options):
        return cls()

    def with_key(self, key):
        return replace(self, payload_key=key)

    def options(self):
        return {}

    def embed(self, cover, content):
        return self._masked(self.inner.embed(cover, content))

    def extract(self, stego, hint=None):
        return self.inner.extract(self._mask(stego), hint)

    def replace(self, stego, content, cover=None, unmarked=()):
        return self._masked(self.inner.replace(self._mask(stego), content, cover, unmarked))

    def replace_notes(self, stego, content):
        return self.inner.replace_notes(self._mask(stego), content)

    def may_come_from(self, stego, cover):
        return self.inner.may_come_from(self._mask(stego), cover)

    def _masked(self, embedded):
        return replace(embedded, stego=self._mask(embedded.stego))

    def _mask(self, frame):
        if self.payload_key is None:
            return frame
        # Never 0, which would change nothing.
        value = np.uint8(1 + self.payload_key.positions[0] % 15)
        return replace(frame, planes=frame.planes ^ value)
