"""A clip of the benchmark, the files that are made from it once, and copies of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

import cssv
from cssv.carriers.nibble.mixed import MixedCarrier
from cssv.container import Reader
from cssv.frames import Frame, cut_planes
from cssv.pipeline.forms import FORMS
from cssv.video import Span, VideoInfo, VideoReader, VideoWriter
from cssv.video.encoder import to_picture

#: Everything is known of all objects, so that all rings are drawn.
SCENE: dict[str, Any] = {
    "cssv_scene": 1,
    "objects": [{"match": {"label": "*"}, "temperature_c": 36.0, "density_kg_m3": 985}],
    "ranges": {"temperature_c": [0, 60], "density_kg_m3": [0, 2000]},
}


@dataclass
class Bench:
    """A clip and the files made from it; each file is made when it is first asked for.

    Args:
        name: of the clip.
        path: of the clip.
        boxes: a box file; None for the ``motion`` detector.
        rate: the true frame rate; None for that of the file.
        stop: seconds of the clip that are used.
        form: arguments of :func:`cssv.encode` that choose the form to measure.
        lossless: the same for the lossless sparse form.
        crf: quality of the plain encode.
        folder: for files.
    """

    name: str
    path: Path
    boxes: Path | None
    rate: Fraction | None
    stop: Fraction
    form: Mapping[str, Any]
    lossless: Mapping[str, Any]
    crf: int
    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)
    _info: VideoInfo | None = None

    def covers(self) -> VideoReader:
        """A reader of the frames that are encoded."""
        return VideoReader(self.path, rate=self.rate, span=Span(stop=self.stop))

    @property
    def info(self) -> VideoInfo:
        """Size, layout and rate of the frames."""
        if self._info is None:
            with self.covers() as reader:
                self._info = reader.info
        return self._info

    def file(self, kind: str = "default") -> Path:
        """The ``"default"`` file, the ``"lossless"`` sparse one, or the ``"unmarked"`` one without a room."""
        path = self.folder / f"{self.name}-{kind}.cssv"
        if not path.exists():
            unmarked = {"carrier": MixedCarrier(has_room=False)}
            arguments = {"default": self.form, "lossless": self.lossless, "unmarked": unmarked}[kind]
            given = {} if self.boxes is None else {"boxes": self.boxes}
            start = time.perf_counter()
            cssv.encode(self.path, path, scene=SCENE, rate=self.rate, stop=self.stop, **given, **arguments)
            self.seconds[kind] = time.perf_counter() - start
        return path

    def plain(self) -> Path:
        """The clip by x264 medium with its own defaults, at the same CRF."""
        path = self.folder / f"{self.name}-plain.mp4"
        if not path.exists():
            start = time.perf_counter()
            with self.covers() as reader:
                x264(reader, path, self.info, self.crf)
            self.seconds["plain"] = time.perf_counter() - start
        return path

    def transcode(self) -> Path:
        """The clip by the lossless codec of CSSV."""
        path = self.folder / f"{self.name}-transcode.mp4"
        if not path.exists():
            start = time.perf_counter()
            with self.covers() as reader, VideoWriter(path, reader.info, codec="h264") as writer:
                for frame in reader:
                    writer.write(frame)
            self.seconds["transcode"] = time.perf_counter() - start
        return path


def form_arguments(name: str) -> Mapping[str, Any] | None:
    """The arguments of a form by its name; None if there is none yet."""
    return next((form.arguments for form in FORMS if form.name == name), None)


def video_bytes(path: Path) -> int:
    """Bytes of the video samples of a file."""
    with av.open(str(path)) as container:
        return sum(packet.size for packet in container.demux(video=0))


def source_bytes(bench: Bench) -> int:
    """Bytes of the video samples of the part of the clip that is used."""
    with bench.covers() as reader:
        count = sum(1 for _ in reader)
    with av.open(str(bench.path)) as container:
        return sum(packet.size for packet in islice(container.demux(video=0), count))


def x264(
    frames: Iterable[Frame], path: Path, info: VideoInfo, crf: int, size: tuple[int, int] | None = None
) -> Path:
    """Encode frames by x264 medium with its own defaults, scaled to a size if one is given."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=info.rate, options={"crf": str(crf)})
        stream.width, stream.height = size or (info.width, info.height)
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(frames):
            picture = to_picture(frame, "yuv420p")
            if size is not None:
                picture = picture.reformat(*size, interpolation="BICUBIC")
            picture.pts, picture.time_base = number, 1 / info.rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def recoded(source: Path, path: Path, crf: int, scale: float = 1.0) -> Path:
    """A copy of a file by x264 medium."""
    with VideoReader(source) as reader:
        info = reader.info
        size = None
        if scale != 1.0:
            width, height = (round(side * scale / 2) * 2 for side in (info.width, info.height))
            size = width, height
        return x264(reader, path, info, crf, size)


def cropped(source: Path, path: Path, side: int, first: int, count: int) -> tuple[int, int]:
    """Write a square part of successive frames losslessly; returns its top left pixel."""
    with VideoReader(source) as reader:
        info = reader.info
        left, top = ((length - side) // 4 * 2 for length in (info.width, info.height))
        small = replace(info, width=side, height=side)
        with VideoWriter(path, small, codec="ffv1", overwrite=True) as writer:
            for frame in islice(reader, first, first + count):
                cut = cut_planes(frame.planes, frame.layout, (left, top, side, side))
                writer.write(replace(frame, planes=cut))
    return left, top


_PROFILES = {66: "Baseline", 77: "Main", 100: "High", 110: "High 10", 244: "High 4:4:4 Predictive"}


def profile(path: Path) -> str:
    """Profile and level of H.264, as the sample entries of a file state them."""
    with Reader(path) as reader:
        entries = reader.video.table.entries
    found = []
    for entry in entries:
        at = entry.find(b"avcC")
        if at < 0:
            found.append("not H.264")
            continue
        # AVCDecoderConfigurationRecord: version, profile, compatibility, level.
        number, level = entry[at + 5], entry[at + 7]
        found.append(f"{_PROFILES.get(number, number)}, level {level / 10:g}")
    return "; ".join(found)


def drawn_masks(path: Path) -> Iterator[tuple[Frame, np.ndarray]]:
    """Each frame of a file, and (H, W) bool: where nothing is drawn on it, with one pixel to spare."""
    with cssv.Decoder(path) as decoder:
        for moment in decoder:
            luma = (
                moment.clean_heat[: moment.frame.height]
                if moment.frame.layout == "yuv420p"
                else (moment.clean_heat.any(axis=2))
            )
            drawn = cv2.dilate((luma != 0).astype(np.uint8), np.ones((3, 3), np.uint8))
            yield moment.frame, drawn == 0


def share(part: float, whole: float) -> str:
    """A share in percent."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def table(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Print a table of rows with equal keys."""
    if not rows:
        return
    print(f"\n{title}\n")
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(row.values()) + " |", flush=True)
