"""Numbers that JSON does not have become null."""

from __future__ import annotations

import json
import math

from cssv.files.plain_json import to_finite


def test_nan_and_infinities_become_null():
    data = to_finite({"a": [1.5, math.nan], "b": {"c": -math.inf}, "d": (1, "é"), "e": True})
    assert data == {"a": [1.5, None], "b": {"c": None}, "d": [1, "é"], "e": True}
    assert json.loads(json.dumps(data, allow_nan=False)) == data
