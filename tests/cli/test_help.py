"""Help that teaches, and choices, defaults and exit codes that have one home."""

from __future__ import annotations

import ast
import gc
import inspect
import re
from pathlib import Path

import click
import pytest

import cssv
import cssv_cli
from cssv import errors
from cssv.api.choices import CARRIERS, CODEC_NAMES, DETECTORS, FIDELITIES, FORM_NAMES, MERGES, PLANES
from cssv_cli.exits import EXITS, exit_code
from cssv_cli.main import FUNCTIONS, main

COMMANDS = (
    *("artefacts", "capacity", "checkout", "commit", "decode", "diff", "encode", "export"),
    *("gc", "ground", "identify", "info", "log", "plot", "recover", "room", "tag", "track"),
    *("verify", "view"),
)


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


def options_of(name: str) -> dict[str, click.Option]:
    return {p.name: p for p in command(name).params if isinstance(p, click.Option)}


def test_commands():
    assert sorted(main.list_commands(click.Context(main))) == sorted(COMMANDS)


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
    known = {spelling for p in command(name).params for spelling in p.opts}
    examples = re.findall(rf"^    cssv {name} (.*)$", run(name, "--help").out, re.MULTILINE)
    used = {word for line in examples for word in re.findall(r"(?<!\S)--?[a-z-]+", line)}
    assert len(examples) >= 2
    assert used <= known


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_sentence_of_help(name):
    for option in options_of(name).values():
        text = re.sub(r"  \[default: .*\]$", "", option.help)
        assert len(text.split()) >= 3, option.name
        assert text[0].isupper() or text.split()[0].rstrip(":") in option_words(option), option.name
        assert text.endswith("."), option.name
        # A help text of the words of the option alone explains nothing.
        assert set(re.findall(r"[a-z]+", text.lower())) - set(re.findall(r"[a-z]+", " ".join(option.opts)))


def option_words(option: click.Option) -> set[str]:
    """Words with which a help text may begin in lower case: the choices, and the name of the file meant."""
    return {*getattr(option.type, "choices", ()), "scene.json"}


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
        ("codec", CODEC_NAMES),
        # Forms are chosen by other options.
        ("carrier", [name for name in CARRIERS if name not in FORM_NAMES]),
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
    # These change only what is printed, are another way to give a password, or call another function.
    own = {"as_json", "quiet", "graph", "password_file"} | ({"dry_run"} if name == "encode" else set())
    taken = set(inspect.signature(getattr(cssv, FUNCTIONS.get(name, name))).parameters)
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


def error_classes() -> list[type[errors.CssvError]]:
    found = [errors.CssvError]
    for each in found:
        found += each.__subclasses__()
    # Other tests define errors of their own.
    return [each for each in found if each.__module__.startswith("cssv.")]


def blank(error: type[errors.CssvError]) -> errors.CssvError:
    return error.__new__(error)


def test_exit_codes_are_listed_once():
    listed = [error for row in EXITS for error in row.errors] + [
        cause for row in EXITS for cause in row.causes
    ]
    assert len(listed) == len(set(listed))
    assert len({row.code for row in EXITS}) == len(EXITS)
    assert all(row.errors or row.causes for row in EXITS if row.code)


#: The code of each kind of error, as released; a kind that is not here is new.
CODES = {
    "cssv": 1, "closed": 1, "option": 2,
    **dict.fromkeys(("input", "video", "scene", "boxes", "thermal", "frame", "model", "revision"), 3),
    **dict.fromkeys(("carrier", "nibbles_lost", "framing"), 4),
    **dict.fromkeys(("container", "checksum", "limit"), 5),
    **dict.fromkeys(("output", "locked", "exists"), 6), "extra": 7, "password": 8,
}  # fmt: skip


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.__name__)
def test_every_error_has_the_exit_code_of_its_kind(error):
    assert exit_code(blank(error)) == CODES[error.kind]


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        ("usage", 2), ("unsound", 5), ("hangup", 129), ("interrupted", 130), ("broken_pipe", 141),
        ("terminated", 143),
    ],
)  # fmt: skip
def test_other_causes_have_their_exit_codes(cause, code):
    assert exit_code(cause) == code


def test_a_new_error_has_the_exit_code_of_its_nearest_base():
    class BlurredError(errors.VideoError):
        kind = "blurred"

    class TornLockError(errors.LockedError, errors.ContainerError):
        kind = "torn_lock"

    # Not left behind in the tree of errors, which other tests walk.
    try:
        assert exit_code(blank(BlurredError)) == exit_code(blank(errors.InputError))
        assert exit_code(blank(TornLockError)) == exit_code(blank(errors.OutputError))
    finally:
        del BlurredError, TornLockError
        gc.collect()


def test_unknown_command_is_wrong_use(run):
    result = run("bogus")
    assert result.code == 2
    assert "bogus" in result.err
