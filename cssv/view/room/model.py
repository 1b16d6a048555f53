"""Build the glTF document of a room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from cssv.boxes import F64
from cssv.frames import U8
from cssv.view.plot.tracks import ObjectTrack
from cssv.view.room.bodies import Body, frustum, make_body, presence_keys
from cssv.view.room.glb import GlbWriter
from cssv.view.room.shapes import CUBE, Shape, disc
from cssv.view.room.space import PX_PER_UNIT, Space
from cssv.view.room.surface import Area, encode_picture, make_surface
from cssv.view.track_colours import track_colour
from cssv.view.units import SpeedUnit

#: Lines and circles lie this far before the surface, by its size, so that it does not cover them.
_LIFT = 0.0005
#: Length of the camera's frustum, by the size of the room.
_FRUSTUM = 0.06
#: Share of speeds that the scale of colours spans; a few outliers would leave one colour for all others.
_SCALED = 0.99
#: Opacity of circles, and of bodies before a picture, which they would hide.
_CLEAR = 0.4
_GREY, _WHITE = (140, 140, 140), (255, 255, 255)
_UNLIT: dict[str, Any] = {"KHR_materials_unlit": {}}
_LINES, _LINE_STRIP = 1, 3


@dataclass(frozen=True, eq=False)
class RoomContent:
    """What a room shows.

    Attributes:
        space: its axes.
        tracks: the objects.
        picture: (H, W, 3) RGB, a frame of the clip.
        area: left, top, right and bottom of what that shows of the clip, pixels.
        start_s: time of the first frame.
        unit: of speed.
    """

    space: Space
    tracks: tuple[ObjectTrack, ...]
    picture: U8
    area: Area
    start_s: float
    unit: SpeedUnit


def make_room(content: RoomContent) -> tuple[bytes, tuple[int, ...]]:
    """The room as a GLB file, and the ids of the objects in it. Equal content gives equal bytes."""
    found = [make_body(content.space, track) for track in content.tracks]
    bodies = [body for body in found if body is not None]
    builder = _Builder(content, bodies)
    return builder.build(), tuple(body.track.track for body in bodies)


class _Builder:
    """A room that is being built."""

    def __init__(self, content: RoomContent, bodies: Sequence[Body]) -> None:
        self._content, self._bodies = content, bodies
        self._glb = GlbWriter()
        self._space = content.space
        # Animations have no times before 0.
        self._shift_s = min(content.start_s, 0.0)
        self._channels: list[dict[str, Any]] = []
        self._samplers: list[dict[str, Any]] = []
        self._meshes: dict[tuple[str, tuple[int, int, int]], int] = {}
        self._extent = 1.0
        speeds = [body.track.speeds(content.unit)[0] for body in bodies]
        known = np.concatenate([values[np.isfinite(values)] for values in speeds] or [np.zeros(0)])
        self._top_speed = float(np.quantile(known, _SCALED)) if len(known) else 0.0

    def build(self) -> bytes:
        """The file."""
        nodes = [*self._surface(), *self._camera()]
        for body in self._bodies:
            nodes += [*self._path(body), self._object(body)]
        scene: dict[str, Any] = {"name": "room", "extras": self._extras()}
        if nodes:
            scene["nodes"] = nodes
        self._glb.add("scenes", scene)
        if self._channels:
            self._glb.add(
                "animations", {"name": "clip", "channels": self._channels, "samplers": self._samplers}
            )
        used = {"extensionsUsed": list(_UNLIT)} if self._glb.has("meshes") else {}
        return self._glb.to_bytes(asset={"version": "2.0", "generator": "cssv room"}, scene=0, **used)

    # ---- surface and camera

    def _surface(self) -> list[int]:
        feet = [body.track.feet_px for body in self._bodies]
        surface = make_surface(
            self._space, self._content.area, np.concatenate(feet) if feet else np.zeros((0, 2))
        )
        if surface is None:
            return []
        self._extent = float(np.ptp(surface.places, axis=0).max())
        glb = self._glb
        sampler = glb.add("samplers", {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071})
        image = glb.add_image(encode_picture(self._content.picture), "image/jpeg")
        texture = glb.add("textures", {"sampler": sampler, "source": image})
        material = glb.add(
            "materials",
            {
                "name": "frame of the clip",
                "doubleSided": True,
                "pbrMetallicRoughness": {
                    "baseColorTexture": {"index": texture},
                    "metallicFactor": 0,
                    "roughnessFactor": 1,
                },
                "extensions": _UNLIT,
            },
        )
        primitive = {
            "attributes": {
                "POSITION": glb.add_array("position", surface.places.astype(np.float32)),
                "TEXCOORD_0": glb.add_array("texture place", surface.texture.astype(np.float32)),
            },
            "indices": glb.add_array("index", surface.triangles),
            "material": material,
        }
        name = "picture" if self._space.plane is None else "ground"
        mesh = glb.add("meshes", {"name": name, "primitives": [primitive]})
        return [glb.add("nodes", {"name": name, "mesh": mesh})]

    def _camera(self) -> list[int]:
        lines = frustum(self._space, _FRUSTUM * self._extent)
        if lines is None:
            return []
        primitive = {
            "attributes": {"POSITION": self._glb.add_array("position", lines.astype(np.float32))},
            "material": self._material("camera", (40, 40, 40), is_lit=False),
            "mode": _LINES,
        }
        mesh = self._glb.add("meshes", {"name": "camera", "primitives": [primitive]})
        return [self._glb.add("nodes", {"name": "camera", "mesh": mesh})]

    # ---- objects

    def _path(self, body: Body) -> list[int]:
        """A line along the object's feet, coloured by speed; none for an object of one frame."""
        lifted = body.places + self._before(1)
        colours = self._speed_colours(body.track.speeds(self._content.unit)[0])
        primitives = [
            {
                "attributes": {
                    "POSITION": self._glb.add_array("position", lifted[run].astype(np.float32)),
                    "COLOR_0": self._glb.add_array("colour", colours[run]),
                },
                "material": self._material("path", _WHITE, is_lit=False),
                "mode": _LINE_STRIP,
            }
            for run in body.track.runs
            if run.stop - run.start > 1
        ]
        if not primitives:
            return []
        name = f"path of {body.track.name}"
        mesh = self._glb.add("meshes", {"name": name, "primitives": primitives})
        return [self._glb.add("nodes", {"name": name, "mesh": mesh})]

    def _before(self, layers: int) -> F64:
        """What moves a thing before the surface: up on the ground, towards the viewer from the picture."""
        lift = layers * _LIFT * self._extent
        return np.array([0, 0, lift]) if self._space.plane is None else np.array([0, lift, 0])

    def _object(self, body: Body) -> int:
        """The node of an object, with its animation."""
        track, glb = body.track, self._glb
        colour = track_colour(track.track)
        width, height, depth = body.size
        solid: dict[str, Any] = {
            "name": f"body of {track.name}",
            "mesh": self._mesh("body", CUBE, colour, is_lit=True),
            "scale": [width, height, depth],
            "rotation": [0, math.sin(body.turn_rad / 2), 0, math.cos(body.turn_rad / 2)],
        }
        if self._space.plane is None:
            solid["translation"] = [0, 0, depth / 2]
        children = [glb.add("nodes", solid)]
        if body.sigmas.any():
            children.append(self._circle(body, colour))
        node = glb.add(
            "nodes",
            {
                "name": track.name,
                "children": children,
                "translation": body.places[0].tolist(),
                "extras": self._track_extras(body),
            },
        )
        self._animate(node, "translation", track.times_s, body.places)
        times, shown = presence_keys(track, self._content.start_s)
        self._animate(node, "scale", times, np.repeat(shown[:, None], 3, axis=1), "STEP")
        return node

    def _circle(self, body: Body, colour: tuple[int, int, int]) -> int:
        """The node of the circle of uncertainty."""
        # On the ground the body would cover a smaller circle; before a picture one looks through it.
        covered = 0.0 if self._space.plane is None else math.hypot(body.size[0], body.size[2]) / 2
        beyond = covered + body.sigmas
        radii = np.stack([beyond, np.ones(len(beyond)), beyond], axis=-1)
        node: dict[str, Any] = {
            "name": f"uncertainty of {body.track.name}",
            "mesh": self._mesh("circle", disc(), colour, is_lit=False),
            "translation": self._before(2).tolist(),
            "scale": radii[0].tolist(),
        }
        if self._space.plane is None:
            # A quarter turn about x, from flat to upright.
            node["rotation"] = [float(np.sqrt(0.5)), 0, 0, float(np.sqrt(0.5))]
        index = self._glb.add("nodes", node)
        self._animate(index, "scale", body.track.times_s, radii)
        return index

    def _animate(self, node: int, path: str, times_s: F64, values: F64, how: str = "LINEAR") -> None:
        times = (times_s - self._shift_s).astype(np.float32)
        # Two times may be one in single precision, and times must grow. Of these, the last counts.
        kept = np.append(np.diff(times) > 0, True)
        sampler = {
            "input": self._glb.add_array("animation", times[kept]),
            "interpolation": how,
            "output": self._glb.add_array("animation", values[kept].astype(np.float32)),
        }
        self._samplers.append(sampler)
        target = {"node": node, "path": path}
        self._channels.append({"sampler": len(self._samplers) - 1, "target": target})

    # ---- shapes and colours

    def _mesh(self, name: str, shape: Shape, colour: tuple[int, int, int], *, is_lit: bool) -> int:
        """A mesh of a shape in a colour; equal ones once."""
        key = (name, colour)
        if key not in self._meshes:
            attributes = {"POSITION": self._glb.add_array("position", shape.places)}
            if is_lit:
                attributes["NORMAL"] = self._glb.add_array("normal", shape.normals)
            primitive = {
                "attributes": attributes,
                "indices": self._glb.add_array("index", shape.triangles),
                "material": self._material(name, colour, is_lit=is_lit),
            }
            self._meshes[key] = self._glb.add("meshes", {"name": name, "primitives": [primitive]})
        return self._meshes[key]

    def _material(self, name: str, colour: tuple[int, int, int], *, is_lit: bool) -> int:
        linear = _to_linear(np.array(colour)).round(6).tolist()
        is_clear = name == "circle" or (name == "body" and self._space.plane is None)
        material: dict[str, Any] = {
            "name": name,
            "doubleSided": True,
            "pbrMetallicRoughness": {
                "baseColorFactor": [*linear, _CLEAR if is_clear else 1.0],
                "metallicFactor": 0,
                "roughnessFactor": 0.8,
            },
        }
        if is_clear:
            material["alphaMode"] = "BLEND"
        if not is_lit:
            material["extensions"] = _UNLIT
        return self._glb.add_once("materials", material)

    def _speed_colours(self, speeds: F64) -> U8:
        """(n, 4) linear RGBA of speeds; grey where unknown."""
        shares = np.clip(np.nan_to_num(speeds) / (self._top_speed or 1.0), 0, 1)
        codes = np.rint(255 * shares).astype(np.uint8)
        rgb = cv2.applyColorMap(codes.reshape(-1, 1), cv2.COLORMAP_VIRIDIS).reshape(-1, 3)[:, ::-1]
        rgb = np.where(np.isfinite(speeds)[:, None], rgb, _GREY)
        opaque = np.full((len(rgb), 1), 255, np.uint8)
        return np.concatenate([np.rint(255 * _to_linear(rgb)).astype(np.uint8), opaque], axis=-1)

    # ---- words

    def _track_extras(self, body: Body) -> dict[str, Any]:
        track = body.track
        last_s = float(track.times_s[-1] + track.stays_s[-1])
        return {
            "track": track.track,
            "label": track.label or None,
            "first_s": float(track.times_s[0]),
            "last_s": float(track.times_s[-1]),
            "end_s": last_s,
        }

    def _extras(self) -> dict[str, Any]:
        is_ground = self._space.plane is not None
        axes = "x, y and z of glTF are x, z and -y of the scene's ground, metres"
        if is_ground and self._space.up < 0:
            axes = "x, y and z of glTF are x, -z and y of the scene's ground, whose z is down, metres"
        if not is_ground:
            axes = f"no ground is known: the picture stands upright, {PX_PER_UNIT} px are 1 unit"
        per_axis = "the standard deviation of the velocity per axis, over 1 s"
        circle = f"uncertainty: it reaches beyond the corners of the body by {per_axis}"
        if not is_ground:
            circle = f"uncertainty: its radius is {per_axis}"
        return {
            "axes": axes,
            "unit": self._content.unit.name,
            "time_offset_s": self._shift_s,
            "legend": {
                "path": {
                    "shows": f"speed in {self._content.unit.name}",
                    "colours": "viridis; grey is unknown",
                    "from": 0.0,
                    "to": self._top_speed,
                },
                "body": "width and height of the object, medians over its frames; its depth is assumed",
                "circle": circle,
            },
            "tracks": [self._track_extras(body) for body in self._bodies],
        }


def _to_linear(rgb: Any) -> F64:  # noqa: ANN401 - codes of any type
    """SRGB codes, 0 to 255 -> linear light, 0 to 1 (IEC 61966-2-1)."""
    share = np.asarray(rgb, dtype=np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
