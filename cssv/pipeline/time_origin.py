"""The time of a clip or of a stream at which the encoded file begins."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from cssv.frames import Frame
from cssv.pipeline.clip_plan import ClipPlan
from cssv.video import LATE_S, AudioCopy


@dataclass(frozen=True, slots=True)
class TimeOrigin:
    """The time of the clip that is time 0 of the file.

    Attributes:
        pts: in units of the clip's frames; 0 for a file that keeps the times of its clip.
        seconds: the same in seconds, exact.
        is_late: whether the clip begins late by its own clock, and the facts record where.
        ahead_s: seconds by which the sound is moved further than the frames.
    """

    pts: int
    seconds: Fraction
    is_late: bool = False
    ahead_s: Fraction = Fraction(0)

    @classmethod
    def from_plan(cls, plan: ClipPlan, audio: AudioCopy | None) -> TimeOrigin:
        """Choose the origin: a part begins at 0, and a whole clip keeps its times where MP4 can hold them."""
        time_base = plan.info.time_base
        first = int(plan.part.pts[0])
        # Sound that begins before the picture stays before it.
        sound_s = [track.start_s for track in audio.tracks] if audio else []
        earliest_s = min([plan.stamps[0], *sound_s])
        is_late = earliest_s > LATE_S
        if plan.span.start is not None or first < 0:
            return cls(first, first * time_base, is_late)
        # Frames that are counted begin at 0, and late sound has to follow them.
        if plan.rate is not None and sound_s and min(sound_s) > LATE_S:
            return cls(0, Fraction(0), ahead_s=min(sound_s))
        pts = earliest_s // time_base if is_late else 0
        return cls(pts, pts * time_base, is_late)

    @classmethod
    def from_first(cls, frame: Frame) -> TimeOrigin:
        """Choose the origin of a stream by its first frame; it keeps its times where MP4 can hold them."""
        is_late = frame.time > LATE_S
        pts = frame.pts if is_late else 0
        return cls(pts, pts * frame.time_base, is_late)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for a clip that begins late."""
        if not self.is_late:
            return ()
        return (
            f"time 0 of the file is {float(self.seconds):.9g} s by the clip's own clock; "
            "all times given for encoding, as in the scene, are those of that clock",
        )

    @property
    def facts(self) -> dict[str, str]:
        """What the facts of the file record."""
        return {"start_s": str(self.seconds)} if self.is_late else {}
