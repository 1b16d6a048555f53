"""A scene as the key of a cache."""

from __future__ import annotations

from cssv.scene import Scene


class SceneIdentity:
    """A scene that equals only itself, and is kept alive: comparing whole scenes for every frame takes long.

    Args:
        scene: the scene.
    """

    __slots__ = ("scene",)

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SceneIdentity) and other.scene is self.scene

    def __hash__(self) -> int:
        return id(self.scene)
