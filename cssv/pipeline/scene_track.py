"""Samples of the scene track: one JSON object per frame (SPEC.md).

``{"frame": 7, "objects": [...]}``; the first one also holds ``"scene"`` and ``"ranges"``. Numbers are rounded
to the precision of perception, so that samples stay small. Objects that the scene replaces and labels that it
changes are kept too (``"replaced"``, ``"detected"``), so that another scene can be applied to the same
perception.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from cssv.errors import ContainerError, SceneError
from cssv.scene import Point, Ranges, Scene, Source, Value
from cssv.scene.attributes import CARRIED, EXTRA_IS_CARRIED
from cssv.scene.check import LEAST_SCALE, is_span
from cssv.scene.thermal import Calibration, Unit
from cssv.scene.values import JsonObject, own_keys
from cssv.template.drawing import SHIFT_LIMIT, Outline, Rings, Selector
from cssv.template.state import ObjectState

#: Decimal places of boxes (px), velocities (px/s) and scores.
DECIMALS = 3
#: Bounds of track and frame numbers, and of all other numbers: far beyond anything a clip can hold.
_LARGEST_TRACK = 2**32 - 1
_LARGEST_FRAME = 2**53
_LARGEST = 1e15
#: Bound of a box's position and size in a tag.
_LARGEST_SIDE = 2**16
#: Sensed values of an object in a frame, in the order of the sample.
_SENSED = (*(attribute.name for attribute in CARRIED), "thermal_c")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SceneSample:
    """The content of one sample.

    Attributes:
        frame: number of the frame.
        objects: its objects.
        scene, ranges: in the first sample only.
        replaced: perceived objects that are not drawn, because the scene gives them as trajectories.
        outlines: outlines of drawn objects without a place for their tag in the pixels.
        calibration: of the thermal readings of all frames; in the first sample only, None without readings.
    """

    frame: int
    objects: tuple[ObjectState, ...] = ()
    scene: Scene | None = None
    ranges: Ranges | None = None
    replaced: tuple[ObjectState, ...] = ()
    outlines: tuple[Outline, ...] = ()
    calibration: Calibration | None = None


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(float(value), DECIMALS) for value in values]


def quantise(state: ObjectState) -> ObjectState:
    """The state rounded as in a sample, so that the same drawing can be made from the sample.

    A velocity on the ground beyond what a sample may hold is unknown: near the horizon pixels are long.
    """
    x, y, w, h = _rounded(state.box_px)
    velocity, past, future = (
        (vx, vy) for vx, vy in map(_rounded, (state.velocity_px_s, state.past_px_s, state.future_px_s))
    )
    on_ground = None if state.velocity_m_s is None else _rounded(state.velocity_m_s)
    if on_ground is not None and max(map(abs, on_ground)) > _LARGEST:
        on_ground = None
    is_sure = on_ground is not None and state.sigma_m_s <= _LARGEST
    return replace(
        state,
        score=round(state.score, DECIMALS),
        box_px=(x, y, w, h),
        velocity_px_s=velocity,
        past_px_s=past,
        future_px_s=future,
        sigma_px_s=round(state.sigma_px_s, DECIMALS),
        velocity_m_s=None if on_ground is None else (on_ground[0], on_ground[1]),
        sigma_m_s=round(state.sigma_m_s, DECIMALS) if is_sure else math.inf,
    )


def _object_to_json(state: ObjectState) -> dict[str, Any]:
    node: dict[str, Any] = {
        "track": state.track,
        "label": state.label,
        "score": round(state.score, DECIMALS),
        "box_px": _rounded(state.box_px),
        "velocity_px_s": _rounded(state.velocity_px_s),
        "past_px_s": _rounded(state.past_px_s),
        "future_px_s": _rounded(state.future_px_s),
    }
    if math.isfinite(state.sigma_px_s):
        node["sigma_px_s"] = round(state.sigma_px_s, DECIMALS)
    if state.velocity_m_s is not None:
        node["velocity_m_s"] = _rounded(state.velocity_m_s)
        if math.isfinite(state.sigma_m_s):
            node["sigma_m_s"] = round(state.sigma_m_s, DECIMALS)
    for key in _SENSED:
        value: Value | Point | None = getattr(state, key)
        if value is not None:
            node[key] = value.to_json()
    if state.name is not None:
        node["name"] = state.name
    if state.selector is not None:
        node["template"] = state.selector.name.lower()
    if state.detected is not None:
        node["detected"] = state.detected
    if state.is_given:
        node["given"] = True
    return node | state.extra


def _outline_to_json(outline: Outline) -> dict[str, Any]:
    return {
        "track": outline.track,
        "box": list(outline.box),
        "radii": outline.radii.hex(),
        "shift": outline.shift,
        "template": outline.selector.name.lower(),
        "axis": outline.axis,
        # Only of drawings without all of them, so that all other files keep their samples.
        **({} if outline.rings == Rings.ALL else {"rings": int(outline.rings)}),
    }


def write_sample(sample: SceneSample) -> bytes:
    """The sample as compact UTF-8 JSON."""
    node: dict[str, Any] = {"frame": sample.frame, "objects": [_object_to_json(o) for o in sample.objects]}
    if sample.replaced:
        node["replaced"] = [_object_to_json(o) for o in sample.replaced]
    if sample.outlines:
        node["outlines"] = [_outline_to_json(o) for o in sample.outlines]
    if sample.scene is not None:
        node["scene"] = sample.scene.to_json()
    if sample.ranges is not None:
        node["ranges"] = asdict(sample.ranges)
    if sample.calibration is not None:
        unit = sample.calibration.unit
        node["calibration"] = ({} if unit is None else asdict(unit)) | {"sigma_c": sample.calibration.sigma_c}
    return json.dumps(node, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sample_ranges(sample: SceneSample) -> Ranges:
    """The ranges in the first sample of a version. Raises ContainerError if it has none."""
    if sample.ranges is None:
        raise ContainerError("the first scene sample holds no ranges")
    return sample.ranges


def _value_from_json(node: object) -> Value | None:
    return None if node is None else Value(*_sensed_from_json(node, _number))


def _point_from_json(node: object) -> Point | None:
    return None if node is None else Point(*_sensed_from_json(node, _two_numbers))


#: As Sensed.from_json, but for JSON that has not been checked.
_SENSED_READERS: dict[type, Callable[[object], Value | Point | None]] = {
    Value: _value_from_json,
    Point: _point_from_json,
}


def _sensed_from_json(node: object, read: Callable[[Any], T]) -> tuple[T, float | None, Source, JsonObject]:
    """The fields of a sensed value whose ``value`` is read by ``read``."""
    if not isinstance(node, dict):
        return read(node), None, Source.MEASURED, {}
    sigma = node.get("sigma")
    source = Source(node.get("source", Source.MEASURED))
    return read(node["value"]), None if sigma is None else _number(sigma, 0.0), source, own_keys(node)


def _number(node: object, low: float = -_LARGEST, high: float = _LARGEST) -> float:
    """Read a number from ``low`` to ``high``."""
    # Nearly all of the many numbers of a clip.
    if type(node) is float and low <= node <= high:
        return node
    if isinstance(node, bool) or not isinstance(node, int | float):
        raise TypeError(f"{node!r} is not a number")
    if not low <= node <= high:
        raise ValueError(f"{node} is not a number from {low} to {high}")
    return float(node)


def _whole(node: object, high: int) -> int:
    """Read a whole number from 0 to ``high``."""
    number = _number(node, 0.0, high)
    if number != int(number):
        raise ValueError(f"{node} is not a whole number")
    return int(number)


def _two_numbers(node: Any) -> tuple[float, float]:  # noqa: ANN401 - any JSON value
    first, second = node
    return _number(first), _number(second)


def _pair(node: Mapping[str, Any], key: str) -> tuple[float, float]:
    return _two_numbers(node[key])


def _box(node: Mapping[str, Any]) -> tuple[float, float, float, float]:
    x, y, w, h = map(_number, node["box_px"])
    return x, y, w, h


def _text(node: object) -> str:
    if not isinstance(node, str):
        raise TypeError(f"{node!r} is not a text")
    return node


def _flag(node: object) -> bool:
    if not isinstance(node, bool):
        raise TypeError(f"{node!r} is neither true nor false")
    return node


def _outline_from_json(node: Mapping[str, Any]) -> Outline:
    x, y, w, h = (int(_number(side, -_LARGEST_SIDE, _LARGEST_SIDE)) for side in node["box"])
    return Outline(
        track=_whole(node["track"], _LARGEST_TRACK),
        label="",
        score=0,
        box=(x, y, w, h),
        radii=bytes.fromhex(_text(node["radii"])),
        shift=_whole(node["shift"], SHIFT_LIMIT),
        selector=Selector[_text(node["template"]).upper()],
        axis=_whole(node["axis"], 255),
        rings=Rings(_whole(node.get("rings", Rings.ALL), Rings.ALL)),
    )


def _attributes_from_json(node: JsonObject) -> dict[str, Any]:
    """The carried fields of :class:`cssv.scene.attributes.ObjectAttributes`."""
    known: dict[str, Any] = {
        each.name: _SENSED_READERS[each.kind](node[each.name]) for each in CARRIED if each.name in node
    }
    return known | {"extra": own_keys(node)} if EXTRA_IS_CARRIED else known


def _object_from_json(node: JsonObject) -> ObjectState:
    sigma, name, template, detected = (
        node.get(key) for key in ("sigma_px_s", "name", "template", "detected")
    )
    is_on_ground, sigma_m_s = "velocity_m_s" in node, node.get("sigma_m_s")
    return ObjectState(
        track=_whole(node["track"], _LARGEST_TRACK),
        label=_text(node["label"]),
        score=_number(node["score"]),
        box_px=_box(node),
        velocity_px_s=_pair(node, "velocity_px_s"),
        past_px_s=_pair(node, "past_px_s"),
        future_px_s=_pair(node, "future_px_s"),
        sigma_px_s=math.inf if sigma is None else _number(sigma, 0.0),
        name=None if name is None else _text(name),
        selector=None if template is None else Selector[_text(template).upper()],
        detected=None if detected is None else _text(detected),
        is_given=_flag(node.get("given", False)),
        velocity_m_s=_pair(node, "velocity_m_s") if is_on_ground else None,
        sigma_m_s=_number(sigma_m_s, 0.0) if is_on_ground and sigma_m_s is not None else math.inf,
        thermal_c=_value_from_json(node.get("thermal_c")),
        **_attributes_from_json(node),
    )


def _ranges_from_json(node: Mapping[str, Any]) -> Ranges:
    spans = [_pair(node, key) for key in ("speed_px_s", "temperature_c", "density_kg_m3")]
    if not all(map(is_span, spans)):
        raise ValueError(f"an empty range among {spans}")
    return Ranges(*spans)


def _calibration_from_json(node: Mapping[str, Any]) -> Calibration:
    sigma_c = _number(node["sigma_c"], 0.0)
    if "scale" not in node:
        return Calibration(None, sigma_c)
    return Calibration(Unit(_number(node["scale"], LEAST_SCALE), _number(node["offset_c"])), sigma_c)


def read_sample(data: bytes) -> SceneSample:
    """Inverse of :func:`write_sample` up to rounding.

    Raises:
        ContainerError: the data is no such sample.
        SceneError: its scene is not valid.
    """
    try:
        node = json.loads(data)
        scene, ranges, calibration = (node.get(key) for key in ("scene", "ranges", "calibration"))
        return SceneSample(
            frame=_whole(node["frame"], _LARGEST_FRAME),
            objects=tuple(_object_from_json(o) for o in node["objects"]),
            scene=None if scene is None else Scene.from_json(scene),
            ranges=None if ranges is None else _ranges_from_json(ranges),
            replaced=tuple(_object_from_json(o) for o in node.get("replaced", ())),
            outlines=tuple(_outline_from_json(o) for o in node.get("outlines", ())),
            calibration=None if calibration is None else _calibration_from_json(calibration),
        )
    except SceneError:
        raise
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ContainerError(
            "a scene sample cannot be read", found=f"{type(error).__name__}: {error}"
        ) from error
