"""Headless Chromium as a judge of our files: a page plays a video and reports what it sees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

#: Plays to the end at RATE times the speed, then reports the size, the duration and the frames shown.
PLAY = """<!doctype html><video id="v" muted src="clip"></video><script>
const v = document.getElementById("v");
const tell = (word) => fetch("report", {method: "POST", body: JSON.stringify({word, width: v.videoWidth,
    height: v.videoHeight, duration: v.duration, frames: v.getVideoPlaybackQuality().totalVideoFrames})});
v.onerror = () => tell("error " + v.error.message);
v.onended = () => tell("ended");
v.playbackRate = RATE;
v.play();
</script>"""

#: Draws the first frame that is shown and reports its colours at SPOTS, a list of (x, y).
LOOK = """<!doctype html><video id="v" muted src="clip"></video><script>
const v = document.getElementById("v"), c = document.createElement("canvas");
const tell = (found) => fetch("report", {method: "POST", body: JSON.stringify(found)});
v.onerror = () => tell({word: "error " + v.error.message});
v.requestVideoFrameCallback(() => {
    c.width = v.videoWidth, c.height = v.videoHeight;
    const g = c.getContext("2d");
    g.drawImage(v, 0, 0);
    tell({word: "shown", colours: SPOTS.map(([x, y]) => [...g.getImageData(x, y, 1, 1).data.slice(0, 3)])});
});
v.play();
</script>"""

#: Ways to the screen, with their own conversion of colours: without a graphics card, and by its shaders.
WAYS = {
    "software": ("disable-gpu",),
    "shaders": ("use-gl=angle", "use-angle=swiftshader", "enable-unsafe-swiftshader"),
}

#: Of any browser without a screen: nothing is fetched from elsewhere.
QUIET = (
    "headless",
    "no-sandbox",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "mute-audio",
)
_FLAGS = (*QUIET, "autoplay-policy=no-user-gesture-required", "remote-debugging-port=0")


class _Site(BaseHTTPRequestHandler):
    """The page, the video by ranges of bytes, and the receiver of the page's report."""

    def do_GET(self):
        if self.path != "/clip":
            self.answer(200, "text/html", self.server.page.encode())
            return
        video = self.server.video
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        low, high = int(first), min(int(last or len(video)) + 1, len(video))
        self.answer(206, self.server.kind, video[low:high], f"bytes {low}-{high - 1}/{len(video)}")

    def answer(self, status, kind, body, content_range=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
            self.send_header("Accept-Ranges", "bytes")
        # The browser closes a connection when it has what it needs.
        with suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(body)

    def do_POST(self):
        self.server.report.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(200, "text/plain", b"")

    def log_message(self, *_):
        pass


def visit(program: str, page: str, video: Path, profile: Path, way: str = "software") -> dict[str, Any]:
    """Open a page in a new browser and return its report.

    Args:
        program: Chromium.
        page: HTML that shows ``clip`` and posts JSON to ``report``.
        video: the file behind ``clip``.
        profile: an empty folder for the browser's files.
        way: a key of ``WAYS``.
    """
    flags = (*_FLAGS, f"user-data-dir={profile}", *WAYS[way])
    return report_of([program, *(f"--{flag}" for flag in flags)], page, video)


def report_of(browser: list[str], page: str, video: Path) -> dict[str, Any]:
    """Serve a page and a video, open the page, and return what it reports.

    Args:
        browser: the command of a browser, without the address.
        page: HTML that shows ``clip`` and posts JSON to ``report``.
        video: the file behind ``clip``.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        server.page, server.video, server.report = page, video.read_bytes(), Queue()
        server.kind = "video/webm" if video.suffix == ".webm" else "video/mp4"
        Thread(target=server.serve_forever, daemon=True).start()
        silence = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        command = [*browser, f"http://127.0.0.1:{server.server_port}/"]
        running = subprocess.Popen(command, **silence, start_new_session=True)
        try:
            return server.report.get(timeout=300)
        finally:
            # Its other processes are in the session that was started for it.
            os.killpg(running.pid, signal.SIGTERM)
            running.wait(60)
            server.shutdown()
