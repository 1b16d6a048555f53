"""Passwords from the terminal, from files and from the environment, and never from the words of a command."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

import cssv
from cssv.errors import InputError, OptionError
from cssv_cli import password as module
from cssv_cli.options import INPUT, command
from cssv_cli.password import LINE_LIMIT, VARIABLE, password_option

FOUND = []


@command("toy clip.cssv")
@click.argument("path", metavar="FILE")
@click.argument("other", metavar="[OTHER]", type=INPUT, required=False)
@password_option()
def toy(console, path, password, **_):
    FOUND.append(password)


@command("toy clip.cssv")
@password_option(is_new=True)
def new(console, password):
    print(f"found {password!r}")


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    FOUND.clear()


def found(*arguments):
    """The password that the command gets."""
    toy.main([str(each) for each in ("clip.cssv", *arguments)], standalone_mode=False)
    return FOUND.pop()


@pytest.fixture
def write(tmp_path):
    def call(content):
        path = tmp_path / "password.txt"
        path.write_bytes(content)
        return path

    return call


def test_without_a_password_there_is_none():
    assert found() is None


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"s3cret", "s3cret"),
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b"s3cret\nmore\n", "s3cret"),
        (b" two words \n", " two words "),
        ("\ufeffcafé\n".encode(), "café"),
        (b"x" * (LINE_LIMIT - 1) + b"\n", "x" * (LINE_LIMIT - 1)),
        (b"x" * LINE_LIMIT, "x" * LINE_LIMIT),
    ],
)
def test_the_first_line_of_a_file(write, content, password):
    assert found("--password-file", write(content)) == password


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        (b"", OptionError, "first line of the password file is empty"),
        (b"\nsecond\n", OptionError, "first line of the password file is empty"),
        (b"s3cret\xff\n", InputError, "the password file is no text"),
        (b"x" * (LINE_LIMIT + 1), InputError, f"more than {LINE_LIMIT} bytes"),
        (b"x" * LINE_LIMIT + b"\n", InputError, f"more than {LINE_LIMIT} bytes"),
    ],
)
def test_a_file_without_a_password(write, content, error, text):
    with pytest.raises(error, match=text) as caught:
        found("--password-file", write(content))
    assert "s3cret" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read: found '.*nowhere: No such file"):
        found("--password-file", tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"cannot be read: found '.*: Is a directory"):
        found("--password-file", tmp_path)
    with pytest.raises(click.UsageError, match="no file is named"):
        found("--password-file", "")


def standard_input(monkeypatch, content, *, is_terminal=False):
    stream = SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: is_terminal)
    monkeypatch.setattr(sys, "stdin", stream)


def test_the_first_line_of_the_standard_input(monkeypatch):
    standard_input(monkeypatch, b"s3cret\nclip")
    assert found("--password-file", "-") == "s3cret"


def test_the_standard_input_is_read_for_one_thing(monkeypatch):
    standard_input(monkeypatch, b"s3cret\n")
    with pytest.raises(click.UsageError, match="one file only"):
        found("-", "--password-file", "-")
    standard_input(monkeypatch, b"s3cret\n", is_terminal=True)
    with pytest.raises(click.UsageError, match="is a terminal: use --password"):
        found("--password-file", "-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(click.UsageError, match="is a terminal"):
        found("--password-file", "-")


@pytest.mark.skipif(not Path("/dev/fd/0").exists(), reason="no /dev/fd here")
def test_a_pipe_of_the_shell():
    """``--password-file <(pass show clip)``."""
    reading, writing = os.pipe()
    os.write(writing, b"s3cret\n")
    os.close(writing)
    try:
        assert found("--password-file", f"/dev/fd/{reading}") == "s3cret"
    finally:
        os.close(reading)


def test_the_environment(monkeypatch, write):
    monkeypatch.setenv(VARIABLE, "s3cret")
    assert found() == "s3cret"
    # What is given for this command counts more.
    assert found("--password-file", write(b"other")) == "other"
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(OptionError, match=f"{VARIABLE} is empty"):
        found()


def test_both_at_once(write):
    with pytest.raises(click.UsageError, match="exclude each other"):
        found("--password", "--password-file", write(b"s3cret"))


@pytest.mark.parametrize(
    "words",
    [
        ("--password=s3cret",),
        ("b", "--password=s3cret"),
        ("b", "--password", "s3cret"),
        ("--password", "s3cret", "b"),
    ],
)
def test_a_password_among_the_words(words):
    with pytest.raises(
        click.UsageError, match=r"takes no value.*--password-file FILE.*CSSV_PASSWORD"
    ) as caught:
        found(*words)
    # The message may reach a log.
    assert "s3cret" not in caught.value.format_message()


def test_no_words_at_all():
    with pytest.raises(click.MissingParameter):
        toy.main([], standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("b", "c"), "unexpected extra argument"),
        (("b", "c", "--password"), "unexpected extra argument"),
        (("--password", "--no-such"), "--no-such"),
        (("--password-file",), "--password-file"),
    ],
)
def test_other_wrong_uses_keep_their_message(words, text):
    with pytest.raises(click.UsageError, match=text) as caught:
        found(*words)
    assert "takes no value" not in caught.value.format_message()


def test_a_typed_password(monkeypatch):
    answers = ["s3cret"]
    monkeypatch.setattr(module.getpass, "getpass", lambda _: answers.pop())
    assert found("--password") == "s3cret"
    answers = [""]
    with pytest.raises(OptionError, match="the password is empty"):
        found("--password")
    monkeypatch.setattr(module.getpass, "getpass", lambda _: (_ for _ in ()).throw(EOFError))
    with pytest.raises(click.UsageError, match="No password was typed"):
        found("--password")


#: Makes the pseudo-terminal on file descriptor 0 that of a new session, and runs the command there.
PROGRAM = """
import fcntl, os, sys, termios
if {has_terminal}:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
# The clip may come from a pipe; the password is still asked at the terminal.
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.path.insert(0, {folder!r})
from tests.cli.test_password import new
try:
    new.main(["--password"], standalone_mode=False)
