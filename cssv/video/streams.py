"""Choice of the video stream that is read, of a file that holds several."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from av.container.input import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from cssv.errors import OptionError, VideoError
from cssv.files.patched import InputFile


def _bits(flags: Disposition) -> int:
    # The type of these flags depends on the version of PyAV; only integers compare in all of them.
    return int(getattr(flags, "value", flags))


# Flags of a stream, as bits.
DEFAULT, COVER = _bits(Disposition.default), _bits(Disposition.attached_pic)
STILL, DEPENDENT = _bits(Disposition.still_image), _bits(Disposition.dependent)
#: Pictures beside the clip: the cover of a song, a preview. They are never chosen, and never named as others.
_BESIDE = COVER | _bits(Disposition.timed_thumbnails)


@dataclass(frozen=True, slots=True)
class ChosenStream:
    """The video stream that is read, and the ones that are not.

    Attributes:
        stream: the one that is read.
        others: the other video streams, the best first.
        is_given: whether the user gave its number.
    """

    stream: VideoStream
    others: tuple[VideoStream, ...] = ()
    is_given: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on the streams that are not read, unless the user chose one."""
        if not self.others or self.is_given:
            return ()
        left = ", ".join(map(describe_stream, self.others))
        return (
            f"the file has {len(self.others) + 1} video streams: {describe_stream(self.stream)} is read, not "
            f"{left}",
        )


def choose_stream(
    container: InputContainer,
    path: InputFile,
    number: int | None = None,
    *,
    pix_fmts: Collection[str] = (),
) -> ChosenStream:
    """Choose the video stream to read.

    The stream of the given number, otherwise the best by this order: more than one frame, the flag "default",
    the larger picture, more frames, the lower number.

    Args:
        container: the open file.
        path: its name, for error messages.
        number: of the stream in the file, as ffprobe counts them.
        pix_fmts: pixel formats that come before all else, for files whose use depends on the format.

    Raises:
        OptionError: the file has no video stream of this number.
        VideoError: the file holds no video stream, or a picture in tiles.
    """
    found = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not flags_of(stream) & _BESIDE
    ]
    if number is not None:
        return _given(found, path, number)
    ranked = sorted(found, key=lambda stream: _rank(stream, pix_fmts), reverse=True)
    if not ranked:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise VideoError("the file holds no video stream", found=f"{path}: {kinds}")
    _check_tiles(ranked, path)
    return ChosenStream(ranked[0], tuple(ranked[1:]))


def _given(found: list[VideoStream], path: InputFile, number: int) -> ChosenStream:
    for stream in found:
        if stream.index == number:
            others = tuple(other for other in found if other is not stream)
            return ChosenStream(stream, others, is_given=True)
    known = ", ".join(map(describe_stream, found)) or "none"
    raise OptionError(f"{path} has no video stream of this number", found=number, bound=known)


def _rank(stream: VideoStream, pix_fmts: Collection[str]) -> tuple[bool, bool, bool, int, int, int]:
    """Sort key of a stream; the best has the greatest."""
    context = stream.codec_context
    return (
        context.pix_fmt in pix_fmts,
        # An AVIF or HEIC sequence has a still picture of itself, flagged as default. 0 means not known.
        stream.frames != 1 and not flags_of(stream) & STILL,
        bool(flags_of(stream) & DEFAULT),
        context.width * context.height,
        stream.frames,
        -stream.index,
    )


def _check_tiles(ranked: list[VideoStream], path: InputFile) -> None:
    """Raise VideoError for a picture that is stored as a grid of tiles, each in a stream of its own."""
    tiles = [stream for stream in ranked if flags_of(stream) & DEPENDENT]
    # A clip may have a dependent layer of enhancement; its base is a clip by itself.
    if tiles and ranked[0].frames == 1:
        raise VideoError(
            "the picture is stored in tiles, which cannot be put together",
            found=f"{path}: {len(tiles)} tiles",
            remedy="Convert it to PNG or JPEG first.",
        )


def flags_of(stream: Stream) -> int:
    """The disposition of a stream as bits."""
    try:
        return _bits(stream.disposition)
    except ValueError:
        # Older versions of PyAV fail at flags that they do not know.
        return 0


def describe_stream(stream: VideoStream) -> str:
    """Number, size and codec of a stream, in words."""
    context = stream.codec_context
    counts = {0: "", 1: ", 1 frame"}
    frames = counts.get(stream.frames, f", {stream.frames} frames")
    return f"stream {stream.index} ({context.width}x{context.height} {context.name}{frames})"
