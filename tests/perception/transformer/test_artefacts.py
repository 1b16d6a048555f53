"""``cssv.artefacts``: the meter on pictures of any kind, its plot, and what cannot be used."""

from __future__ import annotations

import hashlib
import itertools
import sys
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import cssv
from cssv.errors import FrameError, InputError, MissingExtraError, ModelError, OptionError, OutputError
from cssv.frames import Frame, planes_shape
from cssv.perception.transformer.plot import norms_figure
from tests.perception.transformer.tensor_files import facebook, save

PATCH, BLOCK, NEURON = 8, 1, 9
SIDE = 128


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A model whose neuron makes tokens explode where a patch is white."""
    tensors = facebook(depth=3, patch=PATCH, grid=8, std=0.03)
    tensors["patch_embed.proj.weight"][:] *= 0.3
    tensors["patch_embed.proj.weight"][0] = 0.01
    tensors["pos_embed"] *= 30
    tensors["pos_embed"][..., 0] = 0
    at = f"blocks.{BLOCK}.mlp."
    tensors[f"{at}fc1.weight"][NEURON] = 0
    tensors[f"{at}fc1.weight"][NEURON, 0] = 2
    tensors[f"{at}fc1.bias"][NEURON] = -5
    tensors[f"{at}fc2.weight"][1:9, NEURON] = 40
    tensors[f"{at}fc2.weight"][0, NEURON] = 0
    return save(tmp_path_factory.mktemp("weights") / "x.safetensors", tensors)


@pytest.fixture
def shown():
    """Twice as large as it is looked at: a grey wall with two white patches."""
    rng = np.random.default_rng(0)
    picture = (120 + rng.normal(0, 8, (192, 256, 3))).clip(0, 255).astype(np.uint8)
    picture[32:48, 64:80] = picture[160:176, 16:32] = 255
    return picture


PLACES = {(2, 4), (10, 1)}


def test_outliers_are_named_in_the_pixels_of_the_picture(shown, weights):
    done = cssv.artefacts(shown, weights=weights, side=SIDE)
    assert set(done.patches) == PLACES
    assert {(each.x_px, each.y_px) for each in done.outliers} == {(72.0, 40.0), (24.0, 168.0)}
    assert {each.block for each in done.outliers} == {1, 2}
    assert (done.width, done.height, done.columns, done.rows, done.patch_px) == (256, 192, 16, 12, PATCH)
    assert done.model == "ViT-64x3/8, no registers"
    assert done.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (done.neurons, done.healed, done.plot) == ((), None, None)


def test_a_file_an_array_and_frames_say_the_same(tmp_path, shown, weights):
    cv2.imwrite(str(tmp_path / "x.png"), shown[..., ::-1])
    planes = cv2.cvtColor(shown, cv2.COLOR_RGB2YUV_I420).reshape(planes_shape("yuv420p", 256, 192))
    frames = [Frame(shown, "rgb24", 0, Fraction(1)), Frame(planes, "yuv420p", 0, Fraction(1))]
    for image in (tmp_path / "x.png", str(tmp_path / "x.png"), *frames):
        assert set(cssv.artefacts(image, weights=weights, side=SIDE).patches) == PLACES


def test_healing_is_measured_again(shown, weights):
    done = cssv.artefacts(shown, weights=weights, side=SIDE, heal=True)
    assert set(done.patches) == PLACES
    assert [(n.block, n.index) for n in done.neurons] == [(BLOCK, NEURON)]
    assert done.healed.patches == ()
    assert len(done.healed.blocks[0].others) == len(done.blocks[0].others) + 1
    clean = cssv.artefacts(np.full_like(shown, 120), weights=weights, side=SIDE, heal=True)
    assert (clean.neurons, clean.healed, clean.outliers) == ((), None, ())


RED, BAR = np.array([214, 40, 40]), np.array([70, 110, 180])


def reds(picture):
    return np.count_nonzero((np.abs(picture.astype(int) - RED) < 6).all(axis=2))


@pytest.mark.parametrize("heal", [False, True])
def test_the_plot_marks_the_outliers(tmp_path, shown, weights, heal):
    done = cssv.artefacts(shown, weights=weights, side=SIDE, heal=heal, plot=tmp_path / "plot.png")
    assert done.plot == tmp_path / "plot.png"
    drawn = cv2.imread(str(done.plot))[..., ::-1]
    half = len(drawn) // (1 + heal)
    assert reds(drawn[:half]) > 200
    if heal:
        assert reds(drawn[half:]) == 0
    clean = np.full_like(shown, 120)
    done = cssv.artefacts(clean, weights=weights, side=SIDE, plot=tmp_path / "clean.png")
    assert reds(cv2.imread(str(done.plot))[..., ::-1]) == 0


def test_tall_wide_and_tiny_pictures_are_drawn(tmp_path, weights):
    for number, shape in enumerate([(1, 1, 3), (2000, 40, 3), (40, 2000, 3), (40, 40, 3)]):
        picture = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
        done = cssv.artefacts(picture, weights=weights, side=SIDE, plot=tmp_path / f"{number}.png")
        assert done.rows >= 1
        assert done.columns >= 1
        assert cv2.imread(str(done.plot)) is not None


def test_pictures_that_are_none(tmp_path, weights):
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    for wrong in (text, empty, tmp_path / "none.png", tmp_path):
        with pytest.raises(InputError, match=str(wrong)):
            cssv.artefacts(wrong, weights=weights)
    for wrong in (np.zeros((8, 8)), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)):
        with pytest.raises(InputError, match="another shape"):
            cssv.artefacts(wrong, weights=weights)
    with pytest.raises(FrameError):
        cssv.artefacts(Frame(np.zeros((8, 8, 3), np.uint8), "rgb24", 0, Fraction(1)), weights=weights)


def test_what_is_no_path_and_no_number(tmp_path, shown, weights):
    for wrong in (5, None, [shown]):
        with pytest.raises(InputError, match="not a picture"):
            cssv.artefacts(wrong, weights=weights)
        with pytest.raises(InputError, match="weights"):
            cssv.artefacts(shown, weights=wrong)
    for wrong in ("x", 128.5, True, None):
        with pytest.raises(OptionError, match=r"`side=` has another type.*a whole number"):
            cssv.artefacts(shown, weights=weights, side=wrong)
    with pytest.raises(OptionError, match=r"plot is not a path: found '5'; allowed: a text or a path$"):
        cssv.artefacts(shown, weights=weights, plot=5)
    assert cssv.artefacts(shown, weights=weights, side=np.int64(SIDE)).columns == 16


def test_the_number_of_moved_neurons_is_in_the_title(shown, weights):
    done = cssv.artefacts(shown, weights=weights, side=SIDE, heal=True)
    titles = [text.get_text() for text in norms_figure(shown, done).findobj(Text)]
    assert any("(1 neuron moved)" in title for title in titles)
    two = norms_figure(shown, replace(done, neurons=done.neurons * 2))
    assert any("(2 neurons moved)" in text.get_text() for text in two.findobj(Text))


@pytest.mark.parametrize("exponent", [0, 0.2, 0.4, 1, 2, 3, 4, 7, 12])
def test_numbers_of_the_axis_keep_apart(shown, weights, exponent):
    done = cssv.artefacts(shown, weights=weights, side=SIDE)
    norms = np.geomspace(3.3, 3.3 * 10**exponent, len(done.blocks[0].norms))
    block = replace(done.blocks[0], norms=norms, median=float(np.median(norms)), bound=float(norms.max()))
    figure = norms_figure(shown, replace(done, blocks=(block,), outliers=()))
    renderer = FigureCanvasAgg(figure)
    renderer.draw()
    axes = figure.subfigs[0].axes[0]
    low, high = axes.get_xlim()
    labels = [label for label in axes.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert len(labels) >= 2
    extents = sorted((label.get_window_extent().x0, label.get_window_extent().x1) for label in labels)
    assert all(left[1] + 4 < right[0] for left, right in itertools.pairwise(extents))


def test_every_block_is_on_the_axis_however_long_outliers_are(shown, weights):
    done = cssv.artefacts(shown, weights=weights, side=SIDE)
    worst = done.blocks[-1].norms.copy()
    worst[0] = 1e9
    far = replace(done, blocks=(done.blocks[0], replace(done.blocks[-1], norms=worst)))
    figure = norms_figure(shown, far)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())[..., :3]
    bars = (np.abs(drawn.astype(int) - BAR) < 3).all(axis=2)
    to_pixels = figure.subfigs[0].axes[0].transData.transform
    for row in (0, 1):
        # Display coordinates count from the bottom.
        top, bottom = (len(drawn) - round(to_pixels((1, y))[1]) for y in (row, row + 1))
        assert bars[top:bottom].sum() > 50


def test_a_plot_without_matplotlib_names_the_extra(tmp_path, shown, weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"needs matplotlib.*pip install '\.\[plot\]'"):
        cssv.artefacts(shown, weights=weights, plot=tmp_path / "plot.png")
    assert not (tmp_path / "plot.png").exists()
    assert cssv.artefacts(shown, weights=weights, side=SIDE).plot is None


def test_wrong_options(tmp_path, shown, weights):
    with pytest.raises(OptionError, match="64 to 2048"):
        cssv.artefacts(shown, weights=weights, side=63)
    with pytest.raises(OptionError, match=r"\.png"):
        cssv.artefacts(shown, weights=weights, plot=tmp_path / "plot.pdf")
    with pytest.raises(OutputError):
        cssv.artefacts(shown, weights=weights, side=SIDE, plot=tmp_path / "none" / "plot.png")
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), shown)
    with pytest.raises(OptionError, match="replace"):
        cssv.artefacts(path, weights=weights, plot=path)
    with pytest.raises(ModelError):
        cssv.artefacts(shown, weights=path)
