"""A picture of one frame in two versions, side by side."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cssv.frames import U8, Layout, split_planes
from cssv.template.heat_diff import _check_alike, _largest, _level_differences
from cssv.view.heat import heat_to_rgb, to_rgb


@dataclass(frozen=True, slots=True)
class Captions:
    """What stands above the columns; accents are left out, and what is then not ASCII becomes ``?``.

    Attributes:
        before, after: which version, such as "version 1: first".
        moment: which frame, at what time.
    """

    before: str
    after: str
    moment: str


#: Cells with a longer side above the second are reduced, and those narrower than the first enlarged.
_CELL_SIDES = (240, 960)
_GAP = 4
_STRIP = 20
#: A cell this many times as wide as this has titles that many times as high.
_TITLE_WIDTH = 480
_GROUND = 24
_INK = (235, 235, 235)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.4
#: Most characters of a caption that are looked at.
_TEXT_CHARS = 500
#: How bright the frame behind the differences is.
_DIMMED = 0.35
#: A difference of this many levels is drawn red; smaller ones go towards yellow.
_FULL_LEVELS = 8


def side_by_side(
    before: U8, after: U8, heat_before: U8, heat_after: U8, layout: Layout, captions: Captions
) -> U8:
    """Draw a frame of two versions for people: frames above, heat maps below, differences on the right.

    Args:
        before: stego planes of the one version.
        after: stego planes of the other.
        heat_before: heat map of the one, as :func:`compare_heat` takes it.
        heat_after: heat map of the other.
        layout: of all four, which have one shape.
        captions: the texts.

    Returns:
        (H, W, 3) uint8 RGB; small frames are enlarged, large ones reduced to at most 960 pixels a cell.

    Raises:
        FrameError: shapes differ.
    """
    _check_alike(before, after, heat_before, heat_after)
    pixels = [
        np.asarray(cv2.absdiff(one, two), np.uint8)
        for one, two in zip(split_planes(before, layout), split_planes(after, layout), strict=True)
    ]
    levels = _level_differences(heat_before, heat_after, layout)
    frames = [_sized(to_rgb(planes, layout)) for planes in (before, after)]
    heats = [_sized(heat_to_rgb(heat, layout)) for heat in (heat_before, heat_after)]
    marked = [_marked(frames[0], _sized_levels(_largest(planes, layout))) for planes in (pixels, levels)]
    titles = [captions.before, captions.after, f"{captions.moment}: pixels that differ"]
    legends = ["heat map", "heat map", "heat that differs: yellow little, red much"]
    top, bottom = _band([*frames, marked[0]], titles), _band([*heats, marked[1]], legends)
    gap = np.full((_GAP, top.shape[1], 3), _GROUND, np.uint8)
    return np.concatenate([top, gap, bottom, gap])


def _marked(picture: U8, levels: U8) -> U8:
    """The picture dim and grey, and on it in yellow to red where and how much something differs."""
    grey = (picture.mean(axis=2) * _DIMMED).astype(np.uint8)
    marked = np.repeat(grey[..., None], 3, axis=2)
    green = 230 - 230 * np.minimum(levels, _FULL_LEVELS).astype(np.uint16) // _FULL_LEVELS
    mask = levels > 0
    marked[mask] = np.stack([np.full_like(green, 255), green, np.zeros_like(green)], axis=2)[mask]
    return marked


def _steps(height: int, width: int) -> tuple[int, int]:
    """By how much a cell is reduced and enlarged, whole numbers; one of them is 1."""
    low, high = _CELL_SIDES
    reduced = -(-max(height, width) // high)
    return reduced, max(min(low // width, high // height), 1) if reduced == 1 else 1


def _sized(cell: U8) -> U8:
    """A picture reduced by means or enlarged by repetition."""
    height, width = cell.shape[:2]
    reduced, enlarged = _steps(height, width)
    if reduced > 1:
        size = (-(-width // reduced), -(-height // reduced))
        return np.asarray(cv2.resize(cell, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.repeat(np.repeat(cell, enlarged, axis=0), enlarged, axis=1)


def _sized_levels(levels: U8) -> U8:
    """(H, W) levels in the same size; of pixels that become one the largest, so that nothing is lost."""
    height, width = levels.shape
    reduced, enlarged = _steps(height, width)
    if reduced > 1:
        padded = np.pad(levels, ((0, -height % reduced), (0, -width % reduced)))
        blocks = padded.reshape(padded.shape[0] // reduced, reduced, -1, reduced)
        return np.asarray(blocks.max(axis=(1, 3)), np.uint8)
    return np.repeat(np.repeat(levels, enlarged, axis=0), enlarged, axis=1)


def _titled_cell(cell: U8, text: str) -> U8:
    width = cell.shape[1]
    times = max(width // _TITLE_WIDTH, 1)
    strip = np.full((_STRIP * times, width, 3), _GROUND, np.uint8)
    words = _fitting(text, width - 4, times)
    base = (2, (_STRIP - 6) * times)
    cv2.putText(strip, words, base, _FONT, _FONT_SCALE * times, _INK, 1, cv2.LINE_AA)
    return np.concatenate([strip, cell])


def _fitting(text: str, width: int, times: int) -> str:
    """What of a text can be drawn in so many pixels."""

    def fits(words: str) -> bool:
        drawn, _ = cv2.getTextSize(words, _FONT, _FONT_SCALE * times, 1)
        return int(drawn[0]) <= width

    letters = (c for c in unicodedata.normalize("NFKD", text[:_TEXT_CHARS]) if not unicodedata.combining(c))
    plain = "".join(c if " " <= c <= "~" else "?" for c in letters)
    if fits(plain):
        return plain
    while plain and not fits(plain + "..."):
        plain = plain[:-1]
    return plain + "..."


def _band(cells: Sequence[U8], titles: Sequence[str]) -> U8:
    """Cells beside one another, each under its title."""
    titled = [_titled_cell(cell, text) for cell, text in zip(cells, titles, strict=True)]
    gap = np.full((titled[0].shape[0], _GAP, 3), _GROUND, np.uint8)
    return np.concatenate([part for cell in titled for part in (gap, cell)] + [gap], axis=1)
