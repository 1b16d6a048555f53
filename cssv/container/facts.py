"""A version's facts: one JSON object, with bounds that every reader applies alike (SPEC.md, section 6)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from cssv.container.limits import META_DEPTH_LIMIT, META_DIGITS_LIMIT, check_limit
from cssv.errors import ContainerError

#: A string, complete or not. An incomplete one reaches to the end of the text, so that the search does not
#: start again at each of its quotation marks, which would take quadratic time.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def write_facts(facts: Mapping[str, Any]) -> bytes:
    """Facts as compact JSON with sorted keys, so that equal facts are equal bytes."""
    try:
        text = json.dumps(
            dict(facts), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
        )
        data = text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ContainerError("version facts are not JSON", found=str(error)) from error
    # The rules for readers are stricter than those of json.dumps.
    read_facts(data)
    return data


def _refuse(text: str) -> NoReturn:
    """Raise ContainerError for a number that JSON or a double cannot hold."""
    raise ContainerError("version facts are not JSON within the bounds", found=text[:40])


def _whole(text: str) -> int:
    # Python limits the digits of an integer by a setting of the process; the format has a bound of its own.
    return int(text) if len(text) <= META_DIGITS_LIMIT else _refuse(text)


def _real(text: str) -> float:
    return number if math.isfinite(number := float(text)) else _refuse(text)


def _depth(text: str) -> int:
    """How deep objects and lists are nested; brackets within strings do not count."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def read_facts(data: bytes) -> dict[str, Any]:
    """Undo :func:`write_facts`.

    Raises:
        ContainerError: not a JSON object in UTF-8, or a number outside the bounds.
        LimitError: nested too deeply.
    """
    try:
        text = data.decode("utf-8")
        # Before parsing: the depth at which a parser fails differs from one Python to the next.
        check_limit("version facts are nested too deeply", _depth(text), META_DEPTH_LIMIT)
        facts = json.loads(text, parse_constant=_refuse, parse_int=_whole, parse_float=_real)
    except ContainerError:
        raise
    except ValueError as error:
        raise ContainerError("version facts are not JSON", found=str(error)) from error
    if not isinstance(facts, dict):
        raise ContainerError("version facts are not a JSON object", found=type(facts).__name__)
    return facts
