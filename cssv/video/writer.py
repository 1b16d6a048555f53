"""Frames into a playable file of somebody else's container: .mkv, .mp4 or .webm."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cssv.errors import ChecksumError, CssvError, FrameError, OptionError, OutputError, VideoError
from cssv.files.atomic import whole_file
from cssv.files.closing import Finishing
from cssv.frames import U8, Frame, Layout, check_size
from cssv.video.audio import AudioCopy
from cssv.video.codecs import CODECS, LOSSY_H264, CodecSettings, Picture, check_threads, configure
from cssv.video.encoder import to_picture
from cssv.video.ffmpeg import AV_ERRORS, open_input, reason
from cssv.video.info import UNTAGGED, Colour, check_time
from cssv.video.packet import Packet
from cssv.video.reader import VideoReader
from cssv.video.span import WHOLE_CLIP, Span

FileCodec = Literal["h264", "ffv1", "vp9", "h264-lossy"]

#: FFmpeg's container and the codecs it holds, the default first, for each suffix.
CONTAINERS: dict[str, tuple[str, tuple[FileCodec, ...]]] = {
    ".mkv": ("matroska", ("ffv1", "h264", "vp9", "h264-lossy")),
    ".mp4": ("mp4", ("h264", "ffv1", "vp9", "h264-lossy")),
    ".webm": ("webm", ("vp9",)),
}

_MP4_SCALE_MAX = 2**31 - 1

# RGB shown to people as ordinary video: BT.709, limited range.
_BT709 = Colour(range=1, space=1, primaries=1, transfer=1)
_SWS_BT709 = 1


class _AbortedError(Exception):
    """Leaves the body of ``whole_file`` so that it cleans up."""


class VideoWriter(Finishing):
    """Writes frames to ``path``, whole or not at all.

    The file appears under its name when :meth:`close` is called or the ``with`` block ends well;
    after any exception nothing is left of it and a file that was there before is as it was.
    ``.mp4`` keeps pts exactly; ``.mkv`` and ``.webm`` round them to milliseconds.

    Args:
        path: ends in .mkv, .mp4 or .webm.
        width: pixels.
        height: pixels.
        layout: of the planes.
        time_base: seconds per unit of pts, of all frames.
        rate: average frames per second.
        colour: tags for players.
        pixel_aspect: width of a pixel over its height.
        codec: lossless ``"ffv1"``, ``"h264"``, ``"vp9"``, or ``"h264-lossy"`` for people to look
            at; None takes the container's first (``CONTAINERS``).
        audio: a file whose audio packets are copied unchanged; what the container cannot hold is
            left out, and ``notes`` says so.
        audio_span: audio that begins outside is left out.
        threads: for the codec; None takes one a core.
        check: for a lossless codec: read the file back before it gets its name, and compare every frame.
        checked: called with the number of frames compared, after each.

    Raises:
        OptionError: an unknown suffix, a lossy codec to be checked, or a codec the container cannot hold.
        OutputError: the file cannot be written.
        VideoError: ``audio`` cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        width: int,
        height: int,
        layout: Layout,
        time_base: Fraction,
        rate: Fraction,
        colour: Colour | None = None,
        pixel_aspect: Fraction = Fraction(1),
        codec: FileCodec | None = None,
        audio: str | os.PathLike[str] | None = None,
        audio_span: Span = WHOLE_CLIP,
        threads: int | None = None,
        check: bool = False,
        checked: Callable[[int], None] | None = None,
    ) -> None:
        self._path = Path(path)
        self._format, self._codec = _choose(self._path, codec)
        if check and self._codec == "h264-lossy":
            raise OptionError("a lossy file does not hold the frames as written", found=self._codec)
        self._checked = checked
        self._sums: list[int] | None = [] if check else None
        check_size(layout, width, height)
        check_time(time_base, rate)
        self._picture = Picture(width, height, layout, rate, colour or UNTAGGED, pixel_aspect)
        self._time_base = time_base
        self._last: int | None = None
        self.notes: tuple[str, ...] = ()
        self._stack = ExitStack()
        self._is_open = True
        threads = check_threads(threads)
        try:
            self._temporary = temporary = self._stack.enter_context(whole_file(self._path))
            options = _mux_options(self._format, time_base)
            self._container = av.open(str(temporary), mode="w", format=self._format, options=options)
            self._add_video(threads)
            self._audio = self._add_audio(audio, audio_span)
        except BaseException as error:
            self._fail(error)
            raise

    def _add_video(self, threads: int) -> None:
        is_lossy = self._codec == "h264-lossy"
        settings = LOSSY_H264 if self._codec == "h264-lossy" else CODECS[self._codec]
        coded = self._picture
        self._is_shown_rgb = is_lossy and coded.layout == "rgb24"
        if self._is_shown_rgb:
            coded = replace(
                coded,
                width=coded.width + coded.width % 2,
                height=coded.height + coded.height % 2,
                layout="yuv420p",
                colour=_BT709,
            )
        self._settings: CodecSettings = settings
        name = settings.encoders[coded.layout]
        self._video = cast(VideoStream, self._container.add_stream(name, rate=coded.rate))
        self._video.time_base = self._time_base
        configure(self._video, settings, coded, self._time_base, threads)

    def _add_audio(
        self, path: str | os.PathLike[str] | None, span: Span
    ) -> Iterator[tuple[AudioStream, Packet]]:
        if path is None:
            return iter(())
        source = self._stack.enter_context(open_input(Path(path)))
        copy = AudioCopy(path, span=span)
        streams: dict[int, AudioStream] = {}
        for position, track in enumerate(copy.tracks):
            try:
                stream = source.streams[track.stream_index]
                streams[position] = self._container.add_stream_from_template(cast(AudioStream, stream))
            except (*AV_ERRORS, ValueError):
                self.notes += (f"audio in {track.codec} cannot be held by {self._path.suffix}, left out",)
        return ((streams[at], packet) for at, packet in copy if at in streams)

    def write(self, frame: Frame) -> None:
        """Append one frame.

        Raises:
            FrameError: another size, layout or time base than the file's, or a pts that does not
                grow. The file stays open.
            OutputError: the disk is full or gone; the file is given up.
        """
        self._check(frame)
        try:
            picture = self._shown(frame)
            picture.pts, picture.time_base = frame.pts, frame.time_base
            self._container.mux(self._video.encode(picture))
            self._copy_audio(frame.time)
        except BaseException as error:
            self._fail(error)
            raise
        self._last = frame.pts
        if self._sums is not None:
            self._sums.append(_sum(frame.planes))

    def _check(self, frame: Frame) -> None:
        if not self._is_open:
            raise OutputError("the file is already closed", found=str(self._path))
        picture = self._picture
        given = (frame.width, frame.height, frame.layout, frame.time_base)
        if given != (picture.width, picture.height, picture.layout, self._time_base):
            raise FrameError(
                "the frame is not like the file",
                found=f"{frame.width}x{frame.height} {frame.layout} in {frame.time_base} s",
                bound=f"{picture.width}x{picture.height} {picture.layout} in {self._time_base} s",
            )
        if self._last is not None and frame.pts <= self._last:
            raise FrameError("pts must grow", found=frame.pts, bound=f"above {self._last}")

    def _shown(self, frame: Frame) -> VideoFrame:
        if not self._is_shown_rgb:
            return to_picture(frame, self._settings.pix_fmts[frame.layout])
        odd = ((0, frame.height % 2), (0, frame.width % 2), (0, 0))
        even = np.pad(frame.planes, odd, mode="edge") if frame.height % 2 or frame.width % 2 else frame.planes
        picture = VideoFrame.from_ndarray(even, format="rgb24")
        return picture.reformat(
            format="yuv420p", dst_colorspace=_SWS_BT709, src_color_range=2, dst_color_range=1
        )

    def _copy_audio(self, until_s: Fraction | None) -> None:
        """Mux audio that begins before ``until_s``; all the rest for None."""
        for stream, source in self._audio:
            packet = av.Packet(source.data)
            packet.pts, packet.dts, packet.duration = source.pts, source.dts, source.duration
            packet.time_base = source.time_base
            packet.is_keyframe = source.is_key
            packet.stream = stream
            self._container.mux(packet)
            # One packet further than the picture keeps both interleaved and nothing waiting.
            if until_s is not None and source.pts * source.time_base >= until_s:
                return

    def close(self) -> None:
        """Finish the file and give it its name; nothing happens when it is closed already.

        Raises:
            OutputError: nothing was written, or the disk is full.
            ChecksumError: with ``check``: other frames come back; nothing is left of the file.
        """
        if not self._is_open:
            return
        if self._last is None:
            self.abort()
            raise OutputError("no frames were written", found=str(self._path))
        try:
            self._container.mux(self._video.encode(None))
            self._copy_audio(None)
            self._container.close()
            if self._sums is not None:
                self._read_back(self._sums)
            self._is_open = False
            self._stack.close()
        except BaseException as error:
            self._fail(error)
            raise

    def _read_back(self, sums: list[int]) -> None:
        """Compare the finished file, still under its temporary name, with what was written."""
        count = 0
        try:
            with VideoReader(self._temporary) as reader:
                for count, frame in enumerate(reader, 1):
                    if count > len(sums) or _sum(frame.planes) != sums[count - 1]:
                        raise self._unlike(f"frame {count - 1} decodes to other pixels than were written")
                    if self._checked is not None:
                        self._checked(count)
        except VideoError as error:
            raise self._unlike(str(error)) from error
        if count != len(sums):
            raise self._unlike(f"{count} frames decode, {len(sums)} were written")

    def _unlike(self, what: str) -> ChecksumError:
        return ChecksumError(
            f"{str(self._path)!r} does not read back", found=what, remedy="Try another kind of file."
        )

    def abort(self) -> None:
        """Give up: remove what was written; a file that was there before stays."""
        if self._is_open:
            self._clean()

    def _clean(self) -> None:
        self._is_open = False
        aborted = _AbortedError()
        container = getattr(self, "_container", None)
        if container is not None:
            with suppress(*AV_ERRORS, ValueError, OSError):
                container.close()
        with suppress(_AbortedError):
            self._stack.__exit__(_AbortedError, aborted, None)

    def _fail(self, error: BaseException) -> None:
        """Clean up after ``error`` and turn what FFmpeg says into an OutputError."""
        self._clean()
        if isinstance(error, CssvError) or not isinstance(error, (*AV_ERRORS, OSError, ValueError)):
            return
        raise OutputError(
            f"cannot write {str(self._path)!r}",
            found=reason(error),
            remedy="Free some space, or write elsewhere.",
        ) from error


def _sum(planes: U8) -> int:
    return zlib.crc32(np.ascontiguousarray(planes).data)


def _choose(path: Path, codec: FileCodec | None) -> tuple[str, FileCodec]:
    suffix = path.suffix.lower()
    if suffix not in CONTAINERS:
        raise OptionError("a video file needs a known ending", found=path.name, bound=", ".join(CONTAINERS))
    name, codecs = CONTAINERS[suffix]
    chosen = codec or codecs[0]
    if chosen not in codecs:
        raise OptionError(f"{suffix} cannot hold this codec", found=chosen, bound=", ".join(codecs))
    return name, chosen


def _mux_options(container: str, time_base: Fraction) -> dict[str, str]:
    if container != "mp4":
        return {}
    # A first frame later than 0 is written as an edit in units of the movie's own clock.
    scale = {"movie_timescale": str(time_base.denominator)} if time_base.denominator <= _MP4_SCALE_MAX else {}
    return {"movflags": "faststart"} | scale
