"""Transformers exported to ONNX: what they must give, by name; graphs made on the spot."""

from __future__ import annotations

import hashlib
import sys
from fractions import Fraction

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import cssv
from cssv.boxes import overlaps
from cssv.errors import InputError, MissingExtraError, ModelError, OptionError
from cssv.frames import Frame
from cssv.perception.detectors.lost import LostDetector
from cssv.perception.transformer import load_transformer
from cssv.perception.transformer.features import MEAN, normalise
from cssv.perception.transformer.onnx import OnnxTransformer
from tests.perception.transformer.tensor_files import picture

WIDTH = 64


def projection(patch):
    """Token numbers 0 to 2 are the patch's mean red, green, blue."""
    weights = np.zeros((WIDTH, 3, patch, patch), np.float32)
    for channel in range(3):
        weights[channel, channel] = 1 / patch**2
    return weights


def export(
    path,
    *,
    patch=16,
    size=(None, None),
    prefix=1,
    outputs=("last_hidden_state",),
    heads=False,
    batch=1,
    channels=3,
    kind=TensorProto.FLOAT,
    value=2.0,
):
    """A model whose tokens are its patches' mean colours behind ``prefix`` tokens of ``value``.

    ``hidden_states.N`` is N + 1 times as long.
    """
    nodes = [
        helper.make_node("Conv", ["pixel_values", "W"], ["grid"], strides=[patch, patch]),
        helper.make_node("Reshape", ["grid", "flat"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["patches"], perm=[0, 2, 1]),
        helper.make_node("Concat", ["first", "patches"], ["all"], axis=1),
    ]
    constants = {
        "W": projection(patch),
        "flat": np.array([0, WIDTH, -1], np.int64),
        "first": np.full((1, prefix, WIDTH), value, np.float32),
        "split": np.array([0, 0, 2, WIDTH // 2], np.int64),
    }
    for name in outputs:
        if name.startswith("hidden_states."):
            constants[f"times {name}"] = np.float32(1 + int(name.rpartition(".")[2]))
            nodes.append(helper.make_node("Mul", ["all", f"times {name}"], [name]))
        elif heads:
            nodes.append(helper.make_node("Reshape", ["all", "split"], ["halves"]))
            nodes.append(helper.make_node("Transpose", ["halves"], [name], perm=[0, 2, 1, 3]))
        else:
            nodes.append(helper.make_node("Identity", ["all"], [name]))
    height, width = (each or letter for each, letter in zip(size, "hw", strict=True))
    shape = [batch, channels, height, width]
    graph = helper.make_graph(
        nodes,
        "export",
        [helper.make_tensor_value_info("pixel_values", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("patch", [8, 14, 16, 32])
@pytest.mark.parametrize("prefix", [0, 1, 5])
@pytest.mark.parametrize("size", [(None, None), (224, 448)])
def test_tokens_and_the_size_of_patches(tmp_path, patch, prefix, size):
    model = load_transformer(export(tmp_path / "x.onnx", patch=patch, prefix=prefix, size=size))
    assert isinstance(model, OnnxTransformer)
    assert model.patch_px == patch
    shown = picture(224 // patch, 448 // patch, patch)
    features = model.look(shown)
    assert (features.rows, features.columns, features.first) == (224 // patch, 448 // patch, prefix)
    grid = normalise(shown).reshape(features.rows, patch, features.columns, patch, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(features.patches(features.keys)[:, :3], grid.reshape(-1, 3), atol=1e-4)
    assert features.norms.shape == (0, len(features.keys))


def test_a_picture_is_scaled_to_the_one_size_of_an_export(tmp_path):
    model = load_transformer(export(tmp_path / "x.onnx", size=(96, 128)))
    assert model.size == (128, 96)
    assert (model.look(picture(20, 10, 16)).rows, model.look(picture(6, 8, 16)).columns) == (6, 8)


def test_keys_are_taken_before_tokens_and_heads_are_put_side_by_side(tmp_path):
    shown = picture(14, 14, 16)
    plain = load_transformer(export(tmp_path / "x.onnx", outputs=("last_hidden_state", "keys")))
    heads = load_transformer(export(tmp_path / "y.onnx", outputs=("keys",), heads=True))
    assert "keys" in plain.name
    np.testing.assert_array_equal(plain.look(shown).keys, heads.look(shown).keys)


def test_the_norms_of_hidden_states_in_order(tmp_path):
    names = tuple(f"hidden_states.{n}" for n in (10, 2, 0, 3))
    model = load_transformer(export(tmp_path / "x.onnx", outputs=("tokens", *names)))
    shown = picture(14, 14, 16)
    features = model.look(shown)
    lengths = np.linalg.norm(features.keys.astype(float), axis=1)
    np.testing.assert_allclose(features.norms, [3 * lengths, 4 * lengths, 11 * lengths], rtol=1e-5)
    done = cssv.artefacts(shown, weights=tmp_path / "x.onnx", side=224)
    assert len(done.blocks) == 3
    assert done.sha256 == hashlib.sha256((tmp_path / "x.onnx").read_bytes()).hexdigest()


def test_what_an_export_cannot_do_is_said(tmp_path):
    path = export(tmp_path / "x.onnx")
    with pytest.raises(ModelError, match=r"nothing to measure.*hidden_states\.1"):
        cssv.artefacts(picture(14, 14, 16), weights=path)
    with pytest.raises(OptionError, match="cannot be healed"):
        LostDetector(path, heal=True)
    path = export(tmp_path / "y.onnx", outputs=("tokens", "hidden_states.1"))
    with pytest.raises(OptionError, match="cannot be healed"):
        cssv.artefacts(picture(14, 14, 16), weights=path, heal=True)


def test_blocks_are_numbered_as_their_states_are_named(tmp_path):
    names = ("hidden_states.12", "hidden_states.6")
    path = export(tmp_path / "x.onnx", outputs=("tokens", *names))
    shown = picture(14, 14, 16)
    assert load_transformer(path).look(shown).blocks == (5, 11)
    # One bright patch on black is the outlier of both.
    shown[:] = MEAN.astype(np.uint8)
    shown[32:48, 64:80] = 255
    done = cssv.artefacts(shown, weights=path, side=224, plot=tmp_path / "x.png")
    assert [block.block for block in done.blocks] == [5, 11]
    assert {each.block for each in done.outliers} == {5, 11}


HUGE = [
    ({"size": (400_000, 400_000)}, "400000 x 400000.*64 to 2048"),
    ({"size": (224, 4096)}, "4096 x 224.*64 to 2048"),
    ({"size": (32, 224)}, "224 x 32.*64 to 2048"),
    ({"size": (None, 224)}, "224 x any.*both free"),
    ({"size": (224, None)}, "any x 224.*both free"),
    ({"size": (2048, 2048)}, "too many tokens.*16385 of 2048 x 2048.*8192"),
]


@pytest.mark.parametrize(("options", "words"), HUGE)
def test_sizes_are_bounded_before_anything_is_run(tmp_path, options, words, monkeypatch):
    path = export(tmp_path / "x.onnx", **options)
    monkeypatch.setattr(OnnxTransformer, "_run", lambda *_: pytest.fail("was run"))
    with pytest.raises(ModelError, match=words) as raised:
        load_transformer(path)
    assert str(path) in str(raised.value)


WRONG = {
    "no tokens": (
        {"outputs": ("logits",)},
        "no output with tokens.*logits.*Give one of its outputs this name",
    ),
    "two pictures": ({"batch": 2, "size": (224, 224)}, "is not a model|does not take one picture"),
    "grey": ({"channels": 1, "size": (224, 224)}, "is not a model|does not take one picture"),
    "patches of another size": ({"patch": 20, "size": (240, 240)}, "does not show the size.*145 tokens"),
    "many other tokens": ({"prefix": 100}, "does not show the size"),
    "not finite": ({"value": np.nan}, "finite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_networks_are_refused(tmp_path, name):
    options, words = WRONG[name]
    path = export(tmp_path / "x.onnx", **options)
    with pytest.raises(ModelError, match=words) as raised:
        load_transformer(path)
    assert str(path) in str(raised.value)


def test_a_detector_s_network_is_no_transformer(data):
    with pytest.raises(ModelError, match="has no output with tokens of a vision transformer"):
        load_transformer(data / "models/yolox_nano_416.onnx")


def test_files_that_are_no_network(tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"x\.onnx"):
        load_transformer(path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_transformer(tmp_path / "none.onnx")


def test_pictures_that_are_not_whole_patches(tmp_path):
    model = load_transformer(export(tmp_path / "x.onnx"))
    with pytest.raises(InputError, match="whole patches"):
        model.look(np.zeros((100, 160, 3), np.uint8))


def test_without_onnxruntime_the_error_names_the_command(tmp_path, monkeypatch):
    path = export(tmp_path / "x.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[onnx\]'"):
        load_transformer(path)


@pytest.mark.parametrize("size", [(None, None), (240, 320)])
def test_lost_sees_through_an_export(tmp_path, size):
    planes = np.full((480, 640, 3), 40, np.uint8)
    planes[160:320, 160:288] = (250, 80, 230)
    lost = LostDetector(export(tmp_path / "x.onnx", size=size, outputs=("keys",)))
    seen = lost.detect(Frame(planes, "rgb24", 0, Fraction(1, 25)))
    truth = np.array([[160, 160, 128, 160]], float)
    assert overlaps(seen.boxes_px, truth).max() > 0.75


def test_the_name_of_the_file_is_in_no_note(tmp_path):
    """Files record the notes, and the user's file name may be private."""
    lost = LostDetector(export(tmp_path / "secret_name.onnx", outputs=("keys",)))
    assert lost.notes
    assert not any("secret" in note for note in lost.notes)
