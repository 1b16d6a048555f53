// Tabs of the panels, with the keys that screen readers expect.

import { byId } from "./dom_elements.js";

/** Lets tabs choose the panel; `onChange(name)` receives the name behind "tab-". */
export function bindTabs(onChange) {
  const tabs = [...document.querySelectorAll("[role=tab]")];
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
      const i = tabs.indexOf(tab);
      const steps = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: tabs.length - 1 };
      if (!(event.key in steps)) return;
      event.preventDefault();
      const next = tabs[(steps[event.key] + tabs.length) % tabs.length];
      next.focus();
      choose(next);
    });
  }
}
