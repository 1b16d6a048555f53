"""``scene.json`` as typed values: camera, environment, textures and objects, with units in the names.

Field names follow ASAM OpenLABEL, MISB ST 0601/0903 and ROS if these have one. As in ROS, a sensed value can
have a standard deviation. All bounds are in the JSON Schema (:mod:`cssv.scene.schema`), all other rules in
:mod:`cssv.scene.check`. A :class:`Scene` is checked once, when it is made from a file or in Python; its parts
are checked with it.

Reading and writing are an inverse pair: a number that was plain is written plainly again, and keys that start
with ``x_`` are kept at every level. Empty parts (``"camera": {}``) are left out.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from cssv.errors import SceneError
from cssv.files.atomic import whole_file
from cssv.files.bounded import read_at_most
from cssv.files.inputs import check_regular
from cssv.scene.attributes import RINGS, ObjectAttributes, attributes_from_json
from cssv.scene.check import TEXT_BOUND, check, parse, too_large
from cssv.scene.equations import TrackEquations
from cssv.scene.part_to_json import part_to_json
from cssv.scene.text import lines_of_json
from cssv.scene.trajectory import (
    GivenState,
    Trajectory,
    foot_velocity,
    speeds_px_s,
    state_at,
    trajectory_from_json,
)
from cssv.scene.tsai import read_tsai
from cssv.scene.values import (
    OWN_PREFIX,
    JsonObject,
    Pair,
    Point,
    Span,
    Triple,
    Value,
    own_keys,
    to_tuples,
)

#: Version of the format that this module reads and writes.
SCENE_VERSION = 1

#: Drawing of an object, as ``template`` names it.
TemplateName = Literal["auto", "rings", "comet", "edges"]
TEMPLATE_NAMES: tuple[TemplateName, ...] = get_args(TemplateName)

Matrix = tuple[tuple[float, float, float], ...]

#: Range of speeds if none is known.
SPEED_FALLBACK_PX_S: Span = (0.0, 200.0)


@dataclass(frozen=True, slots=True)
class Tsai:
    """A camera calibrated by Tsai's method (IEEE J. Robotics and Automation 3, 1987).

    Attributes:
        size_px: width and height of the pictures for which it was made.
        centre_px: where the lens's axis meets the picture.
        pixel_mm: width and height of a pixel on the sensor (often dpx, dpy).
        focal_mm: focal length.
        translation_mm: tx, ty, tz: the scene's origin in the camera's axes.
        rotation_rad: rx, ry, rz: turns about x, then y, then z, from the scene's axes to the camera's.
        sx: correction of the pixel's width; None is 1.
        kappa1_per_mm2: radial distortion; None is none.
        extra: the user's own ``x_`` keys.
    """

    size_px: tuple[int, int]
    centre_px: Pair
    pixel_mm: Pair
    focal_mm: float
    translation_mm: Triple
    rotation_rad: Triple
    sx: float | None = None
    kappa1_per_mm2: float | None = None
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)


@dataclass(frozen=True, slots=True)
class Camera:
    """Position, orientation and lens of the camera; :mod:`cssv.scene.camera` makes the ground plane of them.

    Attributes:
        position_m: x, y, z in metres; z up from the ground.
        pan_deg, tilt_deg, roll_deg: degrees; tilt is negative when looking down.
        hfov_deg: horizontal field of view, above 0 to 360.
        homography: 3 x 3, takes image pixels (x, y, 1) to ground metres (X, Y, 1) up to scale; the middle of
            the picture's lower edge counts as ground.
        tsai: a calibration with radial distortion.
        extra: the user's own ``x_`` keys.
    """

    position_m: Point | None = None
    pan_deg: Value | None = None
    tilt_deg: Value | None = None
    roll_deg: Value | None = None
    hfov_deg: Value | None = None
    homography: Matrix | None = None
    tsai: Tsai | None = None
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)


@dataclass(frozen=True, slots=True)
class Environment:
    """Light, weather and air, in the units of the names; wind_deg is the direction the wind comes from."""

    lighting_lux: Value | None = None
    weather: str | None = None
    humidity_pct: Value | None = None
    ambient_temperature_c: Value | None = None
    wind_m_s: Value | None = None
    wind_deg: Value | None = None
    pressure_hpa: Value | None = None
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)


@dataclass(frozen=True, slots=True)
class GivenRanges:
    """The ranges that the scene gives; None for the others."""

    speed_px_s: Span | None = None
    temperature_c: Span | None = None
    density_kg_m3: Span | None = None
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)


@dataclass(frozen=True, slots=True)
class Thermal:
    """Registration, calibration and timing of a thermal camera's pictures.

    Attributes:
        homography: 3 x 3, takes pixels (x, y, 1) of the thermal picture to pixels of the clip up to scale,
            both counted from the top left corner; None: both show the same view.
        scale, offset_c: degrees Celsius = scale * counts + offset_c, for files of counts.
        sigma_c: the camera's stated accuracy, one standard deviation, degrees Celsius.
        time_offset_s: time in the clip of the first thermal picture; None: both begin and end together.
        rate: pictures per second, if the file has none or a wrong one.
        extra: the user's own ``x_`` keys.
    """

    homography: Matrix | None = None
    scale: float | None = None
    offset_c: float | None = None
    sigma_c: float | None = None
    time_offset_s: float | None = None
    rate: float | None = None
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ranges:
    """Lowest and highest values that the heat map shows, all given; see :mod:`cssv.scene.ranges`."""

    speed_px_s: Span = SPEED_FALLBACK_PX_S
    temperature_c: Span = RINGS["temperature_c"].fallback
    density_kg_m3: Span = RINGS["density_kg_m3"].fallback

    def to_json(self) -> dict[str, list[float]]:
        """Return the bottom and top of each ring as plain JSON types."""
        return {each.name: list(getattr(self, each.name)) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions for the tracks of an entry; all that are stated must hold.

    Attributes:
        label: the track's label; ``"*"`` matches any label, and none.
        track: the track's id.
        near_px, at_s: the one track nearest to the point (x, y) at that time in seconds.
        from_s, to_s: tracks alive at some time between them; one end alone is open.
        extra: the user's own ``x_`` keys.
    """

    label: str | None = None
    track: int | None = None
    near_px: Pair | None = None
    at_s: float | None = None
    from_s: float | None = None
    to_s: float | None = None
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)

    def to_json(self) -> JsonObject:
        """The match as plain JSON types."""
        node: JsonObject = part_to_json(self)
        return node


