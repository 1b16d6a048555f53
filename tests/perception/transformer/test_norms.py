"""Planted long tokens are named exactly; planted register neurons are found, and healed by a register."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.perception.transformer import VisionTransformer
from cssv.perception.transformer.features import MEAN, Features
from cssv.perception.transformer.norms import OUTLIER_DEVIATIONS, count_outliers, find_outliers, measure_norms
from cssv.perception.transformer.registers import HealedTransformer, Neuron, find_register_neurons, heal
from cssv.perception.transformer.weights import read_weights
from tests.perception.transformer.tensor_files import facebook, save

PATCH, ROWS, COLUMNS, DEPTH = 4, 7, 9, 4
#: Block and hidden neuron that make tokens explode, and how much of them.
BLOCK, NEURON, FORCE = 1, 17, 40.0
PLACES = ((1, 2), (5, 8))


def features_of(norms, first=1):
    """Features whose tokens have these (depth, n) norms."""
    norms = np.asarray(norms, float)
    columns = norms.shape[1] - first
    nothing = np.zeros((norms.shape[1], 64), np.float32)
    return Features(1, columns, first, nothing, nothing, norms, tuple(range(len(norms))))


def shown(places=PLACES, seed=3):
    """Noise around the models' grey, and white patches."""
    rng = np.random.default_rng(seed)
    picture = MEAN + rng.normal(0, 12, (ROWS * PATCH, COLUMNS * PATCH, 3))
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    for row, column in places:
        picture[row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH] = 255
    return picture


def planted(*, force=FORCE, gated=False, registers=0, sign=1.0):
    """A model in which one neuron of one block answers to white patches and writes a long token.

    Token 0 tells white, read by the neuron alone; what it writes goes into token numbers 1 to 8.
    """
    tensors = facebook(depth=DEPTH, patch=PATCH, grid=5, gated=gated, registers=registers, std=0.03)
    tensors["patch_embed.proj.weight"][0] = 0.04
    tensors["pos_embed"] *= 30
    tensors["pos_embed"][..., 0] = 0
    enter, leave = ("w12", "w3") if gated else ("fc1", "fc2")
    at = f"blocks.{BLOCK}.mlp."
    hidden = tensors[f"{at}{leave}.weight"].shape[1]
    tensors[f"{at}{enter}.weight"][NEURON] = 0
    tensors[f"{at}{enter}.weight"][NEURON, 0] = 2.0
    tensors[f"{at}{enter}.bias"][NEURON] = -5.0
    if gated:
        tensors[f"{at}{enter}.weight"][hidden + NEURON] = 0
        tensors[f"{at}{enter}.bias"][hidden + NEURON] = sign
    column = np.zeros(64, np.float32)
    column[1:9] = force
    tensors[f"{at}{leave}.weight"][:, NEURON] = column
    return tensors


def model_of(path, tensors):
    return VisionTransformer(read_weights(save(path / "planted.safetensors", tensors)))


@given(
    st.lists(st.floats(0.5, 50), min_size=30, max_size=60),
    st.lists(st.tuples(st.integers(0, 29), st.floats(1.01, 50)), max_size=3, unique_by=lambda each: each[0]),
)
def test_a_norm_is_an_outlier_by_its_block_s_median_alone(base, planted):
    norms = np.array([1000.0, *base])
    median = np.median(base)
    spread = max(1.4826 * np.median(np.abs(np.array(base) - median)), 0.1 * median)
    bound = median + OUTLIER_DEVIATIONS * spread
    for place, times in planted:
        norms[1 + place] = bound * times
    (block,) = measure_norms(features_of([norms]))
    assert block.median == np.median(norms[1:])
    spread = 1.4826 * np.median(np.abs(norms[1:] - block.median))
    assert block.deviation == pytest.approx(max(spread, 0.1 * block.median))
    assert block.bound == pytest.approx(block.median + OUTLIER_DEVIATIONS * block.deviation)
    found = find_outliers((block,), len(base), (2.0, 3.0))
    truth = np.flatnonzero(norms[1:] > block.bound)
    assert sorted(each.column for each in found) == truth.tolist()
    assert all(each.norm == norms[1 + each.column] for each in found)
    assert [each.norm for each in found] == sorted((each.norm for each in found), reverse=True)
    for each in found:
        assert each.deviations == pytest.approx((each.norm - block.median) / block.deviation)
        assert each.deviations > OUTLIER_DEVIATIONS
        assert (each.x_px, each.y_px) == ((each.column + 0.5) * 2, 1.5)
    assert block.others == (1000.0,)


