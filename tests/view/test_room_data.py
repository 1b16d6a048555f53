"""What the room of a page shows: places, heights and speeds, and any number of objects."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

#: Reads cases of a scene and frames; writes the rooms.
PROGRAM = """
import { readFileSync } from "node:fs";
const { buildRoomData } = await import(process.argv[1]);
const rooms = JSON.parse(readFileSync(0, "utf-8")).map(([scene, frames]) => {
  const numbers = [...new Set(frames.flat().map((object) => object.track))];
  const tracks = numbers.map((track) => ({ track, label: "", name: "" }));
  return buildRoomData(scene, frames, tracks, (frame) => frame / 10, { width: 640, height: 480 });
});
process.stdout.write(JSON.stringify(rooms));
"""
MODULE = Path(__file__).resolve().parents[2] / "cssv" / "view" / "html" / "room_data.js"
TILT_DEG = -30
SCENE = {"camera": {"position_m": [1, 2, 5], "tilt_deg": TILT_DEG, "hfov_deg": 60}}


def seen(x, y, z):
    """The pixel of a place, by a camera that looks along +y."""
    away, down = y - 2, 5 - z
    tilt = math.radians(-TILT_DEG)
    depth = away * math.cos(tilt) + down * math.sin(tilt)
    focal = 320 / math.tan(math.radians(30))
    below = down * math.cos(tilt) - away * math.sin(tilt)
    return 320 + focal * (x - 1) / depth, 240 + focal * below / depth


def standing(track, x, y, height, **values):
    """An object at a place with a height."""
    (px, bottom), (_, top) = seen(x, y, 0), seen(x, y, height)
    return {"track": track, "box_px": [px - 8, top, 16, bottom - top], **values}


MOVING = {"velocity_m_s": [3, 4], "sigma_m_s": 0.2, "velocity_px_s": [30, 0], "sigma_px_s": 2}
CASES = [
    (SCENE, [[standing(1, 1.5, 9, 1.8, **MOVING)], [], [standing(1, 1.8, 9.4, 1.8)]]),
    ({}, [[{"track": 1, "box_px": [100, 80, 20, 40], **MOVING}]]),
    # No frames with objects; objects above the horizon and cut off by the edge; very many of them.
    (SCENE, [[], []]),
    (SCENE, [[{"track": 1, "box_px": [100, -150, 9, 9]}, {"track": 2, "box_px": [0, 300, 9, 9]}]]),
    (SCENE, [[standing(n, 1, 6 + n / 1000, 1.7) for n in range(2000)]] * 3),
]


@pytest.fixture(scope="module")
def rooms(ask_node):
    return ask_node(PROGRAM, MODULE, CASES)


def test_objects_stand_where_they_are_with_their_height(rooms):
    room = rooms[0]
    ((found,), _, _) = room["frames"]
    assert found["at"] == pytest.approx([1.5, 9, 0])
    # The feet and the head are not in one column of the picture, beside its middle.
    assert found["size"][1] == pytest.approx(1.8, rel=2e-3)
    assert found["speed"] == pytest.approx(5)
    assert found["ahead"] == [3, 4, 0]
    assert [point["timeS"] for point in room["tracks"][0]["points"]] == [0, 0.2]
    assert room["speedUnit"] == "m/s"
    # The ellipse has the sigma of both axes together.
    squares = [value**2 for axis in found["ellipse"] for value in axis]
    assert sum(squares) == pytest.approx(2 * 0.2**2)


def test_the_camera_sees_its_four_corners(rooms):
    camera = rooms[0]["camera"]
    assert camera["position"] == pytest.approx([1, 2, 5])
    for ray in camera["rays"]:
        assert math.hypot(*ray) == pytest.approx(1)
    (left, right) = camera["rays"][:2]
    assert left[0] == pytest.approx(-right[0])
    assert left[1] > 0


def test_without_a_camera_the_room_is_the_picture(rooms):
    room = rooms[1]
    assert room["isGround"] is False
    assert room["speedUnit"] == "px/s"
    assert room["frames"][0][0]["at"] == pytest.approx([(110 - 320) / 1000, 0, 0.36])
    assert room["mostSpeed"] == 30


def test_a_room_without_objects_shows_the_ground(rooms):
    for room in rooms[2:4]:
        assert room["points"]
        assert room["tracks"] == []
        assert room["mostSpeed"] == 0
    assert rooms[3]["lost"] == 2


def test_many_objects_leave_few_places_for_the_first_view(rooms):
    assert len(rooms[4]["tracks"]) == 2000
    assert len(rooms[4]["points"]) < 50
