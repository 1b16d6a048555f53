"""``cssv artefacts``: words that a newcomer understands, and the same as JSON."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

import cssv
from tests.perception.transformer import tensor_files as models


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """``x.safetensors``, whose tokens explode where ``ill.png`` has white patches, and ``well.png``."""
    folder = tmp_path_factory.mktemp("artefacts")
    tensors = models.facebook(depth=3, patch=8, grid=8, std=0.03)
    tensors["patch_embed.proj.weight"][:] *= 0.3
    tensors["patch_embed.proj.weight"][0] = 0.01
    tensors["pos_embed"] *= 30
    tensors["pos_embed"][..., 0] = 0
    tensors["blocks.1.mlp.fc1.weight"][9] = 0
    tensors["blocks.1.mlp.fc1.weight"][9, 0] = 2
    tensors["blocks.1.mlp.fc1.bias"][9] = -5
    tensors["blocks.1.mlp.fc2.weight"][:, 9] = np.r_[0, np.full(8, 40), np.zeros(55)]
    models.save(folder / "x.safetensors", tensors)
    well = np.full((96, 128, 3), 120, np.uint8)
    cv2.imwrite(str(folder / "well.png"), well)
    well[16:24, 32:40] = well[80:88, 8:16] = 255
    cv2.imwrite(str(folder / "ill.png"), well)
    return folder


def measure(run, folder, picture, *options):
    return run("artefacts", folder / picture, "--weights", folder / "x.safetensors", "--side", 128, *options)


def test_outliers_in_words(run, folder):
    result = measure(run, folder, "ill.png")
    assert result.code == 0
    assert result.err == ""
    assert "ViT-64x3/8, no registers" in result.out
    assert "Artefacts: 2 patches of 192" in result.out
    for place in ("at pixel 36,20 (column 4, row 2): blocks 1 to 2;", "at pixel 12,84 (column 1, row 10):"):
        assert place in result.out
    bars = [line.split("|")[1] for line in result.out.splitlines() if line.count("|") == 2]
    assert len(bars) == 3
    assert len({len(bar) for bar in bars}) == 1
    # What lies at the far end of a block's bars are its outliers.
    assert [bar[-8:].strip() != "" for bar in bars] == [False, True, True]


def test_columns_keep_apart_at_any_length(run, folder, monkeypatch):
    real = cssv.artefacts

    def longer(*args, **options):
        done = real(*args, **options)
        blocks = [
            replace(b, norms=b.norms * 1e5, median=b.median * 1e5, deviation=b.deviation * 1e5)
            for b in done.blocks
        ]
        return replace(done, blocks=tuple(blocks))

    monkeypatch.setattr(cssv, "artefacts", longer)
    rows = [
        line.split("|")[0].split() for line in measure(run, folder, "ill.png").out.splitlines() if "|" in line
    ]
    assert len(rows) == 3
    for number, row in enumerate(rows):
        assert len(row) == 5
        assert int(row[0]) == number
        assert all(float(each) > 1e4 for each in row[1:4])


def test_no_outliers_in_words(run, folder):
    result = measure(run, folder, "well.png", "--heal")
    assert "No artefacts" in result.out
    assert "Nothing to heal." in result.out


def test_healing_and_plot_in_words(run, folder, tmp_path):
    result = measure(run, folder, "ill.png", "--heal", "--plot", tmp_path / "plot.png")
    assert "takes over 1 neuron: no outlying patches left." in result.out
    assert "register neurons: 9 of block 1" in result.out
    assert f"Wrote {tmp_path / 'plot.png'}" in result.out
    assert cv2.imread(str(tmp_path / "plot.png")) is not None


def test_json_says_the_same(run, folder):
    data = measure(run, folder, "ill.png", "--heal", "--json").json()
    assert {(each["column"], each["row"]) for each in data["outliers"]} == {(4, 2), (1, 10)}
    assert len(data["sha256"]) == 64
    assert [len(block["norms"]) for block in data["blocks"]] == [192] * 3
    assert data["neurons"][0]["index"] == 9
    assert data["healed"]["outliers"] == []
    assert data["image"].endswith("ill.png")


def test_quiet_still_gives_the_result(run, folder):
    assert "Artefacts: 2" in measure(run, folder, "ill.png", "--quiet").out


@pytest.mark.parametrize(
    ("weights", "picture", "code", "words"),
    [
        ("none.safetensors", "ill.png", 3, "cannot be read"),
        ("ill.png", "ill.png", 3, "not a whole safetensors file"),
        ("x.safetensors", "x.safetensors", 3, "is not a picture"),
    ],
)
def test_wrong_files(run, folder, weights, picture, code, words):
    result = run("artefacts", folder / picture, "--weights", folder / weights)
    assert result.code == code
    assert words in result.err
    assert run("artefacts", folder / picture).code == 2
