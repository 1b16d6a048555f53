"""Parts of a scene as decisions.

:mod:`cssv.payload.window_scene` makes parts of a scene, and a scene of parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from cssv.errors import FramingError, SceneError
from cssv.payload.integers import read_signed, read_symbol, write_signed, write_symbol
from cssv.payload.range_coder import BitWriter, RangeDecoder
from cssv.payload.reals import Real, read_real, read_sensed, write_real, write_sensed
from cssv.payload.texts import Texts
from cssv.scene import Camera, Environment, Point, Scene, Tsai, Value

#: The least number above 0 that a field has which must be above 0.
_LEAST = 2.0**-40
#: Pairs and triples of numbers of one format.
_METRES = (Real(-1e9, 1e9, 10),) * 3


class PartKind(IntEnum):
    """What a part tells.

    POSE: position, angles and field of view of the camera. HOMOGRAPHY and TSAI: the ground plane by either.
    AIR: the numbers of the environment. WEATHER: its text. TEXTURE: one surface and its material.
    """

    POSE = 0
    HOMOGRAPHY = 1
    TSAI = 2
    AIR = 3
    WEATHER = 4
    TEXTURE = 5


@dataclass(frozen=True, slots=True)
class ScenePart:
    """One part of a scene, rounded as the payload holds it.

    Attributes:
        kind: what it tells.
        facts: a scene with nothing else.
    """

    kind: PartKind
    facts: Scene


#: The sensed fields of POSE and AIR, with the formats of their numbers, in the order of the payload.
POSE: dict[str, tuple[Real, ...]] = {
    "position_m": _METRES,
    "pan_deg": (Real(-360, 360, 10),),
    "tilt_deg": (Real(-180, 180, 10),),
    "roll_deg": (Real(-360, 360, 10),),
    "hfov_deg": (Real(_LEAST, 360, 10),),
}
AIR: dict[str, tuple[Real, ...]] = {
    "lighting_lux": (Real(0, 1e9, 7),),
    "humidity_pct": (Real(0, 100, 7),),
    "ambient_temperature_c": (Real(-273.15, 1e6, 7),),
    "wind_m_s": (Real(0, 1000, 7),),
    "wind_deg": (Real(0, 360, 7),),
    "pressure_hpa": (Real(0, 1e6, 10),),
}
#: The numbers of a homography.
MATRIX_ENTRY = Real(-1e12, 1e12, 16)
#: The fields of TSAI that are always known and those that may be None, with their formats.
TSAI: dict[str, tuple[Real, ...]] = {
    "centre_px": (Real(-1e6, 1e6, 14),) * 2,
    "pixel_mm": (Real(_LEAST, 1000, 14),) * 2,
    "focal_mm": (Real(_LEAST, 1e6, 14),),
    "translation_mm": (Real(-1e12, 1e12, 14),) * 3,
    "rotation_rad": (Real(-1000, 1000, 16),) * 3,
}
TSAI_OPTIONAL: dict[str, tuple[Real, ...]] = {
    "sx": (Real(_LEAST, 1000, 14),),
    "kappa1_per_mm2": (Real(-1e6, 1e6, 14),),
}
#: Bounds of the sides of the pictures for which a camera was calibrated.
_SIDES = (1, 1_000_000)


def write_part(writer: BitWriter, part: ScenePart | None, size: tuple[int, int]) -> None:
    """Write the part of a window whose frames have this size, or that it has none.

    Raises:
        FramingError: a text is too long.
    """
    writer.put_bit("scene", 0, int(part is not None))
    if part is None:
        return
    write_symbol(writer, "scene.part", part.kind, len(PartKind))
    camera, environment = part.facts.camera, part.facts.environment
    match part.kind:
        case PartKind.POSE:
            _write_fields(writer, camera, POSE)
        case PartKind.HOMOGRAPHY:
            for entry in (entry for row in camera.homography or () for entry in row):
                write_real(writer, entry, MATRIX_ENTRY)
        case PartKind.TSAI:
            _write_tsai(writer, camera.tsai, size)
        case PartKind.AIR:
            _write_fields(writer, environment, AIR)
        case PartKind.WEATHER:
            Texts().write(writer, "weather", environment.weather)
        case PartKind.TEXTURE:
            for kind, text in zip(("surface", "material"), *part.facts.textures.items(), strict=True):
                Texts().write(writer, kind, text)


def read_part(reader: RangeDecoder, size: tuple[int, int]) -> ScenePart | None:
    """Inverse of :func:`write_part`.

    Raises:
        FramingError: a number exceeds its bound, or the part is no valid scene.
    """
    if not reader.get_bit("scene", 0):
        return None
    kind = PartKind(read_symbol(reader, "scene.part", len(PartKind)))
    try:
        return ScenePart(kind, _read_facts(reader, kind, size))
    except SceneError as error:
        raise FramingError(
            f"the scene in a payload is not valid: {'; '.join(error.faults) or error}",
            remedy="The payload is damaged; use another copy of the clip.",
        ) from error


def _read_facts(reader: RangeDecoder, kind: PartKind, size: tuple[int, int]) -> Scene:
    match kind:
        case PartKind.POSE:
            return Scene(camera=Camera(**_read_fields(reader, POSE)))
        case PartKind.HOMOGRAPHY:
            return Scene(camera=Camera(homography=tuple(_read_row(reader) for _ in range(3))))
        case PartKind.TSAI:
            return Scene(camera=Camera(tsai=_read_tsai(reader, size)))
        case PartKind.AIR:
            return Scene(environment=Environment(**_read_fields(reader, AIR)))
        case PartKind.WEATHER:
            return Scene(environment=Environment(weather=Texts().read(reader, "weather") or ""))
        case PartKind.TEXTURE:
            surface, material = (Texts().read(reader, text) or "" for text in ("surface", "material"))
            return Scene(textures={surface: material})


def _write_fields(
    writer: BitWriter, part: Camera | Environment, formats: dict[str, tuple[Real, ...]]
) -> None:
    for name, reals in formats.items():
        sensed = getattr(part, name)
        writer.put_bit(name, 0, int(sensed is not None))
        if sensed is not None:
            write_sensed(writer, sensed, reals)


def _read_fields(reader: RangeDecoder, formats: dict[str, tuple[Real, ...]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, reals in formats.items():
        if reader.get_bit(name, 0):
            if len(reals) > 1:
                found[name] = read_sensed(reader, Point, reals)
            else:
                found[name] = read_sensed(reader, Value, reals)
    return found


def _read_row(reader: RangeDecoder) -> tuple[float, float, float]:
    first, second, third = (read_real(reader, MATRIX_ENTRY) for _ in range(3))
    return first, second, third


def _write_tsai(writer: BitWriter, tsai: Tsai | None, size: tuple[int, int]) -> None:
    assert tsai is not None
    for side, of_frame in zip(tsai.size_px, size, strict=True):
        write_signed(writer, "tsai.side", side - of_frame)
    for name, reals in (TSAI | TSAI_OPTIONAL).items():
        value = getattr(tsai, name)
        if name in TSAI_OPTIONAL:
            writer.put_bit(name, 0, int(value is not None))
        if value is not None:
            for number, real in zip(value if len(reals) > 1 else (value,), reals, strict=True):
                write_real(writer, number, real)


def _read_tsai(reader: RangeDecoder, size: tuple[int, int]) -> Tsai:
    sides = [side + read_signed(reader, "tsai.side", _SIDES[1]) for side in size]
    if not _SIDES[0] <= min(sides) <= max(sides) <= _SIDES[1]:
        raise FramingError("the pictures of a calibration have no valid size", found=f"{sides[0]}x{sides[1]}")
    found: dict[str, Any] = {}
    for name, reals in (TSAI | TSAI_OPTIONAL).items():
        if name in TSAI or reader.get_bit(name, 0):
            numbers = tuple(read_real(reader, real) for real in reals)
            found[name] = numbers if len(numbers) > 1 else numbers[0]
    return Tsai(size_px=(sides[0], sides[1]), **found)
