// Rung 2: pictures that the page itself holds as deflated differences; works in any browser with any codec.

import { planesSize } from "./plane_layout.js";

const GROUPS_KEPT = 3;

/** Inflates all bytes of a zlib stream. */
export async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Reads frames from groups of pictures: the first as it is, the others as differences to the one before. */
export class PlanesSource {
  static title = "Embedded planes: exact pixels";

  /**
   * @param {object} version a ClipVersion
   * @param {{bytes: Uint8Array, group: number, sizes: number[], versions: object}|null} store of the page
   * @returns {Promise<{source: PlanesSource|null, reason: string}>}
   */
  static async open(version, store) {
    const pictures = store?.versions[version.row.number];
    if (!pictures) return { source: null, reason: "the page holds no planes of this version" };
    if (typeof DecompressionStream === "undefined") return { source: null, reason: "this browser cannot inflate" };
    return { source: new PlanesSource(version, store, pictures), reason: "" };
  }

  constructor(version, store, pictures) {
    /** Whether the pixels are those of the file, and whether coded samples are read. */
    this.isExact = true;
    this.readsSamples = false;
    this.version = version;
    this.store = store;
    this.pictures = pictures;
    this.starts = [0];
    for (const size of store.sizes) this.starts.push(this.starts.at(-1) + size);
    this.groups = new Map();
    this.size = planesSize(version.layout, version.width, version.height);
  }

  async read(number) {
    const picture = this.pictures[number];
    const group = Math.floor(picture / this.store.group);
    try {
      const bytes = await this.#group(group);
      const start = (picture - group * this.store.group) * this.size;
      return { planes: bytes.subarray(start, start + this.size), problem: null };
    } catch (error) {
      return { planes: null, problem: `its embedded planes are damaged: ${error.message}` };
    }
  }

  #group(group) {
    if (!this.groups.has(group)) {
      this.groups.set(group, this.#inflate(group));
      if (this.groups.size > GROUPS_KEPT) this.groups.delete(this.groups.keys().next().value);
    }
    return this.groups.get(group);
  }

  async #inflate(group) {
    const bytes = await inflate(this.store.bytes.subarray(this.starts[group], this.starts[group + 1]));
    for (let at = this.size; at < bytes.length; at += 1) bytes[at] += bytes[at - this.size];
    return bytes;
  }

  close() {
    this.groups.clear();
  }
}
