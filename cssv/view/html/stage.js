// The stage: picture and heat map as layers, zoom and shift, and the overlay above them.

import { byId } from "./dom_elements.js";
import { createColours } from "./plane_layout.js";
import { heatToRgba } from "./heat_colours.js";

const MOST_ZOOM = 16;
/** Zoom from which single pixels are shown as squares. */
const CLOSE_ZOOM = 3;
/** Share of the window's height that the picture takes at most. */
const MOST_HEIGHT = 0.62;
/** Opacity of the heat map in the middle of the slider. */
const BLEND = 0.75;
/** Pictures are made here, not by the graphics card: such canvases stay in the memory of the processor. */
const IN_MEMORY = { willReadFrequently: true };
/** Pixels by which a pointer may move during a click. */
const CLICK_PX = 5;

/** Shows pictures; `onClick(x, y)` receives places in pixels of the picture. */
export class Stage {
  constructor(onChange, onClick) {
    this.node = byId("stage");
    this.layers = byId("layers");
    this.picture = byId("picture");
    this.heat = byId("heat");
    this.overlay = byId("overlay");
    this.note = byId("stage-note");
    this.onChange = onChange;
    this.onClick = onClick;
    this.zoom = 1;
    this.mix = 50;
    this.#listen();
    new ResizeObserver(() => this.resize()).observe(this.node.parentElement);
  }

  /** Prepares for the pictures of a version. */
  setVideo(video) {
    const isSame = this.video?.width === video.width && this.video?.height === video.height;
    this.video = video;
    this.colours = createColours(video);
    for (const canvas of [this.picture, this.heat]) {
      canvas.width = video.width;
      canvas.height = video.height;
    }
    this.image = new ImageData(video.width, video.height);
    if (!isSame) this.reset();
    this.resize();
  }

  /** Draws planes, or a picture of another source, or black. */
  drawPicture(result) {
    const context = this.picture.getContext("2d", IN_MEMORY);
    if (result.planes) {
      this.colours(result.planes, this.image);
      context.putImageData(this.image, 0, 0);
    } else if (result.image) {
      context.drawImage(result.image, 0, 0, this.video.width, this.video.height);
    } else {
      context.fillStyle = "#000";
      context.fillRect(0, 0, this.video.width, this.video.height);
    }
  }

  /** Draws a heat map; null for none. */
  drawHeat(heat) {
    const context = this.heat.getContext("2d", IN_MEMORY);
    if (!heat) {
      context.clearRect(0, 0, this.video.width, this.video.height);
      return;
    }
    // Where nothing is drawn the picture shows through.
    const colours = heatToRgba(heat, this.video, 255, 0);
    context.putImageData(new ImageData(colours, this.video.width, this.video.height), 0, 0);
  }

  /** A sentence over the picture; empty for none. */
  setNote(text) {
    this.note.hidden = !text;
    this.note.textContent = text;
  }

  /** 0: the picture; 50: both; 100: the heat map alone. */
  setMix(mix) {
    this.mix = mix;
    this.heat.style.opacity = mix <= 50 ? (BLEND * mix) / 50 : BLEND + ((1 - BLEND) * (mix - 50)) / 50;
    this.picture.style.opacity = mix <= 50 ? 1 : 1 - (mix - 50) / 50;
  }

  resize() {
    if (!this.video) return;
    const { width, height } = this.video;
    const room = this.node.parentElement.clientWidth;
    const across = Math.min(room, (window.innerHeight * MOST_HEIGHT * width) / height);
    this.width = Math.max(120, Math.floor(across));
    this.height = Math.round((this.width * height) / width);
    this.node.style.width = `${this.width}px`;
    this.node.style.height = `${this.height}px`;
    this.#place();
  }

  get scale() {
    return (this.width / this.video.width) * this.zoom;
  }

  /** A place of the picture in pixels of the stage. */
  toStage(x, y) {
    return [(x - this.centre[0]) * this.scale + this.width / 2, (y - this.centre[1]) * this.scale + this.height / 2];
  }

  toPicture(x, y) {
    return [(x - this.width / 2) / this.scale + this.centre[0], (y - this.height / 2) / this.scale + this.centre[1]];
  }

  reset() {
    this.zoom = 1;
    this.centre = [this.video.width / 2, this.video.height / 2];
    if (this.width) this.#place();
  }

  /** Zooms by a factor, with a place of the stage that stays where it is. */
  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const fixed = this.toPicture(x, y);
    this.zoom = Math.min(MOST_ZOOM, Math.max(1, this.zoom * factor));
    const moved = this.toPicture(x, y);
    this.centre = this.centre.map((value, i) => value + fixed[i] - moved[i]);
    this.#place();
  }

  /** Brings a place of the picture to the middle, where the picture is zoomed. */
  follow(x, y) {
    if (this.zoom === 1) return;
    this.centre = [x, y];
    this.#place();
  }

  shift(dx, dy) {
    this.centre = [this.centre[0] - dx / this.scale, this.centre[1] - dy / this.scale];
    this.#place();
  }

  #place() {
    const half = [this.video.width / 2 / this.zoom, this.video.height / 2 / this.zoom];
    const sides = [this.video.width, this.video.height];
    this.centre = this.centre.map((value, i) => Math.min(sides[i] - half[i], Math.max(half[i], value)));
    const [x, y] = this.toStage(0, 0);
    this.layers.style.transform = `translate(${x}px, ${y}px) scale(${this.zoom})`;
    this.node.classList.toggle("zoomed", this.zoom > 1);
    this.node.classList.toggle("close", this.scale >= CLOSE_ZOOM);
    this.onChange();
  }

  #listen() {
    const pointers = new Map();
    let moved = 0;
    const place = (event) => {
      const rect = this.node.getBoundingClientRect();
      return [event.clientX - rect.left, event.clientY - rect.top];
    };
    this.node.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button")) return;
      pointers.set(event.pointerId, place(event));
      moved = 0;
    });
    this.node.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = place(event);
      const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      pointers.set(event.pointerId, now);
      moved += Math.hypot(dx, dy);
      if (other) {
        const span = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
        this.zoomBy(span(now) / Math.max(1, span(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      } else if (this.zoom > 1 && moved > CLICK_PX) {
        this.node.setPointerCapture(event.pointerId);
        this.shift(dx, dy);
      }
    });
    const end = (event) => {
      const known = pointers.delete(event.pointerId);
      if (known && event.type === "pointerup" && moved <= CLICK_PX) this.onClick(...this.toPicture(...place(event)));
    };
    this.node.addEventListener("pointerup", end);
    this.node.addEventListener("pointercancel", end);
    this.node.addEventListener("wheel", (event) => {
      // The wheel alone scrolls the page; with Ctrl, and by a pinch on a touchpad, it zooms.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY / 200), ...place(event));
    }, { passive: false });
    byId("zoom-in").addEventListener("click", () => this.zoomBy(1.5));
    byId("zoom-out").addEventListener("click", () => this.zoomBy(1 / 1.5));
    byId("zoom-reset").addEventListener("click", () => this.reset());
  }
}
