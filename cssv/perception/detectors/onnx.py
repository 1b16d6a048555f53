"""Detector that runs YOLOX and YOLOv8 networks in ONNX files."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from os import PathLike

import cv2
import numpy as np

from cssv.errors import ModelError
from cssv.frames import U8, Frame
from cssv.perception.detections import EMPTY, Detections, detections
from cssv.perception.detectors.classes import default_names
from cssv.perception.detectors.colour import to_bgr
from cssv.perception.detectors.heads import Head
from cssv.perception.detectors.letterbox import PADDING
from cssv.perception.detectors.network import F32, Network
from cssv.perception.detectors.network_detector import NetworkDetector
from cssv.perception.detectors.nms import suppress
from cssv.perception.detectors.options import touching


class OnnxDetector(NetworkDetector):
    """Detector that runs a YOLOX or YOLOv8 network; labels are the network's class names.

    The form is detected from the output for an empty picture. The input is as in training: for YOLOX blue,
    green, red from 0 to 255, with the picture in the corner; for YOLOv8 red, green, blue from 0 to 1, with
    the picture in the middle. Boxes may extend beyond the picture.

    Args:
        weights: an ``.onnx`` file with one input (1, 3, height, width), sides fixed or free, and one output.
        classes: names to look for, as a sequence or a text with commas; all by default.
        min_score: boxes of lower scores are left out; 0 to 1.
        nms_iou: two boxes with a larger intersection over union are one object, and the weaker is removed;
            0 to 1. By default 0.55 for boxes of one class, 0.8 for boxes of different classes.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelError: the file is not such a network; also :meth:`detect`, if its output is not finite numbers.
        OptionError: the network does not have a class, or a number is out of range.
    """

    name = "onnx"

    def _load(self, weights: str | PathLike[str]) -> tuple[str, ...]:
        self._network = Network(weights)
        # A trial run shows the form now, so that an unsuitable file is rejected before the first frame.
        size = self._network.size_for(1, 1)
        blank = np.full((size[1], size[0], 3), PADDING, dtype=np.uint8)
        output = self._network.run(_blob(blank, "yolox"))
        with self._network.named():
            self._head = Head.from_output(output, size)
            return read_names(self._network.facts, self._head.classes)

    def detect(self, frame: Frame) -> Detections:
        """Find the objects in ``frame``, independently of other frames; best score first."""
        picture = (frame.width, frame.height)
        size = self._network.size_for(*picture)
        box = self._head.letterbox(picture, size)
        output = self._network.run(_blob(box.fit(to_bgr(frame)), self._head.form))
        with self._network.named():
            centred, scores, classes = self._head.read(output, size, self._min_score)
        boxes = box.to_picture(centred)
        # Other classes are removed first: they suppress nothing, and fewer boxes are compared.
        kept = np.flatnonzero(touching(boxes, picture) & np.isin(classes, self._chosen))
        kept = kept[suppress(boxes[kept], scores[kept], classes[kept], self.nms_iou)]
        if not len(kept):
            return EMPTY
        return detections(boxes[kept], scores[kept], [self._names[k] for k in classes[kept]])


def _blob(picture: U8, form: str) -> F32:
    """Convert (H, W, 3) blue, green, red to (1, 3, H, W) float32, in the value range of the form."""
    if form == "yolox":
        return np.asarray(cv2.dnn.blobFromImage(picture), dtype=np.float32)
    return np.asarray(cv2.dnn.blobFromImage(picture, 1 / 255, swapRB=True), dtype=np.float32)


def read_names(facts: Mapping[str, str], count: int) -> tuple[str, ...]:
    """Read the names of ``count`` classes from the metadata of an exported network, else give default names.

    Raises:
        ModelError: the metadata are of another task, or of another number of classes.
    """
    task = facts.get("task", "detect")
    # Outputs for other tasks, such as masks, can have a shape that is also valid for boxes.
    if task != "detect":
        raise ModelError("the network was made for another task", found=task, bound="detect")
    if "names" not in facts:
        return default_names(count)
    # The exporter of Ultralytics writes a Python dict or list as text.
    try:
        # Python warns of unknown escapes in a text, which the terminal would show.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = ast.literal_eval(facts["names"])
        listed = [names[k] for k in range(len(names))]
    # Python's parser reports nesting that is too deep by the last two.
    except (ValueError, SyntaxError, LookupError, TypeError, RecursionError, MemoryError) as error:
        raise ModelError(
            "the class names of the network cannot be read", found=facts["names"][:80]
        ) from error
    if len(listed) != count or not all(isinstance(each, str) for each in listed):
        raise ModelError(
            "the class names do not fit the network",
            found=f"{len(listed)} names",
            bound=f"{count}",
        )
    return tuple(listed)
