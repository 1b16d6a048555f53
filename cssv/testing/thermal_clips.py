"""Pictures and files of a synthetic thermal camera beside the clip of :mod:`cssv.testing.clips`."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

import cssv
from cssv.errors import ThermalError
from cssv.testing.clips import RATE, Box

F64 = NDArray[np.float64]
U16 = NDArray[np.uint16]

#: Degrees Celsius of the first block, the second and what is behind them.
WARM, COLD, GROUND = 36.5, 4.0, 18.0
#: Width and height of the thermal pictures.
SIZE = (100, 84)
#: Thermal pixels to clip pixels, with some perspective.
HOMOGRAPHY = [[2.1, 0.05, -8], [0.02, 2.2, -6], [1e-4, 2e-4, 1]]
#: Scene fields that give a count its meaning: kelvin / 100.
COUNTS = {"scale": 0.01, "offset_c": -273.15}
PLACED: dict[str, Any] = {"cssv_scene": 1, "thermal": {"homography": HOMOGRAPHY, **COUNTS}}


def thermal_picture(
    boxes: Sequence[Box],
    temperatures: Sequence[float],
    homography: ArrayLike = HOMOGRAPHY,
    size: tuple[int, int] = SIZE,
) -> F64:
    """(H, W) degrees Celsius: the thermal picture of boxes that have these temperatures."""
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    u, v, w = np.array(homography) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    u, v = (u / w).reshape(x.shape), (v / w).reshape(x.shape)
    celsius = np.full(x.shape, GROUND)
    for (left, top, width, height), value in zip(boxes, temperatures, strict=True):
        celsius[(u >= left) & (u < left + width) & (v >= top) & (v < top + height)] = value
    return celsius


def as_counts(celsius: F64) -> U16:
    """Degrees Celsius as counts of kelvin / 100."""
    return np.rint((celsius + 273.15) * 100).astype(np.uint16)


def write_video(path: Path, pictures: Sequence[F64], rate: int = RATE) -> Path:
    """Write thermal pictures as a lossless 16-bit grey video."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "gray16le"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(as_counts(picture), format="gray16le")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_cptv(path: Path, pictures: Sequence[F64], times: Sequence[int], version: int = 2) -> Path:
    """Write thermal pictures as a CPTV of a radiometric camera, each difference in 24 bits.

    ``times`` are the numbers of the frames: microseconds in version 1, milliseconds in version 2.
    """

    def section(kind: bytes, **fields: bytes) -> bytes:
        listed = (bytes([len(data)]) + code.encode() + data for code, data in fields.items())
        return kind + bytes([len(fields)]) + b"".join(listed)

    height, width = pictures[0].shape
    sides = {code: struct.pack("<I", side) for code, side in (("X", width), ("Y", height))}
    body = section(b"H", **sides, C=b"\x01", E=b"lepton3.5")
    last = np.zeros((height, width), np.int64)
    for time, picture in zip(times, pictures, strict=True):
        counts = as_counts(picture).astype(np.int64)
        change = counts - last
        change[1::2] = change[1::2, ::-1].copy()
        last, flat = counts, change.ravel()
        packed = np.diff(flat).astype(">i4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
        data = struct.pack("<i", int(flat[0])) + packed
        numbers = {"t": struct.pack("<I", time), "f": struct.pack("<I", len(data))}
        body += section(b"F", **numbers, w=b"\x18") + data
    path.write_bytes(gzip.compress(b"CPTV" + bytes([version]) + body))
    return path


def write_folder(path: Path, pictures: Sequence[F64]) -> Path:
    """Write thermal pictures as 16-bit PNG files."""
    path.mkdir()
    for number, picture in enumerate(pictures):
        (path / f"{number}.png").write_bytes(cv2.imencode(".png", as_counts(picture))[1].tobytes())
    return path


def encode(clips: Path, path: Path, scene: Any, thermal: Any, **options: Any) -> Any:
    """Encode ``clip.mkv`` of a folder with a thermal source, losslessly; without a detector by its boxes."""
    # Stated, so that the only notes are those of the thermal source.
    given = {"boxes": clips / "boxes.txt", "boxes_are": "detections"}
    boxes: dict[str, Any] = given if "detector" not in options else {}
    return cssv.encode(
        clips / "clip.mkv", path, scene=scene, thermal=thermal, created_s=0, lossless=True, **boxes, **options
    )


def celsius_by_track(path: Path) -> dict[int, list[float | None]]:
    """Degrees Celsius of each track, frame by frame."""
    found: dict[int, list[float | None]] = {}
    with cssv.open(path) as clip:
        for moment in clip:
            for row in moment.objects:
                found.setdefault(row.track, []).append(row.temperature_c)
    return found


def refused(clips: Path, tmp_path: Path, scene: Any, thermal: Any, **options: Any) -> str:
    """The message of the error that :func:`encode` raises; nothing is written."""
    with pytest.raises(ThermalError) as caught:
        encode(clips, tmp_path / "no.cssv", scene, thermal, **options)
    assert not (tmp_path / "no.cssv").exists()
    return str(caught.value)


def thermal_scene(**thermal: Any) -> dict[str, Any]:
    """The scene of a registered thermal camera with some fields changed."""
    return {"cssv_scene": 1, "thermal": {**PLACED["thermal"], **thermal}}
