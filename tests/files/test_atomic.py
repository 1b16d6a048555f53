"""A result is whole or it is not there, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from cssv.errors import CssvError, OutputError, VideoError
from cssv.files.atomic import whole_file, whole_folder


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def refuse(code: int, name: str | None = None):
    def fail(*_args, **_keywords):
        raise OSError(code, os.strerror(code), *([name] if name else []))

    return fail


class Boom(BaseException):
    pass


def write_and_raise(target: Path, error: BaseException) -> None:
    with whole_file(target) as temporary:
        temporary.write_bytes(b"half")
        raise error


def fill_and_raise(target: Path, error: BaseException) -> None:
    with whole_folder(target) as temporary:
        (temporary / "a").write_bytes(b"a")
        raise error


FAILURES = [ValueError("x"), KeyboardInterrupt(), SystemExit(3), Boom(), VideoError("x")]


def test_a_new_file_appears_whole(tmp_path):
    target = tmp_path / "out.bin"
    with whole_file(target) as temporary:
        temporary.write_bytes(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert names(tmp_path) == ["out.bin"]


def test_the_temporary_file_lies_beside_the_target_with_its_suffix(tmp_path):
    with whole_file(tmp_path / "a.mkv") as temporary:
        assert temporary.parent == tmp_path.resolve()
        assert temporary.suffix == ".mkv"
        assert temporary.name.startswith(".cssv-")
        assert temporary.stat().st_size == 0


def test_an_existing_file_is_replaced_only_at_the_end(tmp_path):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with whole_file(target) as temporary:
        temporary.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("error", FAILURES)
def test_any_failure_leaves_what_was_there(tmp_path, error):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with pytest.raises(type(error)) as caught:
        write_and_raise(target, error)
    assert caught.value is error
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["out.bin"]


def test_a_string_path_and_a_relative_one_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with whole_file("plain.txt") as temporary:
        temporary.write_text("x", "utf-8")
    assert names(tmp_path) == ["plain.txt"]


def test_a_long_name_needs_no_longer_temporary_name(tmp_path):
    target = tmp_path / ("n" * 250 + ".bin")
    with whole_file(target) as temporary:
        temporary.write_bytes(b"x")
    assert target.read_bytes() == b"x"


def test_a_link_keeps_pointing_at_the_file_written(tmp_path):
    real, link = tmp_path / "real.bin", tmp_path / "link.bin"
    real.write_bytes(b"old")
    link.symlink_to(real)
    with whole_file(link) as temporary:
        temporary.write_bytes(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_permissions_are_those_of_an_ordinary_new_file(tmp_path):
    plain, made = tmp_path / "plain", tmp_path / "made"
    plain.write_bytes(b"")
    with whole_file(made) as temporary:
        temporary.write_bytes(b"x")
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_permissions_of_a_replaced_file_stay(tmp_path):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with whole_file(target) as temporary:
        temporary.write_bytes(b"new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_the_file_reaches_the_disk_before_it_is_renamed(tmp_path, monkeypatch):
    order: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("sync"), sync(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (order.append("rename"), replace(self, to))[1])
    with whole_file(tmp_path / "out.bin") as temporary:
        temporary.write_bytes(b"x")
    assert order[:2] == ["sync", "rename"]


def test_missing_folder(tmp_path):
    target = tmp_path / "no" / "a"
    with pytest.raises(OutputError, match="The folder does not exist") as caught, whole_file(target):
        pytest.fail("the body must not run")
    assert isinstance(caught.value, OSError)
    assert caught.value.remedy is not None


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="is a file, not a folder"), whole_file(tmp_path / "file" / "a"):
        pytest.fail("the body must not run")


def test_a_folder_in_the_way(tmp_path):
    with pytest.raises(OutputError, match="Name a file"), whole_file(tmp_path):
        pytest.fail("the body must not run")


def test_a_device_is_never_replaced():
    with pytest.raises(OutputError, match="ordinary file"), whole_file(os.devnull):
        pytest.fail("the body must not run")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_write_protected_file_is_kept(tmp_path, monkeypatch):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    # Root may write everywhere, so the answer of the system is played here.
    monkeypatch.setattr(os, "access", lambda path, mode: not (Path(path) == target and mode == os.W_OK))
    with pytest.raises(OutputError, match="write-protected"), whole_file(target):
        pytest.fail("the body must not run")
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.EACCES, "does not let you write"), (errno.EROFS, "read-only"), (errno.ENOSPC, "disk is full")],
)
def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch, code, remedy):
    monkeypatch.setattr("cssv.files.atomic.tempfile.mkstemp", refuse(code))
    with pytest.raises(OutputError, match=remedy), whole_file(tmp_path / "out"):
        pytest.fail("the body must not run")


def test_a_disk_that_fills_up_while_writing(tmp_path):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="disk is full") as caught:
        write_and_raise(target, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert str(target) in str(caught.value)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["out.bin"]


def test_a_disk_that_fails_at_the_flush(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    with pytest.raises(OutputError), whole_file(tmp_path / "out") as temporary:
        temporary.write_bytes(b"x")
    assert names(tmp_path) == []


def test_an_error_about_another_file_is_not_blamed_on_the_result(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "out"):
        (tmp_path / "input").read_bytes()
    assert names(tmp_path) == []


def test_an_error_about_the_temporary_file_is(tmp_path):
    def lose() -> None:
        with whole_file(tmp_path / "out") as temporary:
            temporary.unlink()
            temporary.read_bytes()

    with pytest.raises(OutputError):
        lose()


def test_an_output_error_passes_as_it_is(tmp_path):
    inner = OutputError("inner")
    with pytest.raises(CssvError) as caught, whole_file(tmp_path / "out"):
        raise inner
    assert caught.value is inner


def test_a_folder_appears_whole(tmp_path):
    target = tmp_path / "frames"
    with whole_folder(target) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "a.png").write_bytes(b"a")
        (temporary / "b.png").write_bytes(b"b")
        assert not target.exists()
    assert names(target) == ["b.png", "sub"]
    assert (target / "sub" / "a.png").read_bytes() == b"a"
    assert names(tmp_path) == ["frames"]


def test_an_empty_folder_is_filled(tmp_path):
    target = tmp_path / "frames"
    target.mkdir()
    with whole_folder(target) as temporary:
        (temporary / "a").write_bytes(b"a")
    assert names(target) == ["a"]


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "kept").write_bytes(b"kept")
    with pytest.raises(OutputError, match="not empty"), whole_folder(tmp_path):
        pytest.fail("the body must not run")
    assert (tmp_path / "kept").read_bytes() == b"kept"


def test_a_folder_filled_by_somebody_else_meanwhile_is_kept(tmp_path):
    target = tmp_path / "frames"

    def race() -> None:
        with whole_folder(target) as temporary:
            (temporary / "mine").write_bytes(b"mine")
            target.mkdir()
            (target / "theirs").write_bytes(b"theirs")

    with pytest.raises(OutputError, match="not empty"):
        race()
    assert names(target) == ["theirs"]
    assert names(tmp_path) == ["frames"]


@pytest.mark.parametrize("error", FAILURES)
def test_any_failure_leaves_no_folder(tmp_path, error):
    with pytest.raises(type(error)):
        fill_and_raise(tmp_path / "frames", error)
    assert names(tmp_path) == []


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(OutputError, match="Name a folder"), whole_folder(tmp_path / "file"):
        pytest.fail("the body must not run")


def test_a_folder_in_a_missing_folder(tmp_path):
    with pytest.raises(OutputError, match="does not exist"), whole_folder(tmp_path / "no" / "frames"):
        pytest.fail("the body must not run")


def test_a_full_disk_inside_the_folder(tmp_path):
    with pytest.raises(OutputError, match="disk is full"), whole_folder(tmp_path / "frames") as temporary:
        refuse(errno.ENOSPC, str(temporary / "a.png"))()
    assert names(tmp_path) == []
