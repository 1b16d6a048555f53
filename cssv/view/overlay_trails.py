"""Trails of objects in an overlay: the last seconds of their paths, fading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cssv.frames import U8
from cssv.view.track_colours import Rgb, track_colour

#: Length of a trail in seconds.
TRAIL_S = 2.0
#: A track that is missing for longer than this leaves a gap in its trail, in seconds.
GAP_S = 0.5
#: Share of a trail's colour at its newest end.
_STRENGTH = 0.9
#: Bits of the fraction of a pixel in coordinates given to OpenCV, and the largest of them.
_SHIFT, _FAR_PX = 4, 1 << 14


@dataclass(frozen=True, slots=True)
class Trail:
    """The last places of the foot of an object.

    Attributes:
        track: identity of the object.
        points: x, y in pixels and age in seconds of each place, the oldest first.
    """

    track: int
    points: tuple[tuple[float, float, float], ...]


def draw_trails(picture: U8, trails: Sequence[Trail], thickness_px: int) -> None:
    """Draw trails into an RGB picture, older places fainter."""
    for trail in trails:
        _draw_trail(picture, trail, thickness_px)


def _draw_trail(picture: U8, trail: Trail, thickness_px: int) -> None:
    if len(trail.points) < 2:
        return
    height, width = picture.shape[:2]
    points = np.clip(np.array(trail.points), -_FAR_PX, _FAR_PX)
    margin = thickness_px + 2
    low = np.maximum(np.floor(points[:, :2].min(axis=0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(points[:, :2].max(axis=0)).astype(int) + margin + 1, (width, height))
    if (high <= low).any():
        return
    place = picture[low[1] : high[1], low[0] : high[0]]
    fixed = np.rint((points[:, :2] - low) * (1 << _SHIFT)).astype(int).tolist()
    ages = points[:, 2].tolist()
    edge, line = (np.zeros(place.shape[:2], np.uint8) for _ in range(2))
    for at in range(1, len(fixed)):
        if ages[at - 1] - ages[at] > GAP_S:
            continue
        share = max(1 - ages[at] / TRAIL_S, 0.0) * _STRENGTH
        start, end = fixed[at - 1 : at + 1]
        cv2.line(line, start, end, round(255 * share), thickness_px, cv2.LINE_AA, _SHIFT)
        # A dark edge keeps the line visible on a ground of its own colour.
        cv2.line(edge, start, end, round(110 * share), thickness_px + 2, cv2.LINE_AA, _SHIFT)
    blend_colour(place, edge, (0, 0, 0))
    blend_colour(place, line, track_colour(trail.track))


def blend_colour(place: U8, share: U8, colour: Rgb) -> None:
    """Blend a colour into a part of a picture, by (H, W) uint8 shares, 255 for the colour alone."""
    weight = cv2.merge([share] * 3)
    kept = cv2.multiply(place, 255 - weight, scale=1 / 255)
    tinted = cv2.multiply(weight, np.array([*colour, 0], np.float64), scale=1 / 255)
    np.copyto(place, cv2.add(kept, tinted))
