"""Every result of a public function becomes plain JSON."""

from __future__ import annotations

import inspect
import json
import math
import typing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cssv
from cssv.perception.transformer.norms import BlockNorms, Outlier
from cssv.perception.transformer.registers import Neuron
from cssv.testing.clips import write_clip

#: What a function returns that is an input of another one.
INPUTS = {"Detections"}
#: What a function returns that is no result: pictures, one after the other.
ITERATORS = {"Embedding"}


def result_classes() -> set[str]:
    """Names of the classes that the public functions return."""
    found = set()
    for name in cssv.__all__:
        function = getattr(cssv, name)
        if inspect.isfunction(function):
            found.add(typing.get_type_hints(function)["return"].__name__)
    return found - INPUTS - ITERATORS


def artefacts_with_infinite_deviation() -> cssv.Artefacts:
    block = BlockNorms(0, np.array([0.0, 0, 0, 7]), (1.5,), 0.0, 0.0, 0.0)
    outlier = Outlier(0, 1, 1, 12.0, 12.0, 7.0, math.inf)
    once = cssv.Artefacts("model", "0" * 64, 16, 16, 2, 2, 8, (block,), (outlier,))
    return replace(once, neurons=(Neuron(0, 3, 1.25),), healed=once, plot=Path("plot.png"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One result of each class, by its name."""
    folder = tmp_path_factory.mktemp("results")
    clip, path = write_clip(folder / "clip.mkv", count=4), folder / "clip.cssv"
    warm = {"cssv_scene": 1, "environment": {"ambient_temperature_c": 20}}
    made = [
        cssv.encode(clip, path),
        cssv.commit(path, warm, message="warmer"),
        cssv.decode(path, objects=folder / "objects.csv"),
        cssv.export(path, folder / "copy.mkv"),
        cssv.gc(path, folder / "small.cssv", keep_playing=True),
        cssv.track(clip, folder / "tracks.txt"),
        cssv.verify(path),
        cssv.capacity(path),
        cssv.estimate(clip),
        cssv.diff(path, 1, 2),
        cssv.log(path),
        cssv.page(path, folder / "page.html"),
        cssv.checkout(path, 1),
        cssv.info(path),
        cssv.ground(clip, lengths=[((0, 0), (20, 0), 4)], top_view=True),
        cssv.room(path, folder / "room.glb"),
        # A real one needs matplotlib: tests/api/test_plot.py.
        cssv.Plotted(folder / "plot.png", "paths", (1,), 1, "px/s"),
        # A real one needs a clip of several seconds: tests/api/test_robust.py.
        cssv.Identity(clip, "00112233", "44556677", (cssv.Original(path, same_clip=True, same_scene=False),)),
        # A recording that was killed is needed for a real one: tests/api/test_recordings.py.
        cssv.Recovered(path, 4, path.stat().st_size, 0, cssv.verify(path)),
        artefacts_with_infinite_deviation(),
    ]
    return {type(each).__name__: each for each in made}


def test_each_class_of_result_is_made_here(results):
    assert set(results) == result_classes()


@pytest.mark.parametrize("name", sorted(result_classes()))
def test_a_result_becomes_plain_json(results, name):
    data = results[name].to_json()
    assert isinstance(data, dict)
    # Equal after the round trip only if it holds no tuple, no path and no number of NumPy.
    assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_a_fault_becomes_plain_json():
    fault = cssv.Fault("pixels", "frame 3 differs", 3, None)
    assert fault.to_json() == {"kind": "pixels", "text": "frame 3 differs", "frame": 3, "version": None}
    broken = cssv.Verification(4, 1, (fault,))
    assert broken.to_json()["faults"] == [fault.to_json()]
    assert broken.to_json()["sound"] is False


def test_facts_that_are_no_numbers_become_null(results):
    strange = replace(results["Information"], facts={"gain": math.nan, "spans": [(0, math.inf)]})
    assert strange.to_json()["facts"] == {"gain": None, "spans": [[0, None]]}


def test_infinite_deviations_become_null(results):
    assert results["Artefacts"].to_json()["outliers"][0]["deviations"] is None


def test_tracks_are_text_too(results):
    tracked = results["Tracked"]
    assert tracked.mot_text == tracked.path.read_text()
