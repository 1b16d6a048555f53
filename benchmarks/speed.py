"""Time of encoding against a plain lossless transcode, and of decoding against plain decoding, in one run.

``python benchmarks/speed.py CLIP [--boxes FILE] [--rate R] [--frames N] [--repeats K] [--carrier NAME]
[--workers N]``

Every row is the fastest of K repeats. The repeats of all rows are interleaved, so that a busy machine slows
all rows equally. The transcode uses the reader, codec, settings and threads of CSSV, without CSSV. CSSV's
encode includes perception, both passes, and reading back what was coded.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cssv
from cssv.video import Span, VideoReader, VideoWriter

#: Bounds on the ratio: encoding with boxes and with the motion detector, decoding the heat map.
BOUNDS = {"encode, boxes given": 3.0, "encode, motion detector": 5.0, "decode the heat map": 2.0}


def stop_of(clip: Path, rate: Fraction | None, frames: int | None) -> Fraction | None:
    """Time of the first frame that is left out."""
    if frames is None:
        return None
    with VideoReader(clip, rate=rate) as reader:
        stamps = reader.timestamps()
        return stamps[frames] * reader.info.time_base if frames < len(stamps) else None


def transcode(clip: Path, output: Path, rate: Fraction | None, stop: Fraction | None) -> int:
    """Decode and encode losslessly, nothing else."""
    with VideoReader(clip, rate=rate, span=Span(stop=stop)) as reader:
        writer = VideoWriter(output, reader.info, codec="h264", overwrite=True)
        count = 0
        with writer:
            for frame in reader:
                writer.write(frame)
                count += 1
    return count


def plain_decode(path: Path) -> None:
    """Decode every frame to planes."""
    with VideoReader(path) as reader:
        for _ in reader:
            pass


def heat_decode(path: Path) -> None:
    """Decode every frame, check its checksum and marks, and extract its heat map."""
    with cssv.Decoder(path) as decoder:
        for moment in decoder:
            assert moment.heat is not None


def fastest(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of the fastest of interleaved repeats of each job."""
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(repeats):
        for name, job in jobs.items():
            begin = time.perf_counter()
            job()
            best[name] = min(best[name], time.perf_counter() - begin)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("--rate", type=Fraction)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--carrier", choices=tuple(cssv.CARRIERS), default="nibble")
    parser.add_argument("--workers", type=int, default=1, help="processes of each encode; 0: one per core")
    options = parser.parse_args()
    clip, rate, carrier = options.clip, options.rate, options.carrier
    # Beside a lossless transcode.
    how = {"carrier": carrier, "lossless": carrier == "nibble", "overwrite": True}
    how["workers"] = options.workers or None
    stop = stop_of(clip, rate, options.frames)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, stego = folder / "plain.mp4", folder / "stego.cssv"
        frames = transcode(clip, plain, rate, stop)
        jobs: dict[str, Callable[[], object]] = {
            "plain lossless transcode": lambda: transcode(clip, plain, rate, stop),
            "encode, motion detector": lambda: cssv.encode(
                clip, folder / "m.cssv", rate=rate, stop=stop, **how
            ),
        }
        if options.boxes:
            jobs["encode, boxes given"] = lambda: cssv.encode(
                clip, stego, rate=rate, stop=stop, boxes=options.boxes, **how
            )
        else:
            stego = folder / "m.cssv"
        best = fastest(jobs, options.repeats)
        best |= fastest(
            {
                "plain decode of the same file": lambda: plain_decode(stego),
                "decode the heat map": lambda: heat_decode(stego),
                "decode the heat map into FFV1": lambda: cssv.decode(
                    stego, folder / "heat.mkv", overwrite=True
                ),
            },
            options.repeats,
        )
        report(best, frames, plain.stat().st_size, stego.stat().st_size)


def report(best: dict[str, float], frames: int, plain_bytes: int, stego_bytes: int) -> None:
    """Print the table."""
    plain, stego = (f"{size / frames / 1024:.1f} KiB a frame" for size in (plain_bytes, stego_bytes))
    print(f"{frames} frames; plain {plain}, stego {stego}")
    print("| what | ms a frame | ratio | bound |\n|---|---|---|---|")
    base = ""
    for name, seconds in best.items():
        if name.startswith("plain"):
            base = name
        ratio, bound = seconds / best[base], BOUNDS.get(name)
        print(f"| {name} | {1e3 * seconds / frames:.2f} | {ratio:.2f} | {f'<= {bound:g}' if bound else ''} |")


if __name__ == "__main__":
    main()
