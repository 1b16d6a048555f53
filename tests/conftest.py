"""What every test may ask for: real data, and the tools of other people."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

import cssv
from cssv.carriers.robust import carrier as robust_carrier
from cssv.carriers.robust.trial import measure_response
from tests import chromium, firefox, trials

# A deadline, and the limit on the time to draw examples, would judge a test by the clock of a busy machine.
settings.register_profile("without clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("without clock")

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


@pytest.fixture(scope="session")
def node_package(tool):
    """``node_package("gltf-validator")``: the environment in which node finds it; skips or fails as tool."""

    def find(name: str) -> dict[str, str]:
        tool("node")
        folders = os.environ.get("NODE_PATH", "").split(os.pathsep)
        npm = shutil.which("npm")
        if npm is not None:
            done = subprocess.run([npm, "root", "-g"], check=False, capture_output=True, text=True)
            folders.append(done.stdout.strip())
        for folder in filter(None, folders):
            if (Path(folder) / name).is_dir():
                return {**os.environ, "NODE_PATH": folder}
        _missing(f"package {name!r} of node (set NODE_PATH)")
        raise AssertionError

    return find


@pytest.fixture(scope="session", autouse=True)
def kept_trials(shared_folder):
    """Within the process of a test, the trial of the default form is made once for each clip."""
    folder = shared_folder("trials", Path.touch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robust_carrier, "measure_response", trials.kept_in(folder))
        yield


@pytest.fixture
def fresh_trial(monkeypatch):
    """For a test of the trial itself: every encoding makes its own."""
    monkeypatch.setattr(robust_carrier, "measure_response", measure_response)


@pytest.fixture(scope="session")
def harbour(shared_folder) -> Path:
    """The file that README's first command makes of the sample, encoded once for all workers; read only."""
    samples = ROOT / "samples"

    def make(folder: Path) -> None:
        cssv.encode(
            samples / "harbour.mp4",
            folder / "harbour.cssv",
            boxes=samples / "boxes.txt",
            scene=samples / "scene.json",
        )

    return shared_folder("harbour by README's first command", make) / "harbour.cssv"


@pytest.fixture(scope="session")
def ask_node(tool):
    """``ask_node(program, module, question)``: the JSON that a program of ES modules prints."""

    def ask(program, module, question):
        command = [tool("node"), "--input-type=module", "-e", program, module.as_uri()]
        text = json.dumps(question)
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


@pytest.fixture
def in_chromium(tool, tmp_path_factory):
    """``in_chromium(path)``: what a page in headless Chromium reports after playing a file to its end."""

    def play(path, rate=4):
        page = chromium.PLAY.replace("RATE", str(rate))
        return chromium.visit(tool("chromium"), page, Path(path), tmp_path_factory.mktemp("profile"))

    return play


@pytest.fixture
def in_firefox(tool, tmp_path_factory):
    """``in_firefox(path)``: what a page in headless Firefox reports after playing a file to its end."""

    def play(path, rate=4):
        page = chromium.PLAY.replace("RATE", str(rate))
        return firefox.visit(tool("firefox"), page, Path(path), tmp_path_factory.mktemp("profile"))

    return play


@pytest.fixture
def colours_in_firefox(tool, tmp_path_factory):
    """``colours_in_firefox(path, spots)``: R, G, B at each (x, y) of the first frame, or None."""

    def look(path, spots):
        page = chromium.LOOK.replace("SPOTS", json.dumps(spots))
        return firefox.visit(tool("firefox"), page, Path(path), tmp_path_factory.mktemp("profile")).get(
            "colours"
        )

    return look


@pytest.fixture
def colours_in_chromium(tool, tmp_path_factory):
    """``colours_in_chromium(path, spots, way)``: R, G, B at each (x, y) of the first frame, or None."""

    def look(path, spots, way):
        page = chromium.LOOK.replace("SPOTS", json.dumps(spots))
        profile = tmp_path_factory.mktemp("profile")
        return chromium.visit(tool("chromium"), page, Path(path), profile, way).get("colours")

    return look
