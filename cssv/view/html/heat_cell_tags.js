/** Tags in cells (cssv/carriers/nibble/SPEC2.md, section 6). */

import { crc32 } from "./crc32.js";
import { CELL } from "./heat_cells.js";
import { EDGES } from "./heat_footprint.js";
import { outlineRadii } from "./heat_outline.js";

/** Cells along the side of a tag. */
export const TAG_CELLS = 8;
const BYTES = 24;
const HEAD_BYTES = 21;
const MAGIC = 0x15b;
/** Kind of a tag of the clip. */
const CLIP = 3;
/** Symbols of the first three cells of any tag: its magic under the pattern. */
const FIRST_SYMBOLS = [2, 4, 2];
const PATTERN = Uint8Array.of(
  0xfc, 0xd9, 0x49, 0x95, 0x8a, 0x76, 0x2e, 0x26, 0x2d, 0x8f, 0xc9, 0x3e, 0x88, 0xf1, 0x85, 0xe6, 0xa3, 0x29, 0x30,
  0x6d, 0xa0, 0xd5, 0x58, 0x69,
);
const LARGEST_SCALE = 4;
const SCORE_STEP = 17;
/** Part of the clip that has the number of the frame, and the parts that have labels. */
const FRAME_PART = 0;
const LABEL_PARTS = [3, 10];
const LABEL_BYTES = 8;
const LABELS = 15;

/** Reads fields of bits, the highest first. */
function bitReader(bytes) {
  let at = 0;
  return (count) => {
    let value = 0;
    for (let k = 0; k < count; k++, at++) value = value * 2 + ((bytes[at >> 3] >> (7 - (at & 7))) & 1);
    return value;
  };
}

/** The bytes of the tag whose first cell is given, without the pattern; null if they are none. */
function readRecord(levels, columns, first) {
  const bytes = new Uint8Array(BYTES);
  for (let bit = 0, cell = 0; cell < TAG_CELLS * TAG_CELLS; cell++) {
    const symbol = levels[first + (cell >> 3) * columns + (cell & 7)];
    for (let level = 2; level >= 0; level--, bit++) bytes[bit >> 3] |= ((symbol >> level) & 1) << (7 - (bit & 7));
  }
  for (let k = 0; k < BYTES; k++) bytes[k] ^= PATTERN[k];
  const stored = (bytes[21] << 16) | (bytes[22] << 8) | bytes[23];
  return (crc32(bytes.subarray(0, HEAD_BYTES)) & 0xffffff) === stored ? bytes : null;
}

/**
 * All tags of a picture, in reading order.
 * @param {{rows: number, columns: number, levels: Uint8Array}} picture from `readLevels`
 * @returns {{row: number, column: number, kind: number, frame: number, read: (bits: number) => number}[]} the
 *   first cell of each, its kind, the last bits of the number of the frame, and a reader of its body
 */
export function findCellTags({ rows, columns, levels }) {
  const found = [];
  const [a, b, c] = FIRST_SYMBOLS;
  for (let row = 0; row + TAG_CELLS <= rows; row++) {
    for (let column = 0, at = row * columns; column + TAG_CELLS <= columns; column++, at++) {
      if (levels[at] !== a || levels[at + 1] !== b || levels[at + 2] !== c) continue;
      const bytes = readRecord(levels, columns, at);
      if (bytes === null) continue;
      const read = bitReader(bytes);
      if (read(9) === MAGIC) found.push({ row, column, kind: read(2), frame: read(20), read });
    }
  }
  return found;
}

/**
 * The outline of an object's tag; null for a tag of the clip, and one that is not valid.
 * @param {object} tag from `findCellTags`; its body is read
 * @returns {{outline: object, frame: number, labelIndex: number, crc: number} | null}
 */
export function readObjectTag({ row, column, kind, frame, read }) {
  if (kind === CLIP) return null;
  const track = read(24);
  const cx = CELL * column + 16 + read(11) - 1024;
  const cy = CELL * row + 16 + read(11) - 1024;
  const sides = [read(10) + 1, read(10) + 1];
  const scale = read(3);
  const axis = read(8);
  const rings = read(3);
  const score = read(4) * SCORE_STEP;
  const labelIndex = read(4);
  const coefficients = [read(5), ...Array.from({ length: 7 }, () => read(4) - 8)];
  const crc = read(16);
  // An object without rings is a line.
  if (scale > LARGEST_SCALE || (rings === 0 && kind !== EDGES)) return null;
  const [w, h] = sides.map((side) => side << scale);
  const box = [cx - (w >> 1), cy - (h >> 1), w, h];
  const { radii, shift } = outlineRadii(coefficients, w, h);
  return { outline: { track, label: "", score, box, radii, shift, selector: kind, axis, rings }, frame, labelIndex, crc };
}

/**
 * What a tag of the clip tells: whether it has the number of the frame, and labels by their index.
 * @param {object} tag from `findCellTags`; its body is read
 * @returns {{hasFrame: boolean, labels: Map<number, string>}}
 */
export function readClipTag({ kind, read }) {
  const labels = new Map();
  if (kind !== CLIP) return { hasFrame: false, labels };
  const part = read(5);
  if (part === FRAME_PART) {
    read(12 + 64);
    return { hasFrame: Math.min(read(14), read(14)) + 1 >= 32, labels };
  }
  if (part >= LABEL_PARTS[0] && part <= LABEL_PARTS[1]) {
    for (const index of [2 * part - 5, 2 * part - 4]) {
      const text = Uint8Array.from({ length: LABEL_BYTES }, () => read(8));
      const end = text.findLastIndex((byte) => byte !== 0) + 1;
      if (end > 0 && index <= LABELS) labels.set(index, new TextDecoder().decode(text.subarray(0, end)));
    }
  }
  return { hasFrame: false, labels };
}
