"""The public names: sorted, importable, documented, and quick to import."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import cssv
from cssv.api import choices

ROOT = Path(__file__).resolve().parent.parent

CLASSES = sorted(name for name in cssv.__all__ if inspect.isclass(getattr(cssv, name)))
FUNCTIONS = sorted(name for name in cssv.__all__ if inspect.isfunction(getattr(cssv, name)))


def test_all_is_sorted_and_whole():
    # Constants come first, as ruff sorts them.
    assert cssv.__all__ == sorted(cssv.__all__, key=lambda name: (not name.isupper(), name))
    assert len(set(cssv.__all__)) == len(cssv.__all__)
    assert set(stub_names()) == set(cssv.__all__) - {"__version__"}
    assert set(cssv.__all__) <= set(dir(cssv))


def stub_names(module: ModuleType = cssv) -> dict[str, str]:
    """Name -> "module:attribute", as the TYPE_CHECKING block of a module has them for type checkers."""
    tree = ast.parse(inspect.getsource(module))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(block.body)
    return {
        alias.asname or alias.name: f"{node.module}:{alias.name}" for node in imports for alias in node.names
    }


@pytest.mark.parametrize("module", [cssv, choices], ids=lambda module: module.__name__)
def test_each_lazy_name_is_the_one_that_type_checkers_see(module):
    names = stub_names(module)
    assert set(names) == set(module.__all__) - {"__version__"}
    for name, home in names.items():
        inner, _, attribute = home.partition(":")
        found = getattr(import_module(inner), attribute)
        # Not what is cached in the module, but what its table leads to.
        assert module.__getattr__(name) is found, name
        assert getattr(module, name) is found, name


def test_unknown_names_are_attribute_errors():
    for module in (cssv, choices):
        with pytest.raises(AttributeError, match="no_such_name"):
            module.no_such_name  # noqa: B018 - looking it up is the test


def test_rooms_can_be_used_after_a_plain_import():
    rooms = ("carriers", "container", "interop", "perception", "scene", "template", "video", "view")
    for name in ("boxes", *rooms):
        assert inspect.ismodule(getattr(cssv, name)), name
    assert cssv.calibration.__name__ == "cssv.scene.tsai"


def test_what_people_ask_for_is_there():
    media = {"decode", "detections", "embed", "encode", "export", "info", "track", "verify"} | {"artefacts"}
    media |= {"capacity", "estimate", "ground", "identify", "page", "plot", "recover", "room"}
    versions = {"checkout", "commit", "diff", "gc", "log", "tag"}
    assert media | versions == set(FUNCTIONS)
    assert {"Clip", "CssvError", "Decoder", "Encoder", "FinalFrame", "Frame", "Scene", "Written"} <= set(
        CLASSES
    )
    assert cssv.open is cssv.Clip


def test_version_is_the_package_s():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in settings["project"]["dynamic"]
    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "cssv.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", cssv.__version__)


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


HEAVY = {"av", "cv2", "jsonschema", "numpy", "scipy", "PIL", "defusedxml", "filelock"}
EXTRAS = {
    "cryptography",
    "pyarrow",
    "ultralytics",
    "torch",
    "onnxruntime",
    "matplotlib",
    "pandas",
    "filterpy",
    "supervision",
}


def loaded_by(code: str) -> set[str]:
    """Top-level names of the modules that a new process has loaded at the end of a program."""
    program = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stderr == ""
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_loads_no_other_library():
    loaded = loaded_by("import cssv; cssv.CssvError")
    assert not loaded & (HEAVY | EXTRAS | {"click"})


def loaded_by_command(*words: str) -> set[str]:
    """Top-level names of the modules that a command line has loaded at its end; its output is dropped."""
    return loaded_by(f"""
from contextlib import redirect_stdout, suppress
import io, sys
from cssv_cli.start import main
sys.argv = ["cssv", *{words!r}]
with suppress(SystemExit), redirect_stdout(io.StringIO()):
    main()
""")


def test_the_version_on_the_command_line_loads_no_other_library():
    loaded = loaded_by_command("--version")
    assert "click" in loaded
    assert not loaded & (HEAVY | EXTRAS)


@pytest.mark.parametrize("command", ["identify", "commit", "verify", "log", "tag", "checkout", "diff", "gc"])
def test_help_of_a_command_without_choices_loads_no_other_library(command):
    assert not loaded_by_command(command, "--help") & (HEAVY | EXTRAS)


def test_the_history_loads_only_numpy(tmp_path):
    """Neither codecs nor what checks scenes: the table of versions needs none of them."""
    rng = np.random.default_rng(7)
    with cssv.Encoder(tmp_path / "clip.cssv", size=(64, 48), rate=10, created_s=0) as encoder:
        for _ in range(2):
            encoder.write(rng.integers(0, 256, (48, 64, 3), np.uint8))
    loaded = loaded_by_command("log", str(tmp_path / "clip.cssv"))
    assert loaded & (HEAVY | EXTRAS) == {"numpy"}
    writing = loaded_by_command("tag", str(tmp_path / "clip.cssv"), "first")
    assert writing & (HEAVY | EXTRAS) == {"numpy", "filelock"}
    assert cssv.log(tmp_path / "clip.cssv").playing.tags == ("first",)


def test_the_library_loads_no_extra():
    loaded = loaded_by("import cssv\nfor name in cssv.__all__: getattr(cssv, name)")
    assert {"av", "numpy"} <= loaded
    assert not loaded & (EXTRAS | {"click"})
