"""Template to readings: the inverse of the renderer, from the pixels and the outlines alone."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8, Layout, split_planes
from cssv.template.aura import PEAK_HIGH, PEAK_LOW, SATURATION, drawn_rings, ring_gain
from cssv.template.drawing import FULL, Outline, Readings, Rings, Selector, drawing_order
from cssv.template.edges import STRIP_ROWS
from cssv.template.footprint import Footprint, area_of, footprint, window_of
from cssv.template.render import chroma_step

#: A ring with fewer visible pixels gives no reading.
_LEAST_PIXELS = 12
#: Weight of a pixel under a mark or a tag.
_MARKED_WEIGHT = 0.25
#: Footprints are kept between the two passes of :func:`read` up to this many frames' pixels in all, and up to
#: this many pixels, because damaged or hostile tags may each cover the whole frame.
_KEPT_FRAMES, _KEPT_PIXELS = 4, 1 << 24
#: An object with a smaller visible share of its rings counts as hidden and is not read.
VISIBLE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Reading:
    """The reading of one object.

    Attributes:
        outline: of the object.
        readings: the bytes read; None if too little of the rings is visible.
        visible: share of the rings' pixels that no nearer object covers, 0 to 1.
    """

    outline: Outline
    readings: Readings | None
    visible: float


@dataclass(frozen=True, slots=True)
class _Planes:
    """A template's planes, and the pixels whose lowest nibble bit is not part of the drawing."""

    luma: U8
    cb: U8
    cr: U8
    marked: NDArray[np.bool_]
    step: int


def read(
    template: U8,
    layout: Layout,
    outlines: Sequence[Outline],
    marked: NDArray[np.bool_],
    damaged: NDArray[np.bool_] | None = None,
) -> list[Reading]:
    """Read every object's bytes back.

    Args:
        template: planes of a template, multiples of 16.
        layout: their layout.
        outlines: the tags found, in any order.
        marked: (H, W) bool, pixels whose lowest nibble bit belongs to a mark or a tag.
        damaged: (H, W) bool, pixels that count as hidden.

    Returns:
        One Reading per outline, in the given order.
    """
    luma, cb, cr = split_planes(template, layout)
    planes = _Planes(luma, cb, cr, marked, chroma_step(layout))
    height, width = luma.shape
    # The smallest integers that can number the outlines.
    number = np.int16 if len(outlines) < np.iinfo(np.int16).max else np.int32
    owner = np.full((height, width), -1, number)
    kept: dict[int, Footprint] = {}
    room = min(_KEPT_FRAMES * width * height, _KEPT_PIXELS)
    covered: set[Hashable] = set()
    hidden: set[int] = set()
    # The nearest first: what is hidden behind it needs no footprint, however many objects that are.
    for i in sorted(range(len(outlines)), key=lambda i: drawing_order(outlines[i]))[::-1]:
        window, area = window_of(outlines[i], width, height), area_of(outlines[i])
        if window is None:
            continue
        if area in covered or not (owner[window] < 0).any():
            hidden.add(i)
            continue
        place = footprint(outlines[i], width, height)
        if place is None:
            continue
        covered.add(area)
        mine = owner[place.window]
        np.copyto(mine, number(i), where=(place.index >= 0) & (mine < 0))
        if place.index.size <= room:
            kept[i] = place
            room -= place.index.size
    if damaged is not None:
        owner[damaged] = -1
    found = []
    for i, outline in enumerate(outlines):
        # An outline without rings is read without pixels.
        if i in hidden and outline.selector is not Selector.EDGES:
            found.append(Reading(outline, None, 0.0))
            continue
        place = kept.pop(i, None) or footprint(outline, width, height)
        if place is None:
            found.append(Reading(outline, None, 0.0))
        else:
            found.append(_read_one(planes, outline, place, owner[place.window] == i))
    return found


