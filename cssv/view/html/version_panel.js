// The versions of the file, and what changed between two of them.

import { byId, element } from "./dom_elements.js";
import { findChanges } from "./version_changes.js";
import { titleOf } from "./scene_track.js";

const MOST_ROWS = 300;
/** Keys of the scene track -> words. */
const WORDS = {
  object: "presence",
  box_px: "box, px",
  velocity_px_s: "velocity, px/s",
  velocity_m_s: "velocity, m/s",
  sigma_px_s: "deviation of the velocity, px/s",
  sigma_m_s: "deviation of the velocity, m/s",
  temperature_c: "temperature, °C",
  thermal_c: "measured temperature, °C",
  density_kg_m3: "density, kg/m³",
  goal_m: "goal, m",
  goal_px: "goal, px",
  past_px_s: "velocity before, px/s",
  future_px_s: "velocity after, px/s",
  template: "drawing",
};

/** What people read of a version in a menu. */
export function versionTitle(row) {
  const parts = [String(row.number), ...row.tags];
  if (row.message) parts.push(row.message);
  if (row.isPlaying) parts.push("(plays)");
  return parts.join(" · ");
}

function timeText(createdS) {
  return createdS ? `${new Date(createdS * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC` : "at an unknown time";
}

/** Shows the panel; `onOpen(number)` switches to a version. */
export class VersionPanel {
  constructor(onOpen) {
    this.panel = byId("panel-versions");
    this.onOpen = onOpen;
  }

  setFile(file, number) {
    this.file = file;
    const { versions } = file;
    const list = versions.map((row) => this.#row(row, row.number === number));
    const head = element("tr", {}, ...["Version", "Made", "Frames changed"].map((text) => element("th", { scope: "col" }, text)));
    const table = element("table", { "aria-label": "Versions of the file" }, element("thead", {}, head), element("tbody", {}, ...list.reverse()));
    const parts = [element("h2", {}, "Versions"), element("div", { class: "wide" }, table)];
    if (versions.length > 1) parts.push(...this.#comparison(versions, number));
    else parts.push(element("p", { class: "hint" }, "The file has one version. 'cssv commit' adds others; all stay in the file."));
    this.panel.replaceChildren(...parts);
  }

  #row(row, isShown) {
    const button = element("button", { type: "button", disabled: isShown, click: () => this.onOpen(row.number) }, isShown ? "shown" : "show");
    const by = row.author ? ` by ${row.author}` : "";
    return element(
      "tr",
      { class: isShown ? "chosen" : "" },
      element("td", {}, versionTitle(row), " ", button),
      element("td", {}, timeText(row.createdS) + by),
      element("td", { class: "number" }, `${row.framesChanged} of ${row.frames}`),
    );
  }

  #comparison(versions, number) {
    const row = versions.find((each) => each.number === number);
    const others = versions.filter((each) => each.number !== number);
    const wanted = others.find((each) => each.number === row.parent) ?? others.at(-1);
    const options = others.map((each) => element("option", { value: each.number, selected: each === wanted }, versionTitle(each)));
    const output = element("div", { id: "changes" });
    const select = element("select", { id: "compare", change: () => this.#compare(Number(select.value), number, output) }, ...options);
    this.#compare(wanted.number, number, output);
    return [element("h2", {}, "What changed"), element("p", {}, element("label", {}, "From version ", select), ` to ${versionTitle(row)}`), output];
  }

  #compare(from, to, output) {
    try {
      const [before, after] = [this.file.version(from), this.file.version(to)];
      output.replaceChildren(...describe(findChanges(before, after), before, after));
    } catch (error) {
      output.replaceChildren(element("p", {}, `The versions cannot be compared: ${error.message}`));
    }
  }
}

function describe(changes, before, after) {
  const many = changes.frames.length > 20 ? `${changes.frames.slice(0, 20).join(", ")}, ...` : changes.frames.join(", ");
  const pictures = changes.frameCount
    ? `Pixels differ in ${changes.frameCount} of ${after.frames} frames: ${many}.`
    : "All pixels are the same.";
  const parts = [element("p", {}, pictures)];
  const tracks = new Map([...before.scene.tracks, ...after.scene.tracks].map((track) => [track.track, track]));
  const objects = changes.objects.map((row) => [titleOf(tracks.get(row.track)), WORDS[row.key] ?? row.key, row.before, row.after, String(row.frames)]);
  parts.push(...table("Objects", ["Object", "Value", "Before", "After", "Frames"], objects));
  parts.push(...table("Scene", ["Where", "Before", "After"], changes.scene.map((row) => [row.path, row.before, row.after])));
  if (!objects.length && !changes.scene.length) parts.push(element("p", {}, "Objects and scene are the same."));
  return parts;
}

function table(title, heads, rows) {
  if (!rows.length) return [];
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.slice(0, MOST_ROWS).map((cells) => element("tr", {}, ...cells.map((text) => element("td", {}, text))));
  const more = rows.length > MOST_ROWS ? [element("p", { class: "hint" }, `and ${rows.length - MOST_ROWS} more; 'cssv diff' lists all`)] : [];
  return [element("h3", {}, title), element("div", { class: "wide" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...body))), ...more];
}
