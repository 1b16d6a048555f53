"""Vision transformers exported to ONNX, run by onnxruntime.

An export must have one input of pictures (1, 3, height, width), float, normalised by ImageNet's mean and
deviation, and one of these outputs, by name:

- ``keys`` (1, n, width) or (1, heads, n, width / heads): keys of the last block's attention, the features of
  LOST;
- ``last_hidden_state``, ``tokens`` or ``x_norm_patchtokens`` (1, n, width): the last block's tokens.

The register meter also needs ``hidden_states.1``, ``hidden_states.2`` .. (1, n, width), the tokens after one
block, two blocks and so on, before the final LayerNorm. These are the numbers of Hugging Face; some may be
missing, and ``hidden_states.0``, the input of the first block, is ignored. Class token and registers, if any,
come before the patches.
"""

from __future__ import annotations

import math
import re
from os import PathLike
from typing import Any

import numpy as np

from cssv.errors import ModelError
from cssv.files.access import Access
from cssv.frames import U8
from cssv.perception.detectors.network import REMEDY_FILE, open_session, told
from cssv.perception.detectors.options import check_weights
from cssv.perception.transformer.features import MOST_PATCHES, SIDE_RANGE, Features, fit, grid_of, normalise
from cssv.perception.transformer.weights import F32, file_sha256

#: Names of the outputs with keys, or with tokens in place of keys, the best first; and those of the meter.
OUTPUTS = ("keys", "tokens", "last_hidden_state", "x_norm_patchtokens")
_STATE = re.compile(r"hidden_states\.(\d{1,4})", re.ASCII)
#: Side of the picture for the trial run that finds the patch size of a model with free sides. It gives
#: another number of patches for each of these patch sizes.
PROBE_PX = 224
PATCHES_PX = (8, 14, 16, 28, 32)
#: Largest number of class token and registers of a model.
MOST_PREFIX = 32


