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
_RATES = tuple(2 * SCALE // (2 * seen + 3) for seen in range(SATURATED + 1))


def adapt(state: State, bit: int) -> State:
    """The state after one more observation."""
    one, seen = state
    if seen == STATIC:
        return state
    goal = SCALE if bit else 0
    one += (goal - one) * _RATES[min(seen, SATURATED)] >> 16
    return min(max(one, LEAST), SCALE - LEAST), min(seen + 1, SATURATED)


class Models:
    """The states of all decisions while one payload is coded.

    Args:
        prior: the states at the beginning. A decision without one begins as :data:`UNSEEN`.
    """

    def __init__(self, prior: Table | None = None) -> None:
        self._prior = shipped_priors() if prior is None else prior
        self._states: dict[tuple[str, int], State] = {}
        self._parent: Models | None = None

    def state(self, model: str, node: int) -> State:
        """The present state of a decision."""
        known = self._states.get((model, node))
        if known is not None:
            return known
        if self._parent is not None:
            return self._parent.state(model, node)
        return self._prior.get(model, {}).get(node, UNSEEN)

    def observe(self, model: str, node: int, bit: int) -> None:
        """Adapt a decision to its outcome."""
        self._states[model, node] = adapt(self.state(model, node), bit)

    def branch(self) -> Models:
        """Models that begin with these states; what they observe does not change these."""
        other = Models(self._prior)
        other._parent = self
        return other


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
