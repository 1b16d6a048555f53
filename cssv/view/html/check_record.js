// What is known of each frame of a version: pictures that equal their checksum, and those that do not.

export const UNKNOWN = 0;
export const SOUND = 1;
export const FAULTY = 2;

/** States of the frames of one version. */
export class CheckRecord {
  constructor(frames) {
    this.states = new Uint8Array(frames);
    this.faults = new Map();
    this.checked = 0;
  }

  /** Notes a frame as it was found; a reason means that something is wrong. */
  note(frame, reason) {
    if (this.states[frame] === UNKNOWN) this.checked += 1;
    this.states[frame] = reason ? FAULTY : SOUND;
    if (reason) this.faults.set(frame, reason);
    else this.faults.delete(frame);
  }

  /** Runs of frames with the same fault: first, last, reason; ascending. */
  faultRuns() {
    const runs = [];
    for (const frame of [...this.faults.keys()].sort((a, b) => a - b)) {
      const [last, reason] = [runs.at(-1), this.faults.get(frame)];
      if (last && last.last === frame - 1 && last.reason === reason) last.last = frame;
      else runs.push({ first: frame, last: frame, reason });
    }
    return runs;
  }
}

/** Runs of frames for which a test holds, as texts such as "3 to 7". */
export function runTexts(frames, holds) {
  const runs = [];
  for (let frame = 0; frame < frames; frame += 1) {
    if (!holds(frame)) continue;
    if (runs.length && runs.at(-1)[1] === frame - 1) runs.at(-1)[1] = frame;
    else runs.push([frame, frame]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`));
}