def _read_one(planes: _Planes, outline: Outline, place: Footprint, own: NDArray[np.bool_]) -> Reading:
    """Read one object from the pixels of its window that are its own."""
    has_rings = outline.selector is not Selector.EDGES
    drawn, shown = 0, 0
    sums = np.zeros((2, (place.span - 1) // outline.ring_width, 2))
    # In strips, because an object can be as large as a large frame. The sums are exact, so they are the same.
    for strip in place.strips(STRIP_ROWS):
        rows = slice(strip.top - place.top, strip.top - place.top + len(strip.index))
        keep = (strip.index >= 0) & (strip.index % strip.span != 0)
        drawn += int(np.count_nonzero(keep))
        keep &= own[rows]
        shown += int(np.count_nonzero(keep))
        if has_rings:
            sums += _luma_sums(planes, strip, outline.ring_width, keep)
    visible = shown / max(drawn, 1)
    if not has_rings:
        return Reading(outline, Readings(), visible)
    vectors = _chroma_sums(planes, place, outline.ring_width, own)
    return Reading(outline, _readings(sums, vectors, drawn_rings(outline.rings)), visible)


def _fit(
    index: NDArray[np.int16],
    values: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    place: Footprint,
    width: int,
) -> NDArray[np.float64]:
    """Sums for the least-squares peak per (half, ring) of values that a ring's gain has stretched.

    Returns (2, rings, 2): the weighted sums of gain * value and of gain squared; the peak is their ratio.
    """
    rings = (place.span - 1) // width
    half, distance = index // place.span, index % place.span
    keep = distance > 0
    half, distance, values = half[keep], distance[keep] - 1, values[keep]
    gain = ring_gain(width)[distance % width] / 256
    weighted = gain if weights is None else gain * weights[keep]
    ring = half * rings + distance // width
    size = 2 * rings
    top = np.bincount(ring, weighted * values, minlength=size)
    bottom = np.bincount(ring, weighted * gain, minlength=size)
    return np.asarray(np.stack((top, bottom), axis=-1).reshape(2, rings, 2), np.float64)


def _luma_sums(planes: _Planes, place: Footprint, width: int, keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The sums of :func:`_fit` for the brightness of the pixels ``keep`` of the rings."""
    values, marked = planes.luma[place.window][keep], planes.marked[place.window][keep]
    # Under a mark or tag three bits are left: the middle of two steps, at twice the deviation.
    middle = np.where(marked, (values & 0xE0) + np.uint8(8), values).astype(np.float64)
    return _fit(place.index[keep], middle, np.where(marked, _MARKED_WEIGHT, 1.0), place, width)


def _chroma_sums(
    planes: _Planes, place: Footprint, width: int, own: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The sums of :func:`_fit` for Cb and Cr, shape (2, 2, rings, 2)."""
    step = planes.step
    window, index = place.chroma(step)
    visible = own[place.top % step :: step, place.left % step :: step]
    keep = (index >= 0) & (index % place.span != 0) & visible
    fits = []
    for plane in (planes.cb, planes.cr):
        values = plane[window][keep].view(np.int8).astype(np.float64)
        fits.append(_fit(index[keep], values, None, place, width))
    return np.stack(fits)


def _ratio(sums: NDArray[np.float64]) -> float:
    """Peak from a pair of sums; 0 without pixels."""
    return float(sums[0] / sums[1]) if sums[1] > 0 else 0.0


def _byte(share: float) -> int:
    return min(max(round(share * FULL), 0), FULL)


def _value(sums: NDArray[np.float64]) -> int:
    """Value byte of a ring's brightness."""
    return _byte((_ratio(sums) - PEAK_LOW) / (PEAK_HIGH - PEAK_LOW))


def _polar_of(sums: NDArray[np.float64]) -> tuple[int, int]:
    """Hue and certainty bytes of a ring's chroma sums, shape (2, 2)."""
    cb, cr = _ratio(sums[0]), _ratio(sums[1])
    hue = round(math.atan2(cr, cb) * 128 / math.pi) & 255
    return hue, _byte(math.hypot(cb, cr) / SATURATION)


def _readings(
    luma: NDArray[np.float64], chroma: NDArray[np.float64], drawn: Sequence[Rings]
) -> Readings | None:
    """Bytes from the sums of the rings drawn; None if one of them shows too few pixels.

    What a ring that is not drawn would show is unknown.
    """
    whole, whole_chroma = luma.sum(axis=0), chroma.sum(axis=1)
    # Sums of gain squared run from half to the full number of pixels.
    if whole[:, 1].min() < _LEAST_PIXELS / 2 or whole_chroma[0, :, 1].min() < 1:
        return None
    found = Readings()
    for k, ring in enumerate(drawn):
        if ring is Rings.VELOCITY:
            halves = [_motion(luma[half, k], chroma[:, half, k]) for half in (0, 1)]
            # If one half is hidden, the other stands for both.
            ahead, behind = halves[0] or halves[1], halves[1] or halves[0]
            if ahead is None or behind is None:
                return None
            is_one = ahead[1] == behind[1]
            found = replace(
                found,
                past_speed=behind[0],
                past_heading=behind[1],
                future_speed=ahead[0],
                future_heading=ahead[1],
                motion=_polar_of(whole_chroma[:, k])[1] if is_one else (ahead[2] + behind[2] + 1) // 2,
            )
        else:
            value, certainty = _value(whole[k]), _polar_of(whole_chroma[:, k])[1]
            if ring is Rings.TEMPERATURE:
                found = replace(found, temperature=value, temperature_certainty=certainty)
            else:
                found = replace(found, density=value, density_certainty=certainty)
    return found


def _motion(luma: NDArray[np.float64], chroma: NDArray[np.float64]) -> tuple[int, int, int] | None:
    """Speed, heading and certainty bytes of one half of the inner ring; None if it is hidden."""
    if luma[1] < _LEAST_PIXELS / 2 or chroma[0, 1] < 1:
        return None
    heading, certainty = _polar_of(chroma)
    return _value(luma), heading, certainty
