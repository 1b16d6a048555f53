"""What kind of vision transformer a file holds, told by names and shapes alone, and its tensors in order."""

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

#: Sides of a patch that make sense, in pixels.
PATCH_RANGE = (2, 64)
#: Side of a patch of every DINOv2; other models have a LayerScale, too.
DINOV2_PATCH_PX = 14
#: Added to a variance before its root is taken: by ViTModel of Hugging Face, and by all others.
EPSILON_VIT, EPSILON = 1e-12, 1e-6


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers of a vision transformer.

    Attributes:
        patch_px: side of a patch in pixels.
        width: numbers in a token.
        depth: blocks.
        heads: of the attention; each takes as large a part of a token.
        hidden: neurons of a block's perceptron.
        registers: trained register tokens.
        grid: rows, and columns, of the patches that the position embeddings were trained for.
        is_gated: the perceptron is a SwiGLU (DINOv2 ViT-g), else GELU.
        is_scaled: branches have a LayerScale, as in DINOv2.
        scaling: how position embeddings are scaled to other grids.
        epsilon: what a LayerNorm adds to a variance.
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
        # DINO v1 has nothing that tells it from other plain models.
        family = "DINOv2 " if size and self.is_scaled and self.patch_px == DINOV2_PATCH_PX else ""
        count = f"{self.registers or 'no'} register{'' if self.registers == 1 else 's'}"
        return f"{family}ViT-{size or f'{self.width}x{self.depth}'}/{self.patch_px}, {count}"


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """``x @ weight.T + bias``: weight (out, in), bias (out,)."""

    weight: F32
    bias: F32

    def __call__(self, x: F32) -> F32:
        """(n, in) -> (n, out)."""
        result: F32 = x @ self.weight.T
        result += self.bias
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The tensors of one block; LayerScale and the attention's 1/sqrt(head) are in the weights already."""

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
        blocks: one each.
    """

    patch: Linear
    prefix: F32
    positions: F32
    blocks: tuple[Block, ...]


@dataclass(slots=True)
class _Shelf:
    """Tensors by our names, each checked as it is taken."""

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
        """A tensor of just this shape; the first axes may be of length 1 besides."""
        found = self.shape(name)
        if found[len(found) - len(shape) :] != shape or math.prod(found) != math.prod(shape):
            raise ModelError(
                f"{self.weights.path} is no vision transformer: tensor {self.names[name]} has a wrong shape",
                found=str(found),
                bound=str(shape),
            )
        return self.weights.get(self.names[name]).reshape(shape)

    def linear(self, name: str, *shape: int) -> Linear:
        """Weight and bias; a bias that was left out is 0."""
        weight = self.take(f"{name}.weight", *shape)
        is_given = f"{name}.bias" in self.names
        bias = self.take(f"{name}.bias", shape[0]) if is_given else np.zeros(shape[0], np.float32)
        return Linear(weight, bias)

    def joined(self, names: tuple[str, ...], out: int, into: int) -> Linear:
        """Several layers of the same input as one."""
        parts = [self.linear(name, out // len(names), into) for name in names]
        return Linear(np.concatenate([p.weight for p in parts]), np.concatenate([p.bias for p in parts]))


def assemble(weights: Weights) -> tuple[Architecture, Tensors]:
    """Find out what model a file holds, and check and order all of its tensors.

    Raises:
        ModelError: it holds no vision transformer that is known here, or a tensor is missing or of another
            shape, or holds values that are not finite.
    """
    names = translate(weights.path, weights.tensors)
    shelf = _Shelf(weights, names)
    kind = _infer(shelf)
    side = kind.patch_px
    patch = shelf.linear("patch", kind.width, 3, side, side)
    registers = shelf.take("registers", kind.registers, kind.width) if kind.registers else None
    positions = shelf.take("positions", shelf.shape("positions")[-2], kind.width)
    first = shelf.take("class", 1, kind.width)
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
    width = patch[0]
    low, high = PATCH_RANGE
    if len(patch) != 4 or patch[1] != 3 or patch[2] != patch[3] or not low <= patch[2] <= high:
        raise ModelError(
            f"{path} does not look at square patches of RGB pictures",
            found=f"{names['patch.weight']} of shape {patch}",
            bound=f"(width, 3, side, side), side {low} to {high}",
        )
    if not numbers or numbers != list(range(len(numbers))):
        raise ModelError(
            f"{path} has blocks missing",
            found=f"blocks {numbers}",
            bound="0, 1, 2 ...",
            remedy="Give the weights of a whole model; a part of several is none.",
        )
    count = positions[-2] if len(positions) > 1 else 0
    grid = max(
        (s for s in (math.isqrt(count), math.isqrt(max(count - 1, 0))) if s * s in (count, count - 1)),
        default=0,
    )
    if not grid:
        raise ModelError(f"{path} has position embeddings for no square of patches", found=str(positions))
    registers = shelf.shape("registers")[-2:][0] if "registers" in names else 0
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


def _epsilon(naming: Naming, *, is_scaled: bool) -> float:
    """Their Dinov2Model keeps to Facebook's number, their ViTModel does not."""
    return EPSILON_VIT if naming == "huggingface" and not is_scaled else EPSILON


def _perceptron(shelf: _Shelf) -> tuple[int, int]:
    """Rows of the layer that enters the first perceptron, columns of the one that leaves it."""
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
    """The same layer with each of its outputs multiplied."""
    return Linear(layer.weight * by[:, None], layer.bias * by)
