"""The nibble carrier: the heat map itself, in the low nibble of every byte (SPEC.md beside this file)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar, cast

from cssv.carriers.base import CarriedClip, Embedded, FrameContent, Hint
from cssv.carriers.nibble.forms import FIDELITIES, Fidelity
from cssv.carriers.nibble.mark_record import Miniature
from cssv.carriers.nibble.marked_frame import MarkedExtract, is_alike, require_marks
from cssv.carriers.nibble.merge import DEFAULT_MERGE, MERGES, Merge
from cssv.carriers.nibble.miniature import carried_clip, environment_notes, make_miniature, with_ranges
from cssv.carriers.nibble.planes import (
    VERSION_1_FIDELITY,
    ExtractedPlanes,
    PlanesEmbedder,
    extract_planes,
    is_cover,
)
from cssv.carriers.nibble.reembed import draw_on_cover, draw_on_stego
from cssv.carriers.nibble.scene_identity import SceneIdentity
from cssv.carriers.nibble.tags import place_tags
from cssv.errors import check_choice
from cssv.frames import LAYOUTS, U8, Frame, Layout
from cssv.scene import Ranges
from cssv.template.draw import to_state
from cssv.template.drawing import Drawing, Outline, Rings
from cssv.template.read import VISIBLE_SHARE, read
from cssv.template.render import render
from cssv.template.state import ObjectState, moved


@dataclass(frozen=True, slots=True)
class NibbleExtract(MarkedExtract):
    """The content of one stego frame of the nibble carrier; implements :class:`cssv.carriers.base.Extracted`.

    Attributes:
        stego: the frame.
        found: heat, marks and tags read from its planes.
    """

    stego: Frame
    found: ExtractedPlanes

    @property
    def clip(self) -> CarriedClip | None:
        """Ranges, environment and time base from a mark; None if no miniature is intact."""
        miniature = self.found.marks.miniature
        return None if miniature is None else carried_clip(miniature)

    @property
    def is_intact(self) -> bool:
        """Whether all marks are intact and the nibbles of all cells are as written."""
        marks = self.found.marks
        return marks.intact == marks.whole and not self.found.damaged

    @property
    def damaged_cells(self) -> tuple[tuple[int, int], ...]:
        """Column and row of the 80x80 cells whose nibbles are not as written."""
        return self.found.damaged

    @property
    def heat(self) -> U8:
        """The nibble planes as carried, shifted up by four, marks and tags included."""
        return self.found.heat

    @property
    def clean_heat(self) -> U8:
        """The nibble planes without marks and tags."""
        return self.found.clean(self.stego.layout)

    def states(self, ranges: Ranges) -> tuple[ObjectState, ...]:
        """Objects as their rings show them; objects that are mostly hidden have no attributes."""
        found = self.found
        readings = read(found.heat, self.stego.layout, found.outlines, found.marked, found.damaged_pixels())
        # Too few visible pixels give a wrong value rather than an uncertain one.
        sure = (r if r.visible >= VISIBLE_SHARE else replace(r, readings=None) for r in readings)
        return tuple(moved(to_state(reading, ranges), self.origin) for reading in sure)


@dataclass(frozen=True, slots=True)
class NibbleCarrier:
    """Hides the template's high nibbles in the low nibbles of the planes.

    Attributes:
        merge: how nibbles are replaced, ``"opap"`` or ``"plain"``.
        fidelity: ``"full"``: every byte carries; ``"sparse"``: only bytes near the objects do.

    Raises:
        OptionError: an unknown merge or fidelity.
    """

    name: ClassVar[str] = "nibble"
    needs_lossless: ClassVar[bool] = True
    layouts: ClassVar[tuple[Layout, ...]] = LAYOUTS

    merge: Merge = DEFAULT_MERGE
    fidelity: Fidelity = VERSION_1_FIDELITY

    def __post_init__(self) -> None:
        check_choice("merge", self.merge, MERGES)
        check_choice("fidelity", self.fidelity, FIDELITIES)

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> NibbleCarrier:
        """Create a carrier from the options ``merge`` and ``fidelity``, each optional."""
        return cls(
            cast("Merge", options.get("merge", DEFAULT_MERGE)),
            cast("Fidelity", options.get("fidelity", VERSION_1_FIDELITY)),
        )

    def options(self) -> dict[str, str]:
        """Merge and fidelity."""
        return {"merge": self.merge, "fidelity": self.fidelity}

    def embed(self, cover: Frame, content: FrameContent) -> Embedded:
        """Draw the objects, always with all rings, and put the drawing into the low nibbles."""
        content = replace(content, rings=Rings.ALL)
        miniature = _miniature(
            SceneIdentity(content.scene), content.ranges, cover.width, cover.height, content.time_base
        )
        return self._embed(cover, content, content.draw(cover), miniature)

    def extract(self, stego: Frame, hint: Hint | None = None) -> NibbleExtract | None:
        """Read heat, marks and tags; None if the low nibbles carry no heat map."""
        hint = hint or Hint()
        found = extract_planes(stego.planes, stego.layout, hint.origin, is_sound=hint.is_verified)
        return None if found is None else NibbleExtract(stego, found)

    def replace(
        self,
        stego: Frame,
        content: FrameContent,
        cover: Frame | None = None,
        unmarked: Sequence[Outline] = (),
    ) -> Embedded:
        """Draw other objects into a stego frame.

        Without the cover the stego frame serves as cover; each byte is at most 15 levels off. Bytes whose
        nibble stays the same stay the same. The environment in the marks stays that of the first encoding:
        changing it would change every frame.
        """
        found, miniature = _found(stego)
        content = replace(content, rings=Rings.ALL)
        if cover is None:
            cover, drawings, edges = draw_on_stego(stego, content, found, unmarked)
        else:
            drawings, edges = draw_on_cover(stego, content, found, cover), None
        return self._embed(cover, content, drawings, with_ranges(miniature, content.ranges).write(), edges)

    def replace_notes(self, stego: Frame, content: FrameContent) -> tuple[str, ...]:
        """A note if the environment of the content differs from that in the marks."""
        _, small = _found(stego)
        new = make_miniature(content.scene, content.ranges, stego.width, stego.height, content.time_base)
        return environment_notes(small, new)

    def may_come_from(self, stego: Frame, cover: Frame) -> bool:
        """Whether the stego frame can have been embedded in this cover."""
        if not is_alike(stego, cover):
            return False
        found = extract_planes(stego.planes, stego.layout, is_sound=True)
        return found is not None and is_cover(cover.planes, stego.planes, stego.layout, found)

    def _embed(
        self,
        cover: Frame,
        content: FrameContent,
        drawings: Sequence[Drawing],
        miniature: bytes,
        edges: U8 | None = None,
    ) -> Embedded:
        template = render(list(drawings), cover.luma(), cover.layout, edges=edges)
        outlines = tuple(drawing.outline for drawing in drawings)
        embedder = PlanesEmbedder(cover.layout, miniature, self.merge, self.fidelity)
        planes = embedder.embed(cover.planes, template, outlines, number=content.number, pts=content.pts)
        stego = Frame(planes, cover.layout, content.pts, content.time_base, content.number)
        places = place_tags(outlines, cover.width, cover.height)
        unmarked = tuple(o for o, place in zip(outlines, places, strict=True) if place is None)
        return Embedded(stego, outlines, unmarked)


def _found(stego: Frame) -> tuple[ExtractedPlanes, Miniature]:
    """Content and miniature of a frame of a ``.cssv``. Raises ContainerError if it has none."""
    return require_marks(stego, extract_planes(stego.planes, stego.layout, is_sound=True))


@lru_cache(maxsize=8)
def _miniature(key: SceneIdentity, ranges: Ranges, width: int, height: int, time_base: Fraction) -> bytes:
    """Miniature of a clip. Kept, because it is the same for all frames and takes a hash of the scene."""
    return make_miniature(key.scene, ranges, width, height, time_base).write()
