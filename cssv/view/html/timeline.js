// The timeline: a bar for each object, the state of each frame's check, and the frame that is shown.

import { byId, colourVariable, element, sharpContext } from "./dom_elements.js";
import { FAULTY, SOUND } from "./check_record.js";
import { titleOf } from "./scene_track.js";
import { colourOf } from "./track_colours.js";

const ROW_PX = 18;
const HEAD_PX = 36;
const LEAST_GUTTER_PX = 84;
const MOST_GUTTER_PX = 130;

/** Draws the timeline and takes clicks on it; `onSeek(frame)`, `onSelect(track)`. */
export class Timeline {
  constructor(onSeek, onSelect) {
    this.node = byId("timeline");
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.rows = element("div", { class: "timeline-rows" });
    this.node.append(this.canvas, this.rows);
    this.onSeek = onSeek;
    this.onSelect = onSelect;
    this.state = null;
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.node);
  }

  setVersion(version) {
    this.version = version;
    this.node.setAttribute("aria-valuemax", String(version.frames - 1));
    this.rows.style.height = `${HEAD_PX + ROW_PX * version.scene.tracks.length + 2}px`;
    this.node.style.height = `${Math.min(190, HEAD_PX + ROW_PX * Math.max(1, version.scene.tracks.length) + 2)}px`;
  }

  show(state) {
    this.state = state;
    this.node.setAttribute("aria-valuenow", String(state.number));
    const time = this.version.timeOf(state.number).toFixed(3);
    this.node.setAttribute("aria-valuetext", `frame ${state.number} of ${this.version.frames}, ${time} s`);
    this.draw();
  }

  get gutter() {
    return Math.min(MOST_GUTTER_PX, Math.max(LEAST_GUTTER_PX, this.node.clientWidth * 0.16));
  }

  /** Left edge of a frame. */
  #x(frame) {
    const { video } = this.version;
    const [start, end] = [video.pts[0], video.pts[this.version.frames]];
    return this.gutter + ((video.pts[frame] - start) / (end - start)) * (this.node.clientWidth - this.gutter - 6);
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.node;
    if (!this.version || !this.state || !width) return;
    const context = sharpContext(this.canvas, width, height);
    context.font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
    context.textBaseline = "middle";
    this.#drawRows(context, width, height);
    this.#drawHead(context, width);
    const x = this.#x(this.state.number);
    const next = this.#x(this.state.number + 1);
    context.fillStyle = colourVariable("--text");
    context.globalAlpha = 0.16;
    context.fillRect(x, 20, Math.max(1, next - x), height);
    context.globalAlpha = 1;
    context.fillRect(x, 17, 1.5, height);
    context.beginPath();
    context.moveTo(x - 5, 15);
    context.lineTo(x + 6, 15);
    context.lineTo(x + 0.75, 22);
    context.fill();
  }

  #drawHead(context, width) {
    context.fillStyle = colourVariable("--card");
    context.fillRect(0, 0, width, HEAD_PX - 2);
    context.fillStyle = colourVariable("--soft");
    context.fillText("Time", 2, 8);
    this.#drawTimes(context, width);
    context.fillText("Checks", 2, 25);
    const colours = { [SOUND]: colourVariable("--good"), [FAULTY]: colourVariable("--bad") };
    const { states } = this.state.record;
    context.fillStyle = colourVariable("--track");
    context.fillRect(this.gutter, 22, this.#x(this.version.frames) - this.gutter, 6);
    for (let frame = 0; frame < states.length; ) {
      let end = frame + 1;
      while (end < states.length && states[end] === states[frame]) end += 1;
      if (colours[states[frame]]) {
        context.fillStyle = colours[states[frame]];
        const left = this.#x(frame);
        context.fillRect(left, 22, Math.max(1.5, this.#x(end) - left), 6);
      }
      frame = end;
    }
  }

  #drawTimes(context, width) {
    const [start, end] = [this.version.timeOf(0), this.version.endS];
    const wanted = Math.max(2, Math.floor((width - this.gutter) / 90));
    const raw = (end - start) / wanted;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((digit) => digit * power).find((each) => each >= raw);
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    for (let i = Math.ceil(start / step); i * step < end; i += 1) {
      const x = this.gutter + ((i * step - start) / (end - start)) * (width - this.gutter - 6);
      const text = `${(i * step).toFixed(decimals)} s`;
      if (x + context.measureText(text).width < width) context.fillText(text, x, 8);
    }
  }

  #drawRows(context, width, height) {
    const { tracks } = this.version.scene;
    const isDark = this.state.isDark;
    const scroll = this.node.scrollTop;
    const first = Math.max(0, Math.floor((scroll - ROW_PX) / ROW_PX));
    if (!tracks.length) {
      context.fillStyle = colourVariable("--soft");
      context.fillText("no objects in this version", this.gutter, HEAD_PX + ROW_PX / 2);
    }
    for (let row = first; row < tracks.length; row += 1) {
      const y = HEAD_PX + row * ROW_PX - scroll;
      if (y > height) break;
      const track = tracks[row];
      if (track.track === this.state.selected) {
        context.fillStyle = colourVariable("--chosen");
        context.fillRect(0, y, width, ROW_PX);
      }
      context.fillStyle = colourVariable("--text");
      context.fillText(clip(context, titleOf(track), this.gutter - 8), 2, y + ROW_PX / 2);
      context.fillStyle = colourVariable("--track");
      context.fillRect(this.gutter, y + ROW_PX / 2 - 1, this.#x(this.version.frames) - this.gutter, 2);
      context.fillStyle = colourOf(track.track, isDark);
      for (const [start, end] of track.spans) {
        const left = this.#x(start);
        context.beginPath();
        context.roundRect(left, y + 4, Math.max(2, this.#x(end + 1) - left), ROW_PX - 8, 3);
        context.fill();
      }
    }
  }

  #frameAt(event) {
    const x = event.clientX - this.node.getBoundingClientRect().left - this.gutter;
    const share = Math.min(1, Math.max(0, x / (this.node.clientWidth - this.gutter - 6)));
    const [start, end] = [this.version.timeOf(0), this.version.endS];
    return this.version.frameAt(start + share * (end - start));
  }

  #listen() {
    let isDown = false;
    this.node.addEventListener("pointerdown", (event) => {
      const rect = this.node.getBoundingClientRect();
      const y = event.clientY - rect.top;
      const row = Math.floor((y + this.node.scrollTop - HEAD_PX) / ROW_PX);
      const track = y > HEAD_PX ? this.version.scene.tracks[row] : undefined;
      if (track) this.onSelect(track.track, event.clientX - rect.left < this.gutter);
      if (event.clientX - rect.left < this.gutter) return;
      isDown = true;
      if (event.pointerType === "mouse") this.node.setPointerCapture(event.pointerId);
      this.onSeek(this.#frameAt(event));
    });
    this.node.addEventListener("pointermove", (event) => {
      if (isDown) this.onSeek(this.#frameAt(event));
    });
    for (const type of ["pointerup", "pointercancel"]) this.node.addEventListener(type, () => (isDown = false));
    this.node.addEventListener("scroll", () => this.draw());
  }

  /** Scrolls the row of a track into view. */
  reveal(track) {
    const row = this.version.scene.tracks.findIndex((each) => each.track === track);
    const top = row * ROW_PX;
    const visible = this.node.clientHeight - HEAD_PX - ROW_PX;
    if (row >= 0 && (top < this.node.scrollTop || top > this.node.scrollTop + visible)) {
      this.node.scrollTop = Math.max(0, top - visible / 2);
    }
  }
}

function clip(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > width) end -= 1;
  return `${text.slice(0, end)}…`;
}
