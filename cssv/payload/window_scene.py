"""Parts of a scene for windows, and the scene from the parts of several windows.

Each window carries one part, in turn. Objects and ranges are not among the parts, because every window holds
its own. The registration of a thermal camera and the user's own keys are not in a payload.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from cssv.errors import SceneError
from cssv.payload.reals import Real, round_real, round_sensed
from cssv.payload.scene_part import AIR, MATRIX_ENTRY, POSE, TSAI, TSAI_OPTIONAL, PartKind, ScenePart
from cssv.payload.texts import cut_text
from cssv.payload.window import Window
from cssv.scene import Camera, Environment, Scene, Tsai
from cssv.scene.model import Matrix

#: Most bytes of a text about the scene, and most textures that take turns.
MOST_TEXT_BYTES, MOST_TEXTURES = 63, 32


def part_of(scene: Scene, turn: int) -> ScenePart | None:
    """The part for one window; None if the scene has no parts.

    Args:
        scene: any scene.
        turn: place of the window in its clip, from 0.
    """
    parts = scene_parts(scene)
    return parts[turn % len(parts)] if parts else None


def scene_parts(scene: Scene) -> tuple[ScenePart, ...]:
    """All parts of a scene, rounded as a reader gets them, in the order of their turns."""
    return tuple(part for part in _parts(scene) if part.facts != Scene())


def _parts(scene: Scene) -> Iterator[ScenePart]:
    camera, environment = scene.camera, scene.environment
    yield ScenePart(PartKind.POSE, Scene(camera=Camera(**_round_fields(camera, POSE))))
    if camera.homography is not None:
        rounded = _round_matrix(camera.homography)
        yield from _valid(PartKind.HOMOGRAPHY, Camera(homography=rounded))
    if camera.tsai is not None:
        yield from _valid(PartKind.TSAI, Camera(tsai=_round_tsai(camera.tsai)))
    yield ScenePart(PartKind.AIR, Scene(environment=Environment(**_round_fields(environment, AIR))))
    if environment.weather:
        weather = Environment(weather=cut_text(environment.weather, MOST_TEXT_BYTES))
        yield ScenePart(PartKind.WEATHER, Scene(environment=weather))
    for surface, material in sorted(scene.textures.items())[:MOST_TEXTURES]:
        pair = {cut_text(surface, MOST_TEXT_BYTES): cut_text(material, MOST_TEXT_BYTES)}
        yield ScenePart(PartKind.TEXTURE, Scene(textures=pair))


def _valid(kind: PartKind, camera: Camera) -> Iterator[ScenePart]:
    """The part; nothing if its ground plane is lost by rounding."""
    try:
        yield ScenePart(kind, Scene(camera=camera))
    except SceneError:
        # A matrix can be so near to a singular one that its rounded numbers have no inverse.
        return


def _round_fields(part: Camera | Environment, formats: Mapping[str, tuple[Real, ...]]) -> dict[str, Any]:
    known = ((name, getattr(part, name), reals) for name, reals in formats.items())
    return {name: round_sensed(sensed, reals) for name, sensed, reals in known if sensed is not None}


def _round_matrix(matrix: Matrix) -> Matrix:
    return tuple(
        (round_real(a, MATRIX_ENTRY), round_real(b, MATRIX_ENTRY), round_real(c, MATRIX_ENTRY))
        for a, b, c in matrix
    )


def _round_tsai(tsai: Tsai) -> Tsai:
    found: dict[str, Any] = {}
    for name, reals in (TSAI | TSAI_OPTIONAL).items():
        value = getattr(tsai, name)
        if value is not None:
            pairs = zip(value if len(reals) > 1 else (value,), reals, strict=True)
            numbers = tuple(round_real(number, real) for number, real in pairs)
            found[name] = numbers if len(reals) > 1 else numbers[0]
    return Tsai(size_px=tsai.size_px, **found)


def merge_scene(known: Scene, window: Window) -> Scene:
    """The scene after one more window.

    A part replaces the fields of its kind; a texture replaces that of the same surface. All else is kept.
    Windows can come in any order.

    Args:
        known: what other windows have told; ``Scene()`` at first.
        window: the window.
    """
    part = window.part
    if part is None:
        return known
    camera, environment = part.facts.camera, part.facts.environment
    match part.kind:
        case PartKind.POSE:
            taken = {name: getattr(camera, name) for name in POSE}
            return replace(known, camera=replace(known.camera, **taken))
        case PartKind.HOMOGRAPHY:
            return replace(known, camera=replace(known.camera, homography=camera.homography))
        case PartKind.TSAI:
            return replace(known, camera=replace(known.camera, tsai=camera.tsai))
        case PartKind.AIR:
            taken = {name: getattr(environment, name) for name in AIR}
            return replace(known, environment=replace(known.environment, **taken))
        case PartKind.WEATHER:
            return replace(known, environment=replace(known.environment, weather=environment.weather))
        case PartKind.TEXTURE:
            return replace(known, textures=known.textures | part.facts.textures)
