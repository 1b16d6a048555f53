"""Reader of ordinary numbered pictures, in one folder, as a clip."""

from __future__ import annotations

import os
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

from av.video.frame import VideoFrame

from cssv.errors import VideoError
from cssv.frames import U8
from cssv.video.decoding import PictureDecoder
from cssv.video.ffmpeg import exact, opened, reason
from cssv.video.frame_reader import Planes
from cssv.video.info import VideoInfo
from cssv.video.numbered import NumberedReader
from cssv.video.planes import PlaneConverter, turn_of
from cssv.video.png import Png, natural_order, read_bytes
from cssv.video.span import WHOLE_CLIP, Span

#: Endings of the files of a folder that are taken for pictures.
SUFFIXES = (".bmp", ".dpx", ".exr", ".jp2", ".jpeg", ".jpg", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp")

# A pattern as FFmpeg takes it: one number, with or without a width.
_NUMBER = re.compile(r"%0?\d*d")
# Markers of a JPEG (ITU-T T.81, B.1.1.3).
_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"
_WILDCARDS = re.compile(r"[*?]")

_REMEDY = "Use a whole copy, or take the picture out of the folder."


def is_sequence(path: Path) -> bool:
    """Whether a path stands for several pictures: a folder, ``frame_%04d.png`` or ``frames/*.jpg``."""
    if path.is_dir():
        return True
    is_picture = path.suffix.lower() in SUFFIXES
    return is_picture and not path.exists() and _pattern(path.name) is not None


def _pattern(name: str) -> re.Pattern[str] | None:
    """The pattern of a file name as a regular expression; None for an ordinary name."""
    number = _NUMBER.search(name)
    if number is None and not _WILDCARDS.search(name):
        return None
    parts = [name] if number is None else [name[: number.start()], name[number.end() :]]
    escaped = [re.escape(part).replace(r"\*", ".*").replace(r"\?", ".") for part in parts]
    return re.compile(r"\d+".join(escaped))


def picture_files(path: Path) -> list[Path]:
    """The pictures that a path stands for, in natural order (2 before 10).

    Raises:
        VideoError: the folder cannot be read, or holds no pictures, or pictures of several formats.
    """
    folder, pattern = (path, None) if path.is_dir() else (path.parent, _pattern(path.name))
    try:
        names = [entry for entry in folder.iterdir() if entry.is_file()]
    except OSError as error:
        raise VideoError("the folder cannot be read", found=f"{folder}: {reason(error)}") from error
    # Hidden files are left behind by other programs and hold no pictures.
    found = [
        entry
        for entry in names
        if not entry.name.startswith(".")
        and entry.suffix.lower() in SUFFIXES
        and (pattern is None or pattern.fullmatch(entry.name))
    ]
    if not found:
        raise VideoError(
            "there are no pictures", found=str(path), bound=", ".join(SUFFIXES), remedy="Check the path."
        )
    kinds = Counter(entry.suffix.lower() for entry in found)
    if len(kinds) > 1:
        raise VideoError(
            "the pictures of a clip must have one format",
            found=f"{path}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())),
            remedy=f"Put one kind into a folder of its own, or give a pattern: {folder / '*'}{min(kinds)}.",
        )
    return sorted(found, key=natural_order)


def bytes_of_clip(path: Path) -> int:
    """Size of a clip on the disk: of its file, or of all its pictures."""
    files = picture_files(path) if is_sequence(path) else [path]
    return sum(file.stat().st_size for file in files)


class SequenceReader(NumberedReader):
    """Reader of the pictures of a folder as frames of a clip, in natural order of their names.

    Args:
        path: a folder, or a pattern such as ``frame_%04d.png`` or ``frames/*.jpg``.
        planes: ``"native"`` keeps 8-bit 4:2:0 and 8-bit RGB as they are; ``"rgb"`` converts to RGB,
            ``"yuv"`` to yuv420p.
        rate: frames per second; frame n gets pts n in time base 1 / rate. None means
            :data:`cssv.video.numbered.PICTURE_RATE`.
        span: frames outside are left out.

    Raises:
        VideoError: no pictures, or of several formats; while reading, one that is damaged, or of another size
            or orientation than the first.
        OptionError: ``rate`` out of range.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        planes: Planes = "native",
        rate: Fraction | None = None,
        span: Span = WHOLE_CLIP,
    ) -> None:
        super().__init__(str(path), picture_files(Path(path)), rate, span)
        first = _decoded(self._files[0])
        self._turn = turn_of(first)
        self._converter = PlaneConverter(first, planes)
        self.info = self._describe(first, is_rate_given=rate is not None)

    def _describe(self, first: VideoFrame, *, is_rate_given: bool) -> VideoInfo:
        converter, count = self._converter, len(self._files)
        notes = [*converter.notes]
        if not is_rate_given:
            notes.append(f"pictures are counted at {self._rate} frames per second; give another by `rate=`")
        with opened(self._files[0]) as container:
            stream = PictureDecoder(container, self._files[0]).stream
            codec = stream.codec_context.name
            colour = converter.colour(stream.codec_context)
            aspect = exact(stream.sample_aspect_ratio)
        return VideoInfo(
            width=converter.width,
            height=converter.height,
            layout=converter.layout,
            time_base=1 / self._rate,
            rate=self._rate,
            frame_count=count,
            duration_s=count / self._rate,
            codec=codec,
            pix_fmt=first.format.name,
            colour=colour,
            source_width=first.width,
            source_height=first.height,
            rotation_deg=converter.turn.rotation_deg,
            padding=converter.padding,
            pixel_aspect=converter.pixel_aspect(aspect),
            notes=tuple(notes),
        )

    def _planes(self, path: Path) -> U8:
        picture = _decoded(path)
        # Each picture has its own orientation, unlike the frames of a video.
        if turn_of(picture) != self._turn:
            raise VideoError(
                "the pictures of a clip must have one orientation",
                found=str(path),
                remedy="Turn it, and save it without an orientation.",
            )
        try:
            return self._converter.convert(picture)
        except VideoError as error:
            raise VideoError(error.what, found=f"{path}: {error.found}", bound=error.bound) from error


def _decoded(path: Path) -> VideoFrame:
    """Decode the one picture of a file. Raises VideoError."""
    try:
        _check_whole(path)
        with opened(path) as container:
            picture = next(PictureDecoder(container, path).pictures(), None)
    except VideoError as error:
        raise VideoError("a picture cannot be decoded", found=error.found, remedy=_REMEDY) from error
    if picture is None:
        raise VideoError("a picture cannot be decoded", found=str(path), remedy=_REMEDY)
    return picture


def _check_whole(path: Path) -> None:
    """Raise VideoError for a PNG or JPEG that is cut short, of which FFmpeg shows the upper part."""
    if path.suffix.lower() == ".png":
        Png.from_file(path)
    elif path.suffix.lower() in (".jpg", ".jpeg"):
        data = read_bytes(path)
        # The end of the image follows the last scan; the end of a thumbnail in the head does not.
        if data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN):
            raise VideoError("the JPEG breaks off", found=f"{path}: no end of the image")
