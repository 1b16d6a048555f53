// The room in space: camera, ground, paths and objects, moving with the timeline.

import { byId, element } from "./dom_elements.js";
import { buildRoomData } from "./room_data.js";
import { createRoom } from "./room_view.js";

/** Milliseconds between pictures on the ground during playback. */
const PICTURE_PACE_MS = 200;

/** Holds the room of the version that is shown; it is made when the panel is first opened. */
export class RoomPanel {
  /** @param {HTMLCanvasElement} picture what lies on the ground */
  constructor(picture) {
    this.panel = byId("panel-room");
    this.picture = picture;
    this.room = null;
    new ResizeObserver(() => this.room?.resize()).observe(this.panel);
  }

  /** Takes a version, as the page opened it. */
  setVersion(version, isDark) {
    this.room?.dispose();
    Object.assign(this, { room: null, version, isDark, problem: "" });
    if (version.isSealed) this.#tell("The objects of this file need its password, so that there is no room to show.");
    else this.panel.replaceChildren();
  }

  #tell(problem) {
    this.problem = problem;
    this.panel.replaceChildren(element("h2", {}, "Room"), element("p", {}, problem));
  }

  #make() {
    const { scene } = this.version;
    const data = buildRoomData(scene.scene, scene.frames, scene.tracks, (frame) => this.version.timeOf(frame), this.version);
    const name = "Room in space with camera, ground and paths of the objects; arrow keys turn it, plus and minus zoom, 0 resets";
    const canvas = element("canvas", { class: "room", tabindex: 0, role: "img", "aria-label": name });
    const notes = [data.isGround ? "" : "The camera is not known: the room is the picture itself, standing upright, in pixels."];
    if (data.lost) notes.push(`${data.lost} boxes have no certain place on the ground (cut off by the edge, or near the horizon) and are left out.`);
    notes.push("Lines are paths, coloured by speed. An object's line ends where it will be in one second; the ellipse there is one standard deviation.");
    notes.push("Drag or arrow keys turn, wheel, pinch or + and - zoom, Shift and drag moves, double click or 0 resets.");
    const texts = notes.filter(Boolean).map((note) => element("p", { class: "hint" }, note));
    this.panel.replaceChildren(element("h2", {}, "Room"), element("div", { class: "room-frame" }, canvas), ...texts);
    this.room = createRoom(canvas, data);
    this.room.setTheme(this.isDark);
  }

  /** Shows a moment. */
  show(state, timeS, isPlaying = false) {
    if (this.panel.hidden || !this.version || this.problem) return;
    try {
      if (!this.room) this.#make();
    } catch (error) {
      this.#tell(`The room cannot be drawn: ${error.message}.`);
      return;
    }
    const now = performance.now();
    if (!isPlaying || now - (this.pictureMs ?? 0) > PICTURE_PACE_MS) {
      this.pictureMs = now;
      this.room.setPicture(this.picture);
    }
    this.room.show(timeS, state.selected);
  }

  setTheme(isDark) {
    this.isDark = isDark;
    this.room?.setTheme(isDark);
  }
}
