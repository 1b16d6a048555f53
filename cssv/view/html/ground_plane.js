// The ground plane of a scene's camera, as the library computes it (cssv/scene/camera.py, ground.py, lens.py).

/** Newton's steps for the inverse of the lens; each doubles the exact digits. */
const BENDING_STEPS = 20;
/** Largest error, relative to 1 + distance, of a result that counts as found. */
const BENT = 1e-9;
/** A calibration fits a clip whose sides differ by at most this. */
const SIZE_SLACK_PX = 1;

/**
 * The ground plane that the camera of a scene determines: by `tsai`, else `homography`, else its pose.
 *
 * @param {object} scene plain JSON, as the scene track holds it
 * @param {{width: number, height: number}} video
 * @returns {object|null} `toGround(x, y)`: metres [X, Y] or null at the horizon and above; `toPicture(X, Y)`: its
 *   inverse, null behind the camera; `direction(x, y)`: the ray [x, y, z] of a pixel, null without a camera;
 *   `camera`: {position: [x, y, z]} in metres or null; `matrix`: straightened pixels to ground, positive in
 *   front; `lens`: null or {centre, pixel, kappa}. Null if the ground is unknown
 */
export function groundPlane(scene, video) {
  const camera = scene?.camera;
  if (!camera || typeof camera !== "object") return null;
  const size = [video.width, video.height];
  const found = camera.tsai ? byTsai(camera.tsai, size) : camera.homography ? byHomography(camera, size) : byPose(camera, size);
  if (!found) return null;
  const scale = Math.max(...found.matrix.flat().map(Math.abs));
  const matrix = found.matrix.map((row) => row.map((value) => value / scale));
  const back = inverse(matrix);
  if (!matrix.flat().every(Number.isFinite) || !back) return null;
  return planeOf(matrix, back, found.lens ?? null, found.position);
}

function planeOf(matrix, back, lens, position) {
  const raw = (x, y) => {
    const straight = lens ? straightened(lens, [x, y]) : [x, y];
    return straight && times(matrix, [...straight, 1]);
  };
  const toGround = (x, y) => {
    const point = raw(x, y);
    return point && point[2] > 0 ? finite([point[0] / point[2], point[1] / point[2]]) : null;
  };
  const toPicture = (X, Y) => {
    const point = times(back, [X, Y, 1]);
    const straight = point[2] > 0 ? finite([point[0] / point[2], point[1] / point[2]]) : null;
    return straight && lens ? bent(lens, straight) : straight;
  };
  // Valid above the horizon too, where the third component changes its sign.
  const direction = (x, y) => {
    const point = position && raw(x, y);
    return point ? position.map((value, i) => (i < 2 ? point[i] : 0) - point[2] * value) : null;
  };
  return { toGround, toPicture, direction, camera: position ? { position } : null, matrix, back, lens };
}

/** Whether a value is a list of so many numbers. */
function areNumbers(value, count) {
  return Array.isArray(value) && value.length === count && value.every(Number.isFinite);
}

function byTsai(tsai, [width, height]) {
  const lists = { size_px: 2, centre_px: 2, pixel_mm: 2, translation_mm: 3, rotation_rad: 3 };
  if (!Object.entries(lists).every(([key, count]) => areNumbers(tsai[key], count)) || !(tsai.focal_mm > 0)) return null;
  const { size_px: size, centre_px: [cx, cy], focal_mm: f, translation_mm: shift, rotation_rad: angles } = tsai;
  if (Math.abs(size[0] - width) > SIZE_SLACK_PX || Math.abs(size[1] - height) > SIZE_SLACK_PX) return null;
  const pixel = [tsai.pixel_mm[0] / (tsai.sx || 1), tsai.pixel_mm[1]];
  const rays = [[pixel[0] / f, 0, (-pixel[0] * cx) / f], [0, pixel[1] / f, (-pixel[1] * cy) / f], [0, 0, 1]];
  const turn = rotation(angles);
  const metres = shift.map((value) => value / 1000);
  const lens = tsai.kappa1_per_mm2 ? { centre: [cx, cy], pixel, kappa: tsai.kappa1_per_mm2 } : null;
  return { ...seenFrom(turn, metres, rays), lens };
}

/** The plane of a camera that takes scene points p to turn p + shift. */
function seenFrom(turn, shift, rays) {
  const back = inverse(turn.map((row, i) => [row[0], row[1], shift[i]]));
  const position = [0, 1, 2].map((i) => -turn.reduce((sum, row, k) => sum + row[i] * shift[k], 0));
  return back && { matrix: product(back, rays), position };
}

function rotation(angles) {
  const [[sa, ca], [sb, cb], [sc, cc]] = angles.map((angle) => [Math.sin(angle), Math.cos(angle)]);
  const aboutX = [[1, 0, 0], [0, ca, -sa], [0, sa, ca]];
  const aboutY = [[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]];
  const aboutZ = [[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]];
  return product(product(aboutZ, aboutY), aboutX);
}

