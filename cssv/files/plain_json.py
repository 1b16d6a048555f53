"""Values as JSON can hold them."""

from __future__ import annotations

import math
from typing import Any


def to_finite(data: dict[str, Any]) -> dict[str, Any]:
    """Copy a JSON object with NaN and infinities replaced by None, and tuples by lists.

    JSON has no such numbers, but the index of a damaged or foreign file may hold them.
    """
    return {key: _finite(value) for key, value in data.items()}


def _finite(node: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(node, dict):
        return to_finite(node)
    if isinstance(node, list | tuple):
        return [_finite(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node
