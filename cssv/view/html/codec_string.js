// The codec of a sample entry as browsers name it, and the colours of its pictures.

import { ByteReader, innerBoxes, optionalBox } from "./mp4_boxes.js";

/** Bytes of a video sample entry before its first inner box. */
const FIXED_BYTES = 78;

const hex = (value, digits = 2) => value.toString(16).padStart(digits, "0");
const decimal = (value) => String(value).padStart(2, "0");

/**
 * Reads the first video sample entry.
 *
 * @param {{type: string, payload: Uint8Array}} entry
 * @returns {{codec: string|null, description: Uint8Array|undefined, width: number, height: number,
 *   matrix: number|null, isFullRange: boolean|null}} `codec` is null where no browser knows it
 */
export function readEntry(entry) {
  const reader = new ByteReader(entry.payload, "the sample entry");
  reader.skip(24);
  const [width, height] = [reader.u16(), reader.u16()];
  reader.skip(FIXED_BYTES - 28);
  const boxes = innerBoxes(reader.take(reader.left), "the sample entry");
  const payload = (type) => optionalBox(boxes, type, "the sample entry");
  return { ...nameOf(entry.type, payload), width, height, ...coloursOf(payload("colr")) };
}

function nameOf(type, payload) {
  const [avc, hevc, vp, av1] = ["avcC", "hvcC", "vpcC", "av1C"].map(payload);
  if (avc && avc.length > 3) {
    return { codec: `${type}.${hex(avc[1])}${hex(avc[2])}${hex(avc[3])}`, description: avc };
  }
  if (hevc && hevc.length > 12) return { codec: hevcName(type, hevc), description: hevc };
  if (vp && vp.length > 8) {
    const [profile, level, depth] = [vp[4], vp[5], vp[6] >> 4];
    return { codec: `${type}.${decimal(profile)}.${decimal(level)}.${decimal(depth)}`, description: undefined };
  }
  if (av1 && av1.length > 3) {
    const [profile, level, tier] = [av1[1] >> 5, av1[1] & 31, av1[2] >> 7 ? "H" : "M"];
    return { codec: `${type}.${profile}.${decimal(level)}${tier}.08`, description: undefined };
  }
  return { codec: null, description: undefined };
}

function hevcName(type, box) {
  const [space, tier, profile] = [["", "A", "B", "C"][box[1] >> 6], (box[1] >> 5) & 1 ? "H" : "L", box[1] & 31];
  let flags = new DataView(box.buffer, box.byteOffset + 2, 4).getUint32(0);
  let reversed = 0;
  for (let i = 0; i < 32; i += 1, flags >>>= 1) reversed = ((reversed << 1) | (flags & 1)) >>> 0;
  const constraints = [...box.subarray(6, 12)];
  while (constraints.length && constraints.at(-1) === 0) constraints.pop();
  const parts = [`${space}${profile}`, reversed.toString(16), `${tier}${box[12]}`, ...constraints.map((b) => hex(b))];
  return `${type}.${parts.join(".")}`;
}

function coloursOf(colr) {
  if (!colr || colr.length < 11 || String.fromCharCode(...colr.subarray(0, 4)) !== "nclx") {
    return { matrix: null, isFullRange: null };
  }
  return { matrix: (colr[8] << 8) | colr[9], isFullRange: colr[10] >> 7 === 1 };
}
