// The room in space, drawn by WebGL2: the ground with the picture, paths by speed, objects, the camera.

import { compilePrograms } from "./room_shaders.js";
import { Orbit, bindOrbit } from "./room_orbit.js";
import { RoomLabels } from "./room_labels.js";
import { cameraLines, ellipse, lineOf, pathLines, prism, viewLines } from "./room_shapes.js";
import { colourOf } from "./track_colours.js";

const LINE_FLOATS = 14;
const FACE_FLOATS = 10;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
/** Elevation of the first view. */
const ELEVATION = { ground: 0.6, upright: 0.22 };
/** Angle beside the direction of the camera. */
const TURN = { ground: 0.16, upright: -0.35 };
const LOOKS = {
  dark: { sky: [0.063, 0.075, 0.094], ground: [0.11, 0.13, 0.165], grid: [0.4, 0.46, 0.55], camera: [1, 0.72, 0.3], edge: [1, 1, 1], mark: [1, 0.5, 0.66] },
  light: { sky: [0.957, 0.961, 0.969], ground: [0.88, 0.895, 0.915], grid: [0.45, 0.5, 0.57], camera: [0.72, 0.32, 0], edge: [0.08, 0.1, 0.13], mark: [0.93, 0.08, 0.36] },
};
const WIDTHS = { path: 2.6, line: 1.2, edge: 1.1, mark: 2 };
const MOST_RATIO = 2;

/**
 * Draws a room.
 *
 * @param {HTMLCanvasElement} canvas in a parent of its own size
 * @param {object} data as `buildRoomData` gives it
 * @returns {{show: Function, setPicture: Function, setTheme: Function, resize: Function, dispose: Function}}
 *   `show(timeS, selectedTrack)`, `setPicture(image)`, `setTheme(isDark)`
 * @throws {Error} with a sentence for people if the browser has no WebGL2
 */
export function createRoom(canvas, data) {
  return new RoomView(canvas, data);
}

