"""What the forms with marks in each frame share: the content of the header, and checks of frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.base import UNSCALED
from cssv.carriers.nibble.mark_record import Miniature
from cssv.errors import ContainerError, InputError
from cssv.frames import Frame, split_planes


class _Header(Protocol):
    @property
    def frame(self) -> int: ...

    @property
    def pts(self) -> int: ...


class _Marks(Protocol):
    @property
    def header(self) -> _Header: ...

    @property
    def origin(self) -> tuple[int, int]: ...

    @property
    def miniature(self) -> Miniature | None: ...


class MarkedPlanes(Protocol):
    """What was read from planes with marks."""

    @property
    def marks(self) -> _Marks:
        """The marks of the picture."""
        ...


_Found = TypeVar("_Found", bound=MarkedPlanes)


class MarkedExtract:
    """The part of an extract that its marks tell; a base of classes with the attribute ``found``."""

    __slots__ = ()

    found: MarkedPlanes

    @property
    def number(self) -> int:
        """Frame number in the encoded clip, from 0."""
        return self.found.marks.header.frame

    @property
    def pts(self) -> int:
        """Presentation time in the encoded clip, in units of the clip's time base."""
        return self.found.marks.header.pts

    @property
    def origin(self) -> tuple[int, int]:
        """x, y of the picture's top left pixel in the encoded clip."""
        return self.found.marks.origin

    @property
    def scale(self) -> tuple[float, float]:
        """Always (1, 1): a scaled picture carries nothing."""
        return UNSCALED

    @property
    def is_missing(self) -> bool:
        """A frame carries its own heat map."""
        return False


def require_marks(stego: Frame, found: _Found | None) -> tuple[_Found, Miniature]:
    """What a frame of a ``.cssv`` carries, and its miniature. Raises ContainerError if it has none."""
    if found is None or found.marks.miniature is None:
        raise ContainerError(
            f"frame {stego.number} carries no marks",
            remedy="Run `cssv.verify()` to find the damage.",
        )
    return found, found.marks.miniature


def without_bits(stego: Frame, marked: NDArray[np.bool_]) -> Frame:
    """The frame with zeros as the lowest bits of marks and tags, so that one that moves leaves no old one.

    Args:
        stego: the frame.
        marked: (H, W) bool, the pixels of marks and tags.
    """
    planes = stego.planes.copy()
    split_planes(planes, stego.layout)[0][marked] &= 0xFE
    return replace(stego, planes=planes)


def is_alike(stego: Frame, cover: Frame) -> bool:
    """Whether two frames have the same size and layout."""
    return cover.layout == stego.layout and cover.planes.shape == stego.planes.shape


def check_cover(stego: Frame, cover: Frame, fits: Callable[[], bool]) -> None:
    """Raise InputError unless the cover is the picture that the stego frame was drawn from.

    Args:
        stego: the frame.
        cover: the picture.
        fits: whether the bytes can be those of the cover; asked for frames of the same size and layout.
    """
    remedy = "Give the clip that was encoded."
    if not is_alike(stego, cover):
        raise InputError(
            "the cover has another size or layout",
            found=f"{cover.width}x{cover.height} {cover.layout}",
            bound=f"{stego.width}x{stego.height} {stego.layout}",
            remedy=remedy,
        )
    if not fits():
        raise InputError(f"frame {stego.number} of the cover is another picture", remedy=remedy)
