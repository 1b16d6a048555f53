"""The generated reference of the command line is current."""

from __future__ import annotations

from pathlib import Path

from cssv_cli.main import COMMANDS
from cssv_cli.reference import reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_the_page_is_current():
    current = PAGE.read_text(encoding="utf-8") == reference()
    assert current, "run: python -m cssv_cli.reference > docs/cli.md"


def test_each_command_has_a_part_of_its_own():
    text = reference()
    for name in COMMANDS:
        assert f"### cssv {name}\n\n```text\nUsage: cssv {name} [OPTIONS]" in text


def test_the_page_does_not_depend_on_the_terminal(monkeypatch):
    before = reference()
    monkeypatch.setenv("COLUMNS", "47")
    assert reference() == before
