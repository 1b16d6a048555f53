"""Detectors of people or vehicles from other packages, with one interface: a frame to boxes and scores."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import Frame
from cssv.perception import EMPTY, Detections, detections
from cssv.perception.detectors.colour import to_bgr

#: Area of the smallest blob of plain background subtraction, pixels.
SMALLEST_PX = 400
#: Overlap for suppression in the demonstration of YOLOX, and pixels per cell of its grids.
YOLOX_OVERLAP = 0.45
YOLOX_STRIDES = (8, 16, 32)


class PlainMog2:
    """Background subtraction as in tutorials: OpenCV's MOG2, median, closing, boxes of contours."""

    name = "MOG2, as in tutorials"

    def __init__(self) -> None:
        self._model: cv2.BackgroundSubtractor = cv2.createBackgroundSubtractorMOG2()

    def detect(self, frame: Frame) -> Detections:
        mask = cv2.medianBlur(self._model.apply(to_bgr(frame)), 5)
        moving = np.asarray(mask == 255, dtype=np.uint8)
        moving = np.asarray(cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)))
        contours, _ = cv2.findContours(moving, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        boxes = [cv2.boundingRect(c) for c in contours if cv2.contourArea(c) >= SMALLEST_PX]
        return detections(boxes) if boxes else EMPTY


class PlainKnn(PlainMog2):
    """The same with OpenCV's KNN."""

    name = "KNN, as in tutorials"

    def __init__(self) -> None:
        self._model = cv2.createBackgroundSubtractorKNN()


class OpenCvYolox:
    """The same YOLOX network run by OpenCV and decoded as in the demonstration of YOLOX."""

    name = "YOLOX-nano, cv2.dnn"

    def __init__(self, weights: Path, side_px: int, min_score: float, classes: Sequence[int]) -> None:
        self._classes = list(classes)
        self._net = cv2.dnn.readNetFromONNX(str(weights))
        self._side, self._min_score = side_px, min_score
        parts = [
            np.stack(
                [
                    *np.meshgrid(np.arange(side_px // s), np.arange(side_px // s)),
                    np.full((side_px // s,) * 2, s),
                ],
                -1,
            )
            for s in YOLOX_STRIDES
        ]
        self._cells = np.concatenate([part.reshape(-1, 3) for part in parts]).astype(np.float32)

    def detect(self, frame: Frame) -> Detections:
        picture = to_bgr(frame)
        scale = min(self._side / picture.shape[0], self._side / picture.shape[1])
        inside = cv2.resize(picture, None, fx=scale, fy=scale)
        padded = np.full((self._side, self._side, 3), 114, np.uint8)
        padded[: inside.shape[0], : inside.shape[1]] = inside
        self._net.setInput(cv2.dnn.blobFromImage(padded))
        found = self._net.forward()[0]
        centres = (found[:, :2] + self._cells[:, :2]) * self._cells[:, 2:]
        sizes = np.exp(found[:, 2:4]) * self._cells[:, 2:]
        boxes = np.concatenate([centres - sizes / 2, sizes], axis=1) / scale
        scores = found[:, 4:5] * found[:, 5:]
        asked = np.isin(scores.argmax(axis=1), self._classes)
        boxes, best = boxes[asked], scores[asked].max(axis=1)
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), best.tolist(), self._min_score, YOLOX_OVERLAP)
        chosen: NDArray[np.int64] = np.array(kept, dtype=np.int64).reshape(-1)
        return detections(boxes[chosen], best[chosen]) if len(chosen) else EMPTY


class Ultralytics:
    """The ``predict`` of ultralytics with its own settings, except for the lowest score and the classes."""

    def __init__(
        self, weights: Path, side_px: int, min_score: float, classes: Sequence[int], repair: Path
    ) -> None:
        os.environ.setdefault("YOLO_OFFLINE", "1")
        os.environ.setdefault("YOLO_AUTOINSTALL", "false")
        if repair.is_file():
            load(repair).install()
        import torch
        from ultralytics import YOLO

        torch.set_num_threads(1)
        self._model: Any = YOLO(weights)
        self.name = f"YOLOv8n {side_px}, ultralytics"
        self._options = {
            "conf": min_score,
            "imgsz": side_px,
            "classes": list(classes),
            "verbose": False,
            "device": "cpu",
        }

    def detect(self, frame: Frame) -> Detections:
        found = self._model.predict(to_bgr(frame), **self._options)[0].boxes
        corners, scores = found.xyxy.numpy().astype(np.float64), found.conf.numpy()
        if not len(corners):
            return EMPTY
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        return detections(boxes, scores)


def load(path: Path) -> Any:
    """Load a module that belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
