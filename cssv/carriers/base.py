"""The carrier contract: what a way to hide the heat map in pixels must offer.

A carrier hides the content of frames in their pixels and recovers it. There are two kinds. :class:`Carrier`
treats each frame by itself. :class:`WindowCarrier` treats successive frames, a window, together. The pipeline
knows carriers only through these protocols and the registry :data:`cssv.CARRIERS`. A new carrier is one
module that implements one of them and one line in the registry; the contract tests are
:class:`cssv.testing.carrier.CarrierContract` and :class:`cssv.testing.window_carrier.WindowCarrierContract`.

Calls depend on their arguments alone: the same cover and content give the same bytes in any process and
in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar, Protocol, Self, TypeAlias, runtime_checkable

from cssv.frames import U8, ExactContent, Frame, Layout
from cssv.payload.loss import Loss
from cssv.scene import Ranges, Scene
from cssv.scene.ground import Plane
from cssv.template.draw import draw
from cssv.template.drawing import Drawing, Outline, OutlineKey, PixelBox, Rings
from cssv.template.state import ObjectState


@dataclass(frozen=True, slots=True)
class FrameContent:
    """What is hidden in one frame.

    Attributes:
        number: frame number in the encoded clip, from 0.
        pts: presentation time in units of ``time_base``.
        time_base: seconds per unit of ``pts``, exact.
        objects: objects of the frame, in drawing order of their ids.
        ranges: values at the bottom and top of each ring.
        scene: the scene of the clip.
        outlines: outlines that are known already, by track and box; they are not searched again.
        is_last: whether the clip is known to end with the window of this frame.
        rings: the rings that the drawings have.
    """

    number: int
    pts: int
    time_base: Fraction
    objects: tuple[ObjectState, ...]
    ranges: Ranges
    scene: Scene
    outlines: Mapping[OutlineKey, Outline] = field(default_factory=dict)
    is_last: bool = False
    rings: Rings = Rings.ALL

    def draw(self, frame: Frame, outlines: Mapping[OutlineKey, Outline] | None = None) -> tuple[Drawing, ...]:
        """Drawings of the objects inside the frame, with outlines found in its brightness.

        Args:
            frame: the cover, or a stego frame that serves as cover.
            outlines: known outlines, in place of :attr:`outlines`.
        """
        luma, size = frame.luma(), (frame.width, frame.height)
        known = self.outlines if outlines is None else outlines
        explored: dict[PixelBox, tuple[bytes, int]] = {}
        drawings = (
            draw(state, self.ranges, luma, size, known, explored, self.rings) for state in self.objects
        )
        return tuple(drawing for drawing in drawings if drawing is not None)


@dataclass(frozen=True, slots=True)
class Embedded:
    """A frame with its content hidden.

    Attributes:
        stego: the frame; number, pts and time base are those of the content.
        outlines: outlines of all objects drawn.
        unmarked: those outlines that the pixels do not carry; the scene track keeps them.
        loss: what the payload of the window does not tell; only of the first frame of a window, and None for
            carriers that hide the heat map itself.
        exact: what must decode exactly after lossy coding, of a :class:`RegionCarrier`; None for nothing.
    """

    stego: Frame
    outlines: tuple[Outline, ...] = ()
    unmarked: tuple[Outline, ...] = ()
    loss: Loss | None = None
    exact: ExactContent | None = None


@dataclass(frozen=True, slots=True)
class CarriedClip:
    """What the pixels carry about the whole clip.

    Attributes:
        ranges: values at the bottom and top of each ring.
        scene: the scene as far as the pixels carry it.
        time_base: seconds per unit of pts, exact.
        size: width and height of the frames of the clip; None if the pixels do not tell.
        plane: the ground plane of the frames; None if the pixels do not tell it by itself.
        is_complete: whether later frames tell no more about the scene.
    """

    ranges: Ranges
    scene: Scene
    time_base: Fraction
    size: tuple[int, int] | None = None
    is_complete: bool = True
    plane: Plane | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """What is known before a frame is read; it saves work and changes no result.

    Attributes:
        origin: x, y of the picture's top left pixel in the encoded clip, as in the frame before.
        clip: what an earlier frame, or the container, says about the clip.
        is_verified: a checksum has shown that the pixels are as written, so that parts need no check.
    """

    origin: tuple[int, int] = (0, 0)
    clip: CarriedClip | None = None
    is_verified: bool = False


class Extracted(Protocol):
    """The content recovered from one frame; expensive parts are computed when they are used."""

    @property
    def number(self) -> int:
        """Frame number in the encoded clip, from 0."""

    @property
    def pts(self) -> int:
        """Presentation time in the encoded clip, in units of the clip's time base."""

    @property
    def origin(self) -> tuple[int, int]:
        """x, y of the picture's top left pixel in the encoded clip; not (0, 0) after a crop."""

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of this picture for one of the encoded clip, across and down; (1, 1) unless scaled."""

    @property
    def clip(self) -> CarriedClip | None:
        """What this frame says about the whole clip; None if nothing can be read here."""

    @property
    def is_intact(self) -> bool:
        """Whether everything that was embedded in this frame reads back."""

    @property
    def is_missing(self) -> bool:
        """Whether the source does not hold the window of this frame; False for frame carriers."""

    @property
    def damaged_cells(self) -> tuple[tuple[int, int], ...]:
        """Column and row of the damaged 80x80 cells; empty for carriers without cells."""

    @property
    def heat(self) -> U8:
        """The template as carried, in the shape of the planes; high nibbles only."""

    @property
    def clean_heat(self) -> U8:
        """The template without the carrier's own marks."""

    def states(self, ranges: Ranges) -> tuple[ObjectState, ...]:
        """Objects of the frame from its pixels alone, in units of ``ranges``."""


