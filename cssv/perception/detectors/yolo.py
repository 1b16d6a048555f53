"""Networks of the package ultralytics, whose licence is AGPL-3.0, unlike that of this package.

It is imported only when this detector is made, and installed only by its own extra, ``yolo``. Nothing
is downloaded and nothing reported: ultralytics is told to stay offline unless the environment says otherwise.
"""

from __future__ import annotations

import importlib
import os
import pickle
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from cssv.errors import MissingExtraError, ModelError
from cssv.frames import Frame
from cssv.perception.detections import EMPTY, Detections, detections
from cssv.perception.detectors.classes import choose, default_names
from cssv.perception.detectors.colour import to_bgr
from cssv.perception.detectors.options import (
    MIN_SCORE,
    MOST_BOXES,
    MOST_OVERLAP,
    check_share,
    check_weights,
    touching,
)

LICENCE = "AGPL-3.0"
#: Tasks whose networks give upright boxes.
TASKS = ("detect", "segment", "pose")
#: What ultralytics is told where the environment does not say it: no network, no installing, no chatter.
SETTINGS = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
#: What reading a file that is no model, or a damaged one, ends with.
_FAULTS = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError, NameError),
    *(OSError, pickle.UnpicklingError, RuntimeError, SyntaxError, TypeError, ValueError),
)
#: Packages that fail by their own fault; errors about them name them.
_PARTNERS = ("torchvision", "libtorch")


class YoloDetector:
    """Objects found by a network of ultralytics; labels are the network's names of classes.

    Args:
        weights: a ``.pt`` file, or a ``.yaml`` that describes a network, which then has random weights. A
            ``.pt`` file may hold a program, which loading it runs: take it from where you trust.
        classes: names to look for, as a sequence or a text with commas; all by default.
        min_score: boxes of lower scores are left out; 0 to 1.
        most_overlap: of two boxes of one class that overlap more than this, the weaker goes; 0 to 1.

    Raises:
        MissingExtraError: ultralytics is not installed, or cannot run here; also :meth:`detect`.
        ModelError: the file is no network that finds boxes.
        OptionError: a class that the network does not know, or a number out of range.
    """

    name = "yolo"
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
        self._path = check_weights(weights, ".pt", ".yaml", ".yml")
        ultralytics = _ultralytics()
        self._version = str(ultralytics.__version__)
        self._model, self._names = _load(ultralytics, self._path)
        self._chosen = choose(classes, self._names)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that the network knows."""
        return self._names

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the result: whose network found the objects."""
        return (f"objects found by ultralytics {self._version}, licence {LICENCE}, with {self._path.name}",)

    def detect(self, frame: Frame) -> Detections:
        """Find the objects in ``frame``, by themselves.

        Raises:
            ModelError: the network cannot be run.
        """
        try:
            found = self._model.predict(
                to_bgr(frame),
                conf=self._min_score,
                iou=self._most_overlap,
                classes=self._chosen.tolist(),
                # One more than are followed tells that there were more.
                max_det=MOST_BOXES + 1,
                verbose=False,
                save=False,
            )[0].boxes
        except _FAULTS as error:
            _check_installation(error, self._path)
            raise ModelError(
                f"{self._path} cannot be run",
                found=_first_line(error),
                remedy=f"Check it with ultralytics itself, {self._version} here, or take other weights.",
            ) from error
        corners = found.xyxy.cpu().numpy().astype(np.float64).reshape(-1, 4)
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        kept = touching(boxes, (frame.width, frame.height))
        if not kept.any():
            return EMPTY
        scores = np.clip(found.conf.cpu().numpy().astype(np.float64), 0, 1)
        classes = found.cls.cpu().numpy().astype(np.int64)[kept]
        return detections(boxes[kept], scores[kept], [self._names[k] for k in classes])


def _ultralytics() -> ModuleType:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    threads = cv2.getNumThreads()
    try:
        # Importing it changes how NumPy prints and makes OpenCV slow, for everybody in the process.
        with np.printoptions():
            return importlib.import_module("ultralytics")
    except _FAULTS as error:
        if not isinstance(error, ModuleNotFoundError) or error.name != "ultralytics":
            raise _broken(error) from error
        raise MissingExtraError(
            f"the yolo detector needs ultralytics, whose licence is {LICENCE}",
            remedy="If that licence suits your work, install it with: pip install '.[yolo]'",
        ) from error
    finally:
        cv2.setNumThreads(threads)


def _load(ultralytics: ModuleType, path: Path) -> tuple[Any, tuple[str, ...]]:
    """The network of a file, and the names of its classes."""
    try:
        model = ultralytics.YOLO(path)
        task, names = model.task, model.names
        listed = tuple(str(names[k]) for k in range(len(names)))
        if listed == tuple(map(str, range(len(names)))):
            listed = default_names(len(names))
    except _FAULTS as error:
        _check_installation(error, path)
        raise ModelError(
            f"{path} is not a network that ultralytics can load",
            found=_first_line(error),
            remedy="Give the weights of a detection network, whole, or train or download them anew.",
        ) from error
    if task not in TASKS:
        raise ModelError(f"{path} was made for another task", found=str(task), bound=", ".join(TASKS))
    return model, listed


def _check_installation(error: BaseException, path: Path) -> None:
    """A MissingExtraError where an error is not the network's but that of the packages which run it.

    A torchvision made for another torch has no operators, which shows only when boxes are suppressed.
    """
    words = str(error).replace(str(path), "").replace(path.name, "")
    if any(package in words for package in _PARTNERS):
        raise _broken(error) from error


def _broken(error: BaseException) -> MissingExtraError:
    return MissingExtraError(
        "ultralytics is installed but cannot run here",
        found=_first_line(error),
        remedy="The weights are not to blame. Install torch and torchvision anew, as one pair: "
        "pip install --force-reinstall torch torchvision",
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
