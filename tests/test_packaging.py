"""The wheel is complete, and the packages work from a wheel and from an editable installation."""

from __future__ import annotations

import email
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import cssv
from cssv.testing.clips import SCENE, write_boxes, write_clip

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("cssv", "cli", "pyproject.toml", "setup.py", "README.md", "LICENSE")
DATA = {".py", ".md", ".json", ".typed", ".html", ".css", ".js"}


def run(*command, cwd, **environment):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what the build reads, so that it leaves nothing in the repository."""
    if int(importlib.metadata.version("setuptools").split(".")[0]) < 77:
        pytest.skip("setuptools is older than pyproject.toml asks for")
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def build(kind, source, folder):
    """Build by setuptools as pip does, without a new environment for it."""
    code = f"import setuptools.build_meta as backend; backend.{kind}({str(folder)!r})"
    run(sys.executable, "-c", code, cwd=source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel, folder):
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-warn-conflicts")
    run(*pip, "--target", folder, wheel, cwd=folder.parent)
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    return build("build_wheel", source, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_file_of_both_packages(wheel):
    wanted = {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, package in (("cssv", "cssv"), ("cli", "cssv_cli"))
        for path in (ROOT / folder).rglob("*")
        if path.suffix in DATA and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as file:
        found = {name for name in file.namelist() if ".dist-info/" not in name}
    assert found == wanted
    assert {"cssv/py.typed", "cssv/scene/schema.json", "cssv/container/SPEC.md"} <= found


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    folder = tmp_path_factory.mktemp("material")
    write_clip(folder / "clip.mkv", count=5)
    write_boxes(folder / "boxes.txt", count=5)
    (folder / "scene.json").write_text(json.dumps(SCENE))
    return folder


#: Prints where both packages come from, then encodes a clip with a scene, for which the schema is read.
WORK = """
import cssv, cssv_cli
from cssv_cli.main import main
print(cssv.__file__, cssv_cli.__file__, flush=True)
main("encode clip.mkv -o {output} --boxes boxes.txt --meta scene.json --quiet".split())
"""


def test_a_wheel_works(wheel, material, tmp_path):
    site = install(wheel, tmp_path / "site")
    code = WORK.format(output=tmp_path / "x.cssv")
    out = run(sys.executable, "-c", code, cwd=material, PYTHONPATH=str(site))
    assert out.split()[:2] == [str(site / "cssv" / "__init__.py"), str(site / "cssv_cli" / "__init__.py")]
    assert (tmp_path / "x.cssv").stat().st_size
    version = run(site / "bin" / "cssv", "--version", cwd=tmp_path, PYTHONPATH=str(site))
    assert version.split() == ["cssv", cssv.__version__]


def test_the_distribution_has_a_name_of_its_own(wheel):
    """``cssv`` on the package index is a stranger's package: no extra of it may be asked for."""
    assert wheel.name.startswith(f"cssv_codec-{cssv.__version__}-")
    with zipfile.ZipFile(wheel) as file:
        (place,) = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(file.read(place))
    assert metadata["Name"] == "cssv-codec"
    assert metadata["Version"] == cssv.__version__
    needed = [Requirement(text).name for text in metadata.get_all("Requires-Dist")]
    assert "cssv" not in needed


#: Files in which a command to install something may stand.
TEXTS = [
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "samples/*",
        "benchmarks/**/*.py",
        "cssv/**/*.py",
        "cli/*.py",
        ".ci/*",
    )
    for path in ROOT.glob(pattern)
    if path.suffix in {".md", ".py", ""} and path.is_file()
]


def test_no_text_says_to_install_a_stranger_s_package():
    assert len(TEXTS) > 100
    for path in TEXTS:
        assert not re.search(r"""\bcssv\[|pip install ["']?cssv\b""", path.read_text(encoding="utf-8")), path


def without_cssv(folder, tmp_path):
    """The folder, or links to all that it holds except the packages under test."""
    if not (folder / "cssv").exists():
        return folder
    linked = Path(tempfile.mkdtemp(dir=tmp_path))
    for path in folder.iterdir():
        if path.name not in {"cssv", "cssv_cli", "cli"}:
            (linked / path.name).symlink_to(path)
    return linked


def test_an_editable_installation_works(source, material, tmp_path):
    folder = tmp_path / "built"
    folder.mkdir()
    site = install(build("build_editable", source, folder), tmp_path / "site")
    # -S, because the installation of the tests themselves would come first. What it depends on is needed.
    others = [str(without_cssv(Path(path), tmp_path)) for path in sys.path if path]
    start = f"import site, sys; site.addsitedir({str(site)!r}); sys.path += {others!r}\n"
    code = start + WORK.format(output=tmp_path / "x.cssv")
    out = run(sys.executable, "-I", "-S", "-c", code, cwd=material)
    assert out.split()[:2] == [str(source / "cssv" / "__init__.py"), str(source / "cli" / "__init__.py")]
    assert (tmp_path / "x.cssv").stat().st_size
