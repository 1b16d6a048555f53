"""The contract of carriers whose content decodes exactly in lossy files, for a tiny one."""

from __future__ import annotations

from cssv.testing.region_carrier import RegionCarrierContract
from tests.carriers.cell_carrier import CellCarrier


class TestCells(RegionCarrierContract):
    def carriers(self):
        return [CellCarrier(), CellCarrier(step=12.0)]
