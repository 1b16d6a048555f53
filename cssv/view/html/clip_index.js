// The index of a .cssv: its versions, and checksums of their frames (container/SPEC.md, section 5).

import { BOX_LIMIT, ByteReader, FileError, topBoxes } from "./mp4_boxes.js";
import { crc32 } from "./crc32.js";

const MARK = [0xc5, 0x5f, 0x1d, 0x9a, 0x7b, 0x3e, 0x4c, 0x0d, 0xa6, 0x42, 0x5e, 0x8f, 0x90, 0xd1, 0x7b, 0x36];
const MAGIC = "CSIX";
const KINDS = { 1: "uuid", 2: "cssv" };
const LEAST_BYTES = 52;
const VERSIONS_LIMIT = 65535;
const FRAMES_LIMIT = 1 << 24;

/**
 * Finds the index of the version that plays.
 *
 * @param {Uint8Array} bytes the whole file
 * @returns {{versions: object[], tags: {name: string, number: number}[], playing: number, live: object,
 *   boxes: object[]}} `live` is the `moov` box that players use
 */
export function readIndex(bytes) {
  const boxes = topBoxes(bytes);
  const ftyp = boxes[0];
  if (!ftyp || ftyp.type !== "ftyp" || !hasBrand(bytes, ftyp)) {
    throw new FileError("not a CSSV file: it does not begin as one. Make one by 'cssv encode'");
  }
  const live = boxes.find((box) => box.type === "moov");
  if (!live) throw new FileError("the file has no moov box: it is truncated or damaged");
  let reason = null;
  for (const box of [...boxes].reverse()) {
    if (!looksLikeIndex(bytes, box)) continue;
    try {
      const index = parseIndex(bytes.subarray(box.offset, box.offset + box.size), box.offset);
      const row = index.versions.find((version) => version.number === index.playing);
      if (index.liveOffset === live.offset && row && row.moovSize === live.size) {
        return { ...index, live, boxes };
      }
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      // A torn append leaves such an index; an older one may be valid.
      reason = reason ?? error;
    }
  }
  throw reason ?? new FileError("the file has no index for the version that plays: another program edited it");
}

function hasBrand(bytes, ftyp) {
  if (ftyp.size > 4096) return false;
  const text = String.fromCharCode(...bytes.subarray(ftyp.header + 8, ftyp.size));
  for (let at = 0; at + 4 <= text.length; at += 4) {
    if (text.slice(at, at + 4) === "cssv") return true;
  }
  return false;
}

function looksLikeIndex(bytes, box) {
  if (!Object.values(KINDS).includes(box.type) || box.header !== 8) return false;
  return box.size >= LEAST_BYTES && box.size <= BOX_LIMIT && MARK.every((b, i) => bytes[box.offset + 8 + i] === b);
}

function parseIndex(box, offset) {
  const stored = new DataView(box.buffer, box.byteOffset + box.length - 4, 4).getUint32(0);
  if (crc32(box.subarray(0, box.length - 4)) !== stored) throw new FileError("the index of the file is damaged");
  const reader = new ByteReader(box.subarray(0, box.length - 4), "the index");
  reader.skip(24);
  if (reader.text(4) !== MAGIC) throw new FileError("the index has another magic number");
  const format = reader.u16();
  if (!(format in KINDS)) throw new FileError(`index format ${format} is unknown: use a newer page`);
  reader.skip(2);
  if (reader.u64() !== offset) throw new FileError("the index was moved");
  reader.skip(4);
  const count = reader.u32();
  if (count < 1 || count > VERSIONS_LIMIT) throw new FileError(`the index claims ${count} versions`);
  const head = format === 1 ? {} : readHead(reader);
  const versions = [];
  for (let i = 0; i < count; i += 1) versions.push(readRow(reader, format, versions.at(-1)));
  const last = versions.at(-1);
  if (format === 1) return { versions, tags: [], playing: last.number, liveOffset: last.moovOffset };
  return { versions, tags: readTags(reader, head.tagCount), playing: head.playing, liveOffset: head.liveOffset };
}

function readHead(reader) {
  const playing = reader.u32();
  reader.skip(4);
  return { playing, liveOffset: reader.u64(), tagCount: reader.u32() };
}

function readRow(reader, format, before) {
  const row = { number: reader.u32(), parent: reader.u32(), createdS: reader.u64(), moovOffset: reader.u64() };
  row.moovSize = reader.u64();
  row.moovCrc = reader.u32();
  row.tableOffset = reader.u64();
  row.tableCrc = reader.u32();
  row.frames = reader.u32();
  row.audioTracks = reader.u32();
  const [author, message, facts] = [reader.u32(), reader.u32(), reader.u32()];
  if (row.frames < 1 || row.frames > FRAMES_LIMIT) throw new FileError(`the index claims ${row.frames} frames`);
  row.framesChanged = row.frames;
  if (format > 1) {
    reader.skip(4);
    row.framesChanged = reader.u32();
    reader.skip(8);
  }
  row.author = reader.text(author);
  row.message = reader.text(message);
  row.facts = facts ? parseFacts(reader.text(facts)) : (before?.facts ?? {});
  return row;
}

function parseFacts(text) {
  try {
    const facts = JSON.parse(text);
    if (facts && typeof facts === "object" && !Array.isArray(facts)) return facts;
  } catch {
    // The message below says the same of both.
  }
  throw new FileError("the facts of a version are not a JSON object");
}

function readTags(reader, count) {
  const tags = [];
  for (let i = 0; i < count; i += 1) {
    const number = reader.u32();
    tags.push({ number, name: reader.text(reader.u16()) });
  }
  return tags;
}

/**
 * Reads the checksums of a version.
 *
 * @param {Uint8Array} bytes the whole file
 * @param {object} row of the index
 * @returns {{samples: Uint32Array, scenes: Uint32Array, planes: Uint32Array}} one number for each frame
 */
export function readFrameTable(bytes, row) {
  const size = 12 * (row.audioTracks + row.frames);
  if (row.tableOffset + size > bytes.length) throw new FileError("the checksums lie behind the end of the file");
  const table = bytes.subarray(row.tableOffset, row.tableOffset + size);
  if (crc32(table) !== row.tableCrc) throw new FileError("the checksums of the frames are damaged");
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const column = (place) => {
    const start = 12 * row.audioTracks + 4 * place * row.frames;
    return Uint32Array.from({ length: row.frames }, (_, i) => view.getUint32(start + 4 * i));
  };
  return { samples: column(0), scenes: column(1), planes: column(2) };
}
