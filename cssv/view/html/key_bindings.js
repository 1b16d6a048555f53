// Keys as in mpv, so that the page can be used without a pointer.

/** Elements that use keys themselves. */
const OWN_KEYS = "input:not([type=checkbox]):not([type=range]), textarea, select";
const SEEK_S = 5;

/**
 * Lets keys control the viewer.
 *
 * @param {object} actions functions by name: toggle, step(frames), seek(seconds), goTo("start"|"end"), rate(steps),
 *   normalRate, loop, zoom(factor), mix(value), labels, clear
 */
export function bindKeys(actions) {
  const keys = {
    ",": () => actions.step(-1),
    ".": () => actions.step(1),
    ArrowLeft: () => actions.seek(-SEEK_S),
    ArrowRight: () => actions.seek(SEEK_S),
    Home: () => actions.goTo("start"),
    End: () => actions.goTo("end"),
    "[": () => actions.rate(-1),
    "]": () => actions.rate(1),
    Backspace: () => actions.normalRate(),
    l: () => actions.loop(),
    "+": () => actions.zoom(1.5),
    "=": () => actions.zoom(1.5),
    "-": () => actions.zoom(1 / 1.5),
    0: () => actions.zoom(0),
    1: () => actions.mix(0),
    2: () => actions.mix(50),
    3: () => actions.mix(100),
    b: () => actions.labels(),
    Escape: () => actions.clear(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    if (target.matches?.(OWN_KEYS)) return;
    if (event.key === " ") {
      // Space presses a button or checks a box that has the focus.
      if (target.matches?.("button, input")) return;
      event.preventDefault();
      actions.toggle();
      return;
    }
    // Arrows move a slider or a row of tabs that has the focus; on the timeline they go frame by frame.
    if (target.matches?.("input, [role=tab]") && /^(Arrow|Home|End)/.test(event.key)) return;
    if (target.id === "timeline" && event.key.startsWith("Arrow")) {
      event.preventDefault();
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
      actions.step(steps[event.key]);
      return;
    }
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
