"""The form ``full`` of the nibble carriers, version 2: every byte carries (SPEC2.md beside this file)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import ClassVar, cast

import numpy as np

from cssv.carriers.base import Embedded, FrameContent, Hint, Read, WindowSpan
from cssv.carriers.nibble.bits import TEMPLATE_BIT
from cssv.carriers.nibble.carrier import NibbleExtract
from cssv.carriers.nibble.full_planes import FullEmbedder, plane_masks
from cssv.carriers.nibble.full_trial import (
    DEFAULT_GRAIN,
    DEFAULT_REACH,
    GRAINS,
    REACH_RANGE,
    TRIED_REACHES,
    Grain,
    choose,
    empty_bits,
)
from cssv.carriers.nibble.mark_record import VERSION_2, Miniature
from cssv.carriers.nibble.marked_frame import check_cover, is_alike, require_marks, without_bits
from cssv.carriers.nibble.miniature import environment_notes, make_miniature, with_ranges
from cssv.carriers.nibble.planes import ExtractedPlanes, extract_planes
from cssv.carriers.nibble.tags import place_tags
from cssv.carriers.prepared import ClipSample, Offer, Recode, Report, no_report
from cssv.carriers.windows import DrawingWindows
from cssv.errors import OptionError, check_choice
from cssv.frames import LAYOUTS, U8, Frame, Layout, planes_shape, split_planes
from cssv.template.drawing import Drawing, Outline
from cssv.template.render import render, ring_pixels, with_edges

#: Frames of a window: a divisor of the distance of key frames, so that pinching starts again where a codec
#: does. The largest one is taken whose frames have at most so many bytes.
_WINDOW_FRAMES, _MOST_BYTES = (50, 25, 10, 5, 2, 1), 1 << 26
#: Seconds of each part of a sample.
_SAMPLE_S = 1
#: Option of what a trial chooses.
AUTO = "auto"
#: Most levels by which a mark or a tag changes a byte.
_MARK_LEVELS = 1
#: Bytes at the ends of the range have neighbours with the right nibble on one side only.
_STEP = 16


class FullExtract(NibbleExtract):
    """The content of one stego frame; implements :class:`cssv.carriers.base.Extracted`."""

    __slots__ = ()

    @property
    def heat(self) -> U8:
        """The template with the bits of marks and tags."""
        heat, found = self.clean_heat, self.found
        luma, carried = (split_planes(planes, self.stego.layout)[0] for planes in (heat, found.heat))
        luma |= carried & found.marked * np.uint8(TEMPLATE_BIT)
        return heat

    @property
    def clean_heat(self) -> U8:
        """The template without marks and tags: rings as carried, and edges of the stego picture.

        Rings whose tag lies outside of a cropped picture are not shown.
        """
        layout, found = self.stego.layout, self.found
        height, width = found.marked.shape
        heat = np.empty_like(found.heat)
        rows = zip(
            split_planes(heat, layout),
            split_planes(found.heat, layout),
            plane_masks(ring_pixels(found.outlines, width, height), layout),
            strict=True,
        )
        for into, carried, drawn in rows:
            # A product is several times as fast as a copy of the pixels of a mask.
            np.multiply(carried, drawn, out=into)
        luma = split_planes(heat, layout)[0]
        luma &= ~(found.marked * np.uint8(0x1F))
        return with_edges(heat, layout, self.stego.luma(), found.outlines)


class FullExtractor:
    """Extractor that returns each frame at once; implements :class:`cssv.carriers.base.Extractor`."""

    @property
    def reach_s(self) -> Fraction:
        """A frame is read by itself."""
        return Fraction(0)

    def feed(self, stego: Frame, hint: Hint) -> tuple[Read, ...]:
        """Return the frame with its content."""
        found = extract_planes(
            stego.planes, stego.layout, hint.origin, is_sound=hint.is_verified, version=VERSION_2
        )
        if found is None or not all(found.marks.header.empty_bits):
            return ((stego, None),)
        return ((stego, FullExtract(stego, found)),)

    def finish(self) -> tuple[Read, ...]:
        """No frame waits."""
        return ()


@dataclass(frozen=True, slots=True)
class FullCarrier(DrawingWindows):
    """Hides the template in every byte; implements :class:`cssv.carriers.base.WindowCarrier`.

    A frame is read by itself. A window is embedded together, because a byte keeps the value of the frame
    before where it can (:mod:`.pinching`).

    Attributes:
        reach: levels from the cover within which a byte keeps its value. None chooses by trial on samples of
            a clip; frames that are embedded without such a trial get ``DEFAULT_REACH``.
        grain: ``"fine"`` leaves more of the picture's own brightness and colour where nothing is drawn,
            ``"coarse"`` gives smaller files. None chooses in the same way, without a trial ``DEFAULT_GRAIN``.

    Raises:
        OptionError: a value that is not allowed.
    """

    name: ClassVar[str] = "full"
    needs_lossless: ClassVar[bool] = True
    layouts: ClassVar[tuple[Layout, ...]] = LAYOUTS
    omits_rings: ClassVar[bool] = True
    replaces_frames: ClassVar[bool] = True

    reach: int | None = None
    grain: Grain | None = None

    def __post_init__(self) -> None:
        low, high = REACH_RANGE
        if self.reach is not None and not low <= self.reach <= high:
            raise OptionError(
                "the levels that a byte may be off are out of range",
                found=self.reach,
                bound=f"{low} to {high}",
            )
        if self.grain is not None:
            check_choice("grain", self.grain, GRAINS)

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> FullCarrier:
        """Create a carrier from the options ``reach`` and ``grain``, each optional, ``"auto"`` for None."""
        reach, grain = (options.get(name, AUTO) for name in ("reach", "grain"))
        if reach != AUTO and not (reach.isascii() and reach.isdecimal() and len(reach) < len("1000")):
            raise OptionError("the levels that a byte may be off are no number", found=reach)
        return cls(
            None if reach == AUTO else int(reach),
            None if grain == AUTO else cast("Grain", grain),
        )

    def options(self) -> dict[str, str]:
        """Levels and grain."""
        return {"reach": AUTO if self.reach is None else str(self.reach), "grain": self.grain or AUTO}

    @property
    def sample_s(self) -> int:
        """Seconds of each part of a sample; 0 if nothing is left to choose."""
        return 0 if self.reach and self.grain else _SAMPLE_S

    def prepared(self, sample: ClipSample, recode: Recode, report: Report = no_report) -> FullCarrier:  # noqa: ARG002
        """The same carrier with levels and a grain that suit a clip, where they are not stated."""
        if self.reach and self.grain:
            return self
        reaches = TRIED_REACHES if self.reach is None else (self.reach,)
        best = choose(sample, reaches, GRAINS if self.grain is None else (self.grain,), report)
        return FullCarrier(best.reach, best.grain)

    def offers(self, sample: ClipSample, recode: Recode) -> tuple[Offer, ...]:  # noqa: ARG002 - nothing survives
        """None: the heat map survives no re-encoding."""
        return ()

    def span(self, layout: Layout, width: int, height: int) -> WindowSpan:
        """The longest window."""
        size = int(np.prod(planes_shape(layout, width, height)))
        return WindowSpan(None, next((n for n in _WINDOW_FRAMES if n * size <= _MOST_BYTES), 1))

    def embed_window(
        self,
        covers: Sequence[Frame],
        contents: Sequence[FrameContent],
        number: int,  # noqa: ARG002 - a frame has its own number
    ) -> list[Embedded]:
        """Draw the objects and put the drawings into the low nibbles."""
        first, content = covers[0], contents[0]
        small = make_miniature(content.scene, content.ranges, first.width, first.height, content.time_base)
        drawings = [own.draw(cover) for cover, own in zip(covers, contents, strict=True)]
        return self._embed(covers, contents, drawings, small.write())

    def replace_window(
        self,
        stegos: Sequence[Frame],
        contents: Sequence[FrameContent],
        number: int,  # noqa: ARG002 - a frame has its own number
        covers: Sequence[Frame] | None = None,
        unmarked: Sequence[Sequence[Outline]] = (),
    ) -> list[Embedded]:
        """Draw other objects into stego frames.

        Without the covers the stego frames serve as covers, each by itself: bytes that carry already what
        they shall carry stay. The environment in the marks stays that of the first encoding.
        """
        read = [_found(stego) for stego in stegos]
        founds = [found for found, _ in read]
        miniature = with_ranges(read[0][1], contents[0].ranges).write()
        if covers is not None:
            for stego, cover in zip(stegos, covers, strict=True):
                check_cover(stego, cover, partial(self.may_come_from, stego, cover))
            drawings = [own.draw(cover, {}) for cover, own in zip(covers, contents, strict=True)]
            return self._embed(covers, contents, drawings, miniature)
        bare = [without_bits(stego, found.marked) for stego, found in zip(stegos, founds, strict=True)]
        drawings = [
            own.draw(stego, {(o.track, o.box): o for o in (*known, *found.outlines)})
            for stego, own, found, known in zip(
                stegos, contents, founds, unmarked or [()] * len(stegos), strict=True
            )
        ]
        rows = zip(bare, contents, drawings, strict=True)
        return [self._embed([cover], [own], [drawn], miniature)[0] for cover, own, drawn in rows]

    def replace_notes(self, stego: Frame, content: FrameContent) -> tuple[str, ...]:
        """A note if the environment of the content differs from that in the marks."""
        _, small = _found(stego)
        new = make_miniature(content.scene, content.ranges, stego.width, stego.height, content.time_base)
        return environment_notes(small, new)

    def extractor(self) -> FullExtractor:
        """An extractor for one source."""
        return FullExtractor()

    def may_come_from(self, stego: Frame, cover: Frame) -> bool:
        """Whether the stego frame can have been embedded in this cover."""
        if not is_alike(stego, cover):
            return False
        off = np.maximum(stego.planes, cover.planes) - np.minimum(stego.planes, cover.planes)
        far = off > self._reach + _MARK_LEVELS
        # Near the ends of the range the nearest byte with a nibble can be a whole step away.
        inner = (cover.planes >= _STEP) & (cover.planes <= 255 - _STEP)
        return not ((far & inner).any() or (off > _STEP).any())

    @property
    def _reach(self) -> int:
        return DEFAULT_REACH if self.reach is None else self.reach

    @property
    def _grain(self) -> Grain:
        return DEFAULT_GRAIN if self.grain is None else self.grain

    def _embed(
        self,
        covers: Sequence[Frame],
        contents: Sequence[FrameContent],
        drawings: Sequence[Sequence[Drawing]],
        miniature: bytes,
    ) -> list[Embedded]:
        """Embed successive frames, of which each is pinched to the one before."""
        done, previous = list[Embedded](), None
        for cover, content, own in zip(covers, contents, drawings, strict=True):
            layout, width, height = cover.layout, cover.width, cover.height
            outlines = tuple(drawing.outline for drawing in own)
            places = place_tags(outlines, width, height)
            # Without a tag a reader does not know where the rings lie, so they are not drawn.
            shown = [drawing for drawing, place in zip(own, places, strict=True) if place is not None]
            told = [drawing.outline for drawing in shown]
            embedder = FullEmbedder(layout, empty_bits(self._grain, layout), self._reach)
            template = render(shown, cover.luma(), layout, interior=False)
            drawn = ring_pixels(told, width, height)
            previous = embedder.pinch(np.ascontiguousarray(cover.planes), template, drawn, previous)
            planes = embedder.mark(previous, told, miniature, number=content.number, pts=content.pts)
            stego = Frame(planes, layout, content.pts, content.time_base, content.number)
            unmarked = tuple(o for o, place in zip(outlines, places, strict=True) if place is None)
            done.append(Embedded(stego, outlines, unmarked))
        return done


def _found(stego: Frame) -> tuple[ExtractedPlanes, Miniature]:
    """Content and miniature of a frame of a ``.cssv``. Raises ContainerError if it has none."""
    return require_marks(stego, extract_planes(stego.planes, stego.layout, is_sound=True, version=VERSION_2))
