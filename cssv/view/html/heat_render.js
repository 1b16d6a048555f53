/** Drawings from what their rings show (cssv/carriers/nibble/SPEC.md, sections 9 and 10), in integers. */

import { edgeRow } from "./heat_edges.js";
import { areaKey, COSINE, EDGES, footprint, nearestFirst } from "./heat_footprint.js";
import { drawnRings } from "./heat_mosaic.js";
import { brightnessOf, planesOf } from "./heat_planes.js";

/** Gain of a ring across its width, by the width. */
const GAINS = new Map([
  [6, [181, 226, 252, 252, 226, 181]],
  [7, [177, 217, 246, 256, 246, 217, 177]],
  [8, [175, 211, 239, 254, 254, 239, 211, 175]],
  [9, [172, 205, 232, 250, 256, 250, 232, 205, 172]],
  [10, [171, 200, 226, 245, 255, 255, 245, 226, 200, 171]],
  [11, [169, 197, 221, 240, 252, 256, 252, 240, 221, 197, 169]],
  [12, [168, 193, 216, 235, 248, 255, 255, 248, 235, 216, 193, 168]],
]);
const DITHER = Uint8Array.of(0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5);
const VELOCITY = 1;
const TEMPERATURE = 2;
/** Brightness of the line of an object without rings. */
const LINE = 128;

/** Value, hue and certainty of a ring of one half. */
function shownBy(readings, ring, isBehind) {
  if (ring === VELOCITY) {
    const { pastSpeed, pastHeading, futureSpeed, futureHeading, motion } = readings;
    return isBehind ? [pastSpeed, pastHeading, motion] : [futureSpeed, futureHeading, motion];
  }
  if (ring === TEMPERATURE) {
    const value = readings.temperature;
    return [value, (-6 + Math.floor((84 * value) / 255)) & 255, readings.temperatureCertainty];
  }
  const value = readings.density;
  return [value, (206 + Math.floor((-84 * value) / 255)) & 255, readings.densityCertainty];
}

/** Brightness, Cb and Cr of each index of a footprint; chroma of the inner ring is dithered later. */
function ringTables(outline, readings, place) {
  const { span, shape } = place;
  const tables = { luma: new Uint8Array(2 * span), cb: new Int16Array(2 * span), cr: new Int16Array(2 * span) };
  if (outline.selector === EDGES) {
    tables.luma.fill(LINE);
    return tables;
  }
  const gains = GAINS.get(shape.ringWidth);
  for (const isBehind of [0, 1]) {
    for (const [k, ring] of drawnRings(outline.rings).entries()) {
      const [value, hue, certainty] = shownBy(readings, ring, isBehind);
      const peak = 56 + Math.floor((184 * value) / 255);
      const first = isBehind * span + 1 + k * shape.ringWidth;
      gains.forEach((gain, q) => {
        const amplitude = Math.floor((112 * certainty * gain) / 255);
        tables.luma[first + q] = Math.min(((peak * gain) >> 8) + 8, 255) & 0xf0;
        const vector = [hue, (hue - 64) & 255].map((angle) => (COSINE[angle] * amplitude + 16384) >> 15);
        const [cb, cr] = ring === VELOCITY ? vector : vector.map((part) => ((part + 8) >> 4) * 16);
        tables.cb[first + q] = cb;
        tables.cr[first + q] = cr;
      });
    }
  }
  return tables;
}

/**
 * The heat map of a frame with its objects.
 * @param {{outline: object, readings: object}[]} drawings in any order; the nearer one covers the other
 * @param {Uint8Array} planes of the frame, for the edges inside outlines
 * @param {{width: number, height: number, layout: string}} video
 * @returns {Uint8Array} in the layout of the planes
 */
export function renderHeat(drawings, planes, video) {
  const { width, height } = video;
  const heat = new Uint8Array(planesOf(video).size);
  const free = new Uint8Array(width * height).fill(1);
  const brightness = brightnessOf(planes, video);
  const frame = { left: 0, top: 0, right: width, bottom: height };
  const seen = new Set();
  const outlines = drawings.map(({ outline }) => outline);
  for (const number of nearestFirst(outlines)) {
    const area = areaKey(outlines[number]);
    // What is hidden costs nothing, however many objects that are.
    if (seen.has(area)) continue;
    seen.add(area);
    const place = footprint(outlines[number], frame);
    if (place === null) continue;
    drawObject(heat, video, drawings[number], place, { free, brightness });
  }
  return heat;
}

/** Draws one object where no nearer one is. */
function drawObject(heat, video, { outline, readings }, place, { free, brightness }) {
  const { width } = video;
  const { left, top, right, bottom, index, pitch, offset, span } = place;
  const { chromaShift, planes: [luma, cb, cr] } = planesOf(video);
  const tables = ringTables(outline, readings, place);
  for (let y = top; y < bottom; y++) {
    let edges = null;
    let at = offset + (y - top) * pitch;
    for (let x = left, pixel = y * width + left; x < right; x++, at++, pixel++) {
      const here = index[at];
      if (here < 0 || free[pixel] === 0) continue;
      free[pixel] = 0;
      const byte = luma.offset + y * luma.pitch + x * luma.stride;
      if (here === 0 || here === span) {
        edges ??= edgeRow(brightness, video, y, left, right);
        heat[byte] = edges[x - left];
        continue;
      }
      heat[byte] = tables.luma[here];
      if (chromaShift && (x | y) & 1) continue;
      const column = x >> chromaShift;
      const row = y >> chromaShift;
      const dither = DITHER[(row & 3) * 4 + (column & 3)];
      heat[cb.offset + row * cb.pitch + column * cb.stride] = (tables.cb[here] + dither) & 0xf0;
      heat[cr.offset + row * cr.pitch + column * cr.stride] = (tables.cr[here] + dither) & 0xf0;
    }
  }
}
