"""The sparse nibble carrier keeps the carrier contract."""

from __future__ import annotations

from cssv.carriers.nibble.merge import MERGES
from cssv.carriers.nibble.sparse import SparseCarrier
from cssv.testing.carrier import CarrierContract


class TestSparseCarrier(CarrierContract):
    def carriers(self):
        return [SparseCarrier(merge) for merge in MERGES]
