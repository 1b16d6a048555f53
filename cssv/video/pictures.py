"""Reader of PNG files as frames, and writer of frames as PNG files.

A PNG holds RGB or grey. So a 4:2:0 frame becomes one grey picture of its stacked planes, Y over Cb over Cr
as in I420, 1.5 times as high as the frame. Both kinds keep every byte.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from cssv.errors import ChecksumError, OutputError, VideoError
from cssv.files.atomic import whole_file, whole_folder
from cssv.frames import U8, Frame, Layout, check_size
from cssv.video.frame_reader import Planes
from cssv.video.info import BT709, Colour, VideoInfo
from cssv.video.numbered import NumberedReader
from cssv.video.planes import PlaneConverter
from cssv.video.png import GREY, GREY_ALPHA, RGB_ALPHA, Png, encode_png, png_files
from cssv.video.span import WHOLE_CLIP, Span

#: Names of the files in a folder of pictures that was written here.
_PICTURE_NAME = re.compile(r"[0-9]{6,}\.png")

_RGB_COLOUR = Colour(range=2, space=0)


class PictureReader(NumberedReader):
    """Reader of a PNG, or of a folder of PNGs in natural order (2 before 10).

    RGB pictures give ``rgb24``; 8-bit grey ones are the stacked planes of ``yuv420p``.

    Args:
        path: a PNG or a folder.
        planes: ``"rgb"`` converts stacked planes to RGB, ``"yuv"`` converts RGB to stacked planes.
        rate: frames per second; frame n gets pts n in time base 1 / rate.
        span: frames outside are left out.

    Raises:
        VideoError: no PNG; while reading, one that is damaged, of 16 bits, or of another size or kind than
            the first.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        planes: Planes = "native",
        rate: Fraction | None = None,
        span: Span = WHOLE_CLIP,
    ) -> None:
        super().__init__(str(path), png_files(Path(path)), rate, span)
        self._like = _read(self._files[0])
        self._converter: PlaneConverter | None = None
        self.info = self._describe(planes)

    def _describe(self, planes: Planes) -> VideoInfo:
        png = self._like
        layout, height = _layout(png), _frame_height(png)
        check_size(layout, png.width, height)
        notes: tuple[str, ...] = ()
        if png.kind == RGB_ALPHA:
            notes = ("converted from rgba to rgb24, alpha dropped",)
        stored = layout
        width = png.width
        if (planes == "rgb" and layout == "yuv420p") or (planes == "yuv" and layout == "rgb24"):
            self._converter = converter = PlaneConverter(VideoFrame(width, height, layout), planes)
            layout, notes = converter.layout, (*notes, *converter.notes)
            width, height = converter.width, converter.height
        count = len(self._files)
        return VideoInfo(
            width=width,
            height=height,
            layout=layout,
            time_base=1 / self._rate,
            rate=self._rate,
            frame_count=count,
            duration_s=count / self._rate,
            codec="png",
            pix_fmt=stored,
            colour=_colour_of(stored, layout),
            source_width=png.width,
            source_height=png.height,
            notes=notes,
        )

    def _planes(self, path: Path) -> U8:
        png, like = _read(path), self._like
        found, wanted = ((p.width, p.height, p.depth, _layout(p)) for p in (png, like))
        if found != wanted:
            raise VideoError(
                "the pictures of a folder must be alike",
                found=f"{path}: {png.width}x{png.height} {_layout(png)}",
                bound=f"{like.width}x{like.height} {_layout(like)}",
            )
        planes = np.array(png.pixels(), np.uint8)
        if self._converter is None:
            return planes
        return self._converter.convert(VideoFrame.from_ndarray(planes, format=self.info.pix_fmt))


def _colour_of(stored: Layout, layout: Layout) -> Colour:
    """Tags of planes that were stored in one layout and are given in another."""
    if layout == "rgb24":
        return _RGB_COLOUR
    return Colour() if stored == layout else BT709


def write_picture(path: str | os.PathLike[str], frame: Frame, *, overwrite: bool = False) -> None:
    """Write one frame as a PNG: RGB, or the stacked planes of a yuv420p frame in grey.

    Raises:
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    data = encode_picture(frame)
    with whole_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def picture_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> AbstractContextManager[Path]:
    """A new folder for pictures, complete or absent, as :func:`~cssv.files.atomic.whole_folder` makes it.

    With ``overwrite`` it replaces a folder that holds nothing but such pictures.
    """
    return whole_folder(path, overwrite=overwrite, members=_PICTURE_NAME)


def picture_name(number: int) -> str:
    """The file name of frame ``number`` in a folder of pictures."""
    return f"{number:06d}.png"


def write_pictures(path: str | os.PathLike[str], frames: Iterable[Frame], *, overwrite: bool = False) -> int:
    """Write frames into a new folder as 000000.png and on, named by their numbers; return how many.

    Raises:
        OutputError: the folder holds something already or cannot be written, or there are no frames. With
            ``overwrite`` the folder may hold such pictures.
        ChecksumError: a picture does not read back. Nothing is left of the folder in either case.
    """
    count = 0
    with picture_folder(path, overwrite=overwrite) as temporary:
        for count, frame in enumerate(frames, 1):  # noqa: B007
            file = temporary / picture_name(frame.number)
            file.write_bytes(encode_picture(frame))
            _check_written(file, frame)
        if not count:
            raise OutputError("no frames were written", found=str(path))
    return count


def encode_picture(frame: Frame) -> bytes:
    """Code one frame as a PNG: RGB, or the stacked planes of a yuv420p frame in grey.

    Raises:
        FrameError: the frame is too large for a PNG.
    """
    return encode_png(frame.planes)


def _check_written(path: Path, frame: Frame) -> None:
    """Read a picture back and compare. Raises ChecksumError."""
    try:
        found = _read(path).pixels()
    except VideoError as error:
        raise ChecksumError("a picture does not read back", found=str(error)) from error
    if not np.array_equal(found, frame.planes):
        raise ChecksumError("a picture does not read back", found=f"{path.name} has other pixels")


def _read(path: Path) -> Png:
    """Read a PNG that can be a frame. Raises VideoError for one that cannot."""
    png = Png.from_file(path)
    # 16 bits would lose half of them, and grey of few bits or with alpha is no stack of planes.
    if png.depth > 8 or png.kind == GREY_ALPHA or (png.kind == GREY and png.depth < 8):
        raise VideoError(
            "this kind of PNG cannot be used",
            found=f"{path}: {png.depth} bits, colour type {png.kind}",
            bound="8-bit RGB, palette, or grey of stacked planes",
            remedy="Save the picture as 8-bit RGB.",
        )
    return png


def _layout(png: Png) -> Layout:
    return "yuv420p" if png.kind == GREY else "rgb24"


def _frame_height(png: Png) -> int:
    """Height of the frame in a PNG, in pixels. Raises VideoError for grey that is no stack of planes."""
    if _layout(png) == "rgb24":
        return png.height
    if png.height % 3 or png.width % 2:
        raise VideoError(
            "a grey PNG must hold the stacked planes of a frame",
            found=f"{png.path}: {png.width}x{png.height}",
            bound="even width, height a multiple of 3",
            remedy="Save the picture as RGB to use it as it is.",
        )
    return png.height * 2 // 3
