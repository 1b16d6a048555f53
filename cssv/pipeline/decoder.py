"""The way back: container or any lossless copy, carrier, template, objects. Knows nothing of perception."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path

from cssv.carriers.nibble.carrier import extract
from cssv.carriers.nibble.mark_record import Miniature
from cssv.carriers.nibble.miniature import scene_of
from cssv.container import Reader, Revision, is_cssv
from cssv.errors import ChecksumError, ContainerError, InputError, NibblesLostError, OptionError, VideoError
from cssv.files.closing import Closing
from cssv.files.paths import Path_
from cssv.frames import Frame, Layout, planes_crc
from cssv.pipeline.moment import Moment
from cssv.pipeline.scene_track import read_sample
from cssv.scene import Scene
from cssv.scene.camera import plane_of
from cssv.scene.ground import Plane
from cssv.video import open_frames, shown_stamps

#: What to do about lost nibbles.
_LOST_REMEDY = (
    "Decode the original .cssv or a lossless copy of it: any re-encoding, scaling or colour conversion "
    "of the pixels destroys nibbles."
)


class Decoder(Closing):
    """Iterates over the moments of a source whose pixels carry.

    The source is a ``.cssv``, any lossless copy of its video in any container (remuxed, trimmed,
    cropped), a PNG of one of its frames or a folder of them. One loop at a time; :class:`Clip` takes
    several. ::

        with cssv.Decoder("clip.cssv") as decoder:
            for moment in decoder:
                moment.heat, moment.objects

    Args:
        source: as above.
        version: of a ``.cssv``: number or tag; None for the version that plays.

    Raises:
        VideoError: not a video. NibblesLostError: the pixels do not carry (any more).
        ChecksumError: a frame of a ``.cssv`` is damaged.
        ContainerError: no such version. OptionError: a version of something that has none.
    """

    def __init__(self, source: Path_, version: Revision = None) -> None:
        self._path = Path(source)
        self._version = version
        self._stack = ExitStack()
        self.reader: Reader | None = None
        try:
            if self._path.is_file() and is_cssv(self._path):
                self.reader = self._stack.enter_context(Reader(self._path, version=version))
            else:
                _check_no_version(source, version)
            with self._as_damage():
                place = self._path if self.reader is None else self.reader.source
                self._frames = self._stack.enter_context(open_frames(place))
        except BaseException:
            self._stack.close()
            raise
        self.info = self._frames.info
        self._origin = (0, 0)
        self._miniature: Miniature | None = None

    def __len__(self) -> int:
        """Frames of the source."""
        return len(self._stamps) if self.reader is None else len(self.reader)

    @cached_property
    def _stamps(self) -> list[int]:
        """Pts of a copy's frames; found by a reading of its own, so that a loop that goes on is not lost."""
        with open_frames(self._path) as frames:
            return shown_stamps(frames)

    @property
    def layout(self) -> Layout:
        """Layout of the planes."""
        return self.info.layout

    @cached_property
    def scene(self) -> Scene:
        """The scene: whole from a ``.cssv``, its environment and ranges from the pixels of a copy."""
        if self.reader is not None:
            return read_sample(self.reader.scene_sample(0)).scene or Scene()
        if self._miniature is not None:
            return scene_of(self._miniature)
        # A reading of its own, so that a seek or a loop that goes on stays where it is.
        with Decoder(self._path, self._version) as other:
            return scene_of(next(iter(other)).miniature)

    @cached_property
    def plane(self) -> Plane | None:
        """The ground of the picture, where the scene of a ``.cssv`` tells it; None elsewhere."""
        if self.reader is None:
            return None
        # Without the scene, or with one that nobody can use, all else is still there.
        with suppress(ContainerError, InputError):
            return plane_of(self.scene.camera, (self.info.width, self.info.height))
        return None

    def seek(self, number: int) -> None:
        """Let the next loop start at the source's frame ``number``, counted from 0."""
        reader, count = self.reader, len(self)
        if not 0 <= number < count:
            raise VideoError("the clip has no such frame", found=number, bound=f"0 to {count - 1}")
        pts = self._stamps[number] if reader is None else reader.pts(reader.video.number, number)
        with self._as_damage():
            self._frames.seek(number, pts)

    def __iter__(self) -> Iterator[Moment]:
        frames = iter(self._frames)
        while True:
            with self._as_damage():
                frame = next(frames, None)
            if frame is None:
                return
            yield self._moment(frame)

    @contextmanager
    def _as_damage(self) -> Iterator[None]:
        """Turn a video error into what it is in a ``.cssv``: damage."""
        try:
            yield
        except VideoError as error:
            if self.reader is None:
                raise
            raise self._damaged(str(error)) from error

    def _damaged(self, what: str) -> ChecksumError:
        return ChecksumError(
            f"{self._path} is not what was written: {what}",
            remedy="Run 'cssv verify' to see what is damaged.",
        )

    def _moment(self, frame: Frame) -> Moment:
        reader = self.reader
        sample: bytes | ChecksumError | None = None
        if reader is not None:
            number = frame.number
            if number >= len(reader) or planes_crc(frame.planes) != int(reader.frames.stegos[number]):
                raise self._damaged(f"frame {number} decodes to other pixels")
            try:
                sample = reader.scene_sample(number)
            except ChecksumError as error:
                # The pixels are whole: only who asks for the scene track's objects need know.
                sample = error

        found = extract(frame.planes, frame.layout, self._origin, is_sound=reader is not None)
        if found is None:
            raise self._lost(frame)
        self._origin = found.marks.origin
        self._miniature = self._miniature or found.marks.miniature
        if self._miniature is None:
            raise self._lost(frame)
        return Moment(frame, found, self._miniature, sample, self.plane)

    def _lost(self, frame: Frame) -> NibblesLostError:
        seen = f"{self.info.width}x{self.info.height} {self.info.pix_fmt} coded with {self.info.codec}"
        return NibblesLostError(
            f"the low nibbles of frame {frame.number} of {self._path} carry no heat map: it was never "
            "there, or a lossy codec or a colour conversion has destroyed it",
            found=seen,
            remedy=_LOST_REMEDY,
        )

    def close(self) -> None:
        """Close the files; may be called twice."""
        self._stack.close()


def _check_no_version(source: Path_, version: Revision) -> None:
    if version is not None:
        raise OptionError("only a .cssv holds versions", found=str(source), remedy="Leave the version out.")
