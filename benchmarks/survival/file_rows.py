"""Rows of whole files: their cost beside the files that people keep today, and scenes from copies."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from carriers import SCENE
from rivals.hiders import from_rgb

import cssv
from cssv.carriers.nibble.carrier import NibbleCarrier
from cssv.scene import Ranges
from cssv.template.state import ObjectState
from cssv.video import VideoReader
from survival.channel_rows import share
from survival.clip import Clip
from survival.coding import code, psnr_of_luma
from survival.results import Row

#: Quality of the lossy files, and the codec of what people keep today.
CRF = 20
#: Files of CSSV: options of :func:`cssv.encode`.
FILES: Mapping[str, Mapping[str, Any]] = {
    # Version 1 of the pixels.
    "nibble, sparse": {"carrier": NibbleCarrier(fidelity="sparse")},
    "constructive": {"carrier": "constructive"},
    "robust": {"carrier": "robust", "crf": CRF, "fit": True},
}
#: What people keep today: the clip, and beside it the heat map as a video or the objects as a table.
TODAY = ("clip alone", "clip and video", "clip and table")


def encode(clip: Clip, name: str, path: Path) -> Path:
    """Write a file of CSSV with the objects of the clip, which have temperature and density."""
    if not path.exists():
        given = {"boxes": clip.boxes} if clip.boxes is not None else {}
        stop = len(clip.planes) / clip.rate
        cssv.encode(clip.plan.source, path, scene=dict(SCENE), stop=stop, **given, **FILES[name])
    return path


def ffmpeg(source: Path, output: Path, *options: str) -> Path:
    """Convert a file, with its audio, by the program."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source), *options, "-threads", "1"]
    subprocess.run([*command, str(output)], check=True)
    return output


# Costs


def own_cost(clip: Clip, name: str, folder: Path) -> Row:
    """Bytes of a file of CSSV: clip, heat map, objects and audio."""
    path = encode(clip, name, folder / f"{clip.name} {name}.cssv")
    with VideoReader(path) as reader:
        planes = [frame.planes for frame in reader]
    return _cost(clip, f"CSSV, {name}" + (f", CRF {CRF}" if name == "robust" else ""), path, planes)


def cost_today(clip: Clip, folder: Path) -> Iterator[Row]:
    """Bytes of what people keep today, in the order of :data:`TODAY`."""
    video = folder / f"{clip.name}.mp4"
    length = ["-t", f"{float(len(clip.planes) / clip.rate):.3f}", "-map", "0:v:0", "-map", "0:a?"]
    ffmpeg(clip.plan.source, video, *length, "-c:a", "copy", "-c:v", "libx264", "-crf", str(CRF))
    with VideoReader(video) as reader:
        planes = [frame.planes for frame in reader]
    source = encode(clip, "nibble, sparse", folder / f"{clip.name} nibble, sparse.cssv")
    yield _cost(clip, f"the clip alone, x264 CRF {CRF}", video, planes)
    with cssv.Decoder(source) as decoder:
        heat = [from_rgb(moment.picture) for moment in decoder]
    _, heat_bytes = code(heat, clip.rate, f"h264-{CRF}")
    yield _cost(clip, f"clip and heat map as a video, CRF {CRF}", video, planes, heat_bytes)
    table = folder / f"{clip.name}.csv"
    cssv.decode(source, objects=table, overwrite=True)
    yield _cost(clip, "clip and CSV of the objects", video, planes, table.stat().st_size)


def _cost(clip: Clip, what: str, path: Path, planes: Sequence[np.ndarray], more: int = 0) -> Row:
    size, seconds = path.stat().st_size + more, float(len(clip.planes) / clip.rate)
    return {
        "clip": clip.title,
        "what": what,
        "KiB": f"{size / 1024:.0f}",
        "of it beside the clip, KiB": f"{more / 1024:.0f}" if more else "",
        "kbit/s": f"{8 * size / 1000 / seconds:.0f}",
        "picture to the clip, luma dB": f"{psnr_of_luma(clip.planes, planes):.2f}",
    }


# Scenes


