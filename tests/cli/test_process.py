"""The command as a process: signals, full and read-only disks, closed pipes, silence where it belongs."""

from __future__ import annotations

import importlib
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest

import cssv
from cssv_cli.exits import INTERRUPTED, exit_code
from cssv_cli.leaving import INTERRUPTED_CODE
from cssv_cli.main import main as command
from cssv_cli.start import main as start_main

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and disks as POSIX has them")

PRECIOUS = b"what somebody made before"
#: A bound for hanging processes only; a busy machine takes a tenth of it.
PATIENCE_S = 180


def wait_for_half_file(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Until the result is being written under its temporary name."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        with suppress(FileNotFoundError):
            if any(path.stat().st_size > 10_000 for path in folder.iterdir() if path.name.startswith(".")):
                return
        time.sleep(0.01)
    pytest.fail(f"no half file in time: {process.communicate()}")


class TestStopped:
    @pytest.mark.parametrize(
        ("number", "code", "kind"),
        [
            (signal.SIGINT, 130, "interrupted"),
            (signal.SIGTERM, 143, "terminated"),
            (signal.SIGHUP, 129, "hangup"),
        ],
    )
    def test_encode_leaves_what_was_there(self, start, long_clip, tmp_path, number, code, kind):
        out = tmp_path / "out.cssv"
        out.write_bytes(PRECIOUS)
        boxes = ("--boxes", long_clip.parent / "boxes.txt")
        process = start("encode", long_clip, *boxes, "--lossless", "-o", out, "--force", "--json")
        wait_for_half_file(process, tmp_path)
        process.send_signal(number)
        text, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == code
        assert errors.decode() == "cssv: error: interrupted; no half-written file is left\n"
        assert json.loads(text)["error"]["kind"] == kind
        assert [path.name for path in tmp_path.iterdir()] == ["out.cssv"]
        assert out.read_bytes() == PRECIOUS

    def test_decode_leaves_no_folder(self, start, long_clip, tmp_path):
        work = tmp_path / "work"
        work.mkdir()
        boxes = long_clip.parent / "boxes.txt"
        cssv.encode(long_clip, tmp_path / "long.cssv", boxes=boxes, stop=12, lossless=True)
        process = start(
            "decode", tmp_path / "long.cssv", "-o", work / "heat.mkv", "--objects", work / "o.csv"
        )
        wait_for_half_file(process, work)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130
        assert list(work.iterdir()) == []

    @pytest.mark.parametrize(
        "following", ["tag x.cssv new", "export x.cssv copy.mkv", "track --boxes b.txt -o t.txt"]
    )
    def test_the_next_run_removes_what_a_killed_one_left(
        self, start, run, long_clip, material, tmp_path, monkeypatch, following
    ):
        boxes = ("--boxes", long_clip.parent / "boxes.txt")
        process = start("encode", long_clip, *boxes, "--lossless", "-o", tmp_path / "out.cssv")
        wait_for_half_file(process, tmp_path)
        shutil.copy(material / "clip.cssv", tmp_path / "x.cssv")
        shutil.copy(material / "boxes.txt", tmp_path / "b.txt")
        monkeypatch.chdir(tmp_path)
        # What a running process writes stays.
        assert run(*following.split(), "--json").code == 0
        assert len([path for path in tmp_path.iterdir() if path.name.startswith(".cssv-")]) == 1
        process.kill()
        process.communicate(timeout=PATIENCE_S)
        assert {path.suffix for path in tmp_path.iterdir()} >= {".lock"}
        assert run(*following.split(), *([] if "tag" in following else ["--force"])).code == 0
        left = {path.name for path in tmp_path.iterdir()} - {"copy.mkv", "t.txt"}
        assert left == {"x.cssv", "b.txt"}

    def test_ignored_hangup_stays_ignored(self, start, long_clip, tmp_path):
        process = start(
            "encode", long_clip, "--boxes", long_clip.parent / "boxes.txt", "--stop", "8", "--lossless",
            "-o", tmp_path / "out.cssv",
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )  # fmt: skip
        wait_for_half_file(process, tmp_path)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        assert (tmp_path / "out.cssv").stat().st_size > 10_000


SLOW_LIBRARY = """
import pathlib, time
while True:
    try:
        pathlib.Path(__file__).with_name("loading").touch()
        time.sleep(60)
    except BaseException as error:
        print(repr(error))
"""


@pytest.fixture
def spawn_python():
    """``spawn_python(code, ...)`` runs Python code with arguments; SIGINT is not ignored."""

    def run(code, *arguments):
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            timeout=PATIENCE_S,
        )

    return run


