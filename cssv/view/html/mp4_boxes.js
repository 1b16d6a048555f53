// Boxes of an MP4 file: the bytes in which tables, index and samples lie.

/** Error of a file that does not follow its format. */
export class FileError extends Error {}

/** Bytes of the longest `moov` box and index (container/SPEC.md, section 11). */
export const BOX_LIMIT = 256 * 1024 * 1024;
const TOP_BOXES_LIMIT = 262144;

/** Reads numbers of big-endian bytes, with a check of each place. */
export class ByteReader {
  /** @param {Uint8Array} bytes the bytes @param {string} name what they are, for messages */
  constructor(bytes, name) {
    this.bytes = bytes;
    this.name = name;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  /** Moves on by `count` bytes and returns the place before them. */
  skip(count) {
    const start = this.at;
    if (!(count >= 0) || start + count > this.bytes.length) {
      throw new FileError(`${this.name} ends too early`);
    }
    this.at = start + count;
    return start;
  }

  u8() {
    return this.view.getUint8(this.skip(1));
  }

  u16() {
    return this.view.getUint16(this.skip(2));
  }

  u32() {
    return this.view.getUint32(this.skip(4));
  }

  /** A u64 as a number: offsets and times here are below 2^53. */
  u64() {
    return toNumber(this.view.getBigUint64(this.skip(8)), this.name);
  }

  i64() {
    return toNumber(this.view.getBigInt64(this.skip(8)), this.name);
  }

  i32() {
    return this.view.getInt32(this.skip(4));
  }

  take(count) {
    const start = this.skip(count);
    return this.bytes.subarray(start, start + count);
  }

  text(count) {
    return new TextDecoder().decode(this.take(count));
  }

  get left() {
    return this.bytes.length - this.at;
  }
}

function toNumber(value, name) {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    throw new FileError(`${name} holds a number beyond 2^53`);
  }
  return number;
}

/** The four letters at a place. */
export function typeAt(bytes, at) {
  return String.fromCharCode(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
}

/**
 * Lists the boxes of the top level; the walk ends at a torn append (container/SPEC.md, section 1).
 *
 * @param {Uint8Array} bytes the whole file
 * @returns {{type: string, offset: number, header: number, size: number}[]} in file order
 */
export function topBoxes(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = [];
  let offset = 0;
  while (offset + 8 <= bytes.length && found.length < TOP_BOXES_LIMIT) {
    let size = view.getUint32(offset);
    let header = 8;
    if (size === 1) {
      if (offset + 16 > bytes.length) break;
      size = Number(view.getBigUint64(offset + 8));
      header = 16;
    }
    if (size < header || offset + size > bytes.length) break;
    found.push({ type: typeAt(bytes, offset + 4), offset, header, size });
    offset += size;
  }
  return found;
}

/**
 * Reads the boxes within another one, which they must fill.
 *
 * @param {Uint8Array} bytes the payload of the outer box
 * @param {string} name of the outer box, for messages
 * @returns {{type: string, payload: Uint8Array}[]}
 */
export function innerBoxes(bytes, name) {
  const reader = new ByteReader(bytes, name);
  const found = [];
  while (reader.left > 0) {
    const start = reader.at;
    let size = reader.u32();
    const type = typeAt(bytes, reader.skip(4));
    if (size === 1) size = reader.u64();
    if (size < reader.at - start) throw new FileError(`a box in ${name} is shorter than its header`);
    found.push({ type, payload: reader.take(size - (reader.at - start)) });
    if (found.length > 4096) throw new FileError(`${name} holds too many boxes`);
  }
  return found;
}

/** The payload of the only box of a type, or null. */
export function optionalBox(boxes, type, name) {
  const found = boxes.filter((box) => box.type === type);
  if (found.length > 1) throw new FileError(`${name} holds ${type} twice`);
  return found.length ? found[0].payload : null;
}

/** The payload of the only box of a type. */
export function onlyBox(boxes, type, name) {
  const found = optionalBox(boxes, type, name);
  if (found === null) throw new FileError(`${name} holds no ${type}`);
  return found;
}

/** The payload of a box by a path of types, such as `["mdia", "hdlr"]`. */
export function boxAt(payload, path, name) {
  let found = payload;
  for (const type of path) {
    found = onlyBox(innerBoxes(found, name), type, name);
    name = type;
  }
  return found;
}
