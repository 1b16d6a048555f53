"""Marks: the frame header and the scene miniature, repeated in every cell of the image.

Cells are CELL x CELL pixels from the frame's top left corner; a mark fills the first
MARK x MARK pixels of its cell. A crop of 160x160 pixels holds at least one whole mark, because
160 >= CELL - 1 + MARK.
Layout of a mark, each block 16x16 pixels, 16 rows of two bytes: header | miniature (first half) over
miniature (second half) | support.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from cssv.carriers.nibble.bits import TEMPLATE_BIT, UNIT, BitPlane, block_pixels, set_bits
from cssv.carriers.nibble.mark_record import (
    CELL_BLOCKS,
    CELL_PLACE,
    HEADER_SIZE,
    MAGIC_BYTES,
    MINIATURE_SIZE,
    Header,
    Miniature,
    check_of,
    common_part,
    frame_of,
    header_blocks,
    read_support,
    write_support,
)
from cssv.errors import FramingError
from cssv.frames import U8, Layout, cut_planes, split_planes

#: Pixels of the largest mask of marks that is kept for the next frame.
_KEPT_PIXELS = 1 << 22

CELL = 80
MARK = 32
#: Rows and columns of cells that a header can address.
_CELLS = 256
_ROWS = 16
#: Side of a support block in luma pixels; a cell holds CELL_BLOCKS x CELL_BLOCKS of them.
SUPPORT_BLOCK = CELL // CELL_BLOCKS


def cell_grid(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of cells whose mark lies wholly inside the frame."""
    return (height - MARK) // CELL + 1, (width - MARK) // CELL + 1


def marked_pixels(
    width: int,
    height: int,
    sparse: bool,
    origin: tuple[int, int] = (0, 0),
    frame: tuple[int, int] | None = None,
    step: int = 1,
) -> NDArray[np.bool_]:
    """Find the pixels of a picture whose lowest bit belongs to a mark.

    Args:
        width: of the picture in pixels.
        height: of the picture.
        sparse: whether marks have a support block.
        origin: x, y of the picture's top left pixel in the whole frame.
        frame: width and height of the whole frame; None when the picture is the whole frame.
        step: only every so many rows and columns.

    Returns:
        bool (height, width), or less by ``step``; read only.
    """
    # Eight masks of a large frame would take more memory than the frame.
    make = _marked_pixels if width * height <= _KEPT_PIXELS * step * step else _marked_pixels.__wrapped__
    return make(width, height, sparse, origin, frame, step)


@lru_cache(maxsize=8)
def _marked_pixels(
    width: int,
    height: int,
    sparse: bool,
    origin: tuple[int, int],
    frame: tuple[int, int] | None,
    step: int,
) -> NDArray[np.bool_]:
    rows, columns = cell_grid(*(frame or (width, height)))
    down = _in_cell(origin[1], height, rows)[::step, None]
    across = _in_cell(origin[0], width, columns)[::step]
    mask = (down < MARK) & (across < MARK)
    if not sparse:
        mask &= (down < _ROWS) | (across < _ROWS)
    mask.setflags(write=False)
    return mask


def _in_cell(first: int, length: int, cells: int) -> NDArray[np.int64]:
    """Return the offset of each pixel in its cell along one axis; CELL outside the frame's cells."""
    at = np.arange(first, first + length)
    return np.where((at < 0) | (at >= cells * CELL), CELL, at % CELL)


def _cells(plane: U8) -> U8:
    """Make a writable view (rows, columns, MARK, MARK) of the marks in a plane."""
    rows, columns = cell_grid(plane.shape[1], plane.shape[0])
    down, across = plane.strides
    return as_strided(plane, (rows, columns, MARK, MARK), (CELL * down, CELL * across, down, across))


