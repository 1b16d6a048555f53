"""Help that teaches, and choices, defaults and exit codes that have one home."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import click
import pytest

import cssv
import cssv_cli
from cssv import errors
from cssv.api.encode import PLANES
from cssv.carriers.nibble.merge import MERGES
from cssv.carriers.nibble.planes import FIDELITIES
from cssv.perception import DETECTORS
from cssv.video import CODECS
from cssv_cli.exits import EXITS, exit_code
from cssv_cli.main import main

COMMANDS = (
    *("artefacts", "checkout", "commit", "decode", "diff", "encode", "export"),
    *("gc", "info", "log", "tag", "track", "verify"),
)


def options_of(name: str) -> dict[str, click.Option]:
    return {p.name: p for p in main.commands[name].params if isinstance(p, click.Option)}


def test_commands():
    assert sorted(main.commands) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_option_and_shows_examples(run, name):
    result = run(name, "--help")
    assert result.code == 0
    for option in options_of(name).values():
        for spelling in option.opts:
            assert re.search(rf"^  .*(?<!\S){spelling}\b", result.out, re.MULTILINE), spelling
    assert re.search(rf"^  Examples:\n    cssv {name} ", result.out, re.MULTILINE)
    assert "\b" not in result.out
    assert r"\b" not in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_name_only_options_that_exist(run, name):
    known = {spelling for p in main.commands[name].params for spelling in p.opts}
    examples = re.findall(rf"^    cssv {name} (.*)$", run(name, "--help").out, re.MULTILINE)
    used = {word for line in examples for word in re.findall(r"(?<!\S)--?[a-z]+", line)}
    assert len(examples) >= 2
    assert used <= known


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_explains_itself(name):
    for option in options_of(name).values():
        assert option.help, option.name


def test_group_help(run):
    result = run("--help")
    assert result.code == 0
    for name in COMMANDS:
        assert re.search(rf"^  {name}  +\S.*[^.]\.$", result.out, re.MULTILINE), f"{name} is cut off"
    for row in EXITS:
        assert re.search(rf"^ +{row.code}  {re.escape(row.meaning)}$", result.out, re.MULTILINE)
    assert "cssv encode clip.mp4 --meta scene.json" in result.out


def test_version(run):
    assert run("--version").out == f"cssv {cssv.__version__}\n"


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("planes", PLANES),
        ("codec", CODECS),
        ("merge", MERGES),
        ("fidelity", FIDELITIES),
        ("detector", DETECTORS),
    ],
)
def test_choices_and_defaults_are_the_librarys(option, choices):
    found = options_of("encode")[option]
    assert tuple(found.type.choices) == tuple(choices)
    assert found.to_info_dict()["default"] == inspect.signature(cssv.encode).parameters[option].default


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_is_an_argument_of_the_library(name):
    # What is for the eyes, and what has another name there.
    own = {"as_json", "quiet", "meta", "graph"}
    taken = set(inspect.signature(getattr(cssv, name)).parameters)
    assert set(options_of(name)) - own <= taken


def test_defaults_are_not_retyped():
    """No default in the source is a literal."""
    for path in Path(cssv_cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "default":
                assert not isinstance(node.value, ast.Constant), f"{path.name}:{node.value.lineno}"


def test_command_bodies_are_short():
    lengths = []
    for name in COMMANDS:
        tree = ast.parse((Path(cssv_cli.__file__).parent / f"{name}.py").read_text())
        body = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name).body
        lengths.append(body[-1].end_lineno - body[1].lineno + 1)
    assert max(lengths) <= 13, lengths


def kinds() -> set[str]:
    found = [errors.CssvError]
    for kind in found:
        found += kind.__subclasses__()
    return {kind.kind for kind in found}


def test_every_kind_of_error_has_one_exit_code():
    listed = [kind for row in EXITS for kind in row.kinds]
    assert kinds() <= set(listed)
    assert len(listed) == len(set(listed))
    assert len({row.code for row in EXITS}) == len(EXITS)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("cssv", 1), ("option", 2), ("scene", 3), ("nibbles_lost", 4), ("checksum", 5), ("output", 6),
        ("extra", 7), ("interrupted", 130), ("no such kind", 1),
    ],
)  # fmt: skip
def test_exit_codes(kind, code):
    assert exit_code(kind) == code


def test_unknown_command_is_wrong_use(run):
    result = run("bogus")
    assert result.code == 2
    assert "bogus" in result.err
