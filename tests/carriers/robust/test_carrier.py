"""The robust carrier by the contract of window carriers."""

from __future__ import annotations

from fractions import Fraction

from cssv.carriers.robust.carrier import RobustCarrier
from cssv.carriers.robust.strength import Response
from cssv.testing.window_carrier import WindowCarrierContract


class TestRobustCarrier(WindowCarrierContract):
    size = (512, 384)
    rate = Fraction(4)

    def carriers(self):
        return [RobustCarrier(), RobustCarrier(48.0), RobustCarrier(response=Response((0.02, 0.1, 0.2)))]
