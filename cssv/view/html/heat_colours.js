/** Heat maps in colour: the colours of cssv/view/heat.py. */

import { planesOf } from "./heat_planes.js";

/** Parts of red, green and blue in Cr and Cb (BT.601, full range), in units of 1 / 2^14. */
const RED_CR = 22987;
const GREEN_CR = -11698;
const GREEN_CB = -5636;
const BLUE_CB = 29049;
const BITS = 14;
/** Colours by opacity: one for each of 16 levels of brightness, of Cb and of Cr. */
const tables = new Map();

function clip(value) {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Colours as four bytes in the order R, G, B, A, whatever the order of bytes in a word is. */
function makeTable(drawnAlpha, emptyAlpha) {
  const bytes = new Uint8Array(4 * 4096);
  const half = 1 << (BITS - 1);
  for (let key = 0; key < 4096; key++) {
    const level = key >> 8;
    // Chroma nibbles are signed.
    const cb = ((key & 0xf0) << 24) >> 24;
    const cr = ((key & 15) << 28) >> 24;
    const bright = level * 17;
    bytes[4 * key] = clip(bright + ((cr * RED_CR + half) >> BITS));
    bytes[4 * key + 1] = clip(bright + ((cb * GREEN_CB + cr * GREEN_CR + half) >> BITS));
    bytes[4 * key + 2] = clip(bright + ((cb * BLUE_CB + half) >> BITS));
    bytes[4 * key + 3] = level ? drawnAlpha : emptyAlpha;
  }
  return new Uint32Array(bytes.buffer);
}

/**
 * A heat map as pixels for a canvas, with its brightness and hue; black where it is empty.
 * @param {Uint8Array} heat of a heat reader
 * @param {{width: number, height: number, layout: string}} video
 * @param {number} drawnAlpha opacity of pixels on which something is drawn, 0 to 255
 * @param {number} emptyAlpha that of all others
 * @returns {Uint8ClampedArray} R, G, B, A of each pixel, rows from the top
 */
export function heatToRgba(heat, video, drawnAlpha = 255, emptyAlpha = 255) {
  const name = drawnAlpha * 256 + emptyAlpha;
  if (!tables.has(name)) tables.set(name, makeTable(drawnAlpha, emptyAlpha));
  const table = tables.get(name);
  const { width, height } = video;
  const pixels = new Uint32Array(width * height);
  const { chromaShift, planes } = planesOf(video);
  const [luma, cb, cr] = planes;
  for (let y = 0, at = 0; y < height; y++) {
    const row = luma.offset + y * luma.pitch;
    const cbRow = cb.offset + (y >> chromaShift) * cb.pitch;
    const crRow = cr.offset + (y >> chromaShift) * cr.pitch;
    for (let x = 0; x < width; x++, at++) {
      const sample = (x >> chromaShift) * cb.stride;
      const key =
        ((heat[row + x * luma.stride] & 0xf0) << 4) | (heat[cbRow + sample] & 0xf0) | (heat[crRow + sample] >> 4);
      pixels[at] = table[key];
    }
  }
  return new Uint8ClampedArray(pixels.buffer);
}
