"""The forward pass against the same written out with loops; every naming; files that are something else."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr

from cssv.errors import InputError, ModelError, OptionError
from cssv.perception.transformer import VisionTransformer, load_transformer
from cssv.perception.transformer.features import MOST_PATCHES, SIDE_RANGE, fit, normalise, working_size
from cssv.perception.transformer.network import gelu
from cssv.perception.transformer.positions import Scaling, scale_positions
from cssv.perception.transformer.weights import read_weights
from tests.perception.transformer.tensor_files import facebook, huggingface, picture, save, timm

KINDS = {
    "DINO v1": {"scaled": False},
    "DINOv2": {},
    "registers": {"registers": 4},
    "SwiGLU": {"gated": True, "hidden": 40, "registers": 1},
    "one block": {"depth": 1, "width": 128, "patch": 2},
}


def literal(tensors, shown, *, head=64, epsilon=1e-6):  # noqa: C901 - one loop in the other, as one reads the papers
    """Keys of the last block, tokens, and norms after each block, in float64, one number at a time."""
    t = {name: array.astype(np.float64) for name, array in tensors.items()}
    patch = t["patch_embed.proj.weight"].shape[2]
    height, width = shown.shape[:2]
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    tokens = [t["cls_token"][0, 0] + t["pos_embed"][0, 0]]
    tokens += list(t.get("register_tokens", np.empty((1, 0, 1)))[0])
    for row in range(0, height, patch):
        for column in range(0, width, patch):
            token = t["patch_embed.proj.bias"].copy()
            for y in range(patch):
                for x in range(patch):
                    for c in range(3):
                        value = (shown[row + y, column + x, c] / 255 - mean[c]) / deviation[c]
                        token = token + t["patch_embed.proj.weight"][:, c, y, x] * value
            number = 1 + row // patch * (width // patch) + column // patch
            tokens.append(token + t["pos_embed"][0, number])

    def normed(x, name):
        return (x - x.mean()) / np.sqrt(x.var() + epsilon) * t[f"{name}.weight"] + t[f"{name}.bias"]

    def linear(x, name):
        return t[f"{name}.weight"] @ x + t[f"{name}.bias"]

    depth = 1 + max(int(name.split(".")[1]) for name in t if name.startswith("blocks."))
    norms = []
    for number in range(depth):
        at = f"blocks.{number}."
        size = len(tokens[0])
        parts = [np.split(linear(normed(x, f"{at}norm1"), f"{at}attn.qkv"), 3) for x in tokens]
        keys = [key for _, key, _ in parts]
        for k, (query, _, _) in enumerate(parts):
            mixed = np.zeros(size)
            for start in range(0, size, head):
                part = slice(start, start + head)
                scores = [query[part] @ key[part] / math.sqrt(head) for key in keys]
                shares = np.exp(np.array(scores) - max(scores))
                shares /= shares.sum()
                for share, (_, _, value) in zip(shares, parts, strict=True):
                    mixed[part] += share * value[part]
            tokens[k] = tokens[k] + linear(mixed, f"{at}attn.proj") * t.get(f"{at}ls1.gamma", 1.0)
        for k, x in enumerate(tokens):
            y = normed(x, f"{at}norm2")
            if f"{at}mlp.w12.weight" in t:
                gate, up = np.split(linear(y, f"{at}mlp.w12"), 2)
                branch = linear(gate / (1 + np.exp(-gate)) * up, f"{at}mlp.w3")
            else:
                y = linear(y, f"{at}mlp.fc1")
                y = np.array([v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in y])
                branch = linear(y, f"{at}mlp.fc2")
            tokens[k] = x + branch * t.get(f"{at}ls2.gamma", 1.0)
        norms.append([math.sqrt((x**2).sum()) for x in tokens])
    return np.array(keys), np.array(tokens), np.array(norms)


@pytest.mark.parametrize("kind", KINDS)
def test_the_forward_pass_written_out(tmp_path, kind):
    tensors = facebook(**KINDS[kind])
    model = load_transformer(save(tmp_path / "x.safetensors", tensors))
    shown = picture(3, 3, model.patch_px)
    features = model.look(shown)
    keys, tokens, norms = literal(tensors, shown)
    np.testing.assert_allclose(features.keys, keys, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(features.tokens, tokens, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(features.norms, norms, rtol=1e-5)
    registers = KINDS[kind].get("registers", 0)
    assert (features.rows, features.columns, features.first) == (3, 3, 1 + registers)
    np.testing.assert_array_equal(features.patches(features.keys), features.keys[1 + registers :])
    assert features.patch_norms.shape == (model.architecture.depth, 9)


def test_the_epsilon_is_that_of_each_program(tmp_path):
    tensors = facebook(scaled=False)
    for name in ("cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"):
        # Where tokens hardly vary, it shows.
        tensors[name] *= 0.003
    shown = picture(3, 3)
    for rename, epsilon in ((huggingface, 1e-12), (dict, 1e-6), (timm, 1e-6)):
        model = load_transformer(save(tmp_path / "x", rename(tensors)))
        keys, _, _ = literal(tensors, shown, epsilon=epsilon)
        np.testing.assert_allclose(model.look(shown).keys, keys, rtol=1e-4, atol=1e-5)
    scaled = facebook()
    for name in ("cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"):
        scaled[name] *= 0.003
    model = load_transformer(save(tmp_path / "x", huggingface(scaled)))
    np.testing.assert_allclose(model.look(shown).keys, literal(scaled, shown)[0], rtol=1e-4, atol=1e-5)


CONFIG = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 6}


def test_heads_are_told_by_the_file_or_the_configuration_beside_it(tmp_path):
    tensors = facebook(width=96)
    shown = picture(3, 3)
    keys, tokens, _ = literal(tensors, shown, head=16)
    path = tmp_path / "model.safetensors"
    told = load_transformer(save(path, tensors, heads=6)).look(shown)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    configured = load_transformer(save(path, tensors, heads=0)).look(shown)
    for features in (told, configured):
        np.testing.assert_allclose(features.keys, keys, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(features.tokens, tokens, rtol=1e-4, atol=1e-5)
    # What the file itself says comes first.
    assert load_transformer(save(path, tensors, heads=3)).architecture.heads == 3


@pytest.mark.parametrize(
    ("heads", "config", "words"),
    [
        (0, None, r"how many heads.*96 wide, 2 blocks.*ViT-S 384 x 12.*config\.json.*num_attention_heads"),
        (0, b"{", "how many heads"),
        (0, b"[1]", "how many heads"),
        (0, b"\xff" * 9, "how many heads"),
        (0, CONFIG | {"hidden_size": 64}, "how many heads"),
        (0, CONFIG | {"num_hidden_layers": 3}, "how many heads"),
        (0, CONFIG | {"num_attention_heads": None}, "how many heads"),
        (0, CONFIG | {"num_attention_heads": 7}, "impossible number of heads.*7 of tokens 96 wide"),
        (0, CONFIG | {"num_attention_heads": 0}, "impossible number of heads"),
        (0, CONFIG | {"num_attention_heads": -6}, "impossible number of heads"),
        (0, CONFIG | {"num_attention_heads": True}, "impossible number of heads"),
        (0, CONFIG | {"num_attention_heads": [6]}, "impossible number of heads"),
        (0, CONFIG | {"hidden_act": "relu"}, "another activation.*relu.*gelu"),
        (5, CONFIG, "impossible number of heads.*5 of tokens 96 wide"),
    ],
)
def test_heads_that_nothing_tells_are_not_guessed(tmp_path, heads, config, words):
    path = save(tmp_path / "model.safetensors", facebook(width=96), heads=heads)
    if config is not None:
        raw = config if isinstance(config, bytes) else json.dumps(config).encode()
        (tmp_path / "config.json").write_bytes(raw)
    with pytest.raises(ModelError, match=words) as raised:
        load_transformer(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(("width", "depth"), [(192, 2), (384, 1), (1280, 1)])
def test_a_width_alone_does_not_make_a_dino(tmp_path, width, depth):
    path = save(tmp_path / "x", facebook(width=width, depth=depth, hidden=8), heads=0)
    with pytest.raises(ModelError, match="how many heads"):
        load_transformer(path)


def test_the_published_architectures_need_no_telling(tmp_path):
    for name, options in (("ViT-S/8", {"scaled": False}), ("ViT-S/8", {"registers": 4})):
        model = load_transformer(save(tmp_path / "x", facebook(**SMALL | options, patch=8), heads=0))
        assert model.architecture.heads == 6
        assert model.name.startswith(name)


@pytest.mark.parametrize("kind", KINDS)
def test_every_naming_is_the_same_model(tmp_path, kind):
    tensors = facebook(**KINDS[kind])
    wrapped = {f"teacher.backbone.{name}": array for name, array in tensors.items()}
    chunked = {n.replace("blocks.", "blocks.0.", 1): array for n, array in tensors.items()}
    heads = {"head.weight": np.zeros((2, 2), np.float32), "pooler.dense.bias": np.zeros(2, np.float32)}
    others = {
        "timm": timm(tensors),
        "huggingface": huggingface(tensors),
        "held": huggingface(tensors, held=True),
        "inner": {f"dinov2.{n}": a for n, a in huggingface(tensors).items()}
        | {"classifier.bias": np.zeros(2)},
        "wrapped": wrapped | {"student.loss": np.zeros(1)},
        "chunked": chunked,
        "heads": tensors | heads,
    }
    first = load_transformer(save(tmp_path / "facebook", tensors))
    shown = picture(3, 3, first.patch_px)
    expected = first.look(shown)
    for name, each in others.items():
        model = load_transformer(save(tmp_path / name, each))
        # ViTModel adds another epsilon.
        atol = 1e-5 if model.architecture.epsilon == first.architecture.epsilon else 1e-4
        np.testing.assert_allclose(model.look(shown).keys, expected.keys, atol=atol, err_msg=name)
        assert (model.architecture.depth, model.architecture.registers) == (
            first.architecture.depth,
            first.architecture.registers,
        )


@pytest.mark.parametrize(
    ("naming", "kind", "scaling"),
    [
        ("facebook", {"scaled": False}, Scaling(0.1)),
        ("facebook", {}, Scaling(0.1)),
        ("facebook", {"registers": 4}, Scaling(is_smooth=True)),
        ("timm", {}, Scaling(is_smooth=True)),
        ("timm", {"registers": 4}, Scaling(is_smooth=True)),
        ("huggingface", {"scaled": False}, Scaling()),
        ("huggingface", {}, Scaling()),
        ("huggingface", {"registers": 4}, Scaling(is_smooth=True)),
    ],
)
def test_positions_are_scaled_as_each_program_does(tmp_path, naming, kind, scaling):
    rename = {"facebook": dict, "timm": timm, "huggingface": huggingface}[naming]
    model = load_transformer(save(tmp_path / "x", rename(facebook(**kind))))
    assert model.architecture.scaling == scaling


@pytest.mark.parametrize("scaling", [Scaling(), Scaling(0.1), Scaling(is_smooth=True)])
def test_even_positions_stay_even_and_a_ramp_a_ramp(scaling):
    side = 8
    ramp = np.tile(np.arange(side, dtype=np.float32), (side, 1)).reshape(-1, 1)
    grown = scale_positions(ramp, 16, 16, scaling).reshape(16, 16)
    np.testing.assert_allclose(np.diff(grown[:, 4:12], axis=1), 0.5, atol=0.1)
    np.testing.assert_allclose(scale_positions(np.ones((64, 2), np.float32), 5, 11, scaling), 1, atol=1e-6)


@given(st.integers(2, 12), st.integers(1, 30), st.integers(1, 30), st.integers(0, 9))
def test_plain_scaling_is_that_of_opencv(side, rows, columns, seed):
    grid = np.random.default_rng(seed).standard_normal((side, side)).astype(np.float32)
    expected = cv2.resize(grid, (columns, rows), interpolation=cv2.INTER_CUBIC)
    found = scale_positions(grid.reshape(-1, 1), rows, columns, Scaling()).reshape(rows, columns)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_numbers_of_half_the_size_are_nearly_the_same_model(tmp_path):
    tensors = facebook()
    shown = picture(3, 3)
    expected = load_transformer(save(tmp_path / "f32", tensors)).look(shown).tokens
    for dtype, tolerance in (("F16", 0.01), ("BF16", 0.15), ("F64", 1e-6)):
        found = load_transformer(save(tmp_path / dtype, tensors, dtype)).look(shown).tokens
        np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


@given(arrays(np.float32, st.integers(1, 200), elements=st.floats(-30, 30, width=32)))
def test_gelu(x):
    expected = x.astype(np.float64) * ndtr(x.astype(np.float64))
    found = x.copy()
    gelu(found)
    np.testing.assert_allclose(found, expected, atol=2e-6, rtol=2e-6)


SMALL = {"width": 384, "depth": 12, "hidden": 8}
GIANT = {"width": 1536, "depth": 1, "patch": 14, "gated": True, "hidden": 64, "registers": 4}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ViT-S/16, no registers", SMALL | {"patch": 16, "scaled": False}),
        ("DINOv2 ViT-S/14, 4 registers", SMALL | {"patch": 14, "registers": 4}),
        ("ViT-S/16, 4 registers", SMALL | {"patch": 16, "registers": 4}),
        ("ViT-1536x1/14, 4 registers", GIANT),
        ("ViT-64x2/4, 1 register", {"registers": 1}),
    ],
)
def test_a_model_tells_what_it_is(tmp_path, name, options):
    model = load_transformer(save(tmp_path / "x", facebook(**options)))
    assert model.name == name
    assert len(model.sha256) == 64


def test_a_missing_bias_is_zero(tmp_path):
    tensors = facebook()
    plain = {name: array for name, array in tensors.items() if not name.endswith("qkv.bias")}
    zeroed = {name: array * (not name.endswith("qkv.bias")) for name, array in tensors.items()}
    shown = picture(3, 3)
    found = [load_transformer(save(tmp_path / "x", each)).look(shown).tokens for each in (plain, zeroed)]
    np.testing.assert_array_equal(*found)


def without(tensors, *ends):
    return {name: array for name, array in tensors.items() if not name.endswith(ends)}


V2 = facebook()
WRONG = {
    "no model at all": (
        {"weight": np.zeros(3)},
        "does not contain exactly one vision transformer.*patch_embed",
    ),
    "two models": (
        {f"{who}.{n}": a for who in ("a", "b") for n, a in V2.items()},
        r"several models: a\., b\.",
    ),
    "no class token": (without(V2, "cls_token"), "lacks.*no cls_token or"),
    "no positions": (without(V2, "pos_embed"), "lacks.*no pos_embed or"),
    "no norm": (without(V2, "1.norm2.weight"), r"lacks.*no blocks\.1\.norm2\.weight"),
    "no scale": (without(V2, "1.ls2.gamma"), r"lacks.*no blocks\.1\.ls2\.gamma or .*whole model"),
    "no perceptron": (without(V2, "fc2.weight"), r"lacks.*no blocks\.0\.mlp\.fc2\.weight or .*whole model"),
    "no entrance": (without(V2, "fc1.weight"), r"lacks.*no blocks\.0\.mlp\.fc1\.weight or .*mlp\.w12"),
    "no first block": (without(V2, *(n for n in V2 if "blocks.0" in n)), r"blocks missing.*\[1\]"),
    "no blocks": (without(V2, *(n for n in V2 if "blocks" in n)), r"blocks missing.*\[\]"),
    "another shape": (V2 | {"blocks.1.attn.proj.weight": np.zeros((64, 32))}, r"wrong shape.*\(64, 32\)"),
    "more numbers": (V2 | {"blocks.1.norm1.bias": np.zeros((2, 64))}, "wrong shape"),
    "grey patches": (V2 | {"patch_embed.proj.weight": np.zeros((64, 1, 4, 4))}, "square patches of RGB"),
    "flat patches": (V2 | {"patch_embed.proj.weight": np.zeros((64, 48))}, "square patches of RGB"),
    "oblong patches": (V2 | {"patch_embed.proj.weight": np.zeros((64, 3, 4, 2))}, "square patches of RGB"),
    "no square": (V2 | {"pos_embed": np.zeros((1, 12, 64))}, "no square of patches"),
    "position at all": (V2 | {"pos_embed": np.zeros(64)}, "no square of patches"),
    "no width": (V2 | {"patch_embed.proj.weight": np.zeros((0, 3, 4, 4))}, "impossible number of heads"),
    "norms of queries": (V2 | {"blocks.0.attn.q_norm.weight": np.zeros(64)}, "not a vision.*q_norm"),
    "norm before": (V2 | {"norm_pre.weight": np.zeros(64)}, "not a vision.*norm_pre"),
    "distilled": (V2 | {"dist_token": np.zeros((1, 1, 64))}, "not a vision.*dist_token"),
    "twice": (V2 | {"layernorm.weight": np.ones(64)}, "not a vision.*layernorm"),
    "rotary": (V2 | {"rope_embed.periods": np.zeros(16)}, "not a vision.*rope_embed"),
    "not finite": (V2 | {"blocks.1.ls1.gamma": np.full(64, np.nan)}, "ls1.gamma.*not finite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_known_transformer_is_refused(tmp_path, name):
    tensors, words = WRONG[name]
    path = save(tmp_path / "x.safetensors", tensors)
    with pytest.raises(ModelError, match=words) as raised:
        load_transformer(path)
    assert str(path) in str(raised.value)


def test_pictures_of_another_shape(tmp_path):
    model = VisionTransformer(read_weights(save(tmp_path / "x", V2)))
    for wrong in (
        np.zeros((12, 13, 3), np.uint8),
        np.zeros((0, 12, 3), np.uint8),
        np.zeros((12, 12), np.uint8),
        np.zeros((12, 12, 4), np.uint8),
        np.zeros((12, 12, 3), np.float32),
    ):
        with pytest.raises(InputError):
            model.look(wrong)


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([4, 8, 14, 16]), st.integers(*SIDE_RANGE))
def test_working_sizes_are_whole_patches_of_nearly_the_same_shape(width, height, patch, side):
    try:
        columns, rows = (n / patch for n in working_size(width, height, patch, side))
    except OptionError:
        assert side * side >= MOST_PATCHES * patch * patch * 0.9
        return
    assert columns == int(columns) >= 1
    assert rows == int(rows) >= 1
    assert abs(max(columns, rows) * patch - side) <= patch / 2
    assert abs(rows - max(columns, rows) * height / max(width, height)) <= 1


@pytest.mark.parametrize("side", [0, SIDE_RANGE[0] - 1, SIDE_RANGE[1] + 1])
def test_sides_out_of_range(side):
    with pytest.raises(OptionError, match="64 to 2048"):
        working_size(640, 480, 14, side)


def test_fitting_and_normalising():
    shown = picture(4, 6)
    assert fit(shown, (24, 16)) is shown
    assert fit(shown, (12, 8)).shape == (8, 12, 3)
    assert fit(shown, (48, 32)).shape == (32, 48, 3)
    grey = normalise(np.full((1, 1, 3), 128, np.uint8))[0, 0]
    np.testing.assert_allclose(
        grey, [(128 / 255 - m) / d for m, d in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))], rtol=1e-5
    )


# ---- weights from anywhere

REGISTERED = facebook(registers=2)
shapes = st.lists(st.sampled_from([0, 1, 2, 3, 4, 48, 64, 192]), max_size=6)


#: Not used by the forward pass to the last block.
UNUSED = {"mask_token", "norm.weight", "norm.bias"}


@pytest.mark.parametrize("name", sorted(set(REGISTERED) - UNUSED))
def test_a_tensor_without_dimensions_is_refused(tmp_path, name):
    path = save(tmp_path / "x", REGISTERED | {name: np.array(0.5, np.float32)})
    with pytest.raises(ModelError):
        load_transformer(path)


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from(sorted(REGISTERED)), shapes, min_size=1, max_size=3), st.integers(0, 99)
)
def test_tensors_of_any_shape_are_read_or_refused(tmp_path_factory, changes, seed):
    rng = np.random.default_rng(seed)
    tensors = dict(REGISTERED)
    for name, shape in changes.items():
        shape = shape if math.prod(shape) <= 10**5 else [0, *shape]
        tensors[name] = rng.random(shape, np.float32)
    path = save(tmp_path_factory.getbasetemp() / "any.safetensors", tensors)
    # Any other error, and any warning, fails the test.
    with suppress(ModelError):
        found = load_transformer(path).look(picture(3, 3))
        assert np.isfinite(found.tokens).all()


@pytest.mark.parametrize("name", ["patch_embed.proj.weight", "blocks.1.mlp.fc2.weight", "blocks.0.ls1.gamma"])
def test_weights_that_overflow_are_refused_without_a_warning(tmp_path, name):
    tensors = {key: array * (3e38 if key == name else 1e30) for key, array in facebook(std=0.01).items()}
    model = load_transformer(
        save(tmp_path / "x", {key: np.clip(a, -3e38, 3e38) for key, a in tensors.items()})
    )
    with pytest.raises(ModelError, match="not finite"):
        model.look(picture(3, 3))


def test_a_block_number_of_many_digits_is_unknown(tmp_path):
    name = f"blocks.{'1' * 5000}.norm1.weight"
    with pytest.raises(ModelError, match="not a vision transformer of a supported kind"):
        load_transformer(save(tmp_path / "x", facebook() | {name: np.ones(64, np.float32)}))
