"""The heat map that is drawn from the payload of a window, before and after a re-encoding.

    python benchmarks/window_heat.py --data DATA [--crf 23] [--seconds 20]

DATA holds ``clips/vtest.avi`` and ``mot15/PETS09-S2L1``: its annotated boxes are the objects. Drawings are
compared in the pixels where one of both is not empty, over all planes; chroma counts as signed numbers. The
last frame of every half second is drawn. "Own outlines" are those that are found in the picture itself,
frame by frame. Outlines of other numbers of cosines than 8 are not in the format.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from payload_windows import Timed, outlines_of, true_windows
from robust_channel import transcode

from cssv.carriers.base import FrameContent
from cssv.carriers.window_payload import payload_window, window_content
from cssv.frames import U8, Frame
from cssv.payload.channels import F64
from cssv.payload.outlines import UNITS
from cssv.payload.window_bytes import read_window
from cssv.payload.window_states import window_states
from cssv.scene import Scene
from cssv.template.drawing import Outline, OutlineKey
from cssv.template.outline import pack_radii, superellipse
from cssv.template.render import render
from cssv.video import VideoReader

#: Rate of vtest.avi, which its header does not tell.
RATE = Fraction(7)
#: Frames between two drawings.
STEP = 3


@dataclass
class Score:
    """Differences of drawings.

    Attributes:
        squares: sum of the squared differences.
        count: compared bytes.
        equal: bytes that are equal.
    """

    squares: float = 0.0
    count: int = 0
    equal: int = 0

    def add(self, one: U8, other: U8, height: int) -> None:
        """Compare two templates whose first plane has this height."""
        support = (one != 0) | (other != 0)
        first, second = (_signed(each, height)[support] for each in (one, other))
        self.squares += float(((first - second) ** 2).sum())
        self.count += int(support.sum())
        self.equal += int((first == second).sum())

    @property
    def db(self) -> float:
        """PSNR; infinite if all is equal."""
        return 10 * math.log10(255**2 * self.count / self.squares) if self.squares else math.inf


def _signed(template: U8, height: int) -> F64:
    values = template.astype(np.float64)
    values[height:] = template[height:].view(np.int8)
    return values


@dataclass
class Scores:
    """Scores by row of the table."""

    rows: dict[str, Score] = field(default_factory=dict)

    def add(self, row: str, one: U8, other: U8, height: int) -> None:
        """Compare two templates for a row."""
        self.rows.setdefault(row, Score()).add(one, other, height)


def heat(content: FrameContent, frame: Frame, outlines: Mapping[OutlineKey, Outline] | None = None) -> U8:
    """The template of a frame, in its own outlines if none are known."""
    return render(content.draw(frame, outlines), frame.luma(), frame.layout)


def rings(content: FrameContent, frame: Frame) -> U8:
    """The template of a frame without its edges."""
    luma = frame.luma()
    return render(content.draw(frame), luma, frame.layout, np.zeros_like(luma))


def plain(content: FrameContent) -> dict[OutlineKey, Outline]:
    """Outlines that are told by the box alone."""
    return with_cosines(
        content, dict.fromkeys((track for track, _ in content.outlines), np.full(32, 15 / 16)), 1
    )


def with_cosines(
    content: FrameContent, shares: Mapping[int, F64], count: int | None
) -> dict[OutlineKey, Outline]:
    """The outlines of a content with so many cosines of these shares; None takes the shares themselves."""
    angles = np.pi * (2 * np.arange(32) + 1) / 64
    found = {}
    for (track, box), outline in content.outlines.items():
        share = shares[track]
        if count is not None:
            cosines = np.cos(np.arange(count)[:, None] * angles)
            share = np.rint(np.linalg.lstsq(cosines.T, share, rcond=None)[0] * UNITS) / UNITS @ cosines
        radii, shift = pack_radii(np.asarray(share * superellipse(*box[2:]), np.int64))
        found[track, box] = replace(outline, radii=radii, shift=shift)
    return found


def measure(timed: Timed, covers: list[Frame], received: list[Frame], scores: Scores) -> None:
    """Draw some frames of a window in all ways."""
    given = [
        FrameContent(timed.number + at, pts, timed.time_base, timed.objects[at], timed.ranges, Scene())
        for at, pts in enumerate(timed.pts)
    ]
    shares = [outlines_of(cover, content.objects) for cover, content in zip(covers, given, strict=True)]
    window = read_window(payload_window(given, 0, timed.size, outlines=shares).data)
    frames = window_states(window)
    mean = _means(shares)
    for at in range(STEP - 1, len(covers), STEP):
        content = window_content(window, at, frames[at], Scene())
        cover, other = covers[at], received[at]
        drawn, own = heat(content, cover), heat(given[at], cover)
        add = partial(scores.add, height=timed.size[1])
        add(
            "drawn from the payload, rings alone / the same",
            *(rings(content, each) for each in (cover, other)),
        )
        add("drawn from the payload / the same in the received picture", drawn, heat(content, other))
        add("drawn from the payload / received, own outlines", drawn, heat(content, other, {}))
        add("own outlines / received, own outlines", own, heat(given[at], other))
        add("own outlines / payload's boxes, own outlines", own, heat(content, cover, {}))
        add("own outlines / drawn from the payload (8 cosines a window)", own, drawn)
        for count in (4, 12, None):
            row = f"own outlines / payload's boxes, {count or 'all'} cosines a window"
            add(row, own, heat(content, cover, with_cosines(content, mean, count)))
        add("own outlines / payload's boxes, plain outlines", own, heat(content, cover, plain(content)))


def _means(shares: list[dict[int, F64]]) -> dict[int, F64]:
    """The mean shares of each track."""
    tracks = {track for frame in shares for track in frame}
    return {track: np.mean([frame[track] for frame in shares if track in frame], axis=0) for track in tracks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--crf", type=int, default=23)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    windows = true_windows(options.data / "mot15" / "PETS09-S2L1")
    with VideoReader(options.data / "clips" / "vtest.avi", rate=RATE) as reader:
        covers = list(islice(reader, int(options.seconds * RATE)))
    planes, _ = transcode([cover.planes for cover in covers], options.crf, RATE)
    received = [Frame(each, "yuv420p", 0, 1 / RATE) for each in planes]
    scores = Scores()
    for timed in windows:
        span = slice(timed.number, timed.number + len(timed.pts))
        if span.stop <= len(covers):
            measure(timed, covers[span], received[span], scores)
    print("| drawing / compared with it | PSNR, dB | equal bytes |\n|---|---|---|")
    for row, score in scores.rows.items():
        print(f"| {row} | {score.db:.1f} | {score.equal / score.count:.1%} |")


if __name__ == "__main__":
    main()
