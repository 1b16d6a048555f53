"""The mixed carrier: rings that come back exactly in a lossy file, and a room that outlives codecs.

The picture is coded lossily. Where rings and tags are drawn, the codec is so fine that all that they state
comes back (:class:`cssv.frames.ExactContent`). The whole picture holds the marks of the robust carrier. So an
intact file is read exactly, and a copy that was coded again, scaled or cropped still tells the room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar

from cssv.carriers.base import Embedded, FrameContent, WindowSpan
from cssv.carriers.nibble.cells import embed_levels
from cssv.carriers.nibble.mixed_extractor import MixedExtractor
from cssv.carriers.nibble.mixed_picture import (
    DrawnPicture,
    draw_picture,
    drawn_cells,
    label_table,
    read_picture,
)
from cssv.carriers.prepared import ClipSample, Offer, Recode, Report, no_report
from cssv.carriers.robust.carrier import RobustCarrier
from cssv.carriers.robust.identification import Identification
from cssv.carriers.windows import DrawingWindows, drawings_differ
from cssv.errors import CarrierError, ContainerError, OptionError
from cssv.frames import Frame, Layout
from cssv.payload.loss import Loss
from cssv.payload.thinning import BOUND_PX
from cssv.template.drawing import Outline

_YES, _NO = "true", "false"
#: Seconds from one frame with clip tags to the next.
CLIP_TAGS_S = Fraction(1)


def _thinning_room() -> RobustCarrier:
    return RobustCarrier(fit=True)


@dataclass(frozen=True, slots=True)
class MixedCarrier(DrawingWindows):
    """Draws the rings in cells that the codec keeps exactly; implements :class:`.base.WindowCarrier`.

    Attributes:
        room: carrier of the room. A scene that does not fit is thinned, because the rings hold it as well.
        has_room: whether the pictures are large enough for a room.
    """

    name: ClassVar[str] = "mixed"
    needs_lossless: ClassVar[bool] = False
    layouts: ClassVar[tuple[Layout, ...]] = ("yuv420p",)
    omits_rings: ClassVar[bool] = True

    room: RobustCarrier = field(default_factory=_thinning_room)
    has_room: bool = True

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> MixedCarrier:
        """Create a carrier from the names and values of :meth:`options`; all have defaults."""
        has_room = options.get("room", _YES)
        if has_room not in (_YES, _NO):
            raise OptionError("not a choice", found=has_room, bound=f"{_YES} or {_NO}")
        return cls(RobustCarrier.from_options({**options, "fit": _YES}), has_room == _YES)

    def options(self) -> dict[str, str]:
        """Options of the room, and whether there is one."""
        room = {name: value for name, value in self.room.options().items() if name != "fit"}
        return room | {"room": _YES if self.has_room else _NO}

    @property
    def identity(self) -> bytes:
        """Of the clip and of its scene, for the base layer of the room."""
        return self.room.identity

    def identifier(self) -> Identification:
        """A reader of the base layer of one source."""
        return self.room.identifier()

    @property
    def sample_s(self) -> int:
        """Seconds of frames for the trial of the room."""
        return self.room.sample_s if self.has_room else 0

    def prepared(self, sample: ClipSample, recode: Recode, report: Report = no_report) -> MixedCarrier:
        """The same carrier with a room that survives, or without a room in small pictures."""
        if not self.has_room:
            return self
        first = sample.first
        # Before the trial: without chips for the shortest payload it would take time for nothing.
        if not self.room.capacity_bytes(first.layout, first.width, first.height, 1):
            return replace(self, has_room=False)
        room = self.room.prepared(sample, recode, report)
        has_room = room.capacity_bytes(first.layout, first.width, first.height, 1) > 0
        return replace(self, room=room, has_room=has_room)

    def offers(self, sample: ClipSample, recode: Recode) -> tuple[Offer, ...]:
        """What windows of the room can hold."""
        return self.room.offers(sample, recode)

    def span(self, layout: Layout, width: int, height: int) -> WindowSpan:
        """Windows of the room."""
        return self.room.span(layout, width, height)

    def differs(
        self,
        old: Sequence[FrameContent],
        new: Sequence[FrameContent],
        number: int,
        size: tuple[int, int],
    ) -> bool:
        """Whether the rings differ, or the room does."""
        if drawings_differ(old, new, size):
            return True
        return self.has_room and self.room.differs(old, new, number, size)

    def embed_window(
        self, covers: Sequence[Frame], contents: Sequence[FrameContent], number: int
    ) -> list[Embedded]:
        """Hide the room in a window and draw the rings of its frames."""
        marked, loss = self._with_room(covers, contents, number)
        labels, due = label_table(contents), clip_tags_due(contents)
        done = [
            _embed(cover, under, content, labels, has_clip_tags=is_due)
            for cover, under, content, is_due in zip(covers, marked, contents, due, strict=True)
        ]
        return [replace(done[0], loss=loss), *done[1:]]

    def replace_window(
        self,
        stegos: Sequence[Frame],
        contents: Sequence[FrameContent],
        number: int,
        covers: Sequence[Frame] | None = None,
        unmarked: Sequence[Sequence[Outline]] = (),
    ) -> list[Embedded]:
        """Draw other rings and hide another room in frames that carry already.

        Without the covers the stego frames serve as covers: the bits of old rings stay where no new ring is.
        """
        if covers is not None:
            for stego, cover in zip(stegos, covers, strict=True):
                self.room.check_cover(stego, cover)
            return self.embed_window(covers, contents, number)
        if not read_picture(stegos[0].luma()).places:
            raise ContainerError(
                f"frame {stegos[0].number} carries no tags",
                remedy="Run `cssv.verify()` to find the damage.",
            )
        marked = self._with_other_room(stegos, contents, number)
        outlines = unmarked or [()] * len(stegos)
        labels, due = label_table(contents), clip_tags_due(contents)
        return [
            _replace(stego, under, content, extra, labels, has_clip_tags=is_due)
            for stego, under, content, extra, is_due in zip(
                stegos, marked, contents, outlines, due, strict=True
            )
        ]

    def copy_notes(self, lost: Sequence[str]) -> tuple[str, ...]:
        """What the room of a copy that was coded again does not tell."""
        if not self.has_room:
            return ("the pictures are too small for a room: copies that were coded again tell nothing",)
        return (f"copies that were coded again tell less: {'; '.join(lost)}",) if lost else ()

    def renew(self, stego: Frame) -> Embedded:
        """A stego frame whose cells state their levels as well as before it was coded."""
        found = read_picture(stego.luma())
        if not found.places:
            return Embedded(stego)
        cells = drawn_cells(found, stego.width, stego.height)
        planes = stego.planes.copy()
        planes[: stego.height] = embed_levels(stego.luma(), cells.levels, cells.tags | cells.rings)
        return Embedded(replace(stego, planes=planes), cells.outlines, exact=cells)

    def _with_room(
        self, covers: Sequence[Frame], contents: Sequence[FrameContent], number: int
    ) -> tuple[Sequence[Frame], Loss | None]:
        """The frames of a window with the marks of the room, and what the room does not tell."""
        if not self.has_room:
            return covers, None
        try:
            done = self.room.embed_window(covers, contents, number)
        except CarrierError:
            # A last window can be too short for any payload. Its rings hold everything.
            return covers, _nothing_told(contents)
        return [each.stego for each in done], done[0].loss

    def _with_other_room(
        self, stegos: Sequence[Frame], contents: Sequence[FrameContent], number: int
    ) -> Sequence[Frame]:
        """The frames of a window with another room in place of theirs."""
        if not self.has_room:
            return stegos
        try:
            return [each.stego for each in self.room.replace_window(stegos, contents, number)]
        except (CarrierError, ContainerError):
            # A window without a room stays without one.
            return stegos

    def replace_notes(self, stego: Frame, content: FrameContent) -> tuple[str, ...]:  # noqa: ARG002
        """Nothing stays unchanged: room and clip tags hold what the scene says of the clip."""
        return ()

    def may_come_from(self, stego: Frame, cover: Frame) -> bool:
        """Whether luma is similar: the codec may have changed it."""
        return self.room.may_come_from(stego, cover)

    def extractor(self) -> MixedExtractor:
        """An extractor for one source."""
        return MixedExtractor()


def _nothing_told(contents: Sequence[FrameContent]) -> Loss:
    """The loss of a window without a room."""
    tracks = sorted({state.track for content in contents for state in content.objects})
    frames = contents[0].number, contents[-1].number
    return Loss(frames, len(tracks), BOUND_PX, BOUND_PX, part=True, left_out=tuple(tracks))


def clip_tags_due(contents: Sequence[FrameContent]) -> list[bool]:
    """Whether each frame of a window gets clip tags: the first one, and one in each :data:`CLIP_TAGS_S`."""
    due, last = list[bool](), None
    for content in contents:
        second = content.pts * content.time_base // CLIP_TAGS_S
        due.append(second != last)
        last = second
    return due


def _embed(
    cover: Frame,
    under: Frame,
    content: FrameContent,
    labels: Mapping[int, str],
    *,
    has_clip_tags: bool,
) -> Embedded:
    """Draw the rings of a frame.

    Args:
        cover: the picture in which outlines are found.
        under: the same picture with the marks of the room.
        content: of the frame.
        labels: of the window, by index.
        has_clip_tags: whether the frame gets clip tags.
    """
    drawings = content.draw(cover)
    drawn = draw_picture(under.luma(), drawings, content, labels, has_clip_tags=has_clip_tags)
    return _embedded(under, content, drawn)


def _embedded(under: Frame, content: FrameContent, drawn: DrawnPicture) -> Embedded:
    planes = under.planes.copy()
    planes[: under.height] = drawn.luma
    stego = replace(under, planes=planes, pts=content.pts, time_base=content.time_base, number=content.number)
    return Embedded(stego, drawn.outlines, drawn.unmarked, exact=drawn.cells)


def _replace(
    stego: Frame,
    under: Frame,
    content: FrameContent,
    unmarked: Sequence[Outline],
    labels: Mapping[int, str],
    *,
    has_clip_tags: bool,
) -> Embedded:
    """Draw other rings in a stego frame.

    Args:
        stego: the frame.
        under: the same picture with the marks of the new room.
        content: of the frame.
        unmarked: outlines in it that have no tag.
        labels: of the window, by index.
        has_clip_tags: whether the frame gets clip tags.
    """
    found = read_picture(stego.luma())
    outlines = (*unmarked, *(tag.outline for tag in found.objects))
    # Else outlines would change with the codec's noise.
    known = {(outline.track, outline.box): outline for outline in outlines}
    drawings = content.draw(stego, {**content.outlines, **known})
    drawn = draw_picture(under.luma(), drawings, content, labels, has_clip_tags=has_clip_tags)
    return _embedded(under, content, drawn)
