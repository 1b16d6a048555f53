"""Frames of other versions that a new version can share, as after going back to an older scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress

from cssv.carriers.drawn_rings import rings_for
from cssv.carriers.windows import replaces_frames
from cssv.container import Reader
from cssv.errors import ChecksumError, InputError, PasswordError
from cssv.files.paths import Path_
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.embed import WindowEmbedder
from cssv.pipeline.sealed_track import read_stored_sample, stored_sample
from cssv.scene import Scene
from cssv.scene.camera import plane_of
from cssv.scene.ground import Plane, Size, is_same_ground
from cssv.template.drawing import Rings
from cssv.template.state import ObjectState

#: Number of versions that are searched, the newest first.
MOST = 16


class ReusableVersions:
    """Versions drawn from the same pictures in the same ranges as a new version.

    The pixels of a window depend on these two, on the rings and on its objects alone, with window carriers
    also on the scene. So windows with the same objects are the same frames.

    Args:
        path: the file.
        parent: the version that the new one starts from.
        embedder: of the new version.
        rings_of: gives the rings of the clip's heat map under a scene.
        stack: closes what is opened here.
        key: that of the file; None if it has no password.
    """

    def __init__(
        self,
        path: Path_,
        parent: Reader,
        embedder: WindowEmbedder,
        rings_of: Callable[[Scene], Rings],
        stack: ExitStack,
        key: PayloadKey | None = None,
    ) -> None:
        self._key = key
        own = parent.version
        # Drawings do not depend on the scene itself, payloads do.
        scene = None if replaces_frames(embedder.carrier) else embedder.scene
        rows = (row for row in reversed(parent.index.versions) if row.root == own.root and row != own)
        self._readers = []
        for row, _ in zip(rows, range(MOST), strict=False):
            # A damaged version is no reason to fail, nor is another password: it is only not shared with.
            with suppress(ChecksumError, PasswordError):
                reader = stack.enter_context(Reader(path, version=row.number))
                first = read_stored_sample(reader, 0, key)
                rings = rings_for(embedder.carrier, rings_of(first.scene or Scene()))
                is_drawn_alike = first.ranges == embedder.ranges and rings == embedder.drawn_rings
                if is_drawn_alike and scene in (None, first.scene):
                    self._readers.append(reader)

    def find(self, frames: Iterable[int], wanted: Callable[[int], Sequence[ObjectState]]) -> Reader | None:
        """A version whose frames all show the wanted objects; None if there is none."""
        numbers = list(frames)
        for reader in self._readers:
            if all(self._has_objects(reader, number, wanted(number)) for number in numbers):
                return reader
        return None

    def _has_objects(self, reader: Reader, number: int, objects: Sequence[ObjectState]) -> bool:
        """Whether a frame of a version shows these objects and its video sample is sound."""
        try:
            sample = read_stored_sample(reader, number, self._key)
            return sample.objects == tuple(objects) and bool(reader.sample(reader.video.number, number))
        except (ChecksumError, PasswordError):
            return False


def on_same_ground(
    path: Path_, child: Reader, size: Size, stack: ExitStack, key: PayloadKey | None, plane: Plane
) -> Callable[[int], bytes] | None:
    """A function that gives the scene samples of the nearest ancestor with the same ground plane.

    Args:
        path: the file.
        child: the version whose ancestors are searched.
        size: width and height of the picture.
        stack: closes what is opened here.
        key: that of the file; None if it has no password.
        plane: the ground plane.

    Returns:
        Scene sample by frame number; None if no ancestor has this ground plane.
    """
    number = child.version.parent
    while number:
        with ExitStack() as own, suppress(ChecksumError, InputError, PasswordError):
            reader = own.enter_context(Reader(path, version=number))
            scene = read_stored_sample(reader, 0, key).scene
            if scene is not None and is_same_ground(plane_of(scene.camera, size), plane):
                stack.enter_context(own.pop_all())
                return lambda number: stored_sample(reader, number, key)
        number = child.index.find(number).parent
    return None
