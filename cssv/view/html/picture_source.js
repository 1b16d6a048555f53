// The way to pictures: the best of three that works here.

import { DecoderSource } from "./decoder_source.js";
import { PlanesSource } from "./planes_source.js";
import { VideoSource } from "./video_source.js";

/** Where nothing can show pictures, the scene track is still shown. */
const NO_PICTURES = {
  isExact: false,
  readsSamples: false,
  read: async () => ({ planes: null, problem: "cannot be shown: this browser decodes no picture of this file" }),
  close() {},
};

/**
 * Opens a source of pictures.
 *
 * @param {object} version a ClipVersion
 * @param {object} file the ClipFile that it belongs to
 * @param {object|null} planes that the page holds; then the file has no coded pictures
 * @returns {Promise<{source: object, rung: string, reasons: string[]}>} why better ways are not in use
 */
export async function openSource(version, file, planes) {
  const reasons = [];
  const ways = planes
    ? [() => PlanesSource.open(version, planes)]
    : [() => DecoderSource.open(version), () => VideoSource.open(version, file)];
  for (const open of ways) {
    const { source, reason } = await open();
    if (source) return { source, rung: source.constructor.title, reasons };
    reasons.push(reason);
  }
  return { source: NO_PICTURES, rung: "No pictures: values of the scene track", reasons };
}
