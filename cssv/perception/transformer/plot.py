"""Lengths of a vision transformer's tokens as a picture: histograms of blocks, and where outliers are."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from cssv.boxes import F64
from cssv.frames import U8
from cssv.perception.transformer.meter import Artefacts
from cssv.perception.transformer.norms import BlockNorms

#: Height of the picture beside the histograms, and of a block's row; width of the histograms; margins.
_SIDE, _ROW, _CHART, _LEFT, _TOP, _GAP = 420, 34, 640, 64, 96, 24
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK, _GREY, _LIGHT = (30, 30, 30), (120, 120, 120), (225, 225, 225)
_BAR, _RED, _PALE = (70, 110, 180), (214, 40, 40), (245, 170, 170)
#: Size of the axis' numbers, and pixels between two of them at least.
_SMALL, _APART = 0.4, 14
#: Bins of a histogram.
_BINS = 160


def draw_norms(picture: U8, done: Artefacts) -> U8:
    """(H, W, 3) uint8 RGB: one panel, and below it another after healing.

    Args:
        picture: (H, W, 3) uint8 RGB, as it was given.
        done: its measures.
    """
    span = _span([done] if done.healed is None else [done, done.healed])
    panels = [_panel(picture, done, span, "")]
    if done.healed is not None:
        moved = f"{len(done.neurons)} neuron{'' if len(done.neurons) == 1 else 's'} moved"
        panels.append(_panel(picture, done.healed, span, f" with a test-time register ({moved})"))
    return np.concatenate(panels)


def _span(all_: list[Artefacts]) -> tuple[float, float]:
    """Shortest and longest of all tokens and bounds, for one logarithmic axis; every median is on it."""
    blocks = [block for each in all_ for block in each.blocks]
    norms = np.concatenate([[*block.norms, block.bound] for block in blocks])
    low, high = float(norms.min()), float(norms.max())
    low = max(low, min(block.median for block in blocks) / 10, 1e-9)
    return low / 1.1, max(high, low) * 1.1


def _panel(picture: U8, done: Artefacts, span: tuple[float, float], suffix: str) -> U8:
    chart = len(done.blocks) * _ROW
    scale = _SIDE / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    height = _TOP + max(chart + 40, size[1] + 24) + _GAP
    canvas = np.full((height, _LEFT + _CHART + 2 * _GAP + _SIDE + _GAP, 3), 255, np.uint8)
    _write(canvas, f"{done.model}{suffix}", (_GAP, 30), 0.6)
    _write(
        canvas, "Length of the patches' tokens after each block, before the final LayerNorm", (_GAP, 54), 0.45
    )
    _write(canvas, "grey: median   light red: outliers begin   red: an outlier", (_GAP, 74), 0.42, _GREY)
    _axis(canvas, span, chart)
    for row, block in enumerate(done.blocks):
        _histogram(canvas, row, block, span)
    left = _LEFT + _CHART + 2 * _GAP
    canvas[_TOP : _TOP + size[1], left : left + size[0]] = _map(picture, done, size)
    count = len(done.patches)
    told = f"{count} patch{'' if count == 1 else 'es'} outlying in some block" if count else "no outliers"
    _write(
        canvas, f"{told}; bright: long after block {_worst(done).block}", (left, _TOP + size[1] + 18), 0.42
    )
    return canvas


def _at(norm: float, span: tuple[float, float]) -> int:
    """Column of a length on the logarithmic axis."""
    share = (np.log(max(norm, span[0])) - np.log(span[0])) / (np.log(span[1]) - np.log(span[0]))
    return _LEFT + round(float(share) * _CHART)


def _axis(canvas: U8, span: tuple[float, float], height: int) -> None:
    # The finest numbers of which none touches the next.
    for marks, step in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 5)):
        numbers = _numbers(span, marks, step)
        if all(left[1] + _APART <= right[0] for left, right in pairwise(numbers)):
            break
    for left, _, x, text in numbers:
        cv2.line(canvas, (x, _TOP), (x, _TOP + height), _LIGHT, 1)
        _write(canvas, text, (left, _TOP + height + 18), _SMALL, _GREY)


def _numbers(span: tuple[float, float], marks: tuple[int, ...], step: int) -> list[tuple[int, int, int, str]]:
    """Left, right and middle column and text of ``marks`` times every ``step``-th power of ten in a span."""
    first, last = (int(np.floor(np.log10(each))) for each in span)
    numbers = []
    for number in (m * 10.0**d for d in range(first - first % step, last + 1, step) for m in marks):
        if span[0] <= number <= span[1]:
            text, x = f"{number:g}", _at(number, span)
            (width, _), _ = cv2.getTextSize(text, _FONT, _SMALL, 1)
            numbers.append((x - width // 2, x + width - width // 2, x, text))
    return numbers


def _histogram(canvas: U8, row: int, block: BlockNorms, span: tuple[float, float]) -> None:
    """One row: bars of counts, ticks at the median and the bound, dots for outliers."""
    base = _TOP + (row + 1) * _ROW - 4
    _write(canvas, f"block {block.block}", (8, base - 6), 0.4, _GREY)
    cv2.line(canvas, (_LEFT, base), (_LEFT + _CHART, base), _LIGHT, 1)
    edges = np.geomspace(*span, _BINS + 1)
    counts, _ = np.histogram(block.norms, edges)
    tallest = max(int(counts.max()), 1)
    for low, high, count in zip(edges[:-1], edges[1:], counts.tolist(), strict=True):
        if count:
            top = base - max(1, round(count / tallest * (_ROW - 10)))
            cv2.rectangle(canvas, (_at(low, span), top), (_at(high, span) - 1, base), _BAR, cv2.FILLED)
    for norm, colour in ((block.median, _GREY), (block.bound, _PALE)):
        if span[0] <= norm <= span[1]:
            cv2.line(canvas, (_at(norm, span), base - _ROW + 8), (_at(norm, span), base + 3), colour, 1)
    for norm in block.norms[block.norms > block.bound].tolist():
        cv2.circle(canvas, (_at(norm, span), base - 6), 4, _RED, cv2.FILLED, cv2.LINE_AA)


def _worst(done: Artefacts) -> BlockNorms:
    """The block whose longest token exceeds the median most."""
    return max(done.blocks, key=lambda block: float(block.norms.max()) / max(block.median, 1e-9))


def _map(picture: U8, done: Artefacts, size: tuple[int, int]) -> U8:
    """The picture, its patches brighter the longer they are in the worst block, outliers outlined."""
    worst = _worst(done)
    shares: F64 = np.clip(worst.norms / (4 * max(worst.median, 1e-9)), 0, 1).reshape(done.rows, done.columns)
    heat = cv2.applyColorMap(np.asarray(shares * 255, np.uint8), cv2.COLORMAP_VIRIDIS)
    heat = cv2.resize(heat[..., ::-1], size, interpolation=cv2.INTER_NEAREST)
    shown = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    mixed = np.asarray(cv2.addWeighted(shown, 0.45, heat, 0.55, 0.0), dtype=np.uint8)
    for row, column in done.patches:
        corners = [(column, row), (column + 1, row + 1)]
        ends = [(round(x * size[0] / done.columns), round(y * size[1] / done.rows)) for x, y in corners]
        cv2.rectangle(mixed, ends[0], ends[1], _RED, 2)
    return mixed


def _write(
    canvas: U8, text: str, where: tuple[int, int], scale: float, colour: tuple[int, int, int] = _INK
) -> None:
    cv2.putText(canvas, text, where, _FONT, scale, colour, 1, cv2.LINE_AA)
