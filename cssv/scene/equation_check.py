"""Rules of equations that a schema cannot express: they parse, and are finite and in bounds at all times.

Bounds are shown by interval arithmetic over pieces of the trajectory's time. A piece for which they cannot be
shown is halved, up to a limit. So no time between samples can hold a value that is not finite.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from cssv.errors import InputError
from cssv.scene.equations import EQUATION_NAMES, expression_of
from cssv.scene.expression_values import F64, slope_bounds, slopes_at
from cssv.scene.expressions import Expression

#: Bounds of a place and of a side, px; those of waypoints, with a least side in place of 0.
LARGEST_PX, LEAST_SIDE_PX = 1e6, 1e-3
#: Most opcodes of all equations of a scene together; bounds the time of the check.
MOST_STEPS_OF_SCENE = 100_000
#: Pieces at first, most pieces that are left after a round, and rounds of halving.
_PIECES, _MOST_PIECES, _ROUNDS = 64, 256, 14
_SHOWN_CHARS = 60

#: Keys from the equations on, and what is wrong there.
EquationFault = tuple[tuple[str, ...], str]


class EquationCheck:
    """The check of the equations of one scene.

    Args:
        fastest_px_s: largest slope.
    """

    def __init__(self, fastest_px_s: float) -> None:
        self._fastest = fastest_px_s
        self._steps = 0

    def faults(self, node: Any) -> Iterator[EquationFault]:  # noqa: ANN401 - any JSON value
        """The faults of a trajectory; wrong shapes are skipped, because the schema reports them."""
        start, stop = node.get("from_s"), node.get("to_s")
        if not (_is_number(start) and _is_number(stop)):
            return
        if not start < stop:
            yield ("to_s",), f"found {_show(stop)}; allowed: above from_s, {_show(start)}"
            return
        for name in EQUATION_NAMES:
            is_object = isinstance(node.get(name), dict)
            formula = node[name].get("expression") if is_object else node.get(name)
            if isinstance(formula, str) or _is_number(formula):
                path = (name, "expression") if is_object else (name,)
                yield from ((path, words) for words in self._formula_faults(name, formula, stop - start))

    def _formula_faults(self, name: str, formula: str | float, span_s: float) -> Iterator[str]:
        try:
            expression = expression_of(formula)
        except InputError as error:
            yield f"found {_show(formula)}; {error}"
            return
        self._steps += len(expression.steps)
        if self._steps > MOST_STEPS_OF_SCENE:
            yield f"the equations of the scene are too long together; allowed: {MOST_STEPS_OF_SCENE} opcodes"
            return
        low = LEAST_SIDE_PX if name in ("width_px", "height_px") else -LARGEST_PX
        wrong = _first_fault(expression, span_s, (low, LARGEST_PX), self._fastest)
        if wrong is not None:
            yield f"found {_show(formula)}; {wrong}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _show(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 3] + "..."


def _first_fault(
    expression: Expression, span_s: float, bounds: tuple[float, float], fastest: float
) -> str | None:
    """What is wrong with an expression between 0 and ``span_s``, in words; None if nothing is."""
    allowed = f"allowed: {bounds[0]:g} to {bounds[1]:g} px, at most {fastest:g} px/s"
    edges = np.linspace(0.0, span_s, _PIECES + 1)
    pieces = np.stack([edges[:-1], edges[1:]])
    for _ in range(_ROUNDS):
        values, slopes = slope_bounds(expression, pieces)
        # NaN is in no bounds.
        shown = _is_within(values, *bounds) & _is_within(slopes, -fastest, fastest)
        pieces = pieces[:, ~shown]
        if not pieces.size:
            return None
        middles = pieces.mean(axis=0)
        points = np.unique(np.concatenate([pieces[0], middles, pieces[1]]))
        found = _fault_at(expression, points, bounds, fastest)
        if found is not None:
            return f"{found}; {allowed}"
        if pieces.shape[1] > _MOST_PIECES:
            break
        pieces = np.concatenate([np.stack([pieces[0], middles]), np.stack([middles, pieces[1]])], axis=1)
    return f"it could not be shown to stay in its bounds at t = {pieces[0, 0]:.6g} s; {allowed}"


def _is_within(bounds: F64, low: float, high: float) -> Any:  # noqa: ANN401 - (n,) bool
    return (bounds[0] >= low) & (bounds[1] <= high)


def _fault_at(
    expression: Expression, times_s: F64, bounds: tuple[float, float], fastest: float
) -> str | None:
    values, slopes = slopes_at(expression, times_s)
    is_wrong = ~((values >= bounds[0]) & (values <= bounds[1]))
    is_fast = ~(np.abs(slopes) <= fastest)
    if is_wrong.any():
        at = int(is_wrong.argmax())
        return f"it is {values[at]:.6g} at t = {times_s[at]:.6g} s"
    if is_fast.any():
        at = int(is_fast.argmax())
        return f"its slope is {slopes[at]:.6g} px/s at t = {times_s[at]:.6g} s"
    return None