function byHomography(camera, size) {
  const given = camera.homography;
  if (!Array.isArray(given) || given.length !== 3 || !given.every((row) => areNumbers(row, 3))) return null;
  // The middle of the lower edge is ground: this decides the sign.
  const foot = times(given, [size[0] / 2, size[1], 1])[2];
  const matrix = given.map((row) => row.map((value) => (foot < 0 ? -value : value)));
  return { matrix, position: positionBy(matrix, size) };
}

/** Where a camera of square pixels stands whose axis meets the middle of the picture; null if none fits. */
function positionBy(matrix, [width, height]) {
  const back = inverse(matrix);
  if (!back) return null;
  const column = (i) => [back[0][i] - (width / 2) * back[2][i], back[1][i] - (height / 2) * back[2][i], back[2][i]];
  const [one, two, three] = [0, 1, 2].map(column);
  // Both axes of the ground are as long as each other, and at right angles: two equations for 1 / focal².
  const across = one[0] * two[0] + one[1] * two[1];
  const along = (one[0] ** 2 + one[1] ** 2 - two[0] ** 2 - two[1] ** 2) / 2;
  const wanted = [-one[2] * two[2], (two[2] ** 2 - one[2] ** 2) / 2];
  const square = (across * wanted[0] + along * wanted[1]) / (across ** 2 + along ** 2);
  if (!(square > 0)) return null;
  const inCamera = ([x, y, z]) => [x * Math.sqrt(square), y * Math.sqrt(square), z];
  const [first, second, shift] = [one, two, three].map(inCamera);
  const length = (Math.hypot(...first) + Math.hypot(...second)) / 2;
  const [right, ahead, moved] = [first, second, shift].map((v) => v.map((value) => value / length));
  const up = cross(right, ahead);
  const position = [right, ahead, up].map((axis) => -dot(axis, moved));
  // Axes of the ground that are mirrored would put the camera below it.
  return finite([position[0], position[1], Math.abs(position[2])]);
}

function byPose(camera, [width, height]) {
  const [position, tilt, field] = [camera.position_m, camera.tilt_deg, camera.hfov_deg].map(known);
  if (!areNumbers(position, 3) || !areNumbers([tilt, field], 2) || position[2] <= 0 || field >= 180) return null;
  const turned = [known(camera.pan_deg) ?? 0, tilt, known(camera.roll_deg) ?? 0].map((angle) => (angle * Math.PI) / 180);
  const [[sp, cp], [st, ct], [sr, cr]] = turned.map((angle) => [Math.sin(angle), Math.cos(angle)]);
  const ahead = [sp * ct, cp * ct, st];
  const [level, under] = [[cp, -sp, 0], [sp * st, cp * st, -ct]];
  const right = level.map((value, i) => cr * value + sr * under[i]);
  const down = level.map((value, i) => cr * under[i] - sr * value);
  const turn = [right, down, ahead];
  const f = width / 2 / Math.tan((field * Math.PI) / 360);
  const rays = [[1 / f, 0, -width / 2 / f], [0, 1 / f, -height / 2 / f], [0, 0, 1]];
  return seenFrom(turn, turn.map((row) => -dot(row, position)), rays);
}

/** A value of a scene, plain or with its source; null if it is unknown. */
function known(node) {
  const value = node && typeof node === "object" && !Array.isArray(node) ? (node.source === "unknown" ? null : node.value) : node;
  return value ?? null;
}

function straightened({ centre, pixel, kappa }, point) {
  const away = point.map((value, i) => (value - centre[i]) * pixel[i]);
  const growth = kappa * (away[0] ** 2 + away[1] ** 2);
  // Beyond the fold a larger radius would belong nearer to the axis.
  return growth > -1 / 3 ? away.map((value, i) => centre[i] + (value * (1 + growth)) / pixel[i]) : null;
}

function bent({ centre, pixel, kappa }, straight) {
  const away = straight.map((value, i) => (value - centre[i]) * pixel[i]);
  const sign = Math.sign(kappa);
  const t = Math.sqrt(Math.abs(kappa)) * Math.hypot(...away);
  let r = Math.min(t, sign > 0 ? Math.cbrt(t) : Math.sqrt(1 / 3) * (1 - 1e-9));
  for (let step = 0; step < BENDING_STEPS; step += 1) {
    r = Math.max(r - (r + sign * r ** 3 - t) / (1 + 3 * sign * r ** 2), 0);
  }
  if (!(Math.abs(r + sign * r ** 3 - t) <= BENT * (1 + t))) return null;
  const share = t > 0 ? r / t : 1;
  return finite(away.map((value, i) => centre[i] + (value * share) / pixel[i]));
}

function finite(point) {
  return point.every(Number.isFinite) ? point : null;
}

function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function times(matrix, vector) {
  return matrix.map((row) => dot(row, vector));
}

function product(a, b) {
  return a.map((row) => [0, 1, 2].map((i) => row[0] * b[0][i] + row[1] * b[1][i] + row[2] * b[2][i]));
}

/** Inverse of a 3 x 3 matrix; null if there is none. */
function inverse([a, b, c]) {
  const rows = [cross(b, c), cross(c, a), cross(a, b)];
  const size = dot(a, rows[0]);
  return size === 0 || !Number.isFinite(size) ? null : [0, 1, 2].map((i) => rows.map((row) => row[i] / size));
}
