"""Number of attention heads of a vision transformer, which does not follow from the tensor shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cssv.errors import ModelError
from cssv.files.bounded import read_at_most
from cssv.perception.transformer.weights import Weights

#: Width, depth and heads of the published models of DINO v1 and DINOv2.
KNOWN: Mapping[tuple[int, int, int], str] = MappingProxyType(
    {(384, 12, 6): "S", (768, 12, 12): "B", (1024, 24, 16): "L", (1536, 40, 24): "g"}
)
#: Key of the number of heads in a file's metadata and in Hugging Face's configuration beside it.
HEADS = "num_attention_heads"
CONFIG = "config.json"
#: Largest size of a configuration, bytes.
LARGEST_CONFIG = 1_000_000


def count_heads(weights: Weights, width: int, depth: int) -> int:
    """Number of heads from the file's metadata, else the configuration beside it, else published models.

    A configuration is used only if its width and depth are those of the file.

    Args:
        weights: the file.
        width: length of a token.
        depth: number of blocks.

    Raises:
        ModelError: the number is not found or does not divide the width, or the configuration has an
            activation that is not supported.
    """
    heads: object = weights.metadata.get(HEADS)
    if heads is None:
        config = _read_config(weights.path.with_name(CONFIG))
        # A folder may contain the configuration of another model.
        fits = (config.get("hidden_size"), config.get("num_hidden_layers")) == (width, depth)
        heads = config.get(HEADS) if fits else None
        if fits and config.get("hidden_act", "gelu") != "gelu":
            raise ModelError(
                f"{weights.path} has another activation",
                found=str(config["hidden_act"]),
                bound="gelu",
                remedy="Export the model to ONNX.",
            )
    if heads is None:
        heads = next((known[2] for known in KNOWN if known[:2] == (width, depth)), None)
    if heads is None:
        raise ModelError(
            f"{weights.path} does not state how many heads its attention has",
            found=f"tokens {width} wide, {depth} blocks",
            bound=", ".join(f"ViT-{name} {wide} x {deep}" for (wide, deep, _), name in KNOWN.items()),
            remedy=f"Put the model's {CONFIG} of Hugging Face beside the file, or save it with "
            f"metadata={{'{HEADS}': '16'}} or whatever the number is.",
        )
    # Metadata are texts of any length from an unknown file.
    text = str(heads)
    count = int(text) if text.isdecimal() and len(text) < 6 else 0
    if not count or not width or width % count:
        raise ModelError(
            f"{weights.path} has an impossible number of heads",
            found=f"{HEADS} {heads} of tokens {width} wide",
            bound="a divisor of the width",
            remedy=f"Correct it in the file's metadata, or in the {CONFIG} beside it.",
        )
    return count


def _read_config(path: Path) -> dict[str, Any]:
    """Read a configuration; empty if there is none or it cannot be read."""
    # The configuration is optional, so a damaged one is not an error of the weights. A pipe would hang.
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            raw = read_at_most(file, LARGEST_CONFIG)
        config = None if raw is None else json.loads(raw)
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}
