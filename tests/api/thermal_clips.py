"""Clips beside a thermal camera: what it sees, its files, and what comes out."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

import cssv
from cssv.errors import ThermalError

WARM, COLD, GROUND = 36.5, 4.0, 18.0
SIZE = (100, 84)
#: Thermal pixels to clip pixels, with some perspective.
HOMOGRAPHY = [[2.1, 0.05, -8], [0.02, 2.2, -6], [1e-4, 2e-4, 1]]
COUNTS = {"scale": 0.01, "offset_c": -273.15}
PLACED = {"cssv_scene": 1, "thermal": {"homography": HOMOGRAPHY, **COUNTS}}


def seen(boxes, temperatures, homography=HOMOGRAPHY, size=SIZE):
    """(H, W) degrees Celsius: what a camera so placed sees of boxes on the ground."""
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    u, v, w = np.array(homography) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    u, v = (u / w).reshape(x.shape), (v / w).reshape(x.shape)
    celsius = np.full(x.shape, GROUND)
    for (left, top, width, height), value in zip(boxes, temperatures, strict=True):
        celsius[(u >= left) & (u < left + width) & (v >= top) & (v < top + height)] = value
    return celsius


def as_counts(celsius):
    return np.rint((celsius + 273.15) * 100).astype(np.uint16)


def write_video(path, pictures, rate=25):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "gray16le"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(as_counts(picture), format="gray16le")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_folder(path, pictures):
    path.mkdir()
    for number, picture in enumerate(pictures):
        (path / f"{number}.png").write_bytes(cv2.imencode(".png", as_counts(picture))[1].tobytes())
    return path


def encode(clips, path, scene, thermal, **options):
    boxes = {"boxes": clips / "boxes.txt"} if "detector" not in options else {}
    return cssv.encode(
        clips / "clip.mkv", path, scene=scene, thermal=thermal, created_s=0, **boxes, **options
    )


def rows_by_track(path):
    found = {}
    with cssv.open(path) as clip:
        for moment in clip:
            for row in moment.objects:
                found.setdefault(row.track, []).append(row.temperature_c)
    return found


def refused(clips, tmp_path, scene, thermal, **options):
    with pytest.raises(ThermalError) as caught:
        encode(clips, tmp_path / "no.cssv", scene, thermal, **options)
    assert not (tmp_path / "no.cssv").exists()
    return str(caught.value)


def thermal_scene(**thermal):
    return {"cssv_scene": 1, "thermal": {**PLACED["thermal"], **thermal}}
