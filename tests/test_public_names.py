"""The public names: sorted, importable, documented, and quick to import."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cssv

HEAVY = ("pyarrow", "ultralytics", "torch", "onnxruntime", "matplotlib", "click", "pandas", "filterpy")
IMPORT_S = 2.0
ROOT = Path(__file__).resolve().parent.parent

CLASSES = sorted(name for name in cssv.__all__ if inspect.isclass(getattr(cssv, name)))
FUNCTIONS = sorted(name for name in cssv.__all__ if inspect.isfunction(getattr(cssv, name)))


def test_all_is_sorted_and_whole():
    assert cssv.__all__ == sorted(cssv.__all__)
    assert len(set(cssv.__all__)) == len(cssv.__all__)
    names = vars(cssv).items()
    public = {name for name, value in names if not name.startswith("_") and not inspect.ismodule(value)}
    assert public == set(cssv.__all__) - {"__version__"}


def test_what_people_ask_for_is_there():
    media = {"decode", "detections", "encode", "export", "info", "track", "verify"} | {"artefacts"}
    versions = {"checkout", "commit", "diff", "gc", "log", "tag"}
    assert media | versions == set(FUNCTIONS)
    assert {"Clip", "CssvError", "Decoder", "Encoder", "Frame", "Scene"} <= set(CLASSES)
    assert cssv.open is cssv.Clip


def test_version_is_the_package_s():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cssv.__version__ == project["version"]


@pytest.mark.parametrize("name", [name for name in cssv.__all__ if name != "__version__"])
def test_every_name_is_documented(name):
    document = getattr(cssv, name).__doc__
    assert document
    # A dataclass without a docstring gets its signature as one.
    assert not document.startswith(f"{name}(")


def members(kind: type) -> dict[str, object]:
    return {
        name: member
        for name, member in vars(kind).items()
        if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property))
    }


@pytest.mark.parametrize("name", CLASSES)
def test_every_method_and_property_is_documented(name):
    kind = getattr(cssv, name)
    for each, member in members(kind).items():
        assert inspect.getdoc(member), f"{name}.{each}"


@pytest.mark.parametrize("name", CLASSES)
def test_every_field_is_documented(name):
    kind = getattr(cssv, name)
    if not dataclasses.is_dataclass(kind):
        pytest.skip("not a dataclass")
    for field in dataclasses.fields(kind):
        assert field.name in (kind.__doc__ or ""), f"{name}.{field.name}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_typed_and_documented(name):
    function = getattr(cssv, name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name
        if len(signature.parameters) > 3:
            assert f"{parameter.name}:" in function.__doc__, parameter.name


def test_importing_is_quick_and_brings_no_extra():
    code = (
        "import time; start = time.process_time(); import cssv; spent = time.process_time() - start\n"
        "import json, sys; print(json.dumps([spent, sorted(sys.modules)]))"
    )
    runs = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
        assert done.stderr == ""
        runs.append(json.loads(done.stdout))
    assert min(spent for spent, _ in runs) < IMPORT_S
    assert not set(HEAVY) & set(runs[0][1])
