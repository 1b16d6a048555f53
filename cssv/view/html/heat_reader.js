/**
 * Reader of the heat maps that frames carry in their pixels.
 *
 * It has no page and no window: it runs in a page, in a worker and in node.
 */

import { createFullReader, createSparseReader, createVersion1Reader, emptyHeat } from "./heat_lossless.js";
import { createMixedReader } from "./heat_mixed.js";
import { planesOf } from "./heat_planes.js";

/** The carrier of a file whose facts name none. */
const DEFAULT_CARRIER = "nibble";
const READERS = new Map([
  ["nibble", createVersion1Reader],
  ["full", createFullReader],
  ["sparse", createSparseReader],
  ["mixed", createMixedReader],
]);
const REASONS = new Map([
  [
    "constructive",
    "The constructive carrier keeps the heat map in the noise of the picture, which this page does not decode; " +
      "it shows the objects of the scene track.",
  ],
  [
    "robust",
    "The robust carrier keeps the heat map in a spread spectrum over two seconds of frames, which this page does " +
      "not decode; it shows the objects of the scene track.",
  ],
]);

/** The reason why frames cannot be read; empty if they can. */
function refusal(carrier, video) {
  const { width, height, layout } = video;
  if (!READERS.has(carrier)) {
    return REASONS.get(carrier) ?? `This page has no reader of the carrier ${carrier}; it shows the scene track.`;
  }
  if (layout !== "yuv420p" && layout !== "rgb24") return `This page cannot read planes of the layout ${layout}.`;
  const isWhole = [width, height].every((side) => Number.isInteger(side) && side >= 32 && side <= 16384);
  const isEven = layout === "rgb24" || (width % 2 === 0 && height % 2 === 0);
  return isWhole && isEven ? "" : `A heat map cannot be in frames of ${width} x ${height} pixels.`;
}

/**
 * A reader of the heat maps of a file.
 *
 * `read(planes, number)` never throws: of a damaged frame it returns an empty heat map, or what is left of it,
 * and a sentence in `damage`, which is empty for a sound frame. `heat` has the layout of the planes: it is the
 * `clean_heat` of the package in Python. `objects` are what tags tell of the objects, or null.
 * @param {object} facts the index's facts of a version (cssv/container/facts.py, cssv/pipeline/config.py)
 * @param {{width: number, height: number, layout: "yuv420p" | "rgb24"}} video
 * @returns {{name: string, canRead: boolean, reason: string, read: (planes: Uint8Array, number: number) =>
 *   {heat: Uint8Array, number: number, objects: object[] | null, damage: string}}}
 */
export function createHeatReader(facts, video) {
  const name = String(facts?.carrier ?? DEFAULT_CARRIER);
  const reason = refusal(name, video);
  const reader = reason ? null : READERS.get(name)(video);
  const size = reason ? 0 : planesOf(video).size;
  const read = (planes, number) => {
    if (reader === null) return { heat: new Uint8Array(planes.length), number, objects: null, damage: reason };
    if (planes.length !== size) {
      return emptyHeat(video, number, `The frame has ${planes.length} bytes instead of ${size}.`);
    }
    try {
      return reader.read(planes, number);
    } catch (error) {
      return emptyHeat(video, number, `The heat map of the frame cannot be read: ${error.message}.`);
    }
  };
  return { name, canRead: reason === "", reason, read };
}
