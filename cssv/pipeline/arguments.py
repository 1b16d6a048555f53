"""Arguments that several public functions take: scenes, numbers, choices, progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from cssv.errors import OptionTypeError
from cssv.files.paths import Path_, check_path
from cssv.payload.sealing import PayloadKey
from cssv.scene import Scene

#: Called with the name of the stage, the frames done and the number of frames (None if unknown).
Progress = Callable[[str, int, int | None], None]
SceneLike = Scene | Path_ | dict[str, Any] | None
_Item = TypeVar("_Item")


def counted(
    items: Iterable[_Item], stage: str, total: int | None, progress: Progress | None
) -> Iterator[_Item]:
    """Yield items and report progress after each."""
    for count, item in enumerate(items, 1):
        yield item
        if progress is not None:
            progress(stage, count, total)


def load_scene(scene: SceneLike) -> Scene:
    """Convert a scene argument: a Scene, a path, a JSON object or None; without ``tracks``."""
    loaded = read_scene(scene)
    # Equations of tracks describe what was perceived; they are output, and would be out of date in a file.
    return replace(loaded, tracks=()) if loaded.tracks else loaded


def read_scene(scene: SceneLike) -> Scene:
    """Convert a scene argument as it is, with ``tracks``."""
    if scene is None:
        return Scene()
    if isinstance(scene, Scene):
        return scene
    if isinstance(scene, dict):
        return Scene.from_json(scene)
    if not isinstance(scene, str | os.PathLike):
        raise OptionTypeError(
            "not a scene", found=type(scene).__name__, bound="a Scene, a path, a JSON object"
        )
    check_path("scene", scene)
    return Scene.read(scene)


def to_key(password: str | None) -> PayloadKey | None:
    """Convert a password argument to its key. Raises OptionError."""
    return None if password is None else PayloadKey.from_password(password)
