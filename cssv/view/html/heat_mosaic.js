/** What the rings of objects show in cells (cssv/carriers/nibble/SPEC2.md, section 7). */

import { CELL } from "./heat_cells.js";
import { areaKey, EDGES, footprint, nearestFirst } from "./heat_footprint.js";

/** Rings from the inside to the outside, as bits of a set. */
const VELOCITY = 1;
const TEMPERATURE = 2;
const DENSITY = 4;
const DIGITS = 8;
const LEVELS = 3;
/** Regions of an object: each ring ahead of the motion, then each behind it. */
const REGIONS = 6;
const BEHIND = 3;
/** Of a byte that is known, so many of its highest digits are. */
const LEAST = [3, 3, 2];
/** Cells along the side of a square in which they are numbered, and the pixels that squares reach beyond. */
const SQUARE = 64;
const BEYOND = SQUARE * CELL;
/** Of each byte of the readings: its name. The CRC-16 is that of the bytes in this order. */
const NAMES = [
  "pastSpeed", "pastHeading", "futureSpeed", "futureHeading", "motion", "temperature", "temperatureCertainty",
  "density", "densityCertainty",
];

/**
 * The rings of a set, from the inside to the outside.
 * @param {number} rings sum of 1 (velocity), 2 (temperature) and 4 (density)
 * @returns {number[]}
 */
export function drawnRings(rings) {
  return [VELOCITY, TEMPERATURE, DENSITY].filter((ring) => ring & rings);
}

