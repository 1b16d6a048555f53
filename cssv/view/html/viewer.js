// The viewer: opens a file, shows its frames, and keeps all panels at the same frame and object.

import { byId, element, setText } from "./dom_elements.js";
import { readBytes, readFacts } from "./embedded_data.js";
import { ClipFile } from "./clip_file.js";
import { FileError } from "./mp4_boxes.js";
import { openSource } from "./picture_source.js";
import { inflate } from "./planes_source.js";
import { CheckRecord } from "./check_record.js";
import { crc32 } from "./crc32.js";
import { createHeatReader } from "./heat_reader.js";
import { Stage } from "./stage.js";
import { drawOverlay } from "./overlay_drawing.js";
import { Timeline } from "./timeline.js";
import { ValueChart } from "./value_chart.js";
import { ObjectTable } from "./object_table.js";
import { VersionPanel, versionTitle } from "./version_panel.js";
import { GroundPanel } from "./ground_panel.js";
import { RoomPanel } from "./room_panel.js";
import { showFile } from "./file_panel.js";
import { Player, RATES } from "./player.js";
import { bindKeys } from "./key_bindings.js";
import { bindTabs } from "./panel_tabs.js";

/** Milliseconds between updates of the panels beside the picture during playback. */
const PANEL_PACE_MS = 120;
/** Objects that are charted before any is chosen. */
const CHARTED_AT_FIRST = 3;

class Viewer {
  constructor(facts) {
    this.facts = facts;
    this.state = { number: 0, selected: null, charted: new Set(), unit: facts.units[0], hasLabels: true, isDark: false, record: null };
    this.wanted = 0;
    this.showing = null;
    this.ground = new GroundPanel(() => this.drawOverlay());
    this.stage = new Stage(() => this.drawOverlay(), (x, y) => this.click(x, y));
    this.timeline = new Timeline((frame) => this.goTo(frame), (track) => this.select(track));
    this.chart = new ValueChart((frame) => this.goTo(frame));
    this.table = new ObjectTable((track) => this.select(track), (track, isOn) => this.setCharted(track, isOn));
    this.versions = new VersionPanel((number) => this.open(number));
    this.room = new RoomPanel(byId("picture"));
    this.player = new Player((number) => this.show(number), () => this.#showPlayback());
    this.#fillMenus();
    this.#bind();
    this.#watchTheme();
  }

  /** Takes a file, and shows a version of it. */
  async load(bytes, name, number, planes = null) {
    this.file = new ClipFile(bytes, name);
    this.planes = planes;
    byId("drop").hidden = true;
    byId("viewer").hidden = false;
    setText(byId("title"), name);
    document.title = name;
    const select = byId("version");
    select.replaceChildren(...this.file.versions.map((row) => element("option", { value: row.number }, versionTitle(row))));
    select.disabled = this.file.versions.length < 2;
    await this.open(number ?? this.file.index.playing);
  }

  /** Switches to a version; frame and object stay where they are. */
  async open(number) {
    this.player.pause();
    await this.showing;
    const version = this.file.version(number);
    const { source, rung, reasons } = await openSource(version, this.file, this.planes);
    this.source?.close();
    Object.assign(this, { version, source, rung, reasons });
    this.reader = createHeatReader(version.facts, version);
    this.state.record = new CheckRecord(version.frames);
    this.#keepChoices();
    this.player.setVersion(version);
    byId("frame").max = String(version.frames - 1);
    setText(byId("frames"), `of 0 to ${version.frames - 1}`);
    this.stage.setVideo(version);
    this.timeline.setVersion(version);
    this.table.setVersion(version);
    this.versions.setFile(this.file, number);
    this.room.setVersion(version, this.state.isDark);
    byId("version").value = String(number);
    for (const frame of version.isSealed ? [] : version.scene.damaged) this.state.record.note(frame, "its objects are damaged");
    showFile(this.file, version, {
      rung, reasons, heat: this.#heatText(), generator: this.facts.generator, onCheckAll: () => this.checkAll(),
    });
    this.#showFaults();
    this.wanted = -1;
    await this.show(Math.min(this.state.number, version.frames - 1));
  }

  #keepChoices() {
    const tracks = new Set(this.version.scene.tracks.map((track) => track.track));
    const kept = [...this.state.charted].filter((track) => tracks.has(track));
    this.state.charted = new Set(kept.length ? kept : [...tracks].slice(0, CHARTED_AT_FIRST));
    if (!tracks.has(this.state.selected)) this.state.selected = null;
    const hasGround = this.version.scene.frames.some((objects) => objects.some((object) => object.velocity_m_s));
    for (const option of byId("unit").options) {
      option.disabled = !hasGround && !this.facts.units[option.value].is_of_picture;
    }
    // Metres wherever the ground is known, unless another unit was chosen.
    const isUsable = hasGround || this.state.unit.is_of_picture;
    if (!this.hasChosenUnit || !isUsable) {
      this.state.unit = this.facts.units.find((unit) => unit.is_of_picture !== hasGround);
    }
    byId("unit").value = String(this.facts.units.indexOf(this.state.unit));
  }

