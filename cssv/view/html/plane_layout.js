// Planes of a decoded picture in the layout of the file, and as colours on the screen.

/** Bytes of the planes of one picture. */
export function planesSize(layout, width, height) {
  return layout === "rgb24" ? 3 * width * height : (3 * width * height) / 2;
}

/**
 * Copies the exact planes of a decoded picture.
 *
 * @param {VideoFrame} frame
 * @param {{layout: string, width: number, height: number}} video
 * @returns {Promise<Uint8Array|null>} null if the browser gives converted colours only
 */
export async function copyPlanes(frame, video) {
  const { layout, width, height } = video;
  const wanted = layout === "rgb24" ? ["I444"] : ["I420", "NV12"];
  if (!wanted.includes(frame.format)) return null;
  const rect = frame.visibleRect;
  if (rect.width !== width || rect.height !== height) return null;
  const bytes = new Uint8Array(frame.allocationSize({ rect }));
  const planes = await frame.copyTo(bytes, { rect });
  if (frame.format === "I444") return interleave(bytes, planes, width, height);
  const packed = isPacked(planes, width, height) ? bytes : null;
  if (frame.format === "I420" && packed) return packed;
  return repack(bytes, planes, frame.format, width, height);
}

function isPacked(planes, width, height) {
  const [y, u, v] = planes;
  if (planes.length !== 3 || y.offset !== 0 || y.stride !== width) return false;
  const quarter = (width * height) / 4;
  return u.offset === width * height && u.stride === width / 2 && v.offset === u.offset + quarter && v.stride === width / 2;
}

function repack(bytes, planes, format, width, height) {
  const packed = new Uint8Array(planesSize("yuv420p", width, height));
  let at = 0;
  for (let row = 0; row < height; row += 1, at += width) {
    const start = planes[0].offset + row * planes[0].stride;
    packed.set(bytes.subarray(start, start + width), at);
  }
  for (const plane of [1, 2]) {
    // NV12 holds Cb and Cr side by side in one plane.
    const source = format === "NV12" ? planes[1] : planes[plane];
    const [step, first] = format === "NV12" ? [2, plane - 1] : [1, 0];
    for (let row = 0; row < height / 2; row += 1) {
      const start = source.offset + row * source.stride + first;
      for (let x = 0; x < width / 2; x += 1, at += 1) packed[at] = bytes[start + x * step];
    }
  }
  return packed;
}

/** RGB is coded as three planes in the order G, B, R. */
function interleave(bytes, planes, width, height) {
  const rgb = new Uint8Array(3 * width * height);
  const [green, blue, red] = planes;
  let at = 0;
  for (let row = 0; row < height; row += 1) {
    const [r, g, b] = [red, green, blue].map((plane) => plane.offset + row * plane.stride);
    for (let x = 0; x < width; x += 1, at += 3) {
      rgb[at] = bytes[r + x];
      rgb[at + 1] = bytes[g + x];
      rgb[at + 2] = bytes[b + x];
    }
  }
  return rgb;
}

/** Kr and Kb of the matrices of ISO/IEC 23091-2 that occur in practice. */
const MATRICES = { 1: [0.2126, 0.0722], 4: [0.3, 0.11], 5: [0.299, 0.114], 6: [0.299, 0.114], 7: [0.212, 0.087], 9: [0.2627, 0.0593] };
const HD_WIDTH = 1280;
const SD_HEIGHT = 576;

/**
 * Makes the function that turns planes into the colours of the screen, by the tags of the file.
 *
 * @param {{layout: string, width: number, height: number, entry: object}} video
 * @returns {(planes: Uint8Array, image: ImageData) => void}
 */
export function createColours(video) {
  const { width, height, layout, entry } = video;
  if (layout === "rgb24") return (planes, image) => copyRgb(planes, image.data);
  const isHd = width >= HD_WIDTH || height > SD_HEIGHT;
  const [kr, kb] = MATRICES[entry.matrix] ?? MATRICES[isHd ? 1 : 6];
  const full = entry.isFullRange === true;
  const tables = colourTables(kr, kb, full);
  return (planes, image) => convert(planes, image.data, width, height, tables);
}

/** Contribution of each byte of Y, Cb and Cr to R, G and B, in 1/65536. */
function colourTables(kr, kb, isFull) {
  const [low, ySpan, cSpan] = isFull ? [0, 255, 255] : [16, 219, 224];
  const table = (factor, zero) => Int32Array.from({ length: 256 }, (_, i) => Math.round(65536 * factor * (i - zero)));
  const kg = 1 - kr - kb;
  const scale = 255 / cSpan;
  return {
    y: table(255 / ySpan, low).map((value) => value + 32768),
    crToR: table(scale * 2 * (1 - kr), 128),
    cbToB: table(scale * 2 * (1 - kb), 128),
    crToG: table((-scale * 2 * (1 - kr) * kr) / kg, 128),
    cbToG: table((-scale * 2 * (1 - kb) * kb) / kg, 128),
  };
}

function convert(planes, data, width, height, tables) {
  const { y, crToR, cbToB, crToG, cbToG } = tables;
  const half = width >> 1;
  const cb = width * height;
  const cr = cb + (cb >> 2);
  const words = new Uint32Array(data.buffer, data.byteOffset, width * height);
  for (let row = 0; row < height; row += 1) {
    const chroma = (row >> 1) * half;
    for (let column = 0; column < half; column += 1) {
      const [u, v] = [planes[cb + chroma + column], planes[cr + chroma + column]];
      const [addR, addG, addB] = [crToR[v], crToG[v] + cbToG[u], cbToB[u]];
      const at = row * width + 2 * column;
      words[at] = pixel(y[planes[at]], addR, addG, addB);
      words[at + 1] = pixel(y[planes[at + 1]], addR, addG, addB);
    }
  }
}

function pixel(luma, addR, addG, addB) {
  let r = (luma + addR) >> 16;
  let g = (luma + addG) >> 16;
  let b = (luma + addB) >> 16;
  r = r < 0 ? 0 : r > 255 ? 255 : r;
  g = g < 0 ? 0 : g > 255 ? 255 : g;
  b = b < 0 ? 0 : b > 255 ? 255 : b;
  return 0xff000000 | (b << 16) | (g << 8) | r;
}

function copyRgb(planes, data) {
  for (let from = 0, to = 0; from < planes.length; from += 3, to += 4) {
    data[to] = planes[from];
    data[to + 1] = planes[from + 1];
    data[to + 2] = planes[from + 2];
    data[to + 3] = 255;
  }
}
