// A .cssv file in memory: its versions, and of each version the tables, the scene track and the facts.

import { ByteReader, FileError, boxAt, innerBoxes, onlyBox } from "./mp4_boxes.js";
import { readFrameTable, readIndex } from "./clip_index.js";
import { readTrack } from "./sample_table.js";
import { readEntry } from "./codec_string.js";
import { readSceneTrack } from "./scene_track.js";
import { crc32 } from "./crc32.js";

/** Carrier whose checksums are of the pictures before a lossy codec coded them. */
const SURVIVING_CARRIER = "robust";

/** A file with all its versions. */
export class ClipFile {
  /** @param {Uint8Array} bytes the whole file @param {string} name for people */
  constructor(bytes, name) {
    this.bytes = bytes;
    this.name = name;
    this.index = readIndex(bytes);
    this.opened = new Map();
  }

  /** Rows of the index, oldest first, each with its tags. */
  get versions() {
    return this.index.versions.map((row) => ({
      ...row,
      tags: this.index.tags.filter((tag) => tag.number === row.number).map((tag) => tag.name),
      isPlaying: row.number === this.index.playing,
    }));
  }

  /** A version by its number; opened once. */
  version(number) {
    if (!this.opened.has(number)) {
      const row = this.versions.find((version) => version.number === number);
      if (!row) throw new FileError(`the file has no version ${number}`);
      this.opened.set(number, new ClipVersion(this, row));
    }
    return this.opened.get(number);
  }

  /** The file as a player must read it to show a version: that version's `moov` is the first one. */
  blobOf(number) {
    const row = this.index.versions.find((version) => version.number === number);
    const live = this.index.live.offset;
    const shown = number === this.index.playing ? live : row.moovOffset;
    const letters = (text) => new TextEncoder().encode(text);
    const patches = [[shown + 4, letters("moov")]];
    if (live < shown) patches.unshift([live + 4, letters("free")]);
    const parts = [];
    let at = 0;
    for (const [place, bytes] of patches) {
      parts.push(this.bytes.subarray(at, place), bytes);
      at = place + 4;
    }
    parts.push(this.bytes.subarray(at));
    return new Blob(parts, { type: "video/mp4" });
  }
}

/** One version: its frames by number, and what is known of them. */
export class ClipVersion {
  constructor(file, row) {
    this.bytes = file.bytes;
    this.row = row;
    this.facts = row.facts;
    this.crcs = readFrameTable(file.bytes, row);
    const tracks = this.#readTracks(file.index);
    this.video = tracks.find((track) => track.kind === "vide");
    const scene = tracks.find((track) => track.kind === "meta");
    if (!this.video || !scene) throw new FileError("the version lacks its video or scene track");
    if (this.video.sizes.length !== row.frames || scene.sizes.length !== row.frames) {
      throw new FileError("the tracks and the index differ in frames");
    }
    this.entry = readEntry(this.video.entries[0]);
    this.layout = this.facts.layout === "rgb24" ? "rgb24" : "yuv420p";
    this.carrier = typeof this.facts.carrier === "string" ? this.facts.carrier : "nibble";
    this.isSealed = "sealed" in this.facts;
    this.scene = this.isSealed ? readSceneTrack(row.frames, () => null) : readSceneTrack(row.frames, (n) => {
      const bytes = this.#sample(scene, n);
      return crc32(bytes) === this.crcs.scenes[n] ? bytes : null;
    });
  }

  #readTracks(index) {
    const isPlaying = this.row.number === index.playing;
    const offset = isPlaying ? index.live.offset : this.row.moovOffset;
    const box = index.boxes.find((each) => each.offset === offset);
    if (!box || box.header !== 8 || box.size !== this.row.moovSize) {
      throw new FileError(`the tables of version ${this.row.number} are not where the index says`);
    }
    const moov = this.bytes.subarray(offset + 8, offset + box.size);
    if (crc32(moov) !== this.row.moovCrc) {
      throw new FileError(`the tables of version ${this.row.number} are damaged`);
    }
    const boxes = innerBoxes(moov, "moov");
    const mvhd = new ByteReader(onlyBox(boxes, "mvhd", "moov"), "mvhd");
    mvhd.skip(mvhd.u8() === 1 ? 19 : 11);
    const timescale = mvhd.u32();
    const traks = boxes.filter((each) => each.type === "trak" && isKnown(each.payload));
    return traks.map((each) => readTrack(each.payload, timescale));
  }

  #sample(track, sample) {
    const [start, size] = [track.offsets[sample], track.sizes[sample]];
    if (start + size > this.bytes.length) throw new FileError("a sample lies behind the end of the file");
    return this.bytes.subarray(start, start + size);
  }

  /** Coded bytes of a video sample, in the order of decoding. */
  videoSample(sample) {
    return this.#sample(this.video, sample);
  }

  /** Whether the coded bytes of a frame are as they were written. */
  isSound(frame) {
    return crc32(this.videoSample(this.video.sampleOf[frame])) === this.crcs.samples[frame];
  }

  get frames() {
    return this.row.frames;
  }

  get width() {
    return this.entry.width;
  }

  get height() {
    return this.entry.height;
  }

  /** Whether the index holds checksums of what the frames decode to. */
  get hasPlaneChecks() {
    return this.carrier !== SURVIVING_CARRIER || this.facts.crf === undefined;
  }

  /** Time of a frame in seconds; its exact time is `video.pts[frame]` / `video.timescale`. */
  timeOf(frame) {
    return this.video.pts[frame] / this.video.timescale;
  }

  /** Time at which the last frame ends, in seconds. */
  get endS() {
    return this.video.pts[this.frames] / this.video.timescale;
  }

  /** The frame that is shown at a time in seconds. */
  frameAt(timeS) {
    const ticks = timeS * this.video.timescale;
    let [low, high] = [0, this.frames - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      // Half a millionth of a tick: a time that was computed from a frame's own leads to that frame.
      if (this.video.pts[middle] <= ticks + 1e-6) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The sample from which decoding must begin to reach another one. */
  keyBefore(sample) {
    let key = sample;
    while (!this.video.isKey[key]) key -= 1;
    return key;
  }
}

/** Whether a track is one of those that are shown here; audio and other tracks are left out. */
function isKnown(trak) {
  const handler = boxAt(trak, ["mdia", "hdlr"], "trak");
  return ["vide", "meta"].includes(String.fromCharCode(...handler.subarray(8, 12)));
}
