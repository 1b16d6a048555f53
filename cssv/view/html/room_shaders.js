// Programs of the graphics card for the room: the ground with the picture, wide lines, and prisms.

/** The ground: the picture where the camera sees it, and a grid. */
const GROUND = {
  vertex: `#version 300 es
    uniform mat4 toScreen;
    uniform vec4 field;  // middle x, y and half sides
    uniform float isUpright;
    in vec2 corner;
    out vec2 place;
    void main() {
      place = field.xy + corner * field.zw;
      vec3 at = isUpright > 0.5 ? vec3(place.x, 0.0, place.y) : vec3(place, 0.0);
      gl_Position = toScreen * vec4(at, 1.0);
    }`,
  fragment: `#version 300 es
    precision highp float;
    uniform sampler2D picture;
    uniform mat3 toPicture;
    uniform vec2 size;
    uniform vec4 lens;  // centre, kappa * pixel² in x and y
    uniform vec4 field;
    uniform float hasPicture, spacing, isUpright;
    uniform vec3 ground, gridColour;
    in vec2 place;
    out vec4 colour;

    // The lens moves points away from where straight lines would put them: solve r (1 + k r²) = t.
    vec2 bend(vec2 straight) {
      vec2 away = straight - lens.xy;
      float t = dot(away * away, lens.zw);
      float share = 1.0;
      for (int i = 0; i < 8; i++) share -= (share * (1.0 + t * share * share) - 1.0) / (1.0 + 3.0 * t * share * share);
      return lens.xy + away * share;
    }

    float gridAt(float step) {
      vec2 cell = place / step;
      vec2 width = max(fwidth(cell), 1e-6);
      vec2 near = abs(fract(cell - 0.5) - 0.5) / width;
      // Lines that are closer than a few pixels fade into one tone.
      vec2 line = (1.0 - clamp(near - 0.2, 0.0, 1.0)) * clamp(0.35 / width - 0.6, 0.0, 1.0);
      return max(line.x, line.y);
    }

    void main() {
      vec2 away = abs(place - field.xy) / field.zw;
      float rim = isUpright > 0.5 ? 1.0 : 1.0 - smoothstep(0.6, 1.0, length(away));
      vec3 raw = toPicture * vec3(place, 1.0);
      vec2 spot = bend(raw.xy / raw.z) / size;
      vec2 blur = fwidth(spot);
      vec3 seen = texture(picture, spot).rgb;
      bool isSeen = raw.z > 0.0 && all(greaterThanEqual(spot, vec2(0.0))) && all(lessThanEqual(spot, vec2(1.0)));
      float share = isSeen ? hasPicture * (1.0 - smoothstep(0.02, 0.12, max(blur.x, blur.y))) : 0.0;
      vec3 base = mix(ground, seen, share * mix(0.82, 1.0, isUpright));
      float line = max(0.45 * gridAt(spacing), 0.85 * gridAt(spacing * 5.0));
      base = mix(base, mix(gridColour, vec3(1.0), share * 0.75), line * mix(0.8, 0.22, share));
      colour = vec4(base, 1.0) * rim;
    }`,
};

/** Wide lines, one for each instance; the ends of a path know their time and track. */
const LINES = {
  vertex: `#version 300 es
    uniform mat4 toScreen;
    uniform vec2 pixel;  // size of a pixel on the screen, -1 to 1
    uniform float width, now, chosen, lift;
    in vec2 corner;
    in vec3 from, to, fromColour, toColour;
    in vec2 tag;  // time and track; below 0 for lines without
    out vec4 tone;
    void main() {
      vec4 a = toScreen * vec4(from, 1.0), b = toScreen * vec4(to, 1.0);
      // An end behind the eye moves along the line to just before it.
      float least = 1e-3;
      if (a.w < least && b.w < least) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); return; }
      if (a.w < least) a = mix(b, a, (b.w - least) / (b.w - a.w));
      if (b.w < least) b = mix(a, b, (a.w - least) / (a.w - b.w));
      vec2 way = (b.xy / b.w - a.xy / a.w) / pixel;
      way = length(way) > 1e-4 ? normalize(way) : vec2(1.0, 0.0);
      bool isChosen = tag.y >= 0.0 && abs(tag.y - chosen) < 0.5;
      float wide = width * (isChosen ? 1.7 : 1.0) + 1.0;
      vec4 at = corner.x < 0.5 ? a : b;
      float strength = tag.y < 0.0 ? 1.0 : (tag.x > now ? 0.3 : 1.0) * (chosen >= 0.0 && !isChosen ? 0.4 : 1.0);
      // Opaque lines overlap a little at bends; where pale ones did, they would be darker.
      float over = strength > 0.9 ? 0.3 : 0.0;
      vec2 off = (vec2(-way.y, way.x) * corner.y + way * (corner.x * 2.0 - 1.0) * over) * wide * pixel;
      gl_Position = at + vec4(off * at.w, -lift * at.w, 0.0);
      tone = vec4(corner.x < 0.5 ? fromColour : toColour, strength);
    }`,
  fragment: `#version 300 es
    precision highp float;
    uniform float alpha;
    in vec4 tone;
    out vec4 colour;
    void main() {
      colour = vec4(tone.rgb, 1.0) * tone.a * alpha;
    }`,
};

/** Faces of prisms and discs, with one light. */
const FACES = {
  vertex: `#version 300 es
    uniform mat4 toScreen;
    uniform float lift;
    in vec3 at, normal;
    in vec4 paint;
    out vec4 tone;
    void main() {
      gl_Position = toScreen * vec4(at, 1.0);
      gl_Position.z -= lift * gl_Position.w;
      float light = 0.72 + 0.28 * dot(normal, normalize(vec3(-0.4, -0.6, 0.8)));
      tone = vec4(paint.rgb * light, 1.0) * paint.a;
    }`,
  fragment: `#version 300 es
    precision highp float;
    in vec4 tone;
    out vec4 colour;
    void main() { colour = tone; }`,
};

/** Compiles all programs: each with its places of uniforms and attributes by name. */
export function compilePrograms(gl) {
  return { ground: compile(gl, GROUND), lines: compile(gl, LINES), faces: compile(gl, FACES) };
}

function compile(gl, { vertex, fragment }) {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) throw new Error(`the graphics card refuses a program: ${gl.getShaderInfoLog(shader)}`);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(`the graphics card refuses a program: ${gl.getProgramInfoLog(program)}`);
  const names = (count, read) => Array.from({ length: gl.getProgramParameter(program, count) }, (_, i) => read.call(gl, program, i).name);
  const uniforms = Object.fromEntries(names(gl.ACTIVE_UNIFORMS, gl.getActiveUniform).map((name) => [name, gl.getUniformLocation(program, name)]));
  const inputs = Object.fromEntries(names(gl.ACTIVE_ATTRIBUTES, gl.getActiveAttrib).map((name) => [name, gl.getAttribLocation(program, name)]));
  return { program, uniforms, inputs };
}
