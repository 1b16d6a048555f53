"""Headless Chromium, driven by its DevTools protocol over two pipes: pages of files, keys, screenshots."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from select import select
from typing import Any

from tests.chromium import QUIET, WAYS

_FLAGS = (*QUIET, "remote-debugging-pipe")
#: Without a graphics card pages are drawn faster by the processor alone, but then there is no WebGL.
_DRAWING = {
    False: WAYS["software"],
    True: WAYS["shaders"],
}
#: Generous: it is only there against hanging.
_PATIENCE_S = 180
#: What a page logs beyond this level is a fault.
_FAULTS = {"error", "warning", "assert"}


class Browser:
    """One browser for several pages. Close it, or use it as a context manager.

    Args:
        program: Chromium.
        profile: an empty folder for the browser's files.
        has_webgl: whether pages can use WebGL; slower.
    """

    def __init__(self, program: str, profile: Path, *, has_webgl: bool = False) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        flags = [f"--{flag}" for flag in (*_FLAGS, *_DRAWING[has_webgl], f"user-data-dir={profile}")]
        # The browser reads commands from descriptor 3 and writes answers to 4.
        script = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        silence = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        self._process = subprocess.Popen(
            ["bash", "-c", script, program, *flags, "about:blank"],
            **silence,
            pass_fds=(theirs_in, theirs_out),
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        self._pending = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and its other processes, which are in the session that was started for it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(60)
        os.close(self._in)
        os.close(self._out)

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            found = self._receive()
            if found.get("id") == self._number:
                assert "error" not in found, f"{method}: {found['error']}"
                return found["result"]
            self.events.append(found)

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._pending:
            ready, _, _ = select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._in, 1 << 20) if ready else b""
            assert piece, "the browser does not answer"
            self._pending += piece
        text, _, self._pending = self._pending.partition(b"\0")
        return json.loads(text)

    def open(
        self, url: str, *, before: str = "", width: int = 1280, height: int = 900, dark: bool = False
    ) -> Tab:
        """Open a page; ``before`` is a script that runs before those of the page."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, target, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.send(f"{domain}.enable")
        tab.resize(width, height)
        tab.set_dark(dark)
        if before:
            tab.send("Page.addScriptToEvaluateOnNewDocument", source=before)
        tab.send("Page.navigate", url=url)
        return tab


class Tab:
    """A page in a browser."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser, self._target, self._session = browser, target, session

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to this page."""
        return self._browser.send(method, self._session, **params)

    def close(self) -> None:
        """Close the page."""
        self._browser.send("Target.closeTarget", targetId=self._target)

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        """Set the size of the window in CSS pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def set_dark(self, is_dark: bool) -> None:
        """Let the user prefer dark or light pages."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def run(self, script: str) -> Any:
        """The value of an expression, or of what a promise gives."""
        done = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, condition: str) -> Any:
        """Wait until an expression is true; returns its value."""
        deadline = time.monotonic() + _PATIENCE_S
        while not (found := self.run(condition)):
            assert time.monotonic() < deadline, f"never true: {condition}; faults: {self.faults()}"
            time.sleep(0.02)
        return found

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, x: float, y: float) -> None:
        """Press and release the left button at a place of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path: Path, *, is_whole: bool = False) -> None:
        """Write a picture of the window, or of the whole page."""
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def _events(self, method: str) -> list[dict[str, Any]]:
        # An answer to any command comes after the events before it.
        self.run("0")
        events = self._browser.events
        return [e["params"] for e in events if e["method"] == method and e.get("sessionId") == self._session]

    def faults(self) -> list[str]:
        """Errors and warnings of the page."""
        found = [str(each["exceptionDetails"]) for each in self._events("Runtime.exceptionThrown")]
        calls = self._events("Runtime.consoleAPICalled")
        found += [str(each["args"]) for each in calls if each["type"] in _FAULTS]
        entries = [each["entry"] for each in self._events("Log.entryAdded")]
        return found + [
            f"{each['text']} {each.get('url', '')}" for each in entries if each["level"] in _FAULTS
        ]

    def requests(self) -> list[str]:
        """What the page requested from elsewhere: neither itself nor data that it holds."""
        urls = [each["request"]["url"] for each in self._events("Network.requestWillBeSent")]
        return [url for url in urls if not url.startswith(("file:", "data:", "blob:", "about:"))]