class RoomView {
  constructor(canvas, data) {
    const gl = canvas.getContext("webgl2", { antialias: true, alpha: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("this browser offers no WebGL2, which needs a graphics card or its replacement in software");
    Object.assign(this, { canvas, data, gl, isDark: false, timeS: 0, chosen: null, hasPicture: 0 });
    this.orbit = this.#firstView();
    this.programs = compilePrograms(gl);
    this.#makeBuffers();
    this.labels = new RoomLabels(canvas);
    this.unbind = bindOrbit(canvas, this.orbit, () => this.draw());
    this.resize();
  }

  #firstView() {
    const { points, camera, isUpright } = this.data;
    const eye = camera?.position;
    const middle = [0, 1, 2].map((i) => points.reduce((sum, point) => sum + point[i], 0) / points.length);
    this.middle = middle;
    const azimuth = eye ? Math.atan2(middle[0] - eye[0], middle[1] - eye[1]) : 0;
    // A camera beside the walked area is in view; from afar it would make everything else small.
    const range = [0, 1].map((i) => Math.max(...points.map((p) => p[i])) - Math.min(...points.map((p) => p[i])));
    const isNear = eye && Math.hypot(eye[0] - middle[0], eye[1] - middle[1]) < 3 * Math.hypot(...range, 1);
    this.shown = isNear ? [...points, eye] : points;
    const turned = azimuth + (isUpright ? TURN.upright : TURN.ground);
    return new Orbit(this.shown, { azimuth: turned, elevation: isUpright ? ELEVATION.upright : ELEVATION.ground, isUpright, watched: middle });
  }

  #makeBuffers() {
    const { gl, data } = this;
    const corners = new Float32Array([0, -1, 1, -1, 0, 1, 1, 1]);
    this.strip = this.#buffer(corners);
    this.square = this.#buffer(new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]));
    const paths = pathLines(data, this.orbit.reach);
    this.paths = this.#lines(this.#buffer(paths), paths.length / LINE_FLOATS);
    this.fixed = this.#lines(this.#buffer(new Float32Array()), 0);
    this.edges = this.#lines(this.#buffer(new Float32Array()), 0);
    this.marks = this.#lines(this.#buffer(new Float32Array()), 0);
    this.faces = { buffer: this.#buffer(new Float32Array()), count: 0, array: gl.createVertexArray() };
    gl.bindVertexArray(this.faces.array);
    this.#bindInputs(this.programs.faces, { at: [3, 0], normal: [3, 3], paint: [4, 6] }, FACE_FLOATS, 0);
    this.field = gl.createVertexArray();
    gl.bindVertexArray(this.field);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.square);
    this.#bindInputs(this.programs.ground, { corner: [2, 0] }, 2, 0);
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array([128, 128, 128, 255]));
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    const finer = gl.getExtension("EXT_texture_filter_anisotropic");
    if (finer) gl.texParameterf(gl.TEXTURE_2D, finer.TEXTURE_MAX_ANISOTROPY_EXT, 8);
  }

  #buffer(values) {
    const buffer = this.gl.createBuffer();
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, values, this.gl.DYNAMIC_DRAW);
    return buffer;
  }

  #lines(buffer, count) {
    const { gl, programs } = this;
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.strip);
    this.#bindInputs(programs.lines, { corner: [2, 0] }, 2, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    this.#bindInputs(programs.lines, { from: [3, 0], to: [3, 3], fromColour: [3, 6], toColour: [3, 9], tag: [2, 12] }, LINE_FLOATS, 1);
    return { buffer, count, array };
  }

  #bindInputs({ inputs }, parts, floats, divisor) {
    const { gl } = this;
    for (const [name, [size, offset]] of Object.entries(parts)) {
      if (!(name in inputs)) continue;
      gl.enableVertexAttribArray(inputs[name]);
      gl.vertexAttribPointer(inputs[name], size, gl.FLOAT, false, floats * 4, offset * 4);
      gl.vertexAttribDivisor(inputs[name], divisor);
    }
  }

  #fill(target, values, floats) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, target.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(values), gl.DYNAMIC_DRAW);
    target.count = values.length / floats;
  }

  get look() {
    return this.isDark ? LOOKS.dark : LOOKS.light;
  }

  /** Shows the objects at a time; `selected` is a track or null. */
  show(timeS, selected) {
    Object.assign(this, { timeS, chosen: selected });
    this.orbit.watched = this.#objects().find((object) => object.track === selected)?.at ?? this.middle;
    this.#fillObjects();
    this.draw();
  }

  /** Takes a picture for the ground: a canvas, an image or an ImageBitmap. */
  setPicture(image) {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    gl.generateMipmap(gl.TEXTURE_2D);
    this.hasPicture = 1;
  }

  setTheme(isDark) {
    this.isDark = isDark;
    this.#fillFixed();
    this.#fillObjects();
    this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const ratio = Math.min(MOST_RATIO, window.devicePixelRatio || 1);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.orbit.aspect = width / height;
    this.orbit.fit();
    this.labels.resize(width, height, ratio);
    this.setTheme(this.isDark);
  }

  dispose() {
    this.unbind();
    this.labels.dispose();
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  /** The frame that is shown at the time. */
  #objects() {
    const { times, frames } = this.data;
    let number = 0;
    while (number + 1 < times.length && times[number + 1] <= this.timeS + 1e-9) number += 1;
    return frames[number] ?? [];
  }

  #fillFixed() {
    const { camera, points } = this.data;
    if (!camera) return this.#fill(this.fixed, [], LINE_FLOATS);
    const { look } = this;
    const far = Math.max(...points.map((point) => Math.hypot(...point.map((value, i) => value - camera.position[i]))));
    const soft = look.camera.map((value, i) => (value + 2 * look.ground[i]) / 3);
    const lines = [...viewLines(camera, far, soft), ...cameraLines(camera, Math.min(far, this.orbit.reach) * 0.055, look.camera, soft)];
    return this.#fill(this.fixed, lines, LINE_FLOATS);
  }

  #fillObjects() {
    const { data, look, chosen } = this;
    const [faces, edges, marks] = [[], [], []];
    const eye = data.camera?.position;
    for (const object of this.#objects()) {
      const isChosen = object.track === chosen;
      const colour = rgbOf(colourOf(object.track, this.isDark));
      const alpha = isChosen ? 0.95 : chosen === null ? 0.8 : 0.35;
      const turn = eye ? -Math.atan2(object.at[0] - eye[0], object.at[1] - eye[1]) : 0;
      const shape = prism(object, data.isUpright, turn, colour, alpha, isChosen ? look.edge : colour.map((value) => value * 0.6));
      faces.push(...shape.faces);
      edges.push(...shape.edges);
      if (!object.ahead) continue;
      const tip = object.at.map((value, i) => value + object.ahead[i]);
      // What is chosen is seen through the objects before it.
      const lines = isChosen ? marks : edges;
      const tone = isChosen ? look.mark : colour;
      lines.push(...lineOf(object.at, tip, tone));
      if (!object.ellipse || !(isChosen || chosen === null)) continue;
      const spot = ellipse(tip, object.ellipse, tone, isChosen ? 0.45 : 0.25);
      faces.push(...spot.faces);
      lines.push(...spot.edges);
    }
    this.#fill(this.faces, faces, FACE_FLOATS);
    this.#fill(this.edges, edges, LINE_FLOATS);
    this.#fill(this.marks, marks, LINE_FLOATS);
  }

  /** Draws everything as it is now. */
  draw() {
    const { gl, canvas, look, orbit } = this;
    if (gl.isContextLost()) return;
    this.matrix = orbit.matrix();
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(...look.sky, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    this.#drawGround();
    gl.depthMask(false);
    this.#drawLines(this.paths, WIDTHS.path, 0.0004, 0.95);
    gl.depthMask(true);
    this.#drawFaces();
    this.#drawLines(this.edges, WIDTHS.edge, 0.0006, 1);
    this.#drawLines(this.fixed, WIDTHS.line, 0, 1);
    gl.disable(gl.DEPTH_TEST);
    this.#drawLines(this.marks, WIDTHS.mark, 0, 1);
    gl.bindVertexArray(null);
    this.#drawLabels();
  }

  get spacing() {
    const wanted = (this.data.isUpright ? this.data.size[0] / 1000 : this.orbit.distance) / 16;
    return STEPS.find((step) => step >= wanted) ?? STEPS.at(-1);
  }

  #drawGround() {
    const { gl, data, look } = this;
    const { program, uniforms } = this.programs.ground;
    gl.useProgram(program);
    gl.bindVertexArray(this.field);
    const field = this.#fieldOf();
    const scaled = Math.max(...data.back.flat().map(Math.abs));
    const back = [0, 1, 2].flatMap((column) => data.back.map((row) => row[column] / scaled));
    const { lens } = data;
    const bend = lens ? [...lens.centre, lens.kappa * lens.pixel[0] ** 2, lens.kappa * lens.pixel[1] ** 2] : [0, 0, 0, 0];
    gl.uniformMatrix4fv(uniforms.toScreen, false, this.matrix);
    gl.uniformMatrix3fv(uniforms.toPicture, false, new Float32Array(back));
    gl.uniform4fv(uniforms.field, field);
    gl.uniform4fv(uniforms.lens, bend);
    gl.uniform2fv(uniforms.size, data.size);
    gl.uniform1f(uniforms.isUpright, data.isUpright ? 1 : 0);
    gl.uniform1f(uniforms.hasPicture, this.hasPicture);
    gl.uniform1f(uniforms.spacing, this.spacing);
    gl.uniform3fv(uniforms.ground, look.ground);
    gl.uniform3fv(uniforms.gridColour, look.grid);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  /** Middle and half sides of the ground that is drawn. */
  #fieldOf() {
    const { data } = this;
    if (data.isUpright) return [0, data.size[1] / 2000, data.size[0] / 2000, data.size[1] / 2000];
    const range = [0, 1].map((i) => this.shown.map((point) => point[i]).reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]));
    const half = Math.max(...range.map(([low, high]) => (high - low) / 2), 0.5) * 1.9;
    return [...range.map(([low, high]) => (low + high) / 2), half, half];
  }

  #drawLines({ array, count }, width, lift, alpha) {
    const { gl, canvas } = this;
    if (!count) return;
    const { program, uniforms } = this.programs.lines;
    gl.useProgram(program);
    gl.bindVertexArray(array);
    gl.uniformMatrix4fv(uniforms.toScreen, false, this.matrix);
    gl.uniform2f(uniforms.pixel, 1 / canvas.width, 1 / canvas.height);
    gl.uniform1f(uniforms.width, width * Math.min(MOST_RATIO, window.devicePixelRatio || 1));
    gl.uniform1f(uniforms.now, this.timeS + 1e-6);
    gl.uniform1f(uniforms.chosen, this.chosen ?? -1);
    gl.uniform1f(uniforms.lift, lift);
    gl.uniform1f(uniforms.alpha, alpha);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
  }

  #drawFaces() {
    const { gl } = this;
    if (!this.faces.count) return;
    const { program, uniforms } = this.programs.faces;
    gl.useProgram(program);
    gl.bindVertexArray(this.faces.array);
    gl.uniformMatrix4fv(uniforms.toScreen, false, this.matrix);
    gl.uniform1f(uniforms.lift, 0.0003);
    gl.drawArrays(gl.TRIANGLES, 0, this.faces.count);
  }

  #drawLabels() {
    const { data, labels, isDark, chosen } = this;
    const titles = new Map(data.tracks.map(({ track, title }) => [track, title]));
    const found = this.#objects().map((object) => {
      const [x, y, z] = object.at;
      const spot = this.#onScreen([x, y, z + object.size[1]]);
      return spot && { text: titles.get(object.track) ?? "", x: spot[0], y: spot[1], colour: colourOf(object.track, isDark), isChosen: object.track === chosen };
    });
    const unit = data.isUpright ? `Grid: ${Math.round(this.spacing * 1000)} px` : `Grid: ${this.spacing} m`;
    labels.draw(found.filter(Boolean).sort((a, b) => b.isChosen - a.isChosen || b.y - a.y), { isDark, data, spacing: unit });
  }

  /** Pixels of the page of a place; null behind the eye. */
  #onScreen(point) {
    const m = this.matrix;
    const [x, y, , w] = [0, 1, 2, 3].map((row) => m[row] * point[0] + m[row + 4] * point[1] + m[row + 8] * point[2] + m[row + 12]);
    if (w <= 0) return null;
    return [((x / w + 1) / 2) * this.labels.width, ((1 - y / w) / 2) * this.labels.height];
  }
}

/** Colour of a text such as "rgb(12, 200, 90)" as three shares. */
function rgbOf(text) {
  return text.match(/[\d.]+/g).map((value) => Number(value) / 255);
}
