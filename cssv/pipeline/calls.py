"""Checks of the types of arguments, for public functions and classes."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import wraps
from numbers import Integral, Real
from typing import ParamSpec, TypeVar

import numpy as np

from cssv.errors import LONGEST_QUOTE, OptionTypeError
from cssv.files.paths import check_path
from cssv.pipeline.exact_number import to_fraction

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Check = Callable[[str, object], None]


def _quoted(value: object) -> str:
    return f"{type(value).__name__} {value!r}"[:LONGEST_QUOTE]


def _of(bound: str, *types: type) -> _Check:
    def check(name: str, value: object) -> None:
        # True and False are numbers of Python, but nobody means a number by them.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise OptionTypeError(f"`{name}=` has another type", found=_quoted(value), bound=bound)

    return check


def _path(name: str, value: object) -> None:
    check_path(name, value)  # type: ignore[arg-type]  # it checks the type


def _scene(name: str, value: object) -> None:
    # The other kinds of scenes are checked where they are read.
    if isinstance(value, str | os.PathLike):
        check_path(name, value)


def _exact(name: str, value: object) -> None:
    _of("a number, or a text such as 30000/1001", Fraction, Real, str)(name, value)
    to_fraction(value)  # type: ignore[arg-type]  # checked before


def _optional(check: _Check) -> _Check:
    return lambda name, value: None if value is None else check(name, value)


def _size(name: str, value: object) -> None:
    bound = "two whole numbers, width and height"
    _of(bound, Sequence, np.ndarray)(name, value)
    sides = list(value)  # type: ignore[call-overload]  # checked before
    if len(sides) != 2 or not all(isinstance(side, Integral) for side in sides):
        raise OptionTypeError(f"`{name}=` is no size", found=_quoted(value), bound=bound)


def _callable(name: str, value: object) -> None:
    if not callable(value):
        raise OptionTypeError(f"`{name}=` cannot be called", found=_quoted(value), bound="a function")


_INT, _NUMBER = _of("a whole number", Integral), _of("a number", Real)
#: Annotation -> check. Other annotations are checked where the argument is used.
_CHECKS: dict[str, _Check] = {
    "Path_": _path,
    "Path_ | None": _optional(_path),
    "SceneLike": _scene,
    "Revision": _of("the number of a version, a tag or None", Integral, str, type(None)),
    "OnFrame | None": _optional(_callable),
    "Progress | None": _optional(_callable),
    "bool": _of("True or False", bool),
    "int": _INT,
    "int | None": _optional(_INT),
    "float": _NUMBER,
    "tuple[int, int]": _size,
    "float | None": _optional(_NUMBER),
    "str": _of("a text", str),
    "Fraction | int | str": _exact,
    "Fraction | float | str": _exact,
    "Fraction | int | str | None": _optional(_exact),
    "Fraction | None": _optional(_exact),
}


def checked_call(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Check the types of the arguments of each call by the annotations of the function.

    The call raises OptionTypeError for a wrong one, before anything is done.
    """
    signature = inspect.signature(function)
    parameters = signature.parameters.items()
    checks = {name: _CHECKS[each.annotation] for name, each in parameters if each.annotation in _CHECKS}

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        # A missing or unknown argument is an error of Python itself, which names it.
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in checks:
                checks[name](name, value)
        return function(*args, **kwargs)

    return call
