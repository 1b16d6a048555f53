"""Carriers and rivals side by side: what they hide, what it costs, and what comes back from copies.

    python benchmarks/carriers.py CLIP... [--size WxH] [--rate R] [--boxes FILE] [--seconds S] [--only TEXT]

All rows get the same frames and the same objects: tracked boxes of the ``motion`` detector, or of a box file,
with temperature and density. PSNR is over all planes. "Video" is the size of the lossless H.264 stream
against that of the cover; the scene track of a ``.cssv`` is not part of it. Times are processor time of
embedding and extracting, without codec.

The other columns are copies made by ffmpeg, and the share of their frames that come back whole. Of CSSV a
frame is whole if its heat map is equal byte for byte, and in a crop if every object of the frame is listed,
also those outside the crop. Of the rivals a frame is whole if its message is right in every bit. A crop has
160x160 pixels and 4 s, at random places and times. In crops and trims the frames are counted whose window of
2 s is held completely. Slow rivals get the first ``--rival-frames`` frames only, and are compared with these.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from psnr import Comparison
from rivals.hiders import Answer, Hider, Source, all_hiders
from scaling import scale

from cssv.carriers import make_carrier
from cssv.carriers.base import FrameContent
from cssv.frames import Frame
from cssv.perception import BoxesDetector, Tracks, detector
from cssv.perception.offline import perceive, track_boxes
from cssv.pipeline.annotate import TrackAnnotator
from cssv.scene import Scene
from cssv.scene.ranges import default_ranges
from cssv.video import VideoInfo, VideoReader, VideoWriter

#: Side and seconds of a crop.
CROP_PX, CROP_S = 160, 4
#: Attributes of all objects, so that everything there is gets hidden.
SCENE = {
    "cssv_scene": 1,
    "objects": [
        {
            "match": {"label": "*"},
            "temperature_c": {"value": 36.6, "sigma": 0.5},
            "density_kg_m3": {"value": 985, "sigma": 20},
        }
    ],
}
COPIES = ("remux", "FFV1", "trim", "crop", "x264 CRF 23")


def load(
    clip: Path, seconds: float, size: tuple[int, int] | None, rate: Fraction | None, boxes: Path | None
) -> Source:
    """The first frames of a clip, perhaps scaled, and their contents."""
    with VideoReader(clip, rate=rate) as reader:
        found = reader.info.rate
        frames = [scale(frame, size) for frame in islice(reader, max(1, int(seconds * found)))]
    first = frames[0]
    if boxes is None:
        tracks = perceive(iter(frames), detector("motion"))
    else:
        times = [frame.time for frame in frames]
        tracks = track_boxes(BoxesDetector(boxes), times, size=(first.width, first.height))
    return Source(clip.stem, frames, contents_of(frames, tracks), found)


def contents_of(frames: Sequence[Frame], tracks: Tracks) -> list[FrameContent]:
    """What is to be hidden in each frame, as ``cssv encode`` would."""
    scene = Scene.from_json(SCENE)
    annotator = TrackAnnotator(scene, tracks)
    ranges = default_ranges(scene, annotator.fastest_px_s())
    return [
        FrameContent(
            frame.number,
            frame.pts,
            frame.time_base,
            annotator.annotate(frame.number, frame.time).objects,
            ranges,
            scene,
        )
        for frame in frames
    ]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a stego file.

    Attributes:
        name: of its column.
        path: the file.
        first: number of the frame that it begins with.
        judged: numbers of the frames that are counted.
    """

    name: str
    path: Path
    first: int
    judged: Sequence[int]

    def share(self, truth: Sequence[Answer], found: Sequence[Answer | None]) -> float:
        """Share of the frames counted that came back whole."""
        whole = 0
        for number in self.judged:
            place = number - self.first
            answer = found[place] if place < len(found) else None
            if answer is not None:
                wanted = truth[number]
                whole += answer.lists(wanted) if self.name == "crop" else answer.content == wanted.content
        return whole / len(self.judged)


def make_copies(stego: Path, source: Source, folder: Path, crops: int) -> Iterator[Copy]:
    """Make the copies of a stego file, one after the other; of crops several."""
    count = len(source.frames)
    cut = count // 5
    everything = range(count)
    yield Copy("remux", ffmpeg(stego, folder / "remux.mkv", "-c", "copy"), 0, everything)
    yield Copy("FFV1", ffmpeg(stego, folder / "ffv1.mkv", "-c:v", "ffv1"), 0, everything)
    # From a window that is cut on, heat maps come back with the next whole window.
    judged = _whole_windows(source, cut, count)
    lossless = ("-c:v", "libx264", "-qp", "0", "-preset", "ultrafast")
    trimmed = ffmpeg(stego, folder / "trim.mp4", "-vf", _trim(cut, count), *lossless)
    yield Copy("trim", trimmed, cut, judged)
    rng = np.random.default_rng(0)
    yield from (_crop(stego, source, folder, rng) for _ in range(crops))
    lossy = ffmpeg(stego, folder / "lossy.mp4", "-c:v", "libx264", "-crf", "23")
    yield Copy("x264 CRF 23", lossy, 0, everything)


