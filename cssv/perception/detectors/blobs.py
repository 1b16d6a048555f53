"""Moving pixels to one blob per object: fragments joined, merged objects split, by expected size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from cssv.perception.detectors.size_prior import SizePrior

I32 = NDArray[np.int32]
#: x, y, width, height, moving pixels.
Part = tuple[float, float, float, float, float]

#: A blob wider or higher than this many objects may be several ...
WIDE, HIGH = 1.4, 1.25
#: ... unless one box holds this share of it.
WHOLE = 0.8
#: ... or all boxes together hold less than this.
EXPLAINED = 0.65
#: Height of the boxes laid over a blob, relative to the expected height.
SNUG = 1.05
#: Share of its box that a silhouette fills; a part with less than this share of a silhouette is dropped.
FILL = 0.55
SMALLEST_PART = 0.25
#: If no size is expected, a blob is part of another if this share of it lies within the other's box. The box
#: is enlarged by this share of its size, because large objects break into the most fragments.
NESTED = 0.6
NEAR = 0.15
#: Largest number of boxes laid over one blob.
MOST_PARTS = 24
#: A box is moved and stretched to cover the most pixels, less two costs. CUT: for each pixel of height at
#: which an edge cuts through the blob, this share of the expected width. LOOSE: for each pixel by which its
#: width differs from the expected one, this share of the expected height.
CUT = 1.6
LOOSE = 0.3


def find_blobs(mask: U8) -> I32:
    """Find connected moving pixels: int32 (n, 5): x, y, w, h and the number of moving pixels in that box.

    Contour tracing takes a tenth of the time of labelling all pixels.
    """
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for outline in outlines:
        x, y, w, h = cv2.boundingRect(outline)
        found.append((x, y, w, h, cv2.countNonZero(mask[y : y + h, x : x + w])))
    return np.array(found, dtype=np.int32).reshape(-1, 5)


def join_fragments(blobs: I32, prior: SizePrior) -> I32:
    """Join blobs above one another that are together no larger than an object at that place.

    Args:
        blobs: int32 (n, 5): x, y, w, h, area.
        prior: the expected sizes.
    """
    # From the lowest up: the lower edge, which decides the expected size, is then final.
    rows = [blob.tolist() for blob in blobs[np.argsort(-(blobs[:, 1] + blobs[:, 3]))]]
    k = 0
    while k < len(rows):
        x, y, w, h, area = rows[k]
        expected = prior(y + h)
        for other in rows[k + 1 :] if expected else ():
            left, right = max(x, other[0]), min(x + w, other[0] + other[2])
            low_x, low_y = min(x, other[0]), min(y, other[1])
            width = max(x + w, other[0] + other[2]) - low_x
            together = y + h - low_y
            # A silhouette breaks across, at clothes like the background, so its parts lie above one another.
            fits = expected and width <= 1.3 * expected[0] and together <= 1.15 * expected[1]
            if fits and right - left >= 0.4 * min(w, other[2]):
                rows[k] = [low_x, low_y, width, together, area + other[4]]
                rows.remove(other)
                break
        else:
            k += 1
    return np.array(rows, dtype=np.int32).reshape(-1, 5)


def join_nested(blobs: I32) -> I32:
    """Join blobs that lie in or beside the boxes of larger ones; used while no size is expected.

    Args:
        blobs: int32 (n, 5): x, y, w, h, area.
    """
    kept: list[list[int]] = []
    for x, y, w, h, area in blobs[np.argsort(-blobs[:, 2] * blobs[:, 3])].tolist():
        for other in kept:
            around = NEAR * (other[2] * other[3]) ** 0.5
            across = min(x + w, other[0] + other[2] + around) - max(x, other[0] - around)
            down = min(y + h, other[1] + other[3] + around) - max(y, other[1] - around)
            if min(across, down) > 0 and across * down >= NESTED * w * h:
                right, bottom = max(x + w, other[0] + other[2]), max(y + h, other[1] + other[3])
                left, top = min(x, other[0]), min(y, other[1])
                other[:] = left, top, right - left, bottom - top, other[4] + area
                break
        else:
            kept.append([x, y, w, h, area])
    return np.array(kept, dtype=np.int32).reshape(-1, 5)


def split_blob(mask: U8, blob: I32, prior: SizePrior) -> list[Part]:
    """Split a blob that is wider or higher than one object into objects: (x, y, w, h, area) each.

    Boxes of the expected size are laid over the blob from the nearest object up, each where it covers the
    most pixels. An object partly hidden by a nearer one gets its whole height, from the row of its upper
    edge.
    """
    x, y, w, h, area = blob.tolist()
    expected = prior(y + h)
    if expected is None or (w < WIDE * expected[0] and h < HIGH * expected[1]):
        return [(x, y, w, h, area)]
    left = (mask[y : y + h, x : x + w] > 0).astype(np.uint8)
    parts: list[Part] = []
    hidden = np.zeros_like(left)
    for _ in range(MOST_PARTS):
        size = _foot(left, y, prior)
        if size is None:
            break
        window, person = _window(left, *size)
        inside = left[window]
        # Fewer pixels are a rest of another object; they are removed from the blob in any case.
        seen = int(np.count_nonzero(inside))
        if seen >= SMALLEST_PART * person:
            parts.append(_part(inside, window, hidden, (x, y), prior))
        hidden[window] = 1
        left[window] = 0
    # A single part with nearly all pixels is the blob itself, with its arms. Parts with few of the pixels do
    # not explain the blob, so the expected size does not apply to it.
    held = sum(part[4] for part in parts)
    if held < EXPLAINED * area or (len(parts) == 1 and held >= WHOLE * area):
        return [(x, y, w, h, area)]
    return parts


def _foot(left: U8, y: int, prior: SizePrior) -> tuple[int, int, int] | None:
    """Lowest row of the remaining pixels, and the expected width and height of an object there."""
    rows = np.flatnonzero(left.any(axis=1))
    if not len(rows):
        return None
    bottom = int(rows[-1]) + 1
    expected = prior(y + bottom)
    if expected is None:
        return None
    return bottom, max(round(expected[0]), 2), max(round(SNUG * expected[1]), 2)


def _window(left: U8, bottom: int, width: int, height: int) -> tuple[tuple[slice, slice], float]:
    """Place a box on ``bottom`` where it covers the most pixels; also the pixels of a silhouette."""
    top = max(bottom - height, 0)
    feet = np.flatnonzero(left[max(bottom - max(height // 8, 1), top) : bottom].any(axis=0))
    columns = np.count_nonzero(left[top:bottom], axis=0)
    total = np.concatenate([[0], np.cumsum(columns)])
    edge = np.concatenate([[0], np.minimum(columns[1:], columns[:-1]), [0]])
    middle, end = int(np.median(feet)), left.shape[1]
    starts = np.arange(max(middle - round(1.35 * width), 0), middle + 1)[:, None]
    widths = np.arange(round(0.7 * width), round(1.35 * width) + 1)[None]
    ends = np.minimum(starts + widths, end)
    worth = total[ends] - total[starts] - CUT * width * (edge[starts] + edge[ends])
    worth = worth - LOOSE * height * np.abs(widths - width)
    # The box must contain the feet, else it would move to a larger object beside them.
    worth[ends <= middle] = -np.inf
    k, j = np.unravel_index(int(worth.argmax()), worth.shape)
    window = slice(top, bottom), slice(int(starts[k, 0]), int(ends[k, j]))
    return window, FILL * width * height


def _part(
    inside: U8, window: tuple[slice, slice], hidden: U8, corner: tuple[int, int], prior: SizePrior
) -> Part:
    """Box around the pixels in a window, extended down to the feet if a nearer object hides them."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    left, right = window[1].start + int(columns[0]), window[1].start + int(columns[-1]) + 1
    top, bottom = window[0].start + int(rows[0]), window[0].start + int(rows[-1]) + 1
    # Only a part that touches an object already removed can be hidden by it.
    below = hidden[bottom : bottom + 2, left:right]
    if below.size and below.any():
        foot = prior.foot(corner[1] + top)
        bottom = max(bottom, round(foot) - corner[1]) if foot is not None else bottom
    area = int(np.count_nonzero(inside))
    return corner[0] + left, corner[1] + top, right - left, bottom - top, area
