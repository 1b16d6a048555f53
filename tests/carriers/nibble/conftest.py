"""Made-up frames with objects, for the carriers' tests."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import pytest

from cssv.carriers.nibble.mark_record import Miniature
from cssv.carriers.nibble.planes import PlanesEmbedder, extract_planes
from cssv.frames import planes_shape, split_planes
from cssv.template.drawing import Drawing, Outline, Readings, Selector
from cssv.template.outline import pack_radii, superellipse
from cssv.template.render import render
from cssv.testing import pixel_reader


@dataclass(frozen=True)
class Shot:
    """One embedded frame and all that went into it."""

    layout: str
    cover: np.ndarray
    template: np.ndarray
    drawings: list
    miniature: Miniature
    stego: np.ndarray

    @property
    def outlines(self):
        return [drawing.outline for drawing in self.drawings]

    def extract(self, stego=None, origin=None):
        return extract_planes(self.stego if stego is None else stego, self.layout, origin)


class Studio:
    """Makes covers, drawings and stego frames from seeds."""

    def cover(self, rng, layout, width, height):
        kind = rng.integers(0, 3)
        shape = planes_shape(layout, width, height)
        if kind == 0:
            return rng.integers(0, 256, shape, dtype=np.uint8)
        if kind == 1:
            return np.full(shape, rng.integers(0, 256), np.uint8)
        return cv2.GaussianBlur(rng.integers(0, 256, shape, dtype=np.uint8), (0, 0), 3)

    def drawing(self, rng, width, height, track, selector=None, box=None):
        if box is None:
            w, h = (int(v) for v in rng.integers(8, max(min(width, height) // 2, 9), 2))
            box = (int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1)), w, h)
        radii, shift = pack_radii(superellipse(*box[2:]) * rng.uniform(0.7, 1.1, 32))
        selector = Selector(int(rng.integers(0, 3))) if selector is None else selector
        outline = Outline(track, f"o{track}", 200, box, radii, shift, selector, int(rng.integers(0, 256)))
        return Drawing(outline, Readings(*(int(v) for v in rng.integers(0, 256, 9))))

    def miniature(self, width, height):
        return Miniature(
            (0, 200), (-20, 60), (0, 2000), width, height, Fraction(1, 12800),
            450, 61, 17.5, 3, 270, 1012, b"12345678",
        )  # fmt: skip

    def shoot(self, seed, layout="yuv420p", size=(320, 240), objects=3, fidelity="full", merge="opap"):
        rng = np.random.default_rng(seed)
        cover = self.cover(rng, layout, *size)
        drawings = [self.drawing(rng, *size, track) for track in range(objects)]
        luma = split_planes(cover, layout)[0 if layout == "yuv420p" else 1]
        template = render(drawings, luma, layout)
        small = self.miniature(*size)
        carrier = PlanesEmbedder(layout, small.write(), merge, fidelity)
        outlines = [drawing.outline for drawing in drawings]
        stego = carrier.embed(cover, template, outlines, number=seed, pts=512 * seed)
        return Shot(layout, cover, template, drawings, small, stego)

    def crop(self, planes, layout, x, y, width, height):
        """Cut a picture; x, y and the sides even in yuv420p."""
        if layout == "rgb24":
            return np.ascontiguousarray(planes[y : y + height, x : x + width])
        out = np.empty((height * 3 // 2, width), np.uint8)
        for k, (to, frm) in enumerate(
            zip(split_planes(out, layout), split_planes(planes, layout), strict=True)
        ):
            s = 2 if k else 1
            to[...] = frm[y // s : (y + height) // s, x // s : (x + width) // s]
        return out

    def crop_mask(self, mask, x, y, width, height):
        return mask[y : y + height, x : x + width]


@pytest.fixture(scope="session")
def studio():
    return Studio()


@pytest.fixture(scope="session")
def second_reader():
    return pixel_reader
