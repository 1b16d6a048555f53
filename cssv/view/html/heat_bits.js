/** Blocks of bytes in the lowest bits of a luma plane (cssv/carriers/nibble/SPEC.md, section 3). */

import { crc32 } from "./crc32.js";

/** Blocks begin at multiples of so many pixels. */
export const UNIT = 8;
/** Every block is so many pixels wide: two bytes a row. */
export const BLOCK_WIDTH = 16;

/**
 * The bytes of a block whose top left pixel is (x, y); null if it does not lie wholly in the frame.
 * @param {Uint8Array} luma the first plane
 * @param {{width: number, height: number}} size of the frame
 * @param {number} x
 * @param {number} y
 * @param {number} rows of the block
 * @returns {Uint8Array | null}
 */
export function readBlock(luma, size, x, y, rows) {
  if (x + BLOCK_WIDTH > size.width || y + rows > size.height) return null;
  const block = new Uint8Array(2 * rows);
  for (let at = 0; at < block.length; at++) {
    let pixel = (y + (at >> 1)) * size.width + x + 8 * (at & 1);
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte = (byte << 1) | (luma[pixel++] & 1);
    block[at] = byte;
  }
  return block;
}

/** Whether the first 16 bits at a pixel are the magic. */
function isMagic(luma, pixel, magic) {
  for (let bit = 0; bit < 16; bit++) {
    if ((luma[pixel + bit] & 1) !== ((magic >> (15 - bit)) & 1)) return false;
  }
  return true;
}

/**
 * All blocks on the grid that begin with a magic of two bytes, in reading order.
 * @param {Uint8Array} luma the first plane
 * @param {{width: number, height: number}} size of the frame
 * @param {number} magic
 * @param {number} rows of the blocks
 * @returns {{x: number, y: number, block: Uint8Array}[]}
 */
export function findBlocks(luma, size, magic, rows) {
  const found = [];
  for (let y = 0; y + rows <= size.height; y += UNIT) {
    for (let x = 0; x + BLOCK_WIDTH <= size.width; x += UNIT) {
      if (isMagic(luma, y * size.width + x, magic)) {
        found.push({ x, y, block: readBlock(luma, size, x, y, rows) });
      }
    }
  }
  return found;
}

/**
 * Whether the last four bytes of a block are the CRC-32 of a seed and the bytes before.
 * @param {Uint8Array | null} block
 * @param {number} seed the CRC-32 of the seed
 */
export function isSealed(block, seed = 0) {
  if (block === null) return false;
  const end = block.length - 4;
  return crc32(block.subarray(0, end), seed) === u32(block, end);
}

/** The unsigned number of four bytes, the highest first. */
export function u32(bytes, at) {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** The unsigned number of two bytes. */
export function u16(bytes, at) {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** The signed number of two bytes. */
export function i16(bytes, at) {
  return (u16(bytes, at) << 16) >> 16;
}

/**
 * The value that occurs most often among texts; of equally frequent ones the first.
 * @param {string[]} texts
 */
export function mostFrequent(texts) {
  const counts = new Map();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  let best = null;
  for (const [text, count] of counts) if (best === null || count > counts.get(best)) best = text;
  return best;
}
