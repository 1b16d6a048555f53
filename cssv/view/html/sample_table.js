// Tables of a track: where each sample lies, when its frame is shown, where decoding can start.

import { ByteReader, FileError, boxAt, innerBoxes, onlyBox, optionalBox } from "./mp4_boxes.js";

const SAMPLES_LIMIT = 1 << 24;

/** Reader of a table of rows; checks that they fill the box. */
function rowsOf(payload, name, columns, head = 0) {
  const reader = new ByteReader(payload, name);
  reader.skip(4 + head);
  const count = reader.u32();
  if (reader.left !== count * columns * 4) throw new FileError(`${name} does not fill its box`);
  const values = new Uint32Array(count * columns);
  for (let i = 0; i < values.length; i += 1) values[i] = reader.u32();
  return values;
}

function readSizes(stbl) {
  const reader = new ByteReader(onlyBox(stbl, "stsz", "stbl"), "stsz");
  reader.skip(4);
  const [common, count] = [reader.u32(), reader.u32()];
  if (count > SAMPLES_LIMIT) throw new FileError(`a track claims ${count} samples`);
  if (!common && reader.left !== 4 * count) throw new FileError("stsz does not fill its box");
  return Float64Array.from({ length: count }, () => common || reader.u32());
}

function readOffsets(stbl, sizes) {
  const wide = optionalBox(stbl, "co64", "stbl");
  const chunks = rowsOf(wide ?? onlyBox(stbl, "stco", "stbl"), "the chunk table", wide ? 2 : 1);
  const chunkCount = wide ? chunks.length / 2 : chunks.length;
  const rows = rowsOf(onlyBox(stbl, "stsc", "stbl"), "stsc", 3);
  const offsets = new Float64Array(sizes.length);
  let sample = 0;
  let row = 0;
  for (let chunk = 0; chunk < chunkCount; chunk += 1) {
    while (3 * (row + 1) < rows.length && rows[3 * (row + 1)] <= chunk + 1) row += 1;
    let offset = wide ? chunks[2 * chunk] * 2 ** 32 + chunks[2 * chunk + 1] : chunks[chunk];
    for (let i = 0; i < rows[3 * row + 1] && sample < sizes.length; i += 1, sample += 1) {
      offsets[sample] = offset;
      offset += sizes[sample];
    }
  }
  if (sample !== sizes.length) throw new FileError("the chunks of a track hold fewer samples than it claims");
  return offsets;
}

function expand(rows, count, name) {
  const values = new Float64Array(count);
  let at = 0;
  for (let i = 0; i < rows.length; i += 2) {
    for (let k = 0; k < rows[i]; k += 1, at += 1) {
      if (at >= count) throw new FileError(`${name} counts more samples than the track has`);
      values[at] = rows[i + 1];
    }
  }
  if (at !== count) throw new FileError(`${name} counts fewer samples than the track has`);
  return values;
}

/** Frame of each sample, by its composition offset (container/SPEC.md, section 3). */
function frameOrder(times, offsets) {
  const byTime = new Map(Array.from(times.subarray(0, offsets.length), (time, frame) => [time, frame]));
  const order = new Uint32Array(offsets.length);
  const seen = new Uint8Array(offsets.length);
  for (let i = 0; i < order.length; i += 1) {
    const frame = byTime.get(times[i] + offsets[i] - offsets[0]);
    if (frame === undefined || seen[frame]) throw new FileError("ctts does not order the frames");
    seen[frame] = 1;
    order[i] = frame;
  }
  return order;
}

function readStart(trak, timescale, movieTimescale, delay) {
  const edts = optionalBox(innerBoxes(trak, "trak"), "edts", "trak");
  if (edts === null) return 0;
  const reader = new ByteReader(boxAt(edts, ["elst"], "edts"), "elst");
  const isWide = reader.u8() === 1;
  reader.skip(3);
  const rows = [];
  for (let left = reader.u32(); left > 0; left -= 1) {
    const duration = isWide ? reader.u64() : reader.u32();
    const media = isWide ? reader.i64() : reader.i32();
    reader.skip(4);
    rows.push({ duration, media });
  }
  if (rows.length === 1 && rows[0].media >= 0) return delay - rows[0].media;
  if (rows.length === 2 && rows[0].media === -1 && rows[1].media >= 0) {
    const empty = BigInt(rows[0].duration) * BigInt(timescale) * 2n + BigInt(movieTimescale);
    return Number(empty / (2n * BigInt(movieTimescale))) + delay - rows[1].media;
  }
  throw new FileError("an edit list has an unknown form");
}

/**
 * Reads one `trak` box.
 *
 * @param {Uint8Array} trak payload of the box
 * @param {number} movieTimescale units of the durations in edit lists, per second
 * @returns {object} kind ("vide", "soun", "meta"), timescale, entries, offsets and sizes of samples, and for
 *   each frame: `pts` and `duration` in 1 / timescale s, `sampleOf`; for each sample: `frameOf`, `isKey`
 */
export function readTrack(trak, movieTimescale) {
  const mdia = boxAt(trak, ["mdia"], "trak");
  const handler = new ByteReader(boxAt(mdia, ["hdlr"], "mdia"), "hdlr");
  handler.skip(8);
  const kind = handler.text(4);
  const mdhd = new ByteReader(boxAt(mdia, ["mdhd"], "mdia"), "mdhd");
  mdhd.skip(mdhd.u8() === 1 ? 19 : 11);
  const timescale = mdhd.u32();
  if (timescale < 1) throw new FileError("a track has no timescale");
  const stbl = innerBoxes(boxAt(mdia, ["minf", "stbl"], "mdia"), "stbl");
  const sizes = readSizes(stbl);
  const duration = expand(rowsOf(onlyBox(stbl, "stts", "stbl"), "stts", 2), sizes.length, "stts");
  const times = new Float64Array(sizes.length + 1);
  for (let i = 0; i < sizes.length; i += 1) times[i + 1] = times[i] + duration[i];
  const ctts = optionalBox(stbl, "ctts", "stbl");
  const reorder = ctts && expand(rowsOf(ctts, "ctts", 2), sizes.length, "ctts");
  const frameOf = reorder ? frameOrder(times, reorder) : Uint32Array.from(sizes.keys());
  const sampleOf = new Uint32Array(sizes.length);
  frameOf.forEach((frame, sample) => (sampleOf[frame] = sample));
  const start = readStart(trak, timescale, movieTimescale, reorder ? reorder[0] : 0);
  const pts = times.map((time) => time + start);
  const stsd = new ByteReader(onlyBox(stbl, "stsd", "stbl"), "stsd");
  stsd.skip(8);
  const entries = innerBoxes(stsd.take(stsd.left), "stsd");
  const [offsets, isKey] = [readOffsets(stbl, sizes), readKeys(stbl, sizes.length)];
  return { kind, timescale, entries, sizes, offsets, duration, pts, frameOf, sampleOf, isKey };
}

function readKeys(stbl, count) {
  const stss = optionalBox(stbl, "stss", "stbl");
  const isKey = new Uint8Array(count).fill(stss ? 0 : 1);
  if (stss) {
    for (const number of rowsOf(stss, "stss", 1)) {
      if (number < 1 || number > count) throw new FileError("stss names a sample that does not exist");
      isKey[number - 1] = 1;
    }
    if (count && !isKey[0]) throw new FileError("decoding cannot start at the first sample");
  }
  return isKey;
}