except Exception as error:
    print(type(error).__name__, getattr(error, "message", error))
"""


@pytest.fixture
def at_terminal():
    """``at_terminal("a\\na\\n")`` types that; the result is what the command printed, and what was shown."""

    def call(typed, *, has_terminal=True):
        ours, theirs = os.openpty()
        code = PROGRAM.format(has_terminal=has_terminal, folder=str(Path(__file__).parents[2]))
        with subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        ) as process:
            shown = b""
            for line in typed:
                while not shown.endswith(b": "):
                    shown += os.read(ours, 100)
                os.write(ours, line.encode() + b"\n")
                # The prompt is answered; the next one ends in the same way.
                shown += b"|"
            out, err = process.communicate(timeout=120)
        os.close(theirs)
        os.close(ours)
        assert err == ""
        return out.strip(), shown.decode()

    return call


needs_terminals = pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")


@needs_terminals
def test_a_new_password_is_typed_twice_and_not_shown(at_terminal):
    out, shown = at_terminal(["s3cret", "s3cret"])
    assert out == "found 's3cret'"
    assert "s3cret" not in shown
    assert shown.startswith("Password: |")
    assert "The same password again: |" in shown


@needs_terminals
def test_two_typed_passwords_must_be_equal(at_terminal):
    out, _ = at_terminal(["s3cret", "secret"])
    assert out == "UsageError The two passwords differ. Nothing was written."


@needs_terminals
def test_without_a_terminal_nobody_is_asked(at_terminal):
    out, shown = at_terminal([], has_terminal=False)
    assert out.startswith("UsageError There is no terminal to type a password at: use --password-file")
    assert shown == ""


@pytest.fixture(scope="module")
def sealed(material, tmp_path_factory):
    """A file with the password "s3cret", and that password in a file beside it."""
    folder = tmp_path_factory.mktemp("sealed")
    (folder / "password.txt").write_text("s3cret\n")
    cssv.encode(
        material / "clip.mkv",
        folder / "clip.cssv",
        boxes=material / "boxes.txt",
        scene=material / "scene.json",
        carrier="constructive",
        password="s3cret",
    )
    return folder


def test_a_clip_is_encoded_and_decoded(run, material, sealed, tmp_path, monkeypatch):
    password = ("--password-file", sealed / "password.txt")
    clip, common = tmp_path / "x.cssv", ("--boxes", material / "boxes.txt", "--carrier", "constructive")
    assert run("encode", material / "clip.mkv", *common, "-o", clip, *password).code == 0
    assert run("decode", clip, "--objects", tmp_path / "a.csv", *password).code == 0
    monkeypatch.setenv(VARIABLE, "s3cret")
    assert run("decode", clip, "--objects", tmp_path / "b.csv").code == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    assert len((tmp_path / "a.csv").read_text().splitlines()) > 10


def test_each_command_that_reads_needs_the_password(run, material, sealed, tmp_path, monkeypatch):
    clip = shutil.copy(sealed / "clip.cssv", tmp_path / "clip.cssv")
    lines = (
        ("decode", clip, "--objects", tmp_path / "x.csv"),
        ("export", clip, tmp_path / "x.mkv"),
        ("commit", clip, "--meta", material / "scene.json"),
        ("diff", clip, "1", "1"),
        ("encode", clip, "--carrier", "constructive", "-o", tmp_path / "x.cssv"),
    )
    for line in lines:
        result = run(*line)
        assert (result.code, "sealed with a password. Give --password." in result.err) == (8, True), line
        assert run(*line, "--json").json()["error"]["kind"] == "password"
    monkeypatch.setenv(VARIABLE, "another")
    for line in (*lines, ("info", clip), ("verify", clip)):
        result = run(*line)
        assert (result.code, "password is wrong" in result.err) == (8, True), line
        assert "another" not in result.err
    monkeypatch.setenv(VARIABLE, "s3cret")
    for line in lines[:2] + lines[3:] + (("info", clip), ("verify", clip)):
        assert run(*line).code == 0, line


def test_what_is_known_without_the_password(run, sealed):
    found = run("info", sealed / "clip.cssv")
    assert found.code == 0
    assert "sealed with a password; give --password" in found.out
    assert "carrier constructive" in found.out
    checked = run("verify", sealed / "clip.cssv")
    assert checked.code == 0
    assert checked.out.startswith("OK: ")
    assert "was not checked; give --password" in checked.out
    assert run("log", sealed / "clip.cssv").code == 0


def test_the_nibble_carrier_names_the_other_one(run, material, sealed, tmp_path):
    line = ("encode", material / "clip.mkv", "-o", tmp_path / "x.cssv")
    result = run(*line, "--password-file", sealed / "password.txt")
    assert result.code == 2
    assert "Use --carrier constructive." in result.err
    assert not list(tmp_path.iterdir())


def test_a_password_as_a_word_is_explained_and_not_repeated(run, sealed):
    for words in (("--password=s3cret",), ("--password", "s3cret")):
        result = run("decode", sealed / "clip.cssv", *words)
        assert result.code == 2
        assert "other users of this machine" in result.err
        assert "s3cret" not in result.err + result.out
