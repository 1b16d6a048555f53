// The room in space: camera, ground, paths and objects, moving with the timeline.

import { byId, element } from "./dom_elements.js";
import { createRoom } from "./room_view.js";

/** Holds the room of the version that is shown; it is made when the panel is first opened. */
export class RoomPanel {
  constructor() {
    this.panel = byId("panel-room");
    this.room = null;
    new ResizeObserver(() => this.room?.resize()).observe(this.panel);
  }

  /** @param {object|null} data of the room; null if there is none */
  setData(data, isDark) {
    this.room?.dispose();
    this.room = null;
    this.data = data;
    this.isDark = isDark;
    this.canvas = element("canvas", { class: "room", tabindex: 0, role: "img", "aria-label": "Room in space with camera, ground and paths of the objects" });
    const none = element("p", {}, "This page has no room of this version: pages made by 'cssv view FILE' have one.");
    const hint = element("p", { class: "hint" }, "Drag to turn, wheel or pinch to come closer.");
    this.panel.replaceChildren(element("h2", {}, "Room"), ...(data ? [this.canvas, hint] : [none]));
  }

  show(state, timeS) {
    if (this.panel.hidden || !this.data) return;
    if (!this.room) {
      try {
        this.room = createRoom(this.canvas, this.data);
        this.room.setTheme(this.isDark);
        this.room.resize();
      } catch (error) {
        this.data = null;
        this.panel.replaceChildren(element("h2", {}, "Room"), element("p", {}, `The room cannot be drawn: ${error.message}`));
        return;
      }
    }
    this.room.show(timeS, state.selected);
  }

  setTheme(isDark) {
    this.isDark = isDark;
    this.room?.setTheme(isDark);
  }
}
