"""Symbolic regression by other packages: optional, bounded, and only a proposal."""

from __future__ import annotations

import shutil
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from cssv.errors import MissingExtraError
from cssv.payload.channels import UNITS_A_PX
from cssv.payload.symbolic import SECONDS, find_backend
from cssv.payload.track_code import Frames, TrackMethod
from cssv.payload.track_fit import fit_track
from cssv.scene.expressions import parse_expression

TIMES = np.arange(160) / 20


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyoperon.sklearn", None)
    with pytest.raises(MissingExtraError, match=r"pip install '.\[symbolic\]'"):
        find_backend("pyoperon")
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(MissingExtraError, match="Julia"):
        find_backend("pysr")
    # It would download Julia when it is imported.
    assert "pysr" not in sys.modules
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setitem(sys.modules, "pysr", None)
    with pytest.raises(MissingExtraError, match="pip install pysr"):
        find_backend("pysr")


class Regressor:
    """What both packages offer, as far as it is used."""

    def __init__(self, **options):
        self.options = options

    def fit(self, times, values, variable_names=("t",)):
        assert times.shape == (len(values), 1)
        assert list(variable_names) == ["t"]
        self.pareto_front_ = [{"tree": text} for text in self.texts]
        self.equations_ = {"equation": self.texts}

    #: The last three are none of ours: unknown names, and not a number.
    texts = ("(50.0 + (12.0 * (sin((2.0 * t)) * t)))", "tanh(t)", "nan", "x0 + 1")

    @staticmethod
    def get_model_string(tree, decimals, names):
        assert names == ["t"]
        assert decimals > 0
        return tree


@pytest.mark.parametrize("name", ["pyoperon", "pysr"])
def test_proposals_are_parsed_and_bounded_in_time(name, monkeypatch):
    made = []

    def make(**options):
        made.append(Regressor(**options))
        return made[-1]

    module = ModuleType(name)
    module.PySRRegressor = make
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "pyoperon.sklearn", SimpleNamespace(SymbolicRegressor=make))
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    values = 50 + 12 * np.sin(2 * TIMES) * TIMES
    found = find_backend(name)(values, TIMES)
    assert found == [parse_expression("50 + 12*(sin(2*t)*t)")]
    options = made[0].options
    assert options.get("max_time", options.get("timeout_in_seconds")) == SECONDS
    contest = fit_track(values, Frames.from_times(TIMES.tolist()), "width", UNITS_A_PX, found)
    assert contest.shortest is TrackMethod.EXPRESSION
    assert contest.codes[TrackMethod.EXPRESSION].expression == found[0]


def test_a_bad_proposal_loses_the_contest():
    values = 50 + 12 * np.sin(2 * TIMES)
    frames = Frames.from_times(TIMES.tolist())
    worse = [parse_expression(text) for text in ("1/t", "exp(99*t)", "0.123456789012345*t", "17")]
    plain, other = (fit_track(values, frames, "width", UNITS_A_PX, each) for each in ((), worse))
    assert plain.codes == other.codes


def test_pyoperon_itself():
    pytest.importorskip("pyoperon")
    values = 320 + 96 * np.cos(1.57 * TIMES + 0.4) + 0.5 * TIMES * np.sin(TIMES)
    found = find_backend("pyoperon")(values, TIMES)
    assert found
    frames = Frames.from_times(TIMES.tolist())
    plain, other = (fit_track(values, frames, "centre_x", UNITS_A_PX, each) for each in ((), found))
    assert min(other.bits.values()) <= min(plain.bits.values())
