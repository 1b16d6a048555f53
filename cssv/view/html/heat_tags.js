/** Tags of objects in lossless frames (cssv/carriers/nibble/SPEC.md, section 5; SPEC2.md, section 2). */

import { BLOCK_WIDTH, findBlocks, i16, isSealed, u16, u32 } from "./heat_bits.js";
import { EDGES } from "./heat_footprint.js";

const MAGIC = 0x7a60;
const ROWS = 32;
const LARGEST_SHIFT = 6;

/**
 * All intact tags of a frame, in reading order.
 * @param {Uint8Array} luma the first plane
 * @param {{width: number, height: number}} size of the frame
 * @returns {{outline: object, x: number, y: number, check: number}[]}
 */
export function readTags(luma, size) {
  const found = [];
  for (const { x, y, block } of findBlocks(luma, size, MAGIC, ROWS)) {
    const outline = isSealed(block) ? readTag(block) : null;
    if (outline !== null) found.push({ outline, x, y, check: u16(block, 58) });
  }
  return found;
}

/** The outline of a tag; null if it is not valid. */
function readTag(block) {
  const selector = block[2] >> 4;
  const shift = block[2] & 15;
  const box = [i16(block, 7), i16(block, 9), u16(block, 11), u16(block, 13)];
  const missing = block[57];
  const isValid = selector <= EDGES && shift <= LARGEST_SHIFT && box[2] > 0 && box[3] > 0;
  // An object without rings is a line.
  if (!isValid || missing > (selector === EDGES ? 7 : 6)) return null;
  const text = block.subarray(49, 57);
  const end = text.findLastIndex((byte) => byte !== 0) + 1;
  return {
    track: u32(block, 3),
    label: new TextDecoder().decode(text.subarray(0, end)),
    score: block[15],
    box,
    radii: block.slice(17, 49),
    shift,
    selector,
    axis: block[16],
    rings: 7 & ~missing,
  };
}

/**
 * Marks the pixels under tags.
 * @param {Uint8Array} taken of each pixel of the frame; changed
 * @param {{width: number, height: number}} size of the frame
 * @param {{x: number, y: number}[]} tags
 */
export function takeTags(taken, size, tags) {
  for (const { x, y } of tags) {
    for (let row = y; row < y + ROWS; row++) taken.fill(1, row * size.width + x, row * size.width + x + BLOCK_WIDTH);
  }
}
