/** Cells of 4 x 4 luma pixels and the levels that they state (cssv/carriers/nibble/SPEC2.md, section 5). */

/** Side of a cell in pixels. */
export const CELL = 4;
const LONG = 1338;
const SHORT = 554;
/** Half of the distance of two levels, and the bits of that distance. */
const HALF = 1 << 14;
const BITS = 15;

/**
 * The levels of all whole cells of a picture.
 * @param {Uint8Array} luma
 * @param {{width: number, height: number}} size of the picture
 * @returns {{rows: number, columns: number, levels: Uint8Array}} three bits of each cell, level 0 highest
 */
export function readLevels(luma, size) {
  const rows = size.height >> 2;
  const columns = size.width >> 2;
  const levels = new Uint8Array(rows * columns);
  const { width } = size;
  for (let row = 0, at = 0; row < rows; row++) {
    let a = row * CELL * width;
    for (let column = 0; column < columns; column++, at++, a += CELL) {
      const b = a + width;
      const c = b + width;
      const d = c + width;
      const first = luma[a] + luma[a + 1] + luma[a + 2] + luma[a + 3];
      const second = luma[b] + luma[b + 1] + luma[b + 2] + luma[b + 3];
      const third = luma[c] + luma[c + 1] + luma[c + 2] + luma[c + 3];
      const last = luma[d] + luma[d + 1] + luma[d + 2] + luma[d + 3];
      const left = luma[a] + luma[b] + luma[c] + luma[d];
      const beside = luma[a + 1] + luma[b + 1] + luma[c + 1] + luma[d + 1];
      const before = luma[a + 2] + luma[b + 2] + luma[c + 2] + luma[d + 2];
      const right = luma[a + 3] + luma[b + 3] + luma[c + 3] + luma[d + 3];
      const mean = 1024 * (first + second + third + last);
      const across = LONG * (left - right) + SHORT * (beside - before);
      const down = LONG * (first - last) + SHORT * (second - third);
      levels[at] =
        ((((mean + HALF) >> BITS) & 1) << 2) | ((((across + HALF) >> BITS) & 1) << 1) | (((down + HALF) >> BITS) & 1);
    }
  }
  return { rows, columns, levels };
}