class OnnxTransformer:
    """A vision transformer exported to ONNX.

    Attributes:
        name: description of the model, for the user.
        sha256: SHA-256 of its file.
        patch_px: side of a patch in pixels, derived from the number of tokens.
        size: required width and height of a picture; None for any size.
    """

    def __init__(self, weights: str | PathLike[str]) -> None:
        """Open a file and run it once on an empty picture.

        Raises:
            MissingExtraError: onnxruntime is not installed.
            ModelError: the file is not such an export; the message has its inputs or outputs.
        """
        self._path = check_weights(weights, ".onnx")
        self.sha256 = file_sha256(self._path)
        self._access = Access(self, f"the model {self._path}")
        self._open()
        # Names that are not UTF-8 show only now.
        with told(self._path, "has inputs or outputs that cannot be read", self._faults, REMEDY_FILE):
            self._input, self.size = self._check_input()
            self._output, states = self._check_outputs()
        # State k is the output of block k - 1, counted from 0.
        self._blocks = tuple(number - 1 for number in states)
        self._states = list(states.values())
        self._check_tokens()
        width, height = self.size or (PROBE_PX, PROBE_PX)
        count = len(self._run(np.zeros((height, width, 3), np.uint8))[0])
        self.patch_px = self._patch_of(width, height, count)
        # Files record this name, so that it does not contain that of the user's file.
        self.name = f"ONNX export, patches of {self.patch_px}, {self._output}"

    def _check_input(self) -> tuple[str, tuple[int, int] | None]:
        inputs = self._session.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        # In the file a free side is a name, or None.
        is_picture = len(shape) == 4 and all(
            given == wanted or not isinstance(given, int)
            for given, wanted in zip(shape, (1, 3), strict=False)
        )
        if not is_picture or inputs[0].type != "tensor(float)":
            raise ModelError(
                f"{self._path} does not take one picture",
                found=", ".join(f"{each.name} {each.shape} {each.type}" for each in inputs),
                bound="one input of floats (1, 3, height, width)",
            )
        height, width = (side if isinstance(side, int) else None for side in shape[2:])
        if width is None and height is None:
            return inputs[0].name, None
        # Pictures are scaled to one fixed size, or keep theirs; a single free side allows neither.
        low, high = SIDE_RANGE
        if width is None or height is None or not (low <= width <= high and low <= height <= high):
            raise ModelError(
                f"{self._path} takes pictures of a size that cannot be used",
                found=f"{width or 'any'} x {height or 'any'}",
                bound=f"sides from {low} to {high}, or both free",
                remedy="Export it with other sides.",
            )
        return inputs[0].name, (width, height)

    def _check_outputs(self) -> tuple[str, dict[int, str]]:
        names = [each.name for each in self._session.get_outputs()]
        output = next((name for name in OUTPUTS if name in names), None)
        if output is None:
            raise ModelError(
                f"{self._path} has no output with tokens of a vision transformer",
                found=f"outputs {', '.join(names)}",
                bound=" or ".join(OUTPUTS),
                remedy="Give one of its outputs this name in the export.",
            )
        found = (_STATE.fullmatch(name) for name in names)
        states = {int(each[1]): each[0] for each in found if each is not None}
        return output, {number: states[number] for number in sorted(states) if number}

    def _check_tokens(self) -> None:
        """Raise a ModelError if the fixed size gives more tokens than the bound for pictures of any size."""
        if self.size is None:
            return
        shapes = {each.name: each.shape for each in self._session.get_outputs()}
        shape = shapes[self._output]
        # Shape (1, n, width) or (1, heads, n, width); for a free n, the number with the smallest patches.
        given = shape[-2] if len(shape) in (3, 4) else None
        count = given if isinstance(given, int) else math.prod(self.size) // min(PATCHES_PX) ** 2
        if count > MOST_PATCHES + MOST_PREFIX:
            raise ModelError(
                f"{self._path} has too many tokens",
                found=f"{count} of {self.size[0]} x {self.size[1]} pixels",
                bound=f"up to {MOST_PATCHES} patches and {MOST_PREFIX} others",
                remedy="Export it with smaller sides, or with free ones.",
            )

    def _open(self) -> None:
        """Open the file; a forked child does so again: the threads of a session stay with its parent."""
        self._session, self._faults = open_session(self._path)

    def _run(self, picture: U8) -> list[F32]:
        """Run the model: the output and the states, (n, width) each."""
        blob = np.ascontiguousarray(normalise(picture).transpose(2, 0, 1)[None])
        what = f"cannot be run with an input of {blob.shape}"
        with self._access.renewed(self._open), told(self._path, what, self._faults):
            outputs: list[Any] = self._session.run([self._output, *self._states], {self._input: blob})
        return [self._flat(each) for each in outputs]

    def _flat(self, output: Any) -> F32:  # noqa: ANN401 - any type that onnxruntime returns
        is_array = isinstance(output, np.ndarray) and output.dtype.kind == "f"
        shape: tuple[int, ...] = output.shape if is_array else ()
        flat = np.zeros((0, 0), np.float32)
        if len(shape) in (3, 4) and shape[0] == 1:
            # Keys by head are joined side by side, as in the NumPy model.
            joined = output[0] if len(shape) == 3 else np.concatenate(output[0], axis=-1)
            with np.errstate(over="ignore", invalid="ignore"):
                flat = np.asarray(joined, dtype=np.float32)
        if not flat.size or not np.isfinite(flat).all():
            raise ModelError(
                f"{self._path} does not return finite tokens of one picture",
                found=f"shape {shape}" if is_array else type(output).__name__,
                bound="(1, n, width) or (1, heads, n, width)",
            )
        return flat

    def _patch_of(self, width: int, height: int, count: int) -> int:
        fitting = [
            side
            for side in PATCHES_PX
            if not width % side
            and not height % side
            and 0 <= count - (width // side) * (height // side) <= MOST_PREFIX
        ]
        # A wrong patch size would place every object wrongly, so a doubtful one is an error.
        if len(fitting) != 1:
            raise ModelError(
                f"{self._path} does not show the size of its patches",
                found=f"{count} tokens of {width}x{height} pixels",
                bound=f"patches of {', '.join(map(str, PATCHES_PX))} and up to {MOST_PREFIX} other tokens",
            )
        return fitting[0]

    def look(self, picture: U8) -> Features:
        """Compute features of a picture, which is first scaled if the export has a fixed size.

        Raises:
            ModelError: the export does not run with this size.
            InputError: the picture is not made of whole patches.
        """
        picture = fit(picture, self.size) if self.size else picture
        rows, columns = grid_of(picture, self.patch_px)
        tokens, *states = self._run(picture)
        first = len(tokens) - rows * columns
        if not 0 <= first <= MOST_PREFIX or any(len(state) != len(tokens) for state in states):
            raise ModelError(
                f"{self._path} returns a number of tokens that does not fit its patches",
                found=[len(tokens), *map(len, states)],
                bound=f"{math.prod((rows, columns))} and up to {MOST_PREFIX} more",
            )
        lengths = [np.sqrt(np.einsum("nd,nd->n", s, s, dtype=np.float64)) for s in states]
        norms = np.array(lengths).reshape(len(states), len(tokens))
        last = states[-1] if states else tokens
        return Features(rows, columns, first, tokens, last, norms, self._blocks)
