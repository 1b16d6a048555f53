// The overlay: outline, trail and label of each object, sharp at any zoom.

import { sharpContext } from "./dom_elements.js";
import { speedOf, titleOf, valueOf, valueText } from "./scene_track.js";
import { colourOf } from "./track_colours.js";

/** Seconds of the trail behind an object. */
const TRAIL_S = 2;
/** More objects than this get no labels, except the chosen one. */
const MOST_LABELS = 60;
const FONT_PX = 12;
const FONT = `${FONT_PX}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;

/**
 * Draws the objects of a frame.
 *
 * @param {object} stage a Stage
 * @param {object} version a ClipVersion
 * @param {{number: number, unit: object, selected: number|null, hasLabels: boolean}} state
 */
export function drawOverlay(stage, version, state) {
  const context = sharpContext(stage.overlay, stage.width, stage.height);
  if (!state.hasLabels) return;
  const objects = version.scene.frames[state.number];
  context.lineJoin = "round";
  context.font = FONT;
  drawTrails(context, stage, version, state, objects);
  for (const object of objects) drawBox(context, stage, object, object.track === state.selected);
  const taken = [];
  // The chosen object is labelled first, so that it gets its place.
  const order = [...objects].sort((a, b) => (b.track === state.selected) - (a.track === state.selected));
  const labelled = objects.length > MOST_LABELS ? order.filter((each) => each.track === state.selected) : order;
  for (const object of labelled) drawLabel(context, stage, object, state, taken);
}

const foot = (object) => [object.box_px[0] + object.box_px[2] / 2, object.box_px[1] + object.box_px[3]];

function drawTrails(context, stage, version, state, objects) {
  const from = version.frameAt(version.timeOf(state.number) - TRAIL_S);
  if (objects.length > MOST_LABELS) objects = objects.filter((each) => each.track === state.selected);
  const points = new Map(objects.map((object) => [object.track, []]));
  for (let frame = from; frame <= state.number; frame += 1) {
    for (const object of version.scene.frames[frame]) points.get(object.track)?.push(stage.toStage(...foot(object)));
  }
  for (const [track, line] of points) {
    context.beginPath();
    line.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
    strokeTwice(context, colourOf(track, true), track === state.selected ? 2.5 : 1.5, 0.85);
  }
}

/** A bright line on a dark one is visible on any ground. */
function strokeTwice(context, colour, width, alpha = 1) {
  context.globalAlpha = 0.55 * alpha;
  context.strokeStyle = "#000";
  context.lineWidth = width + 2;
  context.stroke();
  context.globalAlpha = alpha;
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
  context.globalAlpha = 1;
}

function drawBox(context, stage, object, isSelected) {
  const [x, y, w, h] = object.box_px;
  const [left, top] = stage.toStage(x, y);
  context.beginPath();
  context.rect(left, top, w * stage.scale, h * stage.scale);
  strokeTwice(context, colourOf(object.track, true), isSelected ? 3 : 1.5);
}

function labelTexts(object, state) {
  const texts = [titleOf({ ...object, label: object.label ?? "" })];
  const speed = speedOf(object, state.unit);
  if (speed) texts.push(`${valueText(speed, state.unit.decimals)} ${state.unit.name}`);
  if (object.track === state.selected) {
    const temperature = valueOf(object, "temperature_c");
    if (temperature) texts.push(`${valueText(temperature, 1)} °C`);
  }
  return texts;
}

function drawLabel(context, stage, object, state, taken) {
  const texts = labelTexts(object, state);
  const width = Math.max(...texts.map((text) => context.measureText(text).width)) + 14;
  const height = texts.length * (FONT_PX + 3) + 5;
  const place = freePlace(stage, object, width, height, taken);
  if (!place) return;
  taken.push([...place, width, height]);
  const [x, y] = place;
  context.fillStyle = "rgba(12, 15, 20, 0.82)";
  context.beginPath();
  context.roundRect(x, y, width, height, 4);
  context.fill();
  context.fillStyle = colourOf(object.track, true);
  context.fillRect(x, y + 3, 3, height - 6);
  context.textBaseline = "top";
  texts.forEach((text, i) => {
    context.fillStyle = i ? "#d6dce6" : "#ffffff";
    context.fillText(text, x + 8, y + 4 + i * (FONT_PX + 3));
  });
}

/** The first place around a box that is in the picture and free; null if there is none. */
function freePlace(stage, object, width, height, taken) {
  const [x, y, w, h] = object.box_px;
  const [left, top] = stage.toStage(x, y);
  const [right, bottom] = stage.toStage(x + w, y + h);
  if (right < 0 || bottom < 0 || left > stage.width || top > stage.height) return null;
  const middle = (left + right - width) / 2;
  const places = [[middle, top - height - 4], [middle, bottom + 4], [right + 4, top], [left - width - 4, top], [middle, top - 2 * height - 8], [middle, bottom + height + 8]];
  for (const [wantedX, wantedY] of places) {
    const placed = [Math.min(Math.max(2, wantedX), stage.width - width - 2), Math.min(Math.max(2, wantedY), stage.height - height - 2)];
    const isFree = taken.every(([tx, ty, tw, th]) => placed[0] > tx + tw || placed[0] + width < tx || placed[1] > ty + th || placed[1] + height < ty);
    if (isFree) return placed;
  }
  return null;
}
