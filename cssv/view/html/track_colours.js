// Colours of tracks: always the same for an id, and those of the library's pictures (view/track_colours.py).

const LIGHTNESSES = [60, 76, 68, 84];
/** By how much colours are darker on a light ground, so that lines and bars are seen there too. */
const DARKER = 26;
const CHROMA = 84;
const REDUCTION = 4;
const STEP = 2654435769;
const BEND = 6 / 29;

/** Linear R, G, B of X, Y, Z as shares of those of white: the inverse of the matrix of IEC 61966-2-1. */
const RGB_OF_XYZ = inverse(
  [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]].map((row) => {
    const sum = row[0] + row[1] + row[2];
    return row.map((value) => value / sum);
  }),
);

const known = new Map();

/**
 * Colour of a track for the style of the page or a canvas.
 *
 * @param {number} track id, 0 to 2^32 - 1
 * @param {boolean} isDark whether the ground is dark; over pictures it counts as dark
 * @returns {string} such as "rgb(12, 200, 90)"
 */
export function colourOf(track, isDark) {
  const key = isDark ? track : -1 - track;
  if (!known.has(key)) known.set(key, `rgb(${findColour(track, isDark ? 0 : DARKER).join(", ")})`);
  return known.get(key);
}

function findColour(track, darker) {
  const hue = (2 * Math.PI * (Math.imul(track, STEP) >>> 0)) / 2 ** 32;
  const lightness = LIGHTNESSES[track % LIGHTNESSES.length] - darker;
  let linear = [0, 0, 0];
  for (let chroma = CHROMA; chroma >= 0; chroma -= REDUCTION) {
    linear = toLinear(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
    if (linear.every((value) => value >= 0 && value <= 1)) break;
  }
  return linear.map((value) => {
    const share = Math.min(1, Math.max(0, value));
    return Math.round(255 * (share <= 0.0031308 ? 12.92 * share : 1.055 * share ** (1 / 2.4) - 0.055));
  });
}

/** Linear red, green and blue of CIELAB coordinates. */
function toLinear(light, a, b) {
  const middle = (light + 16) / 116;
  const shares = [middle + a / 500, middle, middle - b / 200].map((root) =>
    root > BEND ? root ** 3 : 3 * BEND ** 2 * (root - 4 / 29),
  );
  return RGB_OF_XYZ.map((row) => row[0] * shares[0] + row[1] * shares[1] + row[2] * shares[2]);
}

/** Inverse of a 3 x 3 matrix by its cofactors. */
function inverse(m) {
  const cofactor = (r, c) => {
    const [r1, r2, c1, c2] = [(r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3];
    return m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1];
  };
  const determinant = [0, 1, 2].reduce((sum, c) => sum + m[0][c] * cofactor(0, c), 0);
  return [0, 1, 2].map((r) => [0, 1, 2].map((c) => cofactor(c, r) / determinant));
}