def _mark_bits(
    header: Header, miniature: bytes, support: NDArray[np.bool_] | None, checks: NDArray[np.uint32]
) -> U8:
    """Bits (rows, columns, MARK, MARK) of every mark of a frame."""
    rows, columns = shape = checks.shape
    marks = np.zeros((rows, columns, MARK, MARK // 8), np.uint8)
    half = MINIATURE_SIZE // 2
    marks[:, :, :_ROWS, 2:] = np.frombuffer(miniature[:half], np.uint8).reshape(_ROWS, 2)
    marks[:, :, _ROWS:, :2] = np.frombuffer(miniature[half:], np.uint8).reshape(_ROWS, 2)
    marks[:, :, :_ROWS, :2] = header_blocks(header, checks).reshape(rows, columns, _ROWS, 2)
    if support is not None:
        for (row, column), block in _support_blocks(support, shape).items():
            marks[row, column, _ROWS:, 2:] = np.frombuffer(block, np.uint8).reshape(_ROWS, 2)
    return block_pixels(marks)


def _support_blocks(support: NDArray[np.bool_], shape: tuple[int, int]) -> dict[tuple[int, int], bytes]:
    """Return the support record of every cell: the 15 x 15 support blocks of it and its neighbours."""
    rows, columns = shape
    side = CELL_BLOCKS
    below = max((rows + 1) * side - support.shape[0], 0)
    beside = max((columns + 1) * side - support.shape[1], 0)
    padded = np.pad(support, ((side, below), (side, beside)))
    windows = sliding_window_view(padded, (3 * side, 3 * side))[::side, ::side][:rows, :columns]
    packed = np.packbits(windows.reshape(rows, columns, -1), axis=-1)
    return {(r, c): write_support(packed[r, c].tobytes()) for r in range(rows) for c in range(columns)}


def write_marks(
    luma: U8,
    header: Header,
    miniature: bytes,
    support: NDArray[np.bool_] | None = None,
    bit: int = TEMPLATE_BIT,
    checks: NDArray[np.uint32] | None = None,
) -> None:
    """Write the marks of a frame into a luma plane, in place.

    Args:
        luma: (H, W) uint8; a template's brightness (``bit`` 0x10), or stego bytes (``bit`` 1).
        header: of the frame; the cell is set for each mark.
        miniature: the bytes of :meth:`Miniature.write`.
        support: support blocks (:func:`support_blocks`) in sparse fidelity, else None.
        bit: which bit of each byte to set.
        checks: (rows, columns) of :func:`cell_checks`; zeros by default.
    """
    cells = _cells(luma)
    if checks is None:
        checks = np.zeros(cells.shape[:2], np.uint32)
    bits = _mark_bits(header, miniature, support, checks)
    if support is not None:
        set_bits(cells, bits, bit)
        return
    set_bits(cells[..., :_ROWS, :], bits[..., :_ROWS, :], bit)
    set_bits(cells[..., _ROWS:, :_ROWS], bits[..., _ROWS:, :_ROWS], bit)


def cell_checks(
    planes: U8, layout: Layout, shape: tuple[int, int], *, is_high: bool = False
) -> NDArray[np.uint32]:
    """CRC-32 of the nibbles of every cell.

    Args:
        planes: of a picture whose top left pixel is that of a cell.
        layout: of the planes.
        shape: rows and columns of cells; samples of a cell that lie outside the picture count as 0.
        is_high: whether the nibbles are the high ones of the planes, as in a template; else the low ones.

    Returns:
        uint32 of that shape. The lowest bits of the first plane under marks do not count: they hold the
        check itself.
    """
    rows, columns = shape
    checks = np.zeros(shape, np.uint32)
    for number, plane in enumerate(split_planes(planes, layout)):
        side = CELL // (2 if number and layout == "yuv420p" else 1)
        # One row of cells at a time: copies of the whole picture would take most of the memory.
        for row in range(rows):
            shown = plane[row * side : (row + 1) * side, : columns * side]
            grid = np.zeros((side, columns * side), np.uint8)
            grid[: shown.shape[0], : shown.shape[1]] = shown >> 4 if is_high else shown & 0x0F
            cells = np.ascontiguousarray(grid.reshape(side, columns, side).swapaxes(0, 1))
            if not number:
                cells[:, :MARK, :MARK] &= 0xFE
            for column in range(columns):
                checks[row, column] = zlib.crc32(cells[column], int(checks[row, column]))
    return checks


def support_blocks(template: U8, layout: Layout) -> NDArray[np.bool_]:
    """Support blocks of a frame: squares that hold anything of the template (bool, rows x columns)."""
    planes = split_planes(template, layout)
    height, width = planes[0].shape
    blocks = np.zeros((-(-height // SUPPORT_BLOCK), -(-width // SUPPORT_BLOCK)), bool)
    for plane in planes:
        side = SUPPORT_BLOCK * plane.shape[0] // planes[0].shape[0]
        pad = ((0, -plane.shape[0] % side), (0, -plane.shape[1] % side))
        padded = np.pad(plane != 0, pad)
        rows, columns = padded.shape[0] // side, padded.shape[1] // side
        used = padded.reshape(rows, side, columns, side).any(axis=(1, 3))
        blocks |= used
    return blocks


def support_pixels(blocks: NDArray[np.bool_], template: U8, layout: Layout) -> NDArray[np.bool_]:
    """Support blocks as a mask of the shape of the planes."""
    mask = np.empty(template.shape, bool)
    # A bool array has bytes of the same size as the planes, so the same split serves both.
    planes = split_planes(mask.view(np.uint8), layout)
    for plane in planes:
        side = SUPPORT_BLOCK * plane.shape[0] // planes[0].shape[0]
        large = np.repeat(np.repeat(blocks, side, axis=0), side, axis=1)
        plane[...] = large[: plane.shape[0], : plane.shape[1]]
    return mask


@dataclass(frozen=True, slots=True)
class Marks:
    """Content of the marks of one picture.

    Attributes:
        header: the frame's header.
        miniature: the scene miniature; None if every copy is damaged.
        origin: x, y of the picture's top left pixel in the whole frame.
        intact, whole: number of readable marks, and number of marks that lie completely in the picture.
        support: sparse fidelity only: the support blocks of the whole frame; blocks that no mark describes
            are False.
        checks: check of each cell with an intact mark, by (column, row).
    """

    header: Header
    miniature: Miniature | None
    origin: tuple[int, int]
    intact: int
    whole: int
    support: NDArray[np.bool_] | None
    checks: Mapping[tuple[int, int], int]


def find_origin(luma: U8) -> tuple[int, int] | None:
    """Place of the picture's top left pixel in the whole frame, from any intact header; None without one."""
    for skip in range(UNIT):
        packed = np.packbits(luma[:, skip:] & 1, axis=1)
        hits = np.argwhere((packed[:, :-1] == MAGIC_BYTES[0]) & (packed[:, 1:] == MAGIC_BYTES[1]))
        for row, column in hits:
            block = packed[row : row + _ROWS, column : column + 2].tobytes()
            if len(block) == HEADER_SIZE and Header.is_valid(block):
                header = Header.read(block)
                return header.cell_x * CELL - (int(column) * UNIT + skip), header.cell_y * CELL - int(row)
    return None


def read_marks(luma: U8, origin: tuple[int, int] = (0, 0), bits: BitPlane | None = None) -> Marks | None:
    """Read the marks of a stego picture.

    Args:
        luma: (H, W) uint8, the stego luma.
        origin: its place in the whole frame (:func:`find_origin`).
        bits: its bit plane, if it has been made already.

    Returns:
        The marks; None if no header is intact.
    """
    bits = BitPlane.from_luma(luma, origin) if bits is None else bits
    height, width = luma.shape
    first_x, first_y = -(-origin[0] // CELL), -(-origin[1] // CELL)
    columns = range(first_x, (origin[0] + width - MARK) // CELL + 1)
    rows = range(first_y, (origin[1] + height - MARK) // CELL + 1)
    blocks = _read_headers(bits, columns, rows)
    if not blocks:
        return None
    # A damaged header can have a right checksum by chance: the majority decides.
    alike, _ = Counter(map(common_part, blocks.values())).most_common(1)[0]
    header = replace(
        Header.read(next(block for block in blocks.values() if common_part(block) == alike)),
        cell_x=0,
        cell_y=0,
        check=0,
    )
    cells = [place for place, block in blocks.items() if frame_of(block) == header.frame]
    support = _read_support(bits, cells) if header.sparse else None
    miniature = _read_miniature(bits, cells)
    # Without the frame's size, every cell of the picture may have a mark.
    down, across = cell_grid(miniature.width, miniature.height) if miniature else (_CELLS, _CELLS)
    expected = {(x, y) for y in rows if 0 <= y < down for x in columns if 0 <= x < across} | set(cells)
    checks = {place: check_of(blocks[place]) for place in cells}
    return Marks(header, miniature, origin, len(cells), len(expected), support, checks)


def _read_headers(bits: BitPlane, columns: range, rows: range) -> dict[tuple[int, int], bytes]:
    """The intact headers of cells that lie wholly in the picture, by (column, row)."""
    if not columns or not rows:
        return {}
    table = bits.blocks(
        range(columns.start * CELL, columns.stop * CELL, CELL),
        range(rows.start * CELL, rows.stop * CELL, CELL),
        _ROWS,
    )
    # A header of another place is none of this frame's.
    is_here = (table[..., CELL_PLACE] == np.array(columns)) & (
        table[..., CELL_PLACE + 1] == np.array(rows)[:, None]
    )
    blocks: dict[tuple[int, int], bytes] = {}
    for row, column in np.argwhere(is_here).tolist():
        block = table[row, column].tobytes()
        if Header.is_valid(block):
            blocks[columns[column], rows[row]] = block
    return blocks


def damaged_cells(planes: U8, layout: Layout, marks: Marks) -> tuple[list[tuple[int, int]], int]:
    """Cells whose nibbles differ from the check in their mark.

    Args:
        planes: the stego picture that the marks were read from.
        layout: of the planes.
        marks: of the picture.

    Returns:
        (column, row) of the damaged cells, including those without an intact mark, and the number of cells
        that lie completely in the picture.
    """
    if marks.miniature is None or not marks.checks:
        return [], 0
    (first_x, columns), (first_y, rows) = (
        _whole_cells(origin, length, whole)
        for origin, length, whole in zip(
            marks.origin, _size(planes, layout), (marks.miniature.width, marks.miniature.height), strict=True
        )
    )
    if not rows or not columns:
        return [], 0
    left, top = first_x * CELL - marks.origin[0], first_y * CELL - marks.origin[1]
    width, height = marks.miniature.width - first_x * CELL, marks.miniature.height - first_y * CELL
    # A whole frame needs no copy.
    is_whole = (left, top) == (0, 0) and _size(planes, layout) == (width, height)
    window = planes if is_whole else cut_planes(planes, layout, (left, top, width, height))
    found = cell_checks(window, layout, (rows, columns))
    whole = [(x, y) for y in range(first_y, first_y + rows) for x in range(first_x, first_x + columns)]
    damaged = [(x, y) for x, y in whole if marks.checks.get((x, y)) != found[y - first_y, x - first_x]]
    return damaged, len(whole)


def _whole_cells(origin: int, length: int, whole: int) -> tuple[int, int]:
    """Along one axis: the first cell that lies completely in the picture, and the number of such cells."""
    cells = (whole - MARK) // CELL + 1
    first = max(-(-origin // CELL), 0)
    end = origin + length
    last = first
    while last < cells and min((last + 1) * CELL, whole) <= end:
        last += 1
    return first, last - first


def _size(planes: U8, layout: Layout) -> tuple[int, int]:
    """Width and height of the picture."""
    height, width = split_planes(planes, layout)[0].shape
    return width, height


def _read_miniature(bits: BitPlane, cells: list[tuple[int, int]]) -> Miniature | None:
    """Return the first intact miniature."""
    for x, y in cells:
        block = bits.block(x * CELL + 16, y * CELL, _ROWS) + bits.block(x * CELL, y * CELL + 16, _ROWS)
        try:
            return Miniature.read(block)
        except FramingError:
            # All copies are the same; the next one may be sound.
            continue
    return None


def _read_support(bits: BitPlane, cells: list[tuple[int, int]]) -> NDArray[np.bool_]:
    """Union of the support maps of the cells, as blocks of the whole frame up to the last cell."""
    side = CELL_BLOCKS
    rows = (max(y for _, y in cells) + 3) * side
    columns = (max(x for x, _ in cells) + 3) * side
    padded = np.zeros((rows, columns), bool)
    for x, y in cells:
        record = read_support(bits.block(x * CELL + 16, y * CELL + 16, _ROWS))
        # Each map also covers the eight cells around it, so a few damaged ones leave no gap.
        if record is not None:
            window = np.unpackbits(np.frombuffer(record, np.uint8))[: 9 * side * side]
            padded[y * side : (y + 3) * side, x * side : (x + 3) * side] |= (
                window.reshape(3 * side, 3 * side) != 0
            )
    return padded[side:, side:]
