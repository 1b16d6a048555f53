"""Headless Firefox as a judge of our files, with the pages of :mod:`tests.chromium`."""

from __future__ import annotations

import json
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


def visit(program: str, page: str, video: Path, profile: Path) -> dict[str, Any]:
    """Open a page in a new browser and return its report.

    Args:
        program: Firefox.
        page: HTML that shows ``clip`` and posts JSON to ``report``.
        video: the file behind ``clip``.
        profile: an empty folder for the browser's files.
    """
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _SETTINGS.items())
    (profile / "user.js").write_text("\n".join(lines))
    return report_of([program, "--headless", "--no-remote", "--profile", str(profile)], page, video)
