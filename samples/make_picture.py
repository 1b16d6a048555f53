"""Generate the pictures in ``docs/``.

``python samples/make_picture.py`` encodes the harbour sample. ``picture.png`` shows the frame at 2.4 s: the
cover, its stego frame and the hidden heat map, side by side. ``diff.png`` is the picture of ``cssv diff
--picture`` after a commit of ``scene2.json``. ``plots.png`` is that of ``cssv plot``, smaller.
``overlay.png`` is a frame of ``cssv decode --overlay`` over the original clip.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import cssv
from cssv.video import VideoReader
from cssv.view.heat import to_rgb
from cssv.view.text import draw_text

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs" / "picture.png"
DIFFERENCE = PICTURE.with_name("diff.png")
PLOT = PICTURE.with_name("plots.png")
OVERLAY = PICTURE.with_name("overlay.png")
NUMBER = 60
#: Width of the plot, pixels.
_PLOT_WIDTH = 1000
_GAP = 6
_CAPTION = 26


def captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture, enlarged by half, with a caption above."""
    large = cv2.resize(picture, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_AREA)
    sheet = np.full((large.shape[0] + _CAPTION, large.shape[1], 3), 255, np.uint8)
    sheet[_CAPTION:] = large
    draw_text(sheet, text, 2, 4, 15, (20, 20, 20))
    return sheet


def write_plot(stego: Path, output: Path) -> None:
    """Write the paths of the objects, with few enough pixels and colours for a page."""
    large = output.with_name("large.png")
    cssv.plot(stego, large, units="px/s", overwrite=True)
    with Image.open(large) as picture:
        size = (_PLOT_WIDTH, round(picture.height * _PLOT_WIDTH / picture.width))
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    large.unlink()
    # This method keeps rare colours, such as those of lines.
    few = small.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(output, optimize=True)


def main() -> None:
    """Encode the sample, read one frame, and write the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        stego = Path(folder) / "harbour.cssv"
        cssv.encode(HERE / "harbour.mp4", stego, scene=HERE / "scene.json", boxes=HERE / "boxes.txt")
        with VideoReader(HERE / "harbour.mp4") as reader:
            covers = [frame for frame in reader if frame.number <= NUMBER]
        cover = covers[NUMBER]
        with cssv.open(stego) as clip:
            moment = clip[NUMBER]
            pictures = [
                captioned(to_rgb(cover.planes, cover.layout), "the clip"),
                captioned(
                    to_rgb(moment.frame.planes, moment.frame.layout), "the .cssv, as any player shows it"
                ),
                captioned(moment.picture, "the heat map hidden in its pixels"),
            ]
            # A few frames before, so that labels have their places.
            for number in range(NUMBER - 25, NUMBER + 1):
                original = to_rgb(covers[number].planes, covers[number].layout)
                overlay = clip[number].draw_overlay(units="km/h", picture=original)
            large = cv2.resize(overlay, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
            cv2.imwrite(str(OVERLAY), large[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
        write_plot(stego, PLOT)
        cssv.commit(stego, HERE / "scene2.json", message="thermometer recalibrated")
        cssv.diff(stego, 1, 2, picture=DIFFERENCE, overwrite=True)
    gap = np.full((pictures[0].shape[0], _GAP, 3), 255, np.uint8)
    row = np.hstack([pictures[0], gap, pictures[1], gap, pictures[2]])
    PICTURE.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(PICTURE), row[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
