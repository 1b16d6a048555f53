"""The forward pass against Hugging Face transformers on torch, in the real architectures with random weights.

Nothing is downloaded: models are made of configurations. Everything that imports torch is in this file and
in one group, so that one process pays for it.
"""

from __future__ import annotations

import os
import sys
import warnings

import numpy as np
import pytest

from cssv.perception.transformer import VisionTransformer, load_transformer
from cssv.perception.transformer.features import normalise
from cssv.perception.transformer.positions import Scaling, scale_positions
from tests.perception.transformer.tensor_files import needed, picture, save

pytestmark = pytest.mark.filterwarnings("ignore")
SMALL = {"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 70}


@pytest.fixture(scope="module")
def libraries():
    """torch and transformers, without a torchvision that may be built for another torch."""
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in quiet.items():
            patch.setenv(name, value)
        patch.setitem(sys.modules, "torchvision", None)
        try:
            import torch
            import transformers

            # Loaded when asked for, so they are asked for while torchvision is away.
            models = (transformers.ViTModel, transformers.Dinov2Model, transformers.Dinov2WithRegistersModel)
        except ImportError as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{error.name} is missing and CI=true")
            pytest.skip(f"{error.name} is missing")
        assert all(models)
        torch.manual_seed(0)
        yield torch, transformers


KINDS = {
    "ViT": ("ViT", {"patch_size": 14, "intermediate_size": 512}),
    "ViT8": ("ViT", {"patch_size": 7, "intermediate_size": 512}),
    "narrow heads": (
        "ViT",
        {"hidden_size": 192, "num_attention_heads": 6, "patch_size": 14, "intermediate_size": 512},
    ),
    "wide heads": ("Dinov2", {"hidden_size": 160, "num_attention_heads": 2, "patch_size": 14}),
    "Dinov2": ("Dinov2", {"patch_size": 14}),
    "SwiGLU": ("Dinov2", {"patch_size": 14, "use_swiglu_ffn": True}),
    "registers": ("Dinov2WithRegisters", {"patch_size": 14}),
    "registers, SwiGLU": (
        "Dinov2WithRegisters",
        {"patch_size": 7, "use_swiglu_ffn": True, "num_register_tokens": 2},
    ),
    "ViT-S/16": (
        "ViT",
        {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6, "intermediate_size": 1536}
        | {"patch_size": 16, "image_size": 224},
    ),
}


def made(libraries, kind):
    torch, transformers = libraries
    family, options = KINDS[kind]
    config = getattr(transformers, f"{family}Config")(**(SMALL | options))
    model = getattr(transformers, f"{family}Model")(config).eval()
    for name, parameter in model.named_parameters():
        # Much starts at 0 or 1, where a mistake would not show.
        if parameter.ndim < 2 or "token" in name or "position" in name:
            parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def watched(libraries, model, shown):
    """Output, hidden states and the last block's keys."""
    torch, _ = libraries
    keys = []
    last = [m for name, m in model.named_modules() if name.endswith(("k_proj", "attention.key"))][-1]
    handle = last.register_forward_hook(lambda *call: keys.append(call[2][0].numpy()))
    pixels = torch.tensor(normalise(shown)).permute(2, 0, 1)[None]
    extra = {"interpolate_pos_encoding": True} if type(model).__name__ == "ViTModel" else {}
    with torch.no_grad():
        out = model(pixels, output_hidden_states=True, **extra)
    handle.remove()
    return out.last_hidden_state[0].numpy(), [each[0].numpy() for each in out.hidden_states], keys[0]


def finished(libraries, model, tokens):
    """Tokens after the final LayerNorm."""
    torch, _ = libraries
    with torch.no_grad():
        return model.layernorm(torch.tensor(tokens)).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_as_transformers_computes_it(libraries, tmp_path, kind):
    theirs = made(libraries, kind)
    theirs.save_pretrained(tmp_path)
    ours = load_transformer(tmp_path / "model.safetensors")
    assert isinstance(ours, VisionTransformer)
    grids = ((14, 14), (7, 12)) if kind == "ViT-S/16" else ((10, 10), (5, 5), (3, 8), (12, 9))
    for rows, columns in grids:
        shown = picture(rows, columns, ours.patch_px)
        last, states, keys = watched(libraries, theirs, shown)
        features = ours.look(shown)
        np.testing.assert_allclose(features.keys, keys, atol=2e-4)
        np.testing.assert_allclose(finished(libraries, theirs, features.tokens), last, atol=2e-4)
        assert len(features.norms) == len(states) - 1
        for norms, state in zip(features.norms, states[1:], strict=True):
            # The last of their hidden states may be given after the final LayerNorm.
            if state is not states[-1] or not np.allclose(state, last):
                np.testing.assert_allclose(norms, np.linalg.norm(state, axis=1), rtol=1e-4)


def test_tensors_as_they_are_held_in_memory(libraries, tmp_path):
    for kind in ("ViT", "SwiGLU", "registers"):
        theirs = made(libraries, kind)
        state = {name: value.numpy() for name, value in theirs.state_dict().items()}
        ours = load_transformer(save(tmp_path / "x.safetensors", state))
        shown = picture(5, 5, ours.patch_px)
        last, _, _ = watched(libraries, theirs, shown)
        np.testing.assert_allclose(finished(libraries, theirs, ours.look(shown).tokens), last, atol=2e-4)


def test_an_export_by_torch_is_the_same_model(libraries, tmp_path):
    torch, _ = libraries
    needed("onnx")
    needed("onnxruntime")
    theirs = made(libraries, "Dinov2")

    class Everything(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = theirs

        def forward(self, pixel_values):
            out = self.inner(pixel_values, output_hidden_states=True)
            return (out.last_hidden_state, *out.hidden_states)

    names = ["last_hidden_state", *(f"hidden_states.{n}" for n in range(4))]
    blank = (torch.zeros(1, 3, 112, 140),)
    path = tmp_path / "x.onnx"
    torch.onnx.export(Everything(), blank, path, output_names=names, dynamo=False, opset_version=17)
    theirs.save_pretrained(tmp_path)
    exported, ours = load_transformer(path), load_transformer(tmp_path / "model.safetensors")
    assert (exported.patch_px, exported.size) == (14, (140, 112))
    shown = picture(8, 10, 14)
    found, expected = exported.look(shown), ours.look(shown)
    assert (found.rows, found.columns, found.first) == (expected.rows, expected.columns, expected.first)
    np.testing.assert_allclose(found.norms, expected.norms, rtol=1e-4)
    np.testing.assert_allclose(found.keys, finished(libraries, theirs, expected.tokens), atol=2e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_as_saved(libraries, tmp_path, dtype):
    torch, _ = libraries
    theirs = made(libraries, "registers").to(getattr(torch, dtype))
    theirs.save_pretrained(tmp_path)
    ours = load_transformer(tmp_path / "model.safetensors")
    shown = picture(5, 5, ours.patch_px)
    last, _, _ = watched(libraries, theirs.float(), shown)
    np.testing.assert_allclose(finished(libraries, theirs, ours.look(shown).tokens), last, atol=2e-4)


@pytest.mark.parametrize(
    ("side", "rows", "columns"),
    [(37, 16, 24), (37, 32, 24), (14, 28, 21), (14, 9, 30), (5, 3, 4), (37, 1, 2)],
)
def test_positions_as_torch_interpolates_them(libraries, side, rows, columns):
    torch, _ = libraries
    grid = np.random.default_rng(0).standard_normal((side * side, 8)).astype(np.float32)
    tensor = torch.tensor(grid).reshape(1, side, side, 8).permute(0, 3, 1, 2)
    # What DINO and DINOv2 ask torch for, and what those with registers, and timm, do.
    factors = ((rows + 0.1) / side, (columns + 0.1) / side)
    for scaling, asked in (
        (Scaling(), {"size": (rows, columns)}),
        (Scaling(0.1), {"scale_factor": factors}),
        (Scaling(is_smooth=True), {"size": (rows, columns), "antialias": True}),
    ):
        scaled = torch.nn.functional.interpolate(tensor, mode="bicubic", **asked)
        expected = scaled.permute(0, 2, 3, 1).reshape(-1, 8).numpy()
        np.testing.assert_allclose(scale_positions(grid, rows, columns, scaling), expected, atol=5e-5)
