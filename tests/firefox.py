"""Headless Firefox as a judge of our files and pages."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.chromium import report_of

#: Settings of a new profile: videos play without a click, and nothing is fetched from elsewhere.
_SETTINGS = {
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}


#: Generous: it is only there against hanging.
_PATIENCE_S = 180


def _write_settings(profile: Path, **more: Any) -> None:
    settings = _SETTINGS | {name.replace("_", "."): value for name, value in more.items()}
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items())
    (profile / "user.js").write_text("\n".join(lines))


def _command(program: str, profile: Path) -> list[str]:
    return [program, "--headless", "--no-remote", "--profile", str(profile)]


def visit(program: str, page: str, video: Path, profile: Path) -> dict[str, Any]:
    """Open one of the pages of :mod:`tests.chromium` in a new browser and return its report.

    Args:
        program: Firefox.
        page: HTML that shows ``clip`` and posts JSON to ``report``.
        video: the file behind ``clip``.
        profile: an empty folder for the browser's files.
    """
    _write_settings(profile)
    return report_of(_command(program, profile), page, video)


class Browser:
    """One browser, driven by its protocol Marionette: length and JSON over a socket.

    Args:
        program: Firefox.
        profile: an empty folder for the browser's files.
    """

    def __init__(self, program: str, profile: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        _write_settings(profile, marionette_port=port)
        silence = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        command = [*_command(program, profile), "--marionette"]
        self._process = subprocess.Popen(command, **silence, start_new_session=True)
        try:
            self._socket = self._connected(port)
            # The browser speaks first.
            self._receive()
            self.send("WebDriver:NewSession", capabilities={})
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._end()

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(60)

    def _connected(self, port: int) -> socket.socket:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), _PATIENCE_S)
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "the browser does not start"
                time.sleep(0.1)

    def _receive(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._read(1)
        return json.loads(self._read(int(length[:-1])))

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            assert piece, "the browser has closed the connection"
            data += piece
        return data

    def send(self, command: str, **params: Any) -> Any:
        """Send a command and return its result."""
        message = json.dumps([0, 1, command, params]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._receive()
        assert error is None, f"{command}: {error}"
        return result

    def open(self, url: str) -> None:
        """Open a page."""
        self.send("WebDriver:Navigate", url=url)

    def run(self, expression: str) -> Any:
        """The value of an expression in the page."""
        return self.send("WebDriver:ExecuteScript", script=f"return {expression}", args=[])["value"]

    def wait(self, condition: str) -> Any:
        """Wait until an expression is true; returns its value."""
        deadline = time.monotonic() + _PATIENCE_S
        while not (found := self.run(condition)):
            assert time.monotonic() < deadline, f"never true: {condition}"
            time.sleep(0.05)
        return found
