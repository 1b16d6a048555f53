"""Pictures of the original clip for an overlay, found by exact time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from cssv.errors import InputError
from cssv.files.closing import Closing
from cssv.frames import U8
from cssv.pipeline.config import config_from_facts
from cssv.pipeline.cover_clip import open_cover
from cssv.pipeline.decoder import Decoder
from cssv.pipeline.moment import Moment
from cssv.pipeline.overlay_memory import colour_of
from cssv.video import FrameCursor, open_clip, shown_stamps
from cssv.view.heat import to_rgb

_REMEDY = "Give the clip that was encoded."
#: Largest mean difference of the brightness of a frame and of its original, which is hidden data and coding.
_DIFFERENCE_MAX = 30
#: Frames are compared in this size.
_COMPARED = (32, 32)


class CoverPictures(Closing):
    """The original clip of a decoder's source, whose pictures an overlay is drawn over.

    Args:
        path: the original clip.
        decoder: of the source.

    Raises:
        VideoError: not a video.
        InputError: it is the source itself, or has another number of frames than a ``.cssv``.
    """

    def __init__(self, path: Path, decoder: Decoder) -> None:
        if path.exists() and path.samefile(decoder.path):
            raise InputError("the cover is the source itself", found=str(path), remedy=_REMEDY)
        reader = decoder.reader
        recorded = None if reader is None else config_from_facts(reader.version.about.meta, decoder.key)
        cover = open_clip(path) if recorded is None else open_cover(path, recorded)
        try:
            stamps = shown_stamps(cover)
            if reader is not None:
                _check_count(len(stamps), len(reader))
        except BaseException:
            cover.close()
            raise
        self._path = path
        self._frames = FrameCursor(cover, stamps)
        self._colour = colour_of(cover.info)
        times = [stamp * cover.info.time_base for stamp in stamps]
        # A part of a clip begins at time 0 in the file.
        later = Fraction(0)
        if reader is not None and times:
            later = times[0] - reader.pts(reader.video.number, 0) * reader.video.time_base
        self._numbers = {time - later: number for number, time in enumerate(times)}
        self._is_compared = False

    def picture_of(self, moment: Moment) -> U8:
        """(H, W, 3) uint8 RGB: the original of a frame, cut and scaled as the frame is.

        Raises:
            InputError: the clip has no frame at this time, another size, or shows something else.
        """
        number = self._numbers.get(moment.time)
        if number is None:
            raise InputError(
                f"the cover has no frame at the time of frame {moment.number}",
                found=f"{float(moment.time):.6f} s",
                bound=f"one of the {len(self._numbers)} times of {self._path}",
                remedy=_REMEDY,
            )
        frame = self._frames.read(number)
        picture = self._cut(to_rgb(frame.planes, frame.layout, self._colour), moment)
        if not self._is_compared:
            self._compare(picture, moment)
        return picture

    def _cut(self, picture: U8, moment: Moment) -> U8:
        """The part of a picture that a frame shows, in the size of the frame."""
        height, width = picture.shape[:2]
        size, (x, y), (across, down) = moment.view.size_px, moment.view.origin_px, moment.view.scale
        left, top = round(x), round(y)
        right, bottom = left + round(size[0] / across), top + round(size[1] / down)
        is_whole = moment.source == "metadata"
        if (is_whole and (width, height) != size) or not (
            0 <= left < right <= width and 0 <= top < bottom <= height
        ):
            raise InputError(
                f"the cover does not hold what frame {moment.number} shows",
                found=f"{width}x{height}",
                bound="{}x{}".format(*size) if is_whole else f"at least {right}x{bottom}",
                remedy=_REMEDY,
            )
        part = picture[top:bottom, left:right]
        if (right - left, bottom - top) == size:
            return part
        return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _compare(self, picture: U8, moment: Moment) -> None:
        """Raise InputError unless the first picture shows what its frame shows."""
        stego = moment.frame.luma()
        cover = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        small = [cv2.resize(each, _COMPARED, interpolation=cv2.INTER_AREA) for each in (stego, cover)]
        difference = float(np.abs(np.subtract(*small, dtype=np.float64)).mean())
        if difference > _DIFFERENCE_MAX:
            raise InputError(
                "the cover shows another picture than the source",
                found=f"a mean difference of {difference:.0f} in brightness",
                bound=f"at most {_DIFFERENCE_MAX}",
                remedy=_REMEDY,
            )
        self._is_compared = True

    def close(self) -> None:
        """Close the clip."""
        self._frames.close()


def _check_count(found: int, wanted: int) -> None:
    if found != wanted:
        raise InputError(
            "the cover has another number of frames", found=found, bound=str(wanted), remedy=_REMEDY
        )
