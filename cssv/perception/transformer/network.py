"""Forward pass of a vision transformer in NumPy (Dosovitskiy et al., ICLR 2021), one GEMM per layer.

DINO (Caron et al., ICCV 2021), DINOv2 (Oquab et al., TMLR 2024) and registers (Darcet et al., ICLR 2024):
blocks ``x += attention(norm(x)); x += perceptron(norm(x))`` over class token, registers and patches.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cssv.boxes import F64
from cssv.errors import ModelError
from cssv.frames import U8
from cssv.perception.transformer.architecture import Block, Linear, assemble
from cssv.perception.transformer.features import Features, grid_of, normalise
from cssv.perception.transformer.positions import scale_positions
from cssv.perception.transformer.weights import F32, Weights

#: Rows of hidden neurons processed at once, so that they fit into the CPU's cache.
_CHUNK = 64

#: Called with a block's number and its hidden neurons (n, hidden) float32, which it may change in place.
Watch = Callable[[int, F32], None]


class VisionTransformer:
    """A vision transformer with its weights in memory, as float32.

    Attributes:
        architecture: its hyperparameters.
        name: description of the model, for the user.
        sha256: SHA-256 of its file.
        patch_px: side of a patch in pixels.
    """

    def __init__(self, weights: Weights) -> None:
        """Read the tensors of a file.

        Raises:
            ModelError: see :func:`~cssv.perception.transformer.architecture.assemble`.
        """
        self._path = weights.path
        self.architecture, self._tensors = assemble(weights)
        self.name = str(self.architecture)
        self.sha256 = weights.sha256
        self.patch_px = self.architecture.patch_px
        self._positions: dict[tuple[int, int], F32] = {}

    @property
    def prefix(self) -> F32:
        """Input tokens before the patches, (1 + registers, width): class token, registers."""
        return self._tensors.prefix

    def look(self, picture: U8) -> Features:
        """Compute the features of a picture.

        Args:
            picture: (H, W, 3) uint8 RGB, sides multiples of the patch.

        Raises:
            InputError: the picture has another shape or dtype.
            ModelError: the tokens are not finite.
        """
        return self.run(picture)

    def run(self, picture: U8, *, spare: int = 0, watch: Watch | None = None) -> Features:
        """Compute features, optionally with added tokens, and with access to the hidden neurons.

        Args:
            picture: as for :meth:`look`.
            spare: number of untrained tokens, initially zero, added after the patches.
            watch: called in each block with its number and its hidden neurons.
        """
        # Weights of an unknown file can overflow anywhere; one check of the result stands for all warnings.
        with np.errstate(all="ignore"):
            features = self._forward(picture, spare, watch)
        if not all(np.isfinite(each).all() for each in (features.keys, features.tokens, features.norms)):
            raise ModelError(
                f"{self._path} cannot be used: it returns tokens that are not finite",
                found=self.name,
                remedy="The file is damaged, or its weights are not those of a trained model.",
            )
        return features

    def _forward(self, picture: U8, spare: int, watch: Watch | None) -> Features:
        rows, columns = grid_of(picture, self.patch_px)
        x = self._embed(picture, rows, columns, spare)
        norms = np.empty((self.architecture.depth, len(x)))
        keys = x
        for number, block in enumerate(self._tensors.blocks):
            keys = self._attend(block, x)
            hidden = self._hidden(block, x)
            if watch is not None:
                watch(number, hidden)
            x += block.leave(hidden)
            norms[number] = np.sqrt(np.einsum("nd,nd->n", x, x, dtype=np.float64))
        return Features(rows, columns, len(self.prefix), keys, x, norms, tuple(range(len(norms))))

    def writing(self, block: int) -> F64:
        """(hidden,) length that each hidden neuron of a block adds to a token per unit of activation."""
        weight = self._tensors.blocks[block].leave.weight
        squares = np.einsum("oh,oh->h", weight, weight, dtype=np.float64)
        return np.asarray(np.sqrt(squares), dtype=np.float64)

    def _embed(self, picture: U8, rows: int, columns: int, spare: int) -> F32:
        side = self.patch_px
        cut = normalise(picture).reshape(rows, side, columns, side, 3)
        flat = np.ascontiguousarray(cut.transpose(0, 2, 4, 1, 3)).reshape(rows * columns, -1)
        x = self._tensors.patch(flat)
        # All frames of a clip have one size, so a single scaled grid is kept.
        if (rows, columns) not in self._positions:
            scaled = scale_positions(self._tensors.positions, rows, columns, self.architecture.scaling)
            self._positions = {(rows, columns): scaled}
        x += self._positions[rows, columns]
        return np.concatenate([self.prefix, x, np.zeros((spare, x.shape[1]), np.float32)])

    def _attend(self, block: Block, x: F32) -> F32:
        """Add the attention's branch to ``x`` in place; return the keys (n, width)."""
        count, width = x.shape
        size = self.architecture.head
        qkv = block.qkv(self._normed(x, block.norm1))
        query, key, value = (qkv[:, k * width : (k + 1) * width] for k in range(3))
        mixed = np.empty_like(x)
        ones = np.ones(count, np.float32)
        # Head by head: the (n, n) scores of all heads together would need too much memory.
        for start in range(0, width, size):
            head = slice(start, start + size)
            scores = query[:, head] @ key[:, head].T
            # Softmax does not change by a constant; without it exp could overflow.
            scores -= scores.max(axis=1, keepdims=True)
            np.exp(scores, out=scores)
            mixed[:, head] = (scores @ value[:, head]) / (scores @ ones)[:, None]
        x += block.project(mixed)
        return np.ascontiguousarray(key)

    def _hidden(self, block: Block, x: F32) -> F32:
        """Activations of the perceptron's neurons, (n, hidden)."""
        entered = block.enter(self._normed(x, block.norm2))
        if not self.architecture.is_gated:
            for start in range(0, len(entered), _CHUNK):
                gelu(entered[start : start + _CHUNK])
            return entered
        gate, up = np.split(entered, 2, axis=1)
        return np.asarray(gate / (1 + np.exp(-gate)) * up, dtype=np.float32)

    def _normed(self, x: F32, norm: Linear) -> F32:
        """Apply LayerNorm to each row."""
        centred: F32 = x - x.mean(axis=1, keepdims=True)
        variance = np.einsum("nd,nd->n", centred, centred) / np.float32(x.shape[1])
        centred *= (1 / np.sqrt(variance + np.float32(self.architecture.epsilon)))[:, None]
        centred *= norm.weight
        centred += norm.bias
        return centred


def gelu(x: F32) -> None:
    """Compute the GELU x * Phi(x) in place; Phi within 1e-7.

    The error function is by Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: ten times as
    fast as SciPy's, and equally exact in float32.
    """
    z = np.abs(x)
    z *= np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = np.full_like(x, 1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail *= t
        tail += np.float32(coefficient)
    tail *= t
    z *= -z
    np.exp(z, out=z)
    tail *= z
    # tail is 1 - erf(|x| / sqrt 2); Phi is half of it on the left and 1 minus that on the right.
    tail *= np.float32(0.5)
    np.subtract(1, tail, out=tail, where=x > 0)
    x *= tail
