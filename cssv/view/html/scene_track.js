// The scene track: the objects of each frame, exact (pipeline/SPEC.md).

/** Values of an object over time: key, title, unit, decimals. Speed has units of its own. */
export const ATTRIBUTES = [
  { key: "temperature_c", title: "Temperature", unit: "°C", decimals: 1 },
  { key: "density_kg_m3", title: "Density", unit: "kg/m³", decimals: 0 },
];

/**
 * Reads the samples of all frames.
 *
 * @param {number} frames number of frames
 * @param {(frame: number) => Uint8Array|null} sampleOf bytes of a sample; null if it is damaged or sealed
 * @returns {{frames: object[][], damaged: number[], scene: object, ranges: object|null, tracks: object[]}}
 *   `tracks` are ascending, each with `track`, `label`, `name`, `spans` (first and last frame of each run)
 */
export function readSceneTrack(frames, sampleOf) {
  const found = { frames: [], damaged: [], scene: {}, ranges: null, tracks: [] };
  const decoder = new TextDecoder();
  const tracks = new Map();
  for (let number = 0; number < frames; number += 1) {
    const bytes = sampleOf(number);
    const sample = bytes && parse(decoder.decode(bytes));
    if (!sample) found.damaged.push(number);
    if (number === 0 && sample) {
      found.scene = sample.scene ?? {};
      found.ranges = sample.ranges ?? null;
    }
    const objects = Array.isArray(sample?.objects) ? sample.objects.filter(isObject) : [];
    found.frames.push(objects);
    for (const object of objects) addTo(tracks, object, number);
  }
  found.tracks = [...tracks.values()].sort((a, b) => a.track - b.track);
  return found;
}

function parse(text) {
  try {
    const node = JSON.parse(text);
    return node && typeof node === "object" ? node : null;
  } catch {
    return null;
  }
}

function isObject(node) {
  const box = node?.box_px;
  return Number.isFinite(node?.track) && Array.isArray(box) && box.length === 4 && box.every(Number.isFinite);
}

function addTo(tracks, object, number) {
  let known = tracks.get(object.track);
  if (!known) {
    known = { track: object.track, label: textOf(object.label), name: textOf(object.name), spans: [] };
    tracks.set(object.track, known);
  }
  const last = known.spans.at(-1);
  if (last && last[1] >= number - 1) last[1] = number;
  else known.spans.push([number, number]);
}

function textOf(value) {
  return typeof value === "string" ? value : "";
}

/** What people call a track: its name, else its label, with its number. */
export function titleOf(track) {
  return `${track.name || track.label || "object"} ${track.track}`;
}

/**
 * Speed of an object in a unit.
 *
 * @param {object} object of a frame
 * @param {{factor: number, is_of_picture: boolean}} unit
 * @returns {{value: number, sigma: number|null}|null} null if it is unknown
 */
export function speedOf(object, unit) {
  const velocity = unit.is_of_picture ? object.velocity_px_s : object.velocity_m_s;
  const sigma = unit.is_of_picture ? object.sigma_px_s : object.sigma_m_s;
  // A velocity in the picture without its deviation is unknown.
  if (!Array.isArray(velocity) || (unit.is_of_picture && !Number.isFinite(sigma))) return null;
  const value = Math.hypot(velocity[0], velocity[1]) * unit.factor;
  return { value, sigma: Number.isFinite(sigma) ? sigma * unit.factor : null };
}

/** A sensed value of an object, such as its temperature; null if it is unknown. */
export function valueOf(object, key) {
  const node = object[key];
  if (Number.isFinite(node)) return { value: node, sigma: null };
  if (!Number.isFinite(node?.value)) return null;
  return { value: node.value, sigma: Number.isFinite(node.sigma) ? node.sigma : null };
}

/** A value with its deviation as people read it: 12.3 ± 0.4. */
export function valueText(found, decimals) {
  if (!found) return "–";
  // A small deviation deserves one digit more, of the value too; a smaller one is none.
  const half = 0.5 * 10 ** -decimals;
  const digits = found.sigma !== null && found.sigma > 0 && found.sigma < half ? decimals + 1 : decimals;
  const sigma = found.sigma === null ? "" : found.sigma.toFixed(digits);
  return found.value.toFixed(digits) + (Number(sigma) > 0 ? ` ± ${sigma}` : "");
}
