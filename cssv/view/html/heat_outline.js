/**
 * Radii of an outline from the coefficients in a tag (cssv/payload/SPEC.md, section 8; cssv/template/SPEC.md,
 * sections 1 and 2). Radii count in units of 1 / (5400 * 2^24) px, which exceed the exact numbers of doubles.
 */

const QUARTER = [
  1099511627776n, 1078384820155n, 1015816288660n, 914210506869n, 777472127994n, 610855931251n, 420764883643n,
  214504077523n, 0n,
];
const DIRECTIONS = 32;
const COEFFICIENTS = 8;
const UNIT = 5400n << 24n;
const LARGEST_SHIFT = 6;
/** Least and largest share of the border. */
const LEAST_SHARE = 4096;
const LARGEST_SHARE = 32768;
const COSINES = Array.from({ length: COEFFICIENTS }, (_, k) =>
  Int32Array.from({ length: DIRECTIONS }, (_, j) => Math.round(1024 * Math.cos((Math.PI * k * (2 * j + 1)) / 64))),
);
/** Borders that are kept, by width and height. */
const KEPT = 1024;
const borders = new Map();

/** The largest integer whose cube does not exceed a number. */
function cubeRoot(value) {
  let root = BigInt(Math.round(Math.cbrt(Number(value))));
  while (root * root * root > value) root--;
  while ((root + 1n) ** 3n <= value) root++;
  return root;
}

/** Radii of the superellipse inscribed in a box, in units of 2^-24 px, rounded down. */
function borderRadii(width, height) {
  const key = width * 65536 + height;
  let radii = borders.get(key);
  if (radii === undefined) {
    const [w, h] = [BigInt(width), BigInt(height)];
    const quarter = QUARTER.map((cosine, k) => {
      const below = (cosine * h) ** 3n + (QUARTER[8 - k] * w) ** 3n;
      return cubeRoot(((w * h) << 63n) ** 3n / below);
    });
    // Direction k of the first half is as far as direction 16 - k, and that of the second as 32 - k.
    radii = Array.from({ length: DIRECTIONS }, (_, k) => {
      const folded = k > 16 ? DIRECTIONS - k : k;
      return quarter[folded > 8 ? 16 - folded : folded];
    });
    if (borders.size >= KEPT) borders.clear();
    borders.set(key, radii);
  }
  return radii;
}

/**
 * The radii of an outline, as bytes and the shift that they count in.
 * @param {number[]} coefficients of the shares, eight integers
 * @param {number} width of the box in pixels
 * @param {number} height of the box in pixels
 * @returns {{radii: Uint8Array, shift: number}}
 */
export function outlineRadii(coefficients, width, height) {
  const exact = borderRadii(width, height).map((border, j) => {
    let share = 0;
    for (let k = 0; k < COEFFICIENTS; k++) share += coefficients[k] * COSINES[k][j];
    share = Math.min(Math.max(share, LEAST_SHARE), LARGEST_SHARE);
    return (((border * 5400n) >> 7n) * BigInt(share)) >> 7n;
  });
  const largest = exact.reduce((a, b) => (a > b ? a : b));
  let shift = 0;
  while (shift < LARGEST_SHIFT && largest > (UNIT * 255n) << BigInt(shift)) shift++;
  const unit = UNIT << BigInt(shift);
  // To the nearest integer, halves towards 0.
  const radii = exact.map((radius) => Number((2n * radius + unit - 1n) / (2n * unit)));
  return { radii: Uint8Array.from(radii, (radius) => Math.min(Math.max(radius, 1), 255)), shift };
}
