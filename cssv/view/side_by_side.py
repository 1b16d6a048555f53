"""Picture of one frame in two versions, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cssv.frames import U8, Layout, split_planes
from cssv.template.heat_diff import check_same_shape, largest_of_planes, level_differences
from cssv.view.heat import heat_to_rgb, to_rgb
from cssv.view.text import draw_text, fit_text, line_height


@dataclass(frozen=True, slots=True)
class Captions:
    """Texts above the columns. A text too wide for its column is cut.

    Attributes:
        before, after: names of the versions, such as "version 1: first".
        moment: number and time of the frame.
    """

    before: str
    after: str
    moment: str


#: In pixels: cells narrower than the first are enlarged, those with a side longer than the second reduced.
_CELL_SIDES = (240, 960)
#: Pixels between cells.
_GAP = 4
#: Height of a title's strip and of its font in pixels, for a cell below twice ``_TITLE_WIDTH`` pixels wide.
_STRIP, _TITLE_SIZE = 20, 13
#: Titles grow with the cell: twice the size for cells twice this wide, and so on.
_TITLE_WIDTH = 480
#: Grey of strips and gaps, and colour of the letters.
_GROUND = 24
_INK = (235, 235, 235)
#: Characters of a title that are read at most; no cell holds more.
_TEXT_CHARS = 500
#: Brightness of the frame behind the differences, as a share of its own.
_DIMMED = 0.35
#: Levels of difference from which on a pixel is red; smaller differences are nearer to yellow.
_FULL_LEVELS = 8


def side_by_side(
    before: U8, after: U8, heat_before: U8, heat_after: U8, layout: Layout, captions: Captions
) -> U8:
    """Draw one frame of two versions: frames above, heat maps below, differences on the right.

    Args:
        before: stego planes of the first version.
        after: stego planes of the second version.
        heat_before: heat map of the first, as :func:`compare_heat` takes it.
        heat_after: heat map of the second.
        layout: of all four arrays, which have the same shape.
        captions: texts above the columns.

    Returns:
        (H, W, 3) uint8 RGB. Small frames are enlarged, large ones reduced to cells of at most 960 pixels.

    Raises:
        FrameError: shapes differ.
    """
    check_same_shape(before, after, heat_before, heat_after)
    pixels = [
        np.asarray(cv2.absdiff(one, two), np.uint8)
        for one, two in zip(split_planes(before, layout), split_planes(after, layout), strict=True)
    ]
    levels = level_differences(heat_before, heat_after, layout)
    frames = [_sized(to_rgb(planes, layout)) for planes in (before, after)]
    heats = [_sized(heat_to_rgb(heat, layout)) for heat in (heat_before, heat_after)]
    marked = [
        _marked(frames[0], _sized_levels(largest_of_planes(planes, layout))) for planes in (pixels, levels)
    ]
    titles = [captions.before, captions.after, f"{captions.moment}: pixels that differ"]
    legends = ["heat map", "heat map", "heat that differs: yellow little, red much"]
    top, bottom = _band([*frames, marked[0]], titles), _band([*heats, marked[1]], legends)
    gap = np.full((_GAP, top.shape[1], 3), _GROUND, np.uint8)
    return np.concatenate([top, gap, bottom, gap])


def _marked(picture: U8, levels: U8) -> U8:
    """The picture in dark grey, with each pixel that differs from yellow (little) to red (much)."""
    grey = (picture.mean(axis=2) * _DIMMED).astype(np.uint8)
    marked = np.repeat(grey[..., None], 3, axis=2)
    green = 230 - 230 * np.minimum(levels, _FULL_LEVELS).astype(np.uint16) // _FULL_LEVELS
    mask = levels > 0
    marked[mask] = np.stack([np.full_like(green, 255), green, np.zeros_like(green)], axis=2)[mask]
    return marked


def _steps(height: int, width: int) -> tuple[int, int]:
    """Whole factors by which a cell is reduced and enlarged; at least one of them is 1."""
    low, high = _CELL_SIDES
    reduced = -(-max(height, width) // high)
    return reduced, max(min(low // width, high // height), 1) if reduced == 1 else 1


def _sized(cell: U8) -> U8:
    """A picture reduced by averaging or enlarged by repeating pixels."""
    height, width = cell.shape[:2]
    reduced, enlarged = _steps(height, width)
    if reduced > 1:
        size = (-(-width // reduced), -(-height // reduced))
        return np.asarray(cv2.resize(cell, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.repeat(np.repeat(cell, enlarged, axis=0), enlarged, axis=1)


def _sized_levels(levels: U8) -> U8:
    """(H, W) levels in the size of a cell.

    Of pixels that become one, the largest counts: an average would hide a single pixel that differs.
    """
    height, width = levels.shape
    reduced, enlarged = _steps(height, width)
    if reduced > 1:
        padded = np.pad(levels, ((0, -height % reduced), (0, -width % reduced)))
        blocks = padded.reshape(padded.shape[0] // reduced, reduced, -1, reduced)
        return np.asarray(blocks.max(axis=(1, 3)), np.uint8)
    return np.repeat(np.repeat(levels, enlarged, axis=0), enlarged, axis=1)


def _titled_cell(cell: U8, text: str) -> U8:
    """A cell under a strip with its title."""
    width = cell.shape[1]
    times = max(width // _TITLE_WIDTH, 1)
    strip = np.full((_STRIP * times, width, 3), _GROUND, np.uint8)
    size = _TITLE_SIZE * times
    top = max((strip.shape[0] - line_height(size)) // 2, 0)
    draw_text(strip, fit_text(text[:_TEXT_CHARS], size, width - 4), 2, top, size, _INK)
    return np.concatenate([strip, cell])


def _band(cells: Sequence[U8], titles: Sequence[str]) -> U8:
    """A row of cells, each under its title."""
    titled = [_titled_cell(cell, text) for cell, text in zip(cells, titles, strict=True)]
    gap = np.full((titled[0].shape[0], _GAP, 3), _GROUND, np.uint8)
    return np.concatenate([part for cell in titled for part in (gap, cell)] + [gap], axis=1)
