"""Links, names, commands and examples of the Markdown pages are correct."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cssv_cli.main import COMMANDS, main

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = {"build", "node_modules", "shared"}
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in SKIPPED for part in path.relative_to(ROOT).parts)
)
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
README_LINES = 150
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
DOTTED = re.compile(r"(?<![\w./-])cssv(?:\.[A-Za-z_]\w*)+")
#: Names of this form that are not Python: groups of entry points.
ENTRY_POINTS = {"cssv.detectors", "cssv.carriers", "cssv.exporters"}
EXAMPLES = {
    code: page for page, text in TEXTS.items() for kind, code in FENCE.findall(text) if kind == "python"
}
#: Packages of extras that examples import. Without them these examples are skipped, and fail in CI.
EXTRAS_OF_EXAMPLES = ("supervision",)
README_EXAMPLES = {code for kind, code in FENCE.findall(TEXTS["README.md"]) if kind == "python"}


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_pages_are_found():
    assert {"README.md", "docs/architecture.md", "benchmarks/README.md", "cssv/container/SPEC.md"} <= set(
        TEXTS
    )


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_to_files_and_headings(page):
    for link in LINK.findall(TEXTS[page]):
        if re.match(r"https?:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), f"{page} links to {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page} links to {link}"


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one, or an attribute of a class."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part) and part not in getattr(found, "__annotations__", {}):
                return False
            found = getattr(found, part, None)
        return True
    return False


@pytest.mark.parametrize("page", TEXTS)
def test_dotted_names_exist(page):
    for name in sorted(set(DOTTED.findall(TEXTS[page])) - ENTRY_POINTS):
        assert resolves(name), f"{page} names {name}"


@pytest.mark.parametrize("page", [page for page in TEXTS if page != "docs/changelog.md"])
def test_files_of_the_repository_exist(page):
    """Paths such as ``cssv/errors.py`` in code spans; the changelog also names files of the past."""
    for name in re.findall(r"`((?:cssv|cli|tests|benchmarks|samples|docs)/[\w./-]+)`", TEXTS[page]):
        assert (ROOT / name).exists(), f"{page} names {name}"


def test_the_glossary_is_in_order_and_names_places_that_exist():
    rows = re.findall(r"^\| ([^|]+) \|.*\|(.*)\|$", TEXTS["docs/glossary.md"], re.MULTILINE)[1:]
    terms = [term.lower() for term, _ in rows]
    assert terms == sorted(terms)
    for term, places in rows:
        for place in re.findall(r"`([^`]+)`", places):
            assert (ROOT / "cssv" / place).exists() or (ROOT / place).exists(), f"{term}: {place}"


@pytest.mark.parametrize("page", TEXTS)
def test_commands_and_their_options_exist(page):
    """Every ``cssv`` command line in a shell block is one that the command line accepts."""
    for kind, block in FENCE.findall(TEXTS[page]):
        if kind != "sh":
            continue
        for line in block.replace("\\\n", " ").replace("&&", "\n").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["cssv"]:
                check_command(words[1:], f"{page}: {line.strip()}")


def check_command(words: list[str], where: str) -> None:
    """Assert that a command exists and accepts the options of its line."""
    command = main.get_command(click.Context(main), words[0])
    assert command is not None, where
    known = {option for each in command.params if isinstance(each, click.Option) for option in each.opts}
    used = {word for word in words[1:] if word.startswith("-")}
    assert used <= known, f"{where}: no option {', '.join(sorted(used - known))}"


@pytest.mark.parametrize("page", TEXTS)
def test_tables_have_one_number_of_columns(page):
    """GitHub drops cells beyond the header's; a ``|`` within a cell, also in code, needs a backslash."""
    for table in re.findall(r"(?:^\|.*\n?)+", FENCE.sub("", TEXTS[page]), re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1, f"{page}: {table.splitlines()[0]}"


def test_every_command_is_documented():
    text = "\n".join(text for page, text in TEXTS.items() if page.startswith("docs/"))
    for name in COMMANDS:
        assert f"cssv {name}" in text, name


def test_readme_is_short():
    assert len(TEXTS["README.md"].splitlines()) <= README_LINES


@pytest.mark.parametrize("name", [name for name in TEXTS if name.startswith("docs/")])
def test_readme_leads_to_every_page(name):
    assert f"]({name})" in TEXTS["README.md"]


@pytest.fixture
def project(tmp_path, harbour):
    """A folder in which the examples find ``samples/``, and the file of README's first command."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    shutil.copy(harbour, tmp_path / "harbour.cssv")
    return tmp_path


@pytest.mark.parametrize(
    "code", sorted(set(EXAMPLES) - README_EXAMPLES), ids=lambda code: f"{EXAMPLES[code]}-{len(code)}"
)
def test_python_example_runs(code, project, package):
    """Examples of the pages; those of README are run by ``test_readme.py``."""
    for name in EXTRAS_OF_EXAMPLES:
        if f"import {name}" in code:
            package(name)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=project,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
