"""The versions for all stores: encoded and committed once, then split into their parts."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cssv
from cssv.container import IndexMeta, Reader
from cssv.frames import U8, planes_crc
from cssv.pipeline.scene_track import read_sample
from cssv.video import VideoReader

#: Share of the frames that a change of one object's temperature changes.
SHARE = 0.1
_ALL = {"label": "*"}


@dataclass(frozen=True, slots=True)
class Source:
    """ClipTracker and options of the encoding.

    Attributes:
        clip, boxes: the clip and its detections in MOT form.
        rate: frames per second if the header of the clip is wrong.
        frames: number of frames; None for all.
    """

    clip: Path
    boxes: Path
    rate: Fraction | None = None
    frames: int | None = None

    def encode(self, output: Path, scene: dict[str, Any]) -> None:
        """Encode the clip with a scene."""
        stop = None
        if self.frames is not None:
            with VideoReader(self.clip, rate=self.rate) as reader:
                stop = self.frames / reader.info.rate
        options = {"scene": scene, "boxes": self.boxes, "rate": self.rate, "stop": stop}
        cssv.encode(self.clip, output, created_s=1, lossless=True, overwrite=True, **options)


@dataclass(frozen=True, slots=True)
class Coded:
    """A coded frame: its sample, whether decoding can start there, its sample entry, CRC of its planes."""

    data: bytes
    is_key: bool
    entry: bytes
    stego_crc: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A version ready to be kept, and its differences from the version before.

    Attributes:
        number: from 1.
        about: time, author, message.
        file: the version alone as a complete ``.cssv``.
        frames: number of frames of the clip.
        gop: distance in frames between key frames.
        video: newly coded frames, by number; all in the first version.
        scenes: new scene samples, by frame; all in the first version.
        planes: decoded pixels of new frames, by number; all in the first version.
    """

    number: int
    about: IndexMeta
    file: Path
    frames: int
    gop: int
    video: dict[int, Coded]
    scenes: dict[int, bytes]
    planes: dict[int, U8]


def scenes_of(tracks: tuple[int, int], commits: int) -> Iterator[dict[str, Any]]:
    """The first scene and those of the commits: five kinds in turn, with other values in each round."""
    first, second = tracks
    weather, density = "overcast", 985.0
    heats: dict[int, float] = {}

    def scene() -> dict[str, Any]:
        given = {
            "temperature_c": {"value": 36.6, "sigma": 0.5},
            "density_kg_m3": {"value": density, "sigma": 20},
        }
        entries: list[dict[str, Any]] = [{"match": _ALL, **given}]
        for track, heat in sorted(heats.items()):
            entries.append({"match": {"track": track}, "temperature_c": {"value": heat, "sigma": 0.5}})
        return {
            "cssv_scene": 1,
            "environment": {"weather": weather, "ambient_temperature_c": 16.5},
            "objects": entries,
            "ranges": {"temperature_c": [10, 50], "density_kg_m3": [0, 1200]},
        }

    yield scene()
    for commit in range(commits):
        turn, kind = divmod(commit, 5)
        if kind == 0:
            heats[first] = 42.0 + turn
        elif kind == 1:
            weather = f"drizzle, clearing up from the west; observation {turn + 1}"
        elif kind == 2:
            heats[second] = 24.0 + turn
        elif kind == 3:
            density = 700.0 - 50 * turn
        else:
            del heats[first]
        yield scene()


