"""Regions of a picture that an encoder codes finer than the rest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from av.video.frame import VideoFrame

from cssv.frames import FINEST, MACROBLOCK_PX, Blocks, Finer
from cssv.video.filters import FilterChain


class RegionMarker:
    """Marks pictures with the regions that are coded finer, by FFmpeg's filter ``addroi``."""

    def __init__(self) -> None:
        self._filters: tuple[tuple[str, str], ...] = ()
        self._chain = FilterChain()

    def mark(self, picture: VideoFrame, finer: Finer) -> VideoFrame:
        """The picture with its regions; the same picture where nothing is finer."""
        filters = tuple(
            ("addroi", f"x={x}:y={y}:w={width}:h={height}:qoffset=-{value}/{FINEST}")
            for value in np.unique(finer[finer > 0]).tolist()
            for x, y, width, height in _rectangles(finer == value)
        )
        if not filters:
            return picture
        # A chain is made once for successive pictures with the same regions.
        if filters != self._filters:
            self._filters, self._chain = filters, FilterChain(*filters)
        return self._chain.apply(picture)


def _rectangles(blocks: Blocks) -> Iterator[tuple[int, int, int, int]]:
    """Rectangles in pixels (x, y, width, height) that cover these macroblocks, each once."""
    # Runs of a row that lie below equal runs make their rectangles taller.
    edges = np.diff(blocks.astype(np.int8), axis=1, prepend=0, append=0)
    tops: dict[tuple[int, int], int] = {}
    for row in range(len(blocks) + 1):
        starts, stops = (np.flatnonzero(edges[row : row + 1] == sign) for sign in (1, -1))
        runs = set(zip(starts.tolist(), stops.tolist(), strict=True))
        for run in [run for run in tops if run not in runs]:
            left, right, top = *run, tops.pop(run)
            corner = left * MACROBLOCK_PX, top * MACROBLOCK_PX
            yield *corner, (right - left) * MACROBLOCK_PX, (row - top) * MACROBLOCK_PX
        for run in runs:
            tops.setdefault(run, row)
