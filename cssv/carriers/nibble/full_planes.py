"""Planes of the form ``full`` of version 2: every byte carries a nibble, or that the template is empty.

Where a ring is drawn, a byte carries the nibble of the template. Elsewhere its lowest bits are 0. Four of
them say what the nibble 0 says. Fewer say it too, and leave more of the picture's own value. The reader
knows the place of the rings from the tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.nibble.mark_record import VERSION_2, Header
from cssv.carriers.nibble.marks import cell_checks, cell_grid, write_marks
from cssv.carriers.nibble.pinching import pinch_plane
from cssv.carriers.nibble.tags import write_tags
from cssv.frames import U8, Layout, split_planes
from cssv.template.drawing import Outline

#: Levels from the cover within which a chroma byte keeps its previous value where nothing is drawn. More of
#: them leave tints behind objects that move (`benchmarks/full_form.py`).
CHROMA_REACH = 4


def plane_masks(mask: NDArray[np.bool_], layout: Layout) -> tuple[NDArray[np.bool_], ...]:
    """A mask of pixels for each of the three planes; a chroma sample belongs to the pixel at its top left."""
    chroma = mask[::2, ::2] if layout == "yuv420p" else mask
    return mask, chroma, chroma


@dataclass(frozen=True, slots=True)
class FullEmbedder:
    """Embeds templates in every byte of the planes of frames.

    Attributes:
        layout: layout of the planes.
        empty_bits: how many of the lowest bits of a luma byte, and of a chroma byte, are 0 where no ring is
            drawn; 1 to 4 each.
        reach: levels from the cover within which a byte keeps its previous value.
    """

    layout: Layout
    empty_bits: tuple[int, int]
    reach: int

    def pinch(self, cover: U8, template: U8, drawn: NDArray[np.bool_], previous: U8 | None) -> U8:
        """Stego planes without marks and tags, a new array.

        Args:
            cover: planes of the original frame.
            template: what to hide, same shape.
            drawn: (H, W) bool, pixels with rings.
            previous: the result for the frame before; None for none.
        """
        stego = np.empty_like(cover)
        rows = zip(
            split_planes(cover, self.layout),
            split_planes(template, self.layout),
            plane_masks(drawn, self.layout),
            split_planes(stego, self.layout),
            (None,) * 3 if previous is None else split_planes(previous, self.layout),
            self._bits_and_reaches(),
            strict=True,
        )
        for own, wanted, mask, into, before, (bits, reach) in rows:
            # OpenCV takes no planes of interleaved pixels.
            whole = np.ascontiguousarray(own)
            kept = None if before is None else np.ascontiguousarray(before)
            into[...] = pinch_plane(whole, wanted, mask, kept, bits, (reach, self.reach))
        return stego

    def _bits_and_reaches(self) -> tuple[tuple[int, int], ...]:
        """For each plane: its empty bits, and the levels of pinching where no ring is drawn."""
        luma, chroma = self.empty_bits
        reach = min(self.reach, CHROMA_REACH) if self.layout == "yuv420p" else self.reach
        return (luma, self.reach), (chroma, reach), (chroma, reach)

    def mark(self, bare: U8, outlines: Sequence[Outline], miniature: bytes, *, number: int, pts: int) -> U8:
        """The planes with marks and tags, a new array.

        Args:
            bare: from :meth:`pinch`.
            outlines: of the template's objects, for their tags.
            miniature: the scene miniature's bytes.
            number: the frame's, for the header.
            pts: its presentation time in the miniature's time base.
        """
        stego = bare.copy()
        header = Header(
            number,
            pts,
            objects=len(outlines),
            rgb=self.layout == "rgb24",
            version=VERSION_2,
            empty_bits=self.empty_bits,
        )
        luma = split_planes(stego, self.layout)[0]
        write_tags(luma, outlines, bit=1)
        # Checks cover the tags and lie in the marks, so marks are written last.
        checks = cell_checks(stego, self.layout, cell_grid(luma.shape[1], luma.shape[0]))
        write_marks(luma, header, miniature, bit=1, checks=checks)
        return stego
