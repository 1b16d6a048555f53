"""Texts of others with line breaks: no line of a report begins with them."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

import cssv
from cssv.container.archive import Archive
from cssv.container.index import write_index
from cssv_cli.console import one_line

FORGED = "OK: all fine"
TEXT = f"Mallory\n{FORGED}\nversion 9  (playing)  1970-01-01 00:00 UTC"
SCENE = {
    "cssv_scene": 1,
    "objects": [{"match": {"label": "*"}, "temperature_c": 20, "name": TEXT, "label": TEXT}],
}


@pytest.fixture
def forged(material, tmp_path):
    """A file whose author, message, facts, names and tags hold line breaks, as does its own name."""
    path = tmp_path / f"clip\n{FORGED}.cssv"
    shutil.copy(material / "clip.cssv", path)
    cssv.commit(path, SCENE, author=TEXT, message=TEXT, created_s=1)
    cssv.tag(path, "tag", 2)
    # No command writes such a tag or such facts; a file from somebody else may have them.
    with Archive(path) as archive:
        index, end = archive.index, archive.end
    last = index.versions[-1]
    facts = dict(last.about.meta) | {"notes": [TEXT], "codec": TEXT, "cssv": TEXT, "source": {"codec": TEXT}}
    about = replace(last.about, meta=facts)
    index = replace(
        index, versions=(*index.versions[:-1], replace(last, about=about)), tags=((f"a\n{FORGED}", 2),)
    )
    with path.open("ab") as file:
        file.write(write_index(index, None, end))
    return path


def lines_of(result):
    return (result.out + result.err).splitlines()


def no_line_is_forged(result):
    for line in lines_of(result):
        assert not line.startswith((FORGED, "version 9", "Mallory")), line


@pytest.mark.parametrize(
    "words",
    [
        ("log",),
        ("log", "--graph"),
        ("info",),
        ("verify",),
        ("tag",),
        ("checkout", "1"),
        ("checkout", f"a\n{FORGED}"),
        ("checkout",),
        ("checkout", "--version", f"no\n{FORGED}"),
        ("diff", "1", "2"),
        ("tag", f"a\n{FORGED}", "-d"),
        ("verify", "--repair"),
    ],
)
def test_reports_and_errors(words, run, forged):
    command, *rest = words
    result = run(command, forged, *rest)
    no_line_is_forged(result)
    # The text is there, with its line breaks shown.
    assert rf"\n{FORGED}" in result.out + result.err


def test_files_that_are_written(run, forged, tmp_path):
    outputs = [tmp_path / f"x\n{FORGED}{suffix}" for suffix in (".csv", ".mkv", ".cssv")]
    no_line_is_forged(run("decode", forged, "--objects", outputs[0]))
    no_line_is_forged(run("export", forged, outputs[1]))
    no_line_is_forged(run("gc", forged, outputs[2], "--keep", "1"))
    assert all(path.exists() for path in outputs)


def test_faults_and_missing_files(run, forged, tmp_path):
    data = bytearray(forged.read_bytes())
    data[-10] ^= 1
    forged.write_bytes(data)
    result = run("verify", forged)
    assert result.code == 5
    no_line_is_forged(result)
    for command in ("info", "log", "verify", "decode"):
        words = ("--objects", tmp_path / "o.csv") if command == "decode" else ()
        no_line_is_forged(run(command, tmp_path / f"none\n{FORGED}.cssv", *words))
        no_line_is_forged(run(command, tmp_path / f"none\n{FORGED}.mp4", *words))


def test_words_that_are_one_too_many(run, forged):
    """As from ``cssv info *`` in a folder of somebody else's files."""
    result = run("info", forged, forged.with_name(f"\x1b[31mred\n{FORGED}"))
    assert result.code == 2
    no_line_is_forged(result)
    assert "\x1b" not in result.err
    assert r"\x1b[31mred" in result.err


def test_a_message_keeps_its_lines_indented(run, forged):
    shown = run("log", forged).out.splitlines()
    at = next(number for number, line in enumerate(shown) if line.strip() == "Mallory")
    assert [line.strip() for line in shown[at : at + 2]] == ["Mallory", FORGED]
    assert all(line.startswith("      ") for line in shown[at : at + 3])


def test_the_faults_of_a_scene_keep_their_lines(run, material, tmp_path):
    (tmp_path / "s.json").write_text('{"cssv_scene": 1, "objects": [{"a": 1}, {"b": 1}]}')
    shown = run("commit", material / "clip.cssv", "--meta", tmp_path / "s.json").err.splitlines()
    assert len(shown) >= 3
    assert all(line.startswith("  ") for line in shown[1:])


def test_one_line():
    assert one_line("a\nb\n") == r"a\nb\n"
    assert one_line("plain") == "plain"
