/**
 * The pixels of an object's drawing (cssv/carriers/nibble/SPEC.md, section 8; SPEC2.md, section 3).
 *
 * An outline is `{track, label, score, box: [x, y, w, h], radii: Uint8Array(32), shift, selector, axis, rings}`.
 */

/** Selectors of a drawing. */
export const RINGS = 0;
export const COMET = 1;
export const EDGES = 2;

const QUARTER_COSINES = [
  128, 128, 128, 128, 127, 127, 127, 126, 126, 125, 124, 123, 122, 122, 121, 119, 118, 117, 116, 114, 113, 111,
  110, 108, 106, 105, 103, 101, 99, 97, 95, 93, 91, 88, 86, 84, 81, 79, 76, 74, 71, 68, 66, 63, 60, 58, 55, 52,
  49, 46, 43, 40, 37, 34, 31, 28, 25, 22, 19, 16, 13, 9, 6, 3, 0,
];
const SLOPES = [
  201, 603, 1007, 1411, 1817, 2225, 2636, 3050, 3469, 3891, 4318, 4751, 5190, 5636, 6090, 6552, 7023, 7504, 7997,
  8501, 9018, 9549, 10096, 10659, 11241, 11842, 12466, 13113, 13786, 14487, 15220, 15987,
];
/** 128 times the cosine of each byte angle, rounded. */
export const COSINE = Int16Array.from({ length: 256 }, (_, angle) => {
  const folded = angle > 128 ? 256 - angle : angle;
  return folded > 64 ? -QUARTER_COSINES[128 - folded] : QUARTER_COSINES[folded];
});
/** Pixels of the largest window that is kept for the next call, and how many are kept. */
const KEPT_PIXELS = 1 << 16;
const KEPT = 128;
const kept = new Map();
/** A distance beyond all that are drawn. */
const FAR = 30000;
/** Byte angles of the first quarter for offsets below this. */
const TABLE_SIDE = 257;
let angleTable = null;

function quarterAngle(ax, ay) {
  const long = ax > ay ? ax : ay;
  const short = ax > ay ? ay : ax;
  const ratio = Math.floor((short * 16384) / (long || 1));
  let low = 0;
  let high = SLOPES.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (SLOPES[middle] <= ratio) low = middle + 1;
    else high = middle;
  }
  return ay > ax ? 64 - low : low;
}

function quarterTable() {
  if (angleTable === null) {
    angleTable = new Uint8Array(TABLE_SIDE * TABLE_SIDE);
    for (let ay = 0, at = 0; ay < TABLE_SIDE; ay++) {
      for (let ax = 0; ax < TABLE_SIDE; ax++) angleTable[at++] = quarterAngle(ax, ay);
    }
  }
  return angleTable;
}

/** Rings of a drawing; at least 1, so that edges have room for their line. */
function ringCount(rings) {
  return Math.max((rings & 1) + ((rings >> 1) & 1) + ((rings >> 2) & 1), 1);
}

/**
 * What a drawing's footprint depends on.
 * @param {object} outline
 * @returns {object} with the centre `cx`, `cy`, `ringWidth`, `span` (one more than the width of all rings), and
 *   the half sides of the window `halfX`, `halfY`
 */
export function shapeOf(outline) {
  const [x, y, w, h] = outline.box;
  const { radii, shift, selector, axis, rings } = outline;
  const ringWidth = Math.min(Math.max(Math.floor(Math.min(w, h) / 6), 6), 12);
  const stretch = ringCount(rings) * (selector === COMET ? 2 : 1) * ringWidth;
  const margin = selector === EDGES ? 1 : Math.floor((17 * stretch) / 16) + 2;
  let across = 0;
  let down = 0;
  for (let k = 0; k < 32; k++) {
    across = Math.max(across, radii[k] * Math.abs(COSINE[8 * k]));
    down = Math.max(down, radii[k] * Math.abs(COSINE[(8 * k - 64) & 255]));
  }
  return {
    cx: x + Math.floor(w / 2),
    cy: y + Math.floor(h / 2),
    ringWidth,
    span: ringCount(rings) * ringWidth + 1,
    halfX: ((across << shift) >> 7) + margin,
    halfY: ((down << shift) >> 7) + margin,
    grow: Math.floor((stretch * 3) / 2) + 1,
    radii,
    shift,
    selector,
    axis,
    key: `${radii.join()};${shift};${ringWidth};${ringCount(rings)};${selector};${axis}`,
  };
}

/**
 * A text that two outlines share only if they cover the same pixels.
 * @param {object} outline
 */
export function areaKey(outline) {
  const { box, radii, shift, selector, rings, axis } = outline;
  return `${box.join()};${radii.join()};${shift};${selector};${rings};${selector === COMET ? axis : ""}`;
}

/**
 * Places of outlines in their list, the nearest object first: lower in the picture is nearer.
 * @param {object[]} outlines
 * @returns {number[]}
 */
export function nearestFirst(outlines) {
  const order = outlines.map((_, place) => place);
  const bottom = (place) => outlines[place].box[1] + outlines[place].box[3];
  order.sort((a, b) => bottom(a) - bottom(b) || outlines[a].track - outlines[b].track || a - b);
  return order.reverse();
}

/** Square of the first radius, in eighths of a pixel, that is outside at each byte angle. */
function outsideSquares(radii, shift) {
  const squares = new Float64Array(256);
  for (let angle = 0; angle < 256; angle++) {
    const k = angle >> 3;
    const part = angle & 7;
    const limit = (radii[k] << shift) * (8 - part) + (radii[(k + 1) & 31] << shift) * part;
    squares[angle] = (limit + 1) * (limit + 1);
  }
  return squares;
}

