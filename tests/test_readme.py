"""The README's code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SHELL = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def workplace(tmp_path):
    """A folder that looks like the project's root to the examples."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    return tmp_path


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.split("\n")[0][7:])
def test_python_example_runs(code, workplace):
    # Twice, because people repeat what they have read.
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code], cwd=workplace, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    made = list(workplace.glob("*.cssv"))
    assert len(made) == 1
    with __import__("cssv").open(made[0]) as clip:
        assert len(clip) == 100
        assert any(clip[60].objects)


def test_main_job_runs(workplace):
    """What follows the installation in the first shell block."""
    commands = [shlex.split(part) for part in SHELL[0].split("&&")]
    assert commands[0][:2] == ["pip", "install"]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    # Twice, because people repeat what they have read.
    for command in commands[1:] * 2:
        subprocess.run(command, cwd=workplace, check=True, capture_output=True, env=environment)
    assert {path.name for path in workplace.iterdir() if path.is_file()} == {
        "harbour.cssv",
        "heat.mp4",
        "objects.csv",
        "overlay.mp4",
    }


def test_versions_run(workplace, harbour):
    """The shell block about versions, on what the first one makes."""
    shutil.copy(harbour, workplace / "harbour.cssv")
    (block,) = (text for text in SHELL if "cssv commit" in text)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in 2 * [shlex.split(line) for line in block.strip().splitlines()]:
        subprocess.run(command, cwd=workplace, check=True, capture_output=True, env=environment)
    made = {path.name for path in workplace.iterdir() if path.is_file()}
    assert made == {"harbour.cssv", "worst.png", "before.csv"}


def test_test_command_is_what_ci_runs():
    install, test = (part.strip() for part in SHELL[1].split("&&"))
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert install.removeprefix("pip install ") in script
    assert test in script


def test_links_lead_to_files():
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
