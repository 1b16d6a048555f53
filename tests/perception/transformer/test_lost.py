"""LOST against the paper written out literally; planted objects; the detector's frames and options."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cssv.boxes import overlaps
from cssv.errors import ModelError, OptionError
from cssv.frames import Frame, planes_shape
from cssv.perception.detectors import CheckedDetector, DetectorOptions, detector
from cssv.perception.detectors.lost import (
    EXPANSION,
    FEWEST_PATCHES,
    LARGEST_SHARE,
    MOST_OBJECTS,
    LostDetector,
    discover,
    discover_all,
    separation,
    similarities,
)
from cssv.perception.transformer.features import MEAN, working_size
from tests.perception.transformer.tensor_files import facebook, save


def literal(features, rows, columns, k=100):
    """The paper, section 3, with explicit loops and a stable sort: left, top, right, bottom in patches."""
    count = rows * columns
    A = [[float(np.dot(features[p], features[q])) for q in range(count)] for p in range(count)]
    degrees = [sum(1 for q in range(count) if q != p and A[p][q] > 0) for p in range(count)]
    order = sorted(range(count), key=lambda p: degrees[p])
    seed = order[0]
    similar = [p for p in order[:k] if A[p][seed] > 0]
    mask = [sum(A[q][s] for s in similar) > 0 for q in range(count)]
    labels, _ = ndimage.label(np.array(mask).reshape(rows, columns))
    down, across = np.where(labels == labels[seed // columns, seed % columns])
    return seed, (across.min(), down.min(), across.max() + 1, down.max() + 1)


@pytest.mark.parametrize("block", range(4))
def test_200_boxes_are_those_of_the_paper(block):
    for number in range(50 * block, 50 * block + 50):
        rng = np.random.default_rng(number)
        rows, columns = rng.integers(3, 14, 2).tolist()
        width = int(rng.integers(2, 24))
        # Few integers give whole sums and many equal degrees, where an unstable sort goes astray.
        features = rng.integers(-2, 3, (rows * columns, width)).astype(np.float32)
        features[np.abs(features).sum(axis=1) == 0, 0] = 1
        if rng.random() < 0.5:
            # An object: patches that look alike.
            left, top = rng.integers(0, columns - 1), rng.integers(0, rows - 1)
            grid = features.reshape(rows, columns, width)
            grid[top : top + 3, left : left + 4] = grid[top, left] + rng.integers(0, 2, width)
        seed, (left, top, right, bottom) = literal(features, rows, columns, EXPANSION)
        found = discover(features @ features.T, rows, columns)
        assert found.seed == seed
        assert found.box == (left, top, right - left, bottom - top), number


def test_more_patches_than_the_expansion_takes():
    rng = np.random.default_rng(0)
    features = rng.integers(-2, 3, (24 * 18, 8)).astype(np.float32)
    seed, (left, top, right, bottom) = literal(features, 18, 24)
    found = discover(features @ features.T, 18, 24)
    assert len(features) > EXPANSION
    assert (found.seed, found.box) == (seed, (left, top, right - left, bottom - top))


def scene(rows, columns, boxes, seed=0):
    """Keys of a ground that is alike everywhere, and of objects alike in themselves, unlike the ground."""
    rng = np.random.default_rng(seed)
    keys = np.zeros((rows, columns, 32))
    keys[...] = np.eye(32)[0] * 3
    for k, (left, top, width, height) in enumerate(boxes):
        keys[top : top + height, left : left + width] = np.eye(32)[k + 1] * 4 - np.eye(32)[0]
    keys += rng.normal(0, 0.1, keys.shape)
    return keys.reshape(-1, 32).astype(np.float32)


def test_planted_objects_are_all_found_with_a_high_score():
    boxes = {(2, 3, 4, 5), (10, 1, 3, 3), (15, 8, 2, 4)}
    found = list(discover_all(scene(14, 20, sorted(boxes)), 14, 20))
    good = {each.box for each in found if each.score > 0.5}
    assert good == boxes
    assert {each.box for each in found} - boxes == set()


def test_nothing_is_found_where_all_is_ground():
    keys = scene(14, 20, [])
    assert all(each.score < 0.2 for each in discover_all(keys, 14, 20))


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 8), st.integers(0, 99))
@settings(max_examples=60)
def test_what_is_found_keeps_the_rules(rows, columns, width, seed):
    keys = np.random.default_rng(seed).standard_normal((rows * columns, width)).astype(np.float32)
    taken = set()
    found = list(discover_all(keys, rows, columns))
    assert len(found) <= MOST_OBJECTS
    for each in found:
        assert each.seed in each.patches
        assert 0 < each.score <= 1
        assert FEWEST_PATCHES <= len(each.patches) <= LARGEST_SHARE * rows * columns
        assert not taken & set(each.patches.tolist())
        taken |= set(each.patches.tolist())
        down, across = np.divmod(each.patches, columns)
        left, top, wide, high = each.box
        assert (left, top) == (across.min(), down.min())
        assert (left + wide - 1, top + high - 1) == (across.max(), down.max())


@pytest.mark.parametrize("keys", [np.zeros((12, 4)), np.ones((12, 4)), np.eye(12)])
def test_keys_that_say_nothing(keys):
    assert all(0 <= each.score <= 1 for each in discover_all(keys.astype(np.float32), 3, 4))


def test_one_patch_alone():
    assert list(discover_all(np.ones((1, 3), np.float32), 1, 1)) == []


def test_a_patch_is_not_linked_to_itself():
    keys = np.zeros((6, 4), np.float32)
    keys[0, 0], keys[1, 0], keys[2:5, 1], keys[5] = 1, -1, 1, 0
    # Patches 0, 1 and 5 are linked to nothing; 5 not even is like itself. The first of them is the seed.
    assert discover(keys @ keys.T, 2, 3).seed == 0


def test_separation_is_one_for_a_clique_and_nothing_by_chance():
    A = np.zeros((12, 12), np.float32)
    A[:4, :4] = A[4:, 4:] = 1
    assert separation(A, np.arange(4)) == 1
    assert separation(np.ones((12, 12), np.float32), np.arange(4)) == 0
    assert separation(np.zeros((12, 12), np.float32), np.arange(4)) == 0
    half = np.ones((12, 12), np.float32)
    half[:4, 4:] = half[4:, :4] = 0.25
    assert separation(half, np.arange(4)) == pytest.approx((12 / (12 + 8) - 3 / 11) / (1 - 3 / 11))
    # Negative similarities are no links.
    assert separation(np.where(half < 1, -5, half), np.arange(4)) == 1


def test_keys_that_all_point_one_way_are_centred():
    keys = scene(14, 20, [(2, 3, 4, 5)])
    np.testing.assert_array_equal(similarities(keys), keys @ keys.T)
    pushed = keys + 30
    assert (pushed @ pushed.T > 0).all()
    assert np.mean(similarities(pushed) > 0) < 0.95
    assert next(iter(discover_all(pushed, 14, 20))).box == (2, 3, 4, 5)


# The detector.


def seeing(width=64):
    """A transformer whose last keys are the patches' colours: bright ones apart from dark ones."""
    tensors = facebook(width=width, depth=1, patch=16, grid=14, scaled=False, std=1e-3)
    tensors["pos_embed"][:] = 0
    patch = tensors["patch_embed.proj.weight"]
    patch[:] = 0
    for channel in range(3):
        patch[channel, channel] = 1 / 256
    tensors["patch_embed.proj.bias"][:] = 0
    tensors["blocks.0.attn.qkv.weight"][:] = 0
    keys = tensors["blocks.0.attn.qkv.weight"][width : 2 * width]
    keys[:3, :3] = np.eye(3)
    tensors["blocks.0.attn.qkv.bias"][:] = 0
    tensors["blocks.0.norm1.bias"][:] = 0
    tensors["blocks.0.norm1.weight"][:] = 1
    return tensors


