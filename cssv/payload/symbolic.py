"""Symbolic regression by other packages: it proposes expressions to the contest of a track.

The packages are extras, imported when they are asked for. ``pyoperon`` is the extra ``symbolic``.
``pysr`` is used only where the user has Julia, because it would download it. Their results are parsed as any
text.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from cssv.errors import InputError, MissingExtraError
from cssv.payload.channels import F64
from cssv.scene.expressions import Expression, parse_expression

#: Proposes expressions for values (n,) at times in seconds (n,).
Backend = Callable[[F64, F64], Sequence[Expression]]

#: Longest search for one number of a track in seconds, and its bounds.
SECONDS, _EVALUATIONS, _LENGTH, _DEPTH, _POPULATION = 2, 200_000, 20, 7, 500
#: Decimal places of constants that are tried.
_DECIMALS = (1, 2, 4)


def find_backend(name: str) -> Backend:
    """The backend of a name from :data:`BACKENDS`.

    Raises:
        MissingExtraError: its package is not installed.
    """
    return BACKENDS[name]()


def _pyoperon() -> Backend:
    try:
        from pyoperon.sklearn import SymbolicRegressor
    except ImportError as error:
        remedy = "Install it with: pip install '.[symbolic]'"
        raise MissingExtraError("symbolic regression needs pyoperon", remedy=remedy) from error

    def propose(values: F64, times_s: F64) -> list[Expression]:
        regressor = SymbolicRegressor(
            allowed_symbols="add,sub,mul,sin,cos,exp,constant,variable",
            objectives=["mse", "length"],
            max_length=_LENGTH,
            max_depth=_DEPTH,
            population_size=_POPULATION,
            max_evaluations=_EVALUATIONS,
            max_time=SECONDS,
            n_threads=1,
            random_state=1,
        )
        regressor.fit(times_s[:, None], values)
        trees = [found["tree"] for found in regressor.pareto_front_]
        return _parsed(
            regressor.get_model_string(tree, decimals, ["t"]) for tree in trees for decimals in _DECIMALS
        )

    return propose


def _pysr() -> Backend:
    # The package would download Julia when it is imported.
    if shutil.which("julia") is None:
        raise MissingExtraError("PySR needs Julia, and no julia is on the path", remedy="Use pyoperon.")
    try:
        from pysr import PySRRegressor
    except ImportError as error:
        remedy = "Install it with: pip install pysr"
        raise MissingExtraError("symbolic regression by PySR needs pysr", remedy=remedy) from error

    def propose(values: F64, times_s: F64) -> list[Expression]:
        regressor = PySRRegressor(
            binary_operators=["+", "-", "*"],
            unary_operators=["sin", "cos", "exp"],
            maxsize=_LENGTH,
            maxdepth=_DEPTH,
            timeout_in_seconds=SECONDS,
            temp_equation_file=True,
            progress=False,
            verbosity=0,
        )
        regressor.fit(times_s[:, None], values, variable_names=["t"])
        return _parsed(str(text) for text in regressor.equations_["equation"])

    return propose


def _parsed(texts: Iterable[str]) -> list[Expression]:
    """The expressions of those texts that are within our limits, each once."""
    found: dict[Expression, None] = {}
    for text in texts:
        with suppress(InputError):
            found[parse_expression(text)] = None
    return list(found)


#: Name -> function that loads the backend.
BACKENDS: dict[str, Callable[[], Backend]] = {"pyoperon": _pyoperon, "pysr": _pysr}
