"""Clips in memory, from the test data by name or from any path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

from scaling import scale

from cssv.carriers.prepared import ClipSample
from cssv.carriers.robust.trial import SAMPLE_S
from cssv.frames import U8, Frame
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.preparation import sample_clip
from cssv.scene import Scene
from cssv.video import Span

#: Clips of the test data by name: the file, and a box file.
CLIPS: dict[str, tuple[str, str | None]] = {
    "vtest": ("clips/vtest.avi", "mot15/PETS09-S2L1/gt/gt.txt"),
    "bigbuckbunny": ("clips/bigbuckbunny.mp4", None),
    "bikes": ("clips/bikes.mp4", None),
    "traffic": ("traffic/traffic.mp4", None),
}
#: Lines from which windows of 192 bytes are the aim, and the classes of payloads on both sides of it.
LARGE_LINES, LARGE_CLASS, SMALL_CLASS = 450, 192, 128


@dataclass(frozen=True, slots=True)
class Clip:
    """The first seconds of a clip.

    Attributes:
        name: of its rows.
        plan: how it is opened.
        planes: of each frame (I420).
        rate: frames per second.
        boxes: a box file; None where there is none.
        size: width and height that the frames were scaled to; None if they were not.
    """

    name: str
    plan: ClipPlan
    planes: list[U8]
    rate: Fraction
    boxes: Path | None = None
    size: tuple[int, int] | None = None

    @property
    def height(self) -> int:
        return self.planes[0].shape[0] * 2 // 3

    @property
    def width(self) -> int:
        return self.planes[0].shape[1]

    @property
    def title(self) -> str:
        """Name, size and length, for tables."""
        return f"{self.name}, {self.width}x{self.height}, {float(len(self.planes) / self.rate):.0f} s"

    @property
    def class_bytes(self) -> int:
        """The payload class that is the aim in a clip of this size."""
        return LARGE_CLASS if self.height >= LARGE_LINES else SMALL_CLASS

    def frame(self, number: int, planes: U8) -> Frame:
        """A frame of a copy, at the time of the frame of this number."""
        return Frame(planes, "yuv420p", number, 1 / self.rate)

    def sample(self) -> ClipSample:
        """What the trial of the strength gets, as in ``cssv encode``."""
        sample = sample_clip(self.plan, Scene(), SAMPLE_S)
        parts = [[scale(frame, self.size) for frame in part] for part in sample.parts]
        return replace(sample, first=scale(sample.first, self.size), parts=parts)


def load(
    data: Path,
    name: str,
    seconds: float,
    rate: Fraction | None = None,
    size: tuple[int, int] | None = None,
) -> Clip:
    """Load the first seconds of a clip.

    Args:
        data: folder of the test data.
        name: a key of :data:`CLIPS`, or the path of a clip.
        seconds: length.
        rate: frames per second, where the header is wrong.
        size: width and height to scale frames to.
    """
    file, boxes = CLIPS.get(name, (name, None))
    path = data / file if name in CLIPS else Path(name)
    span = Span(stop=Fraction(seconds).limit_denominator(1000))
    plan = ClipPlan.open(path, rate=rate, span=span)
    found = Fraction(plan.info.rate)
    with plan.reader() as reader:
        frames = islice(reader, int(seconds * found))
        planes = [scale(frame, size).planes for frame in frames]
    return Clip(path.stem, plan, planes, found, None if boxes is None else data / boxes, size)
