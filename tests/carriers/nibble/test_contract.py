"""The nibble carrier keeps the carrier contract."""

from __future__ import annotations

from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.carriers.nibble.forms import FIDELITIES
from cssv.carriers.nibble.merge import MERGES
from cssv.testing.carrier import CarrierContract


class TestNibbleCarrier(CarrierContract):
    def carriers(self):
        return [NibbleCarrier(merge, fidelity) for merge in MERGES for fidelity in FIDELITIES]
