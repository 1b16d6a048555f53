/** Stand-in. */
export function heatToRgba(heat, video) {
  return new Uint8ClampedArray(4 * video.width * video.height);
}
