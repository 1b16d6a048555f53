"""Trial of the form ``full`` on a sample of a clip: levels that a byte may be off, and size of the steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from cssv.carriers.nibble.full_planes import FullEmbedder
from cssv.carriers.prepared import ClipSample, CodedSizes, Report
from cssv.frames import U8, Frame, Layout

Grain = Literal["fine", "coarse"]
GRAINS: tuple[Grain, ...] = ("fine", "coarse")
DEFAULT_GRAIN: Grain = "coarse"
#: Levels of pinching: bounds, default, and those that a trial chooses from. With fewer than 8 the nearest
#: byte would not always do. Beyond 10 single pixels speckle, and files become hardly smaller.
REACH_RANGE, DEFAULT_REACH, TRIED_REACHES = (8, 12), 9, (10, 9, 8)
#: Least PSNR over all planes in dB that a trial accepts, if any number of levels reaches it.
LEAST_PSNR_DB = 34.6
#: A fine grain is chosen if a lossless codec needs at most this many times the bytes of a coarse one.
MOST_GROWTH = Fraction(5, 4)
#: Most frames of each part of a sample.
_MOST_FRAMES = 13
#: Frames that share the bytes of one key frame in a file.
_GROUP = 50
#: Empty bits of luma and of chroma for each grain. Red, green and blue planes are alike.
_EMPTY_BITS: dict[Grain, dict[Layout, tuple[int, int]]] = {
    "fine": {"yuv420p": (3, 1), "rgb24": (3, 3)},
    "coarse": {"yuv420p": (4, 2), "rgb24": (4, 4)},
}


def empty_bits(grain: Grain, layout: Layout) -> tuple[int, int]:
    """How many of the lowest bits of luma and of chroma bytes are 0 where no ring is drawn."""
    return _EMPTY_BITS[grain][layout]


@dataclass(frozen=True, slots=True)
class FullTrial:
    """Result of a trial.

    Attributes:
        grain: of the steps.
        reach: levels of pinching.
        psnr_db: over all planes of the sample.
        bytes: estimated size of a frame in a lossless file; 0 if no codec is there to tell.
    """

    grain: Grain
    reach: int
    psnr_db: float
    bytes: Fraction


def choose(sample: ClipSample, reaches: Sequence[int], grains: Sequence[Grain], report: Report) -> FullTrial:
    """The best grain and number of levels for a clip.

    Args:
        sample: of the clip, with at least one frame in its parts.
        reaches: numbers of levels to choose from, falling.
        grains: grains to choose from.
        report: called after each grain.
    """
    parts = [part[:_MOST_FRAMES] for part in sample.parts]
    found: dict[Grain, FullTrial] = {}
    for done, grain in enumerate(grains, start=1):
        found[grain] = _choose_reach(parts, reaches, grain, sample.coded_sizes)
        report(done, len(grains))
    if len(found) < len(GRAINS):
        return found[grains[0]]
    fine, coarse = found["fine"], found["coarse"]
    return fine if fine.bytes and fine.bytes <= MOST_GROWTH * coarse.bytes else coarse


def _choose_reach(
    parts: Sequence[Sequence[Frame]],
    reaches: Sequence[int],
    grain: Grain,
    coded_sizes: CodedSizes | None,
) -> FullTrial:
    """Of one grain the most levels that keep the PSNR, because they give the smallest file."""
    for reach in reaches:
        stegos = [_pinch_all(part, grain, reach) for part in parts]
        psnr_db = _psnr_db(parts, stegos)
        if psnr_db >= LEAST_PSNR_DB or reach == reaches[-1]:
            break
    size = Fraction(0) if coded_sizes is None else _frame_bytes(list(map(coded_sizes, stegos)))
    return FullTrial(grain, reach, psnr_db, size)


def _pinch_all(part: Sequence[Frame], grain: Grain, reach: int) -> list[U8]:
    """Planes of successive frames as if nothing were drawn."""
    stegos: list[U8] = []
    for frame in part:
        embedder = FullEmbedder(frame.layout, empty_bits(grain, frame.layout), reach)
        cover = np.ascontiguousarray(frame.planes)
        nothing = np.zeros((frame.height, frame.width), bool)
        stegos.append(embedder.pinch(cover, np.zeros_like(cover), nothing, stegos[-1] if stegos else None))
    return stegos


def _psnr_db(parts: Sequence[Sequence[Frame]], stegos: Sequence[Sequence[U8]]) -> float:
    """PSNR over all planes of all frames."""
    squares, size = 0, 0
    for part, others in zip(parts, stegos, strict=True):
        for frame, stego in zip(part, others, strict=True):
            difference = frame.planes.astype(np.int32) - stego
            squares += int(np.sum(difference * difference, dtype=np.int64))
            size += stego.size
    return 10 * math.log10(255**2 * size / squares) if squares else math.inf


def _frame_bytes(parts: Sequence[Sequence[int]]) -> Fraction:
    """Mean bytes of a frame from those of parts, of which each begins with a key frame."""
    keys = Fraction(sum(part[0] for part in parts), len(parts))
    others = [size for part in parts for size in part[1:]]
    return keys / _GROUP + Fraction(sum(others), max(len(others), 1)) * Fraction(_GROUP - 1, _GROUP)