@dataclass(slots=True)
class SceneScore:
    """What copies tell of the objects, against the file itself.

    Attributes:
        frames: number of frames, of those whose window was read, and of those with all objects.
        foot_px, size_px: errors of the feet, which payloads bound, and of the sizes of boxes.
        shares: errors of speed, temperature and density, as shares of their ranges, by name.
        squares: sum of the squared differences of the heat maps, and number of bytes, in the support.
        equal: bytes of the support that are equal.
    """

    frames: list[int] = field(default_factory=lambda: [0, 0, 0])
    foot_px: list[float] = field(default_factory=list)
    size_px: list[float] = field(default_factory=list)
    shares: dict[str, list[float]] = field(default_factory=dict)
    squares: list[float] = field(default_factory=lambda: [0.0, 0.0])
    equal: int = 0

    def add_objects(
        self, wanted: Sequence[ObjectState], found: Sequence[ObjectState], ranges: Ranges
    ) -> None:
        """Compare the objects of a frame."""
        by_track = {state.track: state for state in found}
        self.frames[2] += {state.track for state in wanted} <= set(by_track)
        for state in wanted:
            other = by_track.get(state.track)
            if other is None:
                continue
            foot, size = _box_errors(state, other)
            self.foot_px.append(foot)
            self.size_px.append(size)
            for name, errors in _attribute_errors(state, other, ranges):
                self.shares.setdefault(name, []).append(errors)

    def add_heat(self, one: np.ndarray, other: np.ndarray, height: int) -> None:
        """Compare two heat maps where one of both is not empty; chroma counts as signed numbers."""
        support = (one != 0) | (other != 0)
        first, second = (_signed(each, height)[support] for each in (one, other))
        self.squares[0] += float(((first - second) ** 2).sum())
        self.squares[1] += int(support.sum())
        self.equal += int((first == second).sum())

    @property
    def heat_db(self) -> float:
        """PSNR of the heat map in its support; infinite if all is equal."""
        squares, count = self.squares
        return 10 * math.log10(255**2 * count / squares) if squares else math.inf


def _box_errors(state: ObjectState, other: ObjectState) -> tuple[float, float]:
    """Largest errors of the foot, the middle of the lower edge, and of the size, over both axes."""
    (x, y, w, h), (x2, y2, w2, h2) = state.box_px, other.box_px
    foot = max(abs(x + w / 2 - x2 - w2 / 2), abs(y + h - y2 - h2))
    return foot, max(abs(w - w2), abs(h - h2))


def _attribute_errors(state: ObjectState, other: ObjectState, ranges: Ranges) -> Iterator[tuple[str, float]]:
    low, high = ranges.speed_px_s
    yield "speed", abs(state.speed_px_s - other.speed_px_s) / (high - low)
    for name in ("temperature_c", "density_kg_m3"):
        one, two = getattr(state, name), getattr(other, name)
        low, high = getattr(ranges, name)
        if one is not None:
            yield name, math.inf if two is None else abs(one.value - two.value) / (high - low)


def _signed(template: np.ndarray, height: int) -> np.ndarray:
    values = template.astype(np.float64)
    values[height:] = template[height:].view(np.int8)
    return values


def scene_row(clip: Clip, folder: Path, crf: int) -> Row:
    """Objects and heat map from a copy of the robust file."""
    stego = encode(clip, "robust", folder / f"{clip.name} robust.cssv")
    copy = ffmpeg(stego, folder / "copy.mp4", "-map", "0:v:0", "-c:v", "libx264", "-crf", str(crf))
    score = SceneScore()
    with cssv.Decoder(stego) as file, cssv.Decoder(copy) as received:
        for wanted, found in zip(file, received, strict=True):
            score.frames[0] += 1
            if found.is_missing:
                continue
            score.frames[1] += 1
            score.add_objects(wanted.states, found.states_in_pixels, wanted.clip.ranges)
            # Every tenth frame suffices, and drawing takes long.
            if score.frames[0] % 10 == 0:
                score.add_heat(wanted.heat, found.heat, wanted.frame.height)
    return {
        "clip": clip.title,
        "copy": f"CRF {CRF}, then {crf}",
        "frames read": share(score.frames[1], score.frames[0]),
        "with all objects": share(score.frames[2], score.frames[1]),
        "feet, px: 99 %, most": _most(score.foot_px),
        "sizes, px: 99 %, most": _most(score.size_px),
        **{f"{name}, share of range: 99 %, most": _most(errors) for name, errors in score.shares.items()},
        "heat map in the support, dB": f"{score.heat_db:.1f}",
        "equal bytes": f"{score.equal / max(score.squares[1], 1):.1%}",
    }


def _most(errors: Sequence[float]) -> str:
    return f"{np.quantile(errors, 0.99):.3f}, {max(errors):.3f}" if errors else "no objects"
