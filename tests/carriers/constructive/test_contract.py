"""The constructive carrier keeps the contract of window carriers."""

from __future__ import annotations

from fractions import Fraction

from cssv.carriers.constructive.carrier import ConstructiveCarrier
from cssv.testing.keyed_carrier import KEY, KeyedCarrierContract
from cssv.testing.window_carrier import WindowCarrierContract


class TestConstructiveCarrier(WindowCarrierContract):
    def carriers(self):
        return [
            ConstructiveCarrier(),
            ConstructiveCarrier(Fraction(3, 2)),
            ConstructiveCarrier().with_key(KEY),
        ]


class TestConstructiveCarrierWithAKey(KeyedCarrierContract):
    def carriers(self):
        return [ConstructiveCarrier()]
