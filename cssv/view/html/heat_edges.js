/** Edges inside outlines (cssv/carriers/nibble/SPEC.md, section 10): a 5 x 5 Sobel of the upper four bits. */

/** Weaker edges stay empty. */
const FLOOR = 48;

/** The pixels of a row within the frame: rows beyond it are those of its border. */
function rowStart(y, width, height) {
  return (y < 0 ? 0 : y >= height ? height - 1 : y) * width;
}

/**
 * Computes the brightness of edges in a part of a row.
 * @param {Uint8Array} luma brightness of the picture
 * @param {{width: number, height: number}} size of the picture
 * @param {number} y the row
 * @param {number} left the first pixel
 * @param {number} right one after the last pixel
 * @returns {Uint8Array} multiples of 16, 0 below the floor; the pixel `left` is the first one
 */
export function edgeRow(luma, size, y, left, right) {
  const { width, height } = size;
  const rows = [-2, -1, 0, 1, 2].map((step) => rowStart(y + step, width, height));
  const length = right - left + 4;
  const smooth = new Int32Array(length);
  const slope = new Int32Array(length);
  for (let k = 0; k < length; k++) {
    const x = Math.min(Math.max(left + k - 2, 0), width - 1);
    const a = luma[rows[0] + x] >> 4;
    const b = luma[rows[1] + x] >> 4;
    const c = luma[rows[2] + x] >> 4;
    const d = luma[rows[3] + x] >> 4;
    const e = luma[rows[4] + x] >> 4;
    smooth[k] = a + e + 4 * (b + d) + 6 * c;
    slope[k] = e - a + 2 * (d - b);
  }
  const found = new Uint8Array(right - left);
  for (let k = 0; k < found.length; k++) {
    const across = smooth[k + 4] - smooth[k] + 2 * (smooth[k + 3] - smooth[k + 1]);
    const down = slope[k] + slope[k + 4] + 4 * (slope[k + 1] + slope[k + 3]) + 6 * slope[k + 2];
    const bright = Math.min((Math.abs(across) + Math.abs(down)) >> 2, 240);
    found[k] = bright < FLOOR ? 0 : bright & 0xf0;
  }
  return found;
}
