// Texts over the room: titles of objects, the scale of speeds, and the size of the grid.

import { speedColour } from "./room_shapes.js";

const BAR = { width: 120, height: 8 };
const SPACE_PX = 12;
const MOST_LABELS = 12;
/** Width below which texts of objects are smaller. */
const NARROW_PX = 520;

/** Draws texts on a canvas over the room. */
export class RoomLabels {
  constructor(canvas) {
    this.node = document.createElement("canvas");
    this.node.className = "room-labels";
    this.node.setAttribute("aria-hidden", "true");
    canvas.after(this.node);
  }

  resize(width, height, ratio) {
    this.node.width = Math.round(width * ratio);
    this.node.height = Math.round(height * ratio);
    Object.assign(this, { width, height, ratio });
  }

  /**
   * @param {{text: string, x: number, y: number, colour: string, isChosen: boolean}[]} labels with places in
   *   pixels of the page, the most important first
   * @param {{isDark: boolean, data: object, spacing: string}} look
   */
  draw(labels, look) {
    const context = this.node.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.textBaseline = "middle";
    const taken = [[0, this.height - 44, this.width, 44]];
    let count = 0;
    for (const label of labels) {
      if (count === MOST_LABELS) break;
      context.font = `${label.isChosen ? 600 : 500} ${this.width < NARROW_PX ? 10.5 : 12}px system-ui, sans-serif`;
      const wide = context.measureText(label.text).width + 10;
      const box = [label.x - wide / 2, label.y - 24, wide, 18];
      if (box[0] < 0 || box[1] < 0 || box[0] + wide > this.width || taken.some((other) => overlaps(box, other))) continue;
      taken.push(box);
      count += 1;
      context.fillStyle = look.isDark ? "rgb(16 19 24 / 0.85)" : "rgb(255 255 255 / 0.9)";
      context.strokeStyle = label.colour;
      context.lineWidth = label.isChosen ? 2 : 1;
      context.beginPath();
      context.roundRect(...box, 4);
      context.fill();
      context.stroke();
      context.fillStyle = look.isDark ? "#eceff4" : "#15191f";
      context.fillText(label.text, box[0] + 5, box[1] + 9.5);
    }
    this.#drawScales(context, look);
  }

  #drawScales(context, { isDark, data, spacing }) {
    const ink = isDark ? "#eceff4" : "#15191f";
    context.font = "12px system-ui, sans-serif";
    const middle = this.height - SPACE_PX - 7;
    const texts = data.mostSpeed ? ["0", `${Number(data.mostSpeed.toPrecision(2))}+ ${data.speedUnit}`] : [];
    context.textAlign = "left";
    context.fillStyle = isDark ? "rgb(16 19 24 / 0.75)" : "rgb(255 255 255 / 0.8)";
    context.fillRect(0, middle - 14, this.width, 28);
    context.fillStyle = ink;
    if (texts.length) {
      context.fillText(texts[0], SPACE_PX, middle);
      for (let x = 0; x < BAR.width; x += 1) {
        context.fillStyle = `rgb(${speedColour(x / BAR.width).map((value) => Math.round(255 * value)).join(" ")})`;
        context.fillRect(SPACE_PX + 12 + x, middle - BAR.height / 2, 1.5, BAR.height);
      }
      context.fillStyle = ink;
      context.fillText(texts[1], SPACE_PX + 18 + BAR.width, middle);
    }
    context.textAlign = "right";
    context.fillText(spacing, this.width - SPACE_PX, middle);
    context.textAlign = "left";
  }

  dispose() {
    this.node.remove();
  }
}

function overlaps(a, b) {
  return a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];
}
