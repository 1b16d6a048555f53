"""The second readers are independent of the library that they judge."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import cssv.testing

FOLDER = Path(cssv.testing.__file__).parent
#: Module -> what it may import beside the standard library.
ALLOWED = {
    "pixel_reader.py": {"numpy"},
    "full_reader.py": {"numpy", "cssv.testing.pixel_reader"},
    "cell_reader.py": {"numpy", "cssv.testing.outline_reader", "cssv.testing.pixel_reader"},
    "constructive_reader.py": {"numpy"},
    "robust_reader.py": {"numpy"},
    "robust_pilot_reader.py": {"numpy"},
    "sealing_reader.py": {"cryptography"},
    "container_index.py": set(),
    "container_reader.py": {"cssv.testing.container_index"},
}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_second_reader_imports_nothing_of_the_library(name):
    tree = ast.parse((FOLDER / name).read_text(encoding="utf-8"))
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    others = {each for each in imported if each.split(".")[0] not in sys.stdlib_module_names}
    assert {each if each.startswith("cssv") else each.split(".")[0] for each in others} <= ALLOWED[name]
