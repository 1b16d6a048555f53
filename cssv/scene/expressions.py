"""Expressions of time: short formulas over t, numbers, + - * /, squares, cubes, exp, sin and cos.

An :class:`Expression` is a row of postfix opcodes, with limits. :func:`parse_expression` reads its text and
:func:`write_expression` is the inverse. Text is never evaluated as Python code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from cssv.errors import InputError, did_you_mean

#: Most opcodes of an expression, most values on its stack, and most characters of its text.
MOST_STEPS, MOST_DEPTH, MOST_CHARS = 64, 16, 2000
#: Largest constant.
LARGEST_CONSTANT = 1e9


class Op(Enum):
    """An opcode. It takes its operands from the stack and puts its result there; the value is its text."""

    TIME = "t"
    PI = "pi"
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    NEGATE = "negate"
    SQUARE = "^2"
    CUBE = "^3"
    EXP = "exp"
    SIN = "sin"
    COS = "cos"


#: An opcode, or a constant that is put on the stack.
Step = Op | float

#: Opcodes by the number of their operands; all others have one.
LEAVES = (Op.TIME, Op.PI)
BINARY = (Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE)
FUNCTIONS = {op.value: op for op in (Op.EXP, Op.SIN, Op.COS)}
_NAMES = {op.value: op for op in LEAVES}
_POWERS = {"2": Op.SQUARE, "3": Op.CUBE}
_SYMBOLS = {op.value: op for op in BINARY}

#: How tightly a text binds: a sum, a product, a negated term, a term that needs no parentheses.
_SUM, _PRODUCT, _NEGATED, _TERM = range(4)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression of time in seconds, as postfix opcodes.

    Attributes:
        steps: opcodes and constants; constants are finite and not negative (a minus is an opcode).

    Raises:
        InputError: the steps are no expression, or exceed a limit.
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= MOST_STEPS:
            raise _fault("an expression is too long", len(self.steps), f"1 to {MOST_STEPS} opcodes")
        depth = 0
        for step in self.steps:
            operands = operands_of(step) if isinstance(step, Op) else 0
            if not isinstance(step, Op) and not _is_constant(step):
                raise _fault("a number of an expression", step, f"0 to {LARGEST_CONSTANT:g}")
            if depth < operands:
                raise _fault("an operand of an expression is missing", str(step))
            depth += 1 - operands
            if depth > MOST_DEPTH:
                raise _fault("an expression is nested too deeply", depth, f"up to {MOST_DEPTH} values")
        if depth != 1:
            raise _fault("an expression has no single result", f"{depth} values")

    def __str__(self) -> str:
        return write_expression(self)


def operands_of(op: Op) -> int:
    """Number of values that an opcode takes from the stack."""
    if op in LEAVES:
        return 0
    return 2 if op in BINARY else 1


def _is_constant(step: float) -> bool:
    """Whether a number can be a constant; -0.0 cannot, because its text would be that of 0."""
    return 0 <= step <= LARGEST_CONSTANT and math.copysign(1, step) > 0


def _fault(what: str, found: object, bound: str | None = None, remedy: str | None = None) -> InputError:
    return InputError(what, found=found, bound=bound, remedy=remedy)


# ---- expression -> text


def write_expression(expression: Expression) -> str:
    """The text of an expression: ``320 + 96*cos(1.57*t + 0.4)``. Inverse of :func:`parse_expression`."""
    stack: list[tuple[str, int]] = []
    for step in expression.steps:
        if not isinstance(step, Op):
            stack.append((repr(float(step)).removesuffix(".0"), _TERM))
        elif step in LEAVES:
            stack.append((step.value, _TERM))
        elif step in BINARY:
            right, left = stack.pop(), stack.pop()
            stack.append(_binary_text(step, left, right))
        else:
            stack.append(_unary_text(step, stack.pop()))
    return stack[-1][0]


_SPOKEN = re.compile(r"\*(?=[a-z(])")


def spoken_expression(text: str) -> str:
    """The text of an expression without ``*`` where it may be left out: ``320 + 96 cos(1.57 t + 0.4)``."""
    return text if "/" in text else _SPOKEN.sub(" ", text)


def _binary_text(op: Op, left: tuple[str, int], right: tuple[str, int]) -> tuple[str, int]:
    if op in (Op.ADD, Op.SUBTRACT):
        return f"{_within(left, _SUM)} {op.value} {_within(right, _PRODUCT)}", _SUM
    return f"{_within(left, _PRODUCT)}{op.value}{_within(right, _NEGATED)}", _PRODUCT


def _unary_text(op: Op, operand: tuple[str, int]) -> tuple[str, int]:
    if op is Op.NEGATE:
        return f"-{_within(operand, _NEGATED)}", _NEGATED
    if op in (Op.SQUARE, Op.CUBE):
        is_power = operand[0].endswith(("^2", "^3"))
        return f"{_within(operand, _TERM + is_power)}{op.value}", _TERM
    return f"{op.value}({operand[0]})", _TERM


def _within(text: tuple[str, int], least: int) -> str:
    return text[0] if text[1] >= least else f"({text[0]})"


# ---- text -> expression


_TOKEN = re.compile(
    r"[ \t]*(?:"
    r"(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<symbol>\*\*|[-+*/^()]))"
)


@dataclass(frozen=True, slots=True)
class _Token:
    """A token: kind ``number``, ``name``, ``symbol`` or ``end``, its text, and its place counted from 1."""

    kind: str
    text: str
    place: int


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            place = at + len(text[at:]) - len(text[at:].lstrip(" \t"))
            raise _fault(f"character {place + 1} has no meaning", text[place], _ALLOWED)
        kind = str(found.lastgroup)
        yield _Token(kind, found[kind], found.start(kind) + 1)
        at = found.end()
    yield _Token("end", "the end", end + 1)


_ALLOWED = "numbers, t, pi, + - * / ( ), ^2, ^3, exp( ), sin( ), cos( )"


def parse_expression(text: str) -> Expression:
    """The expression of a text.

    A product may be written without ``*``, as in ``96 cos(1.57 t)``, except behind a division. ``**2`` is
    ``^2``. A minus binds more tightly than a product and less than a power.

    Raises:
        InputError: the text is no expression, or exceeds a limit.
    """
    if len(text) > MOST_CHARS:
        raise _fault("an expression is too long", f"{len(text)} characters", f"up to {MOST_CHARS}")
    return _Parser(text).parse()


class _Parser:
    """Recursive descent with bounded depth; the steps come out in the order of their evaluation."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._open = 0
        self._steps: list[Step] = []

    def parse(self) -> Expression:
        self._sum()
        if self._next.kind != "end":
            raise self._unexpected("the end, or an operator")
        return Expression(tuple(self._steps))

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, *symbols: str) -> str | None:
        """Read one of these symbols; None if another token is next."""
        token = self._next
        if token.kind != "symbol" or token.text not in symbols:
            return None
        self._at += 1
        return token.text

    def _emit(self, step: Step) -> None:
        # Bounds the work on a text before the expression is checked as a whole.
        if len(self._steps) == MOST_STEPS:
            raise _fault("an expression is too long", "more", f"up to {MOST_STEPS} opcodes")
        self._steps.append(step)

    def _sum(self) -> None:
        self._product()
        while symbol := self._take("+", "-"):
            self._product()
            self._emit(_SYMBOLS[symbol])

    def _product(self) -> None:
        self._negated()
        is_divided = False
        while True:
            if symbol := self._take("*", "/"):
                self._negated()
                is_divided |= symbol == "/"
                self._emit(_SYMBOLS[symbol])
            elif self._next.kind == "name" or (self._next.kind, self._next.text) == ("symbol", "("):
                if is_divided:
                    raise self._unexpected("* or parentheses: behind / a product needs them")
                self._power()
                self._emit(Op.MULTIPLY)
            else:
                return

    def _negated(self) -> None:
        minuses = 0
        while symbol := self._take("+", "-"):
            minuses += symbol == "-"
        self._power()
        for _ in range(minuses):
            self._emit(Op.NEGATE)

    def _power(self) -> None:
        self._term()
        if self._take("^", "**"):
            token = self._next
            if token.text not in _POWERS:
                raise self._unexpected("the exponent 2 or 3")
            self._at += 1
            self._emit(_POWERS[token.text])
            if (self._next.kind, self._next.text) in (("symbol", "^"), ("symbol", "**")):
                raise self._unexpected("parentheses around a power that is raised to another")

    def _term(self) -> None:
        token = self._next
        if token.kind == "number":
            self._at += 1
            self._emit(float(token.text))
        elif token.kind == "name":
            self._name(token)
        elif self._take("("):
            self._bracket()
        else:
            raise self._unexpected("a number, t, pi, a function or an opening parenthesis")

    def _name(self, token: _Token) -> None:
        self._at += 1
        if token.text in _NAMES:
            self._emit(_NAMES[token.text])
            return
        function = FUNCTIONS.get(token.text)
        if function is None:
            known = (*_NAMES, *FUNCTIONS)
            raise _fault(
                f"unknown name at character {token.place}",
                token.text[:40],
                ", ".join(known),
                did_you_mean(token.text, known),
            )
        if not self._take("("):
            raise self._unexpected(f"( after {token.text}")
        self._bracket()
        self._emit(function)

    def _bracket(self) -> None:
        """Read the rest of a parenthesis, of which the opening one was read."""
        self._open += 1
        if self._open > MOST_STEPS:
            raise _fault("an expression has too many parentheses", "more", f"up to {MOST_STEPS} at once")
        self._sum()
        if not self._take(")"):
            raise self._unexpected("a closing parenthesis")
        self._open -= 1

    def _unexpected(self, wanted: str) -> InputError:
        token = self._next
        return _fault(f"character {token.place} does not fit", token.text[:40], wanted)
