"""Labels of strangers in tables: no formula, no control character, and the same label when read back."""

from __future__ import annotations

import csv
import dataclasses
import json
from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.interop.csv_table import escape_label, unescape_label
from cssv.interop.rows import ObjectRow
from cssv.interop.table import read_rows, write_rows

ROW = ObjectRow(0, 0.0, 1)
FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://x")',
    "+1",
    "-1",
    "@SUM(A1)",
    " =1",
    "\t=1",
    "\r=1",
    "\n-1",
    "\uff1d1",
    "\uff201",
]
#: Texts near the borders of the rules.
awkward = st.text(
    st.sampled_from("'=+-@\\u01b25c8 \t\r\n\x1b\x7f\x85\x9b\u2028\u2029\uff1da,\""), min_size=1, max_size=12
)
anything = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(awkward | anything)
@settings(max_examples=1000)
def test_labels_come_back(label):
    text = escape_label(label)
    assert unescape_label(text) == label
    assert text.lstrip()[:1] not in tuple("=+-@\uff1d\uff0b\uff0d\uff20")
    # Nothing in it controls a terminal or ends a line.
    assert not any(category(character) in ("Cc", "Zl", "Zp") for character in text)
    assert len(text.splitlines()) == 1


@given(st.lists(awkward | anything, max_size=4))
@settings(max_examples=100)
def test_tables_of_them_come_back(tmp_path_factory, labels):
    for name in ("labels.csv", "labels.jsonl"):
        path = tmp_path_factory.getbasetemp() / name
        rows = [dataclasses.replace(ROW, label=label) for label in labels]
        write_rows(path, rows, overwrite=True)
        assert list(read_rows(path)) == rows
        # One row is one line for any program: splitlines knows eight more line ends than the format.
        assert len(path.read_text(encoding="utf-8").splitlines()) == len(labels) + (name == "labels.csv")


@pytest.mark.parametrize("label", FORMULAS)
def test_a_formula_is_a_text_for_a_spreadsheet(tmp_path, label):
    path = tmp_path / "objects.csv"
    write_rows(path, [dataclasses.replace(ROW, label=label)])
    with path.open(newline="") as file:
        (cells,) = csv.DictReader(file)
    assert (
        cells["label"].startswith("'") or not cells["label"].isprintable() or cells["label"].startswith("\\u")
    )
    assert cells["label"][0] not in "=+-@\t\r\n \uff1d\uff20"
    assert [row.label for row in read_rows(path)] == [label]


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("person", "person"),
        ("traffic light", "traffic light"),
        ("'tis", "'tis"),
        ("it's = 3", "it's = 3"),
        ("C:\\cars\\new", "C:\\cars\\new"),
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("\\u001b", "\\u005cu001b"),
        ("two\nlines", "two\\u000alines"),
        ("\u2028", "\\u2028"),
    ],
)
def test_the_text_of_a_label(label, text):
    assert escape_label(label) == text
    assert unescape_label(text) == label


def test_json_lines_have_no_character_that_ends_a_line_or_controls_a_terminal(tmp_path):
    path = tmp_path / "objects.jsonl"
    label = "a\u2028b\u2029c\x85d\x7fe\x9bf\x1bg\x0bh\u00e9"
    write_rows(path, [dataclasses.replace(ROW, label=label)])
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1
    assert text.rstrip("\n").isprintable()
    assert json.loads(text)["label"] == label
    assert "\u00e9" in text
