/** Heat maps whose rings are the low nibbles of a lossless frame (cssv/carriers/nibble/SPEC2.md, sections 4 and 8). */

import { crc32 } from "./crc32.js";
import { edgeRow } from "./heat_edges.js";
import { areaKey, footprint, nearestFirst } from "./heat_footprint.js";
import { brightnessOf, planesOf } from "./heat_planes.js";

/**
 * The heat map that a frame carries on its rings, with edges of the frame inside the outlines.
 * @param {Uint8Array} planes of the frame
 * @param {{width: number, height: number, layout: string}} video
 * @param {object[]} outlines all that have a tag
 * @param {Uint8Array} taken for each pixel whether a mark or a tag has its lowest bit
 * @returns {{heat: Uint8Array, checks: number[]}} the heat map, and for each outline the last 16 bits of the
 *   CRC-32 of its nibbles
 */
export function carriedHeat(planes, video, outlines, taken) {
  const { width, height } = video;
  const heat = new Uint8Array(planesOf(video).size);
  const free = new Uint8Array(width * height).fill(1);
  const brightness = brightnessOf(planes, video);
  const frame = { left: 0, top: 0, right: width, bottom: height };
  const checks = outlines.map(() => 0);
  const seen = new Set();
  for (const number of nearestFirst(outlines)) {
    const area = areaKey(outlines[number]);
    // What is hidden costs nothing, however many objects that are.
    if (seen.has(area)) continue;
    seen.add(area);
    const place = footprint(outlines[number], frame);
    if (place === null) continue;
    checks[number] = copyRings(planes, heat, video, place, { free, taken, brightness });
  }
  return { heat, checks };
}

/** Copies the rings of one object and draws its edges, where no nearer object is; returns its check. */
function copyRings(planes, heat, video, place, pixels) {
  const { free, taken, brightness } = pixels;
  const { width } = video;
  const { left, top, right, bottom, index, pitch, offset, span } = place;
  const { chromaShift, planes: [luma, cb, cr] } = planesOf(video);
  const nibbles = new Uint8Array((right - left) * (bottom - top));
  const chroma = [[], []];
  let count = 0;
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
      const nibble = planes[byte] & (taken[pixel] ? 14 : 15);
      nibbles[count++] = nibble;
      // Under a mark or a tag, the lowest bit is that of a block.
      heat[byte] = nibble << 4;
      if (chromaShift && (x | y) & 1) continue;
      const column = x >> chromaShift;
      const row = y >> chromaShift;
      for (const [k, plane] of [cb, cr].entries()) {
        const sample = plane.offset + row * plane.pitch + column * plane.stride;
        heat[sample] = (planes[sample] & 15) << 4;
        chroma[k].push(planes[sample] & 15);
      }
    }
  }
  if (!count) return 0;
  let crc = crc32(nibbles.subarray(0, count));
  for (const samples of chroma) crc = crc32(Uint8Array.from(samples), crc);
  return crc & 0xffff;
}