@dataclass(frozen=True, slots=True)
class SceneObject(ObjectAttributes):
    """Facts about the tracks that ``match``, or an object of its own with a ``trajectory``.

    Attributes:
        match, trajectory: exactly one of them; a trajectory has waypoints with growing times, or equations.
        name, label: free text.
        template: how it is drawn; None keeps that of earlier entries, or else "auto".
        (others): as in :class:`cssv.scene.attributes.ObjectAttributes`.
    """

    match: Match | None = None
    name: str | None = None
    label: str | None = None
    template: TemplateName | None = None
    trajectory: Trajectory | None = None

    def state_at(self, time_s: float | Fraction) -> GivenState | None:
        """The given box and velocities at ``time_s``; None without a trajectory or outside its time.

        Boxes are linear between waypoints. At a waypoint the past velocity is that of the segment before it,
        the future velocity that of the segment after it. At the two ends, with one segment, both are equal.
        The velocities of equations are their derivatives.
        """
        return None if self.trajectory is None else state_at(self.trajectory, time_s)

    def foot_velocity(self, time_s: float | Fraction) -> Pair:
        """Velocity of the middle of the given box's lower edge, px/s: the mean of before and after."""
        assert self.trajectory is not None
        return foot_velocity(self.trajectory, time_s)

    def speeds_px_s(self) -> list[float]:
        """Speed of the given box's centre over each segment, or at samples of the equations."""
        return [] if self.trajectory is None else speeds_px_s(self.trajectory)


