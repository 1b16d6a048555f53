/**
 * CRC-32 of bytes, that of zlib and PNG (ISO 3309): the CRC-32 of "123456789" is 0xCBF43926.
 *
 * The index of a `.cssv` file has one for each frame, over the planes that the frame decodes to
 * (cssv/container/SPEC.md): for `yuv420p` all rows of Y, then of Cb, then of Cr; for `rgb24` R, G, B of each
 * pixel, rows from the top; no padding in either. So it is `crc32(planes)` of the planes that a heat reader
 * takes. Where a lossy codec has coded a carrier that survives any lossy coding (`robust`), it is the CRC-32
 * of the planes before coding, and decoded planes have another one.
 */

const POLYNOMIAL = 0xedb88320;
/** Bytes that are worked on at once: one table for each. */
const SLICES = 8;
const TABLES = makeTables();

function makeTables() {
  const tables = [];
  for (let slice = 0; slice < SLICES; slice++) {
    const table = new Int32Array(256);
    for (let byte = 0; byte < 256; byte++) {
      if (slice === 0) {
        let value = byte;
        for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
        table[byte] = value;
      } else {
        const before = tables[slice - 1][byte];
        table[byte] = (before >>> 8) ^ tables[0][before & 255];
      }
    }
    tables.push(table);
  }
  return tables;
}

/**
 * The CRC-32 of bytes.
 * @param {Uint8Array} bytes
 * @param {number} seed the CRC-32 of the bytes before these
 * @returns {number} 0 to 2^32 - 1
 */
export function crc32(bytes, seed = 0) {
  const [a, b, c, d, e, f, g, h] = TABLES;
  let crc = ~seed;
  let at = 0;
  const last = bytes.length - SLICES;
  for (; at <= last; at += SLICES) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc =
      h[crc & 255] ^
      g[(crc >>> 8) & 255] ^
      f[(crc >>> 16) & 255] ^
      e[crc >>> 24] ^
      d[bytes[at + 4]] ^
      c[bytes[at + 5]] ^
      b[bytes[at + 6]] ^
      a[bytes[at + 7]];
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ a[(crc ^ bytes[at]) & 255];
  return ~crc >>> 0;
}
