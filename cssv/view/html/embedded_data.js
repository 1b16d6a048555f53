// Data that the page holds in script elements which no browser runs.

/** Characters of base64 that are decoded at once where the browser has no decoder of its own. */
const PIECE = 1 << 16;

/** The facts that Python wrote into the page. */
export function readFacts() {
  return JSON.parse(document.getElementById("facts").textContent);
}

/** Bytes of an element by its id; null where the page has none. The element is removed to free its memory. */
export function readBytes(id) {
  const element = document.getElementById(id);
  if (!element) return null;
  const bytes = fromBase64(element.textContent);
  element.remove();
  return bytes;
}

function fromBase64(text) {
  if (typeof Uint8Array.fromBase64 === "function") return Uint8Array.fromBase64(text);
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  for (let start = 0; start < text.length; start += PIECE) {
    const piece = atob(text.slice(start, start + PIECE));
    for (let i = 0; i < piece.length; i += 1, at += 1) bytes[at] = piece.charCodeAt(i);
  }
  return bytes;
}
