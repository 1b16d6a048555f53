// Rung 1: frames decoded by WebCodecs, with the exact planes that the codec holds.

import { copyPlanes, planesSize } from "./plane_layout.js";

/** Bytes of decoded planes that are kept, so that steps back need no decoding. */
const CACHE_BYTES = 96e6;
const CACHE_FRAMES = 48;
/** Samples that are given to the decoder before the wanted frame must have come. */
const LEAD = 3;
const MOST_LEAD = 40;
/** Milliseconds without any output after which a decoder is taken to wait for more samples. */
const PATIENCE_MS = 60;
/** Stands for the time stamp of frame 1, so that a frame is found by its number whatever its time. */
const STAMP_US = 1000;

/** Decodes any frame of a version, from its key frame on. */
export class DecoderSource {
  static title = "WebCodecs: exact pixels";

  /**
   * @param {object} version a ClipVersion
   * @returns {Promise<{source: DecoderSource|null, reason: string}>} a reason where it cannot work
   */
  static async open(version) {
    if (typeof VideoDecoder === "undefined") return { source: null, reason: "this browser has no WebCodecs here" };
    if (!version.entry.codec) return { source: null, reason: `browsers do not decode ${version.facts.codec ?? "this codec"}` };
    const config = {
      codec: version.entry.codec,
      codedWidth: version.width,
      codedHeight: version.height,
      optimizeForLatency: true,
      hardwareAcceleration: "prefer-software",
    };
    if (version.entry.description) config.description = version.entry.description;
    try {
      if (!(await VideoDecoder.isConfigSupported(config)).supported) delete config.hardwareAcceleration;
      const { supported } = await VideoDecoder.isConfigSupported(config);
      if (!supported) return { source: null, reason: `WebCodecs of this browser does not decode ${config.codec}` };
    } catch (error) {
      return { source: null, reason: `WebCodecs refuses ${config.codec}: ${error.message}` };
    }
    const source = new DecoderSource(version, config);
    // A damaged first frame says nothing about the browser.
    const first = await source.read(0);
    if (source.isConverted) {
      source.close();
      return { source: null, reason: `WebCodecs of this browser gives ${source.format ?? "converted"} pictures, not the planes of the file` };
    }
    if (!first.planes && version.isSound(0)) {
      source.close();
      return { source: null, reason: `WebCodecs cannot decode the file: ${first.problem}` };
    }
    return { source, reason: "" };
  }

  constructor(version, config) {
    /** Whether the pixels are those of the file, and whether coded samples are read. */
    this.isExact = true;
    this.readsSamples = true;
    this.version = version;
    this.config = config;
    this.cache = new Map();
    this.capacity = Math.max(4, Math.min(CACHE_FRAMES, Math.floor(CACHE_BYTES / planesSize(version.layout, version.width, version.height))));
    this.turn = Promise.resolve();
    this.decoder = null;
    this.fed = 0;
    this.copies = Promise.resolve();
    this.wake = () => {};
    /** Key sample -> first frame that could not be decoded behind it, and why. */
    this.broken = new Map();
    this.isConverted = false;
    this.format = null;
  }

  /**
   * Reads a frame; reads take turns.
   *
   * @param {number} number of the frame
   * @returns {Promise<{planes: Uint8Array|null, problem: string|null}>}
   */
  read(number) {
    const done = this.turn.then(() => this.#read(number));
    this.turn = done.catch(() => {});
    return done;
  }

  close() {
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.decoder = null;
    this.cache.clear();
  }

  async #read(number) {
    if (!this.cache.has(number)) await this.#decode(number);
    const key = this.version.keyBefore(this.version.video.sampleOf[number]);
    if (!this.cache.has(number) && !this.broken.has(key)) {
      // No picture and no error: a new start, once.
      this.#stop();
      await this.#decode(number);
    }
    const planes = this.cache.get(number) ?? null;
    if (planes) {
      // The frames that were used last stay longest.
      this.cache.delete(number);
      this.cache.set(number, planes);
      return { planes, problem: null };
    }
    return { planes: null, problem: this.broken.get(key)?.reason ?? "the decoder gave no picture" };
  }

  async #decode(number) {
    const { video, frames } = this.version;
    const sample = video.sampleOf[number];
    const key = this.version.keyBefore(sample);
    const broken = this.broken.get(key);
    if (broken && number >= broken.frame) return;
    // Going on is cheaper than a new start, unless a key frame lies between or the frame has gone by.
    const isPending = sample >= this.first && !this.seen?.has(number);
    const isAhead = this.fed <= sample || isPending;
    const goesOn = this.decoder?.state === "configured" && this.fed >= key && isAhead;
    this.wanted = number;
    if (!goesOn) this.#start(key);
    let isFlushed = false;
    while (!this.cache.has(number) && !this.error) {
      const lead = this.fed - sample;
      if (lead <= LEAD && this.fed < frames) this.#feed();
      else if (await this.#hasNews()) continue;
      else if (this.fed < frames && lead < MOST_LEAD) this.#feed();
      else if (isFlushed) break;
      else isFlushed = await this.#flush();
    }
    if (this.error) {
      const reason = `cannot be decoded: ${this.error}`;
      const got = [...this.seen].filter((frame) => video.sampleOf[frame] >= key);
      this.broken.set(key, { frame: got.length ? Math.max(...got) + 1 : number, reason });
      this.#stop();
    }
  }

  #start(key) {
    this.#stop();
    this.error = null;
    this.seen = new Set();
    const decoder = new VideoDecoder({
      output: (frame) => this.#receive(frame, decoder),
      error: (error) => {
        if (decoder !== this.decoder) return;
        this.error = error.message;
        this.wake();
      },
    });
    decoder.ondequeue = () => this.wake();
    decoder.configure(this.config);
    this.decoder = decoder;
    this.first = key;
    this.fed = key;
  }

  #stop() {
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.decoder = null;
  }

  #feed() {
    const { video } = this.version;
    const [sample, frame] = [this.fed, video.frameOf[this.fed]];
    this.fed += 1;
    try {
      const type = video.isKey[sample] ? "key" : "delta";
      this.decoder.decode(new EncodedVideoChunk({ type, timestamp: frame * STAMP_US, data: this.version.videoSample(sample) }));
    } catch (error) {
      this.error = error.message;
    }
  }

  #receive(frame, decoder) {
    const number = Math.round(frame.timestamp / STAMP_US);
    this.seen?.add(number);
    // Frames far before the wanted one would only push others out.
    if (decoder !== this.decoder || number <= this.wanted - this.capacity / 2) {
      frame.close();
      this.wake();
      return;
    }
    this.format = frame.format;
    this.copies = this.copies
      .then(() => copyPlanes(frame, this.version))
      .then((planes) => {
        if (planes) this.#keep(number, planes);
        else this.isConverted = true;
      })
      .catch((error) => (this.error = error.message))
      .finally(() => {
        frame.close();
        this.wake();
      });
  }

  #keep(number, planes) {
    this.cache.delete(number);
    this.cache.set(number, planes);
    for (const oldest of this.cache.keys()) {
      if (this.cache.size <= this.capacity) break;
      if (oldest !== this.wanted) this.cache.delete(oldest);
    }
  }

  /** Waits for an output, or until the decoder takes the next sample; false if nothing comes. */
  #hasNews() {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(this.decoder !== null && this.decoder.decodeQueueSize > 0), PATIENCE_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  async #flush() {
    try {
      await this.decoder.flush();
      await this.copies;
    } catch (error) {
      this.error = this.error ?? error.message;
    }
    // After a flush a decoder takes a key frame only.
    if (!this.error) this.#stop();
    return true;
  }
}