#: Scale of a picture that was not scaled.
UNSCALED = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class PictureView:
    """The part of the encoded picture that a source shows.

    Attributes:
        size_px: width and height of the source's pictures in their own pixels.
        origin_px: x, y of their top left pixel in the encoded clip; negative where bars were added.
        scale: their pixels for one of the encoded clip, horizontal and vertical.
    """

    size_px: tuple[int, int]
    origin_px: tuple[int, int]
    scale: tuple[float, float]

    def to_json(self) -> dict[str, list[float]]:
        """Return the values as plain JSON types."""
        return {
            "size_px": list(self.size_px),
            "origin_px": list(self.origin_px),
            "scale": list(self.scale),
        }


class CarrierBase(Protocol):
    """What both kinds of carriers have in common.

    Attributes:
        name: key in the registry; the facts of a file name its carrier by it.
        needs_lossless: whether the pixels must come back exactly. Where False, a lossy codec may follow, and
            no checksum of decoded planes is checked.
        layouts: layouts of planes that it takes. A clip in others is converted, where that is possible.
    """

    name: ClassVar[str]
    needs_lossless: ClassVar[bool]
    layouts: ClassVar[tuple[Layout, ...]]

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> Self:
        """Create a carrier; keys of other parties are ignored. Inverse of :meth:`options`.

        Raises:
            OptionError: a value that the option does not take.
        """

    def options(self) -> dict[str, str]:
        """All options and their values, as the facts of a file record them."""

    def replace_notes(self, stego: Frame, content: FrameContent) -> tuple[str, ...]:
        """What replacing leaves unchanged although the content differs, one sentence each.

        Args:
            stego: first frame of the clip.
            content: what this frame is to hide.
        """

    def may_come_from(self, stego: Frame, cover: Frame) -> bool:
        """Whether the stego frame can have been embedded in this cover, whatever the content."""


@runtime_checkable
class Carrier(CarrierBase, Protocol):
    """A way to hide the content of each frame in its own pixels."""

    def embed(self, cover: Frame, content: FrameContent) -> Embedded:
        """Hide the content in a frame."""

    def extract(self, stego: Frame, hint: Hint | None = None) -> Extracted | None:
        """Recover the content of a frame, whole or cropped; None if the pixels carry nothing."""

    def replace(
        self,
        stego: Frame,
        content: FrameContent,
        cover: Frame | None = None,
        unmarked: Sequence[Outline] = (),
    ) -> Embedded:
        """Hide other content in a frame that carries already.

        The result depends on the stego frame, the content and the cover alone, so that a chain of
        replacements from the same stego frame does not drift.

        Args:
            stego: the frame as it was embedded from its cover.
            content: what to hide now.
            cover: the original frame; None if it is not available.
            unmarked: outlines in the stego frame that its pixels do not carry.

        Raises:
            ContainerError: the stego frame carries nothing.
            InputError: the cover is another picture.
        """


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """The longest window of a carrier.

    Attributes:
        seconds: a window ends before each multiple of it, counted from time 0 of the file; None for no bound.
        frames: most frames.
    """

    seconds: Fraction | None
    frames: int


#: A frame that was read, and its content; None if its pixels carry nothing.
Read: TypeAlias = tuple[Frame, Extracted | None]


