"""Difference between stego frames of version 1 and their covers, and the size of the files.

``python benchmarks/fidelity.py CLIP... [--boxes FILE] [--rate R]``

Every row encodes the whole clip. The table also has plain nibble replacement, and a lossless
transcode of the cover with the same codec. PSNR is over all planes; the shift is the mean change of the
brightness.
"""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from psnr import Comparison

import cssv
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.carriers.nibble.forms import Fidelity
from cssv.carriers.nibble.merge import Merge
from cssv.video import VideoReader, VideoWriter

STYLES: tuple[tuple[Fidelity, Merge], ...] = (("full", "opap"), ("sparse", "opap"), ("full", "plain"))


def compare(clip: Path, stego: Path, rate: Fraction | None) -> Comparison:
    """Compare cover and stego frame by frame."""
    found = Comparison()
    with VideoReader(clip, rate=rate) as cover, VideoReader(stego) as other:
        for before, after in zip(cover, other, strict=True):
            found.add(before, after)
    return found


def lossless_bytes(clip: Path, folder: Path) -> int:
    """Size of the lossless transcode of the cover."""
    path = folder / "plain.mp4"
    path.unlink(missing_ok=True)
    with VideoReader(clip) as reader, VideoWriter(path, reader.info, codec="h264") as writer:
        for frame in reader:
            writer.write(frame)
    return path.stat().st_size


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("--rate", type=Fraction)
    options = parser.parse_args()
    print("| clip | style | PSNR dB | brightness shift | KiB a frame |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip in options.clips:
            frames = 0
            for fidelity, merge in STYLES:
                stego = folder / "x.cssv"
                how = {"carrier": NibbleCarrier(merge, fidelity), "overwrite": True}
                done = cssv.encode(clip, stego, rate=options.rate, boxes=options.boxes, **how)
                frames = done.frames
                found = compare(clip, stego, options.rate)
                size = done.bytes / frames / 1024
                words = f"{found.psnr_db:.2f} | {np.round(found.brightness_shift, 2):+} | {size:.1f}"
                print(f"| {clip.stem} | {fidelity}, {merge} | {words} |", flush=True)
            size = lossless_bytes(clip, folder) / frames / 1024
            print(f"| {clip.stem} | the cover itself, lossless | inf | +0.0 | {size:.1f} |", flush=True)


if __name__ == "__main__":
    main()
