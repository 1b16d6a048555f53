// Elements of the page. Texts become text nodes, so that no value of a file is read as HTML.

/** The element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * Makes an element.
 *
 * @param {string} tag
 * @param {object} attributes attributes by name; functions are listeners of events; null is left out
 * @param {...(Node|string)} children
 */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for elements of SVG. */
export function drawn(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** Sets a text only where it changes: layout is costly. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A canvas with as many pixels as the screen shows; returns its 2D context in units of CSS pixels. */
export function sharpContext(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [across, down] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Value of a custom property of the style, such as "--accent". */
export function colourVariable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