def test_the_fixed_threshold_of_the_paper_plays_no_part():
    even = np.full(50, 400.0)
    assert count_outliers(features_of([even])) == 0
    small = np.r_[np.full(50, 0.01), 0.05]
    assert count_outliers(features_of([small])) == 1


def test_tokens_of_length_nothing_are_no_outliers():
    (block,) = measure_norms(features_of([np.zeros(20)]))
    assert find_outliers((block,), 19, (1, 1)) == ()
    nearly = np.zeros(20)
    nearly[4] = 1
    (block,) = measure_norms(features_of([nearly]))
    assert [each.column for each in find_outliers((block,), 19, (1, 1))] == [3]


def test_registers_and_the_class_token_are_no_patches():
    norms = np.full(30, 10.0)
    norms[:5] = 500
    norms[12] = 300
    (block,) = measure_norms(features_of([norms], first=5))
    assert [each.column for each in find_outliers((block,), 25, (1, 1))] == [7]
    assert block.others == (500.0,) * 5


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("registers", [0, 4])
def test_planted_patches_are_named_exactly(tmp_path, gated, registers):
    model = model_of(tmp_path, planted(gated=gated, registers=registers))
    features = model.look(shown())
    found = find_outliers(measure_norms(features), COLUMNS, (PATCH, PATCH))
    assert {(each.block, each.row, each.column) for each in found} == {
        (block, row, column) for block in range(BLOCK, DEPTH) for row, column in PLACES
    }
    assert {(each.x_px, each.y_px) for each in found} == {
        ((column + 0.5) * PATCH, (row + 0.5) * PATCH) for row, column in PLACES
    }


def test_a_clean_model_has_none(tmp_path):
    model = model_of(tmp_path, planted(force=0.0))
    assert count_outliers(model.look(shown())) == 0
    assert find_register_neurons(model, [shown()]) == ()
    assert heal(model, [shown()]) is None


@pytest.mark.parametrize("gated", [False, True])
def test_the_planted_neuron_is_found(tmp_path, gated):
    model = model_of(tmp_path, planted(gated=gated))
    pictures = [shown(), shown(places=((0, 0),), seed=4), shown(places=())]
    neurons = find_register_neurons(model, pictures)
    assert (neurons[0].block, neurons[0].index) == (BLOCK, NEURON)
    assert neurons[0].written > 5 * neurons[1].written
    assert [n.written for n in neurons] == sorted((n.written for n in neurons), reverse=True)
    assert all(neuron.block <= BLOCK for neuron in neurons)


def test_a_neuron_of_little_activation_and_much_weight_is_found(tmp_path):
    tensors = planted()
    at = f"blocks.{BLOCK}.mlp."
    tensors[f"{at}fc1.weight"][NEURON] *= 0.1
    tensors[f"{at}fc1.bias"][NEURON] *= 0.1
    tensors[f"{at}fc2.weight"][:, NEURON] *= 15
    model = model_of(tmp_path, tensors)
    found = {}
    model.run(shown(), watch=lambda block, hidden: found.setdefault(block, np.abs(hidden).max(axis=0)))
    assert found[BLOCK][NEURON] < 0.8
    healed = heal(model, [shown()])
    assert [(n.block, n.index) for n in healed.neurons] == [(BLOCK, NEURON)]
    assert count_outliers(healed.look(shown())) == 0


