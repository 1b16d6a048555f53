"""Words of the library become words of the command line."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import cssv
from cssv_cli.main import COMMANDS, main
from cssv_cli.wording import to_command_line

LIBRARY = Path(cssv.__file__).parent
TOKEN = re.compile(r"`(?:cssv\.\w+\([^`]*\)|\w+=[^`]*)`")
#: For programmers: what detectors of their own return and have, arguments of detections and of the video
#: classes.
PYTHON_ONLY = {
    "`cssv.detections(boxes, scores, labels)`",
    "`cssv.detections([])`",
    "`cssv.detections(results)`",
    "`cssv.detections(results[0])`",
    *("`scores=`", "`labels=`", "`ids=`", "`form=`"),
    "`needs_pixels=`",
    "`threads=`",
    "`check=`",
}
#: No command makes streams.
OF_STREAMS = {f"`{name}=`" for name in inspect.signature(cssv.Encoder).parameters}
#: An argument whose name is filled in when the error occurs.
FILLED_IN = "`x=`"


def texts() -> Iterator[tuple[str, str]]:
    """Place and text of each string of the library that is no docstring; x for what is filled in."""
    for path in sorted(LIBRARY.rglob("*.py")):
        # Its programs are run by tests and plug-ins, not by users.
        if "testing" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        joined = {
            id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
        }
        for node in ast.walk(tree):
            place = f"{path.relative_to(LIBRARY)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                # Whatever is filled in stands for one word.
                parts = (part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
                yield place, "".join(map(str, parts))
            elif isinstance(getattr(node, "value", None), str) and id(node) not in documents | joined:
                yield place, node.value


TEXTS = list(texts())


@pytest.fixture
def words():
    """``words("encode", text)``: a text of the library as the command prints it."""

    def translate(name: str, text: str) -> str:
        with click.Context(main) as context:
            context.invoked_subcommand = name
            return to_command_line(text)

    return translate


@pytest.mark.parametrize(
    ("command", "text", "expected"),
    [
        ("encode", "Give `weights=` the path of a file.", "Give --weights the path of a file."),
        ("encode", "Give `scene=`.", "Give --meta."),
        ("decode", "Give `scene=`.", "Give --scene."),
        ("decode", "Give `heat=` a name.", "Give --output a name."),
        ("log", "Give `min_score=`.", "Give --min-score."),
        ("encode", "Give `source=`.", "Give CLIP."),
        ("track", "Give `source=` or `boxes=`.", "Give CLIP or --boxes."),
        ("diff", "Give `after=`.", "Give B."),
        ("encode", 'Add `detector="onnx"`.', "Add --detector onnx."),
        ("gc", "Add `keep_playing=True`.", "Add --keep-playing."),
        ("gc", 'Add `keep="two words"`.', "Add --keep 'two words'."),
        ("encode", "Run `cssv.verify()` first.", "Run 'cssv verify' first."),
        ("encode", "Run `cssv.verify(repair=True)`.", "Run 'cssv verify --repair'."),
        ("info", 'Run `cssv.encode(detector="lost")`.', "Run 'cssv encode --detector lost'."),
        ("info", "`no_such=` of `cssv.Encoder()` stays.", "`no_such=` of `cssv.Encoder()` stays."),
        ("info", "`code` and plain = signs stay.", "`code` and plain = signs stay."),
    ],
)
def test_options_and_functions_become_options_and_commands(words, command, text, expected):
    assert words(command, text) == expected


def test_text_stays_outside_of_a_command():
    assert to_command_line("Give `weights=`.") == "Give `weights=`."


def test_the_library_has_words_to_translate():
    assert sum(bool(TOKEN.search(text)) for _, text in TEXTS) > 5


def test_each_exception_is_still_needed():
    used = {token for _, text in TEXTS for token in TOKEN.findall(text)}
    assert {*PYTHON_ONLY, FILLED_IN} <= used


def test_every_word_of_the_library_has_one_on_the_command_line(words):
    left = [
        f"{place}: {token}"
        for place, text in TEXTS
        for token in TOKEN.findall(text)
        if token in words("encode", token)
        # Whatever the value of an argument is.
        and re.sub("=[^`]+", "=", token) not in {*PYTHON_ONLY, *OF_STREAMS, FILLED_IN}
    ]
    assert not left


def test_the_library_does_not_know_the_command_line():
    option = re.compile(r"(?<![\w-])--[a-z][\w-]*")
    command = re.compile(rf"['\"]cssv (?:{'|'.join(COMMANDS)})\b")
    # pip has options too.
    theirs = [(place, text) for place, text in TEXTS if "pip install" not in text]
    assert not [each for each in theirs if option.search(each[1]) or command.search(each[1])]


def test_errors_and_notes_are_translated(run, material, tmp_path):
    result = run("encode", material / "clip.mkv", "--detector", "onnx", "-o", tmp_path / "out.cssv", "--json")
    assert "Give --weights the path" in result.err
    assert "Give --weights the path" in result.json()["error"]["message"]
    assert "`" not in result.err
