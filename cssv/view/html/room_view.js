/** Stand-in. */
export function createRoom(canvas, data) {
  return { show() {}, setTheme() {}, resize() {}, dispose() {} };
}
