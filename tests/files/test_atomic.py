"""A result is whole or it is not there, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

import pytest

from cssv.errors import CssvError, ExistsError, OutputError, VideoError
from cssv.files.atomic import check_output, publish, whole_file, whole_folder


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def refuse(code: int, name: str | None = None):
    def fail(*_args, **_keywords):
        raise OSError(code, os.strerror(code), *([name] if name else []))

    return fail


class Boom(BaseException):
    pass


def write_and_raise(target: Path, error: BaseException) -> None:
    with whole_file(target, overwrite=True) as temporary:
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
    with whole_file(target, overwrite=True) as temporary:
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
    with whole_file(link, overwrite=True) as temporary:
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
    with whole_file(target, overwrite=True) as temporary:
        temporary.write_bytes(b"new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_the_file_reaches_the_disk_before_it_is_renamed(tmp_path, monkeypatch):
    order: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("sync"), sync(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (order.append("rename"), replace(self, to))[1])
    with whole_file(tmp_path / "out.bin", overwrite=True) as temporary:
        temporary.write_bytes(b"x")
    assert order[:2] == ["sync", "rename"]


def test_the_file_reaches_the_disk_before_it_is_linked(tmp_path, monkeypatch):
    order: list[str] = []
    sync, link = os.fsync, os.link
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("sync"), sync(handle))[1])
    monkeypatch.setattr(os, "link", lambda one, other: (order.append("link"), link(one, other))[1])
    with whole_file(tmp_path / "out.bin") as temporary:
        temporary.write_bytes(b"x")
    assert order == ["sync", "link", "sync"]


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
    with pytest.raises(OutputError, match="write-protected"), whole_file(target, overwrite=True):
        pytest.fail("the body must not run")
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.EACCES, "does not let you write"), (errno.EROFS, "read-only"), (errno.ENOSPC, "disk is full")],
)
def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch, code, remedy):
    monkeypatch.setattr("cssv.files.temporaries.tempfile.mkstemp", refuse(code))
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


class TestExisting:
    """What exists is replaced only where the caller permits it, also if it appears while the body runs."""

    def test_a_file_is_refused_before_the_work(self, tmp_path):
        target = tmp_path / "out.bin"
        target.write_bytes(b"old")
        with (
            pytest.raises(ExistsError, match=r"exists already.*`overwrite=True`") as caught,
            whole_file(target),
        ):
            pytest.fail("the body must not run")
        assert isinstance(caught.value, FileExistsError)
        assert isinstance(caught.value, OutputError)
        assert target.read_bytes() == b"old"
        assert names(tmp_path) == ["out.bin"]

    def test_an_empty_file_and_one_behind_a_link_are_files(self, tmp_path):
        (tmp_path / "empty").touch()
        (tmp_path / "link").symlink_to(tmp_path / "empty")
        for name in ("empty", "link"):
            with pytest.raises(ExistsError), whole_file(tmp_path / name):
                pytest.fail("the body must not run")

    def test_a_link_to_nothing_is_followed(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "new")
        with whole_file(tmp_path / "link") as temporary:
            temporary.write_bytes(b"new")
        assert (tmp_path / "new").read_bytes() == b"new"

    @pytest.mark.parametrize("has_links", [True, False], ids=["links", "no links"])
    def test_a_file_that_appears_meanwhile_is_kept(self, tmp_path, monkeypatch, has_links):
        if not has_links:
            monkeypatch.setattr(os, "link", refuse(errno.EPERM))
        target = tmp_path / "out.bin"

        def race() -> None:
            with whole_file(target) as temporary:
                temporary.write_bytes(b"mine")
                target.write_bytes(b"theirs")

        with pytest.raises(ExistsError, match="exists already"):
            race()
        assert target.read_bytes() == b"theirs"
        assert names(tmp_path) == ["out.bin"]

    def test_a_file_system_without_links(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "link", refuse(errno.EOPNOTSUPP))
        with whole_file(tmp_path / "out.bin") as temporary:
            temporary.write_bytes(b"whole")
        assert (tmp_path / "out.bin").read_bytes() == b"whole"
        assert names(tmp_path) == ["out.bin"]

    def test_what_cannot_be_made_again_gets_another_name(self, tmp_path):
        target = tmp_path / "live.cssv"
        (tmp_path / "live-2.cssv").write_bytes(b"older")

        def race() -> None:
            with whole_file(target, is_unique=True) as temporary:
                temporary.write_bytes(b"mine")
                target.write_bytes(b"theirs")

        with pytest.raises(ExistsError, match=r"made meanwhile.*complete.*'live-3\.cssv'"):
            race()
        found = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
        assert found == {"live.cssv": b"theirs", "live-2.cssv": b"older", "live-3.cssv": b"mine"}

    def test_a_check_before_the_work(self, tmp_path):
        check_output(tmp_path / "new", overwrite=False)
        (tmp_path / "old").touch()
        with pytest.raises(ExistsError):
            check_output(tmp_path / "old", overwrite=False)
        check_output(tmp_path / "old", overwrite=True)
        with pytest.raises(OutputError, match="Name a file"):
            check_output(tmp_path, overwrite=True)

    def test_the_standard_output_is_no_file(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(OutputError, match="standard output"), whole_file("-"):
            pytest.fail("the body must not run")
        with pytest.raises(OutputError, match="standard output"), whole_folder("-"):
            pytest.fail("the body must not run")
        assert names(tmp_path) == []


PICTURES = re.compile(r"[0-9]{6}\.png")


class TestExistingFolder:
    @pytest.fixture
    def target(self, tmp_path):
        target = tmp_path / "frames"
        target.mkdir()
        for number in range(3):
            (target / f"{number:06d}.png").write_bytes(b"old")
        return target

    def test_it_is_refused(self, target):
        with pytest.raises(ExistsError, match="`overwrite=True`"), whole_folder(target, members=PICTURES):
            pytest.fail("the body must not run")
        assert len(names(target)) == 3

    def test_its_pictures_are_replaced_at_the_end(self, target):
        with whole_folder(target, overwrite=True, members=PICTURES) as temporary:
            (temporary / "000000.png").write_bytes(b"new")
            assert len(names(target)) == 3
        assert names(target) == ["000000.png"]
        assert (target / "000000.png").read_bytes() == b"new"
        assert names(target.parent) == ["frames"]

    @pytest.mark.parametrize("name", ["notes.txt", "1.png", "000000.png.txt"])
    def test_one_with_other_things_never_is(self, target, name):
        (target / name).write_bytes(b"kept")
        before = names(target)
        with (
            pytest.raises(ExistsError, match="holds other things") as caught,
            whole_folder(target, overwrite=True, members=PICTURES),
        ):
            pytest.fail("the body must not run")
        assert caught.value.found == name
        assert names(target) == before

    def test_nor_one_with_a_folder_or_link_of_such_a_name(self, target):
        (target / "000003.png").mkdir()
        with pytest.raises(ExistsError), whole_folder(target, overwrite=True, members=PICTURES):
            pytest.fail("the body must not run")

    def test_what_is_put_there_meanwhile_is_kept(self, target):
        def race() -> None:
            with whole_folder(target, overwrite=True, members=PICTURES) as temporary:
                (temporary / "000000.png").write_bytes(b"new")
                (target / "notes.txt").write_bytes(b"kept")

        with pytest.raises(ExistsError, match="holds other things"):
            race()
        assert (target / "000000.png").read_bytes() == b"old"
        assert (target / "notes.txt").read_bytes() == b"kept"
        assert names(target.parent) == ["frames"]

    def test_a_failure_at_the_last_moment_puts_it_back(self, target, monkeypatch):
        rename = Path.rename

        def fail(self, to):
            if Path(to) == target and not self.name.startswith(".cssv-old-"):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return rename(self, to)

        def write() -> None:
            with whole_folder(target, overwrite=True, members=PICTURES) as temporary:
                (temporary / "000000.png").write_bytes(b"new")

        monkeypatch.setattr(Path, "rename", fail)
        with pytest.raises(OutputError):
            write()
        assert (target / "000000.png").read_bytes() == b"old"
        assert names(target.parent) == ["frames"]


class TestNames:
    """No message contains the temporary name."""

    ERRORS = (
        lambda file: NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(file / "x")),
        lambda file: VideoError(f"{file} is bad", found=file.name, remedy=f"See {file}."),
        lambda file: OutputError(f"cannot write {str(file)!r}"),
    )

    @pytest.mark.parametrize("make", ERRORS, ids=["system", "input", "output"])
    def test_of_a_file(self, tmp_path, monkeypatch, make):
        monkeypatch.chdir(tmp_path)

        def write() -> None:
            with whole_file("out.csv") as temporary:
                raise make(temporary)

        with pytest.raises(CssvError, match=r"out\.csv") as caught:
            write()
        assert ".cssv-" not in "".join(map(str, (caught.value, *caught.value.args, vars(caught.value))))

    def test_of_a_file_in_a_folder(self, tmp_path):
        def write() -> None:
            with whole_folder(tmp_path / "frames") as temporary:
                raise OutputError(f"cannot write {str(temporary / '000001.png')!r}")

        with pytest.raises(OutputError) as caught:
            write()
        assert str(caught.value) == f"cannot write {str(tmp_path / 'frames' / '000001.png')!r}"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_finished_file_on_another_disk(tmp_path, monkeypatch, overwrite):
    """Found by ``cssv recover -o`` of a file on another disk."""
    monkeypatch.setattr(os, "link", refuse(errno.EXDEV))
    monkeypatch.setattr(Path, "replace", refuse(errno.EXDEV))
    (tmp_path / "done").write_bytes(b"done")
    with pytest.raises(OutputError, match="on another disk") as caught:
        publish(tmp_path / "done", tmp_path / "out", Path("out"), overwrite=overwrite)
    assert "cannot write 'out'" in str(caught.value)
    assert names(tmp_path) == ["done"]
