// Tabs of the panels, with the keys that screen readers expect.

import { byId } from "./dom_elements.js";

/** Lets tabs choose the panel; `onChange(name)` receives the name behind "tab-". Returns a switch of tabs. */
export function bindTabs(onChange) {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const shown = () => tabs.filter((tab) => !tab.hidden);
  const choose = (tab) => {
    for (const each of tabs) {
      const isChosen = each === tab;
      each.setAttribute("aria-selected", String(isChosen));
      each.tabIndex = isChosen ? 0 : -1;
      byId(each.getAttribute("aria-controls")).hidden = !isChosen;
    }
    onChange(tab.id.replace("tab-", ""));
  };
  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const row = shown();
      const i = row.indexOf(tab);
      const steps = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: row.length - 1 };
      if (!(event.key in steps)) return;
      event.preventDefault();
      const next = row[(steps[event.key] + row.length) % row.length];
      next.focus();
      choose(next);
    });
  }
  /** Shows or hides the tab of a panel that has nothing to show; then the first one is chosen. */
  return (name, isShown) => {
    const tab = byId(`tab-${name}`);
    tab.hidden = !isShown;
    if (!isShown && tab.getAttribute("aria-selected") === "true") choose(shown()[0]);
  };
}
