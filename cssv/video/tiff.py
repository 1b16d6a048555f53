"""Reader of counts in the pages of a TIFF, as thermal software writes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL.TiffImagePlugin import TiffImageFile

from cssv.errors import VideoError
from cssv.files.access import guarded
from cssv.video.ffmpeg import reason
from cssv.video.formats import PILLOW_ERRORS, TIFF_SIGNATURES, open_tiff, strict_pillow
from cssv.video.grey16 import SIDE_MAX, U16, unlike

__all__ = ["TIFF_SIGNATURES", "CountPages"]

# Pillow's modes of 16-bit grey.
_MODES = ("I;16", "I;16L", "I;16B", "I;16N")


class CountPages:
    """Reader of the counts in a TIFF of one or more pages, in the order of the file.

    Each loop reads the file again, page by page, and yields counts, (H, W) uint16, without a time.

    Raises:
        VideoError: no TIFF, or pages that do not hold counts; while reading, one that is damaged or has
            another size.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._as_damage(), open_tiff(path) as image:
            self._count = int(image.n_frames)
            self._check(image, 0)
            self.size: tuple[int, int] = image.size

    def __len__(self) -> int:
        """Number of pages."""
        return self._count

    @guarded
    def __iter__(self) -> Iterator[tuple[U16, None]]:
        with self._as_damage():
            image = open_tiff(self._path)
        with image:
            for number in range(self._count):
                yield self._page(image, number), None

    def _page(self, image: TiffImageFile, number: int) -> U16:
        with self._as_damage():
            image.seek(number)
            self._check(image, number)
            if image.size != self.size:
                raise unlike(self._path, image.size[::-1], self.size[::-1])
            return np.array(image).astype(np.uint16)

    @contextmanager
    def _as_damage(self) -> Iterator[None]:
        try:
            with strict_pillow():
                yield
        except VideoError:
            raise
        except PILLOW_ERRORS as error:
            raise VideoError(
                "the TIFF is damaged", found=f"{self._path}: {reason(error)}", remedy="Use a whole copy."
            ) from error

    def _check(self, image: TiffImageFile, number: int) -> None:
        """Raise VideoError unless a page holds counts of a possible size."""
        if image.mode not in _MODES:
            raise VideoError(
                "the TIFF does not hold counts",
                found=f"{self._path}: page {number} of mode {image.mode}",
                bound="16-bit grey",
                remedy="Export the counts without a palette.",
            )
        # Checked before the pixels are decoded, because a header of a few bytes can ask for any memory.
        if max(image.size) > SIDE_MAX:
            raise VideoError(
                "the picture's size is out of range",
                found="{}: {}x{}".format(self._path, *image.size),
                bound=f"1 to {SIDE_MAX} pixels a side",
            )
