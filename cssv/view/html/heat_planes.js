/** The three planes of a frame in one array of bytes: where each of them lies. */

/**
 * The planes of a video's frames.
 *
 * A sample (x, y) of a plane is byte `offset + y * pitch + x * stride`. The sample of a chroma plane that
 * belongs to a pixel is at `x >> chromaShift`, `y >> chromaShift`.
 * @param {{width: number, height: number, layout: string}} video
 * @returns {{size: number, chromaShift: number, planes: {offset: number, pitch: number, stride: number}[]}}
 */
export function planesOf(video) {
  const { width, height } = video;
  if (video.layout === "rgb24") {
    const planes = [0, 1, 2].map((offset) => ({ offset, pitch: 3 * width, stride: 3 }));
    return { size: 3 * width * height, chromaShift: 0, planes };
  }
  const luma = width * height;
  const chroma = (width >> 1) * (height >> 1);
  return {
    size: luma + 2 * chroma,
    chromaShift: 1,
    planes: [
      { offset: 0, pitch: width, stride: 1 },
      { offset: luma, pitch: width >> 1, stride: 1 },
      { offset: luma + chroma, pitch: width >> 1, stride: 1 },
    ],
  };
}

/**
 * One plane of full size without gaps: the first one of a frame (Y or R) with number 0.
 * @param {Uint8Array} planes of the frame
 * @param {{width: number, height: number, layout: string}} video
 * @param {number} number of the plane in `rgb24`; of `yuv420p` it is always Y
 * @returns {Uint8Array}
 */
export function fullPlane(planes, video, number) {
  const pixels = video.width * video.height;
  if (video.layout !== "rgb24") return planes.subarray(0, pixels);
  const plane = new Uint8Array(pixels);
  for (let at = 0, from = number; at < pixels; at++, from += 3) plane[at] = planes[from];
  return plane;
}

/**
 * The brightness from which edges are computed: Y, or G of RGB planes.
 * @param {Uint8Array} planes of the frame
 * @param {{width: number, height: number, layout: string}} video
 * @returns {Uint8Array}
 */
export function brightnessOf(planes, video) {
  return fullPlane(planes, video, 1);
}
