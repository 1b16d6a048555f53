/** Heat maps of the lossless forms: version 1, `full` and `sparse` (cssv/carriers/nibble/SPEC.md and SPEC2.md). */

import { carriedHeat } from "./heat_carried.js";
import { markedPixels, readMarks, supportPixels } from "./heat_marks.js";
import { fullPlane, planesOf } from "./heat_planes.js";
import { readSparseMarks, sparseMarkedPixels } from "./heat_sparse_marks.js";
import { readTags, takeTags } from "./heat_tags.js";

const NO_MARKS = "The frame carries no heat map: none of its marks can be read.";

/** What is wrong with the marks of a frame; empty if they are those of a heat map. */
function marksFault(marks, video) {
  if (marks === null) return NO_MARKS;
  if (marks.isRgb !== (video.layout === "rgb24")) return "The marks of the frame are those of other planes.";
  if (2 * marks.intact < marks.whole) return "Less than half of the marks of the frame can be read.";
  return "";
}

/** A sentence about marks that are damaged; empty if none is. */
function marksDamage(marks) {
  return marks.intact < marks.whole ? `${marks.whole - marks.intact} of ${marks.whole} marks are damaged.` : "";
}

/** What tags tell of the objects of a frame. */
function objectsOf(tags) {
  return tags.map(({ outline }) => ({ ...outline, readings: null }));
}

/** A reader of version 1. */
export function createVersion1Reader(video) {
  return {
    read(planes, number) {
      const luma = fullPlane(planes, video, 0);
      const marks = readMarks(luma, video, 1);
      const fault = marksFault(marks, video);
      if (fault) return emptyHeat(video, number, fault);
      const tags = readTags(luma, video);
      const taken = markedPixels(video, marks.isSparse);
      takeTags(taken, video, tags);
      const support = marks.isSparse ? supportPixels(luma, video, marks.cells) : null;
      const heat = allNibbles(planes, video, taken, support);
      return { heat, number: marks.number, objects: objectsOf(tags), damage: marksDamage(marks) };
    },
  };
}

/** The nibbles of all planes, those outside of the support set to 0. */
function allNibbles(planes, video, taken, support) {
  const { size, chromaShift, planes: places } = planesOf(video);
  const heat = new Uint8Array(size);
  places.forEach(({ offset, pitch, stride }, number) => {
    const shift = number ? chromaShift : 0;
    for (let y = 0; y < video.height >> shift; y++) {
      let pixel = (y << shift) * video.width;
      let byte = offset + y * pitch;
      for (let x = 0; x < video.width >> shift; x++, byte += stride, pixel += 1 << shift) {
        if (support !== null && support[pixel] === 0) continue;
        heat[byte] = number === 0 && taken[pixel] ? (planes[byte] & 14) << 4 : planes[byte] << 4;
      }
    }
  });
  return heat;
}

/** A reader of the form `full`. */
export function createFullReader(video) {
  const marked = markedPixels(video, false);
  return {
    read(planes, number) {
      const luma = fullPlane(planes, video, 0);
      const marks = readMarks(luma, video, 2);
      const fault = marksFault(marks, video);
      if (fault) return emptyHeat(video, number, fault);
      if (marks.isSparse || !marks.emptyBits.every((bits) => bits > 0)) return emptyHeat(video, number, NO_MARKS);
      const tags = readTags(luma, video);
      const taken = marked.slice();
      takeTags(taken, video, tags);
      const outlines = tags.map(({ outline }) => outline);
      const { heat } = carriedHeat(planes, video, outlines, taken);
      return { heat, number: marks.number, objects: objectsOf(tags), damage: marksDamage(marks) };
    },
  };
}

/** A reader of the form `sparse`. */
export function createSparseReader(video) {
  const masks = new Map();
  return {
    read(planes, number) {
      const luma = fullPlane(planes, video, 0);
      const marks = readSparseMarks(luma, video);
      const fault = marksFault(marks, video);
      if (fault) return emptyHeat(video, number, fault);
      const name = `${marks.grid.tile} ${marks.used}`;
      if (!masks.has(name)) masks.set(name, sparseMarkedPixels(marks.grid, marks.used, video));
      const tags = readTags(luma, video);
      const taken = masks.get(name).slice();
      takeTags(taken, video, tags);
      const outlines = tags.map(({ outline }) => outline);
      const { heat, checks } = carriedHeat(planes, video, outlines, taken);
      const wrong = tags.filter(({ check }, k) => check !== checks[k]).map(({ outline }) => outline.track);
      const damage = wrong.length ? `The drawings of objects ${wrong.join(", ")} are damaged.` : marksDamage(marks);
      return { heat, number: marks.number, objects: objectsOf(tags), damage };
    },
  };
}

/**
 * What a reader returns of a frame that it cannot read.
 * @param {{width: number, height: number, layout: string}} video
 * @param {number} number of the frame
 * @param {string} damage a sentence that says why
 */
export function emptyHeat(video, number, damage) {
  return { heat: new Uint8Array(planesOf(video).size), number, objects: null, damage };
}
