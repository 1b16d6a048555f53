"""The mixed carrier in lossy files: what is drawn comes back exactly."""

from __future__ import annotations

from cssv.carriers.nibble.mixed import MixedCarrier
from cssv.testing.region_carrier import RegionCarrierContract


class TestMixed(RegionCarrierContract):
    def carriers(self):
        return [MixedCarrier(has_room=False)]
