"""Something of somebody else lies at the name of the lock file: no command follows, empties or deletes it."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

PRECIOUS = b"what somebody made before"


def link(place, precious):
    place.symlink_to(precious)


def dangling_link(place, precious):
    place.symlink_to(precious.with_name("absent.txt"))


def hard_link(place, precious):
    os.link(precious, place)


def pipe(place, _precious):
    os.mkfifo(place)


def folder(place, _precious):
    place.mkdir()
    (place / "kept.txt").write_bytes(PRECIOUS)


def file(place, _precious):
    place.write_bytes(PRECIOUS)


def file_of_a_number(place, _precious):
    place.write_bytes(b"12345678901")


KINDS = (link, dangling_link, hard_link, pipe, folder, file, file_of_a_number)
COMMANDS = {
    "tag": "tag x.cssv approved",
    "checkout": "checkout x.cssv --version 1",
    "commit": "commit x.cssv --meta scene2.json",
    "repair": "verify x.cssv --repair",
    "encode": "encode clip.mkv --boxes boxes.txt -o x.cssv --force",
    "gc": "gc whole.cssv x.cssv --keep-playing --force",
}


@pytest.fixture
def workplace(material, tmp_path, monkeypatch):
    for name in ("clip.mkv", "boxes.txt"):
        (tmp_path / name).symlink_to(material / name)
    for name in ("x.cssv", "whole.cssv"):
        shutil.copy(material / "clip.cssv", tmp_path / name)
    (tmp_path / "scene2.json").write_text('{"cssv_scene": 1}')
    (tmp_path / "precious.txt").write_bytes(PRECIOUS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state(folder):
    """Kind, content and target of everything in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        name = str(path.relative_to(folder))
        is_file = stat.S_ISREG(mode)
        found[name] = (
            stat.S_IFMT(mode),
            path.readlink() if path.is_symlink() else None,
            path.read_bytes() if is_file else None,
            path.lstat().st_nlink if is_file else None,
        )
    return found


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_it_stays_as_it_is(workplace, run, kind, command):
    kind(workplace / "x.cssv.lock", workplace / "precious.txt")
    before = state(workplace)
    result = run(*command.split())
    assert state(workplace) == before
    assert result.code == 6
    assert "cannot lock" in result.err
    assert "x.cssv.lock is a" in result.err
    assert "Move it away" in result.err


@pytest.mark.parametrize("content", [b"", b"4194305"], ids=["empty", "number of an ended process"])
def test_a_lock_file_of_a_killed_process_is_reused(workplace, run, content):
    lock = workplace / "x.cssv.lock"
    lock.write_bytes(content)
    assert run("tag", "x.cssv", "approved").code == 0
    assert not lock.exists()
