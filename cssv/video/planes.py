"""Conversion of decoded pictures to native planes.

8-bit 4:2:0 and 8-bit RGB keep every value. All other formats are converted once, here, and the converter's
notes name the conversion.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar, cast

import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from cssv.errors import VideoError
from cssv.frames import U8, Layout, planes_shape, split_planes
from cssv.video.crop import NO_CROP, Crop
from cssv.video.ffmpeg import AV_ERRORS, context_value, reason
from cssv.video.fields import FieldConverter, FieldOrder, field_order_of, turned_order
from cssv.video.frame_reader import Planes
from cssv.video.info import BT709, SWS_BT709, Colour
from cssv.video.side_data import side_data_of

# Formats that hold the values of the planes, at most in another order.
_SAME_YUV = ("yuv420p", "yuvj420p")
_SAME_RGB = ("rgb24", "bgr24", "gbrp", "rgb0", "bgr0", "0rgb", "0bgr")
_GREY = ("gray", "grayf32", "monow", "monob", "ya8")

# Formats that hold the same values in another order. Converting to one and back turns a picture stored bottom
# up upright.
_SAME_BYTES = {"yuv420p": "nv12", "yuvj420p": "nv12", "rgb24": "bgr24", "gray": "yuv444p"}

#: Notes on a display matrix that no move of whole pixels can apply.
UNSUPPORTED_ROTATION = ("a rotation that is not a multiple of 90 degrees was left to the player",)

_Scalar = TypeVar("_Scalar", bound=np.generic)

_FULL_RANGE = 2
_LIMITED_RANGE = 1


@dataclass(frozen=True, slots=True)
class Turn:
    """Rotation and mirroring of a display matrix as moves of whole pixels: transpose, then flip."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def rotation_deg(self) -> int:
        """Clockwise rotation in degrees; of a mirrored picture, that after mirroring left to right."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    @property
    def is_mirrored(self) -> bool:
        """Whether the picture is mirrored, not only rotated."""
        return (self.flip_x != self.flip_y) != self.transpose

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each rotation or mirroring."""
        mirrored = ("mirrored left to right",) if self.is_mirrored else ()
        turned = (f"rotated by {self.rotation_deg} degrees clockwise",) if self.rotation_deg else ()
        return mirrored + turned

    def apply(self, plane: NDArray[_Scalar]) -> NDArray[_Scalar]:
        """Rotate and mirror one plane, (h, w) or (h, w, 3); the result is a view."""
        turned = plane.swapaxes(0, 1) if self.transpose else plane
        rows = slice(None, None, -1 if self.flip_y else None)
        columns = slice(None, None, -1 if self.flip_x else None)
        return turned[rows, columns]


def turn_of(picture: VideoFrame) -> Turn | None:
    """Read the display matrix of a picture (ISO/IEC 14496-12, 8.2.2); None for any other angle."""
    matrix = side_data_of(picture).get("DISPLAYMATRIX")
    if matrix is None:
        return Turn()
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    if b == c == 0 and a and d:
        return Turn(flip_x=a < 0, flip_y=d < 0)
    if a == d == 0 and b and c:
        return Turn(transpose=True, flip_x=c < 0, flip_y=b < 0)
    return None


def _has_alpha(fmt: VideoFormat) -> bool:
    return any(component.is_alpha for component in fmt.components)