class TestStoppedWhileLoading:
    # click is loaded at the start, PyAV with the command.
    @pytest.fixture(params=["click", "av"])
    def loading(self, request, start, tmp_path, monkeypatch):
        """The command, in the middle of loading a library that swallows every exception."""
        (tmp_path / f"{request.param}.py").write_text(SLOW_LIBRARY)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

        def begin(**options):
            process = start("info", "clip.mp4", **options)
            end = time.monotonic() + PATIENCE_S
            while not (tmp_path / "loading").exists():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < end
                time.sleep(0.01)
            return process

        return begin

    def test_nothing_is_said(self, loading):
        process = loading()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE_S) == (b"", b"")
        assert process.returncode == exit_code(INTERRUPTED) == INTERRUPTED_CODE

    def test_what_is_ignored_stays_ignored(self, loading):
        process = loading(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=PATIENCE_S) == (b"", b"")
        assert process.returncode == -signal.SIGTERM


#: Runs the command, and sends Ctrl-C when so many Python functions have been called.
PRESSED = """
import os, signal, sys
left = int(sys.argv.pop(1))

def count(frame, event, argument):
    global left
    if event == "call":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGINT)

from cssv_cli.start import main
sys.argv[0] = "cssv"
sys.setprofile(count)
main()
"""


@pytest.mark.parametrize("calls", [3, 100, 3000, *range(15_000, 40_000, 1500), 100_000])
def test_ctrl_c_at_any_moment_of_the_start_has_its_exit_code(calls, spawn_python):
    """Not only while libraries are loaded: after that, click ended with 1 and ``Aborted!``."""
    result = spawn_python(PRESSED, calls, "info", "missing.mp4")
    assert result.returncode in (INTERRUPTED_CODE, 3), result
    assert "Aborted" not in result.stderr
    assert "Traceback" not in result.stderr
    # The command has some 300,000 calls; its end need not be reached by all versions of the libraries.
    assert result.returncode == INTERRUPTED_CODE or calls > 50_000


def test_the_entry_point_loads_nothing():
    """Before it has run, Ctrl-C ends Python with a traceback."""
    code = "import sys; known = set(sys.modules); import cssv_cli.start; print(*set(sys.modules) - known)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"cssv_cli", "cssv_cli.leaving", "cssv_cli.start", "_signal"}


def test_the_installed_command_begins_where_the_module_does(spawn):
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, name = project["project"]["scripts"]["cssv"].partition(":")
    assert getattr(importlib.import_module(module), name) is start_main
    assert spawn("--version").out.startswith("cssv ")


@pytest.fixture
def mounted(tmp_path):
    """``mounted("-t", "tmpfs", ...)`` mounts something on a new folder until the test ends."""
    places: list[Path] = []

    def mount(*options: str) -> Path:
        place = tmp_path / f"mounted{len(places)}"
        place.mkdir()
        done = subprocess.run(["mount", *options, str(place)], check=False, capture_output=True)
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.decode().strip()}")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", str(place)], check=True)


