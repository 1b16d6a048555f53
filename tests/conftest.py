"""What every test may ask for: real data, and the tools of other people."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from types import ModuleType

import pytest
from hypothesis import settings

# A deadline would judge a test by the clock of a busy machine.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

pytest_plugins = ["cssv.testing.fixtures"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the long files first, so that no worker is left alone with one of them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("series") is None)


ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("CSSV_DATA", ROOT.parent / "shared" / "data"))
IN_CI = os.environ.get("CI") == "true"


def _missing(what: str) -> None:
    if IN_CI:
        pytest.fail(f"{what} is missing and CI=true")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of real clips and ground truth; absent on a user's machine."""
    if not DATA.is_dir():
        _missing(f"test data folder {DATA.name!r} (set CSSV_DATA)")
    return DATA


@pytest.fixture(scope="session")
def tool():
    """``tool("ffmpeg")`` is its path; skips where it is not installed, fails in CI."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            _missing(f"program {name!r}")
        assert path is not None
        return path

    return find


@pytest.fixture(scope="session")
def ffmpeg(tool):
    """``ffmpeg("-i", a, b)`` runs the program of another build than PyAV's."""
    program = tool("ffmpeg")

    def run(*arguments: object) -> bytes:
        command = [program, "-v", "error", "-nostdin", "-y", *map(str, arguments)]
        done = subprocess.run(command, check=False, capture_output=True)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    return run


@pytest.fixture(scope="session")
def ffprobe(tool):
    """``ffprobe(path, "-show_packets")`` is the parsed JSON."""
    program = tool("ffprobe")

    def run(path: Path, *arguments: str) -> dict:
        command = [program, "-v", "error", "-of", "json", *arguments, str(path)]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    return run


@pytest.fixture(scope="session")
def package():
    """``package("torch")`` is the module; skips where it is not installed, fails in CI."""

    def find(name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ImportError:
            _missing(f"package {name!r}")
            raise

    return find


PAGE = b"""<!doctype html><video id="v" muted src="clip"></video><script>
const v = document.getElementById("v");
const tell = (word) => fetch("report", {method: "POST", body: JSON.stringify({word, width: v.videoWidth,
    height: v.videoHeight, duration: v.duration, frames: v.getVideoPlaybackQuality().totalVideoFrames})});
v.onerror = () => tell("error " + v.error.message);
v.onended = () => tell("ended");
v.playbackRate = RATE;
v.play();
</script>"""


class Site(BaseHTTPRequestHandler):
    """The page, the video by ranges of bytes, and an ear for the page's report."""

    def do_GET(self):
        if self.path != "/clip":
            self.answer(200, "text/html", PAGE.replace(b"RATE", str(self.server.rate).encode()))
            return
        video = self.server.video
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        low, high = int(first), min(int(last or len(video)) + 1, len(video))
        self.answer(206, "video/mp4", video[low:high], f"bytes {low}-{high - 1}/{len(video)}")

    def answer(self, status, kind, body, content_range=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
            self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        # The browser hangs up when it has seen enough.
        with suppress(ConnectionError):
            self.wfile.write(body)

    def do_POST(self):
        self.server.report.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(200, "text/plain", b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def in_chromium(tool, tmp_path_factory):
    """``in_chromium(path)``: what a page in headless Chromium reports after playing a file to its end."""

    def play(path, rate=4):
        profile = tmp_path_factory.mktemp("profile")
        with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
            server.video, server.report, server.rate = path.read_bytes(), Queue(), rate
            Thread(target=server.serve_forever, daemon=True).start()
            flags = ["headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking"]
            flags += ["disable-component-update", "disable-sync", "mute-audio", f"user-data-dir={profile}"]
            flags += ["autoplay-policy=no-user-gesture-required", "remote-debugging-port=0"]
            silence = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
            browser = subprocess.Popen(
                [
                    tool("chromium"),
                    *(f"--{flag}" for flag in flags),
                    f"http://127.0.0.1:{server.server_port}/",
                ],
                **silence,
                start_new_session=True,
            )
            try:
                return server.report.get(timeout=300)
            finally:
                # Its helpers are in the session that was started for it.
                os.killpg(browser.pid, signal.SIGTERM)
                browser.wait(60)
                server.shutdown()

    return play
