"""Reads a file back: bytes, pixels and marks must be what was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cssv.carriers.frame import extract
from cssv.container import Reader
from cssv.errors import ChecksumError, ContainerError, SceneError, VideoError
from cssv.painter import Path_, Progress
from cssv.payload.sample import read_sample
from cssv.stego import planes_crc
from cssv.video import VideoReader


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a file.

    Attributes:
        kind: ``"sample"``, ``"scene"``, ``"audio"``, ``"ftyp"``, ``"tail"``, ``"history"`` (stored bytes),
            ``"video"`` (cannot be decoded), ``"pixels"`` (decoded planes differ) or ``"marks"``.
        text: in words.
        frame: which frame it concerns, from 0; None for none in particular.
        version: which version it concerns.
    """

    kind: str
    text: str
    frame: int | None
    version: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What :func:`verify` found.

    Attributes:
        frames: frames of the version that plays.
        version: its number.
        faults: everything that is wrong; empty for a sound file.
    """

    frames: int
    version: int
    faults: tuple[Fault, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def verify(path: Path_, *, progress: Progress | None = None) -> Verification:
    """Check stored bytes against their checksums, decoded pixels against theirs, and every frame's marks.

    Raises:
        ContainerError: the file is not a CSSV file, or its tables cannot be read at all.
    """
    with Reader(path) as reader:
        version = reader.version.number
        faults = [Fault(p.kind, p.text, p.frame, version) for p in reader.verify()]
        faults += [Fault("scene", text, frame, version) for text, frame in _verify_scene(reader)]
        damaged = {fault.frame for fault in faults if fault.kind == "sample"}
        faults += [
            Fault(kind, text, frame, version)
            for kind, text, frame in _verify_pixels(path, reader, progress)
            if frame is None or frame not in damaged
        ]
    return Verification(len(reader), version, tuple(faults))


def _verify_scene(reader: Reader) -> Iterator[tuple[str, int]]:
    """Scene samples whose bytes are as written, but do not say what they must: (text, frame)."""
    for frame in range(len(reader)):
        try:
            sample = reader.scene_sample(frame)
        except ChecksumError:
            continue
        try:
            number = read_sample(sample).frame
        except (ContainerError, SceneError) as error:
            yield f"scene sample of frame {frame}: {error}", frame
            continue
        if number != frame:
            yield f"scene sample of frame {frame} is that of frame {number}", frame


def check(path: Path_, progress: Progress | None = None) -> Verification:
    """As :func:`verify`, for a file just written. Raises ChecksumError unless it is sound."""
    found = verify(path, progress=progress)
    if not found.is_sound:
        raise ChecksumError(
            "the file written does not read back", found=found.faults[0].text, remedy="Try another codec."
        )
    return found


def _verify_pixels(
    path: Path_, reader: Reader, progress: Progress | None
) -> Iterator[tuple[str, str, int | None]]:
    """Decode every frame and compare: (kind, text, frame) of each fault."""
    expected = reader.frames.stegos
    stamps = [reader.pts(reader.video.number, i) for i in range(len(reader))]
    count = 0
    try:
        with VideoReader(path) as video:
            for count, frame in enumerate(video, 1):
                if progress is not None:
                    progress("verify", count, len(expected))
                i = count - 1
                if i >= len(expected):
                    break
                if frame.pts != stamps[i]:
                    yield "video", f"frame {i} is shown at pts {frame.pts}, not {stamps[i]}", i
                if planes_crc(frame.planes) != int(expected[i]):
                    yield "pixels", f"frame {i} decodes to other pixels than were written", i
                    continue
                marks = extract(frame.planes, frame.layout)
                if marks is None or marks.marks.intact != marks.marks.whole or marks.damaged:
                    yield "marks", f"frame {i} has damaged marks", i
    except (VideoError, ContainerError) as error:
        yield "video", str(error), None
        return
    if count != len(expected):
        yield "video", f"{count} frames decode, {len(expected)} were written", None
