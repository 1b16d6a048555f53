"""The import contract between rooms, and bounds of files and functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES = 500, 60

#: Modules at the root, and the room of files: what every other room may use.
GROUND = {"errors", "boxes", "frames", "files"}
#: Rooms that import none of each other; only interop uses scene.
SIBLINGS = {"scene", "video", "container", "interop"}
#: Room -> the rooms that it may import from.
ROOMS = {
    "errors": set(),
    "boxes": {"errors"},
    "frames": {"errors"},
    "files": {"errors"},
    **dict.fromkeys(SIBLINGS, GROUND),
    # The columns of the objects table are the attributes of the scene's objects.
    "interop": GROUND | {"scene"},
    "template": GROUND | {"scene"},
    "payload": GROUND | {"scene", "template"},
    "carriers": GROUND | {"scene", "template", "payload"},
    "perception": GROUND | {"scene", "video", "interop"},
    "view": GROUND | {"scene", "template", "interop"},
    "pipeline": GROUND | SIBLINGS | {"template", "payload", "carriers", "perception", "view"},
    "api": GROUND | SIBLINGS | {"template", "payload", "carriers", "perception", "view", "pipeline"},
    "cssv_cli": {"api", "errors"},
}
#: What a module or room must not reach, directly or through others.
NEVER = {
    "cssv.container": {"cssv.scene", "cssv.perception", "cssv.video"},
    "cssv.template": {"cssv.carriers"},
    "cssv.carriers": {"cssv.container", "cssv.perception"},
    "cssv.perception": {"cssv.template", "cssv.payload", "cssv.carriers"},
    "cssv.pipeline.decoder": {"cssv.perception"},
    "cssv.pipeline.moment": {"cssv.perception"},
    "cssv.pipeline.rows": {"cssv.perception"},
    "cssv.api.clip": {"cssv.perception"},
    "cssv.api.export": {"cssv.perception"},
    "cssv.api.info": {"cssv.perception"},
}
#: Files at the root of the library.
ROOT_FILES = {"__init__.py", "errors.py", "frames.py", "boxes.py"}
#: Packages that a plain installation has; any other is imported when it is asked for.
INSTALLED = {"PIL", "av", "click", "cv2", "defusedxml", "filelock", "jsonschema", "numpy", "scipy"}
#: What a module of the test kit imports beside these; :mod:`cssv.testing` names them.
OF_TESTS = {
    "cssv.testing.fixtures": {"pytest"},
    "cssv.testing.thermal_clips": {"pytest"},
    "cssv.testing.sealing_reader": {"cryptography"},
    "cssv.testing.strategies": {"hypothesis"},
    "cssv.testing.carrier": {"hypothesis", "pytest"},
}


@dataclass(frozen=True)
class Import:
    """One name that a module imports. ``deferred``: within a function, when it is called."""

    target: str
    line: int
    deferred: bool
    name: str = ""


def sources() -> dict[str, Path]:
    found = {}
    for folder, package in ((ROOT / "cssv", "cssv"), (ROOT / "cli", "cssv_cli")):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join((package, *(part for part in parts if part != "__init__")))] = path
    return found


MODULES = sources()


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def absolute(module: str, node: ast.ImportFrom) -> str:
    """The module that ``from X import`` names, dots resolved."""
    if not node.level:
        return node.module or ""
    is_package = MODULES[module].name == "__init__.py"
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def lookups(node: ast.AST) -> Iterator[str]:
    """Modules named by strings such as "cssv.perception.detectors.motion:MotionDetector"."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        name = node.value.partition(":")[0]
        if "." in name and name in MODULES:
            yield name


def find_imports(module: str, node: ast.AST, *, deferred: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, deferred) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = absolute(module, child)
            for alias in child.names:
                inner = f"{base}.{alias.name}"
                yield Import(inner if inner in MODULES else base, child.lineno, deferred, alias.name)
        for name in lookups(child):
            yield Import(name, getattr(child, "lineno", 0), deferred=True)
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from find_imports(module, child, deferred=deferred or is_function)


@cache
def imports(module: str) -> tuple[Import, ...]:
    return tuple(find_imports(module, tree(module), deferred=False))


def room(module: str) -> str:
    """The room of a module: the first name below ``cssv``."""
    parts = module.split(".")
    return parts[0] if parts[0] == "cssv_cli" else ".".join(parts[1:2])


def reached(module: str) -> set[str]:
    """Every module of ours that ``module`` leads to, deferred imports included."""
    seen, todo = set(), [module]
    while todo:
        found = {each.target for each in imports(todo.pop()) if each.target in MODULES} - {"cssv"}
        todo += found - seen
        seen |= found
    return seen