/**
 * Chessboard and city-block distances from the inside, 0 inside, with a border of one pixel around the window.
 * Returns null where nothing is inside.
 */
function insideDistances(shape, x0, x1, y0, y1) {
  const table = quarterTable();
  const squares = outsideSquares(shape.radii, shape.shift);
  const pitch = x1 - x0 + 2;
  const size = pitch * (y1 - y0 + 2);
  const chess = new Uint16Array(size).fill(FAR);
  const city = new Uint16Array(size).fill(FAR);
  let any = false;
  for (let dy = y0; dy < y1; dy++) {
    const ay = Math.abs(dy);
    let at = (dy - y0 + 1) * pitch + 1;
    for (let dx = x0; dx < x1; dx++, at++) {
      const ax = dx < 0 ? -dx : dx;
      let angle = ax < TABLE_SIDE && ay < TABLE_SIDE ? table[ay * TABLE_SIDE + ax] : quarterAngle(ax, ay);
      if (dx < 0) angle = 128 - angle;
      if (dy < 0) angle = -angle & 255;
      if (64 * (ax * ax + ay * ay) < squares[angle]) {
        chess[at] = city[at] = 0;
        any = true;
      }
    }
  }
  if (!any) return null;
  const last = pitch * (y1 - y0);
  for (let row = pitch; row <= last; row += pitch) {
    for (let at = row + 1; at < row + pitch - 1; at++) if (chess[at]) relax(chess, city, at, -1, -pitch);
  }
  for (let row = last; row > 0; row -= pitch) {
    for (let at = row + pitch - 2; at > row; at--) if (chess[at]) relax(chess, city, at, 1, pitch);
  }
  return { chess, city, pitch };
}

/** One step of the distances: from the pixel beside and the three of the row above or below. */
function relax(chess, city, at, beside, row) {
  const straight = at + row;
  let near = chess[at + beside];
  if (chess[straight] < near) near = chess[straight];
  if (chess[straight - 1] < near) near = chess[straight - 1];
  if (chess[straight + 1] < near) near = chess[straight + 1];
  if (near + 1 < chess[at]) chess[at] = near + 1;
  const steps = city[at + beside] < city[straight] ? city[at + beside] : city[straight];
  if (steps + 1 < city[at]) city[at] = steps + 1;
}

/** The index of each pixel of a window, in offsets from the centre; null where nothing is drawn. */
function computeIndex(shape, left, right, top, bottom) {
  const { halfX, halfY, grow, selector, span } = shape;
  const x0 = Math.max(left - grow, -halfX);
  const y0 = Math.max(top - grow, -halfY);
  const found = insideDistances(shape, x0, Math.min(right + grow, halfX + 1), y0, Math.min(bottom + grow, halfY + 1));
  if (found === null) return null;
  const { chess, city, pitch } = found;
  const last = selector === EDGES ? 1 : span - 1;
  const towardsX = COSINE[shape.axis & 255];
  const towardsY = COSINE[(shape.axis - 64) & 255];
  const index = new Int8Array((right - left) * (bottom - top));
  for (let dy = top, into = 0; dy < bottom; dy++) {
    let at = (dy - y0 + 1) * pitch + left - x0 + 1;
    for (let dx = left; dx < right; dx++, at++, into++) {
      const octagon = ((2 * city[at] + 2) / 3) | 0;
      let distance = chess[at] > octagon ? chess[at] : octagon;
      const back = selector === EDGES ? 0 : -(dx * towardsX + dy * towardsY);
      if (back > 0 && selector === COMET) {
        const tail = Math.min(Math.floor((back * back) / (dx * dx + dy * dy)), 16384);
        distance = (distance * (32768 - tail) + 32767) >> 15;
      }
      index[into] = distance > last ? -1 : back > 0 ? distance + span : distance;
    }
  }
  return index;
}

/** The index of a whole drawing, kept because objects are drawn and read more than once. */
function wholeIndex(shape) {
  let index = kept.get(shape.key);
  if (index === undefined) {
    const { halfX, halfY } = shape;
    index = computeIndex(shape, -halfX, halfX + 1, -halfY, halfY + 1);
    if (kept.size >= KEPT) kept.delete(kept.keys().next().value);
    kept.set(shape.key, index);
  }
  return index;
}

/**
 * The footprint of an outline within bounds; null if nothing of it lies there.
 *
 * `index` has for each pixel of the window the distance from the outline, 0 inside, 1 to `span - 1` on the
 * rings, plus `span` for pixels behind the motion; -1 where nothing is drawn. The pixel (x, y) is
 * `index[offset + (y - top) * pitch + (x - left)]`.
 * @param {object} outline
 * @param {{left: number, top: number, right: number, bottom: number}} bounds in pixels
 */
export function footprint(outline, bounds) {
  const shape = shapeOf(outline);
  const { cx, cy, halfX, halfY } = shape;
  const left = Math.max(cx - halfX, bounds.left);
  const top = Math.max(cy - halfY, bounds.top);
  const right = Math.min(cx + halfX + 1, bounds.right);
  const bottom = Math.min(cy + halfY + 1, bounds.bottom);
  if (left >= right || top >= bottom) return null;
  const place = { left, top, right, bottom, shape, span: shape.span };
  const wide = 2 * halfX + 1;
  if (wide * (2 * halfY + 1) > KEPT_PIXELS) {
    const index = computeIndex(shape, left - cx, right - cx, top - cy, bottom - cy);
    return index === null ? null : { ...place, index, pitch: right - left, offset: 0 };
  }
  const offset = (top - cy + halfY) * wide + left - cx + halfX;
  const index = wholeIndex(shape);
  return index === null ? null : { ...place, index, pitch: wide, offset };
}
