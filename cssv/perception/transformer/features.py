"""Features of a vision transformer, and the preparation of its input picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from cssv.boxes import F64
from cssv.errors import InputError, OptionError
from cssv.frames import U8
from cssv.perception.transformer.weights import F32

#: Mean and standard deviation of R, G, B in ImageNet, as in the training of all these models.
MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32) * 255
#: Long side of a model's input picture, in pixels: a multiple of 8, 14 and 16. And its bounds.
SIDE_PX = 448
SIDE_RANGE = (64, 2048)
#: Largest number of patches; the cost of attention grows with its square.
MOST_PATCHES = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Tokens of one picture: class token, trained registers, patches by rows, test-time register.

    Attributes:
        rows, columns: the grid of patches.
        first: index of the first patch, equal to the number of tokens before it.
        keys: (n, width) float32: keys of the last block's attention, heads side by side; for an exported
            model possibly tokens in place of keys.
        tokens: (n, width) float32 after the last block, before the final LayerNorm.
        norms: (depth, n) float64: Euclidean length of the tokens after each block, before the final
            LayerNorm; depth 0 if an exported model has no such outputs.
        blocks: number of each of these blocks, counted from 0; an exported model may omit some.
    """

    rows: int
    columns: int
    first: int
    keys: F32
    tokens: F32
    norms: F64
    blocks: tuple[int, ...]

    def patches(self, tokens: F32) -> F32:
        """Select the rows of ``tokens`` that are patches: (rows * columns, width)."""
        return tokens[self.first : self.first + self.rows * self.columns]

    @property
    def patch_norms(self) -> F64:
        """Norms of the patches, (depth, rows * columns)."""
        return self.norms[:, self.first : self.first + self.rows * self.columns]


class Transformer(Protocol):
    """Interface of the models that compute features of pictures.

    Attributes:
        name: description of the model, for the user.
        sha256: SHA-256 of its file.
        patch_px: side of a patch in pixels.
    """

    name: str
    sha256: str
    patch_px: int

    def look(self, picture: U8) -> Features:
        """Compute features of an (H, W, 3) uint8 RGB picture with sides that are multiples of the patch."""
        ...


def working_size(width: int, height: int, patch_px: int, side_px: int = SIDE_PX) -> tuple[int, int]:
    """Width and height of a model's input for a picture: whole patches, the long side near ``side_px``.

    Raises:
        OptionError: the side is out of bounds, or gives too many patches.
    """
    # A bool is an int in Python, but True is no side.
    low, high = SIDE_RANGE
    if isinstance(side_px, bool) or not isinstance(side_px, int | np.integer):
        raise OptionError(
            "the side of the working picture is not a whole number",
            found=repr(side_px),
            bound=f"{low} to {high}",
        )
    if not low <= side_px <= high:
        raise OptionError(
            "the side of the working picture is out of range", found=side_px, bound=f"{low} to {high}"
        )
    scale = side_px / max(width, height)
    columns, rows = (max(1, round(side * scale / patch_px)) for side in (width, height))
    # Attention needs memory for the square of the patches: an error is better than an exhausted machine.
    if columns * rows > MOST_PATCHES:
        raise OptionError(
            "the working picture has too many patches",
            found=f"{columns} x {rows}",
            bound=f"up to {MOST_PATCHES}",
            remedy="Give a smaller side.",
        )
    return columns * patch_px, rows * patch_px


def fit(picture: U8, size: tuple[int, int]) -> U8:
    """Scale an (H, W, 3) picture to ``size`` (width, height)."""
    if picture.shape[1::-1] == size:
        return picture
    # Averaging areas avoids aliasing on reduction; on enlargement it would give blocks.
    is_smaller = size[0] * size[1] < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=method), dtype=np.uint8)


def normalise(picture: U8) -> F32:
    """Convert (H, W, 3) uint8 RGB to float32 with ImageNet's mean 0 and deviation 1."""
    return np.asarray((picture.astype(np.float32) - MEAN) / DEVIATION, dtype=np.float32)


def grid_of(picture: U8, patch_px: int) -> tuple[int, int]:
    """Rows and columns of the patches of a picture.

    Raises:
        InputError: the picture is not (H, W, 3) uint8, or not made of whole patches.
    """
    height, width = picture.shape[:2]
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise InputError("a picture must be (H, W, 3) uint8", found=f"{picture.shape} {picture.dtype}")
    if height % patch_px or width % patch_px or not height or not width:
        raise InputError(
            "a picture is not made of whole patches",
            found=f"{width}x{height}",
            bound=f"multiples of {patch_px}",
        )
    return height // patch_px, width // patch_px