class Corpus:
    """A folder of finished versions.

    Args:
        folder: folder that :meth:`make` has filled.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first = folder / "first.cssv"
        self.master = folder / "all.cssv"

    @classmethod
    def make(cls, folder: Path, source: Source, commits: int) -> Corpus:
        """Encode a clip, commit other scenes, and split every version into its parts."""
        folder.mkdir(parents=True)
        corpus = cls(folder)
        corpus.encode_seconds = corpus.encode(source, folder / "first.cssv")
        corpus.scenes = tuple(scenes_of(_pick(corpus.first), commits))
        corpus.commit_seconds = corpus.commit(corpus.master)
        for number in range(1, commits + 2):
            cssv.export(corpus.master, corpus._file(number), version=number)
            corpus._write_planes(number)
        return corpus

    encode_seconds: float
    commit_seconds: list[float]
    scenes: tuple[dict[str, Any], ...]

    def encode(self, source: Source, output: Path) -> float:
        """Encode the clip with the first scene; returns the seconds taken."""
        scene = next(scenes_of((0, 0), 0))
        return timed(lambda: source.encode(output, scene))

    def commit(self, path: Path) -> list[float]:
        """Commit all scenes by CSSV, drawing and coding, onto a copy of the first version."""
        shutil.copyfile(self.first, path)
        taken = []
        for at, scene in enumerate(self.scenes[1:], 2):
            message = f"version {at}"
            taken.append(timed(lambda: cssv.commit(path, scene, message=message, created_s=at)))  # noqa: B023
        return taken

    @cached_property
    def count(self) -> int:
        """Number of versions."""
        return len(cssv.log(self.master).versions)

    @cached_property
    def frames(self) -> int:
        """Number of frames of the clip."""
        with Reader(self.first) as reader:
            return len(reader)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:04}.cssv"

    def _changed(self, number: int) -> NDArray[np.int64]:
        """Frames whose pixels differ from the version before."""
        if number == 1:
            return np.arange(self.frames)
        with Reader(self.master, version=number) as new, Reader(self.master, version=number - 1) as old:
            return np.flatnonzero(new.frames.stegos != old.frames.stegos)

    def _planes(self, number: int) -> Path:
        return self.folder / f"{number:04}.npy"

    def _write_planes(self, number: int) -> None:
        changed = frozenset(self._changed(number).tolist())
        with VideoReader(self._file(number)) as reader:
            found = [frame.planes for frame in reader if frame.number in changed]
        np.save(self._planes(number), np.stack(found) if found else np.zeros((0, 0, 0), np.uint8))

    def finished(self, number: int) -> Finished:
        """A version in memory, as every store gets it."""
        pixels = np.load(self._planes(number))
        with (
            Reader(self.master, version=number) as new,
            Reader(self.master, version=max(1, number - 1)) as old,
        ):
            table, is_first = new.video.table, number == 1
            video, scenes = {}, {}
            for frame in range(len(new)):
                if is_first or table.offsets[frame] != old.video.table.offsets[frame]:
                    video[frame] = Coded(
                        new.sample(new.video.number, frame),
                        new.is_key(new.video.number, frame),
                        table.entries[table.entry_of(frame)],
                        int(new.frames.stegos[frame]),
                    )
                if is_first or new.frames.scenes[frame] != old.frames.scenes[frame]:
                    scenes[frame] = new.scene_sample(frame)
            return Finished(
                number=number,
                about=new.version.about,
                file=self._file(number),
                frames=len(new),
                gop=self.gop,
                video=video,
                scenes=scenes,
                planes=dict(zip(self._changed(number).tolist(), pixels, strict=True)),
            )

    @cached_property
    def gop(self) -> int:
        """Distance in frames between key frames."""
        with Reader(self.first) as reader:
            syncs = reader.video.table.syncs
            assert syncs is not None
            return int(syncs[1] - syncs[0]) if len(syncs) > 1 else len(reader)

    def stegos(self, number: int) -> NDArray[np.uint32]:
        """CRC-32 of the planes of each frame of a version."""
        with Reader(self.master, version=number) as reader:
            return reader.frames.stegos

    def samples(self, number: int) -> list[bytes]:
        """Scene samples of a version."""
        with Reader(self.master, version=number) as reader:
            return [reader.scene_sample(frame) for frame in range(len(reader))]

    def is_right(self, number: int, frame: int, planes: U8) -> bool:
        """Whether planes are those of a frame of a version."""
        return planes_crc(planes) == int(self._all_stegos[number - 1][frame])

    @cached_property
    def _all_stegos(self) -> list[NDArray[np.uint32]]:
        return [self.stegos(number) for number in range(1, self.count + 1)]


def _pick(path: Path) -> tuple[int, int]:
    """The two tracks whose lengths are nearest to the share."""
    with Reader(path) as reader:
        seen = Counter(
            o.track for n in range(len(reader)) for o in read_sample(reader.scene_sample(n)).objects
        )
        goal = SHARE * len(reader)
    first, second = sorted(seen, key=lambda track: (abs(seen[track] - goal), track))[:2]
    return first, second


def timed(job: Callable[[], object]) -> float:
    """Seconds taken by a job."""
    begin = time.perf_counter()
    job()
    return time.perf_counter() - begin
