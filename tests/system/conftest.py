"""Fixtures: real clips, encoded once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import cssv

#: Scene of vtest.avi: all people have one temperature; track 9 has a fever, track 10 an estimated value.
PEOPLE = {
    "cssv_scene": 1,
    "environment": {"ambient_temperature_c": 17.5, "humidity_pct": 61, "lighting_lux": 450},
    "objects": [
        {"match": {"label": "*"}, "temperature_c": {"value": 36.2, "sigma": 0.5}, "density_kg_m3": 985},
        {"match": {"track": 9}, "temperature_c": {"value": 39.5, "sigma": 3}, "density_kg_m3": 1040},
        {"match": {"track": 10}, "temperature_c": {"value": 12, "sigma": 8, "source": "estimated"}},
    ],
    "ranges": {"temperature_c": [-20, 60], "density_kg_m3": [0, 2000]},
}


@pytest.fixture(scope="session")
def vtest(data: Path) -> Path:
    return data / "clips" / "vtest.avi"


@pytest.fixture(scope="session")
def bunny(data: Path) -> Path:
    return data / "clips" / "bigbuckbunny.mp4"


@pytest.fixture(scope="session")
def truth_boxes(data: Path) -> Path:
    return data / "mot15" / "PETS09-S2L1" / "gt" / "gt.txt"


@pytest.fixture(scope="session")
def encoded(
    tmp_path_factory: pytest.TempPathFactory, vtest: Path, bunny: Path, truth_boxes: Path
) -> Callable[..., Path]:
    """``encoded("vtest", "full")``: the whole clip, encoded once per session."""
    folder = tmp_path_factory.mktemp("encoded")

    def make(name: str, fidelity: str = "full") -> Path:
        path = folder / f"{name}-{fidelity}.cssv"
        if not path.exists():
            if name == "vtest":
                cssv.encode(vtest, path, scene=PEOPLE, boxes=truth_boxes, rate=7, fidelity=fidelity)
            else:
                cssv.encode(bunny, path, fidelity=fidelity)
        return path

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put all tests that share the encoded clips on one worker."""
    for item in items:
        if Path(__file__).parent == item.path.parent:
            item.add_marker(pytest.mark.xdist_group("real clips"))