@pytest.mark.parametrize(("gated", "sign"), [(False, 1.0), (True, 1.0), (True, -1.0)])
@pytest.mark.parametrize("registers", [0, 4])
def test_a_test_time_register_heals(tmp_path, gated, sign, registers):
    options = {"gated": gated, "registers": registers, "sign": sign}
    ill = model_of(tmp_path, planted(**options))
    clean = model_of(tmp_path, planted(force=0.0, **options))
    picture = shown()
    healed = heal(ill, [picture])
    assert healed is not None
    assert [(n.block, n.index) for n in healed.neurons] == [(BLOCK, NEURON)]
    before, after, truth = ill.look(picture), healed.look(picture), clean.look(picture)
    assert count_outliers(before) > 0
    assert count_outliers(after) == 0
    # The register is the long token now, from the block of the neuron on.
    assert len(after.norms[0]) == len(before.norms[0]) + 1
    for block in range(BLOCK, DEPTH):
        assert after.norms[block, -1] > 5 * np.median(after.patch_norms[block])
    # The patches' keys are those of the model that never was ill; those of the ill one are not.
    keys, theirs, sick = (f.patches(f.keys) for f in (after, truth, before))
    scale = np.abs(theirs).max()
    assert np.abs(keys - theirs).max() < 0.1 * scale
    assert np.abs(sick - theirs).max() > 0.3 * scale


def test_healing_for_one_picture_heals_others_with_outliers_elsewhere(tmp_path):
    model = model_of(tmp_path, planted())
    healed = heal(model, [shown()])
    other = shown(places=((3, 3), (0, 8), (6, 0)), seed=9)
    assert count_outliers(model.look(other)) > 0
    assert count_outliers(healed.look(other)) == 0
    assert (healed.name, healed.sha256, healed.patch_px) == (model.name, model.sha256, model.patch_px)


def test_a_register_that_takes_nothing_over_changes_little(tmp_path):
    model = model_of(tmp_path, planted(force=0.0))
    picture = shown()
    idle = HealedTransformer(model, [])
    plain, spare = model.look(picture), idle.look(picture)
    assert len(spare.tokens) == len(plain.tokens) + 1
    np.testing.assert_allclose(spare.patches(spare.keys), plain.patches(plain.keys), atol=0.05)


def test_neurons_that_do_not_make_outliers_are_not_moved(tmp_path):
    # A long token from the patches' own embedding: no neuron made it, none can take it away.
    tensors = facebook(depth=2, patch=PATCH, grid=5, std=0.02)
    tensors["patch_embed.proj.weight"][1:9] = 4.0
    model = model_of(tmp_path, tensors)
    assert count_outliers(model.look(shown())) > 0
    assert heal(model, [shown()]) is None


def test_moving_is_what_the_paper_says(tmp_path):
    """Literally: the register gets the strongest activation, patches none, other tokens keep theirs."""
    model = model_of(tmp_path, planted(registers=2))
    seen = {}

    def watch(block, hidden):
        seen[block] = hidden[:, NEURON].copy()

    healed = HealedTransformer(model, [Neuron(BLOCK, NEURON, 1.0)])
    run = model.run

    def spied(picture, *, spare=0, watch=None):
        def both(block, hidden):
            before = hidden[:, NEURON].copy()
            watch(block, hidden)
            seen[block] = (before, hidden[:, NEURON].copy())

        return run(picture, spare=spare, watch=both)

    model.run = spied
    healed.look(shown())
    before, after = seen[BLOCK]
    assert after[-1] == before.max()
    assert (after[3:-1] == 0).all()
    np.testing.assert_array_equal(after[:3], before[:3])
    for block in (0, 2, 3):
        np.testing.assert_array_equal(*seen[block])
