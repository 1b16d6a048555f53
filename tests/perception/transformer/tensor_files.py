"""Safetensors written by hand, and vision transformers of random weights under everybody's names."""

from __future__ import annotations

import importlib
import json
import os
import struct

import numpy as np
import pytest

KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


def needed(name):
    """A package of other people; a test without it is skipped, and fails in CI."""
    try:
        return importlib.import_module(name)
    except ImportError:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{name} is missing")


def coded(array, dtype):
    if dtype == "BF16":
        return (np.asarray(array, "<f4").view(np.uint32) >> 16).astype("<u2").tobytes()
    return np.asarray(array, KINDS[dtype]).tobytes()


def pack(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def save(path, tensors, dtype="F32", heads=None):
    """Write a file; its metadata tell ``heads``, by default as many as are 64 wide; 0 tells nothing."""
    if heads is None:
        widths = [array.shape[0] for array in tensors.values() if array.ndim == 4]
        heads = max(max(widths, default=64) // 64, 1)
    metadata = {"format": "pt"} | ({"num_attention_heads": str(heads)} if heads else {})
    header, data = {"__metadata__": metadata}, []
    end = 0
    for name, array in tensors.items():
        raw = coded(array, dtype)
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [end, end + len(raw)]}
        end += len(raw)
        data.append(raw)
    path.write_bytes(pack(header, b"".join(data)))
    return path


def facebook(
    *, width=64, depth=2, patch=4, grid=3, hidden=None, registers=0, scaled=True, gated=False, seed=0, std=0.1
):
    """A DINO (``scaled=False``) or DINOv2 as torch hub names it."""
    rng = np.random.default_rng(seed)
    hidden = hidden or 4 * width

    def random(*shape, about=0.0):
        return (about + std * rng.standard_normal(shape)).astype(np.float32)

    tensors = {
        "cls_token": random(1, 1, width),
        "pos_embed": random(1, 1 + grid * grid, width),
        "patch_embed.proj.weight": random(width, 3, patch, patch),
        "patch_embed.proj.bias": random(width),
    }
    if scaled:
        tensors["mask_token"] = random(1, width)
    if registers:
        tensors["register_tokens"] = random(1, registers, width)
    for number in range(depth):
        at = f"blocks.{number}."
        for norm in ("norm1", "norm2"):
            tensors[f"{at}{norm}.weight"] = random(width, about=1.0)
            tensors[f"{at}{norm}.bias"] = random(width)
        tensors[f"{at}attn.qkv.weight"] = random(3 * width, width)
        tensors[f"{at}attn.qkv.bias"] = random(3 * width)
        tensors[f"{at}attn.proj.weight"] = random(width, width)
        tensors[f"{at}attn.proj.bias"] = random(width)
        enter, leave = ("w12", "w3") if gated else ("fc1", "fc2")
        tensors[f"{at}mlp.{enter}.weight"] = random(hidden * (1 + gated), width)
        tensors[f"{at}mlp.{enter}.bias"] = random(hidden * (1 + gated))
        tensors[f"{at}mlp.{leave}.weight"] = random(width, hidden)
        tensors[f"{at}mlp.{leave}.bias"] = random(width)
        if scaled:
            tensors[f"{at}ls1.gamma"] = random(width, about=0.7)
            tensors[f"{at}ls2.gamma"] = random(width, about=0.7)
    tensors["norm.weight"] = random(width, about=1.0)
    tensors["norm.bias"] = random(width)
    return tensors


def renamed(tensors, pairs):
    result = {}
    for name, array in tensors.items():
        for old, new in pairs:
            name = name.replace(old, new)
        result[name] = array
    return result


def timm(tensors):
    """The same under timm's names; a model with registers has its class position in the class token."""
    result = {name: array for name, array in tensors.items() if name != "mask_token"}
    result = renamed(result, [("register_tokens", "reg_token"), ("w12", "fc1"), ("w3", "fc2")])
    if "reg_token" in result:
        result["cls_token"] = result["cls_token"] + result["pos_embed"][:, :1]
        result["pos_embed"] = result["pos_embed"][:, 1:]
    return result


def huggingface(tensors, *, held=False):
    """The same as transformers saves it, or ``held`` as it holds it in memory."""
    is_scaled = "blocks.0.ls1.gamma" in tensors
    at = "encoder.layer." if is_scaled or not held else "layers."
    pairs = [
        ("cls_token", "embeddings.cls_token"),
        ("mask_token", "embeddings.mask_token"),
        ("register_tokens", "embeddings.register_tokens"),
        ("pos_embed", "embeddings.position_embeddings"),
        ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
        ("attn.proj", "attention.o_proj" if held else "attention.output.dense"),
        ("ls1.gamma", "layer_scale1.lambda1"),
        ("ls2.gamma", "layer_scale2.lambda1"),
        *(() if is_scaled else (("norm1", "layernorm_before"), ("norm2", "layernorm_after"))),
        *(() if is_scaled or held else (("mlp.fc1", "intermediate.dense"), ("mlp.fc2", "output.dense"))),
        ("mlp.w12", "mlp.weights_in"),
        ("mlp.w3", "mlp.down_proj" if held else "mlp.weights_out"),
        ("blocks.", at),
    ]
    result = {}
    for name, array in renamed(tensors, pairs).items():
        if name in ("norm.weight", "norm.bias"):
            result[f"layer{name}"] = array
        elif ".attn.qkv." in name:
            for word, short, part in zip(("query", "key", "value"), "qkv", np.split(array, 3), strict=True):
                theirs = f"attention.{short}_proj" if held else f"attention.attention.{word}"
                result[name.replace("attn.qkv", theirs)] = part
        elif "weights_in" in name and held:
            for word, part in zip(("gate_proj", "up_proj"), np.split(array, 2), strict=True):
                result[name.replace("weights_in", word)] = part
        else:
            result[name] = array
    return result


def picture(rows, columns, patch=4, seed=0):
    """(H, W, 3) uint8 RGB noise."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (rows * patch, columns * patch, 3), dtype=np.uint8)
