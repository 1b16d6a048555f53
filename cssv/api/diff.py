"""Compare two versions of a file: scene, objects, heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cssv.api.clip import Clip
from cssv.api.history import Version, version_of
from cssv.container import Reader, Revision
from cssv.container.runs import runs_of
from cssv.errors import OptionError
from cssv.files.atomic import check_output
from cssv.files.paths import Path_, check_distinct
from cssv.files.plain_json import to_finite
from cssv.frames import Frame
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.arguments import Progress, counted, to_key
from cssv.pipeline.calls import checked_call
from cssv.pipeline.scene_track import SceneSample
from cssv.pipeline.sealed_track import read_stored_sample
from cssv.scene import Scene
from cssv.scene.diff import SceneChange, compare_scenes
from cssv.scene.text import unit_of
from cssv.template.heat_diff import HeatChange, compare_heat
from cssv.template.objects_diff import ChangeTally, TalliedChange, compare_objects
from cssv.video import write_picture
from cssv.view.side_by_side import Captions, side_by_side


@dataclass(frozen=True, slots=True)
class Difference:
    """Result of :func:`diff`.

    Attributes:
        path: the file.
        before, after: the two versions.
        scene: differences of the scenes, and of the ranges of the rings.
        objects: differences of the objects, each with its frames.
        frames: difference of the heat maps of each frame whose pixels differ, ascending.
        total: number of frames of the clip.
        picture: the picture written; None without one.
    """

    path: Path
    before: Version
    after: Version
    scene: tuple[SceneChange, ...]
    objects: tuple[TalliedChange, ...]
    frames: tuple[HeatChange, ...]
    total: int
    picture: Path | None = None

    @property
    def worst(self) -> HeatChange | None:
        """The frame with the largest mean difference of heat; None if all pixels are the same."""
        return max(self.frames, key=lambda change: change.mean_abs, default=None)

    @property
    def frame_runs(self) -> list[tuple[int, int]]:
        """First and last number of each run of frames whose heat differs."""
        return runs_of(change.frame for change in self.frames)

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        values = {
            "path": str(self.path),
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "scene": [change.to_json() for change in self.scene],
            "objects": [change.to_json() for change in self.objects],
            "frames": [change.to_json() for change in self.frames],
            "total": self.total,
            "worst": None if self.worst is None else self.worst.frame,
            "picture": None if self.picture is None else str(self.picture),
        }
        # Scenes and states are those of a file, which may hold infinite deviations.
        return to_finite(values)


@checked_call
def diff(
    path: Path_,
    before: Revision,
    after: Revision = None,
    *,
    picture: Path_ | None = None,
    password: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Difference:
    """Compare two versions of a ``.cssv``.

    Only frames with different pixels are decoded.

    Args:
        path: the file.
        before: number or tag; None for the version that plays.
        after: the same.
        picture: a ``.png`` to write, with the frame that differs most in both versions and their heat maps.
            Nothing is written if all pixels are the same.
        password: that of the file; ignored if the file has none.
        overwrite: replace an existing picture.
        progress: called after every frame.

    Raises:
        ContainerError: no such version, or a damaged file.
        PasswordError: the file has a password, and none or another one is given.
        OptionError: the picture is not a ``.png``.
        OutputError: the picture exists or cannot be written.
    """
    if picture is not None:
        check_distinct(path, picture)
        if Path(picture).suffix.lower() != ".png":
            raise OptionError("a picture is a .png", found=str(picture))
        check_output(picture, overwrite=overwrite)
    key = to_key(password)
    with Reader(path, version=before) as one, Reader(path, version=after) as two:
        scene = _scene_changes(one, two, key)
        objects = _object_changes(one, two, key, progress)
        # Equal checksums of the decoded planes spare most frames from being decoded.
        numbers = np.flatnonzero(one.frames.stegos != two.frames.stegos).tolist()
        rows = version_of(one.version, one.index), version_of(two.version, two.index)
        total = len(one)
    with (
        Clip(path, rows[0].number, password=password) as old,
        Clip(path, rows[1].number, password=password) as new,
    ):
        frames = tuple(
            compare_heat(number, old[number].clean_heat, new[number].clean_heat, old.info.layout)
            for number in counted(numbers, "compare", len(numbers), progress)
        )
        found = Difference(Path(path), *rows, scene, objects, frames, total)
        if picture is None or found.worst is None:
            return found
        shown = _draw(found, found.worst.frame, old, new)
        write_picture(picture, shown, overwrite=overwrite)
    return Difference(Path(path), *rows, scene, objects, frames, total, Path(picture))


def _scene_changes(one: Reader, two: Reader, key: PayloadKey | None) -> tuple[SceneChange, ...]:
    before, after = (read_stored_sample(reader, 0, key) for reader in (one, two))
    changes = compare_scenes(before.scene or Scene(), after.scene or Scene())
    # Ranges given by the scenes are among their differences already.
    known = {change.attribute for change in changes if change.where == "ranges"}
    others = (change for change in _range_changes(before, after) if change.attribute not in known)
    return (*changes, *others)


def _range_changes(before: SceneSample, after: SceneSample) -> Sequence[SceneChange]:
    """Differences of the ranges in use, whether given by the scene or fitted to its values."""
    old, new = (asdict(sample.ranges) if sample.ranges else {} for sample in (before, after))
    return [
        SceneChange("ranges", name, list(old[name]), list(new[name]), unit_of(name))
        for name in old
        if name in new and old[name] != new[name]
    ]


def _object_changes(
    one: Reader, two: Reader, key: PayloadKey | None, progress: Progress | None
) -> tuple[TalliedChange, ...]:
    tally = ChangeTally()
    # Equal checksums of the samples mean equal objects.
    shared = one.frames.scenes == two.frames.scenes
    for number in counted(np.flatnonzero(~shared).tolist(), "read", int((~shared).sum()), progress):
        before, after = (read_stored_sample(reader, number, key).objects for reader in (one, two))
        tally.add(number, compare_objects(before, after))
    return tally.changes()


def _draw(found: Difference, number: int, old: Clip, new: Clip) -> Frame:
    """Both versions of a frame side by side."""
    before, after = old[number], new[number]
    captions = Captions(
        before=_caption(found.before),
        after=_caption(found.after),
        moment=f"frame {number} at {float(before.time):.3f} s",
    )
    shown = side_by_side(
        before.frame.planes,
        after.frame.planes,
        before.clean_heat,
        after.clean_heat,
        before.frame.layout,
        captions,
    )
    frame = before.frame
    return Frame(shown, "rgb24", frame.pts, frame.time_base, number)


def _caption(version: Version) -> str:
    """The number and message of a version."""
    return f"version {version.number}" + (f": {version.message}" if version.message else "")
