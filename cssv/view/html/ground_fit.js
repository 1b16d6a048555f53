/**
 * The ground plane from points of the picture with known places on the ground.
 *
 * The same algorithm as `cssv/scene/ground_fit.py`: the normalised direct linear transformation, then
 * Levenberg's and Marquardt's steps to the smallest squared distances in the picture.
 */

const LEAST_POINTS = 4;
const MOST_POINTS = 1000;
const MOST_COORDINATE = 1e6;
const LEAST_DISTANCE_PX = 1;
const LEAST_WIDTH_PX = 1;
const LEAST_SHARE_M = 1e-3;
const CLICK_SIGMA_PX = 1;
const MOST_SPEED_SIGMA = 0.5;
const EXACT_PX = 1e-3;
const DIGITS = 12;
const STEPS = 100;
const SMALLEST_STEP = 1e-14;
const FIRST_DAMPING = 1e-6;
const LAST_DAMPING = 1e12;
const DELTA = 1e-6;
const UNSEEN = "no camera sees the points like this: the horizon would run between them";
const ORDER = "check the order of the points";
/** Version of the format of scenes. */
const SCENE_VERSION = 1;

/**
 * Fit a homography to points of the picture and their places on the ground.
 *
 * @param {number[][]} pointsPx - pairs x, y in pixels from the picture's top left corner.
 * @param {number[][]} pointsM - their places x, y on the ground, metres.
 * @returns {{matrix?: number[][], residuals_px?: number[], residuals_m?: number[], sigma_px?: number,
 *     speed_sigma?: number, error?: string}} the 3 x 3 matrix from pixels to metres; the distance of each point
 *     of the picture from where its ground point is shown, and the same on the ground; the standard error of
 *     a point in the picture; the relative standard error of speeds at the middle one of the points. Or why
 *     there is none.
 */
export function fitHomography(pointsPx, pointsM) {
  const error = faultOfNumbers(pointsPx, pointsM)
    ?? faultOfSpread(pointsPx, "in the picture", LEAST_DISTANCE_PX, LEAST_WIDTH_PX)
    ?? faultOfSpread(pointsM, "on the ground", LEAST_SHARE_M * reach(pointsM), LEAST_SHARE_M * reach(pointsM));
  if (error) return { error };
  const unitPx = normalisation(pointsPx);
  const unitM = normalisation(pointsM);
  const target = pointsPx.map((point) => project(unitPx, point));
  const places = pointsM.map((point) => project(unitM, point));
  const first = linearFit(places, target);
  if (first === null) return { error: `${UNSEEN}; ${ORDER}` };
  const side = faultOfSide(places.map((point) => scaleAt(square(first), point)));
  if (side) return { error: side };
  const numbers = refine(first, places, target);
  const back = inverse(square(numbers));
  if (back === null) return { error: "the points do not determine the ground" };
  const matrix = multiply(multiply(inverse(unitM), back), unitPx);
  const behind = faultOfSide(pointsPx.map((point) => scaleAt(matrix, point)));
  if (behind) return { error: behind };
  const scale = scaleAt(matrix, mean(pointsPx));
  const rounded = roundMatrix(matrix.map((row) => row.map((value) => value / scale)), pointsPx);
  const toPx = inverse(unitPx);
  const shown = places.map((point) => project(toPx, project(square(numbers), point)));
  const residuals = pointsPx.map((point, k) => distance(point, shown[k]));
  const spare = 2 * pointsPx.length - 8;
  // Four points always fit if a camera can see them so.
  if (spare === 0 && !(largest(residuals) <= EXACT_PX)) return { error: `${UNSEEN}; ${ORDER}` };
  const squares = residuals.reduce((sum, each) => sum + each * each, 0);
  const sigma = Math.max(CLICK_SIGMA_PX, spare > 0 ? Math.sqrt(squares / spare) : 0);
  const speedSigma = speedSigmaOf(numbers, places, target, sigma * unitPx[0][0]);
  // An infinite or unknown error is too large as well.
  if (!(speedSigma <= MOST_SPEED_SIGMA)) {
    return { error: "the points determine the ground too weakly: give points that are farther apart, "
      + "of which no three lie on one line, or more of them" };
  }
  return {
    matrix: rounded,
    residuals_px: residuals,
    residuals_m: pointsPx.map((point, k) => distance(project(rounded, point), pointsM[k])),
    sigma_px: sigma,
    speed_sigma: speedSigma,
  };
}

/**
 * The text of a scene with this homography, to copy to `scene.json`.
 *
 * @param {number[][]} matrix - 3 x 3, from pixels to metres.
 * @returns {string} JSON.
 */
export function sceneText(matrix) {
  const rows = matrix.map((row) => `      ${JSON.stringify(row).replaceAll(",", ", ")}`).join(",\n");
  return `{\n  "cssv_scene": ${SCENE_VERSION},\n  "camera": {\n    "homography": [\n${rows}\n    ]\n  }\n}\n`;
}

