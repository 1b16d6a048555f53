"""Detector that runs networks with the package ultralytics, under the licence AGPL-3.0.

The licence differs from that of this package. So ultralytics is installed only by its own extra, ``yolo``,
and imported only when this detector is made. It downloads and reports nothing: it is set to offline, unless
the environment sets otherwise.
"""

from __future__ import annotations

import importlib
import os
import pickle
import struct
import sys
import zipfile
import zlib
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from cssv.errors import MissingExtraError, ModelError
from cssv.frames import Frame
from cssv.perception.detections import EMPTY, Detections, detections
from cssv.perception.detectors.classes import default_names
from cssv.perception.detectors.colour import to_bgr
from cssv.perception.detectors.network_detector import NetworkDetector
from cssv.perception.detectors.nms import suppress
from cssv.perception.detectors.options import MOST_BOXES, NMS_IOU_WITHIN, check_weights, touching
from cssv.perception.transformer.weights import file_sha256

LICENCE = "AGPL-3.0"
#: Tasks with upright boxes as output.
TASKS = ("detect", "segment", "pose")
#: Defaults of ultralytics' environment variables: no network access, no installation, no printing.
SETTINGS = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
#: Errors raised for a file that is damaged or not a model.
_FAULTS = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError, NameError),
    *(OSError, RuntimeError, SyntaxError, TypeError, ValueError, MemoryError),
    *(pickle.PickleError, zipfile.BadZipFile, zlib.error, struct.error),
)
#: Packages with their own installation faults; the errors contain their names.
_PARTNERS = ("torchvision", "libtorch")


class YoloDetector(NetworkDetector):
    """Detector that runs a network of ultralytics; labels are the network's class names.

    Args:
        weights: a ``.pt`` file, or a ``.yaml`` description of a network, which then has random weights. A
            ``.pt`` file may contain program code, which is run on loading: use only files from trusted
            sources.
        classes: names to look for, as a sequence or a text with commas; all by default.
        min_score: boxes of lower scores are left out; 0 to 1.
        nms_iou: two boxes with a larger intersection over union are one object, and the weaker is removed;
            0 to 1. By default 0.55 for boxes of one class, 0.8 for boxes of different classes.

    Raises:
        MissingExtraError: ultralytics is not installed, or cannot run here; also :meth:`detect`.
        ModelError: the file is not a network that finds boxes.
        OptionError: the network does not have a class, or a number is out of range.
    """

    name = "yolo"

    def _load(self, weights: str | PathLike[str]) -> tuple[str, ...]:
        # The path is checked first: ultralytics would download a file of a known name.
        self._path = check_weights(weights, ".pt", ".yaml", ".yml")
        ultralytics = _ultralytics()
        self._version = str(ultralytics.__version__)
        self._sha256 = file_sha256(self._path)
        self._model, names = _load(ultralytics, self._path)
        return names

    @property
    def notes(self) -> tuple[str, ...]:
        """A note on the origin of the detections: package, licence and weights."""
        # Files record this note, so that it names the weights by their content, not by the user's file name.
        return (
            f"objects found by ultralytics {self._version}, licence {LICENCE}, "
            f"with weights of SHA-256 {self._sha256}",
        )

    def detect(self, frame: Frame) -> Detections:
        """Find the objects in ``frame``, independently of other frames.

        Raises:
            ModelError: the network cannot be run.
        """
        try:
            found = self._model.predict(
                to_bgr(frame),
                conf=self._min_score,
                iou=NMS_IOU_WITHIN if self.nms_iou is None else self.nms_iou,
                classes=self._chosen.tolist(),
                # One more than are tracked shows that boxes were left out.
                max_det=MOST_BOXES + 1,
                verbose=False,
                save=False,
            )[0].boxes
        except _FAULTS as error:
            # The user must not look for a fault of the weights if the installation is broken.
            _check_installation(error, self._path)
            raise ModelError(
                f"{self._path} cannot be run",
                found=_first_line(error),
                remedy=f"Check it with ultralytics itself, {self._version} here, or take other weights.",
            ) from error
        corners = found.xyxy.cpu().numpy().astype(np.float64).reshape(-1, 4)
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        scores = np.clip(found.conf.cpu().numpy().astype(np.float64), 0, 1)
        classes = found.cls.cpu().numpy().astype(np.int64)
        kept = np.flatnonzero(touching(boxes, (frame.width, frame.height)))
        # Ultralytics compares boxes within a class only.
        kept = kept[suppress(boxes[kept], scores[kept], classes[kept], self.nms_iou)]
        if not len(kept):
            return EMPTY
        return detections(boxes[kept], scores[kept], [self._names[k] for k in classes[kept]])


def _ultralytics() -> ModuleType:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    threads = cv2.getNumThreads()
    try:
        # The import changes NumPy's print options and OpenCV's threads for the whole process; both are
        # restored.
        with np.printoptions():
            return importlib.import_module("ultralytics")
    except _FAULTS as error:
        # A missing part of ultralytics is a broken installation, not a missing extra.
        if not isinstance(error, ModuleNotFoundError) or error.name != "ultralytics":
            raise _broken(error) from error
        raise MissingExtraError(
            f"the yolo detector needs ultralytics, licence {LICENCE}",
            remedy="If that licence suits your work, install it with: pip install '.[yolo]'",
        ) from error
    finally:
        cv2.setNumThreads(threads)


def _load(ultralytics: ModuleType, path: Path) -> tuple[Any, tuple[str, ...]]:
    """Load the network of a file, and the names of its classes."""
    # The reader of descriptions, which ultralytics has imported, has errors of its own.
    yaml = sys.modules.get("yaml")
    faults = _FAULTS if yaml is None else (*_FAULTS, yaml.YAMLError)
    try:
        model = ultralytics.YOLO(path)
        task, names = model.task, model.names
        listed = tuple(str(names[k]) for k in range(len(names)))
        # Networks without names have numbers for them.
        if listed == tuple(map(str, range(len(names)))):
            listed = default_names(len(names))
    except faults as error:
        _check_installation(error, path)
        raise ModelError(
            f"{path} is not a network that ultralytics can load",
            found=_first_line(error),
            remedy="Give the weights of a detection network, whole, or train or download them anew.",
        ) from error
    if task not in TASKS:
        raise ModelError(f"{path} is a network for another task", found=str(task), bound=", ".join(TASKS))
    return model, listed


def _check_installation(error: BaseException, path: Path) -> None:
    """Raise a MissingExtraError if an error comes from the installed packages, not from the network.

    A torchvision built for another torch lacks operators, which is noticed only at non-maximum suppression.
    """
    # The name of the file may contain the name of a package.
    words = str(error).replace(str(path), "").replace(path.name, "")
    if any(package in words for package in _PARTNERS):
        raise _broken(error) from error


def _broken(error: BaseException) -> MissingExtraError:
    return MissingExtraError(
        "ultralytics is installed but cannot run here",
        found=_first_line(error),
        remedy="The weights are not the cause. Install torch and torchvision again, as one pair: "
        "pip install --force-reinstall torch torchvision",
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
