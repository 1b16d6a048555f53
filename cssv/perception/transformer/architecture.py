"""Architecture of a vision transformer, derived from tensor names and shapes, and its checked tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cssv.errors import ModelError
from cssv.perception.transformer.heads import KNOWN, count_heads
from cssv.perception.transformer.naming import Naming, blocks, naming_of, theirs, translate
from cssv.perception.transformer.positions import Scaling
from cssv.perception.transformer.weights import F32, Weights

#: Allowed sides of a patch, in pixels.
PATCH_RANGE = (2, 64)
#: Side of a patch in all DINOv2 models; LayerScale alone does not identify them, as other models have it too.
DINOV2_PATCH_PX = 14
#: Added to a variance before the square root: in ViTModel of Hugging Face, and in all other models.
EPSILON_VIT, EPSILON = 1e-12, 1e-6


@dataclass(frozen=True, slots=True)
class Architecture:
    """The hyperparameters of a vision transformer.

    Attributes:
        patch_px: side of a patch in pixels.
        width: length of a token.
        depth: number of blocks.
        heads: number of attention heads; each uses an equal part of a token.
        hidden: number of neurons of a block's perceptron.
        registers: number of trained register tokens.
        grid: rows, and columns, of the trained position embeddings.
        is_gated: True if the perceptron is a SwiGLU (DINOv2 ViT-g), False for GELU.
        is_scaled: True if branches have a LayerScale, as in DINOv2.
        scaling: method of scaling position embeddings to other grids.
        epsilon: number added to a variance by LayerNorm.
    """

    patch_px: int
    width: int
    depth: int
    heads: int
    hidden: int
    registers: int
    grid: int
    is_gated: bool
    is_scaled: bool
    scaling: Scaling
    epsilon: float

    @property
    def head(self) -> int:
        """Width of an attention head."""
        return self.width // self.heads

    def __str__(self) -> str:
        size = KNOWN.get((self.width, self.depth, self.heads))
        # Only DINOv2 can be identified; DINO v1 has the form of other plain models.
        family = "DINOv2 " if size and self.is_scaled and self.patch_px == DINOV2_PATCH_PX else ""
        count = f"{self.registers or 'no'} register{'' if self.registers == 1 else 's'}"
        return f"{family}ViT-{size or f'{self.width}x{self.depth}'}/{self.patch_px}, {count}"


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A linear layer, ``x @ weight.T + bias``: weight (out, in), bias (out,)."""

    weight: F32
    bias: F32

    def __call__(self, x: F32) -> F32:
        """Apply the layer: (n, in) -> (n, out)."""
        result: F32 = x @ self.weight.T
        result += self.bias
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The tensors of one block, with LayerScale and the attention's 1/sqrt(head) folded into the weights."""

    norm1: Linear
    qkv: Linear
    project: Linear
    norm2: Linear
    enter: Linear
    leave: Linear


@dataclass(frozen=True, slots=True, eq=False)
class Tensors:
    """All tensors of a model.

    Attributes:
        patch: (width, 3 * patch * patch) in the order channel, row, column.
        prefix: (1 + registers, width): class token with its position, then registers.
        positions: (grid * grid, width).
        blocks: tensors of each block.
    """

    patch: Linear
    prefix: F32
    positions: F32
    blocks: tuple[Block, ...]