  #heatText() {
    if (!this.version || !this.reader) return "";
    if (!this.reader.canRead) return `not read from the pixels: ${this.reader.reason}`;
    if (!this.source?.isExact) return "not read: the pictures of this way of reading are not exact";
    return `read from the pixels, carrier ${this.reader.name}`;
  }

  get readsHeat() {
    return this.reader.canRead && this.source.isExact;
  }

  /** Shows a frame; the last one that was asked for wins. Resolves when it is on the screen. */
  show(number) {
    this.wanted = number;
    if (!this.showing) {
      this.showing = this.#showWanted().finally(() => (this.showing = null));
    }
    return this.showing;
  }

  async #showWanted() {
    let done = null;
    while (done !== this.wanted) {
      done = this.wanted;
      const result = await this.source.read(done);
      this.#present(done, result);
      // The next frame is decoded while this one is looked at.
      if (this.player.isPlaying && done + 1 < this.version.frames) this.source.read(done + 1);
    }
  }

  #present(number, result) {
    this.state.number = number;
    const crc = this.check(number, result);
    this.stage.drawPicture(result);
    this.stage.setNote(result.planes || result.image ? "" : `Frame ${number} ${result.problem}`);
    this.shown = result;
    this.#drawHeat();
    this.drawOverlay();
    this.#showClock();
    const now = performance.now();
    if (!this.player.isPlaying || now - (this.panelsMs ?? 0) > PANEL_PACE_MS) this.update();
    this.room.show(this.state, this.version.timeOf(number), this.player.isPlaying);
    // For programs that look at the page: which frame it shows, and the checksum of its planes.
    Object.assign(byId("stage").dataset, { frame: String(number), crc: crc === null ? "" : String(crc) });
  }

  #drawHeat() {
    const isWanted = this.stage.mix > 0 && this.readsHeat && this.shown?.planes;
    const found = isWanted ? this.reader.read(this.shown.planes, this.state.number) : null;
    this.stage.drawHeat(found?.heat ?? null);
    const chip = byId("heat-state");
    const states = {
      absent: ["Heat map: not from the pixels", "warn"],
      sound: ["Heat map: read from the pixels", "good"],
      damaged: ["Heat map: damaged in this frame", "bad"],
    };
    const [text, look] = states[this.readsHeat ? (found?.damage ? "damaged" : "sound") : "absent"];
    setText(chip, text);
    chip.className = `chip ${look}`;
    chip.title = found?.damage || this.#heatText();
  }

  /** Compares a frame with the checksums of the index. */
  check(number, result) {
    const { version } = this;
    const { record } = this.state;
    let reason = null;
    if (this.source.readsSamples && !version.isSound(number)) reason = "its coded bytes are damaged";
    if (!result.planes && !result.image && !this.source.isEmpty) reason = reason ?? result.problem;
    const crc = result.planes ? crc32(result.planes) : null;
    const isChecked = crc !== null && version.hasPlaneChecks;
    if (isChecked && crc !== version.crcs.planes[number]) reason = reason ?? "its pixels differ from their checksum";
    if (!reason && version.scene.damaged.includes(number) && !version.isSealed) reason = "its objects are damaged";
    if (isChecked || reason) record.note(number, reason);
    const fault = record.faults.size;
    if (fault !== this.faultCount) this.#showFaults();
    return crc;
  }

  #showFaults() {
    const runs = this.state.record.faultRuns();
    this.faultCount = this.state.record.faults.size;
    const node = byId("faults");
    node.hidden = !runs.length;
    node.replaceChildren();
    if (!runs.length) return;
    const items = runs.map(({ first, last, reason }) => element("li", {}, first === last ? `Frame ${first}: ${reason}` : `Frames ${first} to ${last}: ${reason}`));
    node.replaceChildren("The file is damaged; all other frames are shown as they are.", element("ul", {}, ...items));
  }

  #showChecks() {
    const { record } = this.state;
    const chip = byId("checks");
    const [checked, faulty] = [record.checked, record.faults.size];
    chip.dataset.checked = String(checked);
    chip.dataset.faulty = String(faulty);
    if (faulty) setText(chip, `Checksums: ${faulty} of ${checked} frames wrong`);
    else if (!this.version.hasPlaneChecks) setText(chip, "No checksums of pixels: the codec is lossy");
    else if (!this.source.isExact) setText(chip, "Pixels not checked: not exact here");
    else setText(chip, checked === this.version.frames ? `Checksums: all ${checked} frames right` : `Checksums: ${checked} of ${this.version.frames} frames, all right`);
    const isGood = checked > 0 && !faulty;
    chip.className = `chip ${faulty ? "bad" : isGood ? "good" : "warn"}`;
  }

  /** Reads and checks every frame, then comes back to the one that is shown. */
  async checkAll() {
    this.player.pause();
    const { version, source } = this;
    const result = byId("check-result");
    for (let number = 0; number < version.frames && source === this.source; number += 1) {
      this.check(number, await source.read(number));
      if (number % 10 === 0) {
        result.textContent = `${number} of ${version.frames}`;
        this.#showChecks();
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
    const faulty = this.state.record.faults.size;
    const sound = version.hasPlaneChecks && source.isExact ? "all frames are as written" : "all coded bytes are as written";
    result.textContent = faulty ? `${faulty} ${faulty === 1 ? "frame is" : "frames are"} not as written` : sound;
    this.update();
  }

  /** Updates everything beside the picture. */
  update() {
    this.panelsMs = performance.now();
    this.timeline.show(this.state);
    this.table.show(this.state);
    this.chart.show(this.version, this.state);
    this.#showChecks();
    const chip = byId("rung");
    setText(chip, this.rung);
    chip.title = this.reasons.join("; ");
    chip.className = `chip ${this.source.isExact ? "good" : "warn"}`;
  }

  #showClock() {
    const { number } = this.state;
    const time = this.version.timeOf(number).toFixed(3);
    setText(byId("clock"), `${time} s`);
    // A number that is being typed stays.
    if (document.activeElement !== byId("frame") || this.player.isPlaying) byId("frame").value = String(number);
    const objects = this.version.scene.frames[number].length;
    byId("stage").setAttribute("aria-label", `Frame ${number} at ${time} s, ${objects} objects`);
  }

  #showPlayback() {
    const { isPlaying, rate, isLooping } = this.player;
    byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    byId("play-shape").setAttribute("d", isPlaying ? "M3 1h4v14H3zM9 1h4v14H9z" : "M3 1v14l11-7z");
    byId("speed").value = String(rate);
    byId("loop").checked = isLooping;
    if (!isPlaying && this.version && this.state.record) this.update();
  }

  drawOverlay() {
    if (!this.version || !this.stage.width) return;
    const object = this.version.scene.frames[this.state.number].find((each) => each.track === this.state.selected);
    if (object && this.followed !== this.state.number) {
      this.followed = this.state.number;
      const [x, y, w, h] = object.box_px;
      this.stage.follow(x + w / 2, y + h / 2);
    }
    drawOverlay(this.stage, this.version, this.state);
    this.ground.draw(this.stage);
  }

  /** Goes to a frame by hand. */
  goTo(number) {
    const bounded = Math.min(this.version.frames - 1, Math.max(0, number));
    if (this.player.isPlaying) this.player.moveTo(bounded);
    return this.show(bounded);
  }

  click(x, y) {
    if (this.ground.isOn) {
      this.ground.add(x, y);
      return;
    }
    const inside = this.version.scene.frames[this.state.number].filter(({ box_px: [left, top, w, h] }) => x >= left && y >= top && x <= left + w && y <= top + h);
    const smallest = inside.sort((a, b) => a.box_px[2] * a.box_px[3] - b.box_px[2] * b.box_px[3])[0];
    this.select(smallest ? smallest.track : null);
  }

  /** Chooses an object to follow; null for none. Where it is not in sight, goes to its first frame. */
  select(track) {
    this.state.selected = track;
    this.followed = null;
    if (track !== null) {
      this.state.charted.add(track);
      const { spans } = this.version.scene.tracks.find((each) => each.track === track);
      const isShown = spans.some(([first, last]) => first <= this.state.number && this.state.number <= last);
      if (!isShown) this.goTo(spans[0][0]);
      this.timeline.reveal(track);
      this.table.reveal(track);
    }
    this.drawOverlay();
    this.update();
    this.room.show(this.state, this.version.timeOf(this.state.number));
  }

  setCharted(track, isCharted) {
    if (isCharted) this.state.charted.add(track);
    else this.state.charted.delete(track);
    this.update();
  }

  setMix(value) {
    byId("mix").value = String(value);
    byId("mix").setAttribute("aria-valuetext", value < 25 ? "picture" : value > 75 ? "heat map" : "overlay");
    for (const button of document.querySelectorAll("[data-mix]")) {
      button.classList.toggle("chosen", Math.abs(Number(button.dataset.mix) - value) < 25);
    }
    const needsHeat = this.stage.mix === 0 && value > 0;
    this.stage.setMix(value);
    if (needsHeat && this.version) this.#drawHeat();
  }

  #fillMenus() {
    byId("unit").append(...this.facts.units.map((unit, i) => element("option", { value: i }, unit.name)));
    byId("speed").append(...RATES.map((rate) => element("option", { value: rate }, `${rate}×`)));
    byId("speed").value = "1";
    this.setMix(50);
  }

  #bind() {
    const toggle = () => (this.player.isPlaying ? this.player.pause() : this.player.play(this.state.number));
    const step = (frames) => {
      this.player.pause();
      this.goTo((this.showing ? this.wanted : this.state.number) + frames);
    };
    const clicks = { "to-start": () => this.goTo(0), "step-back": () => step(-1), play: toggle, "step-on": () => step(1), "to-end": () => this.goTo(this.version.frames - 1) };
    for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);
    const setLoop = (isLooping) => {
      this.player.isLooping = isLooping;
      this.#showPlayback();
    };
    const setLabels = (hasLabels) => {
      this.state.hasLabels = hasLabels;
      byId("labels").checked = hasLabels;
      this.drawOverlay();
    };
    byId("version").addEventListener("change", (event) => this.open(Number(event.target.value)).catch(showError));
    byId("unit").addEventListener("change", (event) => {
      this.hasChosenUnit = true;
      this.state.unit = this.facts.units[event.target.value];
      this.drawOverlay();
      this.update();
    });
    byId("frame").addEventListener("change", (event) => {
      this.player.pause();
      this.goTo(Math.round(Number(event.target.value)) || 0);
    });
    byId("speed").addEventListener("change", (event) => this.player.setRate(Number(event.target.value)));
    byId("loop").addEventListener("change", (event) => setLoop(event.target.checked));
    byId("labels").addEventListener("change", (event) => setLabels(event.target.checked));
    byId("mix").addEventListener("input", (event) => this.setMix(Number(event.target.value)));
    for (const button of document.querySelectorAll("[data-mix]")) button.addEventListener("click", () => this.setMix(Number(button.dataset.mix)));
    this.showTab = bindTabs((name) => {
      this.ground.isOn = name === "ground";
      this.stage.node.classList.toggle("pointing", this.ground.isOn);
      this.drawOverlay();
      if (this.version) this.room.show(this.state, this.version.timeOf(this.state.number));
    });
    const rate = (steps) => this.player.setRate(RATES[Math.min(RATES.length - 1, Math.max(0, RATES.indexOf(this.player.rate) + steps))]);
    const seek = (seconds) => this.goTo(this.version.frameAt(Math.max(this.version.timeOf(0), this.version.timeOf(this.state.number) + seconds)));
    const actions = {
      toggle, step, seek, rate,
      goTo: (place) => this.goTo(place === "start" ? 0 : this.version.frames - 1),
      normalRate: () => this.player.setRate(1),
      loop: () => setLoop(!this.player.isLooping),
      zoom: (factor) => (factor ? this.stage.zoomBy(factor) : this.stage.reset()),
      mix: (value) => this.setMix(value),
      labels: () => setLabels(!this.state.hasLabels),
      clear: () => this.select(null),
    };
    const guarded = Object.entries(actions).map(([name, action]) => [name, (...values) => this.version && action(...values)]);
    bindKeys(Object.fromEntries(guarded));
  }

  #watchTheme() {
    const query = window.matchMedia("(prefers-color-scheme: dark)");
    const follow = () => {
      this.state.isDark = query.matches;
      this.room.setTheme(query.matches);
      if (this.version && this.state.record) this.update();
    };
    query.addEventListener("change", follow);
    follow();
  }
}

