// Rung 3: a <video> element; its pictures are converted by the browser, so that no pixel is exact.

/** Milliseconds after which a picture is taken as it is, because some browsers report none. */
const PATIENCE_MS = 400;

/** Shows frames by seeking in a video element. */
export class VideoSource {
  static title = "<video>: converted pixels, values of the scene track";

  /**
   * @param {object} version a ClipVersion
   * @param {object} file the ClipFile that it belongs to
   * @returns {Promise<{source: VideoSource|null, reason: string}>}
   */
  static async open(version, file) {
    const element = document.createElement("video");
    element.muted = true;
    element.playsInline = true;
    element.preload = "auto";
    const url = URL.createObjectURL(file.blobOf(version.row.number));
    const source = new VideoSource(version, element, url);
    const isReady = await new Promise((resolve) => {
      element.onloadeddata = () => resolve(true);
      element.onerror = () => resolve(false);
      element.src = url;
    });
    if (isReady) return { source, reason: "" };
    source.close();
    return { source: null, reason: "this browser does not play the file" };
  }

  constructor(version, element, url) {
    /** Whether the pixels are those of the file, and whether coded samples are read. */
    this.isExact = false;
    this.readsSamples = true;
    this.version = version;
    this.element = element;
    this.url = url;
    this.turn = Promise.resolve();
  }

  read(number) {
    const done = this.turn.then(() => this.#read(number));
    this.turn = done.catch(() => {});
    return done;
  }

  async #read(number) {
    const { video } = this.version;
    // The middle of a frame, so that no rounding of a browser leads to its neighbour.
    const time = (video.pts[number] + video.duration[number] / 2) / video.timescale;
    if (this.element.currentTime !== time) {
      const seeked = new Promise((resolve) => (this.element.onseeked = resolve));
      const shown = new Promise((resolve) => this.element.requestVideoFrameCallback?.(resolve));
      this.element.currentTime = time;
      await seeked;
      await Promise.race([shown, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    }
    return { planes: null, problem: null, image: this.element };
  }

  close() {
    this.element.removeAttribute("src");
    this.element.load();
    URL.revokeObjectURL(this.url);
  }
}