@dataclass(slots=True)
class _Shelf:
    """Tensors by our names, each checked on access."""

    weights: Weights
    names: Mapping[str, str]

    def shape(self, name: str) -> tuple[int, ...]:
        if name not in self.names:
            raise ModelError(
                f"{self.weights.path} lacks a tensor of a vision transformer",
                found=f"no {theirs(name)}",
                remedy="Give the weights of a whole model.",
            )
        return self.weights.tensors[self.names[name]].shape

    def take(self, name: str, *shape: int) -> F32:
        """Return a tensor of exactly this shape; further axes of length 1 may come first."""
        # The same token is stored with one or two axes of length 1, depending on the program.
        found = self.shape(name)
        if found[len(found) - len(shape) :] != shape or math.prod(found) != math.prod(shape):
            raise ModelError(
                f"{self.weights.path} is not a vision transformer: tensor {self.names[name]} "
                "has a wrong shape",
                found=str(found),
                bound=str(shape),
            )
        return self.weights.get(self.names[name]).reshape(shape)

    def linear(self, name: str, *shape: int) -> Linear:
        """Return a layer with weight and bias; a missing bias is 0."""
        weight = self.take(f"{name}.weight", *shape)
        is_given = f"{name}.bias" in self.names
        bias = self.take(f"{name}.bias", shape[0]) if is_given else np.zeros(shape[0], np.float32)
        return Linear(weight, bias)

    def joined(self, names: tuple[str, ...], out: int, into: int) -> Linear:
        """Join several layers with the same input into one, because a single product is faster."""
        parts = [self.linear(name, out // len(names), into) for name in names]
        return Linear(np.concatenate([p.weight for p in parts]), np.concatenate([p.bias for p in parts]))


def assemble(weights: Weights) -> tuple[Architecture, Tensors]:
    """Derive the architecture of a model, and check and order all of its tensors.

    Raises:
        ModelError: the file does not contain a supported vision transformer, or a tensor is missing, has
            another shape, or has values that are not finite.
    """
    names = translate(weights.path, weights.tensors)
    shelf = _Shelf(weights, names)
    kind = _infer(shelf)
    side = kind.patch_px
    patch = shelf.linear("patch", kind.width, 3, side, side)
    registers = shelf.take("registers", kind.registers, kind.width) if kind.registers else None
    positions = shelf.take("positions", shelf.shape("positions")[-2], kind.width)
    first = shelf.take("class", 1, kind.width)
    # Some programs store a position for the class token, in front of the patches' positions.
    if len(positions) > kind.grid**2:
        first = first + positions[:1]
    return kind, Tensors(
        patch=Linear(patch.weight.reshape(kind.width, -1), patch.bias),
        prefix=first if registers is None else np.concatenate([first, registers]),
        positions=positions[-(kind.grid**2) :],
        blocks=tuple(_block(shelf, kind, number) for number in range(kind.depth)),
    )


def _infer(shelf: _Shelf) -> Architecture:
    path, names = shelf.weights.path, shelf.names
    patch = shelf.shape("patch.weight")
    positions = shelf.shape("positions")
    numbers = list(blocks(names))
    low, high = PATCH_RANGE
    if len(patch) != 4 or patch[1] != 3 or patch[2] != patch[3] or not low <= patch[2] <= high:
        raise ModelError(
            f"{path} does not take square patches of RGB pictures",
            found=f"{names['patch.weight']} of shape {patch}",
            bound=f"(width, 3, side, side), side {low} to {high}",
        )
    width = patch[0]
    if not numbers or numbers != list(range(len(numbers))):
        raise ModelError(
            f"{path} has blocks missing",
            found=f"blocks {numbers}",
            bound="0, 1, 2 ...",
            remedy="Give the weights of a whole model in one file.",
        )
    # The number of positions is a square, or one more with the class token's.
    count = positions[-2] if len(positions) > 1 else 0
    grid = max(
        (s for s in (math.isqrt(count), math.isqrt(max(count - 1, 0))) if s * s in (count, count - 1)),
        default=0,
    )
    if not grid:
        raise ModelError(
            f"{path} has position embeddings that form no square of patches", found=str(positions)
        )
    registers = _register_count(shelf)
    enter, leave = _perceptron(shelf)
    naming, is_scaled = naming_of(names, shelf.weights.tensors), "0.scale1" in names
    return Architecture(
        patch_px=patch[2],
        width=width,
        depth=len(numbers),
        heads=count_heads(shelf.weights, width, len(numbers)),
        hidden=leave,
        registers=registers,
        grid=grid,
        is_gated=enter == 2 * leave,
        is_scaled=is_scaled,
        scaling=Scaling.from_naming(naming, is_plain=not registers),
        epsilon=_epsilon(naming, is_scaled=is_scaled),
    )


def _register_count(shelf: _Shelf) -> int:
    """Number of trained registers, each a row of the tensor."""
    if "registers" not in shelf.names:
        return 0
    shape = shelf.shape("registers")
    if len(shape) < 2:
        raise ModelError(
            f"{shelf.weights.path} has registers of a wrong shape",
            found=str(shape),
            bound="(1, registers, width)",
        )
    return shape[-2]


def _epsilon(naming: Naming, *, is_scaled: bool) -> float:
    """Epsilon of LayerNorm: ViTModel of Hugging Face differs from the original, its Dinov2Model does not."""
    return EPSILON_VIT if naming == "huggingface" and not is_scaled else EPSILON


def _perceptron(shelf: _Shelf) -> tuple[int, int]:
    """Rows of the first block's input layer of the perceptron, and columns of its output layer."""
    # A SwiGLU has twice as many rows; some programs store the two halves as separate tensors.
    leave = shelf.shape("0.leave.weight")[-1:]
    parts = ("0.gate", "0.up") if "0.gate.weight" in shelf.names else ("0.enter",)
    enter = sum(sum(shelf.shape(f"{part}.weight")[:1]) for part in parts)
    return enter, sum(leave)


def _block(shelf: _Shelf, kind: Architecture, number: int) -> Block:
    width, names = kind.width, shelf.names
    at = f"{number}."
    qkv = (
        (f"{at}qkv",) if f"{at}qkv.weight" in names else tuple(f"{at}{n}" for n in ("query", "key", "value"))
    )
    enter = (f"{at}gate", f"{at}up") if f"{at}gate.weight" in names else (f"{at}enter",)
    attention = shelf.joined(qkv, 3 * width, width)
    # The scale of the queries is folded into the weights, so that the forward pass is spared it.
    root = np.concatenate([np.full(width, kind.head**-0.5, np.float32), np.ones(2 * width, np.float32)])
    return Block(
        norm1=shelf.linear(f"{at}norm1", width),
        qkv=_scaled(attention, root),
        project=_layer_scaled(shelf, kind, f"{at}scale1", shelf.linear(f"{at}project", width, width)),
        norm2=shelf.linear(f"{at}norm2", width),
        enter=shelf.joined(enter, kind.hidden * (1 + kind.is_gated), width),
        leave=_layer_scaled(shelf, kind, f"{at}scale2", shelf.linear(f"{at}leave", width, kind.hidden)),
    )


def _layer_scaled(shelf: _Shelf, kind: Architecture, name: str, layer: Linear) -> Linear:
    return _scaled(layer, shelf.take(name, kind.width)) if kind.is_scaled else layer


def _scaled(layer: Linear, by: F32) -> Linear:
    """Scale each output of a layer."""
    # What overflows here shows as a token that is not finite, which is an error of its own.
    with np.errstate(over="ignore", invalid="ignore"):
        return Linear(layer.weight * by[:, None], layer.bias * by)
