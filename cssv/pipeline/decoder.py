"""Decode frames: container or any copy of its video, carrier, objects. Independent of perception."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from cssv.carriers.base import (
    AnyCarrier,
    CarriedClip,
    Carrier,
    Extracted,
    Extractor,
    Hint,
    Read,
    WindowCarrier,
    needs_regions,
)
from cssv.carriers.carrier_search import CarrierSearch
from cssv.carriers.windows import group_frames, window_codec
from cssv.container import Reader, Revision, is_cssv
from cssv.errors import (
    ChecksumError,
    ClosedError,
    ContainerError,
    CssvError,
    FrameError,
    InputError,
    NibblesLostError,
    OptionError,
    PasswordError,
    VideoError,
)
from cssv.files.access import Access, Loop
from cssv.files.closing import Closing
from cssv.files.patched import InputFile
from cssv.files.paths import Path_
from cssv.files.system import is_of_system
from cssv.frames import Frame, Layout
from cssv.interop.rows import Origin
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.arguments import to_key
from cssv.pipeline.calls import checked_call
from cssv.pipeline.config import EXTENSION
from cssv.pipeline.frame_check import FrameCheck
from cssv.pipeline.known_rings import known_rings
from cssv.pipeline.moment import Moment
from cssv.pipeline.overlay_memory import OverlayMemory, PlacesInFrame, colour_of
from cssv.pipeline.scene_track import SceneSample
from cssv.pipeline.sealed_track import carrier_of_version, open_facts, read_stored_sample, stored_sample
from cssv.scene import Scene
from cssv.scene.camera import plane_of
from cssv.scene.ground import Plane
from cssv.template.drawing import Rings
from cssv.video import open_frames, shown_stamps, streams_to_try

#: What to do about a lost heat map.
_LOST_REMEDY = (
    "Decode the original .cssv or a lossless copy of it: any re-encoding, scaling or colour conversion "
    "destroys what the carriers nibble and constructive hide, and a strong one also what robust hides. "
    "`cssv.identify()` may still find out which clip it is."
)
#: Without the right password, pixels look as if they carried nothing.
_PASSWORD_REMEDY = " If it has a password, give that one as `password=`."


#: Seconds of a copy that are read for its scene, where windows carry the scene in parts.
SCENE_S = 60


@dataclass(frozen=True, slots=True, eq=False)
class _Traits:
    """Traits of a carrier that each frame asks for.

    Attributes:
        carrier: it; None while it is unknown.
        is_window: whether it embeds windows of frames.
        is_exact: whether its content comes from pixels that are as they were written.
    """

    carrier: AnyCarrier | None
    is_window: bool
    is_exact: bool


class Decoder(Closing):
    """Decoder of a source whose pixels carry a heat map; iterating yields a :class:`Moment` per frame.

    The source is a ``.cssv``, any copy of its video that the carrier survives (remuxed, trimmed, cropped),
    a PNG of one of its frames or a folder of them. The carrier is found automatically. Only one loop at a
    time; :class:`Clip` allows several. ::

        with cssv.Decoder("clip.cssv") as decoder:
            for moment in decoder:
                moment.heat, moment.objects

    Args:
        source: as above.
        version: of a ``.cssv``: number or tag; None for the version that plays.
        stream: number of the video stream of a copy that holds several; None for the first that carries.
        password: that of the source; ignored if the source has none.

    Raises:
        PasswordError: a ``.cssv`` has a password, and none or another one is given.
        VideoError: not a video. NibblesLostError: the pixels carry nothing, or no longer.
        ChecksumError: a frame of a ``.cssv`` is damaged.
        ContainerError: no such version, or a damaged ``.cssv``: one that has this extension, the brand of the
            format or a box of it, but no sound index.
        OptionError: a version of a source without versions.
    """

    @checked_call
    def __init__(
        self,
        source: Path_,
        version: Revision = None,
        *,
        stream: int | None = None,
        password: str | None = None,
    ) -> None:
        self._path = Path(source)
        self._version = version
        self._password = password
        self._key = to_key(password)
        self._stack = ExitStack()
        self._access = Access(self, f"the decoder of {self._path}")
        self.reader: Reader | None = None
        self._check: FrameCheck | None = None
        self._known_traits: _Traits | None = None
        try:
            self._carrier: AnyCarrier | None = None
            # Also a damaged one: its pixels must not pass for those of a copy, which has no scene track.
            if self._path.is_file() and (self._path.suffix.lower() == EXTENSION or is_cssv(self._path)):
                self.reader = self._stack.enter_context(Reader(self._path, version=version))
                facts = self.reader.version.about.meta
                # A wrong password is found here, and not at the first frame.
                open_facts(facts, self._key)
                self._carrier = carrier_of_version(facts, self._key)
                self._check = FrameCheck(self.reader, self._carrier)
            else:
                _check_no_version(source, version)
            with self._as_damage():
                place = self._path if self.reader is None else self.reader.source
                # A .cssv has one video stream.
                is_known = stream is not None or self.reader is not None
                self._stream = stream if is_known else _carrying_stream(place, self._key)
                self._frames = self._stack.enter_context(open_frames(place, stream=self._stream))
        except BaseException:
            self._stack.close()
            raise
        self.info = self._frames.info
        self._hint = Hint()
        # The next loop yields frames from this number on; it may have to read earlier ones.
        self._wanted = 0
        self._extractor: Extractor | None = None

    def __len__(self) -> int:
        """Frames of the source."""
        return len(self._stamps) if self.reader is None else len(self.reader)

    @cached_property
    def _stamps(self) -> list[int]:
        """Pts of the frames of a copy; read by a second reader, so that a running loop keeps its place."""
        with open_frames(self._path, stream=self._stream) as frames:
            return shown_stamps(frames)

    @property
    def path(self) -> Path:
        """The source."""
        return self._path

    @property
    def key(self) -> PayloadKey | None:
        """The key of the password that was given."""
        return self._key

    @property
    def torn_bytes(self) -> int:
        """Bytes of an unfinished append after the last version of a ``.cssv``."""
        return 0 if self.reader is None else self.reader.torn_bytes

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for users: what is not known of a ``.cssv`` because of damage outside of the frames."""
        return () if self.reader is None else self.reader.index.notes

    @property
    def layout(self) -> Layout:
        """Layout of the planes."""
        return self.info.layout

    @property
    def scene(self) -> Scene:
        """The scene: complete from a ``.cssv``; of a copy the environment and ranges in its pixels."""
        with self._access.renewed():
            return self._scene

    @cached_property
    def _scene(self) -> Scene:
        if self.reader is not None:
            return read_stored_sample(self.reader, 0, self._key).scene or Scene()
        return self._carried_clip.scene

    @cached_property
    def _carried_clip(self) -> CarriedClip:
        """What the pixels of a copy say about the clip, from as many frames as that takes."""
        if self._hint.clip is not None and self._hint.clip.is_complete:
            return self._hint.clip
        # A decoder of its own, so that a seek or a running loop keeps its place.
        with self._another() as other:
            first: Fraction | None = None
            for frame, found in other._reads():
                clip = other._clip_of(frame, found)
                first = frame.time if first is None else first
                if clip.is_complete or frame.time > first + SCENE_S:
                    break
            return clip

    @cached_property
    def _overlays(self) -> OverlayMemory:
        """What the overlays of all frames share."""
        if self.reader is None:
            return OverlayMemory(colour_of(self.info), self._known_rings)
        return OverlayMemory(colour_of(self.info), self._known_rings, len(self.reader), self._stored_places)

    def _known_rings(self) -> Rings:
        """The rings that the scene tells of; of a damaged one that of the velocity."""
        with suppress(CssvError):
            if self.reader is None:
                return known_rings(self._carried_clip.scene)
            first = self.stored_sample(0)
            return known_rings(first.scene or Scene(), has_thermal=first.calibration is not None)
        return Rings.VELOCITY

    def _stored_places(self, number: int) -> PlacesInFrame:
        """Where the scene track of a ``.cssv`` has the objects of a frame."""
        assert self.reader is not None
        time_s = self._pts(number) * self.reader.video.time_base
        states = self.stored_sample(number).objects
        return PlacesInFrame(time_s, {state.track: state.box_px for state in states})

    def _another(self) -> Decoder:
        """A decoder of the same source."""
        return Decoder(self._path, self._version, stream=self._stream, password=self._password)

    @cached_property
    def plane(self) -> Plane | None:
        """The ground plane, if the scene determines one; of a copy only if its pixels carry the camera."""
        size: tuple[int, int] | None = self.info.width, self.info.height
        if self.reader is None:
            if self._carried_clip.plane is not None:
                return self._carried_clip.plane
            # A crop has the plane of the whole frame, as the places of its objects are those in it.
            size = None if isinstance(self._carrier, Carrier) else self._carried_clip.size
        # A damaged or unusable scene must not prevent the decoding of everything else.
        with suppress(ContainerError, InputError):
            return None if size is None else plane_of(self.scene.camera, size)
        return None

    def check_audio(self) -> None:
        """Raise ChecksumError if the audio of a ``.cssv`` is damaged; a copy has no checksum of its audio."""
        if self.reader is not None:
            self.reader.check_audio()

    @checked_call
    def seek(self, number: int) -> None:
        """Let the next loop start at the source's frame ``number``, counted from 0."""
        count = len(self)
        if not 0 <= number < count:
            raise VideoError("the clip has no such frame", found=number, bound=f"0 to {count - 1}")
        with self._access.renewed(), self._as_damage():
            start = self._window_start(number)
            self._frames.seek(start, self._pts(start))
            self._wanted = number

    def time_of(self, number: int) -> Fraction:
        """When the file shows frame ``number``, seconds. Of a trimmed copy, :attr:`Moment.time` differs."""
        reader = self.reader
        return self._pts(number) * (self.info.time_base if reader is None else reader.video.time_base)

    def _pts(self, number: int) -> int:
        reader = self.reader
        return self._stamps[number] if reader is None else reader.pts(reader.video.number, number)

    def _window_start(self, number: int) -> int:
        """The frame at which reading must begin for the content of a frame."""
        if self.reader is not None:
            assert self._carrier is not None
            span = window_codec(self._carrier).span(self.layout, self.info.width, self.info.height)
            # The list of windows is not needed where each frame is one.
            if span.frames == 1:
                return number
            return self._window_starts[bisect_right(self._window_starts, number) - 1]
        if self._extractor is None:
            # Which carrier the source has is found at its beginning, by a decoder of its own.
            with self._another() as other:
                next(other._reads())
                self._carrier, self._extractor = other.carrier, other._extractor
        assert self._extractor is not None
        # A window begins less than its length before each of its frames.
        earliest = self._pts(number) - self._extractor.reach_s / self.info.time_base
        return min(bisect_left(self._stamps, earliest), number)

    @cached_property
    def _window_starts(self) -> list[int]:
        """The first frame of each window of a ``.cssv``."""
        assert self.reader is not None
        assert self._carrier is not None
        span = window_codec(self._carrier).span(self.layout, self.info.width, self.info.height)
        time_base = self.reader.video.time_base
        times = (int(pts) * time_base for pts in self.reader.video.pts())
        return [window.start for window in group_frames(times, span)]

    def __iter__(self) -> Iterator[Moment]:
        with self._access.renewed():
            return Loop(self._moments(), self._access)

    def _moments(self) -> Iterator[Moment]:
        for frame, found in self._reads():
            yield self._moment(frame, found)

    def _reads(self) -> Iterator[Read]:
        """Frames and what their pixels carry, from the frame of the last seek on."""
        frames, wanted = iter(self._frames), self._wanted
        self._wanted = 0
        known = self._carrier
        extractor = CarrierSearch(self._key) if known is None else window_codec(known).extractor()
        while True:
            with self._as_damage():
                frame = next(frames, None)
            reads = extractor.finish() if frame is None else extractor.feed(self._checked(frame), self._hint)
            for read, found in reads:
                if self._carrier is None and isinstance(extractor, CarrierSearch):
                    self._carrier = extractor.carrier
                self._extractor = extractor
                if read.number >= wanted:
                    yield read, found
            if frame is None:
                return

    @contextmanager
    def _as_damage(self) -> Iterator[None]:
        """Convert a video error of a ``.cssv`` to damage."""
        try:
            yield
        except ClosedError:
            raise
        except VideoError as error:
            # Too many open files, for example, are no damage.
            if self.reader is None or is_of_system(error):
                raise
            raise self._damaged(str(error)) from error

    def _damaged(self, what: str) -> ChecksumError:
        return ChecksumError(
            f"{self._path} is not what was written: {what}",
            remedy="Run `cssv.verify()` to find the damage.",
        )

    @property
    def carrier(self) -> AnyCarrier | None:
        """The carrier of the source; of a copy None until a frame has been decoded."""
        return self._carrier

    def _checked(self, frame: Frame) -> Frame:
        """A frame whose pixels are as written, with its duration."""
        if self.reader is None or self._check is None:
            return frame
        self._check_pixels(self.reader, self._check, frame)
        # The tables are exact also for codecs whose durations FFmpeg does not pass on.
        table = self.reader.video.table
        return replace(frame, duration=table.time(frame.number + 1) - table.time(frame.number))

    def _moment(self, frame: Frame, found: Extracted | None) -> Moment:
        clip = self._clip_of(frame, found)
        assert found is not None
        self._hint = replace(self._hint, origin=found.origin, clip=clip)
        origin: Origin = "pixels" if self._traits().is_exact else "robust"
        return Moment(frame, found, clip, self._sample(frame), self.plane, origin, self._overlays)

    def _traits(self) -> _Traits:
        """What the decoder needs to know of its carrier, worked out once: protocols are slow to check."""
        carrier, traits = self._carrier, self._known_traits
        if traits is None or traits.carrier is not carrier:
            # Content of finer regions comes from pixels that are as they were decoded from the file.
            is_exact = carrier is None or carrier.needs_lossless or needs_regions(carrier)
            traits = self._known_traits = _Traits(carrier, isinstance(carrier, WindowCarrier), is_exact)
        return traits

    def _clip_of(self, frame: Frame, found: Extracted | None) -> CarriedClip:
        """What is known of the clip at a frame. Raises NibblesLostError if the frame carries nothing."""
        # Windows may carry parts of the scene in turn, so that the latest one knows most.
        clip = (
            (found and self._traits().is_window and found.clip) or self._hint.clip or (found and found.clip)
        )
        clip = clip or self._stored_clip()
        if found is None or clip is None:
            raise self._lost(frame)
        return clip

    def _sample(self, frame: Frame) -> bytes | CssvError | None:
        """The scene sample of a frame, or its damage; None for a copy."""
        if self.reader is None:
            return None
        try:
            return stored_sample(self.reader, frame.number, self._key)
        except (ContainerError, PasswordError) as error:
            # The pixels are sound: only users of the scene track's objects need the error.
            return error

    def stored_sample(self, number: int) -> SceneSample:
        """The scene sample of frame ``number`` of a ``.cssv``; no frame is decoded.

        Raises:
            OptionError: the source has no scene track.
            ChecksumError, ContainerError: the sample is damaged.
        """
        if self.reader is None:
            raise OptionError("only a .cssv has a scene track", found=str(self._path))
        return read_stored_sample(self.reader, number, self._key)

    def _stored_clip(self) -> CarriedClip | None:
        """What the scene track says about the clip, for carriers whose pixels do not; None for a copy."""
        if self.reader is None:
            return None
        first = read_stored_sample(self.reader, 0, self._key)
        if first.ranges is None:
            return None
        return CarriedClip(first.ranges, first.scene or Scene(), self.reader.video.time_base)

    def _check_pixels(self, reader: Reader, check: FrameCheck, frame: Frame) -> None:
        """Raise ChecksumError unless a frame of a ``.cssv`` is what was written."""
        if frame.number >= len(reader):
            raise self._damaged(f"frame {frame.number} is not among those written")
        if fault := check.fault(frame):
            raise self._damaged(fault)
        self._hint = replace(self._hint, is_verified=check.is_exact)

    def _lost(self, frame: Frame) -> NibblesLostError:
        seen = f"{self.info.width}x{self.info.height} {self.info.pix_fmt} coded with {self.info.codec}"
        return NibblesLostError(
            f"the pixels of frame {frame.number} of {self._path} carry no heat map: it was never there, or a "
            "lossy codec or a colour conversion has destroyed it",
            found=seen,
            remedy=_LOST_REMEDY if self.reader is not None else _LOST_REMEDY + _PASSWORD_REMEDY,
        )

    def close(self) -> None:
        """Close the files; may be called twice."""
        with self._access.closing() as is_held:
            if is_held:
                self._stack.close()


def _carrying_stream(source: InputFile, key: PayloadKey | None) -> int | None:
    """The video stream whose first frame carries something, of a file that holds several; else None."""
    for number in streams_to_try(source):
        # Another stream may be damaged or too small for a frame.
        with suppress(VideoError, FrameError), open_frames(source, stream=number) as frames:
            search = CarrierSearch(key)
            for frame in frames:
                reads = list(search.feed(frame, Hint()))
                if reads:
                    break
            else:
                reads = list(search.finish())
            if search.carrier is not None:
                return number
    return None


def _check_no_version(source: Path_, version: Revision) -> None:
    if version is not None:
        raise OptionError("only a .cssv holds versions", found=str(source), remedy="Leave the version out.")
