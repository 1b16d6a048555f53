"""Overlays: time of drawing a frame, and pictures beside those of supervision.

``python benchmarks/overlay.py CLIP.cssv [CLIP.cssv ...] [--units km/h] [--frame N]
[--out FOLDER]``

Both draw boxes, labels with the same values, and trails of the same objects over the same frames. Only the
drawing counts, not the decoding; the time is the processor time of all threads. ``supervision`` is in the
extra ``bench``; without it only CSSV is measured.
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

import cssv
from cssv.pipeline.moment import Moment
from cssv.pipeline.overlay_memory import colour_of
from cssv.view.heat import to_rgb
from cssv.view.overlay_labels import label_text
from cssv.view.text import draw_text
from cssv.view.units import speed_unit

#: Height of the line above a picture, and of its letters.
_CAPTION, _LETTERS = 30, 17


class Rival:
    """The annotators of supervision: boxes, labels and traces, in the sizes that it recommends."""

    def __init__(self, size: tuple[int, int], rate: float, units: str | None) -> None:
        self._sv: Any = importlib.import_module("supervision")
        self._unit = None if units is None else speed_unit(units, has_ground=True)
        scale = self._sv.calculate_optimal_text_scale(size)
        thickness = self._sv.calculate_optimal_line_thickness(size)
        by_track = self._sv.ColorLookup.TRACK
        # As much of the path as ours shows.
        length = max(round(2 * rate), 2)
        position = self._sv.Position.BOTTOM_CENTER
        self._boxes = self._sv.BoxAnnotator(thickness=thickness, color_lookup=by_track)
        self._labels = self._sv.LabelAnnotator(
            text_scale=scale, text_thickness=thickness, color_lookup=by_track, smart_position=True
        )
        self._traces = self._sv.TraceAnnotator(
            thickness=thickness, trace_length=length, position=position, color_lookup=by_track
        )

    def draw(self, picture: np.ndarray, moment: Moment) -> np.ndarray:
        rows = moment.objects
        boxes = np.array([(r.x_px, r.y_px, r.x_px + r.w_px, r.y_px + r.h_px) for r in rows], np.float64)
        drawn = picture[..., ::-1].copy()
        if len(rows):
            found = self._sv.Detections(
                xyxy=boxes.reshape(-1, 4),
                class_id=np.zeros(len(rows), int),
                tracker_id=np.array([row.track for row in rows]),
            )
            texts = [" ".join(label_text(row, self._unit).levels()[0]) for row in rows]
            # Its letters are those of OpenCV, which has no such signs.
            texts = [text.replace("±", "+-").replace("°", " ").replace("³", "3") for text in texts]
            drawn = self._traces.annotate(drawn, found)
            drawn = self._boxes.annotate(drawn, found)
            drawn = self._labels.annotate(drawn, found, labels=texts)
        return drawn[..., ::-1]


def captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture under a line of text."""
    strip = np.full((_CAPTION, picture.shape[1], 3), 250, np.uint8)
    draw_text(strip, text, 6, 5, _LETTERS, (25, 25, 25))
    return np.concatenate((strip, picture))


def measure(path: Path, options: argparse.Namespace) -> None:
    with cssv.open(path) as clip:
        info = clip.info
        size = (info.width, info.height)
        shown = min(options.frame, len(clip) - 1)
        rival = None
        try:
            rival = Rival(size, float(clip.rate), options.units)
        except ImportError:
            print("supervision is not installed")
        ours_ms, theirs_ms, objects = [], [], []
        for number in range(min(len(clip), options.frames)):
            moment = clip[number]
            picture = to_rgb(moment.frame.planes, info.layout, colour_of(info))
            # Computed when they are first used; that belongs to decoding.
            objects.append(len(moment.objects))
            _ = moment.clean_heat
            start = time.process_time()
            ours = moment.draw_overlay(units=options.units, picture=picture)
            ours_ms.append(1000 * (time.process_time() - start))
            theirs = picture
            if rival is not None:
                start = time.process_time()
                theirs = rival.draw(picture, moment)
                theirs_ms.append(1000 * (time.process_time() - start))
            if number == shown and options.out is not None:
                pair = [captioned(ours, "cssv decode --overlay"), captioned(theirs, "supervision")]
                gap = np.full((pair[0].shape[0], 8, 3), 250, np.uint8)
                sheet = np.concatenate((pair[0], gap, pair[1]), axis=1)
                options.out.mkdir(parents=True, exist_ok=True)
                target = options.out / f"overlay_{path.stem}.png"
                cv2.imwrite(str(target), sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
                print(f"wrote {target}")
    row = f"| {path.stem} | {size[0]}x{size[1]} | {np.mean(objects):.1f} "
    row += f"| {median(ours_ms):.1f} | {np.percentile(ours_ms, 95):.1f} "
    print(row + (f"| {median(theirs_ms):.1f} |" if theirs_ms else "| |"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--units")
    parser.add_argument("--frames", type=int, default=150, help="frames that are drawn at most")
    parser.add_argument("--frame", type=int, default=60, help="the frame whose picture is written")
    parser.add_argument("--out", type=Path, help="folder for pictures side by side")
    options = parser.parse_args()
    print("| clip | size | objects a frame | CSSV, CPU ms a frame, median | 95th percentile | supervision |")
    print("|---|---|---|---|---|---|")
    for path in options.clips:
        measure(path, options)


if __name__ == "__main__":
    main()
