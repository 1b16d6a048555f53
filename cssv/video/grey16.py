"""Readers of counts: pictures with one grey plane of 9 to 16 bits, as thermal cameras write them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.container.input import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cssv.errors import VideoError
from cssv.files.access import guarded
from cssv.video.decoding import PictureDecoder
from cssv.video.ffmpeg import exact, opened
from cssv.video.planes import UNSUPPORTED_ROTATION, Turn, turn_of
from cssv.video.png import GREY, Png, png_files
from cssv.video.stamps import read_stamps
from cssv.video.timing import AS_STORED, StampRow

U16 = NDArray[np.uint16]

#: Longest side in pixels.
SIDE_MAX = 16384
#: Pixel formats of FFmpeg that hold counts, with the order of their bytes.
_FORMATS = {f"gray{bits}{end}": end for bits in (9, 10, 12, 14, 16) for end in ("le", "be")}
#: Endings of the names of FFmpeg's formats of still pictures, which have no times.
_STILL_FORMATS = ("_pipe", "image2")
_BOUND = "one grey plane of 9 to 16 bits"
_REMEDY = "Export the counts without a palette, for example as gray16le in FFV1."


class CountVideo:
    """Reader of the counts in a video, such as FFV1 or PNG pictures in Matroska.

    Pictures are rotated as a player shows them. Each loop opens the file again and yields counts, (H, W)
    uint16, with their time since the first picture in seconds, exact; None for formats of still pictures
    such as TIFF. Times grow strictly.

    Attributes:
        size: width and height in pixels.
        notes: one sentence for each rotation or mirroring, one on streams that are not read, and one for each
            repair of time stamps.

    Raises:
        VideoError: another kind of video; while reading, one that is damaged, ends early or changes its size.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._times = AS_STORED
        self.notes: tuple[str, ...] = ()
        counts, _ = next(iter(self), (None, None))
        if counts is None:
            raise VideoError("the video holds no pictures", found=str(path))
        self.size = (counts.shape[1], counts.shape[0])
        self._times = self._read_times()
        self.notes += self._times.notes

    def _decoder_of(self, container: InputContainer) -> PictureDecoder:
        # A file may hold the picture of an ordinary camera besides.
        return PictureDecoder(container, self._path, pix_fmts=_FORMATS)

    def _read_times(self) -> StampRow:
        """The time stamps of the file if they need a repair; without stamps otherwise."""
        with opened(self._path) as container:
            base, step = _base_and_step(self._decoder_of(container).stream)
        times, _ = read_stamps(self._path, self._decoder_of, round(step / base))
        return times if times.is_repaired else AS_STORED

    @guarded
    def __iter__(self) -> Iterator[tuple[U16, Fraction | None]]:
        with opened(self._path) as container:
            decoder = self._decoder_of(container)
            base, step = _base_and_step(decoder.stream)
            # FFmpeg gives pictures without times those of 25 frames a second.
            is_timed = not container.format.name.endswith(_STILL_FORMATS)
            first: int | None = None
            shape: tuple[int, ...] | None = None
            number = -1
            turn: Turn | None = None
            for number, picture in enumerate(decoder.pictures()):
                if number == 0:
                    # All pictures of a stream are turned alike.
                    turn = turn_of(picture)
                    self.notes = (
                        *decoder.chosen.notes,
                        *(UNSUPPORTED_ROTATION if turn is None else turn.notes),
                        *self._times.notes,
                    )
                counts = self._counts(picture, turn or Turn())
                shape = shape or counts.shape
                if counts.shape != shape:
                    raise unlike(self._path, counts.shape, shape)
                stamps = self._times.pts
                pts = stamps[number] if number < len(stamps) else picture.pts
                if not is_timed:
                    yield counts, None
                elif pts is None:
                    yield counts, number * step
                else:
                    first = pts if first is None else first
                    yield counts, (pts - first) * base
            decoder.check_complete(number + 1)

    def _counts(self, picture: VideoFrame, turn: Turn) -> U16:
        end = _FORMATS.get(picture.format.name)
        if end is None:
            raise VideoError(
                "the video does not hold counts", found=f"{self._path}: {picture.format.name}",
                bound=_BOUND, remedy=_REMEDY,
            )  # fmt: skip
        plane = picture.planes[0]
        rows = np.frombuffer(memoryview(plane), "<u2" if end == "le" else ">u2")
        stride = abs(plane.line_size) // 2
        upright = rows.reshape(plane.height, stride)[:: -1 if plane.line_size < 0 else 1]
        return np.array(turn.apply(upright[:, : plane.width]), np.uint16)


def _base_and_step(stream: VideoStream) -> tuple[Fraction, Fraction]:
    """Seconds per unit of time of a stream, and seconds from one picture to the next by its header."""
    rate = exact(stream.average_rate) or exact(stream.guessed_rate) or Fraction(25)
    return exact(stream.time_base) or Fraction(1, 1000), 1 / rate


class CountPictures:
    """Reader of the counts in one 16-bit grey PNG, or in a folder of them in natural order (2 before 10).

    Each loop reads the files again and yields counts, (H, W) uint16, without a time.

    Raises:
        VideoError: no PNG, or one of another kind; while reading, one that is damaged or of another size.
    """

    def __init__(self, path: Path) -> None:
        self._files = png_files(path)
        first = _read(self._files[0])
        self.size = (first.width, first.height)

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._files)

    @guarded
    def __iter__(self) -> Iterator[tuple[U16, None]]:
        for path in self._files:
            yield self._counts(path), None

    def _counts(self, path: Path) -> U16:
        png = _read(path)
        if (png.width, png.height) != self.size:
            raise unlike(path, (png.height, png.width), self.size[::-1])
        return np.array(png.pixels(), np.uint16)


def _read(path: Path) -> Png:
    """Read a PNG that holds counts. Raises VideoError for any other."""
    png = Png.from_file(path)
    if (png.depth, png.kind) != (16, GREY):
        raise VideoError(
            "the PNG does not hold counts",
            found=f"{path}: {png.depth} bits, colour type {png.kind}",
            bound="16-bit grey (colour type 0)",
            remedy="Export the counts without a palette.",
        )
    # Checked before the pixels are decoded, because a header of a few bytes can ask for any memory.
    if max(png.width, png.height) > SIDE_MAX:
        raise VideoError(
            "the picture's size is out of range",
            found=f"{path}: {png.width}x{png.height}",
            bound=f"1 to {SIDE_MAX} pixels a side",
        )
    return png


def unlike(path: Path, found: tuple[int, ...], wanted: tuple[int, ...]) -> VideoError:
    """The error for a picture of another shape, (height, width), than the first."""
    return VideoError(
        "the pictures must be alike",
        found=f"{path}: {found[1]}x{found[0]}",
        bound=f"{wanted[1]}x{wanted[0]}",
    )