// ---- checks: what is wrong, or null

function faultOfNumbers(pointsPx, pointsM) {
  if (!Array.isArray(pointsPx) || !Array.isArray(pointsM) || pointsPx.length !== pointsM.length) {
    return "each point of the picture needs one on the ground";
  }
  if (pointsPx.length < LEAST_POINTS || pointsPx.length > MOST_POINTS) {
    return `the ground needs at least four points of the picture with their places: found ${pointsPx.length}`;
  }
  for (const point of [...pointsPx, ...pointsM]) {
    const isPair = Array.isArray(point) && point.length === 2;
    if (!isPair || !point.every((value) => typeof value === "number" && Math.abs(value) <= MOST_COORDINATE)) {
      return `a point is out of range: allowed are pairs of numbers up to ${MOST_COORDINATE}`;
    }
  }
  return null;
}

function faultOfSpread(points, where, leastDistance, leastWidth) {
  for (let k = 0; k < points.length; k += 1) {
    for (let j = k + 1; j < points.length; j += 1) {
      if (distance(points[k], points[j]) <= leastDistance) {
        return `two points are at the same place ${where}: points ${k + 1} and ${j + 1}`;
      }
    }
  }
  for (let out = -1; out < points.length; out += 1) {
    if (width(points.filter((_, k) => k !== out)) < leastWidth) {
      const which = out < 0 ? "all points" : `all points but point ${out + 1}`;
      return `the points do not determine the ground: ${which} lie on one line ${where}`;
    }
  }
  return null;
}

/** Root mean square of the distances from the line that fits best. */
function width(points) {
  const [x, y] = mean(points);
  let [a, b, c] = [0, 0, 0];
  for (const point of points) {
    a += (point[0] - x) ** 2;
    b += (point[0] - x) * (point[1] - y);
    c += (point[1] - y) ** 2;
  }
  const largest = (a + c + Math.hypot(a - c, 2 * b)) / 2;
  // The smaller eigenvalue by the determinant, which loses fewer digits than a difference.
  const smallest = largest > 0 ? Math.max(a * c - b * b, 0) / largest : 0;
  return Math.sqrt(smallest / points.length);
}

function faultOfSide(scales) {
  if (scales.every((scale) => scale > 0)) return null;
  const named = (isOn) => scales.flatMap((scale, k) => (isOn(scale) ? [k + 1] : [])).join(", ") || "none";
  const sides = `points ${named((scale) => scale > 0)} and ${named((scale) => !(scale > 0))} on its two sides`;
  return `${UNSEEN}, ${sides}; ${ORDER}`;
}

// ---- points and 3 x 3 matrices

function mean(points) {
  const total = points.reduce(([x, y], point) => [x + point[0], y + point[1]], [0, 0]);
  return [total[0] / points.length, total[1] / points.length];
}

function distance(one, other) {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}

function reach(points) {
  const middle = mean(points);
  return Math.max(...points.map((point) => distance(point, middle)));
}

function normalisation(points) {
  const middle = mean(points);
  const far = points.reduce((sum, point) => sum + distance(point, middle), 0) / points.length;
  const scale = Math.SQRT2 / far;
  return [[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]];
}

function scaleAt(matrix, [x, y]) {
  return matrix[2][0] * x + matrix[2][1] * y + matrix[2][2];
}

function project(matrix, point) {
  const scale = scaleAt(matrix, point);
  const [x, y] = point;
  return [0, 1].map((k) => (matrix[k][0] * x + matrix[k][1] * y + matrix[k][2]) / scale);
}

function multiply(one, other) {
  return one.map((row) => other[0].map((_, k) => row.reduce((sum, value, j) => sum + value * other[j][k], 0)));
}

function transposed(rows) {
  return rows[0].map((_, k) => rows.map((row) => row[k]));
}

/** The inverse of a square matrix by Gauss and Jordan with pivots; null if it has none. */
function inverse(matrix) {
  const size = matrix.length;
  const rows = matrix.map((row, k) => [...row, ...row.map((_, j) => (j === k ? 1 : 0))]);
  for (let k = 0; k < size; k += 1) {
    let best = k;
    for (let j = k + 1; j < size; j += 1) {
      if (Math.abs(rows[j][k]) > Math.abs(rows[best][k])) best = j;
    }
    // NaN compares as false.
    if (!(Math.abs(rows[best][k]) > 0)) return null;
    [rows[k], rows[best]] = [rows[best], rows[k]];
    rows[k] = rows[k].map((value, _, row) => value / row[k]);
    for (let j = 0; j < size; j += 1) {
      const factor = rows[j][k];
      if (j !== k) rows[j] = rows[j].map((value, column) => value - factor * rows[k][column]);
    }
  }
  return rows.map((row) => row.slice(size));
}