def test_every_module_is_found():
    wanted = {"cssv", "cssv.pipeline.decoder", "cssv.perception.detectors.motion", "cssv_cli.main"}
    assert wanted <= set(MODULES)
    used = {each.target for each in imports("cssv.pipeline.decoder")}
    assert used >= {"cssv.container", "cssv.video"}


def test_the_root_holds_four_files():
    assert {path.name for path in (ROOT / "cssv").glob("*.py")} == ROOT_FILES


@pytest.mark.parametrize("module", sorted(m for m in MODULES if m != "cssv"))
def test_rooms_keep_the_import_contract(module):
    own = room(module)
    assert own in ROOMS or own == "testing", f"{module} is in a room without a line in ROOMS"
    for each in imports(module):
        if each.target.split(".")[0] not in ("cssv", "cssv_cli"):
            continue
        where = f"{module}, line {each.line}: {each.target}"
        assert each.target in MODULES, f"{where} does not exist"
        other = room(each.target)
        assert other != "testing" or own == "testing", f"{where} is for tests"
        if other == "":
            # The library reads only its version there; the command line uses all its public names.
            assert own in ("cssv_cli", "testing") or each.name == "__version__", (
                f"{where} asks the public face"
            )
        elif other != own and own != "testing":
            assert other in ROOMS[own], f"{where}: {own} must not import {other}"


@pytest.mark.parametrize(("module", "forbidden"), sorted((m, f) for m, fs in NEVER.items() for f in fs))
def test_what_must_never_be_reached(module, forbidden):
    mine = [name for name in MODULES if name == module or name.startswith(f"{module}.")]
    assert mine
    for name in mine:
        met = {each for each in reached(name) if each == forbidden or each.startswith(f"{forbidden}.")}
        assert not met, f"{name} reaches {sorted(met)}"


def test_no_cycle():
    graph = {module: {each.target for each in imports(module)} & set(MODULES) for module in MODULES}
    # A package's face names its own modules by strings only to import them when asked.
    graph = {module: targets - {module, "cssv"} for module, targets in graph.items()}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_video_knows_pyav():
    users = {m for m in MODULES for each in imports(m) if each.target.split(".")[0] == "av"}
    # The test kit writes and reads clips by PyAV alone: the library is not compared with itself.
    others = {module for module in users if not module.startswith(("cssv.video", "cssv.testing"))}
    assert users
    assert not others


def test_only_the_command_line_knows_click():
    users = {m for m in MODULES for each in imports(m) if each.target.split(".")[0] == "click"}
    assert users
    assert all(module.startswith("cssv_cli") for module in users), users


@pytest.mark.parametrize("module", sorted(MODULES))
def test_extras_are_imported_when_asked_for(module):
    import sys

    for each in imports(module):
        package = each.target.split(".")[0]
        if each.deferred or package in {"cssv", "cssv_cli"} | INSTALLED | OF_TESTS.get(module, set()):
            continue
        assert package in sys.stdlib_module_names, f"{module}, line {each.line}: {each.target}"


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("module", sorted(MODULES))
def test_files_and_functions_are_short(module):
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES, f"{MODULES[module]} has {lines} lines"
    long = {
        function.name: size
        for function in functions(module)
        if (size := body_lines(function)) > FUNCTION_LINES
    }
    assert not long


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: that is the documentation's length, not the code's."""
    assert function.end_lineno is not None
    size = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        assert first.end_lineno is not None
        size -= first.end_lineno - first.lineno + 1
    return size


@pytest.mark.parametrize("module", sorted(m for m in MODULES if m.split(".")[0] == "cssv"))
def test_the_library_neither_prints_nor_swallows(module):
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "breakpoint", "exit"), f"{module}, line {node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{module}, line {node.lineno}: bare except"
            caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
            if caught & {"Exception", "BaseException"}:
                raises = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in node.body)
                assert raises, f"{module}, line {node.lineno} swallows everything"


@pytest.mark.parametrize("module", sorted(m for m in MODULES if m.split(".")[0] == "cssv"))
def test_only_errors_of_the_tree_are_raised_on_purpose(module):
    builtin = {"Exception", "ValueError", "RuntimeError", "OSError", "AssertionError", "KeyError"}
    # sample.py raises built-in errors within itself only and turns them into ContainerError.
    allowed = {"ValueError"} if module == "cssv.pipeline.scene_track" else set()
    if module.startswith("cssv.testing"):
        pytest.skip("the second readers import nothing of the library, its errors neither")
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = getattr(node.exc.func, "id", "")
            assert name not in builtin - allowed, f"{module}, line {node.lineno} raises {name}"
