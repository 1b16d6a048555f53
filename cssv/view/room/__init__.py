"""The room of a clip as a glTF 2.0 file: ground, camera, and objects that move in it."""

from cssv.view.room.model import RoomContent, make_room
from cssv.view.room.space import Space

__all__ = ["RoomContent", "Space", "make_room"]
