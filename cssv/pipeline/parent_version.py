"""The version that a commit starts from, and the version whose frames were drawn from the clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np

from cssv.carriers.base import FrameContent
from cssv.container import Reader
from cssv.frames import Frame
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.config import RecordedConfig, config_from_facts
from cssv.pipeline.embed import WindowEmbedder
from cssv.pipeline.scene_track import SceneSample
from cssv.pipeline.sealed_track import open_facts, read_stored_sample
from cssv.pipeline.stego_frames import StegoCursor
from cssv.pipeline.window_check import windows_of
from cssv.scene import Scene
from cssv.template.state import ObjectState
from cssv.video import VideoInfo

#: Scene samples that are kept in memory, at most.
_KEPT_SAMPLES = 2000


class ParentVersion:
    """Read access to the frames and scene samples of a parent version and of its root.

    The root is the version whose frames were drawn from the clip itself. New frames are always drawn from
    it, so that a chain of commits ends where one direct commit would.

    Args:
        path: the file.
        parent: reader of the parent version.
        stack: closes what is opened here.
        key: that of the file; None if it has no password.

    Raises:
        PasswordError: the file has a password, and the key is None or another one.

    Attributes:
        parent, root: their readers; one reader if they are the same version.
        key: as above.
        facts: of the root, opened.
        recorded: how the root was encoded.
        info: size, layout, time base and rate of the frames.
    """

    def __init__(self, path: Path, parent: Reader, stack: ExitStack, key: PayloadKey | None = None) -> None:
        self.key = key
        self.parent = self.root = parent
        number = parent.version.root
        if number != parent.version.number:
            self.root = stack.enter_context(Reader(path, version=number))
        self.facts = open_facts(self.root.version.about.meta, key)
        self._root_frames = self._parent_frames = stack.enter_context(StegoCursor(self.root))
        if self.root is not parent:
            self._parent_frames = stack.enter_context(StegoCursor(parent))
        self.recorded: RecordedConfig = config_from_facts(self.facts, key)
        self._pts = parent.video.pts()
        self._samples: dict[int, SceneSample] = {}

    def __len__(self) -> int:
        """Frames of the clip."""
        return len(self.parent)

    @property
    def info(self) -> VideoInfo:
        """Size, layout, time base and rate of the frames."""
        return self._root_frames.info

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        return self.info.width, self.info.height

    def root_frame(self, number: int) -> Frame:
        """A stego frame as it was drawn from the clip."""
        return self._root_frames.read(number)

    def parent_frame(self, number: int) -> Frame:
        """A stego frame of the parent version."""
        return self._parent_frames.read(number)

    def sample(self, number: int) -> SceneSample:
        """A scene sample of the parent version. Those of a short clip are kept: reading them takes long."""
        if number not in self._samples and len(self._samples) < _KEPT_SAMPLES:
            self._samples[number] = read_stored_sample(self.parent, number, self.key)
        return self._samples.get(number) or read_stored_sample(self.parent, number, self.key)

    def root_sample(self, number: int) -> SceneSample:
        """A scene sample of the root version."""
        return read_stored_sample(self.root, number, self.key)

    @cached_property
    def windows(self) -> Sequence[range]:
        """The windows of the clip, each as the numbers of its frames."""
        times = (self.time(number) for number in range(len(self)))
        return windows_of(self.recorded.config.carrier, times, self.info.layout, self.size)

    @cached_property
    def scene(self) -> Scene:
        """The scene of the parent version."""
        return self.sample(0).scene or Scene()

    def content(
        self, embedder: WindowEmbedder, number: int, objects: tuple[ObjectState, ...]
    ) -> FrameContent:
        """What a version with these objects hides in a frame."""
        return FrameContent(
            number,
            int(self._pts[number]),
            self.parent.video.time_base,
            objects,
            embedder.ranges,
            embedder.scene,
            rings=embedder.drawn_rings,
        )

    def time(self, number: int) -> Fraction:
        """Presentation time of a frame, seconds, exact."""
        return int(self._pts[number]) * self.parent.video.time_base

    def moments(self) -> Iterator[tuple[SceneSample, Fraction]]:
        """All scene samples of the parent version with their times."""
        return ((self.sample(number), self.time(number)) for number in range(len(self)))

    def estimated(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """(n,) True for frames of the parent whose cover was estimated: they differ from the root's."""
        return np.asarray(self.parent.frames.stegos != self.root.frames.stegos)