class PlaneConverter:
    """Converter of the decoded pictures of one clip to native planes.

    Args:
        picture: the first picture of the clip; all others must have its size.
        planes: ``"native"`` keeps 8-bit 4:2:0 and 8-bit RGB as they are; ``"rgb"`` converts to RGB,
            ``"yuv"`` to yuv420p, where RGB becomes BT.709 of limited range.
        crop: sides of the decoded pictures to remove, as the container asks.

    Attributes:
        layout: of the planes.
        width: of the frames in pixels, after cropping, rotation and padding.
        height: of the frames in pixels, after cropping, rotation and padding.
        source_size: width and height of the decoded pictures.
        crop: sides removed.
        turn: rotation and mirroring applied.
        padding: columns and rows added at the (right, bottom).
        is_full_range: whether the planes hold full-range values whatever the tags of the stream say.
        notes: one sentence for each conversion.
    """

    def __init__(self, picture: VideoFrame, planes: Planes = "native", crop: Crop = NO_CROP) -> None:
        fmt = picture.format
        is_rgb = fmt.is_rgb or fmt.has_palette
        self.layout: Layout = "rgb24" if planes == "rgb" or (is_rgb and planes == "native") else "yuv420p"
        self._is_from_rgb = is_rgb and self.layout == "yuv420p"
        self.source_size = (picture.width, picture.height)
        turn = turn_of(picture)
        self.turn = turn or Turn()
        is_yuv = self.layout == "yuv420p"
        # Chroma samples stand for two columns and two lines; the lines of two fields take turns.
        lines = (2 if is_yuv else 1) * (2 if picture.interlaced_frame else 1)
        self.crop = crop.aligned(2 if is_yuv else 1, lines)
        size = self.crop.size(*self.source_size)
        width, height = size[::-1] if self.turn.transpose else size
        # Halved chroma needs even sides; RGB has none.
        self.padding = (width % 2, height % 2) if is_yuv else (0, 0)
        self.width, self.height = width + self.padding[0], height + self.padding[1]
        self.is_full_range = fmt.name.startswith("yuvj") or fmt.name in _GREY
        self.notes = (*self._conversion_notes(fmt), *self._shape_notes(turn is None))
        self._by_field: dict[str, FieldConverter] = {}

    def _conversion_notes(self, fmt: VideoFormat) -> list[str]:
        if fmt.name in (_SAME_YUV if self.layout == "yuv420p" else _SAME_RGB):
            return []
        lost = ", alpha dropped" if _has_alpha(fmt) else ""
        return [f"converted from {fmt.name} to {self.layout}{lost}"]

    def _shape_notes(self, is_unsupported: bool) -> list[str]:
        cropped = "cropped to {}x{}, as the file asks".format(*self.crop.size(*self.source_size))
        notes = [] if self.crop.is_empty else [cropped]
        notes += [*(UNSUPPORTED_ROTATION if is_unsupported else self.turn.notes)]
        if any(self.padding):
            width, height = self.width - self.padding[0], self.height - self.padding[1]
            notes.append(f"padded from {width}x{height} to {self.width}x{self.height}")
        return notes

    def convert(self, picture: VideoFrame) -> U8:
        """Return the planes of one picture as a new array of shape ``planes_shape``.

        Raises:
            VideoError: a picture of another size than the first, or one FFmpeg cannot convert.
        """
        if (picture.width, picture.height) != self.source_size:
            raise VideoError(
                "the picture size changes within the clip",
                found=f"{picture.width}x{picture.height}",
                bound="{}x{}".format(*self.source_size),
                remedy="Split the clip where its size changes.",
            )
        try:
            parts = self._parts(picture)
        except (*AV_ERRORS, ValueError) as error:
            raise VideoError(
                f"pixels of format {picture.format.name} cannot be converted", found=reason(error)
            ) from error
        return self._assemble(parts)

    def _parts(self, picture: VideoFrame) -> list[U8]:
        """The planes before rotation and padding: one of RGB, or Y, Cb and Cr."""
        name = picture.format.name
        is_full = self.is_full_range or picture.format.is_rgb
        stored = _FULL_RANGE if is_full else int(picture.color_range) or _LIMITED_RANGE
        if self.layout == "rgb24":
            return [_plane(self._reformat(picture, "rgb24", stored, _FULL_RANGE), 0, 3)]
        if self._is_from_rgb:
            shown = picture.reformat(
                format="yuv420p",
                src_color_range=_FULL_RANGE,
                dst_color_range=_LIMITED_RANGE,
                dst_colorspace=SWS_BT709,
            )
            return [_plane(shown, index) for index in range(3)]
        if name in _GREY:
            return self._grey_parts(_reformat(picture, "gray", _FULL_RANGE, _FULL_RANGE))
        if name not in _SAME_YUV or picture.planes[0].line_size < 0:
            # PyAV 16 rescales full-range values unless the name of the target format is a full-range one.
            target = "yuvj420p" if name.startswith("yuvj") else "yuv420p"
            picture = self._reformat(picture, target, stored, stored)
        return [_plane(picture, index) for index in range(3)]

    def _reformat(self, picture: VideoFrame, name: str, stored: int, wanted: int) -> VideoFrame:
        """Convert the pixel format; an interlaced picture field by field."""
        is_same = picture.format.name == name or picture.format.is_rgb
        if not picture.interlaced_frame or is_same or picture.planes[0].line_size < 0:
            return _reformat(picture, name, stored, wanted)
        if name not in self._by_field:
            self._by_field[name] = FieldConverter(name, stored, wanted)
        return self._by_field[name].convert(picture)

    def field_order(self, picture: VideoFrame, context: VideoCodecContext) -> FieldOrder:
        """The order of the fields of the planes, by the first picture and the header of the clip."""
        order = field_order_of(picture, context)
        turn, height = self.turn, self.crop.size(*self.source_size)[1]
        return turned_order(order, transpose=turn.transpose, flip_y=turn.flip_y, height=height)

    def _grey_parts(self, picture: VideoFrame) -> list[U8]:
        # Grey has no colour: chroma is 128, its zero.
        luma = _plane(picture, 0)
        chroma = np.full(((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2), 128, np.uint8)
        return [luma, chroma, chroma]

    def _assemble(self, parts: list[U8]) -> U8:
        out: U8 = np.empty(planes_shape(self.layout, self.width, self.height), np.uint8)
        targets = (out,) if self.layout == "rgb24" else split_planes(out, self.layout)
        for target, part in zip(targets, parts, strict=True):
            turned = self.turn.apply(self._cropped(part, is_chroma=target is not targets[0]))
            rows, columns = turned.shape[:2]
            target[:rows, :columns] = turned
            # Chroma of a picture with odd sides already has the rounded-up size: only luma is padded.
            target[:rows, columns:] = target[:rows, columns - 1 : columns]
            target[rows:] = target[rows - 1 : rows]
        return out

    def _cropped(self, part: U8, *, is_chroma: bool) -> U8:
        """View the part of a plane that is left after cropping."""
        if self.crop.is_empty:
            return part
        left, top = self.crop.left, self.crop.top
        width, height = self.crop.size(*self.source_size)
        if is_chroma:
            left, top, width, height = left // 2, top // 2, (width + 1) // 2, (height + 1) // 2
        return part[top : top + height, left : left + width]

    def colour(self, context: VideoCodecContext) -> Colour:
        """Colour tags of the planes, by those of the decoded stream."""
        tags = Colour(
            range=context_value(context, "color_range", 0),
            space=context_value(context, "colorspace", 2),
            primaries=context_value(context, "color_primaries", 2),
            transfer=context_value(context, "color_trc", 2),
        )
        if self._is_from_rgb:
            return BT709
        if self.layout == "rgb24":
            return replace(tags, range=2, space=0)
        return replace(tags, range=2) if self.is_full_range else tags

    def pixel_aspect(self, aspect: Fraction | None) -> Fraction:
        """Width of a pixel over its height after the rotation; 1 where ``aspect`` is unknown."""
        if aspect is None or aspect <= 0:
            return Fraction(1)
        return 1 / aspect if self.turn.transpose else aspect


def _reformat(picture: VideoFrame, name: str, stored: int, wanted: int) -> VideoFrame:
    """Convert a picture with given colour ranges; with its own guesses FFmpeg would rescale the values."""
    if picture.format.name == name:
        if picture.planes[0].line_size > 0:
            return picture
        # A negative line size means that the picture is stored bottom up.
        picture = picture.reformat(format=_SAME_BYTES[name])
    return picture.reformat(format=name, src_color_range=stored, dst_color_range=wanted)


def _plane(picture: VideoFrame, index: int, channels: int = 1) -> U8:
    """View one plane of a decoded picture as (h, w) or (h, w, channels) uint8."""
    plane = picture.planes[index]
    rows: U8 = np.frombuffer(cast(bytes, plane), np.uint8).reshape(plane.height, plane.line_size)
    view = rows[:, : plane.width * channels]
    return view if channels == 1 else view.reshape(plane.height, plane.width, channels)
