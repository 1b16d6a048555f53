"""The sparse nibble carrier: the drawing alone, lossless, with the room in its marks (SPEC2.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar, cast

from cssv.carriers.base import Embedded, FrameContent, Hint
from cssv.carriers.nibble.mark_record import Miniature
from cssv.carriers.nibble.marked_frame import check_cover, is_alike, require_marks, without_bits
from cssv.carriers.nibble.merge import DEFAULT_MERGE, MERGES, Merge
from cssv.carriers.nibble.miniature import environment_notes, make_miniature, with_ranges
from cssv.carriers.nibble.room import room_labels, room_objects
from cssv.carriers.nibble.room_page import write_labels, write_lens, write_objects, write_plane
from cssv.carriers.nibble.scene_identity import SceneIdentity
from cssv.carriers.nibble.sparse_extract import SparseExtract
from cssv.carriers.nibble.sparse_grid import COMPACT, grid_of
from cssv.carriers.nibble.sparse_header import MOST_OBJECTS, SparseHeader
from cssv.carriers.nibble.sparse_planes import SparsePlanes, embed_planes, extract_planes, is_cover
from cssv.errors import InputError, check_choice
from cssv.frames import LAYOUTS, Frame, Layout
from cssv.scene import Ranges
from cssv.scene.camera import plane_of
from cssv.scene.ground import Plane
from cssv.template.drawing import Drawing, Outline

#: Tracks from here on need 32 bits in the room.
_WIDE_TRACK = 1 << 16


@dataclass(frozen=True, slots=True)
class SparseCarrier:
    """Hides the template's high nibbles where it shows rings or lines; no other byte changes but under marks.

    Its marks tell all objects of the frame and the ground plane, so that a small crop knows them.

    Attributes:
        merge: how nibbles are replaced, ``"opap"`` or ``"plain"``.

    Raises:
        OptionError: an unknown merge.
    """

    name: ClassVar[str] = "sparse"
    needs_lossless: ClassVar[bool] = True
    layouts: ClassVar[tuple[Layout, ...]] = LAYOUTS
    omits_rings: ClassVar[bool] = True

    merge: Merge = DEFAULT_MERGE

    def __post_init__(self) -> None:
        check_choice("merge", self.merge, MERGES)

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> SparseCarrier:
        """Create the carrier from the option ``merge``, which can be left out."""
        return cls(cast("Merge", options.get("merge", DEFAULT_MERGE)))

    def options(self) -> dict[str, str]:
        """The merge."""
        return {"merge": self.merge}

    def embed(self, cover: Frame, content: FrameContent) -> Embedded:
        """Draw the objects, and write the room into the marks."""
        clip = _clip_part(
            SceneIdentity(content.scene), content.ranges, cover.width, cover.height, content.time_base
        )
        return _embed(cover, content, content.draw(cover), clip, self.merge)

    def extract(self, stego: Frame, hint: Hint | None = None) -> SparseExtract | None:
        """Read the drawing and the room; None if the pixels carry neither."""
        hint = hint or Hint()
        found = extract_planes(stego.planes, stego.layout, hint.origin, is_sound=hint.is_verified)
        return None if found is None else SparseExtract(stego, found)

    def replace(
        self,
        stego: Frame,
        content: FrameContent,
        cover: Frame | None = None,
        unmarked: Sequence[Outline] = (),
    ) -> Embedded:
        """Draw other objects into a stego frame.

        Without the cover the stego frame serves as cover; each byte of a ring is at most 15 levels off. The
        environment and the ground in the marks stay those of the first encoding: changing them would change
        every frame.
        """
        found, small = _found(stego)
        if cover is None:
            cover, drawings = _draw_on_stego(stego, content, found, unmarked)
        else:
            planes = cover.planes
            check_cover(stego, cover, lambda: is_cover(planes, stego.planes, stego.layout, found))
            drawings = content.draw(cover, {})
        clip = _ClipPart(with_ranges(small, content.ranges), _ground_pages(found.marks.room.plane))
        return _embed(cover, content, drawings, clip, self.merge)

    def replace_notes(self, stego: Frame, content: FrameContent) -> tuple[str, ...]:
        """Notes if the environment or the ground of the content differs from that in the marks."""
        found, small = _found(stego)
        clip = _clip_part(
            SceneIdentity(content.scene), content.ranges, stego.width, stego.height, content.time_base
        )
        notes = [*environment_notes(small, clip.miniature)]
        if clip.ground != _ground_pages(found.marks.room.plane):
            notes.append("the ground in the pixels stays that of the first encoding")
        return tuple(notes)

    def may_come_from(self, stego: Frame, cover: Frame) -> bool:
        """Whether the stego frame can have been embedded in this cover."""
        if not is_alike(stego, cover):
            return False
        found = extract_planes(stego.planes, stego.layout, is_sound=True)
        return found is not None and is_cover(cover.planes, stego.planes, stego.layout, found)


def _found(stego: Frame) -> tuple[SparsePlanes, Miniature]:
    """Content and miniature of a frame of a ``.cssv``. Raises ContainerError if it has none."""
    return require_marks(stego, extract_planes(stego.planes, stego.layout, is_sound=True))


@dataclass(frozen=True, slots=True)
class _ClipPart:
    """What the marks tell of the clip: the miniature, and the pages of the ground plane and its lens."""

    miniature: Miniature
    ground: tuple[bytes, ...]


@lru_cache(maxsize=8)
def _clip_part(key: SceneIdentity, ranges: Ranges, width: int, height: int, time_base: Fraction) -> _ClipPart:
    """The part of a clip. Kept, because it is the same for all frames and takes a hash of the scene."""
    miniature = make_miniature(key.scene, ranges, width, height, time_base)
    try:
        plane = plane_of(key.scene.camera, (width, height))
    except InputError:
        # A calibration for pictures of another size is refused where the scene is read.
        plane = None
    return _ClipPart(miniature, _ground_pages(plane))


def _ground_pages(plane: Plane | None) -> tuple[bytes, ...]:
    """The pages of the ground plane and its lens; none if it is unknown or has no place in a page."""
    if plane is None:
        return ()
    if plane.lens is None:
        return (write_plane(plane),)
    lens = write_lens(plane.lens)
    return () if lens is None else (write_plane(plane), lens)


def _embed(
    cover: Frame, content: FrameContent, drawings: Sequence[Drawing], clip: _ClipPart, merge: Merge
) -> Embedded:
    size = (cover.width, cover.height)
    # The room of more objects would have no count; only a forged scene has so many.
    told = drawings[:MOST_OBJECTS]
    labels = room_labels(told)
    label_pages = write_labels(labels)
    header = SparseHeader(
        content.number,
        content.pts,
        len(told),
        content.rings,
        len(label_pages),
        rgb=cover.layout == "rgb24",
        is_compact=grid_of(*size) is COMPACT,
        has_plane=len(clip.ground) > 0,
        has_lens=len(clip.ground) > 1,
        has_wide_tracks=any(drawing.outline.track >= _WIDE_TRACK for drawing in told),
        plain=merge == "plain",
    )
    objects = room_objects(content, drawings, size, labels)[: len(told)]
    pages = [*clip.ground, *write_objects(header, objects), *label_pages]
    planes, unmarked = embed_planes(cover, drawings, header, clip.miniature.write(), pages)
    stego = Frame(planes, cover.layout, content.pts, content.time_base, content.number)
    return Embedded(stego, tuple(drawing.outline for drawing in drawings), unmarked)


def _draw_on_stego(
    stego: Frame, content: FrameContent, found: SparsePlanes, unmarked: Sequence[Outline]
) -> tuple[Frame, tuple[Drawing, ...]]:
    """The stego frame as a cover, and drawings in it with the outlines that it has already."""
    known = {(outline.track, outline.box): outline for outline in (*unmarked, *found.outlines)}
    return without_bits(stego, found.taken), content.draw(stego, known)
