// What the room shows, from the scene track: places of objects on the ground, their paths, ground and camera.

import { groundPlane } from "./ground_plane.js";
import { titleOf } from "./scene_track.js";

/** Pixels of one unit where no camera is known. */
const UNIT_PX = 1000;
/** Heights of objects that are believed, in metres. */
const HEIGHTS_M = [0.1, 15];
/** The colour scale ends where this share of speeds is below it, but at most at so many times the middle speed. */
const SCALE = { share: 0.95, times: 3 };
/** Directions in which the outermost places are looked for. */
const DIRECTIONS = 48;
/** Feet this many times farther from the camera than the middle one are left out: they are near the horizon. */
const FAR = 8;
/** Pixels between which the plane's slope is measured. */
const STEP_PX = 0.5;

/**
 * Builds the room of a version.
 *
 * @param {object} scene plain JSON of the scene
 * @param {object[][]} frames objects of each frame
 * @param {object[]} tracks as `readSceneTrack` gives them
 * @param {(frame: number) => number} timeOf seconds of a frame
 * @param {{width: number, height: number}} video
 * @returns {object} `isGround`: whether a camera is known; `times`: of the frames; `frames`: for each the objects
 *   `{track, at: [x, y, z], size: [width, height], speed, ahead: [x, y, z], ellipse}`; `tracks`: `{track, title,
 *   points}`; `points` of the walked area; `back` and `lens` from the plane to the picture; `camera` with its
 *   corners; `speedUnit`, `mostSpeed`, `lost`: objects without a place
 */
export function buildRoomData(scene, frames, tracks, timeOf, video) {
  const plane = groundPlane(scene, video);
  const place = plane ? onGround(plane, video) : inPicture(video);
  const placed = frames.map((objects) => objects.map((object) => place(object)).filter(Boolean));
  const near = plane ? nearOnes(placed, plane) : () => true;
  const shown = placed.map((objects) => objects.filter(near));
  const times = frames.map((_, number) => timeOf(number));
  const speeds = shown.flat().map((object) => object.speed).filter(Number.isFinite).sort((a, b) => a - b);
  const count = (lists) => lists.reduce((sum, list) => sum + list.length, 0);
  return {
    isGround: plane !== null,
    isUpright: plane === null,
    times,
    frames: shown,
    tracks: pathsOf(shown, tracks, times),
    points: walked(shown, plane, video),
    camera: plane ? cameraOf(plane, video) : null,
    back: plane ? plane.back : [[UNIT_PX, 0, video.width / 2], [0, -UNIT_PX, video.height], [0, 0, 1]],
    lens: plane ? plane.lens : null,
    size: [video.width, video.height],
    speedUnit: plane ? "m/s" : "px/s",
    mostSpeed: endOfScale(speeds),
    lost: count(frames) - count(shown),
  };
}

/** The speed at the end of the colour scale, of ascending speeds; 0 if none is known. */
function endOfScale(speeds) {
  if (!speeds.length) return 0;
  const at = (share) => speeds[Math.floor((speeds.length - 1) * share)];
  // One fast object would give all others the same colour.
  return Math.min(at(SCALE.share), SCALE.times * at(0.5)) || at(1) || 1;
}

/** Places an object by its feet; null above the horizon. */
function onGround(plane, video) {
  return (object) => {
    const [x, y, w, h] = object.box_px;
    const foot = [x + w / 2, y + h];
    const at = plane.toGround(...foot);
    const slope = at && slopeAt(plane, foot);
    if (!slope) return null;
    // The edge of the picture cuts off the feet: the place would be wrong.
    if (x < 1 || x + w > video.width - 1 || y + h > video.height - 1) return null;
    const across = Math.hypot(slope[0][0], slope[0][1]);
    const height = heightOf(plane, at, [foot[0], y]) ?? h * across;
    const velocity = Array.isArray(object.velocity_m_s) ? object.velocity_m_s : null;
    const sigma = Number.isFinite(object.sigma_m_s) ? object.sigma_m_s : null;
    return {
      track: object.track,
      at: [...at, 0],
      size: [w * across, Math.min(HEIGHTS_M[1], Math.max(HEIGHTS_M[0], height))],
      speed: velocity ? Math.hypot(...velocity) : null,
      ahead: velocity ? [...velocity, 0] : null,
      ellipse: velocity && sigma !== null ? ellipseOf(slope, sigma) : null,
    };
  };
}

/** Metres by which the ground place changes for one pixel to the right and one down. */
function slopeAt(plane, [x, y]) {
  const pairs = [[STEP_PX, 0], [0, STEP_PX]].map(([dx, dy]) => [plane.toGround(x + dx, y + dy), plane.toGround(x - dx, y - dy)]);
  if (pairs.flat().some((point) => point === null)) return null;
  return pairs.map(([after, before]) => [0, 1].map((i) => (after[i] - before[i]) / (2 * STEP_PX)));
}

