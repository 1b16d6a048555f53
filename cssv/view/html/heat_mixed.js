/** Heat maps of the form `mixed`: digits in cells of luma (cssv/carriers/nibble/SPEC2.md, section 9). */

import { findCellTags, readClipTag, readObjectTag, TAG_CELLS } from "./heat_cell_tags.js";
import { readLevels } from "./heat_cells.js";
import { readMosaic } from "./heat_mosaic.js";
import { fullPlane } from "./heat_planes.js";
import { renderHeat } from "./heat_render.js";

/** Objects of whose rings a smaller share is visible are not read. */
const VISIBLE_SHARE = 0.1;

/** The number of the frame that most tags tell; of equally frequent ones the first. Null without any. */
function frameOf(objects, clip) {
  const counts = new Map();
  const count = (frame) => counts.set(frame, (counts.get(frame) ?? 0) + 1);
  for (const { frame } of objects) count(frame);
  if (clip !== null) count(clip);
  let best = null;
  for (const [frame, many] of counts) if (best === null || many > counts.get(best)) best = frame;
  return best;
}

/** For each cell whether no tag lies on it. */
function freeCells({ rows, columns }, tags) {
  const free = new Uint8Array(rows * columns).fill(1);
  for (const { row, column } of tags) {
    for (let down = row; down < row + TAG_CELLS; down++) {
      free.fill(0, down * columns + column, down * columns + column + TAG_CELLS);
    }
  }
  return free;
}

/**
 * A reader of the form `mixed`. It keeps the labels that tags of the clip tell, for the frames that follow.
 * @param {{width: number, height: number, layout: string}} video
 */
export function createMixedReader(video) {
  const labels = new Map();
  return {
    read(planes, number) {
      const picture = readLevels(fullPlane(planes, video, 0), video);
      const tags = findCellTags(picture);
      let clip = null;
      const told = [];
      for (const tag of tags) {
        const object = readObjectTag(tag);
        if (object !== null) {
          told.push(object);
          continue;
        }
        const found = readClipTag(tag);
        if (found.hasFrame) clip = tag.frame;
        for (const [index, label] of found.labels) labels.set(index, label);
      }
      const frame = frameOf(told, clip);
      // What the codec has left of another frame's tag has that frame's number.
      const objects = told.filter((object) => object.frame === frame);
      const outlines = objects.map(({ outline, labelIndex }) => ({ ...outline, label: labels.get(labelIndex) ?? "" }));
      const found = readMosaic(picture, outlines, freeCells(picture, tags));
      return { number, ...drawn(outlines, found, objects, planes, video) };
    },
  };
}

/** The heat map of what was read, the objects, and a sentence about damaged ones. */
function drawn(outlines, found, objects, planes, video) {
  const damaged = new Set(outlines.filter((_, k) => found[k].crc !== objects[k].crc).map(({ track }) => track));
  const isSure = (k) => found[k].visible >= VISIBLE_SHARE && !damaged.has(outlines[k].track);
  const shown = outlines.map((outline, k) => ({ outline, readings: isSure(k) ? found[k].readings : null }));
  const drawings = shown.filter(({ readings }) => readings !== null);
  return {
    heat: renderHeat(drawings, planes, video),
    objects: shown.map(({ outline, readings }) => ({ ...outline, readings })),
    damage: damaged.size ? `The rings of objects ${[...damaged].join(", ")} are damaged.` : "",
  };
}