GROUND, BLOCK = (60, 120, 60), (230, 70, 200)


def frame(width, height, box, layout="rgb24", number=0):
    import cv2

    x, y, w, h = box
    planes = np.empty((height, width, 3), np.uint8)
    planes[:] = GROUND
    planes[y : y + h, x : x + w] = BLOCK
    if layout == "yuv420p":
        planes = cv2.cvtColor(planes, cv2.COLOR_RGB2YUV_I420).reshape(planes_shape(layout, width, height))
    return Frame(planes, layout, number, Fraction(1, 25), number)


@pytest.mark.parametrize("layout", ["rgb24", "yuv420p"])
@pytest.mark.parametrize(("width", "height"), [(640, 480), (320, 448), (1000, 300)])
def test_a_block_on_a_plain_ground_is_found_where_it_is(tmp_path, layout, width, height):
    lost = detector("lost", weights=save(tmp_path / "x.safetensors", seeing()))
    box = (width // 4, height // 3, width // 5, height // 3)
    seen = lost.detect(frame(width, height, box, layout))
    assert len(seen) >= 1
    assert seen.labels[0] == "object"
    assert overlaps(seen.boxes_px, np.array([box], float)).max() > 0.6
    assert seen.scores.max() > 0.5
    assert (seen.boxes_px[:, :2] >= 0).all()
    assert (seen.boxes_px[:, :2] + seen.boxes_px[:, 2:] <= np.array([width, height]) + 1e-6).all()


def test_scores_below_the_floor_are_left_out(tmp_path):
    weights = save(tmp_path / "x.safetensors", seeing())
    shown = frame(640, 480, (160, 160, 128, 160))
    # Something that is a little like the block, so that it does not keep to itself alone.
    shown.planes[320:448, 320:600] = (200, 100, 60)
    every = LostDetector(weights, min_score=0.0).detect(shown)
    best = every.scores.max()
    some, none = (LostDetector(weights, min_score=best + d).detect(shown) for d in (-1e-6, 1e-6))
    assert (len(some), len(none)) == (1, 0)
    assert best < 1


def test_the_weights_are_named_by_their_sha256(tmp_path):
    import hashlib

    path = save(tmp_path / "x.safetensors", seeing())
    finder, digest = LostDetector(path), hashlib.sha256(path.read_bytes()).hexdigest()
    assert finder.sha256 == digest
    (note,) = CheckedDetector(finder).notes
    assert digest in note


def test_the_side_decides_how_fine_it_looks(tmp_path):
    weights = save(tmp_path / "x.safetensors", seeing())
    box = (210, 150, 40, 60)
    fine, coarse = (LostDetector(weights, side_px=s).detect(frame(640, 480, box)) for s in (640, 96))
    best = [overlaps(each.boxes_px, np.array([box], float)).max(initial=0) for each in (fine, coarse)]
    assert best[0] > 0.6 > best[1]
    assert working_size(640, 480, 16, 640) == (640, 480)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_score": 1.5}, "min_score"),
        ({"side_px": 10}, "side"),
        ({"classes": "person"}, "does not take classes"),
        ({"nonsense": 1}, "does not take nonsense"),
    ],
)
def test_options_that_it_does_not_take(tmp_path, options, words):
    weights = save(tmp_path / "x.safetensors", seeing())
    with pytest.raises(OptionError, match=words):
        detector("lost", weights=weights, **options)