/** Height of an upright object above its place, from the ray of its top. */
function heightOf(plane, at, top) {
  const ray = plane.direction(...top);
  if (!ray) return null;
  const [cx, cy, cz] = plane.camera.position;
  const level = ray[0] ** 2 + ray[1] ** 2;
  const reach = ((at[0] - cx) * ray[0] + (at[1] - cy) * ray[1]) / level;
  const height = cz + reach * ray[2];
  return reach > 0 && Number.isFinite(height) && height > 0 ? height : null;
}

/** Half axes of a circle in the picture, seen on the ground, with `sigma` as its standard deviation per axis. */
function ellipseOf(slope, sigma) {
  const size = Math.sqrt((slope[0][0] ** 2 + slope[0][1] ** 2 + slope[1][0] ** 2 + slope[1][1] ** 2) / 2);
  return slope.map(([x, y]) => [(x * sigma) / size, (y * sigma) / size, 0]);
}

/** Places an object in the plane of the picture, which stands upright. */
function inPicture(video) {
  return (object) => {
    const [x, y, w, h] = object.box_px;
    const hasSpeed = Array.isArray(object.velocity_px_s) && Number.isFinite(object.sigma_px_s);
    const sigma = object.sigma_px_s / UNIT_PX;
    return {
      track: object.track,
      at: [(x + w / 2 - video.width / 2) / UNIT_PX, 0, (video.height - y - h) / UNIT_PX],
      size: [w / UNIT_PX, h / UNIT_PX],
      speed: hasSpeed ? Math.hypot(...object.velocity_px_s) : null,
      ahead: hasSpeed ? [object.velocity_px_s[0] / UNIT_PX, 0, -object.velocity_px_s[1] / UNIT_PX] : null,
      ellipse: hasSpeed ? [[sigma, 0, 0], [0, 0, sigma]] : null,
    };
  };
}

/** A test for places that are not far beyond most others. */
function nearOnes(placed, plane) {
  const all = placed.flat();
  const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  const centre = plane.camera ? plane.camera.position : [0, 1].map((i) => middle(all.map((object) => object.at[i])));
  const away = (object) => Math.hypot(object.at[0] - centre[0], object.at[1] - centre[1]);
  const most = FAR * middle(all.map(away));
  return (object) => away(object) <= most;
}

function pathsOf(frames, tracks, times) {
  const paths = new Map(tracks.map((track) => [track.track, { track: track.track, title: titleOf(track), points: [] }]));
  frames.forEach((objects, number) => {
    for (const { track, at, speed } of objects) paths.get(track)?.points.push({ number, timeS: times[number], at, speed });
  });
  return [...paths.values()].filter((path) => path.points.length);
}

/** Places that the first view must show. */
function walked(frames, plane, video) {
  const places = frames.flat().map((object) => object.at);
  if (!plane) {
    const [w, h] = [video.width / UNIT_PX, video.height / UNIT_PX];
    return [[-w / 2, 0, 0], [w / 2, 0, 0], [w / 2, 0, h], [-w / 2, 0, h]];
  }
  if (places.length) return outermost(places);
  const corners = [[0.1, 0.98], [0.9, 0.98], [0.1, 0.6], [0.9, 0.6]];
  const seen = corners.map(([x, y]) => plane.toGround(x * video.width, y * video.height)).filter(Boolean);
  return seen.length ? seen.map((point) => [...point, 0]) : [[-1, -1, 0], [1, 1, 0]];
}

/** The places that lie farthest in some direction: few, but around all others. */
function outermost(places) {
  const found = new Set();
  for (let i = 0; i < DIRECTIONS; i += 1) {
    const [c, s] = [Math.cos((2 * Math.PI * i) / DIRECTIONS), Math.sin((2 * Math.PI * i) / DIRECTIONS)];
    found.add(places.reduce((best, each) => (each[0] * c + each[1] * s > best[0] * c + best[1] * s ? each : best)));
  }
  return [...found];
}

/** The camera with the rays of the picture's corners, clockwise from the top left; null if it is unknown. */
function cameraOf(plane, video) {
  if (!plane.camera) return null;
  const corners = [[0, 0], [video.width, 0], [video.width, video.height], [0, video.height]];
  const rays = corners.map((corner) => plane.direction(...corner));
  if (rays.some((ray) => ray === null)) return null;
  return { position: plane.camera.position, rays: rays.map((ray) => ray.map((value) => value / Math.hypot(...ray))) };
}
