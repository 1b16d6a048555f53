// The table of objects: their values in the frame that is shown; a row chooses the object to follow.

import { byId, element, setText } from "./dom_elements.js";
import { ATTRIBUTES, speedOf, titleOf, valueOf, valueText } from "./scene_track.js";
import { colourOf } from "./track_colours.js";

/** Rows of the table; `onSelect(track)`, `onChart(track, isCharted)`. */
export class ObjectTable {
  constructor(onSelect, onChart) {
    this.panel = byId("panel-objects");
    this.onSelect = onSelect;
    this.onChart = onChart;
    this.rows = new Map();
    this.shown = new Set();
  }

  setVersion(version) {
    this.version = version;
    this.rows.clear();
    this.shown.clear();
    // Columns that no object has a value for would only take room.
    const isKnown = (key) => version.scene.frames.some((objects) => objects.some((each) => valueOf(each, key)));
    this.attributes = ATTRIBUTES.filter((each) => isKnown(each.key));
    const { tracks } = version.scene;
    this.speedUnit = element("span", { class: "unit" });
    const heads = [["Speed", this.speedUnit], ...this.attributes.map((each) => [each.title, element("span", { class: "unit" }, each.unit)])];
    const head = element("tr", {}, element("th", { scope: "col" }, "Object"), ...heads.map((parts) => element("th", { class: "number", scope: "col" }, ...parts)));
    const body = element("tbody", {}, ...tracks.map((track) => this.#row(track)));
    const table = element("table", { "aria-label": "Objects of the clip, with their values in this frame" }, element("thead", {}, head), body);
    this.count = element("p", { class: "hint", "aria-live": "off" });
    const empty = version.isSealed
      ? "The objects of this version are protected by a password. 'cssv decode --password' reads them."
      : "This version has no objects.";
    const content = tracks.length ? element("div", { class: "wide" }, table) : element("p", {}, empty);
    this.panel.replaceChildren(this.count, content);
  }

  #row(track) {
    const chart = element("input", {
      type: "checkbox",
      "aria-label": `Chart ${titleOf(track)}`,
      title: "Show in the chart",
      change: () => this.onChart(track.track, chart.checked),
      click: (event) => event.stopPropagation(),
    });
    const swatch = element("span", { class: "swatch" });
    const kind = track.name && track.label ? [element("span", { class: "unit" }, track.label)] : [];
    const name = element("button", { type: "button", "aria-pressed": "false" }, titleOf(track), ...kind);
    const cells = [element("td", { class: "number" }), ...this.attributes.map(() => element("td", { class: "number" }))];
    const first = element("td", {}, element("span", { class: "object-name" }, chart, swatch, name));
    const row = element("tr", { "data-track": track.track, class: "absent", click: () => this.onSelect(track.track) }, first, ...cells);
    this.rows.set(track.track, { row, chart, swatch, name, cells });
    return row;
  }

  show(state) {
    const objects = this.version.scene.frames[state.number];
    const present = new Map(objects.map((object) => [object.track, object]));
    const total = this.version.scene.tracks.length;
    setText(this.count, total ? `${present.size} of ${total} objects in this frame` : "");
    setText(this.speedUnit, state.unit.name);
    for (const track of new Set([...this.shown, ...present.keys()])) this.#fill(track, present.get(track), state);
    this.shown = new Set(present.keys());
    this.#mark(state);
  }

  #fill(track, object, state) {
    const { row, cells } = this.rows.get(track);
    row.classList.toggle("absent", !object);
    setText(cells[0], object ? valueText(speedOf(object, state.unit), state.unit.decimals) : "");
    this.attributes.forEach((each, i) => {
      setText(cells[i + 1], object ? valueText(valueOf(object, each.key), each.decimals) : "");
    });
  }

  /** Marks what is chosen, only where it changed. */
  #mark(state) {
    const key = [state.selected, [...state.charted].join(), state.isDark].join("|");
    if (key === this.markKey && this.markVersion === this.version) return;
    [this.markKey, this.markVersion] = [key, this.version];
    for (const [track, { row, chart, swatch, name }] of this.rows) {
      row.classList.toggle("chosen", track === state.selected);
      name.setAttribute("aria-pressed", String(track === state.selected));
      chart.checked = state.charted.has(track);
      swatch.style.background = colourOf(track, state.isDark);
    }
  }

  reveal(track) {
    const row = this.rows.get(track)?.row;
    if (!row) return;
    // Only the panel moves: the page itself must not jump on a phone.
    const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
    const { scrollTop, clientHeight } = this.panel;
    if (top < scrollTop + 40 || bottom > scrollTop + clientHeight) this.panel.scrollTop = top - clientHeight / 2;
  }
}