class Extractor(Protocol):
    """Recovers the content of successive frames of one source.

    A frame is returned, in order, as soon as its content is known. How many wait is bounded.

    Attributes:
        reach_s: seconds of frames, before a frame of the source, that its content may depend on, as far as is
            known.
    """

    @property
    def reach_s(self) -> Fraction:
        """See above."""

    def feed(self, stego: Frame, hint: Hint) -> Iterable[Read]:
        """Take the next frame; returns the frames whose content is known now."""

    def finish(self) -> Iterable[Read]:
        """Return the frames that still wait."""


class WindowCodec(Protocol):
    """What embeds, replaces and recovers the content of windows.

    A window refers to no other window. Which frames form a window depends on their times alone
    (:mod:`cssv.carriers.windows`).
    """

    def span(self, layout: Layout, width: int, height: int) -> WindowSpan:
        """The longest window in frames of this form."""

    def payload(self, contents: Sequence[FrameContent], number: int, size: tuple[int, int]) -> bytes | None:
        """The bytes that a window hides, sealed if the carrier has a key.

        None if the carrier hides no payload but the heat map itself.

        Args:
            contents: the content of each frame.
            number: of the window in the clip, from 0.
            size: width and height of the frames.

        Raises:
            FramingError: the content has no place in any payload.
        """

    def capacity_bytes(self, layout: Layout, width: int, height: int, frames: int) -> int | None:
        """Largest :meth:`payload` that a window of so many frames can hold, in bytes.

        None if the carrier hides no payload: every frame has room for its heat map. 0 if frames of this form
        hold nothing.
        """

    def expected_distortion(
        self, layout: Layout, width: int, height: int, frames: int, payload_bytes: int
    ) -> float | None:
        """Expected sum of the squared differences between the bytes of the covers and of the stego frames.

        None if it depends on the content and not on the length of the payload.

        Args:
            layout: of the frames.
            width: of the frames in pixels.
            height: of the frames in pixels.
            frames: number of frames of the window.
            payload_bytes: length of the payload, at most :meth:`capacity_bytes`.

        Raises:
            CarrierError: the payload does not fit.
        """

    def differs(
        self,
        old: Sequence[FrameContent],
        new: Sequence[FrameContent],
        number: int,
        size: tuple[int, int],
    ) -> bool:
        """Whether the pixels of a window change when its content changes from ``old`` to ``new``.

        Args:
            old: content of each frame of the window.
            new: the same, after the change.
            number: of the window in the clip, from 0.
            size: width and height of the frames.
        """

    def embed_window(
        self, covers: Sequence[Frame], contents: Sequence[FrameContent], number: int
    ) -> Sequence[Embedded]:
        """Hide the content of a window.

        Args:
            covers: its frames, which are not changed.
            contents: the content of each.
            number: of the window in the clip, from 0.

        Raises:
            CarrierError: the content does not fit, or the frames are too small.
        """

    def replace_window(
        self,
        stegos: Sequence[Frame],
        contents: Sequence[FrameContent],
        number: int,
        covers: Sequence[Frame] | None = None,
        unmarked: Sequence[Sequence[Outline]] = (),
    ) -> Sequence[Embedded]:
        """Hide other content in a window that carries already, as :meth:`Carrier.replace` does in a frame.

        Args:
            stegos: the frames as they were embedded from their covers.
            contents: what to hide now.
            number: of the window in the clip, from 0.
            covers: the original frames; None if they are not available.
            unmarked: of each stego frame, the outlines that its pixels do not carry; may be empty.

        Raises:
            ContainerError: the stego frames carry nothing.
            InputError: a cover is another picture.
        """

    def extractor(self) -> Extractor:
        """An extractor for one source."""


@runtime_checkable
class WindowCarrier(CarrierBase, WindowCodec, Protocol):
    """A way to hide the content of successive frames, a window, in the pixels of all of them."""


#: A carrier of either kind.
AnyCarrier: TypeAlias = Carrier | WindowCarrier


@runtime_checkable
class RegionCarrier(WindowCarrier, Protocol):
    """A carrier whose content decodes exactly although the rest of its frames is coded lossily.

    It takes yuv420p frames, and its ``needs_lossless`` is False. Each frame that it embeds or replaces has
    :attr:`Embedded.exact`. Its files are lossy H.264, in which the macroblocks with content are coded finer.
    """

    def copy_notes(self, lost: Sequence[str]) -> tuple[str, ...]:
        """What lossy copies of a file do not tell, one sentence each.

        Args:
            lost: what the payloads of the file do not tell.
        """

    def renew(self, stego: Frame) -> Embedded:
        """A decoded stego frame with the content that it has, stated as well as before it was coded.

        Else it would be coarser after each coding. A frame without content stays.
        """


def needs_regions(carrier: AnyCarrier) -> bool:
    """Whether files of a carrier need macroblocks that are coded finer."""
    return isinstance(carrier, RegionCarrier)
