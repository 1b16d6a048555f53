// Values of chosen objects over time, each with the band of one standard deviation.

import { byId, drawn, element } from "./dom_elements.js";
import { ATTRIBUTES, speedOf, titleOf, valueOf } from "./scene_track.js";
import { colourOf } from "./track_colours.js";

const HEIGHT = 96;
const LEFT = 44;
const RIGHT = 8;
const TOP = 18;
const BOTTOM = 14;

/** Draws one chart for each attribute that a chosen object has. */
export class ValueChart {
  constructor(onSeek) {
    this.node = byId("chart");
    this.onSeek = onSeek;
    this.lines = [];
    this.key = "";
    new ResizeObserver(() => this.#redraw()).observe(this.node);
  }

  /** @param {object} version @param {object} state number, unit, charted (Set of tracks), isDark */
  show(version, state) {
    this.version = version;
    this.state = state;
    const key = [version.row.number, state.unit.name, [...state.charted].join(), state.isDark].join("|");
    if (key !== this.key) {
      this.key = key;
      this.#redraw();
    }
    this.#placeLines();
  }

  #placeLines() {
    const x = this.#x(this.state.number);
    for (const line of this.lines) {
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    }
  }

  #x(frame) {
    const [start, end] = [this.version.timeOf(0), this.version.endS];
    return LEFT + ((this.version.timeOf(frame) - start) / (end - start)) * (this.width - LEFT - RIGHT);
  }

  #redraw() {
    if (!this.version || !this.node.clientWidth) return;
    this.width = Math.max(280, this.node.clientWidth);
    this.lines = [];
    const { unit, charted } = this.state;
    const panels = [
      { title: "Speed", unit: unit.name, read: (object) => speedOf(object, unit) },
      ...ATTRIBUTES.map((each) => ({ ...each, read: (object) => valueOf(object, each.key) })),
    ];
    const drawnPanels = panels.map((panel) => this.#panel(panel)).filter((each) => each !== null);
    const text = charted.size ? "No values of the chosen objects are known." : "Choose objects in the table to see their values over time.";
    this.node.replaceChildren(...(drawnPanels.length ? drawnPanels : [element("p", { class: "hint" }, text)]));
    this.#placeLines();
  }

  #series(read) {
    const series = [];
    for (const track of this.version.scene.tracks) {
      if (!this.state.charted.has(track.track)) continue;
      const runs = [];
      for (const [first, last] of track.spans) {
        const run = [];
        for (let frame = first; frame <= last; frame += 1) {
          const object = this.version.scene.frames[frame].find((each) => each.track === track.track);
          const found = object ? read(object) : null;
          if (found) run.push({ frame, ...found, sigma: found.sigma ?? 0 });
        }
        if (run.length) runs.push(run);
      }
      if (runs.length) series.push({ track, runs });
    }
    return series;
  }

  #panel(panel) {
    const series = this.#series(panel.read);
    if (!series.length) return null;
    const points = series.flatMap((each) => each.runs.flat());
    let low = Math.min(...points.map((point) => point.value - point.sigma));
    let high = Math.max(...points.map((point) => point.value + point.sigma));
    if (panel.title === "Speed") low = Math.min(0, low) < 0 ? 0 : Math.min(low, high / 4);
    const margin = (high - low) * 0.06 || Math.max(1, Math.abs(high) * 0.05);
    [low, high] = [panel.title === "Speed" ? Math.max(0, low - margin) : low - margin, high + margin];
    const y = (value) => TOP + (1 - (Math.max(low, Math.min(high, value)) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    const svg = drawn("svg", { viewBox: `0 0 ${this.width} ${HEIGHT}`, role: "img", "aria-label": this.#description(panel, series) });
    for (const value of ticks(low, high)) {
      svg.append(drawn("line", { class: "grid", x1: LEFT, x2: this.width - RIGHT, y1: y(value), y2: y(value) }));
      svg.append(drawn("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, String(Number(value.toPrecision(6)))));
    }
    svg.append(drawn("text", { class: "title", x: 2, y: 11 }, `${panel.title}, ${panel.unit}`));
    for (const { track, runs } of series) for (const run of runs) this.#draw(svg, run, y, colourOf(track.track, this.state.isDark));
    const line = drawn("line", { class: "frame-line", y1: TOP - 4, y2: HEIGHT - BOTTOM });
    this.lines.push(line);
    svg.append(line);
    svg.addEventListener("click", (event) => this.#seek(event, svg));
    return svg;
  }

  #description(panel, series) {
    return `${panel.title} in ${panel.unit} over time: ${series.map((each) => titleOf(each.track)).join(", ")}`;
  }

  #draw(svg, run, y, colour) {
    const path = (points) => points.map(([x, value], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const at = run.map((point) => this.#x(point.frame));
    const upper = run.map((point, i) => [at[i], point.value + point.sigma]);
    const lower = run.map((point, i) => [at[i], point.value - point.sigma]).reverse();
    const band = `${path([...upper, ...lower])}Z`;
    svg.append(drawn("path", { d: band, fill: colour, "fill-opacity": 0.2 }));
    const line = run.length > 1 ? run.map((point, i) => [at[i], point.value]) : [[at[0] - 2, run[0].value], [at[0] + 2, run[0].value]];
    svg.append(drawn("path", { d: path(line), fill: "none", stroke: colour, "stroke-width": 1.75, "stroke-linejoin": "round" }));
  }

  #seek(event, svg) {
    const rect = svg.getBoundingClientRect();
    const x = ((event.clientX - rect.left) / rect.width) * this.width;
    const share = Math.min(1, Math.max(0, (x - LEFT) / (this.width - LEFT - RIGHT)));
    const [start, end] = [this.version.timeOf(0), this.version.endS];
    this.onSeek(this.version.frameAt(start + share * (end - start)));
  }
}

/** Two to four round values between bounds. */
function ticks(low, high) {
  const raw = (high - low) / 3;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((each) => each >= raw);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) found.push(i * step);
  return found;
}
