"""The mixed carrier: the contracts of window carriers and of carriers with finer regions."""

from fractions import Fraction

from cssv.carriers.nibble.mixed import MixedCarrier
from cssv.testing.region_carrier import RegionCarrierContract
from cssv.testing.window_carrier import WindowCarrierContract


class TestMixed(WindowCarrierContract, RegionCarrierContract):
    """Small pictures, which have no room."""

    def carriers(self):
        return [MixedCarrier(has_room=False)]


class TestMixedWithRoom(WindowCarrierContract):
    """Pictures with a room."""

    size = (640, 480)
    rate = Fraction(4)

    def carriers(self):
        return [MixedCarrier()]
