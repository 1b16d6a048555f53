// Shapes of the room as numbers for the graphics card: paths, camera, prisms and ellipses.

/** Colours of speeds from low to high: dark violet, blue, green, yellow; the order is also one of lightness. */
const RAMP = [[0.27, 0.16, 0.48], [0.23, 0.32, 0.55], [0.15, 0.5, 0.56], [0.18, 0.66, 0.48], [0.53, 0.81, 0.29], [0.99, 0.9, 0.15]];
const UNKNOWN = [0.55, 0.58, 0.62];
/** Paths are broken where a track is absent for more frames than this. */
const GAP_FRAMES = 3;
const CIRCLE = 40;
/** Least distance between points of a path, as a share of the room: boxes tremble. */
const STEP_SHARE = 0.002;

/** Colour of a share of the most speed, 0 to 1 each; grey for null. */
export function speedColour(share) {
  if (share === null) return UNKNOWN;
  const place = Math.min(1, Math.max(0, share)) * (RAMP.length - 1);
  const low = Math.min(RAMP.length - 2, Math.floor(place));
  return RAMP[low].map((value, i) => value + (RAMP[low + 1][i] - value) * (place - low));
}

/** A line of two ends for the program of lines, 14 numbers; `tag` is its time and track. */
export function lineOf(from, to, fromColour, toColour = fromColour, tag = [0, -1]) {
  return [...from, ...to, ...fromColour, ...toColour, ...tag];
}

/** All paths, coloured by speed. */
export function pathLines(data, reach) {
  const lines = [];
  const least = reach * STEP_SHARE;
  const colour = (point) => speedColour(point.speed === null || !data.mostSpeed ? null : point.speed / data.mostSpeed);
  for (const { track, points } of data.tracks) {
    let before = points[0];
    for (const point of points.slice(1)) {
      const isGap = point.number - before.number > GAP_FRAMES;
      const away = Math.hypot(...point.at.map((value, i) => value - before.at[i]));
      if (!isGap && away < least) continue;
      if (!isGap || away < least) lines.push(...lineOf(before.at, point.at, colour(before), colour(point), [point.timeS, track]));
      before = point;
    }
  }
  return new Float32Array(lines);
}

/** The camera as a pyramid of four rays with this length, its upper side marked, and a stand down to the ground. */
export function cameraLines(camera, length, colour, soft) {
  const { position, rays } = camera;
  const ends = rays.map((ray) => position.map((value, i) => value + ray[i] * length));
  const lines = ends.flatMap((end, i) => [lineOf(position, end, colour), lineOf(end, ends[(i + 1) % 4], colour)]);
  const middle = (i) => (ends[0][i] + ends[1][i]) / 2;
  const tip = [0, 1, 2].map((i) => middle(i) + (ends[0][i] - ends[3][i]) * 0.3);
  const [left, right] = [0.3, 0.7].map((share) => ends[0].map((value, i) => value + (ends[1][i] - value) * share));
  lines.push(lineOf(left, tip, colour), lineOf(tip, right, colour), lineOf(position, [position[0], position[1], 0], soft));
  return lines.flat();
}

/** Rays of the camera to the ground, as far as they reach it within this distance. */
export function viewLines(camera, most, colour) {
  const { position, rays } = camera;
  return rays.flatMap((ray) => {
    const reach = ray[2] < 0 ? Math.min(most, -position[2] / ray[2]) : most;
    return lineOf(position, position.map((value, i) => value + ray[i] * reach), colour);
  });
}

/** Faces (10 numbers a corner: place, normal, colour) and edges (lines) of an upright prism. */
export function prism({ at, size }, isUpright, turn, colour, alpha, edgeColour) {
  const [half, height] = [size[0] / 2, size[1]];
  const depth = isUpright ? 0.004 : half * 0.7;
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  const place = ([x, y, z]) => [at[0] + c * x * half - s * y * depth, at[1] + s * x * half + c * y * depth, at[2] + z * height];
  const turned = ([x, y, z]) => [c * x - s * y, s * x + c * y, z];
  const sides = [
    [[-1, -1, 0], [1, -1, 0], [1, -1, 1], [-1, -1, 1], [0, -1, 0]],
    [[1, -1, 0], [1, 1, 0], [1, 1, 1], [1, -1, 1], [1, 0, 0]],
    [[1, 1, 0], [-1, 1, 0], [-1, 1, 1], [1, 1, 1], [0, 1, 0]],
    [[-1, 1, 0], [-1, -1, 0], [-1, -1, 1], [-1, 1, 1], [-1, 0, 0]],
    [[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1], [0, 0, 1]],
  ];
  const faces = [];
  const edges = [];
  for (const [a, b, d, e, normal] of sides) {
    for (const corner of [a, b, d, a, d, e]) faces.push(...place(corner), ...turned(normal), ...colour, alpha);
    if (normal[2] === 0) edges.push(...lineOf(place(a), place(b), edgeColour), ...lineOf(place(e), place(d), edgeColour), ...lineOf(place(a), place(e), edgeColour));
  }
  return { faces, edges };
}

/** An ellipse about a place with two half axes: its face and its rim. */
export function ellipse(middle, [one, two], colour, alpha) {
  const rim = Array.from({ length: CIRCLE + 1 }, (_, i) => {
    const [c, s] = [Math.cos((2 * Math.PI * i) / CIRCLE), Math.sin((2 * Math.PI * i) / CIRCLE)];
    return middle.map((value, k) => value + c * one[k] + s * two[k]);
  });
  const faces = [];
  const edges = [];
  for (let i = 0; i < CIRCLE; i += 1) {
    for (const corner of [middle, rim[i], rim[i + 1]]) faces.push(...corner, 0, 0, 1, ...colour, alpha);
    edges.push(...lineOf(rim[i], rim[i + 1], colour));
  }
  return { faces, edges };
}
