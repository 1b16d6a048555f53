/** Marks of the lossless form `sparse` (cssv/carriers/nibble/SPEC2.md, sections 8.1 to 8.6). */

import { crc32 } from "./crc32.js";
import { BLOCK_WIDTH, findBlocks, isSealed, mostFrequent, readBlock, u16, u32 } from "./heat_bits.js";

const MAGIC = 0xc55e;
const RGB = 1;
const COMPACT_GRID = 2;
const GROUND_PAGE = 4;
const LENS_PAGE = 8;
const WIDE_TRACKS = 16;
/** Slots of the header and of the two halves of the miniature. */
const FIXED_SLOTS = 3;
/** Bits of a page, and of an object without and with its parts. */
const PAGE_BITS = 224;
const OBJECT_BITS = 74;
const WIDE_BITS = 16;
const RING_BITS = 10;

const WIDE = { tile: 144, slots: wideSlots() };
const COMPACT = { tile: 80, slots: [[0, 0], [16, 0], [0, 16], [16, 16]] };

function wideSlots() {
  const slots = [];
  for (const [x, y] of [[0, 0], [24, 24], [24, 0]]) {
    for (let j = 0; j < 3; j++) for (let i = 0; i < 3; i++) slots.push([48 * i + x, 48 * j + y]);
  }
  return slots;
}

/** The fields of a header that its readers need. */
function readHeader(block) {
  const flags = block[3];
  const rings = block[20];
  const bits =
    OBJECT_BITS + (flags & WIDE_TRACKS ? WIDE_BITS : 0) + RING_BITS * (((rings >> 1) & 1) + ((rings >> 2) & 1));
  const objectPages = Math.ceil(u16(block, 18) / Math.floor(PAGE_BITS / bits));
  const groundPages = (flags & GROUND_PAGE ? 1 : 0) + (flags & LENS_PAGE ? 1 : 0);
  const grid = flags & COMPACT_GRID ? COMPACT : WIDE;
  const pages = groundPages + objectPages + block[21];
  return {
    number: u32(block, 4),
    isRgb: (flags & RGB) !== 0,
    grid,
    pages,
    used: Math.min(FIXED_SLOTS + pages, grid.slots.length),
    common: [...block.subarray(0, 16), ...block.subarray(18, 28)],
  };
}

/** Whether a block at a place is the header of its tile. */
function isHeader({ x, y, block }) {
  if (block[2] !== 2 || block[20] > 7 || !isSealed(block)) return false;
  const { tile } = block[3] & COMPACT_GRID ? COMPACT : WIDE;
  return x === tile * block[16] && y === tile * block[17];
}

/** The places of the blocks of a slot: column and row of the tile, and the top left pixel. */
function* slotPlaces(grid, slot, size) {
  const [x, y] = grid.slots[slot];
  for (let row = 0; grid.tile * row + y + BLOCK_WIDTH <= size.height; row++) {
    for (let column = 0; grid.tile * column + x + BLOCK_WIDTH <= size.width; column++) {
      yield { column, row, x: grid.tile * column + x, y: grid.tile * row + y };
    }
  }
}

/** The CRC-32 of the seed of a block. */
function seedOf(header, slot, column, row) {
  if (slot < FIXED_SLOTS) return crc32(Uint8Array.of(slot));
  const room = header.grid.slots.length - FIXED_SLOTS;
  const first = slot - FIXED_SLOTS;
  const page = header.pages <= room ? first : (first + room * (header.number + column + row)) % header.pages;
  return crc32(Uint8Array.from([...header.common, page >>> 24, (page >> 16) & 255, (page >> 8) & 255, page & 255]));
}

/**
 * The marks of a whole frame; null if no header is intact.
 * @param {Uint8Array} luma the first plane
 * @param {{width: number, height: number}} size of the frame
 * @returns {object | null} `number` of the frame, `isRgb`, `grid`, `used` slots, and the `intact` and `whole`
 *   numbers of blocks
 */
export function readSparseMarks(luma, size) {
  const blocks = findBlocks(luma, size, MAGIC, BLOCK_WIDTH).filter(isHeader);
  if (!blocks.length) return null;
  const headers = blocks.map(({ block }) => readHeader(block));
  // A damaged header can have a right checksum by chance: the majority decides.
  const common = mostFrequent(headers.map((header) => header.common.join()));
  const alike = headers.filter((header) => header.common.join() === common);
  const header = alike[0];
  let intact = alike.length;
  let whole = [...slotPlaces(header.grid, 0, size)].length;
  for (let slot = 1; slot < header.used; slot++) {
    for (const { column, row, x, y } of slotPlaces(header.grid, slot, size)) {
      whole++;
      const block = readBlock(luma, size, x, y, BLOCK_WIDTH);
      if (isSealed(block, seedOf(header, slot, column, row))) intact++;
    }
  }
  return { ...header, intact, whole };
}

/**
 * For each pixel of a frame, whether a block in use has its lowest bit.
 * @param {{tile: number, slots: number[][]}} grid of the frame
 * @param {number} used number of slots in use
 * @param {{width: number, height: number}} size of the frame
 * @returns {Uint8Array}
 */
export function sparseMarkedPixels(grid, used, size) {
  const taken = new Uint8Array(size.width * size.height);
  for (let slot = 0; slot < used; slot++) {
    for (const { x, y } of slotPlaces(grid, slot, size)) {
      for (let row = y; row < y + BLOCK_WIDTH; row++) {
        taken.fill(1, row * size.width + x, row * size.width + x + BLOCK_WIDTH);
      }
    }
  }
  return taken;
}
