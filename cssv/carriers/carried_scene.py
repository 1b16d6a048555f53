"""What successive windows tell about the clip: each carries its ranges, and one part of the scene."""

from __future__ import annotations

from cssv.carriers.base import CarriedClip
from cssv.payload.scene_part import ScenePart
from cssv.payload.window import Window
from cssv.payload.window_scene import merge_scene
from cssv.scene import Scene


class CarriedScene:
    """The scene of a clip, from the parts in its windows."""

    def __init__(self) -> None:
        self._scene = Scene()
        self._first_part: ScenePart | None = None
        self._all_parts = False

    def add(self, window: Window) -> CarriedClip:
        """Add a window; returns what is known of the clip now.

        Raises:
            FramingError: the part of the window does not fit the parts before.
        """
        self._scene = merge_scene(self._scene, window)
        # All parts are known if there are none, or if the first one comes again.
        if window.part is None or window.part == self._first_part:
            self._all_parts = True
        self._first_part = self._first_part or window.part
        return CarriedClip(window.ranges, self._scene, window.time_base, window.size, self._all_parts)
