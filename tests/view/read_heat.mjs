// Reads heat maps from files of decoded planes, for tests/view/test_heat_in_javascript.py.
//
// Arguments: the folder of the modules, and a JSON file with a list of jobs: `facts`, `video`, `planes` (file of
// the planes of all frames), `heat` (file to write) and `numbers` of the frames. Prints a JSON list of reports.

import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const folder = pathToFileURL(`${process.argv[2]}/`);
const { createHeatReader } = await import(new URL("heat_reader.js", folder));
const { heatToRgba } = await import(new URL("heat_colours.js", folder));
const { crc32 } = await import(new URL("crc32.js", folder));

function run({ facts, video, planes, heat, colours, numbers }) {
  const bytes = new Uint8Array(readFileSync(planes));
  const reader = createHeatReader(facts, video);
  const size = numbers.length ? bytes.length / numbers.length : 0;
  const heats = [];
  const frames = [];
  let pixels = new Uint8ClampedArray();
  numbers.forEach((number, k) => {
    const frame = bytes.subarray(k * size, (k + 1) * size);
    const start = performance.now();
    const found = reader.read(frame, number);
    const read = performance.now();
    if (reader.canRead) pixels = heatToRgba(found.heat, video);
    const end = performance.now();
    heats.push(found.heat);
    const objects = found.objects?.map(({ track, box, label, readings }) => ({ track, box, label, readings }));
    const { number: told, damage } = found;
    frames.push({ number: told, damage, objects, crc: crc32(frame), read_ms: read - start, colour_ms: end - read });
  });
  writeFileSync(heat, Buffer.concat(heats));
  writeFileSync(colours, pixels);
  return { name: reader.name, canRead: reader.canRead, reason: reader.reason, frames };
}

const jobs = JSON.parse(readFileSync(process.argv[3], "utf8"));
console.log(JSON.stringify(jobs.map(run)));
