"""The form ``full`` of version 2 passes the contract of window carriers."""

from __future__ import annotations

from collections.abc import Sequence

from cssv.carriers.base import WindowCarrier
from cssv.carriers.nibble.full import FullCarrier
from cssv.testing.window_carrier import WindowCarrierContract


class TestFullCarrier(WindowCarrierContract):
    """Both grains, with the fewest and the most levels."""

    def carriers(self) -> Sequence[WindowCarrier]:
        """One for each grain."""
        return [FullCarrier(8, "coarse"), FullCarrier(12, "fine")]
