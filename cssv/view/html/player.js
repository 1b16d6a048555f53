// Playback: which frame belongs on the screen now, by the times of the file.

/** Rates of playback, as the keys step through them. */
export const RATES = [0.1, 0.25, 0.5, 1, 1.5, 2, 4, 8];

/** A clock that asks for frames; `show(number)` shows one and resolves when it is on the screen. */
export class Player {
  constructor(show, onState) {
    this.show = show;
    this.onState = onState;
    this.isPlaying = false;
    this.isLooping = false;
    this.rate = 1;
    this.isBusy = false;
    this.request = 0;
    /** Loops that are complete, and frames that were left out because the machine was too slow. */
    this.loops = 0;
    this.skipped = 0;
  }

  setVersion(version) {
    this.version = version;
  }

  /** Starts at a frame; from the last one at the first. */
  play(number) {
    if (this.isPlaying) return;
    this.isPlaying = true;
    const isAtEnd = number >= this.version.frames - 1;
    this.#setClock(this.version.timeOf(isAtEnd ? 0 : number));
    this.number = isAtEnd ? -1 : number;
    this.onState();
    this.request = requestAnimationFrame((now) => this.#tick(now));
  }

  pause() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    cancelAnimationFrame(this.request);
    this.onState();
  }

  /** Goes on from another frame. */
  moveTo(number) {
    this.number = number;
    this.#setClock(this.version.timeOf(number));
  }

  setRate(rate) {
    const time = this.isPlaying ? this.#timeAt(performance.now()) : 0;
    this.rate = rate;
    if (this.isPlaying) this.#setClock(time);
    this.onState();
  }

  #setClock(timeS) {
    this.startS = timeS;
    this.startedMs = performance.now();
  }

  #timeAt(nowMs) {
    return this.startS + (Math.max(0, nowMs - this.startedMs) / 1000) * this.rate;
  }

  #tick(nowMs) {
    if (!this.isPlaying) return;
    let time = this.#timeAt(nowMs);
    if (time >= this.version.endS) {
      if (!this.isLooping) {
        this.#finish();
        return;
      }
      this.loops += 1;
      time = this.version.timeOf(0);
      this.#setClock(time);
      this.number = -1;
    }
    const wanted = this.version.frameAt(time);
    if (wanted !== this.number && !this.isBusy) {
      this.skipped += Math.max(0, wanted - this.number - 1);
      this.number = wanted;
      this.isBusy = true;
      this.show(wanted).finally(() => (this.isBusy = false));
    }
    this.request = requestAnimationFrame((now) => this.#tick(now));
  }

  async #finish() {
    this.pause();
    await this.show(this.version.frames - 1);
  }
}
