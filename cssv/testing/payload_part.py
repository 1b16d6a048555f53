"""The part of the scene for the second reader of payloads: section 12 of its page."""

from __future__ import annotations

import math
from typing import Any

from cssv.testing.payload_decoder import Decoder, check

_WEATHER = (
    "clear", "sunny", "partly cloudy", "cloudy", "overcast", "fog", "mist", "haze", "drizzle", "light rain",
    "rain", "heavy rain", "thunderstorm", "light snow", "snow", "sleet", "hail", "windy", "storm", "night",
    "indoor",
)  # fmt: skip
_SURFACES = (
    "ground", "walls", "road", "floor", "ceiling", "pavement", "water", "sky", "buildings", "vegetation",
)  # fmt: skip
_MATERIALS = (
    "asphalt", "concrete", "brick", "glass", "metal", "steel", "wood", "stone", "tiles", "gravel", "sand",
    "soil", "grass", "foliage", "water", "snow", "ice", "plaster", "plastic", "fabric", "paint",
)  # fmt: skip
_TINY = 2.0**-40
#: Sensed fields of the parts 0 and 3: how many numbers, their bounds, and the bits behind the leading one.
_POSE = {
    "position_m": (3, -1e9, 1e9, 10),
    "pan_deg": (1, -360, 360, 10),
    "tilt_deg": (1, -180, 180, 10),
    "roll_deg": (1, -360, 360, 10),
    "hfov_deg": (1, _TINY, 360, 10),
}
_AIR = {
    "lighting_lux": (1, 0, 1e9, 7),
    "humidity_pct": (1, 0, 100, 7),
    "ambient_temperature_c": (1, -273.15, 1e6, 7),
    "wind_m_s": (1, 0, 1000, 7),
    "wind_deg": (1, 0, 360, 7),
    "pressure_hpa": (1, 0, 1e6, 10),
}
#: Fields of a calibration, alike; the last two may be missing.
_TSAI = {
    "centre_px": (2, -1e6, 1e6, 14),
    "pixel_mm": (2, _TINY, 1000, 14),
    "focal_mm": (1, _TINY, 1e6, 14),
    "translation_mm": (3, -1e12, 1e12, 14),
    "rotation_rad": (3, -1000, 1000, 16),
    "sx": (1, _TINY, 1000, 14),
    "kappa1_per_mm2": (1, -1e6, 1e6, 14),
}


def read_part(decoder: Decoder, size: list[int]) -> dict[str, Any] | None:
    """Section 12: the part of the scene, as a scene file has it."""
    if not decoder.decision("scene", 0):
        return None
    kind = decoder.symbol("scene.part", 6)
    if kind in (0, 3):
        fields = _POSE if kind == 0 else _AIR
        found = {name: decoder.sensed(*form) for name, form in fields.items() if decoder.decision(name, 0)}
        return {"camera" if kind == 0 else "environment": found} if found else {}
    if kind == 1:
        matrix = [[decoder.real(-1e12, 1e12, 16) for _ in range(3)] for _ in range(3)]
        check(_has_inverse(matrix), "homography")
        return {"camera": {"homography": matrix}}
    if kind == 2:
        return {"camera": {"tsai": _tsai(decoder, size)}}
    if kind == 4:
        weather = decoder.indexed("weather", list(_WEATHER), decoder.text)
        check(bool(weather), "weather")
        return {"environment": {"weather": weather}}
    surface = decoder.indexed("surface", list(_SURFACES), decoder.text)
    material = decoder.indexed("material", list(_MATERIALS), decoder.text)
    check(bool(material), "material")
    return {"textures": {surface or "": material}}


def _has_inverse(matrix: list[list[float]]) -> bool:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return abs(determinant) > 1e-12 * math.prod(math.hypot(*row) for row in matrix)


def _tsai(decoder: Decoder, size: list[int]) -> dict[str, Any]:
    sides = [side + decoder.signed("tsai.side", 10**6) for side in size]
    check(min(sides) >= 1 and max(sides) <= 10**6, "sides")
    found: dict[str, Any] = {"size_px": sides}
    for name, (count, low, high, bits) in _TSAI.items():
        if name not in ("sx", "kappa1_per_mm2") or decoder.decision(name, 0):
            numbers = [decoder.real(low, high, bits) for _ in range(count)]
            found[name] = numbers if count > 1 else numbers[0]
    x, y, z = found["rotation_rad"]
    axis = (
        math.cos(x) * math.sin(y) * math.cos(z) + math.sin(x) * math.sin(z),
        math.cos(x) * math.sin(y) * math.sin(z) - math.sin(x) * math.cos(z),
        math.cos(x) * math.cos(y),
    )
    place = found["translation_mm"]
    height = sum(part * side for part, side in zip(axis, place, strict=True))
    check(abs(height) > 1e-12 * math.hypot(*place), "camera on the ground")
    return found
