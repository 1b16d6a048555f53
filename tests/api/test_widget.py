"""Clips as widgets of a notebook."""

from __future__ import annotations

import sys

import pytest

import cssv
from cssv.api.widget import HEIGHTS_PX
from cssv.errors import MissingExtraError, OptionError


def test_a_widget_holds_the_page_of_the_version(stego, package, tmp_path):
    package("anywidget")
    page = cssv.page(stego, tmp_path / "page.html").path.read_text(encoding="utf-8")
    with cssv.open(stego) as clip:
        widget = clip.widget(height_px=500)
    try:
        assert widget.page == page
        assert widget.height_px == 500
        assert {"page", "height_px", "_esm"} <= set(widget.keys)
        assert "srcdoc" in widget._esm
    finally:
        widget.close()


@pytest.mark.parametrize("height_px", [HEIGHTS_PX[0] - 1, HEIGHTS_PX[1] + 1])
def test_heights_out_of_range(stego, height_px):
    with cssv.open(stego) as clip, pytest.raises(OptionError, match=r"height.*200 to 4000"):
        clip.widget(height_px=height_px)


def test_without_the_package(stego, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with cssv.open(stego) as clip, pytest.raises(MissingExtraError, match="jupyter"):
        clip.widget()


def test_a_copy_has_no_page(stego, tmp_path):
    copy = cssv.export(stego, tmp_path / "copy.mkv").path
    with cssv.open(copy) as clip, pytest.raises(OptionError, match=r"only a \.cssv"):
        clip.widget()
