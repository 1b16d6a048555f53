// Calibration of the ground by clicks: points of the picture with known places become a scene's homography.

import { byId, colourVariable, element } from "./dom_elements.js";
import { fitHomography, sceneText } from "./ground_fit.js";

const LEAST_POINTS = 4;
const MOST_POINTS = 12;
/** A standard error of speeds above this is worth a warning. */
const LARGE_SIGMA = 0.1;

/** Shows the panel; `onChange()` when the points over the picture change. */
export class GroundPanel {
  constructor(onChange) {
    this.panel = byId("panel-ground");
    this.onChange = onChange;
    this.points = [];
    this.isOn = false;
    this.rows = element("div", { class: "points" });
    this.result = element("div", { "aria-live": "polite" });
    const clear = element("button", { type: "button", click: () => this.#set([]) }, "Start again");
    this.panel.replaceChildren(
      element("h2", {}, "Ground from points"),
      element("p", {}, "Click four or more places on the ground in the picture, such as corners of a parking space, then type where each lies in metres: x to the right, y away from the camera."),
      this.rows,
      element("div", { class: "row" }, clear),
      this.result,
    );
    this.#update();
  }

  /** Takes a click on the picture, while the panel is shown. */
  add(x, y) {
    if (this.points.length >= MOST_POINTS) return;
    this.#set([...this.points, { px: [x, y], m: ["", ""] }]);
    this.rows.querySelector(`[data-point="${this.points.length - 1}"]`)?.focus({ preventScroll: true });
  }

  #set(points) {
    this.points = points;
    this.#update();
  }

  #update() {
    const heads = ["", "x, m", "y, m"].map((text) => element("span", { class: "hint" }, text));
    this.rows.replaceChildren(...(this.points.length ? heads : []), ...this.points.flatMap((point, i) => this.#row(point, i)));
    this.#fit();
    this.onChange();
  }

  #row(point, i) {
    const input = (axis) =>
      element("input", {
        type: "text",
        inputmode: "decimal",
        value: point.m[axis],
        "data-point": axis === 0 ? i : null,
        "aria-label": `Point ${i + 1}: ${"xy"[axis]} on the ground in metres`,
        input: (event) => {
          point.m[axis] = event.target.value;
          this.#fit();
        },
      });
    const place = `${i + 1}: ${point.px.map((value) => value.toFixed(1)).join(", ")} px`;
    return [element("span", {}, place), input(0), input(1)];
  }

  #fit() {
    const known = this.points.map((point) => point.m.map((text) => (text.trim() ? Number(text.replace(",", ".")) : NaN)));
    const isWhole = known.length >= LEAST_POINTS && known.every((pair) => pair.every(Number.isFinite));
    if (!isWhole) {
      const missing = Math.max(0, LEAST_POINTS - this.points.length);
      const text = missing ? `${missing} more point${missing > 1 ? "s" : ""} to click.` : "Give each point its x and y in metres.";
      this.result.replaceChildren(element("p", { class: "hint" }, text));
      return;
    }
    const found = fitHomography(this.points.map((point) => point.px), known);
    this.result.replaceChildren(...(found.error ? [element("p", { class: "chip bad" }, found.error)] : describe(found)));
  }

  /** Draws the points over the picture. */
  draw(stage) {
    if (!this.isOn) return;
    const context = stage.overlay.getContext("2d");
    context.font = "bold 12px system-ui, sans-serif";
    this.points.forEach((point, i) => {
      const [x, y] = stage.toStage(...point.px);
      context.beginPath();
      context.arc(x, y, 7, 0, 2 * Math.PI);
      context.moveTo(x - 11, y);
      context.lineTo(x + 11, y);
      context.moveTo(x, y - 11);
      context.lineTo(x, y + 11);
      context.strokeStyle = "#000";
      context.lineWidth = 4;
      context.stroke();
      context.strokeStyle = colourVariable("--accent");
      context.lineWidth = 2;
      context.stroke();
      context.lineWidth = 3;
      context.strokeStyle = "#000";
      context.strokeText(String(i + 1), x + 12, y - 8);
      context.fillStyle = "#fff";
      context.fillText(String(i + 1), x + 12, y - 8);
    });
  }
}

function describe(found) {
  const text = sceneText(found.matrix);
  const area = element("textarea", { readonly: true, rows: 10, "aria-label": "Scene with the homography, as JSON" });
  area.value = text;
  const note = element("span", { class: "hint", role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      note.textContent = "Copied.";
    } catch {
      // Pages of files may have no clipboard: the text is selected for the keyboard.
      area.focus();
      area.select();
      note.textContent = "Press Ctrl+C to copy the selected text.";
    }
  };
  const residual = Math.max(...found.residuals_px);
  const parts = [element("p", {}, `Points lie up to ${residual.toFixed(2)} px from where the fit shows them.`)];
  if (Number.isFinite(found.speed_sigma)) {
    const percent = (100 * found.speed_sigma).toFixed(1);
    const warning = found.speed_sigma > LARGE_SIGMA ? " Add points, or points further apart." : "";
    parts.push(element("p", {}, `Speeds will have a standard error of about ${percent} %.${warning}`));
  }
  return [
    ...parts,
    area,
    element("div", { class: "row" }, element("button", { type: "button", class: "primary", click: copy }, "Copy JSON"), note),
    element("p", { class: "hint" }, "Save it as scene.json, or copy its camera into your scene: 'cssv commit FILE --meta scene.json' then gives speeds in m/s."),
  ];
}
