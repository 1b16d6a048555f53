"""Writer of ordinary video files: .mkv, .mp4 or .webm."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator
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

from cssv.errors import (
    ChecksumError,
    ClosedOutputError,
    CssvError,
    OptionError,
    OutputError,
    VideoError,
    did_you_mean,
)
from cssv.files.access import Access
from cssv.files.atomic import whole_file
from cssv.files.closing import Finishing
from cssv.frames import U8, Frame
from cssv.video.audio import AudioCopy
from cssv.video.codec_notes import field_notes
from cssv.video.codecs import (
    CODECS,
    LOSSY_H264,
    CodecSettings,
    check_threads,
    configure,
    marked_fields,
)
from cssv.video.colour_tags import state_colour
from cssv.video.encoder import to_picture
from cssv.video.ffmpeg import AV_ERRORS, open_input, reason
from cssv.video.fields import FieldMarker
from cssv.video.info import BT709, SWS_BT709, VideoInfo
from cssv.video.packet import Packet
from cssv.video.reader import VideoReader
from cssv.video.span import WHOLE_CLIP, Span

FileCodec = Literal["h264", "ffv1", "vp9", "h264-lossy"]

#: FFmpeg's name of the container of each suffix, and its codecs, the default first.
CONTAINERS: dict[str, tuple[str, tuple[FileCodec, ...]]] = {
    ".mkv": ("matroska", ("ffv1", "h264", "vp9", "h264-lossy")),
    ".mp4": ("mp4", ("h264", "ffv1", "vp9", "h264-lossy")),
    ".webm": ("webm", ("vp9",)),
}

_MP4_SCALE_MAX = 2**31 - 1


class _AbortedError(Exception):
    """Raised into ``whole_file`` so that it removes the temporary file."""


class VideoWriter(Finishing):
    """Writer of a video file that is complete or does not exist.

    The file gets its name when :meth:`close` is called or the ``with`` block ends without an error. After
    an error nothing is left of it. An older file of that name stays as it was, unless ``overwrite`` replaces
    it. ``.mp4`` keeps pts exactly; ``.mkv`` and ``.webm`` round them to milliseconds.

    Args:
        path: ends in .mkv, .mp4 or .webm.
        info: size, layout, time base, rate, colour tags and pixel aspect of the frames.
        codec: lossless ``"ffv1"``, ``"h264"`` or ``"vp9"``, or ``"h264-lossy"`` for viewing; None means the
            first that the container holds (``CONTAINERS``).
        audio: a file whose audio packets are copied unchanged. Streams that the container cannot hold are
            left out and named in ``notes``.
        audio_span: audio packets that begin outside are left out.
        threads: of the codec; None means one per core.
        check: read the finished file back before it gets its name, and compare every frame; needs a
            lossless codec.
        checked: called after each comparison with the number of frames compared.
        overwrite: replace an existing file.

    Attributes:
        notes: one sentence for each audio stream left out.

    Raises:
        OptionError: an unknown suffix, a codec that the container cannot hold, or ``check`` with a lossy one.
        OutputError: the file exists or cannot be written.
        VideoError: ``audio`` cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        info: VideoInfo,
        *,
        codec: FileCodec | None = None,
        audio: str | os.PathLike[str] | None = None,
        audio_span: Span = WHOLE_CLIP,
        threads: int | None = None,
        check: bool = False,
        checked: Callable[[int], None] | None = None,
        overwrite: bool = False,
    ) -> None:
        self._path = Path(path)
        self._format, self._codec = _choose(self._path, codec)
        if check and self._codec == "h264-lossy":
            raise OptionError(
                "a lossy file does not hold the frames as written",
                found=self._codec,
                remedy="Choose a lossless `codec=`, or leave out `check=`.",
            )
        self._checked = checked
        self._sums: list[int] | None = [] if check else None
        # Durations of the frames in the codec, by pts.
        self._durations: dict[int, int] = {}
        self._info = info
        self._last_pts: int | None = None
        self.notes: tuple[str, ...] = ()
        self._stack = ExitStack()
        self._access = Access(self, f"the writer of {self._path}", ClosedOutputError)
        threads = check_threads(threads)
        try:
            self._temporary = temporary = self._stack.enter_context(
                whole_file(self._path, overwrite=overwrite)
            )
            options = _mux_options(self._format, info.time_base)
            self._container = av.open(str(temporary), mode="w", format=self._format, options=options)
            self._add_video(threads)
            self._audio = self._add_audio(audio, audio_span)
        except BaseException as error:
            self._fail(error)
            raise

    def _add_video(self, threads: int) -> None:
        is_lossy = self._codec == "h264-lossy"
        settings = LOSSY_H264 if self._codec == "h264-lossy" else CODECS[self._codec]
        coded = self._info
        self._is_shown_rgb = is_lossy and coded.layout == "rgb24"
        if self._is_shown_rgb:
            # Few players show RGB in H.264; a file for viewing is 4:2:0, which needs even sides.
            coded = replace(
                coded,
                width=coded.width + coded.width % 2,
                height=coded.height + coded.height % 2,
                layout="yuv420p",
                colour=BT709,
            )
        coded = state_colour(coded, settings)
        self._settings: CodecSettings = settings
        self._marker = FieldMarker(marked_fields(coded, settings))
        self.notes += field_notes(coded, self._codec, settings)
        name = settings.encoders[coded.layout]
        self._video = cast(VideoStream, self._container.add_stream(name, rate=coded.rate))
        self._video.time_base = self._info.time_base
        configure(self._video, settings, coded, self._info.time_base, threads)

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
                stream = cast(AudioStream, source.streams[track.stream_index])
                copied = self._container.add_stream_from_template(stream)
                # A template carries the codec's settings, but none of the tags.
                if track.language is not None:
                    copied.metadata["language"] = track.language
                streams[position] = copied
            except (*AV_ERRORS, ValueError):
                self.notes += (f"audio in {track.codec} cannot be held by {self._path.suffix}, left out",)
        return ((streams[at], packet) for at, packet in copy if at in streams)

    def write(self, frame: Frame) -> None:
        """Append one frame.

        Raises:
            FrameError: the size, layout or time base is not that of ``info``, or pts does not grow. The
                file stays open.
            OutputError: the file is closed, or cannot be written further; then it is removed.
        """
        with self._access:
            self._info.check_frame(frame, self._last_pts)
            try:
                picture = self._shown(frame)
                picture.pts, picture.time_base = frame.pts, frame.time_base
                picture = self._marker.mark(picture)
                if frame.duration:
                    self._durations[frame.pts] = frame.duration
                self._mux(self._video.encode(picture))
                self._copy_audio(frame.time)
            except BaseException as error:
                self._fail(error)
                raise
            self._last_pts = frame.pts
            if self._sums is not None:
                self._sums.append(_sum(frame.planes))

    def _mux(self, packets: Iterable[av.Packet[VideoStream]]) -> None:
        """Write packets of the codec, which does not know how long the last frame is shown."""
        for packet in packets:
            duration = self._durations.pop(packet.pts, None) if packet.pts is not None else None
            if duration is not None:
                packet.duration = duration
            self._container.mux(packet)

    def _shown(self, frame: Frame) -> VideoFrame:
        """The frame in the pixel format of the codec."""
        if not self._is_shown_rgb:
            return to_picture(frame, self._settings.pix_fmts[frame.layout])
        odd = ((0, frame.height % 2), (0, frame.width % 2), (0, 0))
        even = np.pad(frame.planes, odd, mode="edge") if frame.height % 2 or frame.width % 2 else frame.planes
        picture = VideoFrame.from_ndarray(even, format="rgb24")
        return picture.reformat(
            format="yuv420p", dst_colorspace=SWS_BT709, src_color_range=2, dst_color_range=1
        )

    def _copy_audio(self, until_s: Fraction | None) -> None:
        """Write the audio that begins before ``until_s`` seconds; all the rest for None."""
        for stream, source in self._audio:
            packet = av.Packet(source.data)
            packet.pts, packet.dts, packet.duration = source.pts, source.dts, source.duration
            packet.time_base = source.time_base
            packet.is_keyframe = source.is_key
            packet.stream = stream
            self._container.mux(packet)
            # Audio one packet ahead of the picture interleaves both, and FFmpeg buffers neither.
            if until_s is not None and source.pts * source.time_base >= until_s:
                return

    def close(self) -> None:
        """Finish the file and give it its name; may be called twice.

        Raises:
            OutputError: no frame was written, or the file cannot be written.
            ChecksumError: with ``check``: other frames are read back; nothing is left of the file.
        """
        with self._access.closing() as is_held:
            if is_held:
                self._finish()

    def _finish(self) -> None:
        if self._last_pts is None:
            self._clean()
            raise OutputError("no frames were written", found=str(self._path))
        try:
            self._mux(self._video.encode(None))
            self._copy_audio(None)
            self._container.close()
            if self._sums is not None:
                self._read_back(self._sums)
            self._stack.close()
        except BaseException as error:
            self._fail(error)
            raise

    def _read_back(self, sums: list[int]) -> None:
        """Compare the finished file, still under its temporary name, with the frames written."""
        count = 0
        try:
            with VideoReader(self._temporary) as reader:
                for count, frame in enumerate(reader, 1):
                    if count > len(sums) or _sum(frame.planes) != sums[count - 1]:
                        raise self._differs(f"frame {count - 1} decodes to other pixels than were written")
                    if self._checked is not None:
                        self._checked(count)
        except VideoError as error:
            raise self._differs(str(error)) from error
        if count != len(sums):
            raise self._differs(f"{count} frames decode, {len(sums)} were written")

    def _differs(self, what: str) -> ChecksumError:
        return ChecksumError(
            f"{str(self._path)!r} does not read back", found=what, remedy="Write another kind of file."
        )

    def abort(self) -> None:
        """Remove everything written; an older file of that name stays as it was."""
        with self._access.closing() as is_held:
            if is_held:
                self._clean()

    def _clean(self) -> None:
        aborted = _AbortedError()
        container = getattr(self, "_container", None)
        if container is not None:
            with suppress(*AV_ERRORS, ValueError, OSError):
                container.close()
        with suppress(_AbortedError):
            self._stack.__exit__(_AbortedError, aborted, None)

    def _fail(self, error: BaseException) -> None:
        """Close and clean up after ``error``, and raise an error of FFmpeg as an OutputError."""
        self._access.is_closed = True
        self._clean()
        if isinstance(error, CssvError) or not isinstance(error, (*AV_ERRORS, OSError, ValueError)):
            return
        raise OutputError(
            f"cannot write {str(self._path)!r}",
            found=reason(error),
            remedy="Free some space, or write to another place.",
        ) from error


def _sum(planes: U8) -> int:
    return zlib.crc32(np.ascontiguousarray(planes).data)


def _choose(path: Path, codec: FileCodec | None) -> tuple[str, FileCodec]:
    suffix = path.suffix.lower()
    if suffix not in CONTAINERS:
        raise OptionError(
            "a video file needs a known ending",
            found=path.name,
            bound=", ".join(CONTAINERS),
            remedy=did_you_mean(suffix, CONTAINERS),
        )
    name, codecs = CONTAINERS[suffix]
    chosen = codec or codecs[0]
    if chosen not in codecs:
        raise OptionError(
            f"{suffix} cannot hold this codec",
            found=chosen,
            bound=", ".join(codecs),
            remedy=did_you_mean(chosen, codecs),
        )
    return name, chosen


def _mux_options(container: str, time_base: Fraction) -> dict[str, str]:
    if container != "mp4":
        return {}
    # FFmpeg writes a first frame later than 0 as an edit list in units of the movie's time scale; only in
    # the frames' own units is that exact.
    scale = {"movie_timescale": str(time_base.denominator)} if time_base.denominator <= _MP4_SCALE_MAX else {}
    return {"movflags": "faststart"} | scale