/** The CRC-16 of readings; of an object that is not read, that of no bytes. */
function crc16(readings) {
  let crc = 0xffff;
  for (const name of readings === null ? [] : NAMES) {
    crc ^= readings[name] << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

/** The byte for whose digits most cells vote, from a place in the votes on; -1 if it is not known. */
function byteOf(votes, at, least, other = -1) {
  let value = 0;
  let isMiddle = true;
  for (let place = 0; place < DIGITS; place++) {
    const vote = votes[at + place] + (other < 0 ? 0 : votes[other + place]);
    let digit = vote > 0 ? 1 : 0;
    if (vote === 0 && isMiddle) {
      if (place < least) return -1;
      digit = 1;
      isMiddle = false;
    }
    value = (value << 1) | digit;
  }
  return value;
}

/** Where the votes for a level of a region begin. */
function placeOf(region, level) {
  return (region * LEVELS + level) * DIGITS;
}

/** The readings of an object from the votes of its cells; null if a ring shows too few of them. */
function readingsOf(votes, rings) {
  const found = Object.fromEntries(NAMES.map((name) => [name, 0]));
  for (const [k, ring] of drawnRings(rings).entries()) {
    if (ring === VELOCITY) {
      if (!readVelocity(votes, k, found)) return null;
      continue;
    }
    const value = byteOf(votes, placeOf(k, 0), LEAST[0], placeOf(k, 1));
    const certainty = byteOf(votes, placeOf(k, 2), LEAST[2]);
    if (value < 0 || certainty < 0) return null;
    const name = ring === TEMPERATURE ? "temperature" : "density";
    found[name] = value;
    found[`${name}Certainty`] = certainty;
  }
  return found;
}

/** Sets the bytes of the velocity; returns whether they are known. */
function readVelocity(votes, k, found) {
  const motion = byteOf(votes, placeOf(k, 2), LEAST[2], placeOf(k + BEHIND, 2));
  const halves = [k, k + BEHIND].map((region) => {
    const both = [0, 1].map((level) => byteOf(votes, placeOf(region, level), LEAST[level]));
    return both.includes(-1) ? null : both;
  });
  // If one half is hidden, the other stands for both.
  const future = halves[0] ?? halves[1];
  const past = halves[1] ?? halves[0];
  if (motion < 0 || future === null) return false;
  [found.futureSpeed, found.futureHeading] = future;
  [found.pastSpeed, found.pastHeading] = past;
  found.motion = motion;
  return true;
}

/** The region of each index of a footprint; -1 inside. */
function regionTable(outline, place) {
  const table = new Int8Array(2 * place.span).fill(-1);
  if (outline.selector === EDGES) return table;
  const width = place.shape.ringWidth;
  for (const [k, ring] of drawnRings(outline.rings).entries()) {
    const first = 1 + k * width;
    table.fill(k, first, first + width);
    table.fill(ring === VELOCITY ? k + BEHIND : k, place.span + first, place.span + first + width);
  }
  return table;
}

/** Counts the votes of the cells of one object, and takes its cells from those behind it. */
function countVotes(outline, place, picture, free) {
  const { left, top, right, bottom, index, pitch, offset, span, shape } = place;
  const { rows, columns, levels } = picture;
  const table = regionTable(outline, place);
  const rings = drawnRings(outline.rings);
  const votes = new Int32Array(REGIONS * LEVELS * DIGITS);
  const numbers = new Map();
  let onRings = 0;
  let own = 0;
  const firstColumn = Math.ceil((left - 2) / CELL);
  for (let row = Math.ceil((top - 2) / CELL); row * CELL + 2 < bottom; row++) {
    const squareRow = (((row * CELL - shape.cy) >> 2) + SQUARE / 2) >> 6;
    for (let column = firstColumn; column * CELL + 2 < right; column++) {
      const here = index[offset + (row * CELL + 2 - top) * pitch + column * CELL + 2 - left];
      if (here < 0) continue;
      const region = table[here];
      let number = 0;
      if (region >= 0) {
        const squareColumn = (((column * CELL - shape.cx) >> 2) + SQUARE / 2) >> 6;
        const key = ((squareRow + 8192) * 16384 + squareColumn + 8192) * REGIONS + region;
        number = numbers.get(key) ?? 0;
        numbers.set(key, number + 1);
      }
      if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
      if (region >= 0) onRings++;
      const cell = row * columns + column;
      if (free[cell] === 0) continue;
      free[cell] = 0;
      if (region < 0) continue;
      own++;
      const isValue = rings[region % BEHIND] !== VELOCITY;
      vote(votes, region, number, levels[cell], isValue);
    }
  }
  return { votes, visible: own / Math.max(onRings, 1) };
}

/** Adds the votes of a cell for its three digits. */
function vote(votes, region, number, symbol, isValue) {
  const half = DIGITS / 2;
  votes[placeOf(region, 0) + (number & 7)] += symbol & 4 ? 1 : -1;
  votes[placeOf(region, 1) + ((number + (isValue ? half : 0)) & 7)] += symbol & 2 ? 1 : -1;
  votes[placeOf(region, 2) + ((number + (region >= BEHIND ? half : 0)) & 7)] += symbol & 1 ? 1 : -1;
}

/**
 * Reads the rings of all objects of a picture.
 * @param {{rows: number, columns: number, levels: Uint8Array}} picture from `readLevels`
 * @param {object[]} outlines from the tags of the objects
 * @param {Uint8Array} free for each cell whether no tag lies on it; changed
 * @returns {{readings: object | null, visible: number, crc: number}[]} of each outline the bytes that its rings
 *   show, the share of its cells that is visible, and the CRC-16 of the bytes
 */
export function readMosaic(picture, outlines, free) {
  const bounds = {
    left: -BEYOND,
    top: -BEYOND,
    right: picture.columns * CELL + BEYOND,
    bottom: picture.rows * CELL + BEYOND,
  };
  const found = outlines.map((outline) => reading(outline, null, 0));
  const seen = new Set();
  for (const number of nearestFirst(outlines)) {
    const outline = outlines[number];
    const area = areaKey(outline);
    // What is hidden costs nothing, however many objects that are.
    if (seen.has(area)) continue;
    seen.add(area);
    const place = footprint(outline, bounds);
    if (place === null) continue;
    const { votes, visible } = countVotes(outline, place, picture, free);
    found[number] = reading(outline, readingsOf(votes, outline.rings), visible);
  }
  return found;
}

/** A reading; an outline without rings is read without cells. */
function reading(outline, readings, visible) {
  const read = outline.selector === EDGES ? readingsOf(new Int32Array(REGIONS * LEVELS * DIGITS), 0) : readings;
  return { readings: read, visible, crc: crc16(read) };
}
