"""Translation of the tensor names of a vision transformer to ours.

Three namings are supported: Facebook's (torch hub: DINO, DINOv2), timm's, and Hugging Face transformers'
(ViTModel, Dinov2Model, Dinov2WithRegistersModel; as saved and as in memory). A tensor that the forward pass
does not use is an error, because the model then computes something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from cssv.errors import ModelError

Naming = Literal["facebook", "timm", "huggingface"]

#: Our name -> theirs, in front of ".weight" and ".bias", outside the blocks.
STEM: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "patch": ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
        "class": ("cls_token", "embeddings.cls_token"),
        "registers": ("register_tokens", "reg_token", "embeddings.register_tokens"),
        "positions": ("pos_embed", "embeddings.position_embeddings"),
        "norm": ("norm", "layernorm"),
    }
)
#: The same within a block.
BLOCK: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "norm1": ("norm1", "layernorm_before"),
        "qkv": ("attn.qkv",),
        "query": ("attention.attention.query", "attention.q_proj"),
        "key": ("attention.attention.key", "attention.k_proj"),
        "value": ("attention.attention.value", "attention.v_proj"),
        "project": ("attn.proj", "attention.output.dense", "attention.o_proj"),
        "scale1": ("ls1.gamma", "layer_scale1.lambda1"),
        "norm2": ("norm2", "layernorm_after"),
        "gate": ("mlp.gate_proj",),
        "up": ("mlp.up_proj",),
        "enter": ("mlp.fc1", "mlp.w12", "mlp.weights_in", "intermediate.dense"),
        "leave": ("mlp.fc2", "mlp.w3", "mlp.weights_out", "mlp.down_proj", "output.dense"),
        "scale2": ("ls2.gamma", "layer_scale2.lambda1"),
    }
)
#: Parts applied after the tokens, or used only in training.
_UNUSED = re.compile(
    r"(embeddings\.)?mask_token$|(head|head_dist|classifier|pooler|fc_norm|dino_head|ibot_head)\."
)
_BLOCK = re.compile(r"(?:blocks|encoder\.layer|layers)\.(?:\d+\.)?(\d{1,4})\.(.+)", re.ASCII)
_OURS = {
    **{theirs: ours for ours, names in STEM.items() for theirs in names},
    **{f"#.{theirs}": f"#.{ours}" for ours, names in BLOCK.items() for theirs in names},
}


def translate(path: Path, names: Mapping[str, object]) -> dict[str, str]:
    """Our name -> the name in the file: ``patch.weight``, ``class``, ``3.qkv.bias``, ``3.scale1`` ...

    Raises:
        ModelError: the names are not those of a supported transformer.
    """
    prefix = _prefix(path, names)
    found: dict[str, str] = {}
    for name in names:
        if not name.startswith(prefix) or _UNUSED.match(name.removeprefix(prefix)):
            continue
        ours = _ours(name.removeprefix(prefix))
        # A second tensor of the same meaning is as unclear as an unknown one.
        if ours is None or ours in found:
            raise ModelError(
                f"{path} is not a vision transformer of a supported kind",
                found=f"tensor {name}",
                bound="DINO v1 or DINOv2 in the names of Facebook, timm or Hugging Face",
            )
        found[ours] = name
    return found


def _prefix(path: Path, names: Mapping[str, object]) -> str:
    """Common prefix of the names, such as ``backbone.``, found from the projection of the patches."""
    # Every model has exactly one such projection, so two of them are two models.
    ends = [f"{name}.weight" for name in STEM["patch"]]
    prefixes = [name.removesuffix(end) for name in names for end in ends if name.endswith(end)]
    prefixes = [prefix for prefix in prefixes if prefix == "" or prefix.endswith(".")]
    if len(prefixes) != 1:
        several = f"several models: {', '.join(sorted(prefixes))}" if prefixes else _few(names)
        raise ModelError(
            f"{path} does not contain exactly one vision transformer",
            found=several,
            bound=f"one tensor {' or '.join(ends)}",
            remedy="Give the weights of DINO v1 or DINOv2 alone.",
        )
    return prefixes[0]


def _few(names: Mapping[str, object]) -> str:
    shown = sorted(names)[:3]
    return f"{len(names)} tensors: {', '.join(shown)}{' ...' if len(names) > len(shown) else ''}"


def _ours(name: str) -> str | None:
    """Translate one name to ours; None if it is unknown."""
    block = _BLOCK.fullmatch(name)
    number, inner = (block[1], f"#.{block[2]}") if block else ("", name)
    stem, _, kind = inner.rpartition(".")
    ours = _OURS.get(inner)
    if ours is None and kind in ("weight", "bias") and stem in _OURS:
        ours = f"{_OURS[stem]}.{kind}"
    return None if ours is None else ours.replace("#", str(int(number)) if number else "#")


def theirs(ours: str) -> str:
    """Other programs' names of a tensor: ``blocks.3.mlp.fc1.weight or blocks.3.mlp.w12.weight or ...``."""
    number, _, inner = ours.partition(".")
    if not number.isdecimal():
        number, inner = "", ours
    stem, _, kind = inner.partition(".")
    start, end = f"blocks.{number}." if number else "", f".{kind}" if kind else ""
    return " or ".join(f"{start}{name}{end}" for name in (BLOCK if number else STEM)[stem])


def naming_of(names: Mapping[str, str], given: Mapping[str, object]) -> Naming:
    """Detect the program of the names, which determines the scaling of position embeddings.

    timm and Facebook use the same names for most tensors. timm names registers ``reg_token``, and removes the
    mask token, which each DINOv2 of Facebook has.
    """
    if "embeddings" in names["patch.weight"]:
        return "huggingface"
    if "registers" in names:
        return "timm" if names["registers"].endswith("reg_token") else "facebook"
    is_masked = any(name.endswith("mask_token") for name in given)
    return "timm" if "0.scale1" in names and not is_masked else "facebook"


def blocks(names: Mapping[str, str]) -> Iterator[int]:
    """Yield the numbers of the blocks, ascending."""
    yield from sorted({int(name.partition(".")[0]) for name in names if name[0].isdecimal()})