/** The matrix with fewer digits, and 0 for entries that have no effect as far as the points reach. */
function roundMatrix(matrix, points) {
  const far = [0, 1].map((k) => largest(points.map((point) => point[k])));
  return matrix.map((row) => {
    const parts = [Math.abs(row[0]) * far[0], Math.abs(row[1]) * far[1], Math.abs(row[2])];
    const least = (parts[0] + parts[1] + parts[2]) * 10 ** -DIGITS;
    return row.map((value, k) => (parts[k] > least ? Number(value.toPrecision(DIGITS)) : 0));
  });
}

// ---- the fit, in normalised units: eight numbers take the ground to the picture

/** The homography of eight numbers; its last one is 1, the scale at the mean of the ground points. */
function square(numbers) {
  return [numbers.slice(0, 3), numbers.slice(3, 6), [numbers[6], numbers[7], 1]];
}

/** Two rows for each point, of which the products with the eight numbers are x and y times the scale. */
function rowsOf([x, y], [u, v]) {
  return [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]];
}

/** The numbers of least squares, by normal equations: the steps after it make up for lost digits. */
function linearFit(places, target) {
  const rows = places.flatMap((place, k) => rowsOf(place, target[k]));
  const right = target.flat().map((value) => [value]);
  const columns = transposed(rows);
  const back = inverse(multiply(columns, rows));
  return back === null ? null : multiply(back, multiply(columns, right)).flat();
}

function residualsOf(numbers, places, target) {
  const matrix = square(numbers);
  const away = [];
  const slope = [];
  places.forEach((place, k) => {
    const scale = scaleAt(matrix, place);
    const shown = project(matrix, place);
    away.push([shown[0] - target[k][0]], [shown[1] - target[k][1]]);
    slope.push(...rowsOf(place, shown).map((row) => row.map((value) => value / scale)));
  });
  return { away, slope, cost: away.reduce((sum, [value]) => sum + value * value, 0) };
}

/** The numbers with the smallest squared distances in the picture. */
function refine(first, places, target) {
  let numbers = first;
  let damping = FIRST_DAMPING;
  let found = residualsOf(numbers, places, target);
  for (let count = 0; count < STEPS; count += 1) {
    const columns = transposed(found.slope);
    const normal = multiply(columns, found.slope);
    const damped = normal.map((row, k) => row.map((value, j) => (j === k ? value * (1 + damping) : value)));
    const back = inverse(damped);
    if (back === null) break;
    const step = multiply(back, multiply(columns, found.away)).flat();
    const tried = numbers.map((value, k) => value - step[k]);
    const isSeen = places.every((place) => scaleAt(square(tried), place) > 0);
    const next = isSeen ? residualsOf(tried, places, target) : null;
    if (next !== null && next.cost <= found.cost) {
      [numbers, found, damping] = [tried, next, damping / 10];
      if (largest(step) <= SMALLEST_STEP * largest(numbers)) break;
    } else if (damping >= LAST_DAMPING) {
      break;
    } else {
      damping *= 10;
    }
  }
  return numbers;
}

function largest(values) {
  return Math.max(...values.map(Math.abs));
}

/** Relative standard error of speeds, mean of all directions, at the middle one of the points. */
function speedSigmaOf(numbers, places, target, sigma) {
  const { slope } = residualsOf(numbers, places, target);
  const spread = inverse(multiply(transposed(slope), slope));
  if (spread === null) return Infinity;
  const sigmas = target.map((point) => {
    const steady = inverse(slopeAt(numbers, point));
    const turns = numbers.map((_, k) => {
      const moved = (by) => slopeAt(numbers.map((value, j) => (j === k ? value + by : value)), point);
      const [after, before] = [moved(DELTA), moved(-DELTA)];
      const change = after.map((row, i) => row.map((value, j) => (value - before[i][j]) / (2 * DELTA)));
      const turned = multiply(change, steady);
      const even = (turned[0][1] + turned[1][0]) / 2;
      return [turned[0][0], even, turned[1][1]];
    });
    let total = 0;
    turns.forEach(([a, b, c], k) => turns.forEach(([d, e, f], j) => {
      // The mean over all directions of the product of two relative changes of length.
      total += spread[k][j] * ((a + c) * (d + f) + 2 * (a * d + 2 * b * e + c * f)) / 8;
    }));
    return sigma * Math.sqrt(Math.max(total, 0));
  }).sort((a, b) => a - b);
  const half = sigmas.length / 2;
  return (sigmas[Math.ceil(half) - 1] + sigmas[Math.floor(half)]) / 2;
}

/** Derivatives of the ground point by the point of the picture. */
function slopeAt(numbers, point) {
  const back = inverse(square(numbers));
  const scale = scaleAt(back, point);
  const ground = project(back, point);
  return [0, 1].map((k) => [0, 1].map((j) => (back[k][j] - ground[k] * back[2][j]) / scale));
}
