"""The scene miniature: environment and ranges of a scene in the 64 bytes that every mark repeats."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from cssv.carriers.base import CarriedClip
from cssv.carriers.nibble.mark_record import Miniature
from cssv.scene import Environment, GivenRanges, Ranges, Scene, Value
from cssv.scene.check import is_span

#: Fields of the environment, under one name in a scene and in a miniature.
_ENVIRONMENT = (
    "lighting_lux",
    "humidity_pct",
    "ambient_temperature_c",
    "wind_m_s",
    "wind_deg",
    "pressure_hpa",
)
#: Decimals of an environment value read from a miniature: half precision holds no more.
_DECIMALS = 3


def make_miniature(scene: Scene, ranges: Ranges, width: int, height: int, time_base: Fraction) -> Miniature:
    """Build the miniature of a clip whose frames have this size and time base."""
    canonical = json.dumps(scene.to_json(), sort_keys=True, separators=(",", ":")).encode()
    numbers: dict[str, Any] = {name: _number(getattr(scene.environment, name)) for name in _ENVIRONMENT}
    spans = (ranges.speed_px_s, ranges.temperature_c, ranges.density_kg_m3)
    digest = hashlib.sha256(canonical).digest()[:8]
    return Miniature(*spans, width, height, time_base, digest=digest, **numbers)


def with_ranges(miniature: Miniature, ranges: Ranges) -> Miniature:
    """The miniature with other ranges. The environment stays: changing it would change every frame."""
    return replace(
        miniature,
        speed_px_s=ranges.speed_px_s,
        temperature_c=ranges.temperature_c,
        density_kg_m3=ranges.density_kg_m3,
    )


def _number(value: Value | None) -> float:
    return math.nan if value is None else value.value


def environment_notes(old: Miniature, new: Miniature) -> tuple[str, ...]:
    """A note for users if the environment of a new scene differs from that in the marks, which stays."""
    # Compared as the marks hold them: in half precision.
    if environment_numbers(old) == environment_numbers(Miniature.read(new.write())):
        return ()
    return ("the environment in the pixels stays that of the first encoding",)


def environment_numbers(miniature: Miniature) -> tuple[str, ...]:
    """The environment of a miniature, as text so that an unknown number (NaN) equals itself."""
    return tuple(repr(getattr(miniature, name)) for name in _ENVIRONMENT)


@lru_cache(maxsize=8)
def carried_clip(miniature: Miniature) -> CarriedClip:
    """What a miniature says about the clip: ranges, and a scene of environment and ranges.

    Kept, because each frame of a clip asks for the same.
    """
    numbers: dict[str, Any] = {name: getattr(miniature, name) for name in _ENVIRONMENT}
    known: dict[str, Any] = {n: Value(round(x, _DECIMALS)) for n, x in numbers.items() if not math.isnan(x)}
    speed, temperature, density = miniature.speed_px_s, miniature.temperature_c, miniature.density_kg_m3
    given = GivenRanges(_decimal(speed), _decimal(temperature), _decimal(density))
    scene = Scene(environment=Environment(**known), ranges=given)
    return CarriedClip(Ranges(speed, temperature, density), scene, miniature.time_base)


def _decimal(span: tuple[float, float]) -> tuple[float, float]:
    """A range in the digits that single precision holds; unchanged if those would make it empty."""
    low, high = (float(f"{end:.7g}") for end in span)
    return (low, high) if is_span((low, high)) else span
