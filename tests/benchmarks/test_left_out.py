"""Constants chosen without the sequence on which they are scored."""

from __future__ import annotations

import importlib

import pytest

from cssv.perception import linking


@pytest.fixture
def left_out():
    return pytest.importorskip("left_out", reason="trackeval is not installed")


def test_every_constant_exists_and_its_default_is_a_candidate(left_out):
    for name, values in left_out.SPACE.items():
        if "." in name:
            module, constant = name.split(".")
            default = getattr(importlib.import_module(f"cssv.perception.{module}"), constant)
        else:
            default = {"high_share": left_out.HIGH_SHARE, "patience_s": left_out.PATIENCE_S}[name]
        assert default in values, name


def test_the_defaults_come_first_and_candidates_are_always_the_same(left_out):
    first, *others = list(left_out.candidates(9))
    assert first == {}
    assert others == list(left_out.candidates(9))[1:]
    assert len({tuple(sorted(each.items())) for each in others}) == 8


def test_constants_are_set_for_a_while_only(left_out):
    before = linking.LARGEST_COST
    with left_out.constants({"linking.LARGEST_COST": 1.5, "high_share": 0.25}) as arguments:
        assert linking.LARGEST_COST == 1.5
        assert arguments["high_share"] == 0.25
    assert before == linking.LARGEST_COST


def test_the_choice_does_not_see_its_own_sequence(left_out, monkeypatch):
    # Candidate 0 is best on a alone, candidate 1 on b alone, and on all of them 0 is.
    tried = [{"a": 10, "b": 1}, {"a": 2, "b": 4}]
    monkeypatch.setattr(left_out, "combined", lambda found: found)
    monkeypatch.setattr(left_out, "worth", lambda found: sum(found.values()))
    assert left_out.best(tried, ["a", "b"]) is tried[0]
    assert left_out.left_out(tried) == {"a": 2, "b": 1}
