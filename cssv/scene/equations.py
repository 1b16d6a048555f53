"""Trajectories as equations: centre x, foot y, width and height of a box as expressions of time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from cssv.scene.expression_values import F64, slopes_at
from cssv.scene.expressions import Expression, Op, parse_expression
from cssv.scene.values import ImageBox, JsonObject, Pair, own_keys, time_earlier

#: The expressions of a trajectory, by their names in JSON.
EQUATION_NAMES = ("centre_x_px", "foot_y_px", "width_px", "height_px")
#: Points in time at which speeds and places are sampled.
_SAMPLES = 257


@dataclass(frozen=True, slots=True)
class Equation:
    """One number of a box as an expression of time.

    Attributes:
        formula: the text of the expression, or a number; see :func:`cssv.scene.expressions.parse_expression`.
        bound_px: largest distance from what it describes; None if it is exact.
        extra: the user's own ``x_`` keys; only with a bound.
        expression: the formula as opcodes.
    """

    formula: str | float
    bound_px: float | None = None
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)
    expression: Expression = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expression", expression_of(self.formula))

    def to_json(self) -> object:
        """A number, a text, or an object where a bound is known."""
        if self.bound_px is None:
            return self.formula
        return {"expression": self.formula, "bound_px": self.bound_px} | self.extra

    @classmethod
    def from_json(cls, node: Any) -> Equation:  # noqa: ANN401 - any JSON value
        """Inverse of :meth:`to_json`, for JSON that has been checked."""
        if not isinstance(node, dict):
            return cls(node)
        return cls(node["expression"], node["bound_px"], own_keys(node))


def expression_of(formula: str | float) -> Expression:
    """The expression of a formula. Raises InputError."""
    if isinstance(formula, str):
        return parse_expression(formula)
    constant = abs(float(formula))
    is_negative = math.copysign(1, formula) < 0
    return Expression((constant, Op.NEGATE) if is_negative else (constant,))


@dataclass(frozen=True, slots=True)
class Equations:
    """A trajectory by equations, in which t counts seconds from ``from_s``.

    Attributes:
        from_s, to_s: first and last time of the trajectory, in seconds of the clip.
        centre_x_px, foot_y_px: middle of the box's width, and its lower edge.
        width_px, height_px: its sides. The trajectory of an object has all four, that of
            :class:`TrackEquations` those that are known.
        extra: the user's own ``x_`` keys.
    """

    from_s: float
    to_s: float
    centre_x_px: Equation | None = None
    foot_y_px: Equation | None = None
    width_px: Equation | None = None
    height_px: Equation | None = None
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)

    @classmethod
    def from_json(cls, node: JsonObject) -> Equations:
        """The equations of JSON that has been checked."""
        named = {name: Equation.from_json(node[name]) for name in EQUATION_NAMES if name in node}
        return cls(node["from_s"], node["to_s"], **named, extra=own_keys(node))

    def earlier(self, back_s: Fraction) -> Equations:
        """The equations with both ends ``back_s`` seconds earlier; t counts from the beginning as before."""
        start, stop = (time_earlier(end, back_s) for end in (self.from_s, self.to_s))
        return replace(self, from_s=start, to_s=stop)

    def state_at(self, time_s: float) -> tuple[ImageBox, Pair, Pair]:
        """The box, the velocity of its centre and that of its foot, px/s, at a time of the trajectory."""
        (cx, foot, width, height), (vx, foot_vy, _, taller) = (
            rows[:, 0].tolist() for rows in self._numbers(np.array([float(time_s)]))
        )
        box = (cx - width / 2, foot - height, width, height)
        return box, (vx, foot_vy - taller / 2), (vx, foot_vy)

    def samples(self) -> tuple[F64, F64, F64]:
        """Times (n,), boxes (n, 4) and speeds (n,) of the centre, px/s, at equal distances in time."""
        times = np.unique(np.linspace(self.from_s, self.to_s, _SAMPLES))
        (cx, foot, width, height), (vx, foot_vy, _, taller) = self._numbers(times)
        boxes = np.stack([cx - width / 2, foot - height, width, height], axis=1)
        return times, boxes, np.hypot(vx, foot_vy - taller / 2)

    def _numbers(self, times_s: F64) -> tuple[F64, F64]:
        """The four numbers and their slopes at each time, (4, n) each."""
        since = np.clip(times_s - self.from_s, 0.0, self.to_s - self.from_s)
        rows = []
        for name in EQUATION_NAMES:
            equation: Equation | None = getattr(self, name)
            assert equation is not None
            rows.append(slopes_at(equation.expression, since))
        values, slopes = zip(*rows, strict=True)
        return np.stack(values), np.stack(slopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEquations:
    """The equations that describe a perceived track, as ``decode`` writes them; nothing is drawn from them.

    Attributes:
        track: id of the track.
        label, name: of the track; None if it has none.
        trajectory: its equations, each with its bound.
        extra: the user's own ``x_`` keys.
    """

    track: int
    label: str | None = None
    name: str | None = None
    trajectory: Equations
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)

    @classmethod
    def from_json(cls, node: JsonObject) -> TrackEquations:
        """The equations of JSON that has been checked."""
        return cls(
            track=int(node["track"]),
            label=node.get("label"),
            name=node.get("name"),
            trajectory=Equations.from_json(node["trajectory"]),
            extra=own_keys(node),
        )


def is_whole(equations: Equations) -> bool:
    """Whether all four equations are known, so that a box can be drawn."""
    return all(getattr(equations, name) is not None for name in EQUATION_NAMES)
