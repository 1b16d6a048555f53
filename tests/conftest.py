"""What every test may ask for: real data, and the tools of other people."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

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
