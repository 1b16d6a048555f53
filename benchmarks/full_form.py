"""The form in which every byte carries, version 2 of the pixels beside version 1; and the effort of coding.

    python benchmarks/full_form.py CLIP... [--boxes FILE] [--frames 100]

Objects are found once a clip. PSNR is over all planes of the whole frames, and over R, G and B where nothing
is drawn; the colour difference is the median of CIEDE2000 there. Jumps are luma bytes that change by 12
levels or more from one frame to the next, of those whose cover changes by 2 at most. Coding is lossless
H.264; effort "-" stands for files of older versions of this package, with a key frame every 2 s. Times are
processor time of the coding alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psnr import Comparison

import cssv
from cssv.carriers.base import AnyCarrier, FrameContent
from cssv.carriers.drawn_rings import rings_for
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.carriers.nibble.full import FullCarrier
from cssv.carriers.prepared import ClipSample
from cssv.carriers.windows import group_frames, window_codec
from cssv.frames import Frame
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.known_rings import known_rings
from cssv.pipeline.preparation import USUAL, sample_clip
from cssv.scene import Scene
from cssv.video import Effort, FrameEncoder, VideoInfo, VideoReader
from cssv.view.picture_difference import PictureDifference, undrawn_pixels

#: What is compared; the efforts that each row is coded with.
ROWS: tuple[tuple[str, AnyCarrier, tuple[Effort | None, ...]], ...] = (
    ("version 1", NibbleCarrier(), (None, "fast", "small")),
    ("full, by trial", FullCarrier(), ("fast", "small")),
    ("full, coarse, 8", FullCarrier(8, "coarse"), ("fast",)),
    ("full, coarse, 10", FullCarrier(10, "coarse"), ("fast",)),
    ("full, coarse, 12", FullCarrier(12, "coarse"), ("fast",)),
    ("full, fine, 8", FullCarrier(8, "fine"), ("fast",)),
    ("full, fine, 10", FullCarrier(10, "fine"), ("fast",)),
    ("full, fine, 12", FullCarrier(12, "fine"), ("fast",)),
)
#: Change of a still byte, and of one that jumps, in levels.
STILL, JUMP = 2, 12


@dataclass(frozen=True)
class Clip:
    """Frames of a clip, a sample of the whole clip, what is hidden in each frame, where nothing is drawn."""

    info: VideoInfo
    sample: ClipSample
    covers: Sequence[Frame]
    contents: Sequence[FrameContent]
    undrawn: Sequence[NDArray[np.bool_]]


def read_clip(path: Path, boxes: Path | None, frames: int) -> Clip:
    """Find the objects of a clip, and read its frames."""
    with VideoReader(path) as reader:
        info, covers = reader.info, list(islice(reader, frames))
    stop = covers[-1].time + 1 / info.rate / 2
    with tempfile.TemporaryDirectory() as folder:
        done = cssv.encode(path, Path(folder, "x.cssv"), boxes=boxes, stop=stop, carrier="full")
        with cssv.open(done.path) as clip:
            objects = [moment.states for moment in clip]
    contents = [
        FrameContent(cover.number, cover.pts, cover.time_base, tuple(own), done.ranges, Scene())
        for cover, own in zip(covers, objects, strict=True)
    ]
    # Version 1 draws all rings, so its drawings cover those of the others.
    undrawn = [
        undrawn_pixels([drawn.outline for drawn in own.draw(cover)], cover.width, cover.height)
        for cover, own in zip(covers, contents, strict=True)
    ]
    sample = sample_clip(ClipPlan.open(path), Scene(), FullCarrier().sample_s)
    return Clip(info, sample, covers, contents, undrawn)


def embed(clip: Clip, carrier: AnyCarrier) -> list[Frame]:
    """The stego frames."""
    first, codec = clip.covers[0], window_codec(carrier)
    rings = rings_for(carrier, known_rings(Scene()))
    contents = [
        FrameContent(own.number, own.pts, own.time_base, own.objects, own.ranges, own.scene, rings=rings)
        for own in clip.contents
    ]
    span = codec.span(first.layout, first.width, first.height)
    stegos: list[Frame] = []
    for number, window in enumerate(group_frames([cover.time for cover in clip.covers], span)):
        part = slice(window.start, window.stop)
        done = codec.embed_window(clip.covers[part], contents[part], number)
        stegos += [each.stego for each in done]
    return stegos


def code(clip: Clip, stegos: Sequence[Frame], effort: Effort | None) -> tuple[float, float]:
    """KiB and milliseconds of a frame."""
    start, size = time.process_time(), 0
    with FrameEncoder(clip.info, effort=effort, threads=1) as encoder:
        for stego in stegos:
            size += sum(len(packet.data) for packet in encoder.encode(stego))
        size += sum(len(packet.data) for packet in encoder.flush())
    return size / 1024 / len(stegos), 1000 * (time.process_time() - start) / len(stegos)


def jumps(covers: Sequence[Frame], stegos: Sequence[Frame]) -> float:
    """Share of still bytes that jump."""
    still = jumping = 0
    pairs = zip(pairwise(covers), pairwise(stegos), strict=True)
    for (cover, next_cover), (stego, next_stego) in pairs:
        is_still = np.abs(cover.luma().astype(np.int16) - next_cover.luma()) <= STILL
        change = np.abs(stego.luma().astype(np.int16) - next_stego.luma())
        still += int(is_still.sum())
        jumping += int((change[is_still] >= JUMP).sum())
    return jumping / max(still, 1)


def describe(carrier: AnyCarrier) -> str:
    """Options of a carrier."""
    return ", ".join(carrier.options().values())


def rows(name: str, clip: Clip) -> Iterator[str]:
    """Rows of the table for a clip."""
    for title, stated, efforts in ROWS:
        carrier = stated.prepared(clip.sample, USUAL) if isinstance(stated, FullCarrier) else stated
        stegos = embed(clip, carrier)
        planes, beside = Comparison(), PictureDifference()
        for cover, stego, counted in zip(clip.covers, stegos, clip.undrawn, strict=True):
            planes.add(cover, stego)
            beside.add(cover, stego, counted)
        shown = f"{title} ({describe(carrier)})" if title.endswith("trial") else title
        still = f"{100 * jumps(clip.covers, stegos):.2f}"
        look = f"{planes.psnr_db:.2f} | {beside.psnr_db:.2f} | {beside.median_de:.2f} | {still}"
        for effort in efforts:
            size, cost = code(clip, stegos, effort)
            yield f"| {name} | {shown} | {effort or '-'} | {size:.1f} | {cost:.1f} | {look} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("--frames", type=int, default=100)
    options = parser.parse_args()
    print("| clip | form | effort | KiB a frame | ms a frame | PSNR dB | beside, RGB | ΔE | jumps, % |")
    print("|---|---|---|---|---|---|---|---|---|")
    for path in options.clips:
        for row in rows(path.stem, read_clip(path, options.boxes, options.frames)):
            print(row, flush=True)


if __name__ == "__main__":
    main()
