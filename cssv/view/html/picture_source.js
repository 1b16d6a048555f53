// The way to pictures: the best of three that works here.

import { DecoderSource } from "./decoder_source.js";
import { PlanesSource } from "./planes_source.js";
import { VideoSource } from "./video_source.js";

/** Where nothing can show pictures, the scene track is still shown, and the coded bytes are checked. */
const NO_PICTURES = {
  isExact: false,
  isEmpty: true,
  readsSamples: true,
  read: async () => ({ planes: null, problem: "cannot be shown: this browser does not decode the file. 'cssv view --embed planes' makes a page that needs no decoder" }),
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
  return { source: { ...NO_PICTURES, readsSamples: !planes }, rung: "No pictures: values of the scene track", reasons };
}
