"""Fixtures: real clips, encoded once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cssv
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.testing.fixtures import SharedFolder

#: Frames per second of vtest.avi, whose header is wrong; seconds of the short clip.
RATE, SHORT_S = 7, 20

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

#: Forms of a file -> arguments of :func:`cssv.encode` that choose them. "first": version 1 of the pixels.
FORMS: dict[str, dict[str, Any]] = {
    "sparse": {"lossless": True},
    "full": {"fidelity": "full"},
    "mixed": {},
    "first": {"carrier": NibbleCarrier(fidelity="full")},
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
def encoded(shared_folder: SharedFolder, data: Path, bunny: Path, truth_boxes: Path) -> Callable[..., Path]:
    """``encoded("vtest", "sparse")``: a whole clip in a form of FORMS, encoded once for all workers.

    "short" is the first 20 s of vtest, 140 frames.
    """
    # The fixture vtest means something else in the folder versions, which uses this one too.
    vtest = data / "clips" / "vtest.avi"

    def make(name: str, form: str = "sparse") -> Path:
        def write(folder: Path) -> None:
            path, options = folder / "clip.cssv", FORMS[form]
            if name == "bunny":
                cssv.encode(bunny, path, **options)
            else:
                stop = None if name == "vtest" else SHORT_S
                cssv.encode(vtest, path, scene=PEOPLE, boxes=truth_boxes, rate=RATE, stop=stop, **options)

        return shared_folder(f"{name} {form}", write) / "clip.cssv"

    return make


@pytest.fixture(scope="session")
def stego(encoded: Callable[..., Path]) -> Path:
    """The first 20 s of vtest, lossless; read only."""
    return encoded("short")


@pytest.fixture(scope="session")
def bunny_frames(shared_folder: SharedFolder, bunny: Path) -> Callable[..., Path]:
    """``bunny_frames(planes="rgb")``: the first ten frames of bunny, lossless; read only."""

    def make(planes: str = "native", codec: str = "h264") -> Path:
        def write(folder: Path) -> None:
            cssv.encode(bunny, folder / "short.cssv", planes=planes, codec=codec, stop="0.4", lossless=True)

        return shared_folder(f"ten frames of bunny {planes} {codec}", write) / "short.cssv"

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder and of those in it: they use whole clips."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.series)
