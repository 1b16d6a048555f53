"""Preparation of a carrier for a clip: samples of it, and trial re-encodings of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import islice

from cssv.carriers.base import AnyCarrier
from cssv.carriers.prepared import ClipSample, Offer, PreparedCarrier, no_report
from cssv.errors import VideoError
from cssv.frames import U8, Frame
from cssv.pipeline.arguments import Progress
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.config import DEFAULT_CODEC
from cssv.scene import Scene
from cssv.video import LOSSY_CODECS, Span, coded_sizes, lossy_copy

#: Places of the parts of a sample, as shares of the clip. A short clip has one part, from its middle.
_PLACES, _MIDDLE = (Fraction(1, 4), Fraction(3, 4)), (Fraction(1, 2),)
#: A clip is long if it lasts so many times as long as a part.
_LONG = 4
#: Most frames of a part.
_MOST_FRAMES = 250


@dataclass(frozen=True, slots=True)
class Recoder:
    """Copies of frames: coded as the file will be, and then again.

    Marks lose information in both codings, so a trial of the second one alone would promise too much.

    Attributes:
        codec: of the file.
        crf: quality of the file; None if it is lossless.
    """

    codec: str = DEFAULT_CODEC
    crf: int | None = LOSSY_CODECS[DEFAULT_CODEC].crf

    def __call__(self, planes: Sequence[U8], rate: Fraction, codec: str, crf: int) -> Sequence[U8]:
        """Planes of yuv420p frames after both codings."""
        first = planes if self.crf is None else lossy_copy(planes, rate, self.codec, self.crf)
        return lossy_copy(first, rate, codec, crf)


#: Of pictures that somebody else encodes: they are probably coded like our files.
USUAL = Recoder()


def prepare_for_clip(
    carrier: AnyCarrier,
    plan: ClipPlan,
    scene: Scene,
    recoder: Recoder = USUAL,
    progress: Progress | None = None,
) -> AnyCarrier:
    """The carrier, prepared for a clip if it is one that has to be.

    Args:
        carrier: of the file.
        plan: how the clip is opened.
        scene: of the clip.
        recoder: makes copies of the file.
        progress: called after each trial.

    Raises:
        VideoError: the clip has no frames, or cannot be read.
    """
    if not isinstance(carrier, PreparedCarrier):
        return carrier
    report = no_report if progress is None else partial(progress, "trial")
    return carrier.prepared(sample_clip(plan, scene, carrier.sample_s), recoder, report)


def offers_for_clip(carrier: AnyCarrier, plan: ClipPlan, scene: Scene) -> tuple[Offer, ...]:
    """What a carrier offers in a clip by strength and re-encoding; empty for one that is not prepared.

    Raises:
        VideoError: the clip has no frames, or cannot be read.
    """
    if not isinstance(carrier, PreparedCarrier):
        return ()
    return carrier.offers(sample_clip(plan, scene, carrier.sample_s), USUAL)


def sample_clip(plan: ClipPlan, scene: Scene, seconds: int) -> ClipSample:
    """A sample of a clip, with parts of so many seconds; its first frame alone if they are 0.

    Raises:
        VideoError: the clip has no frames, or cannot be read.
    """
    with plan.reader() as reader:
        first = next(iter(reader), None)
    if first is None:
        raise VideoError("the clip holds no frames", found=str(plan.source))
    parts = list(_parts(plan, seconds)) if seconds else []
    return _sample(first, scene, parts or [[first]], plan.info.rate)


def prepare_for_stream(
    carrier: AnyCarrier,
    frames: Sequence[Frame],
    rate: Fraction,
    scene: Scene,
    recoder: Recoder = USUAL,
) -> AnyCarrier:
    """The same for a stream, by its first frames; at least one."""
    if not isinstance(carrier, PreparedCarrier):
        return carrier
    return carrier.prepared(_sample(frames[0], scene, [frames[:_MOST_FRAMES]], rate), recoder)


def _sample(first: Frame, scene: Scene, parts: Sequence[Sequence[Frame]], rate: Fraction) -> ClipSample:
    return ClipSample(first, scene, parts, rate, partial(coded_sizes, layout=first.layout, rate=rate))


def _parts(plan: ClipPlan, seconds: int) -> Iterator[list[Frame]]:
    """Frames from one place of the clip, or from several."""
    first, last = (int(plan.part.pts[at]) * plan.info.time_base for at in (0, -1))
    places = _PLACES if last - first > _LONG * seconds else _MIDDLE
    for place in places:
        start = max(first + (last - first) * place - Fraction(seconds, 2), first)
        # A time before the first frame would also cut the sound.
        span = Span(start, start + seconds)
        with replace(plan, span=span).reader() as reader:
            part = list(islice(reader, _MOST_FRAMES))
        if part:
            yield part
