"""Probabilities of binary decisions: shipped with the package, adapted while coding.

A decision is named by a model and a node of it. The probability of a decision is an integer, and so is its
adaptation: encoder and decoder compute the same numbers on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

#: The probability of 1 in units of 1 / SCALE, and the least distance from 0 and from 1.
SCALE, LEAST = 1 << 16, 32
#: Observations after which the rate of adaptation no longer falls.
SATURATED = 40
#: Number of observations that marks a static decision: its probability is never adapted.
STATIC = 255

#: The state of a decision: probability of 1, and the number of observations behind it.
State = tuple[int, int]
#: The states of named models by node.
Table = Mapping[str, Mapping[int, State]]
#: A decision that was never observed.
UNSEEN: State = (SCALE // 2, 0)
#: 1 / (observations + 1.5) in units of 1 / SCALE: the mean of the bits and of a first guess.
_RATES = tuple(2 * SCALE // (2 * min(seen, SATURATED) + 3) for seen in range(STATIC))


def adapt(state: State, bit: int) -> State:
    """The state after one more observation."""
    one, seen = state
    if seen == STATIC:
        return state
    # Conditions in place of min and max: this is the innermost function of reading and writing.
    one += ((SCALE if bit else 0) - one) * _RATES[seen] >> 16
    if one < LEAST:
        one = LEAST
    elif one > SCALE - LEAST:
        one = SCALE - LEAST
    return one, seen + 1 if seen < SATURATED else SATURATED


class Models:
    """The states of all decisions while one payload is coded.

    Args:
        prior: the states at the beginning. A decision without one begins as :data:`UNSEEN`.
    """

    def __init__(self, prior: Table | None = None) -> None:
        self._prior = _shipped_states() if prior is None else _by_decision(prior)
        self._states: dict[tuple[str, int], State] = {}

    def state(self, model: str, node: int) -> State:
        """The present state of a decision."""
        key = model, node
        return self._states.get(key) or self._prior.get(key, UNSEEN)

    def observe(self, model: str, node: int, bit: int) -> int:
        """Adapt a decision to its outcome; returns the probability of 1 that it had before."""
        key = model, node
        state = self._states.get(key) or self._prior.get(key, UNSEEN)
        self._states[key] = adapt(state, bit)
        return state[0]

    def branch(self) -> Models:
        """Models that begin with these states; what they observe does not change these."""
        other = Models.__new__(Models)
        other._prior, other._states = self._prior, self._states.copy()
        return other


def _by_decision(table: Table) -> dict[tuple[str, int], State]:
    """The states by model and node."""
    return {(model, node): state for model, nodes in table.items() for node, state in nodes.items()}


def read_priors(text: str) -> dict[str, dict[int, State]]:
    """The table in a file of priors: model, node, then probability and observations."""
    return {
        model: {int(node): (int(one), int(seen)) for node, (one, seen) in nodes.items()}
        for model, nodes in json.loads(text).items()
    }


def write_priors(table: Table) -> str:
    """Inverse of :func:`read_priors`: one line a model."""
    rows = (
        f"{json.dumps(model)}: {json.dumps({str(n): list(s) for n, s in sorted(nodes.items())})}"
        for model, nodes in sorted(table.items())
    )
    return "{\n" + ",\n".join(rows) + "\n}\n"


@cache
def shipped_priors() -> Table:
    """The priors of format version 1, learnt by ``benchmarks/payload_priors.py``."""
    return read_priors(resources.files(__package__).joinpath("priors.json").read_text(encoding="utf-8"))


@cache
def _shipped_states() -> dict[tuple[str, int], State]:
    return _by_decision(shipped_priors())
