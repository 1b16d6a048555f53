"""YOLOX and YOLOv8 networks in ONNX files."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from os import PathLike

import cv2
import numpy as np

from cssv.errors import ModelError
from cssv.frames import U8, Frame
from cssv.perception.detections import EMPTY, Detections, detections
from cssv.perception.detectors.classes import choose, default_names
from cssv.perception.detectors.colour import to_bgr
from cssv.perception.detectors.heads import Head
from cssv.perception.detectors.letterbox import PADDING
from cssv.perception.detectors.network import F32, Network
from cssv.perception.detectors.nms import suppress
from cssv.perception.detectors.options import MIN_SCORE, MOST_BOXES, MOST_OVERLAP, check_share, touching


class OnnxDetector:
    """Objects found by a YOLOX or YOLOv8 network; labels are the network's names of classes.

    The form is told from what the network gives for an empty picture. YOLOX gets blue, green, red from 0 to
    255 and the picture in the corner of its input, YOLOv8 red, green, blue from 0 to 1 and the picture in
    the middle, as each was trained. Boxes may reach outside the picture, as far as the network thinks.

    Args:
        weights: an ``.onnx`` file with one input (1, 3, height, width), sides fixed or free, and one output.
        classes: names to look for, as a sequence or a text with commas; all by default.
        min_score: boxes of lower scores are left out; 0 to 1.
        most_overlap: of two boxes of one class that overlap more than this, the weaker goes; 0 to 1.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelError: the file is no such network; also :meth:`detect`, where the network gives no numbers.
        OptionError: a class that the network does not know, or a number out of range.
    """

    name = "onnx"
    most_boxes = MOST_BOXES

    def __init__(
        self,
        weights: str | PathLike[str],
        *,
        classes: Sequence[str] | str | None = None,
        min_score: float = MIN_SCORE,
        most_overlap: float = MOST_OVERLAP,
    ) -> None:
        self._min_score = check_share("min_score", min_score)
        self._most_overlap = check_share("most_overlap", most_overlap)
        self._network = Network(weights)
        size = self._network.size_for(1, 1)
        blank = np.full((size[1], size[0], 3), PADDING, dtype=np.uint8)
        output = self._network.run(_blob(blank, "yolox"))
        with self._network.named():
            self._head = Head.from_output(output, size)
            self._names = read_names(self._network.facts, self._head.classes)
        self._is_chosen = np.isin(np.arange(len(self._names)), choose(classes, self._names))

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that the network knows."""
        return self._names

    def detect(self, frame: Frame) -> Detections:
        """Find the objects in ``frame``, by themselves; best score first."""
        picture = (frame.width, frame.height)
        size = self._network.size_for(*picture)
        box = self._head.letterbox(picture, size)
        output = self._network.run(_blob(box.fit(to_bgr(frame)), self._head.form))
        with self._network.named():
            centred, scores, classes = self._head.read(output, size, self._min_score)
        boxes = box.to_picture(centred)
        kept = np.flatnonzero(touching(boxes, picture) & self._is_chosen[classes])
        kept = kept[suppress(boxes[kept], scores[kept], classes[kept], self._most_overlap)]
        if not len(kept):
            return EMPTY
        return detections(boxes[kept], scores[kept], [self._names[k] for k in classes[kept]])


def _blob(picture: U8, form: str) -> F32:
    """(H, W, 3) blue, green, red -> (1, 3, H, W) float32 as the form of network wants it."""
    if form == "yolox":
        return np.asarray(cv2.dnn.blobFromImage(picture), dtype=np.float32)
    return np.asarray(cv2.dnn.blobFromImage(picture, 1 / 255, swapRB=True), dtype=np.float32)


def read_names(facts: Mapping[str, str], count: int) -> tuple[str, ...]:
    """Names of ``count`` classes, of a network whose exporter wrote ``facts`` into it.

    Raises:
        ModelError: the facts speak of another task, or of another number of classes.
    """
    task = facts.get("task", "detect")
    if task != "detect":
        raise ModelError("the network was made for another task", found=task, bound="detect")
    if "names" not in facts:
        return default_names(count)
    try:
        names = ast.literal_eval(facts["names"])
        listed = [names[k] for k in range(len(names))]
    except (ValueError, SyntaxError, LookupError, TypeError) as error:
        raise ModelError(
            "the network's names of classes cannot be read", found=facts["names"][:80]
        ) from error
    if len(listed) != count or not all(isinstance(each, str) for each in listed):
        raise ModelError(
            "the network's names of classes do not fit", found=f"{len(listed)} names", bound=f"{count}"
        )
    return tuple(listed)
