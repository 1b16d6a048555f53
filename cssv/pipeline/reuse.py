"""Versions that have already what a new one needs, as after going back to an older scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress

from cssv.container import Reader
from cssv.errors import ChecksumError, InputError
from cssv.files.paths import Path_
from cssv.pipeline.scene_track import SceneSample, read_sample, sample_ranges
from cssv.scene import Ranges
from cssv.scene.camera import plane_of
from cssv.scene.ground import Plane, Size, is_same_ground
from cssv.template.state import ObjectState

#: How many versions are looked at, the newest first.
MOST = 16


class ReusableVersions:
    """Versions drawn from the same pictures in the same ranges as a new one.

    What a frame looks like depends on these two and on its objects alone, so frames with the same
    objects are the same frames.

    Args:
        path: the file.
        parent: the version that the new one is made from.
        ranges: what the new one is drawn in.
        stack: closes what is opened here.
    """

    def __init__(self, path: Path_, parent: Reader, ranges: Ranges, stack: ExitStack) -> None:
        shown = parent.version
        rows = (row for row in reversed(parent.index.versions) if row.root == shown.root and row != shown)
        self._readers = []
        for row, _ in zip(rows, range(MOST), strict=False):
            with suppress(ChecksumError):
                reader = stack.enter_context(Reader(path, version=row.number))
                if sample_ranges(reader.scene_sample(0)) == ranges:
                    self._readers.append(reader)

    def find(self, frames: Iterable[int], wanted: Callable[[int], Sequence[ObjectState]]) -> Reader | None:
        """A version in which every one of the frames shows the wanted objects; None where there is none."""
        numbers = list(frames)
        return next((r for r in self._readers if all(_shows(r, n, wanted(n)) for n in numbers)), None)


def _shows(reader: Reader, number: int, objects: Sequence[ObjectState]) -> bool:
    """Whether a version's frame shows these objects and its video is whole."""
    try:
        sample: SceneSample = read_sample(reader.scene_sample(number))
        return sample.objects == tuple(objects) and bool(reader.sample(reader.video.number, number))
    except ChecksumError:
        return False


def on_same_ground(
    path: Path_, child: Reader, size: Size, stack: ExitStack, plane: Plane
) -> Callable[[int], bytes] | None:
    """Scene samples by frame of the nearest ancestor whose scene's camera shows this ground, if there is one.

    Args:
        path: the file.
        child: the version whose ancestors they are.
        size: width and height of the picture.
        stack: closes what is opened here.
        plane: the ground.
    """
    number = child.version.parent
    while number:
        with ExitStack() as own, suppress(ChecksumError, InputError):
            reader = own.enter_context(Reader(path, version=number))
            scene = read_sample(reader.scene_sample(0)).scene
            if scene is not None and is_same_ground(plane_of(scene.camera, size), plane):
                stack.enter_context(own.pop_all())
                return reader.scene_sample
        number = child.index.find(number).parent
    return None
