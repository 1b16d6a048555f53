"""Modules of the page joined to one script, and the parts of the page around it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cssv.errors import InputError, OptionError
from cssv.view.html import EMBED_LIMIT_BYTES, PageContent, PlaneStore, check_embedded, make_page
from cssv.view.html.bundle import bundle_modules

FOLDER = Path(__file__).resolve().parents[2] / "cssv" / "view" / "html"
MODULES = {
    "entry.js": 'import { one, two as second } from "./a.js";\n'
    "const hidden = 3;\nconsole.log(one() + second + hidden);\n",
    "a.js": 'import { base } from "./b.js";\nconst hidden = 10;\n'
    "export function one() {\n  return base + hidden;\n}\nexport const two = 200;\n",
    "b.js": "export const base = 1000;\nexport class Kept {}\nexport async function later() {}\n",
    "unused.js": "export const never = 1;\n",
}


def test_names_of_modules_do_not_collide(tool):
    script = bundle_modules(MODULES, "entry.js")
    assert "never" not in script
    done = subprocess.run([tool("node"), "-e", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1213\n"


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ('import { a } from "./missing.js";\n', "does not exist"),
        ('import { nothing } from "./a.js";\n', "does not export"),
        ('import { a } from "./entry.js";\n', "cycle"),
        ('import * as a from "./a.js";\n', "unknown form"),
        ('import "./a.js";\n', "unknown form"),
        ("export default 3;\n", "unknown form"),
        ("const a = 1;\nexport { a };\n", "unknown form"),
        ("const a = '</script>';\n", "ends a script element"),
        ("const a = '<!-- ';\n", "ends a script element"),
    ],
)
def test_what_is_not_understood_is_refused(module, words):
    with pytest.raises(InputError, match=words):
        bundle_modules({**MODULES, "entry.js": module}, "entry.js")


def elements(page):
    """Attributes and text of each script and style element."""
    return re.findall(r"<(?:script|style)([^>]*)>(.*?)</(?:script|style)>", page, re.DOTALL)


CONTENT = PageContent('<b>"harbour" & co</b>.cssv', "cssv 9", clip=bytes(range(256)) * 20_000, version=3)


def test_only_our_script_and_style_may_run():
    page = "".join(make_page(CONTENT))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'")
    running = [text for attributes, text in elements(page) if not attributes]
    assert len(running) == 2
    for text in running:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "http:" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in page


def test_a_page_holds_what_it_was_given():
    planes = PlaneStore(4, (3, 5), {3: (0, 1, 1)}, b"12345678")
    page = "".join(make_page(replace(CONTENT, planes=planes)))
    found = {
        re.search(r'id="(\w+)"', attributes)[1]: text for attributes, text in elements(page) if attributes
    }
    assert base64.b64decode(found["clip"], validate=True) == CONTENT.clip
    assert base64.b64decode(found["planes"], validate=True) == planes.data
    facts = json.loads(found["facts"])
    assert facts["title"] == CONTENT.title
    assert facts["version"] == 3
    assert facts["planes"] == {"group": 4, "sizes": [3, 5], "versions": {"3": [0, 1, 1]}}
    assert {unit["name"] for unit in facts["units"]} == {"px/s", "m/s", "km/h", "mph"}
    assert "<b>" not in page


def test_equal_contents_make_equal_pages():
    assert list(make_page(CONTENT)) == list(make_page(CONTENT))


def test_a_page_without_a_clip_has_no_bytes():
    page = "".join(make_page(PageContent("viewer", "cssv 9")))
    assert 'id="clip"' not in page
    assert 'id="planes"' not in page


def test_what_browsers_do_not_open_is_refused():
    check_embedded(EMBED_LIMIT_BYTES)
    with pytest.raises(OptionError, match=r"500 MB.*up to 200 MB.*`embed=\"none\"`"):
        check_embedded(500_000_000)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_modules_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