def test_errors_name_the_options_that_can_be_given(tmp_path):
    weights = save(tmp_path / "x.safetensors", seeing())
    with pytest.raises(OptionError, match=r"allowed: weights, min_score\."):
        DetectorOptions("lost", weights=weights, classes="person").make()
    with pytest.raises(OptionError, match="allowed: weights, min_score, side_px, heal"):
        detector("lost", weights=weights, classes="person")


def test_a_detector_made_in_python_goes_the_whole_way(tmp_path):
    lost = detector("lost", weights=save(tmp_path / "x.safetensors", seeing()), heal=True, side_px=96)
    assert DetectorOptions(lost).make().detect(frame(96, 96, (32, 32, 32, 32))).labels[0] == "object"


def test_weights_are_needed_and_must_be_there(tmp_path):
    with pytest.raises(OptionError, match="needs weights"):
        detector("lost")
    with pytest.raises(ModelError, match=r"cannot be read.*no such file.*Give the path of a file"):
        detector("lost", weights=tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match=r"cannot be read.*a folder.*Give the path of a file"):
        detector("lost", weights=tmp_path)


def test_healing_is_asked_for_and_done_on_the_first_frame(tmp_path):
    # Neuron 5 answers to red and makes those patches explode.
    tensors = seeing()
    tensors["pos_embed"][..., 10:20] = 0.5
    tensors["blocks.0.mlp.fc1.weight"][5] = 0
    tensors["blocks.0.mlp.fc1.weight"][5, 0] = 2
    tensors["blocks.0.mlp.fc1.bias"][5] = -2
    tensors["blocks.0.mlp.fc2.weight"][:, 5] = 100
    weights = save(tmp_path / "x.safetensors", tensors)
    shown = frame(640, 480, (160, 160, 128, 160))
    shown.planes[:] = MEAN.astype(np.uint8)
    shown.planes[32:48, 64:80] = (255, 100, 100)
    plain, healed = LostDetector(weights, side_px=640), LostDetector(weights, side_px=640, heal=True)
    plain.detect(shown)
    healed.detect(shown)
    assert not hasattr(plain._model, "neurons")
    assert [(n.block, n.index) for n in healed._model.neurons] == [(0, 5)]
