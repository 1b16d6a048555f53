/** Marks of the lossless forms `nibble` (version 1) and `full` (cssv/carriers/nibble/SPEC.md, section 4). */

import { crc32 } from "./crc32.js";
import { isSealed, mostFrequent, readBlock, u16, u32 } from "./heat_bits.js";

const CELL = 80;
const MARK = 32;
const BLOCK = 16;
const MAGIC = 0xc55b;
const SPARSE = 1;
const RGB = 2;
/** Support blocks along a side of a cell and of its record. */
const CELL_BLOCKS = 5;
const RECORD_BLOCKS = 15;

/** Rows and columns of the cells of a frame. */
function cellGrid(size) {
  return {
    rows: Math.floor((size.height - MARK) / CELL) + 1,
    columns: Math.floor((size.width - MARK) / CELL) + 1,
  };
}

/** Whether a block is the header of a cell. */
function isHeader(block, version, column, row) {
  if (block === null || u16(block, 0) !== MAGIC || block[2] !== version) return false;
  if (block[16] !== column || block[17] !== row || !isSealed(block)) return false;
  return version === 1 || ((block[19] >> 4) <= 4 && (block[19] & 15) <= 4);
}

/** What a header shares with those of the other cells. */
function commonPart(block) {
  return [...block.subarray(0, 16), ...block.subarray(18, 20), ...block.subarray(24, 28)].join();
}

/**
 * The marks of a whole frame; null if no header is intact.
 * @param {Uint8Array} luma the first plane
 * @param {{width: number, height: number}} size of the frame
 * @param {number} version of the pixels
 * @returns {object | null} `number` of the frame, `isSparse`, `isRgb`, `emptyBits` of luma and chroma, `intact`
 *   and `whole` numbers of marks, and `cells` with an intact mark
 */
export function readMarks(luma, size, version) {
  const { rows, columns } = cellGrid(size);
  const headers = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const block = readBlock(luma, size, column * CELL, row * CELL, BLOCK);
      if (isHeader(block, version, column, row)) headers.push({ row, column, block, common: commonPart(block) });
    }
  }
  if (!headers.length) return null;
  // A damaged header can have a right checksum by chance: the majority decides.
  const common = mostFrequent(headers.map((header) => header.common));
  const { block } = headers.find((header) => header.common === common);
  const number = u32(block, 4);
  const cells = headers.filter((header) => u32(header.block, 4) === number);
  return {
    number,
    isSparse: (block[3] & SPARSE) !== 0,
    isRgb: (block[3] & RGB) !== 0,
    emptyBits: version === 1 ? [0, 0] : [block[19] >> 4, block[19] & 15],
    intact: cells.length,
    whole: rows * columns,
    cells,
  };
}

/**
 * For each pixel of a frame, whether a mark has its lowest bit.
 * @param {{width: number, height: number}} size of the frame
 * @param {boolean} isSparse whether marks have a support block
 * @returns {Uint8Array}
 */
export function markedPixels(size, isSparse) {
  const taken = new Uint8Array(size.width * size.height);
  const { rows, columns } = cellGrid(size);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let y = 0; y < MARK; y++) {
        const from = (row * CELL + y) * size.width + column * CELL;
        taken.fill(1, from, from + (isSparse || y < BLOCK ? MARK : BLOCK));
      }
    }
  }
  return taken;
}

/**
 * For each pixel of a frame, whether its support block is set in an intact mark.
 * @param {Uint8Array} luma the first plane
 * @param {{width: number, height: number}} size of the frame
 * @param {{row: number, column: number}[]} cells with an intact mark
 * @returns {Uint8Array}
 */
export function supportPixels(luma, size, cells) {
  const support = new Uint8Array(size.width * size.height);
  for (const { row, column } of cells) {
    const record = readBlock(luma, size, column * CELL + BLOCK, row * CELL + BLOCK, BLOCK);
    if (record === null || (crc32(record.subarray(0, 29)) & 0xffffff) !== (u32(record, 28) & 0xffffff)) continue;
    for (let bit = 0; bit < RECORD_BLOCKS * RECORD_BLOCKS; bit++) {
      if ((record[bit >> 3] >> (7 - (bit & 7))) & 1) {
        const down = CELL_BLOCKS * (row - 1) + Math.floor(bit / RECORD_BLOCKS);
        const across = CELL_BLOCKS * (column - 1) + (bit % RECORD_BLOCKS);
        fillBlock(support, size, across * BLOCK, down * BLOCK);
      }
    }
  }
  return support;
}

/** Sets the pixels of a support block that lie inside the frame. */
function fillBlock(support, size, x, y) {
  if (x < 0 || y < 0 || x >= size.width) return;
  const right = Math.min(x + BLOCK, size.width);
  for (let row = y; row < Math.min(y + BLOCK, size.height); row++) {
    support.fill(1, row * size.width + x, row * size.width + right);
  }
}
