"""The tests' own module of made-up models can be imported by its name."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_NAME = "tensor_files"

if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name(f"{_NAME}.py"))
    sys.modules[_NAME] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_NAME])