/** Shows an error of a file instead of a picture. */
function showError(error) {
  const node = byId("faults");
  node.hidden = false;
  node.replaceChildren(error instanceof FileError ? `The file cannot be shown: ${error.message}.` : `The page failed: ${error.message}`);
  document.documentElement.dataset.state = "failed";
  if (!(error instanceof FileError)) throw error;
}

function takeFiles(viewer) {
  const drop = byId("drop");
  drop.hidden = false;
  const take = async (file) => {
    if (!file) return;
    byId("faults").hidden = true;
    try {
      await viewer.load(new Uint8Array(await file.arrayBuffer()), file.name, null);
      document.documentElement.dataset.state = "ready";
    } catch (error) {
      showError(error);
    }
  };
  byId("file").addEventListener("change", (event) => take(event.target.files[0]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
}

async function start() {
  const facts = readFacts();
  const viewer = new Viewer(facts);
  let bytes = readBytes("clip");
  if (!bytes) {
    takeFiles(viewer);
    document.documentElement.dataset.state = "empty";
    return;
  }
  const planes = facts.planes && { ...facts.planes, bytes: readBytes("planes") };
  if (planes) bytes = await inflate(bytes);
  await viewer.load(bytes, facts.title, facts.version, planes);
  document.documentElement.dataset.state = "ready";
  document.documentElement.dataset.readyMs = String(Math.round(performance.now()));
}

start().catch(showError);
