"""Carriers that are set up for a clip before its first window: by samples of it, and by its identity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Protocol, Self, TypeAlias, runtime_checkable

from cssv.frames import U8, Frame
from cssv.scene import Scene

#: Gives the planes of frames after a re-encoding: planes, frames per second, codec, quality number. Carriers
#: know no codecs; the pipeline provides it.
Recode: TypeAlias = Callable[[Sequence[U8], Fraction, str, int], Sequence[U8]]

#: Gives the bytes of each frame in the lossless codec of files: planes of successive frames, of which the
#: first becomes a key frame.
CodedSizes: TypeAlias = Callable[[Sequence[U8]], Sequence[int]]

#: Takes the number of trials done, and of all.
Report: TypeAlias = Callable[[int, int], None]


def no_report(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class ClipSample:
    """What is known of a clip before it is embedded.

    Attributes:
        first: its first frame.
        scene: of the clip.
        parts: successive frames each, from one place of the clip or from several.
        rate: frames per second.
        coded_sizes: tells what frames take in a lossless file; None if nothing does.
    """

    first: Frame
    scene: Scene
    parts: Sequence[Sequence[Frame]]
    rate: Fraction
    coded_sizes: CodedSizes | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a carrier offers at one strength through one re-encoding.

    Attributes:
        recoding: codec and quality number, such as ``h264-28``.
        psnr_db: PSNR of luma between cover and stego frame, before the re-encoding.
        offered_bytes: largest payload of a window that comes back; 0 if none does.
    """

    recoding: str
    psnr_db: float
    offered_bytes: int

    def to_json(self) -> dict[str, str | float | int]:
        """Return the values as plain JSON types."""
        return asdict(self)


@runtime_checkable
class PreparedCarrier(Protocol):
    """What a carrier of :mod:`.base` offers beside, if it is set up for each clip.

    What it learns of the clip is among its options, so that the facts of a file record it.
    """

    @property
    def sample_s(self) -> int:
        """Seconds of each part of a sample; 0 if no frames but the first one are needed."""

    def prepared(self, sample: ClipSample, recode: Recode, report: Report = no_report) -> Self:
        """The same carrier for a clip.

        Args:
            sample: of the clip.
            recode: makes copies.
            report: called after each trial with the number of trials done, and of all.
        """

    def offers(self, sample: ClipSample, recode: Recode) -> tuple[Offer, ...]:
        """What windows can hold, for each re-encoding to survive and for several strengths.

        Args:
            sample: of the clip.
            recode: makes copies.
        """
