"""The page in Firefox, whose WebCodecs give no planes: by embedded planes it is exact there too."""

from __future__ import annotations

import zlib

import pytest

import cssv
from tests.firefox import Browser

READY = "['ready', 'failed'].includes(document.documentElement.dataset.state)"


@pytest.fixture(scope="module")
def browser(tool, tmp_path_factory):
    with Browser(tool("firefox"), tmp_path_factory.mktemp("profile")) as started:
        yield started


def open_page(browser, path, page, embed):
    browser.open(cssv.page(path, page, embed=embed).path.as_uri())
    browser.wait(READY)
    assert browser.run("document.documentElement.dataset.state") == "ready"
    return browser.run("document.getElementById('rung').textContent")


def test_embedded_planes_are_exact(browser, encode, tmp_path):
    path = encode(lossless=True)
    assert "Embedded planes" in open_page(browser, path, tmp_path / "page.html", "planes")
    browser.run("document.getElementById('check-all').click()")
    browser.wait("/all frames are as written/.test(document.getElementById('check-result').textContent)")
    with cssv.open(path) as clip:
        expected = zlib.crc32(clip[7].frame.planes.data)
    browser.run(
        "(() => {const f = document.getElementById('frame'); f.value = 7;"
        "f.dispatchEvent(new Event('change'))})()"
    )
    browser.wait("document.getElementById('stage').dataset.frame === '7'")
    assert int(browser.run("document.getElementById('stage').dataset.crc")) == expected
    assert browser.run("document.getElementById('panel-objects').textContent").startswith("2 of 2 objects")


def test_a_page_with_the_clip_names_what_it_shows(browser, encode, tmp_path):
    rung = open_page(browser, encode(lossless=True), tmp_path / "page.html", "clip")
    assert "<video>" in rung
    assert "2 of 2 objects" in browser.run("document.getElementById('panel-objects').textContent")
