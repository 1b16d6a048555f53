// The eye of the room: it turns about a point, by pointers and keys.

const FIELD_RAD = (42 * Math.PI) / 180;
const ELEVATIONS = [0.02, Math.PI / 2 - 0.01];
const TURN_PER_PX = 0.006;
const KEY_TURN = Math.PI / 24;
const KEY_ZOOM = 1.2;
const WHEEL_ZOOM = 0.0015;
/** Nearest and farthest, as shares of the first distance. */
const REACH = [0.03, 6];
/** Halvings of the range in which the middle is looked for. */
const CENTRING_STEPS = 16;
/** Share of the way by which keys bring what is watched to the middle. */
const PULL = 0.3;
/** Places are looked for as far as so many distances. */
const FARTHEST = 4;
/** Space between what must be in view and the edge. */
const MARGIN = 0.82;
/** Share of the height by which everything is moved up, from the texts at the lower edge. */
const RAISED = 0.06;

/** An eye that looks at a point from a distance; z is up. */
export class Orbit {
  /**
   * @param {number[][]} points that the first view shows
   * @param {{azimuth: number, elevation: number, isUpright: boolean, watched: number[]}} view `watched`: the place to which keys zoom
   */
  constructor(points, { azimuth, elevation, isUpright, watched }) {
    Object.assign(this, { points, isUpright, watched });
    this.first = { azimuth, elevation };
    this.aspect = 1;
    this.reset();
  }

  /** Goes back to the first view. */
  reset() {
    Object.assign(this, this.first);
    const range = [0, 1, 2].map((i) => this.points.map((point) => point[i]));
    const [low, high] = [Math.min, Math.max].map((choose) => range.map((values) => values.reduce((a, b) => choose(a, b))));
    this.target = low.map((value, i) => (value + high[i]) / 2);
    this.reach = Math.max(0.01, Math.hypot(...low.map((value, i) => high[i] - value)));
    this.distance = this.reach;
    this.wasMoved = false;
    this.fit();
  }

  /** Takes the distance at which all points are in view, and centres them. */
  fit() {
    if (this.wasMoved) return;
    const { right, up, ahead } = this.axes();
    const seen = this.points.map((point) => [right, up, ahead].map((axis) => dot(point, axis)));
    const most = (read) => seen.reduce((found, point) => Math.max(found, read(point)), -Infinity);
    // The four sides of what is in view each touch their outermost point; the eye is then as near as it can be.
    const slope = Math.tan(FIELD_RAD / 2) * MARGIN;
    const sides = [slope * this.aspect, slope].map((each, i) => [1, -1].map((sign) => most((point) => sign * point[i] - each * point[2])));
    const depth = Math.min(...sides.map(([high, low], i) => -(high + low) / 2 / (i ? slope : slope * this.aspect)));
    const place = sides.map(([high, low], i) => {
      // Where a side has space to spare, what is seen comes to the middle.
      const each = i ? slope : slope * this.aspect;
      const free = -(high + low) / 2 - each * depth;
      const spread = (eye, choose) => seen.map((point) => (point[i] - eye) / (point[2] - depth)).reduce((a, b) => choose(a, b));
      let [from, to] = [(high - low) / 2 - free, (high - low) / 2 + free];
      for (let round = 0; round < CENTRING_STEPS; round += 1) {
        const eye = (from + to) / 2;
        if (spread(eye, Math.max) + spread(eye, Math.min) > 0) from = eye;
        else to = eye;
      }
      return (from + to) / 2;
    });
    const middle = seen.reduce((sum, point) => sum + point[2], 0) / seen.length;
    this.distance = Math.max(middle - depth, this.reach * 0.3);
    place[1] -= RAISED * slope * this.distance;
    this.target = [0, 1, 2].map((i) => place[0] * right[i] + place[1] * up[i] + (depth + this.distance) * ahead[i]);
    this.firstDistance = this.distance;
  }

  axes() {
    const [ca, sa, ce, se] = [Math.cos(this.azimuth), Math.sin(this.azimuth), Math.cos(this.elevation), Math.sin(this.elevation)];
    // The azimuth is the direction in which the eye looks, counted from +y to the right.
    const ahead = [sa * ce, ca * ce, -se];
    const right = [ca, -sa, 0];
    const up = [sa * se, ca * se, ce];
    return { ahead, right, up, eye: this.target.map((value, i) => value - ahead[i] * this.distance) };
  }

