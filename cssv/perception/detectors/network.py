"""An image network in an ONNX file, run by onnxruntime on the CPU."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.errors import CssvError, MissingExtraError, ModelError
from cssv.files.access import Access
from cssv.perception.detectors.options import check_weights

F32 = NDArray[np.float32]

#: Longer side of the input for networks with free sides and without metadata on their training.
DEFAULT_SIDE_PX = 640
#: Free sides of an input are multiples of this.
STEP_PX = 32
#: Allowed sides of an input, pixels.
SIDE_RANGE = (32, 8192)
#: On machines with up to this many cores one thread is faster: the cost of synchronisation exceeds the gain.
SMALL_MACHINE_CORES = 4

#: Characters of a side in metadata; a longer one is no side.
_LONGEST_SIDE = 8
#: Characters of onnxruntime's messages that are quoted.
LONGEST_REASON = 200
#: Remedies for a file that is not a model, and for a network that does not run.
REMEDY_FILE = "Give a whole .onnx file: copy it again, or export it for an older operator set."
REMEDY_SIZE = "Export it for pictures of one fixed size, or with height and width both free."

_FLOATS: Mapping[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_INPUT = "one input of floats (1, 3, height, width)"


class Network:
    """An ONNX network with one picture as input and one array as output.

    Attributes:
        facts: metadata written by the exporter, such as ``names``, ``imgsz``, ``task``.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelError: the file is not such a network; the message has the shapes found.
    """

    facts: Mapping[str, str]

    def __init__(self, weights: str | PathLike[str]) -> None:
        self._path = check_weights(weights, ".onnx")
        self._access = Access(self, f"the network {self._path}")
        self._open()
        # Texts that are not UTF-8 show only now.
        with told(self._path, "has metadata that cannot be read", self._faults, REMEDY_FILE):
            self.facts = dict(self._session.get_modelmeta().custom_metadata_map)
            self._input, self._float, self._sides = self._checked()

    def _checked(self) -> tuple[str, type[np.floating[Any]], tuple[int | None, int | None]]:
        """Check inputs and outputs; name, type and (height, width) of the input, None for a free side."""
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        found = "; ".join(
            f"{title} {', '.join(f'{each.name} {each.shape} {each.type}' for each in parts)}"
            for title, parts in (("inputs", inputs), ("outputs", outputs))
        )
        is_image = len(inputs) == 1 and inputs[0].type in _FLOATS and len(inputs[0].shape) == 4
        # A free dimension is a text or None in the file.
        if is_image:
            count, channels, *sides = (n if isinstance(n, int) else None for n in inputs[0].shape)
            low, high = SIDE_RANGE
            is_image = count in (1, None) and channels in (3, None)
            is_image = is_image and all(n is None or low <= n <= high for n in sides)
        if not is_image or len(outputs) != 1:
            raise ModelError(
                f"{self._path} is not a network from one picture to one array",
                found=found,
                bound=f"{_INPUT}, sides from {SIDE_RANGE[0]} to {SIDE_RANGE[1]} or free, and one output",
            )
        return inputs[0].name, _FLOATS[inputs[0].type], (sides[0], sides[1])

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the input for a picture of this size.

        A free side follows the picture's aspect ratio, in steps of :data:`STEP_PX`. If both are free, the
        longer one is that of ``imgsz``, or :data:`DEFAULT_SIDE_PX`.
        """
        rows, columns = self._sides
        if rows is not None and columns is not None:
            return columns, rows
        # Networks detect best at the size of objects in training, so the picture is scaled to that size.
        if rows is None and columns is None:
            scale = self._trained_side() / max(width, height)
        else:
            scale = columns / width if columns else (rows or 0) / height
        return columns or _stepped(width * scale), rows or _stepped(height * scale)

    def _trained_side(self) -> int:
        sides = [
            int(part)
            for part in self.facts.get("imgsz", "").strip("[]() ").split(",")
            if part.strip().isdecimal() and len(part) <= _LONGEST_SIDE
        ]
        side = max(sides, default=DEFAULT_SIDE_PX)
        return min(max(side, SIDE_RANGE[0]), SIDE_RANGE[1])

    def _open(self) -> None:
        """Open the file; a forked child does so again: the threads of a session stay with its parent."""
        self._session, self._faults = open_session(self._path)

    def run(self, blob: F32) -> F32:
        """Run the network: float32 (1, 3, height, width) -> its output, float32.

        Raises:
            ModelError: the network cannot be run with an input of this size.
        """
        what = f"cannot be run with an input of {blob.shape}"
        with self._access.renewed(self._open), told(self._path, what, self._faults):
            output = self._session.run(None, {self._input: blob.astype(self._float, copy=False)})[0]
        if not isinstance(output, np.ndarray) or output.dtype.kind != "f":
            raise ModelError(f"{self._path} does not return an array of floats", found=type(output).__name__)
        # What overflows becomes infinite, which the reader of the output refuses.
        with np.errstate(over="ignore", invalid="ignore"):
            return output.astype(np.float32, copy=False)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Add the file's path to each ModelError raised inside."""
        try:
            yield
        except ModelError as error:
            raise ModelError(
                f"{self._path}: {error.what}", found=error.found, bound=error.bound, remedy=error.remedy
            ) from error


def _stepped(side: float) -> int:
    return min(max(math.ceil(side / STEP_PX - 1e-6), 1) * STEP_PX, SIDE_RANGE[1])


def open_session(path: Path) -> tuple[Any, tuple[type[Exception], ...]]:
    """Open an ONNX file: an InferenceSession on the CPU, and the errors that it may raise.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelError: the file is not a model.
    """
    runtime = _onnxruntime()
    settings = runtime.SessionOptions()
    # Its log goes to the terminal, beside our own error message.
    settings.log_severity_level = 4
    if (os.cpu_count() or 1) <= SMALL_MACHINE_CORES:
        settings.intra_op_num_threads = 1
    faults = _faults(runtime)
    with told(path, "is not a model that onnxruntime can run", faults, REMEDY_FILE):
        # The fallback would print on the standard output.
        session = runtime.InferenceSession(
            os.fspath(path), settings, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    return session, faults


@contextmanager
def told(
    path: Path, what: str, faults: tuple[type[Exception], ...], remedy: str = REMEDY_SIZE
) -> Iterator[None]:
    """Turn errors of onnxruntime into a ModelError with the file, the failure and a remedy."""
    try:
        yield
    except CssvError:
        raise
    except faults as error:
        found = str(error).strip().partition("\n")[0][:LONGEST_REASON]
        raise ModelError(f"{path} {what}", found=found, remedy=remedy) from error


def _onnxruntime() -> ModuleType:
    # Imported on use: onnxruntime is an extra, and large.
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        remedy = "Install it with: pip install '.[onnx]'"
        raise MissingExtraError("ONNX networks need onnxruntime", remedy=remedy) from error


def _faults(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """Error classes of onnxruntime, listed because they have no common base."""
    names = vars(runtime.capi.onnxruntime_pybind11_state).values()
    return tuple(
        {each for each in names if isinstance(each, type) and issubclass(each, Exception)}
        | {RuntimeError, ValueError, MemoryError}
    )