@dataclass(frozen=True, slots=True)
class Scene:
    """The scene of one clip. Raises SceneError if it is not valid.

    Attributes:
        camera: position, orientation and lens.
        environment: light, weather and air.
        textures: materials of surfaces, by the surfaces' names.
        objects: entries about objects; later ones override earlier ones.
        ranges: the heat map's ranges, if given.
        thermal: registration, calibration and timing of a thermal camera.
        tracks: equations of perceived tracks, as ``decode`` writes them. They are no input: nothing is drawn
            from them, no file holds them, and they are no part of equality.
        extra: the user's own ``x_`` keys.
    """

    camera: Camera = Camera()
    environment: Environment = Environment()
    textures: dict[str, str] = field(default_factory=dict, hash=False)
    objects: tuple[SceneObject, ...] = ()
    ranges: GivenRanges = GivenRanges()
    thermal: Thermal = Thermal()
    tracks: tuple[TrackEquations, ...] = field(default=(), compare=False, repr=False)
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)

    def __post_init__(self) -> None:
        kinds = (Camera, Environment, dict, tuple, GivenRanges, Thermal, tuple, dict)
        parts = [(each.name, getattr(self, each.name)) for each in fields(self)]
        typed = [(name, part, kind) for (name, part), kind in zip(parts, kinds, strict=True)]
        if isinstance(self.objects, tuple):
            typed += [(f"objects[{k}]", entry, SceneObject) for k, entry in enumerate(self.objects)]
        if isinstance(self.tracks, tuple):
            typed += [(f"tracks[{k}]", entry, TrackEquations) for k, entry in enumerate(self.tracks)]
        wrong = [
            f"$.{name}: a {type(part).__name__}" for name, part, kind in typed if not isinstance(part, kind)
        ]
        if wrong:
            raise SceneError("a part of the scene has another type", faults=tuple(wrong))
        check(self.to_json())

    def given_tracks(self) -> tuple[tuple[int, SceneObject], ...]:
        """The objects with trajectories, each with its index in ``objects``."""
        return tuple((i, entry) for i, entry in enumerate(self.objects) if entry.trajectory is not None)

    def to_json(self) -> JsonObject:
        """The scene as plain JSON types, a copy."""
        parts = {k: v for k, v in part_to_json(self).items() if v or k.startswith(OWN_PREFIX)}
        return {"cssv_scene": SCENE_VERSION} | parts

    @classmethod
    def from_json(cls, tree: object, name: str = "scene") -> Scene:
        """The scene of a JSON tree; errors contain ``name``.

        Raises:
            SceneError: one line per fault.
        """
        return cls._from_checked(check(tree, name))

    @classmethod
    def _from_checked(cls, node: JsonObject) -> Scene:
        """Make the scene of JSON that :func:`cssv.scene.check.check` has passed."""
        # Without __init__, because that would check the scene a second time.
        scene = object.__new__(cls)
        for name, part in _parts(node).items():
            object.__setattr__(scene, name, part)
        return scene

    def dumps(self) -> str:
        """JSON text for people: short objects stay on one line."""
        return lines_of_json(self.to_json()) + "\n"

    @classmethod
    def loads(cls, text: str | bytes, name: str = "scene") -> Scene:
        """The scene of JSON text; bytes are UTF-8. Raises SceneError."""
        return cls.from_json(parse(text, name), name)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write ``scene.json``; after an error the old file is unchanged. Raises OutputError."""
        # Replaced without a question: a scene is read, changed and written back.
        with whole_file(path, overwrite=True) as temporary:
            temporary.write_text(self.dumps(), encoding="utf-8")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Scene:
        """Read ``scene.json``, and the calibration named in ``camera.calibration`` into ``camera.tsai``.

        Raises:
            SceneError: the scene is not valid, or a file cannot be opened.
        """
        check_regular(path, SceneError, "the scene")
        try:
            with Path(path).open("rb") as file:
                data = read_at_most(file, TEXT_BOUND)
        except OSError as error:
            raise SceneError(f"cannot read scene {os.fspath(path)}: {error.strerror}") from error
        name = os.fspath(path)
        if data is None:
            raise too_large(name)
        return cls.from_json(_calibrated(parse(data, name), Path(path).parent), name)


def _calibrated(tree: object, folder: Path) -> object:
    """The tree with the numbers of the calibration file that it names, from the folder of ``scene.json``."""
    camera = tree.get("camera") if isinstance(tree, dict) else None
    if isinstance(camera, dict) and isinstance(camera.get("calibration"), str) and "tsai" not in camera:
        name = camera.pop("calibration")
        # A scene from a stranger must not read files elsewhere, neither by a path nor by a link beside it.
        if Path(name).name != name or name in ("", "..") or "\0" in name or _is_link(folder / name):
            raise SceneError(
                f"camera.calibration names no file beside scene.json: {name[:60]!r}",
                remedy="Give the file's name alone, and put the file itself into the folder of scene.json.",
            )
        camera["tsai"] = read_tsai(folder / name)
    return tree


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # a name that is too long; reading it says so
        return False


# ---- JSON -> parts; the tree has been checked


SensedT = TypeVar("SensedT", Value, Point)


def _sensed(kind: type[SensedT], node: JsonObject, *keys: str) -> dict[str, Any]:
    return {key: kind.from_json(node[key]) for key in keys if key in node}


def _camera(node: JsonObject) -> Camera:
    return Camera(
        **_sensed(Point, node, "position_m"),
        **_sensed(Value, node, "pan_deg", "tilt_deg", "roll_deg", "hfov_deg"),
        homography=to_tuples(node.get("homography")),
        tsai=None if "tsai" not in node else _tsai(node["tsai"]),
        extra=own_keys(node),
    )


def _tsai(node: JsonObject) -> Tsai:
    named = {key: to_tuples(value) for key, value in node.items() if not key.startswith(OWN_PREFIX)}
    named["size_px"] = tuple(int(side) for side in node["size_px"])
    return Tsai(**named, extra=own_keys(node))


def _environment(node: JsonObject) -> Environment:
    names = [f.name for f in fields(Environment) if f.name not in ("weather", "extra")]
    return Environment(**_sensed(Value, node, *names), weather=node.get("weather"), extra=own_keys(node))


def _match(node: JsonObject) -> Match:
    track = node.get("track")
    return Match(
        label=node.get("label"),
        track=None if track is None else int(track),
        near_px=to_tuples(node.get("near_px")),
        at_s=node.get("at_s"),
        from_s=node.get("from_s"),
        to_s=node.get("to_s"),
        extra=own_keys(node),
    )


def _object(node: JsonObject) -> SceneObject:
    match, trajectory = node.get("match"), node.get("trajectory")
    return SceneObject(
        match=None if match is None else _match(match),
        name=node.get("name"),
        label=node.get("label"),
        template=node.get("template"),
        trajectory=None if trajectory is None else trajectory_from_json(trajectory),
        **attributes_from_json(node),
    )


def _ranges(node: JsonObject) -> GivenRanges:
    return GivenRanges(
        speed_px_s=to_tuples(node.get("speed_px_s")),
        temperature_c=to_tuples(node.get("temperature_c")),
        density_kg_m3=to_tuples(node.get("density_kg_m3")),
        extra=own_keys(node),
    )


def _thermal(node: JsonObject) -> Thermal:
    known = {f.name: to_tuples(node[f.name]) for f in fields(Thermal) if f.name in node}
    return Thermal(**known, extra=own_keys(node))


def _parts(node: JsonObject) -> dict[str, object]:
    """All fields of a Scene."""
    return {
        "camera": _camera(node.get("camera", {})),
        "environment": _environment(node.get("environment", {})),
        "textures": node.get("textures", {}),
        "objects": tuple(_object(entry) for entry in node.get("objects", [])),
        "ranges": _ranges(node.get("ranges", {})),
        "thermal": _thermal(node.get("thermal", {})),
        "tracks": tuple(TrackEquations.from_json(entry) for entry in node.get("tracks", [])),
        "extra": own_keys(node),
    }