def _crop(stego: Path, source: Source, folder: Path, rng: np.random.Generator) -> Copy:
    """A crop at a random place and time."""
    count, first = len(source.frames), source.frames[0]
    length = min(count, int(CROP_S * source.rate))
    begin = int(rng.integers(0, count - length + 1))
    left, top = (2 * int(rng.integers(0, (side - CROP_PX) // 2 + 1)) for side in (first.width, first.height))
    filters = f"{_trim(begin, begin + length)},crop={CROP_PX}:{CROP_PX}:{left}:{top}:exact=1"
    path = ffmpeg(stego, folder / "crop.mkv", "-vf", filters, "-c:v", "ffv1")
    return Copy("crop", path, begin, _whole_windows(source, begin, begin + length))


def _trim(first: int, stop: int) -> str:
    return f"trim=start_frame={first}:end_frame={stop},setpts=PTS-STARTPTS"


def _whole_windows(source: Source, first: int, stop: int) -> list[int]:
    """Frames of the windows that lie completely between two frames; all frames if there is no such window."""
    windows = source.windows(make_carrier("constructive", {}))
    # The last window of an excerpt may be shorter than those before.
    found = [n for window in windows if first <= window.start and window.stop <= stop for n in window]
    return found or list(range(first, stop))


def ffmpeg(source: Path, output: Path, *options: str) -> Path:
    """Convert a file by the program."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source), "-map", "0:v", "-an", *options]
    subprocess.run([*command, "-threads", "1", str(output)], check=True)
    return output


def write_lossless(frames: Sequence[Frame], source: Source, path: Path) -> int:
    """Write frames as lossless H.264; returns the bytes of the stream."""
    first = frames[0]
    info = VideoInfo(first.width, first.height, first.layout, first.time_base, source.rate)
    path.unlink(missing_ok=True)
    with VideoWriter(path, info, codec="h264") as writer:
        for frame in frames:
            writer.write(frame)
    with av.open(str(path)) as file:
        return sum(packet.size for packet in file.demux(video=0))


def measure(hider: Hider, whole: Source, folder: Path, crops: int) -> str:
    """One row of the table."""
    source = whole.part(hider.most_frames)
    count = len(source.frames)
    began = time.process_time()
    stegos = hider.hide(source)
    embedded = time.process_time()
    recovered = hider.recover(stegos)
    extracted = time.process_time()
    difference = Comparison()
    for cover, stego in zip(source.frames, stegos, strict=True):
        difference.add(cover, stego)
    truth = hider.truth(source, recovered)
    before = write_lossless(source.frames, source, folder / "cover.mp4")
    after = write_lossless(stegos, source, folder / "stego.mp4")
    shares: dict[str, list[float]] = {name: [] for name in COPIES}
    for copy in make_copies(folder / "stego.mp4", source, folder, crops):
        shares[copy.name].append(copy.share(truth, hider.recover_file(copy.path)))
    cells = [
        f"{hider.name}{f' ({count} frames)' if hider.most_frames else ''}",
        hider.amount(source),
        f"{difference.psnr_db:.1f}",
        f"{100 * after / before - 100:+.2f} %",
        f"{1000 * (embedded - began) / count:.1f}",
        f"{1000 * (extracted - embedded) / count:.1f}",
        *(f"{100 * np.mean(shares[name]):.0f} %" for name in COPIES),
    ]
    return f"| {' | '.join(cells)} |"


def table_head() -> str:
    """Format the head of the table."""
    cells = ["way", "hidden in 2 s", "PSNR dB", "video", "ms a frame to embed", "to extract", *COPIES]
    return f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}"


def main() -> None:
    """Print one table for each clip."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--size", help="scale to WxH")
    parser.add_argument("--rate", type=Fraction, help="frames a second of the clip")
    parser.add_argument("--boxes", type=Path, help="MOT boxes of the clip")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--crops", type=int, default=4, help="number of crops")
    parser.add_argument("--rival-frames", type=int, default=4, help="of the slow rivals")
    parser.add_argument("--only", nargs="+", default=[""], help="rows whose names contain one of these")
    options = parser.parse_args()
    size = tuple(map(int, options.size.split("x"))) if options.size else None
    for clip in options.clips:
        source = load(clip, options.seconds, size, options.rate, options.boxes)
        first = source.frames[0]
        print(
            f"{source.name}, {first.width}x{first.height}, {float(source.rate):g} frames a second, "
            f"{len(source.frames)} frames\n\n{table_head()}",
            flush=True,
        )
        for hider in all_hiders(options.rival_frames):
            if any(text in hider.name for text in options.only):
                with tempfile.TemporaryDirectory() as folder:
                    print(measure(hider, source, Path(folder), options.crops), flush=True)
        print()


if __name__ == "__main__":
    main()
