// What the file is, how its pictures are read here, and the keys.

import { byId, element } from "./dom_elements.js";

const KEYS = [
  ["Space", "play or pause"],
  ["← →", "5 seconds back, on"],
  [", .", "one frame back, on"],
  ["Home End", "first, last frame"],
  ["[ ]", "slower, faster"],
  ["Backspace", "normal speed"],
  ["L", "loop"],
  ["+ − 0", "zoom in, out, whole picture"],
  ["1 2 3", "picture, overlay, heat map"],
  ["B", "boxes and labels"],
  ["Esc", "no object chosen"],
];

/** What the rings of the heat map show, from the inside out. */
function ringsText(ranges) {
  const rings = [["speed", "speed_px_s", "px/s"], ["temperature", "temperature_c", "°C"], ["density", "density_kg_m3", "kg/m³"]];
  const texts = rings.filter(([, key]) => Array.isArray(ranges?.[key])).map(([name, key, unit]) => `${name} ${ranges[key].join(" to ")} ${unit}`);
  return texts.length ? `from the inside: ${texts.join(", ")}; pale where a value is uncertain` : "unknown";
}

/** Fills the panel. `rung`: title; `reasons`: why better ways of reading are not in use. */
export function showFile(file, version, { rung, reasons, heat, generator, onCheckAll }) {
  const { facts } = version;
  const coding = facts.crf === undefined ? "lossless" : `lossy, quality ${facts.crf}`;
  const rows = [
    ["File", `${file.name}, ${(file.bytes.length / 1e6).toFixed(2)} MB`],
    ["Picture", `${version.width} × ${version.height}, ${version.layout}, ${facts.codec ?? "unknown codec"}, ${coding}`],
    ["Frames", `${version.frames}, ${version.timeOf(0).toFixed(3)} s to ${version.endS.toFixed(3)} s`],
    ["Time base", `1/${version.video.timescale} s`],
    ["Carrier", version.carrier],
    ["Pictures from", rung],
    ["Heat map", heat],
    ["Rings", ringsText(version.scene.ranges)],
    ["Made by", `cssv ${facts.cssv ?? "(unknown)"}; page by ${generator}`],
  ];
  const list = element("dl", {}, ...rows.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
  const button = element("button", { type: "button", id: "check-all", click: onCheckAll }, "Check all frames");
  const result = element("span", { id: "check-result", role: "status" });
  const keys = KEYS.flatMap(([key, text]) => [
    element("dt", {}, ...key.split(" ").flatMap((each, i) => (i ? [" ", element("kbd", {}, each)] : [element("kbd", {}, each)]))),
    element("dd", {}, text),
  ]);
  const why = reasons.length ? [element("h3", {}, "Not in use"), element("ul", {}, ...reasons.map((text) => element("li", {}, text)))] : [];
  byId("panel-file").replaceChildren(
    element("h2", {}, "File"), list, element("div", { class: "row" }, button, result), ...why, element("h2", {}, "Keys"), element("dl", {}, ...keys),
  );
}
