// What differs between two versions of a file: pictures, objects, scene.

import { runTexts } from "./check_record.js";

/** Differences of a scene that are listed. */
const MOST_CHANGES = 200;

/**
 * Compares two versions.
 *
 * @param {object} before a ClipVersion
 * @param {object} after another one of the same file
 * @returns {{frames: string[], frameCount: number, scene: object[], objects: object[]}} runs of frames with
 *   other pixels; `scene`: path, before, after; `objects`: track, key, frames, before, after
 */
export function findChanges(before, after) {
  const frames = Math.min(before.frames, after.frames);
  const isOther = (frame) => before.crcs.planes[frame] !== after.crcs.planes[frame];
  let frameCount = 0;
  for (let frame = 0; frame < frames; frame += 1) frameCount += isOther(frame) ? 1 : 0;
  const scene = [];
  compareNodes(before.scene.scene, after.scene.scene, "", scene);
  compareNodes(before.scene.ranges, after.scene.ranges, "ranges", scene);
  return { frames: runTexts(frames, isOther), frameCount, scene, objects: compareObjects(before, after, frames) };
}

const isNode = (value) => value !== null && typeof value === "object";

function compareNodes(before, after, path, found) {
  if (found.length >= MOST_CHANGES || before === after) return;
  if (isNode(before) && isNode(after) && Array.isArray(before) === Array.isArray(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      compareNodes(before[key], after[key], path ? `${path}.${key}` : key, found);
    }
    return;
  }
  found.push({ path, before: textOf(before), after: textOf(after) });
}

/** A value of JSON as people read it. */
function textOf(value) {
  if (value === undefined || value === null) return "–";
  if (typeof value === "string") return value;
  if (isNode(value) && Number.isFinite(value.value)) {
    const sigma = Number.isFinite(value.sigma) ? ` ± ${value.sigma}` : "";
    return `${value.value}${sigma}${value.source ? ` (${value.source})` : ""}`;
  }
  return JSON.stringify(value);
}

/** Differences of objects, one row for each track and value, with its first frame as the example. */
function compareObjects(before, after, frames) {
  const rows = new Map();
  const note = (track, key, old, now) => {
    const name = `${track}|${key}`;
    const row = rows.get(name) ?? { track, key, frames: 0, before: textOf(old), after: textOf(now) };
    row.frames += 1;
    rows.set(name, row);
  };
  for (let frame = 0; frame < frames; frame += 1) {
    if (before.crcs.scenes[frame] === after.crcs.scenes[frame]) continue;
    const now = new Map(after.scene.frames[frame].map((object) => [object.track, object]));
    for (const old of before.scene.frames[frame]) {
      const other = now.get(old.track);
      now.delete(old.track);
      if (!other) {
        note(old.track, "object", "shown", "not shown");
        continue;
      }
      for (const key of new Set([...Object.keys(old), ...Object.keys(other)])) {
        if (JSON.stringify(old[key]) !== JSON.stringify(other[key])) note(old.track, key, old[key], other[key]);
      }
    }
    for (const track of now.keys()) note(track, "object", "not shown", "shown");
  }
  return [...rows.values()].sort((a, b) => a.track - b.track);
}