  /** The matrix from places to the screen, by columns. */
  matrix() {
    const { ahead, right, up, eye } = this.axes();
    const f = 1 / Math.tan(FIELD_RAD / 2);
    const near = this.distance * 0.02;
    const far = this.distance * 60;
    const depth = [(far + near) / (far - near), (-2 * far * near) / (far - near)];
    const rows = [
      [...right, -dot(right, eye)].map((value) => (value * f) / this.aspect),
      [...up, -dot(up, eye)].map((value) => value * f),
      [...ahead, -dot(ahead, eye)].map((value, i) => value * depth[0] + (i === 3 ? depth[1] : 0)),
      [...ahead, -dot(ahead, eye)],
    ];
    return new Float32Array([0, 1, 2, 3].flatMap((column) => rows.map((row) => row[column])));
  }

  turn(azimuth, elevation) {
    this.wasMoved = true;
    this.azimuth += azimuth;
    this.elevation = clamp(this.elevation + elevation, ELEVATIONS);
  }

  /** Comes nearer by a factor, to a place that stays where it is on the screen. */
  zoom(factor, place) {
    this.wasMoved = true;
    const before = this.distance;
    this.distance = clamp(before / factor, REACH.map((share) => share * this.firstDistance));
    this.#pull(place, 1 - this.distance / before);
  }

  /** Comes nearer by a factor, and brings what is watched towards the middle. */
  approach(factor) {
    this.zoom(factor, this.target);
    if (factor > 1) this.#pull(this.watched, PULL);
  }

  #pull(place, share) {
    this.target = this.target.map((value, i) => value + (place[i] - value) * share);
  }

  /** The place of the drawn plane at a point of the screen, -1 to 1 each; the target if there is none in reach. */
  placeAt(x, y) {
    const { right, up, ahead, eye } = this.axes();
    const slope = Math.tan(FIELD_RAD / 2);
    const ray = [0, 1, 2].map((i) => ahead[i] + slope * (x * this.aspect * right[i] + y * up[i]));
    const axis = this.isUpright ? 1 : 2;
    const reach = -eye[axis] / ray[axis];
    if (!(reach > 0 && reach < FARTHEST * this.distance)) return this.target;
    return eye.map((value, i) => value + reach * ray[i]);
  }

  /** Moves the point that is looked at, by shares of the picture's height. */
  shift(across, down) {
    this.wasMoved = true;
    const { right, up } = this.axes();
    const size = 2 * Math.tan(FIELD_RAD / 2) * this.distance;
    this.target = this.target.map((value, i) => value - size * (across * right[i] - down * up[i]));
  }
}

/** Lets pointers, wheel and keys on a canvas move the eye; returns a function that ends it. */
export function bindOrbit(canvas, orbit, onChange) {
  const ends = new AbortController();
  const listen = (name, action) => canvas.addEventListener(name, action, { signal: ends.signal, passive: false });
  const pointers = new Map();
  listen("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  for (const name of ["pointerup", "pointercancel"]) listen(name, (event) => pointers.delete(event.pointerId));
  listen("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const span = (point) => Math.max(1, Math.hypot(point[0] - other[0], point[1] - other[1]));
      const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
      orbit.zoom(span(now) / span(before), orbit.placeAt(...onScreen(canvas, middle)));
      orbit.shift(dx / 2 / canvas.clientHeight, dy / 2 / canvas.clientHeight);
    } else if (event.shiftKey || event.buttons === 2) orbit.shift(dx / canvas.clientHeight, dy / canvas.clientHeight);
    else orbit.turn(dx * TURN_PER_PX, dy * TURN_PER_PX);
    pointers.set(event.pointerId, now);
    onChange();
  });
  listen("contextmenu", (event) => event.preventDefault());
  listen("wheel", (event) => {
    event.preventDefault();
    const place = orbit.placeAt(...onScreen(canvas, [event.clientX, event.clientY]));
    orbit.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 20 : 1) * WHEEL_ZOOM), place);
    onChange();
  });
  listen("dblclick", () => {
    orbit.reset();
    onChange();
  });
  const keys = {
    ArrowLeft: () => orbit.turn(-KEY_TURN, 0),
    ArrowRight: () => orbit.turn(KEY_TURN, 0),
    ArrowUp: () => orbit.turn(0, KEY_TURN),
    ArrowDown: () => orbit.turn(0, -KEY_TURN),
    "+": () => orbit.approach(KEY_ZOOM),
    "=": () => orbit.approach(KEY_ZOOM),
    "-": () => orbit.approach(1 / KEY_ZOOM),
    0: () => orbit.reset(),
  };
  listen("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
    onChange();
  });
  return () => ends.abort();
}

/** A point of the page in shares of a canvas, -1 to 1 from left to right and from below. */
function onScreen(canvas, [x, y]) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  return [((x - left) / width) * 2 - 1, 1 - ((y - top) / height) * 2];
}

function clamp(value, [low, high]) {
  return Math.min(high, Math.max(low, value));
}

function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