class TestDisk:
    def test_full_disk(self, spawn, long_clip, mounted):
        disk = mounted("-t", "tmpfs", "-o", "size=100k", "tmpfs")
        (disk / "out.cssv").write_bytes(PRECIOUS)
        boxes = ("--boxes", long_clip.parent / "boxes.txt")
        options = ("--stop", "3", "--lossless", "-o", disk / "out.cssv", "-f")
        result = spawn("encode", long_clip, *boxes, *options)
        assert result.code == 6
        assert "full" in result.err
        assert result.err.count("\n") == 1
        assert [path.name for path in disk.iterdir()] == ["out.cssv"]
        assert (disk / "out.cssv").read_bytes() == PRECIOUS

    @pytest.mark.parametrize(
        "command",
        [
            *("encode", "decode", "objects", "export", "frames"),
            "track",
        ],
    )
    def test_no_room_for_the_file(self, spawn, material, tmp_path, command):
        """A bound on the size of files stands in for a full disk where nothing can be mounted."""
        work = tmp_path / "work"
        work.mkdir()
        bound = {"objects": 1500, "track": 500, "frames": 9000}.get(command, 20_000)
        arguments = {
            "encode": ("encode", material / "clip.mkv", "-o", work / "out.cssv"),
            "decode": ("decode", material / "clip.cssv", "-o", work / "heat.mkv"),
            "objects": ("decode", material / "clip.cssv", "--objects", work / "o.csv"),
            "export": ("export", material / "clip.cssv", work / "copy.mkv"),
            "frames": ("export", material / "clip.cssv", work / "copy"),
            "track": ("track", "--boxes", material / "boxes.txt", "-o", work / "t.txt"),
        }[command]
        limit = (bound, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        result = spawn(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        assert result.code == 6, result
        assert result.err.startswith("cssv: error: ")
        assert "Traceback" not in result.err
        assert list(work.iterdir()) == []

    def test_read_only_disk(self, run, material, mounted):
        disk = mounted("-t", "tmpfs", "-o", "ro", "tmpfs")
        result = run("encode", material / "clip.mkv", "-o", disk / "out.cssv")
        assert result.code == 6
        assert "read-only" in result.err.lower()

    def test_folder_that_takes_no_files(self, run, material):
        if not Path("/proc/self").exists():
            pytest.skip("no /proc here")
        result = run("encode", material / "clip.mkv", "-o", "/proc/self/out.cssv")
        assert result.code == 6
        assert "cannot write '/proc/self/out.cssv'" in result.err


class TestPipes:
    def test_closed_stdout(self, start, material):
        reading, writing = os.pipe()
        os.close(reading)
        process = start("track", "--boxes", material / "boxes.txt", stdout=writing)
        os.close(writing)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 141
        assert errors == b""

    def test_full_stdout(self, spawn, material):
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full here")
        with Path("/dev/full").open("w") as full:
            result = spawn("info", material / "clip.cssv", stdout=full)
        assert result.code == 6
        assert result.err.count("\n") == 1
        assert "standard output" in result.err

    def test_poor_encoding(self, spawn, material, monkeypatch):
        monkeypatch.setenv("PYTHONIOENCODING", "ascii")
        result = spawn("info", material / "clip.cssv")
        assert result.code == 0
        assert r"\xb0C" in result.out

    def test_undecodable_name(self, run, tmp_path):
        result = run("info", os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.mp4"))
        assert result.code == 3
        assert r"a\udcff.mp4" in result.err

    def test_no_progress_where_stderr_is_no_terminal(self, run, material, tmp_path):
        result = run("encode", material / "clip.mkv", "-o", tmp_path / "out.cssv")
        assert result.code == 0
        assert result.err == ""


def on_terminal(start, *arguments: object) -> tuple[int, str]:
    """Exit code and what a terminal as stderr has seen."""
    ours, theirs = pty.openpty()
    process = start(*arguments, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # reading fails when the other side is gone
        while piece := os.read(ours, 4096):
            seen += piece
    os.close(ours)
    return process.wait(PATIENCE_S), seen.decode()


class TestTerminal:
    def test_progress_per_stage(self, start, long_clip, tmp_path):
        options = ("--stop", "20", "--lossless", "-o", tmp_path / "out.cssv")
        code, seen = on_terminal(start, "encode", long_clip, *options)
        assert code == 0
        plain = re.sub(r"\x1b\[\?25[lh]", "", seen)
        lines = [line.strip("\r").split("\r")[-1].split() for line in plain.strip().split("\n")]
        assert [line[0] for line in lines] == ["perceive", "encode"]
        assert all("500/500" in line and "100%" in line for line in lines)
        assert re.search(r"\d+% +00:00:\d\d +[\d.]+ frames/s", plain)

    def test_quiet(self, start, material, tmp_path):
        options = ("-o", tmp_path / "out.cssv", "--quiet")
        assert on_terminal(start, "encode", material / "clip.mkv", *options) == (0, "")

    def test_an_error_begins_on_its_own_line(self, start, long_clip, tmp_path):
        data = bytearray(long_clip.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
        (tmp_path / "damaged.mp4").write_bytes(data)
        code, seen = on_terminal(start, "encode", tmp_path / "damaged.mp4", "-o", tmp_path / "out.cssv")
        assert code == 3
        # The bar was shown before.
        assert re.search(r"perceive .*\ncssv: error: .*damaged\.mp4", seen, re.DOTALL)


def test_native_libraries_print_nothing(capfd, make_clip, tmp_path):
    """FFmpeg's own messages about a damaged clip are not shown; ours is the only one."""
    data = bytearray(make_clip(tmp_path / "damaged.mp4", 200, codec="mpeg4").read_bytes())
    for offset in range(5000, len(data) - 10_000, 997):
        data[offset] ^= 0xFF
    (tmp_path / "damaged.mp4").write_bytes(data)
    with pytest.raises(SystemExit) as stop:
        command(["encode", str(tmp_path / "damaged.mp4"), "-o", str(tmp_path / "out.cssv")], prog_name="cssv")
    assert stop.value.code == 3
    # What native code writes goes past sys.stderr, so the file descriptor itself is read.
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("cssv: error: ")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.mp4"]
