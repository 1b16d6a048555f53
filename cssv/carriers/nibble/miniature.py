"""The scene miniature: environment and ranges of a scene in the 64 bytes that every mark repeats."""

from __future__ import annotations

import hashlib
import json
import math

from cssv.carriers.nibble.mark_record import Miniature
from cssv.scene import Environment, GivenRanges, Ranges, Scene, Value
from cssv.video import (
    VideoInfo,
)


def _number(value: Value | None) -> float:
    return math.nan if value is None else value.value


def miniature(scene: Scene, ranges: Ranges, info: VideoInfo) -> Miniature:
    """The scene in the 64 bytes that every mark repeats."""
    air = scene.environment
    canonical = json.dumps(scene.to_json(), sort_keys=True, separators=(",", ":")).encode()
    return Miniature(
        speed_px_s=ranges.speed_px_s,
        temperature_c=ranges.temperature_c,
        density_kg_m3=ranges.density_kg_m3,
        width=info.width,
        height=info.height,
        time_base=info.time_base,
        lighting_lux=_number(air.lighting_lux),
        humidity_pct=_number(air.humidity_pct),
        ambient_temperature_c=_number(air.ambient_temperature_c),
        wind_m_s=_number(air.wind_m_s),
        wind_deg=_number(air.wind_deg),
        pressure_hpa=_number(air.pressure_hpa),
        digest=hashlib.sha256(canonical).digest()[:8],
    )


def ranges_of(small: Miniature) -> Ranges:
    """The drawn ranges that a miniature tells of."""
    return Ranges(small.speed_px_s, small.temperature_c, small.density_kg_m3)


def scene_of(small: Miniature) -> Scene:
    """The scene as far as the pixels tell of it: environment and ranges."""

    def given(number: float) -> Value | None:
        return None if math.isnan(number) else Value(round(number, 3))

    environment = Environment(
        lighting_lux=given(small.lighting_lux),
        humidity_pct=given(small.humidity_pct),
        ambient_temperature_c=given(small.ambient_temperature_c),
        wind_m_s=given(small.wind_m_s),
        wind_deg=given(small.wind_deg),
        pressure_hpa=given(small.pressure_hpa),
    )
    ranges = GivenRanges(
        _decimal(small.speed_px_s), _decimal(small.temperature_c), _decimal(small.density_kg_m3)
    )
    return Scene(environment=environment, ranges=ranges)


def _decimal(span: tuple[float, float]) -> tuple[float, float]:
    """A range in the digits that single precision holds; as it is where those would make it empty."""
    low, high = (float(f"{end:.7g}") for end in span)
    return (low, high) if low < high else span
